//! The doubly linked list.
use super::{Erased, NOBODY, erase, identity, restore};
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

/// The links of a node in a [`List`]; embedded in the node, one per list it can be on.
pub struct Links {
    /// Identity of the list these links are on; claimed by compare-exchange, so that two lists cannot both have them.
    owner: AtomicU64,
    place: UnsafeCell<Place>,
}
struct Place {
    next: *const Links,
    previous: *const Links,
    node: Erased,
}
// SAFETY: `place` is touched only through the list named in `owner`, under its borrow rules.
unsafe impl Sync for Links {}
// SAFETY: links move only while no list has them (the list keeps its nodes in place).
unsafe impl Send for Links {}
impl Links {
    /// Links of a node on no list.
    pub const fn new() -> Self {
        let place = Place { next: ptr::null(), previous: ptr::null(), node: ptr::null() };
        Links { owner: AtomicU64::new(NOBODY), place: UnsafeCell::new(place) }
    }
    /// Whether the node is on some list (a hint unless that list's lock is held).
    pub fn is_linked(&self) -> bool {
        self.owner.load(Ordering::Relaxed) != NOBODY
    }
}
impl Default for Links {
    fn default() -> Self {
        Self::new()
    }
}

/// A node type that can be on a list; `TAG` tells apart the several links of one type.
pub trait Linked<const TAG: usize = 0>: Sized {
    /// The node's links for this tag. Must always answer with the same links of the same node.
    fn links(&self) -> &Links;
}

/// A doubly linked list that owns a reference to each node.
pub struct List<T: Linked<TAG>, const TAG: usize = 0> {
    identity: u64,
    first: *const Links,
    last: *const Links,
    length: usize,
    nodes: PhantomData<Arc<T>>,
}
// SAFETY: a list is a collection of `Arc<T>`.
unsafe impl<T: Linked<TAG> + Send + Sync, const TAG: usize> Send for List<T, TAG> {}
// SAFETY: a shared list gives `&T` and `&Arc<T>` only.
unsafe impl<T: Linked<TAG> + Send + Sync, const TAG: usize> Sync for List<T, TAG> {}

/// The place of links that are on the list at hand.
///
/// # Safety
/// 1. `links` is on a list whose borrow the caller has, uniquely if the place changes.
/// 2. No other reference to the place is in use.
unsafe fn place<'a>(links: *const Links) -> &'a mut Place {
    // SAFETY: links on a list stay where they are, since the list counts a reference to their node (1); unique by (2).
    unsafe { &mut *(*links).place.get() }
}

impl<T: Linked<TAG>, const TAG: usize> List<T, TAG> {
    /// An empty list.
    pub const fn new() -> Self {
        List { identity: NOBODY, first: ptr::null(), last: ptr::null(), length: 0, nodes: PhantomData }
    }
    /// Claims the node's links for this list; null when another list has them.
    fn claim(&mut self, node: &T) -> *const Links {
        if self.identity == NOBODY {
            self.identity = identity();
        }
        let links = node.links();
        match links.owner.compare_exchange(NOBODY, self.identity, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => links,
            Err(_) => ptr::null(),
        }
    }
    /// Puts claimed links between two neighbours (null at the ends).
    fn link(&mut self, links: *const Links, previous: *const Links, next: *const Links, node: Arc<T>) {
        // SAFETY: the links were claimed for this list, which is borrowed uniquely.
        *unsafe { place(links) } = Place { next, previous, node: erase(node) };
        match previous.is_null() {
            true => self.first = links,
            // SAFETY: a neighbour is on this list.
            false => unsafe { place(previous).next = links },
        }
        match next.is_null() {
            true => self.last = links,
            // SAFETY: a neighbour is on this list.
            false => unsafe { place(next).previous = links },
        }
        self.length += 1;
    }
    /// Takes links of this list off it.
    ///
    /// # Safety
    /// `links` is on this list.
    unsafe fn unlink(&mut self, links: *const Links) -> Arc<T> {
        // SAFETY: on this list by the caller's promise; unique borrow.
        let Place { next, previous, node } = core::mem::replace(
            unsafe { place(links) },
            Place { next: ptr::null(), previous: ptr::null(), node: ptr::null() },
        );
        match previous.is_null() {
            true => self.first = next,
            // SAFETY: a neighbour is on this list.
            false => unsafe { place(previous).next = next },
        }
        match next.is_null() {
            true => self.last = previous,
            // SAFETY: a neighbour is on this list.
            false => unsafe { place(next).previous = previous },
        }
        self.length -= 1;
        // SAFETY: still alive: `node` is a reference to what holds the links. Released last: another list may claim now.
        unsafe { (*links).owner.store(NOBODY, Ordering::Release) };
        // SAFETY: written by `link` of this list, for the same T; the place forgot it.
        unsafe { restore(node) }
    }
    /// Appends a node; gives it back when it is on a list already.
    pub fn push_back(&mut self, node: Arc<T>) -> Result<(), Arc<T>> {
        let links = self.claim(&node);
        if links.is_null() {
            return Err(node);
        }
        self.link(links, self.last, ptr::null(), node);
        Ok(())
    }
    /// Prepends a node; gives it back when it is on a list already.
    pub fn push_front(&mut self, node: Arc<T>) -> Result<(), Arc<T>> {
        let links = self.claim(&node);
        if links.is_null() {
            return Err(node);
        }
        self.link(links, ptr::null(), self.first, node);
        Ok(())
    }
    /// Inserts a node before the first one for which `is_after` holds (at the end if there is none): for short sorted
    /// lists. Gives it back when it is on a list already.
    pub fn insert_before(&mut self, node: Arc<T>, mut is_after: impl FnMut(&T) -> bool) -> Result<(), Arc<T>> {
        let mut next = self.first;
        // SAFETY: `next` is on this list or null.
        while !next.is_null() && !is_after(unsafe { self.node(next) }) {
            // SAFETY: as above.
            next = unsafe { (*(*next).place.get()).next };
        }
        let links = self.claim(&node);
        if links.is_null() {
            return Err(node);
        }
        // SAFETY: as above.
        let previous = if next.is_null() { self.last } else { unsafe { place(next).previous } };
        self.link(links, previous, next, node);
        Ok(())
    }
    /// Takes the first node.
    pub fn pop_front(&mut self) -> Option<Arc<T>> {
        // SAFETY: the first links are on this list.
        (!self.first.is_null()).then(|| unsafe { self.unlink(self.first) })
    }
    /// Takes the last node.
    pub fn pop_back(&mut self) -> Option<Arc<T>> {
        // SAFETY: the last links are on this list.
        (!self.last.is_null()).then(|| unsafe { self.unlink(self.last) })
    }
    /// Removes this node, if it is on this list.
    pub fn remove(&mut self, node: &T) -> Option<Arc<T>> {
        let links = node.links();
        // SAFETY: `has` says that the links are on this list.
        self.has(links).then(|| unsafe { self.unlink(links) })
    }
    /// Whether this node is on this list.
    pub fn contains(&self, node: &T) -> bool {
        self.has(node.links())
    }
    fn has(&self, links: &Links) -> bool {
        self.identity != NOBODY && links.owner.load(Ordering::Relaxed) == self.identity
    }
    /// Moves a node of this list to its end; false if it is not on this list.
    pub fn move_to_back(&mut self, node: &T) -> bool {
        self.remove(node).is_some_and(|node| self.push_back(node).is_ok())
    }
    /// The reference kept in links.
    ///
    /// # Safety
    /// `links` is on this list.
    unsafe fn node(&self, links: *const Links) -> &Arc<T> {
        // SAFETY: the erased pointer was made from an `Arc<T>` by this list and stays there while the list is borrowed.
        unsafe { &*(&raw const (*(*links).place.get()).node).cast::<Arc<T>>() }
    }
    /// The first node.
    pub fn front(&self) -> Option<&Arc<T>> {
        // SAFETY: the first links are on this list.
        (!self.first.is_null()).then(|| unsafe { self.node(self.first) })
    }
    /// The last node.
    pub fn back(&self) -> Option<&Arc<T>> {
        // SAFETY: the last links are on this list.
        (!self.last.is_null()).then(|| unsafe { self.node(self.last) })
    }
    /// Iterates from the front.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.iter_arcs().map(|node| &**node)
    }
    /// Iterates from the front over the list's references.
    pub fn iter_arcs(&self) -> Iter<'_, T, TAG> {
        Iter { list: self, next: self.first }
    }
    /// Moves every node for which `choose` holds to the end of `onto`, keeping their order.
    pub fn drain_into(&mut self, onto: &mut List<T, TAG>, mut choose: impl FnMut(&T) -> bool) {
        let mut links = self.first;
        while !links.is_null() {
            // SAFETY: on this list.
            let next = unsafe { (*(*links).place.get()).next };
            // SAFETY: on this list; read before it is taken off.
            if choose(unsafe { self.node(links) }) {
                // SAFETY: on this list.
                let node = unsafe { self.unlink(links) };
                // Another list may have claimed the links in between; then its owner has the node and ours goes.
                drop(onto.push_back(node));
            }
            links = next;
        }
    }
    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.length
    }
    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.first.is_null()
    }
}
impl<T: Linked<TAG>, const TAG: usize> Default for List<T, TAG> {
    fn default() -> Self {
        Self::new()
    }
}
impl<T: Linked<TAG>, const TAG: usize> Drop for List<T, TAG> {
    fn drop(&mut self) {
        while self.pop_front().is_some() {}
    }
}

/// Iterates over a list's references.
pub struct Iter<'a, T: Linked<TAG>, const TAG: usize> {
    list: &'a List<T, TAG>,
    next: *const Links,
}
impl<'a, T: Linked<TAG>, const TAG: usize> Iterator for Iter<'a, T, TAG> {
    type Item = &'a Arc<T>;
    fn next(&mut self) -> Option<&'a Arc<T>> {
        if self.next.is_null() {
            return None;
        }
        // SAFETY: on the list, which cannot change while it is borrowed.
        let node = unsafe { self.list.node(self.next) };
        // SAFETY: as above.
        self.next = unsafe { (*(*self.next).place.get()).next };
        Some(node)
    }
}
