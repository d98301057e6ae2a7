//! The ordered tree: an AVL tree, at most 1.44 times as deep as the best one whatever the order of keys, and the same shape
//! each time for the same history.
mod balance;

use super::{Erased, NOBODY, erase, identity, restore};
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

/// The links of a node in a [`Tree`].
pub struct TreeLinks {
    /// Identity of the tree these links are in; claimed by compare-exchange.
    owner: AtomicU64,
    place: UnsafeCell<Place>,
}
struct Place {
    key: u64,
    /// Which subtree is the deeper one, by one at most: -1 the left one, 1 the right one, 0 neither.
    lean: i8,
    parent: *const TreeLinks,
    /// Left, right.
    children: [*const TreeLinks; 2],
    node: Erased,
}
impl Place {
    const EMPTY: Place = Place { key: 0, lean: 0, parent: ptr::null(), children: [ptr::null(); 2], node: ptr::null() };
}
// SAFETY: `place` is touched only through the tree named in `owner`, under its borrow rules.
unsafe impl Sync for TreeLinks {}
// SAFETY: links move only while no tree has them.
unsafe impl Send for TreeLinks {}
impl TreeLinks {
    /// Links of a node in no tree.
    pub const fn new() -> Self {
        TreeLinks { owner: AtomicU64::new(NOBODY), place: UnsafeCell::new(Place::EMPTY) }
    }
    /// Whether the node is in some tree (a hint unless that tree's lock is held).
    pub fn is_linked(&self) -> bool {
        self.owner.load(Ordering::Relaxed) != NOBODY
    }
}
impl Default for TreeLinks {
    fn default() -> Self {
        Self::new()
    }
}

/// A node type that can be in an ordered tree.
pub trait TreeLinked<const TAG: usize = 0>: Sized {
    /// The node's links for this tag.
    fn tree_links(&self) -> &TreeLinks;
}

/// A balanced tree ordered by a `u64` key given at insertion (equal keys in order of insertion), owning its nodes.
pub struct Tree<T: TreeLinked<TAG>, const TAG: usize = 0> {
    identity: u64,
    root: *const TreeLinks,
    first: *const TreeLinks,
    nodes: PhantomData<Arc<T>>,
}
// SAFETY: a tree is a collection of `Arc<T>`.
unsafe impl<T: TreeLinked<TAG> + Send + Sync, const TAG: usize> Send for Tree<T, TAG> {}
// SAFETY: a shared tree gives `&T` and `&Arc<T>` only.
unsafe impl<T: TreeLinked<TAG> + Send + Sync, const TAG: usize> Sync for Tree<T, TAG> {}

const LEFT: usize = 0;
const RIGHT: usize = 1;

/// The place of links that are in the tree at hand.
///
/// # Safety
/// 1. `links` is in a tree whose borrow the caller has, uniquely if the place changes.
/// 2. No other reference to the place is in use.
unsafe fn place<'a>(links: *const TreeLinks) -> &'a mut Place {
    // SAFETY: links in a tree stay where they are, since the tree counts a reference to their node (1); unique by (2).
    unsafe { &mut *(*links).place.get() }
}
/// One neighbour in order; null at the end.
///
/// # Safety
/// `links` is in a tree that is borrowed.
unsafe fn step(links: *const TreeLinks, to: usize) -> *const TreeLinks {
    // SAFETY: all links followed are of the same tree, and nothing changes meanwhile.
    unsafe {
        let mut at = (*(*links).place.get()).children[to];
        if at.is_null() {
            let mut child = links;
            at = (*(*child).place.get()).parent;
            while !at.is_null() && (*(*at).place.get()).children[to] == child {
                child = at;
                at = (*(*child).place.get()).parent;
            }
            return at;
        }
        loop {
            let next = (*(*at).place.get()).children[1 - to];
            if next.is_null() {
                return at;
            }
            at = next;
        }
    }
}

impl<T: TreeLinked<TAG>, const TAG: usize> Tree<T, TAG> {
    /// An empty tree.
    pub const fn new() -> Self {
        Tree { identity: NOBODY, root: ptr::null(), first: ptr::null(), nodes: PhantomData }
    }
    /// Inserts a node; gives it back when it is in a tree already.
    pub fn insert(&mut self, key: u64, node: Arc<T>) -> Result<(), Arc<T>> {
        if self.identity == NOBODY {
            self.identity = identity();
        }
        let links: *const TreeLinks = node.tree_links();
        // SAFETY: just borrowed from the node, which lives.
        let owner = unsafe { &(*links).owner };
        if owner.compare_exchange(NOBODY, self.identity, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Err(node);
        }
        let (mut parent, mut at, mut side) = (ptr::null::<TreeLinks>(), self.root, LEFT);
        while !at.is_null() {
            parent = at;
            // SAFETY: in this tree.
            let here = unsafe { place(at) };
            side = usize::from(key >= here.key);
            at = here.children[side];
        }
        // SAFETY: claimed for this tree, which is borrowed uniquely.
        *unsafe { place(links) } = Place { key, parent, node: erase(node), ..Place::EMPTY };
        if parent == self.first && side == LEFT {
            self.first = links;
        }
        // SAFETY: `parent` is in this tree and has nothing on that side, or is null in an empty tree.
        unsafe { balance::attach(&mut self.root, parent, side, links) };
        Ok(())
    }
    /// Takes links of this tree out of it.
    ///
    /// # Safety
    /// `links` is in this tree.
    unsafe fn unlink(&mut self, links: *const TreeLinks) -> (u64, Arc<T>) {
        // SAFETY: in this tree by the caller's promise, as are its relatives; unique borrow.
        unsafe {
            if self.first == links {
                self.first = step(links, RIGHT);
            }
            balance::detach(&mut self.root, links);
            let Place { key, node, .. } = *place(links);
            // From here on nobody reads the place before `insert` has written it anew.
            (*links).owner.store(NOBODY, Ordering::Release);
            // Written by `insert` of this tree, for the same T; nothing else of the place is used again.
            (key, restore(node))
        }
    }
    /// Removes this node, if it is in this tree.
    pub fn remove(&mut self, node: &T) -> Option<Arc<T>> {
        let links = node.tree_links();
        // SAFETY: `has` says that the links are in this tree.
        self.has(links).then(|| unsafe { self.unlink(links) }.1)
    }
    /// Whether this node is in this tree.
    pub fn contains(&self, node: &T) -> bool {
        self.has(node.tree_links())
    }
    fn has(&self, links: &TreeLinks) -> bool {
        self.identity != NOBODY && links.owner.load(Ordering::Relaxed) == self.identity
    }
    /// The key under which this node is in this tree.
    pub fn key_of(&self, node: &T) -> Option<u64> {
        let links = node.tree_links();
        self.has(links).then(|| self.entry(links)).flatten().map(|(key, _)| key)
    }
    /// Key and node of links in this tree; none for null.
    fn entry(&self, links: *const TreeLinks) -> Option<(u64, &Arc<T>)> {
        if links.is_null() {
            return None;
        }
        // SAFETY: every caller has links of this tree; the erased pointer is an `Arc<T>` that stays while it is borrowed.
        unsafe {
            let place = (*links).place.get();
            Some(((*place).key, &*(&raw const (*place).node).cast::<Arc<T>>()))
        }
    }
    /// The node with the least key (constant time).
    pub fn first(&self) -> Option<(u64, &Arc<T>)> {
        self.entry(self.first)
    }
    /// The node with the greatest key.
    pub fn last(&self) -> Option<(u64, &Arc<T>)> {
        self.floor(u64::MAX)
    }
    /// Takes the node with the least key.
    pub fn pop_first(&mut self) -> Option<(u64, Arc<T>)> {
        // SAFETY: the first links are in this tree.
        (!self.first.is_null()).then(|| unsafe { self.unlink(self.first) })
    }
    /// The last links to the left of which `goes_right` holds, and the first ones where it does not.
    fn split(&self, goes_right: impl Fn(u64) -> bool) -> (*const TreeLinks, *const TreeLinks) {
        let (mut below, mut above, mut at) = (ptr::null(), ptr::null(), self.root);
        while !at.is_null() {
            // SAFETY: in this tree, which is borrowed.
            let (key, children) = unsafe { ((*(*at).place.get()).key, (*(*at).place.get()).children) };
            if goes_right(key) {
                below = at;
                at = children[RIGHT];
            } else {
                above = at;
                at = children[LEFT];
            }
        }
        (below, above)
    }
    /// The first node whose key is at least `key`.
    pub fn lower_bound(&self, key: u64) -> Option<(u64, &Arc<T>)> {
        self.entry(self.split(|other| other < key).1)
    }
    /// The last node whose key is at most `key`.
    pub fn floor(&self, key: u64) -> Option<(u64, &Arc<T>)> {
        self.entry(self.split(|other| other <= key).0)
    }
    /// The nodes whose keys are at least `key`, in order.
    pub fn iter_from(&self, key: u64) -> TreeIter<'_, T, TAG> {
        TreeIter { tree: self, next: self.split(|other| other < key).1 }
    }
    /// All nodes in order.
    pub fn iter(&self) -> TreeIter<'_, T, TAG> {
        TreeIter { tree: self, next: self.first }
    }
    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.root.is_null()
    }
    /// How deep it is; fails where it is out of balance.
    #[cfg(test)]
    pub(super) fn checked_depth(&self) -> usize {
        balance::checked_depth(ptr::null(), self.root)
    }
}
impl<T: TreeLinked<TAG>, const TAG: usize> Default for Tree<T, TAG> {
    fn default() -> Self {
        Self::new()
    }
}
impl<T: TreeLinked<TAG>, const TAG: usize> Drop for Tree<T, TAG> {
    fn drop(&mut self) {
        while self.pop_first().is_some() {}
    }
}

/// Iterates over a tree's keys and references in order.
pub struct TreeIter<'a, T: TreeLinked<TAG>, const TAG: usize> {
    tree: &'a Tree<T, TAG>,
    next: *const TreeLinks,
}
impl<'a, T: TreeLinked<TAG>, const TAG: usize> Iterator for TreeIter<'a, T, TAG> {
    type Item = (u64, &'a Arc<T>);
    fn next(&mut self) -> Option<(u64, &'a Arc<T>)> {
        let entry = self.tree.entry(self.next)?;
        // SAFETY: in the tree, which cannot change while it is borrowed.
        self.next = unsafe { step(self.next, RIGHT) };
        Some(entry)
    }
}
