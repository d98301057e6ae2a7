//! The pages of a mapping by index: a radix tree of 64-way nodes, as deep as the highest index needs.
//!
//! Changes happen under the mapping's spin lock, so nodes are allocated outside and handed in ([`Spare`]).
use crate::error::{ENOMEM, Error};
use alloc::boxed::Box;

/// Index bits per level.
const BITS: u32 = 6;
/// Slots per node.
const FANOUT: usize = 1 << BITS;
/// Deepest tree: 52 bits of page index.
const MAX_HEIGHT: u32 = 9;

/// A page in the tree.
pub struct Slot<T> {
    /// The page.
    pub page: T,
    /// Being read in: not to be used yet.
    pub busy: bool,
    /// Newer than what is stored.
    pub dirty: bool,
    /// Used since reclaim last looked.
    pub referenced: bool,
}

/// The last level: pages, and their states as bit sets.
pub struct Leaf<T> {
    pages: [Option<T>; FANOUT],
    busy: u64,
    dirty: u64,
    referenced: u64,
}
/// An inner level.
pub struct Branch<T> {
    children: [Option<Node<T>>; FANOUT],
}
enum Node<T> {
    Leaf(Box<Leaf<T>>),
    Branch(Box<Branch<T>>),
}

/// Nodes allocated ahead of an insertion.
pub struct Spare<T> {
    leaf: Option<Box<Leaf<T>>>,
    branch: Option<Box<Branch<T>>>,
}
impl<T> Default for Spare<T> {
    fn default() -> Self {
        Spare { leaf: None, branch: None }
    }
}
impl<T> Spare<T> {
    /// Allocates what an insertion asked for; ENOMEM. No spin lock may be held.
    pub fn provide(&mut self, need: Need) -> Result<(), Error> {
        match need {
            Need::Leaf => {
                let leaf = Leaf { pages: [const { None }; FANOUT], busy: 0, dirty: 0, referenced: 0 };
                self.leaf = Some(machine::memory::try_box(leaf)?);
            }
            Need::Branch => {
                self.branch = Some(machine::memory::try_box(Branch { children: [const { None }; FANOUT] })?);
            }
            Need::TooFar => return Err(ENOMEM.because("page index out of range")),
        }
        Ok(())
    }
}

/// What an insertion lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// A leaf.
    Leaf,
    /// An inner node.
    Branch,
    /// Nothing would help: the index is beyond any file.
    TooFar,
}

/// What an insertion found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inserted {
    /// The page is in.
    Yes,
    /// Another page is there already; the new one is dropped by the caller.
    Occupied,
}

/// Pages by index.
pub struct PageTree<T> {
    root: Option<Node<T>>,
    /// Levels below and including the root; 0 when empty.
    height: u32,
    count: usize,
}

fn slot_at(index: u64, level: u32) -> usize {
    (index >> (level * BITS)) as usize & (FANOUT - 1)
}

impl<T> PageTree<T> {
    /// No pages.
    pub const fn new() -> Self {
        PageTree { root: None, height: 0, count: 0 }
    }
    /// Pages held.
    pub fn len(&self) -> usize {
        self.count
    }
    fn covers(&self, index: u64) -> bool {
        self.height > 0 && index >> (self.height * BITS) == 0
    }
    fn leaf(&self, index: u64) -> Option<(&Leaf<T>, usize)> {
        if !self.covers(index) {
            return None;
        }
        let mut node = self.root.as_ref()?;
        let mut level = self.height - 1;
        loop {
            match node {
                Node::Leaf(leaf) => return Some((leaf, slot_at(index, 0))),
                Node::Branch(branch) => node = branch.children.get(slot_at(index, level))?.as_ref()?,
            }
            level = level.saturating_sub(1);
        }
    }
    fn leaf_mut(&mut self, index: u64) -> Option<(&mut Leaf<T>, usize)> {
        if !self.covers(index) {
            return None;
        }
        let mut node = self.root.as_mut()?;
        let mut level = self.height - 1;
        loop {
            match node {
                Node::Leaf(leaf) => return Some((leaf, slot_at(index, 0))),
                Node::Branch(branch) => node = branch.children.get_mut(slot_at(index, level))?.as_mut()?,
            }
            level = level.saturating_sub(1);
        }
    }
    /// The page at `index` and whether it is being read in. Marks it used.
    pub fn get(&mut self, index: u64) -> Option<(&T, bool)> {
        let (leaf, slot) = self.leaf_mut(index)?;
        leaf.referenced |= 1 << slot;
        let busy = leaf.busy & 1 << slot != 0;
        leaf.pages.get(slot)?.as_ref().map(|page| (page, busy))
    }
    /// Puts a page in, if the slot is free. On `Err` the page comes back with what is needed for another try.
    pub fn insert(
        &mut self,
        index: u64,
        page: T,
        busy: bool,
        dirty: bool,
        spare: &mut Spare<T>,
    ) -> Result<(Inserted, Option<T>), (Need, T)> {
        while !self.covers(index) {
            if self.height >= MAX_HEIGHT {
                return Err((Need::TooFar, page));
            }
            if self.root.is_none() {
                // An empty tree takes the height it needs at once.
                self.height = 1;
                while self.height < MAX_HEIGHT && index >> (self.height * BITS) != 0 {
                    self.height += 1;
                }
                continue;
            }
            let Some(mut branch) = spare.branch.take() else { return Err((Need::Branch, page)) };
            if let Some(first) = branch.children.first_mut() {
                *first = self.root.take();
            }
            self.root = Some(Node::Branch(branch));
            self.height += 1;
        }
        let mut place = &mut self.root;
        let mut level = self.height - 1;
        loop {
            if place.is_none() {
                *place = if level == 0 {
                    let Some(leaf) = spare.leaf.take() else { return Err((Need::Leaf, page)) };
                    Some(Node::Leaf(leaf))
                } else {
                    let Some(branch) = spare.branch.take() else { return Err((Need::Branch, page)) };
                    Some(Node::Branch(branch))
                };
            }
            match place {
                Some(Node::Branch(branch)) => {
                    let Some(next) = branch.children.get_mut(slot_at(index, level)) else {
                        return Err((Need::TooFar, page));
                    };
                    place = next;
                    level -= 1;
                }
                Some(Node::Leaf(leaf)) => {
                    let slot = slot_at(index, 0);
                    let bit = 1u64 << slot;
                    let Some(entry) = leaf.pages.get_mut(slot) else { return Err((Need::TooFar, page)) };
                    if entry.is_some() {
                        return Ok((Inserted::Occupied, Some(page)));
                    }
                    *entry = Some(page);
                    leaf.busy = leaf.busy & !bit | if busy { bit } else { 0 };
                    leaf.dirty = leaf.dirty & !bit | if dirty { bit } else { 0 };
                    leaf.referenced |= bit;
                    self.count += 1;
                    return Ok((Inserted::Yes, None));
                }
                None => return Err((Need::Leaf, page)),
            }
        }
    }
    /// The page is read in: it may be used.
    pub fn set_ready(&mut self, index: u64) {
        if let Some((leaf, slot)) = self.leaf_mut(index) {
            leaf.busy &= !(1 << slot);
        }
    }
    /// Marks a page dirty or clean; whether that changed anything.
    pub fn set_dirty(&mut self, index: u64, dirty: bool) -> bool {
        let Some((leaf, slot)) = self.leaf_mut(index) else { return false };
        let bit = 1u64 << slot;
        let before = leaf.dirty;
        if leaf.pages.get(slot).is_some_and(Option::is_some) {
            leaf.dirty = leaf.dirty & !bit | if dirty { bit } else { 0 };
        }
        leaf.dirty != before
    }
    /// Takes a page out.
    pub fn remove(&mut self, index: u64) -> Option<T> {
        let (leaf, slot) = self.leaf_mut(index)?;
        let page = leaf.pages.get_mut(slot)?.take()?;
        let bit = 1u64 << slot;
        leaf.busy &= !bit;
        leaf.dirty &= !bit;
        leaf.referenced &= !bit;
        self.count -= 1;
        Some(page)
    }
    /// The least index at or after `from` whose page is there and for which `wanted` holds.
    fn next(&self, from: u64, wanted: &impl Fn(&Leaf<T>) -> u64) -> Option<u64> {
        fn walk<T>(node: &Node<T>, level: u32, base: u64, from: u64, wanted: &impl Fn(&Leaf<T>) -> u64) -> Option<u64> {
            match node {
                Node::Leaf(leaf) => {
                    let skip = from.saturating_sub(base);
                    let bits = if skip >= FANOUT as u64 { 0 } else { wanted(leaf) >> skip << skip };
                    (bits != 0).then(|| base + u64::from(bits.trailing_zeros()))
                }
                Node::Branch(branch) => {
                    let span = 1u64 << (level * BITS);
                    let first = (from.saturating_sub(base) / span) as usize;
                    branch.children.iter().enumerate().skip(first).find_map(|(slot, child)| {
                        walk(child.as_ref()?, level - 1, base + slot as u64 * span, from, wanted)
                    })
                }
            }
        }
        if self.height == 0 || from >> (self.height * BITS) != 0 {
            return None;
        }
        walk(self.root.as_ref()?, self.height - 1, 0, from, wanted)
    }
    /// The first page at or after `from`.
    pub fn next_present(&self, from: u64) -> Option<u64> {
        self.next(from, &|leaf| {
            leaf.pages.iter().enumerate().fold(0, |bits, (slot, page)| bits | u64::from(page.is_some()) << slot)
        })
    }
    /// The first dirty page at or after `from`.
    pub fn next_dirty(&self, from: u64) -> Option<u64> {
        self.next(from, &|leaf| leaf.dirty & !leaf.busy)
    }
    /// The page at `index` with its states, not counted as a use.
    pub fn peek(&self, index: u64) -> Option<Slot<&T>> {
        let (leaf, slot) = self.leaf(index)?;
        let has = |set: u64| set & 1 << slot != 0;
        let page = leaf.pages.get(slot)?.as_ref()?;
        Some(Slot { page, busy: has(leaf.busy), dirty: has(leaf.dirty), referenced: has(leaf.referenced) })
    }
    /// The nodes of a tree without pages, to be dropped outside of the lock.
    pub fn take_nodes_if_empty(&mut self) -> Option<PageTree<T>> {
        (self.count == 0 && self.root.is_some()).then(|| core::mem::replace(self, PageTree::new()))
    }
    /// Forgets that a page was used.
    pub fn age(&mut self, index: u64) {
        if let Some((leaf, slot)) = self.leaf_mut(index) {
            leaf.referenced &= !(1 << slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(tree: &mut PageTree<u64>, index: u64) -> Inserted {
        let mut spare = Spare::default();
        let mut page = index;
        loop {
            match tree.insert(index, page, false, false, &mut spare) {
                Ok((inserted, _)) => return inserted,
                Err((need, back)) => {
                    page = back;
                    match need {
                        Need::Leaf => {
                            let leaf = Leaf { pages: [const { None }; FANOUT], busy: 0, dirty: 0, referenced: 0 };
                            spare.leaf = Some(Box::new(leaf));
                        }
                        Need::Branch => {
                            spare.branch = Some(Box::new(Branch { children: [const { None }; FANOUT] }));
                        }
                        Need::TooFar => panic!("too far"),
                    }
                }
            }
        }
    }

    #[test]
    fn pages_are_found_where_they_were_put() {
        let mut tree = PageTree::new();
        let indices = [0, 1, 63, 64, 4095, 4096, 1 << 30, (1 << 51) + 7];
        for index in indices {
            assert_eq!(put(&mut tree, index), Inserted::Yes);
            assert_eq!(put(&mut tree, index), Inserted::Occupied);
        }
        assert_eq!(tree.len(), indices.len());
        for index in indices {
            assert_eq!(tree.get(index), Some((&index, false)));
        }
        assert_eq!(tree.get(2), None);
        let mut at = 0;
        for index in indices {
            assert_eq!(tree.next_present(at), Some(index));
            at = index + 1;
        }
        assert_eq!(tree.next_present(at), None);
        assert_eq!(tree.remove(64), Some(64));
        assert_eq!(tree.next_present(64), Some(4095));
        assert_eq!(tree.len(), indices.len() - 1);
    }

    #[test]
    fn a_high_first_index_needs_no_low_nodes() {
        let mut tree = PageTree::new();
        put(&mut tree, 1 << 40);
        put(&mut tree, 5);
        assert_eq!(tree.next_present(0), Some(5));
        assert_eq!(tree.next_present(6), Some(1 << 40));
    }

    #[test]
    fn dirty_pages_are_found_in_order() {
        let mut tree = PageTree::new();
        for index in 0..200 {
            put(&mut tree, index);
        }
        assert!(tree.set_dirty(3, true));
        assert!(!tree.set_dirty(3, true));
        assert!(tree.set_dirty(150, true));
        assert!(!tree.set_dirty(777, true));
        assert_eq!(tree.next_dirty(0), Some(3));
        assert_eq!(tree.next_dirty(4), Some(150));
        assert!(tree.set_dirty(150, false));
        assert_eq!(tree.next_dirty(4), None);
    }

    #[test]
    fn an_index_beyond_any_file_is_refused() {
        let mut tree = PageTree::new();
        let mut spare = Spare::default();
        assert!(matches!(tree.insert(1 << 60, 1u64, false, false, &mut spare), Err((Need::TooFar, 1))));
    }
}
