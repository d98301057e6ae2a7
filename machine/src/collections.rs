//! Intrusive collections with owned nodes: nothing is allocated on insertion, so they may change under spin locks.
use alloc::sync::Arc;
use core::marker::PhantomData;

/// The links of a node in a [`List`]; embedded in the node, one per list it can be on.
#[derive(Default)]
pub struct Links {}
impl Links {
    /// Links of a node on no list.
    pub const fn new() -> Self {
        Links {}
    }
}

/// A node type that can be on a list; `TAG` tells apart the several links of one type.
pub trait Linked<const TAG: usize = 0>: Sized {
    /// The node's links for this tag. Must always answer with the same links of the same node.
    fn links(&self) -> &Links;
}

/// A doubly linked list that owns a reference to each node.
pub struct List<T: Linked<TAG>, const TAG: usize = 0>(PhantomData<Arc<T>>);
impl<T: Linked<TAG>, const TAG: usize> List<T, TAG> {
    /// An empty list.
    pub const fn new() -> Self {
        List(PhantomData)
    }
    /// Appends a node; gives it back when it is on a list already.
    pub fn push_back(&mut self, _node: Arc<T>) -> Result<(), Arc<T>> {
        todo!()
    }
    /// Prepends a node; gives it back when it is on a list already.
    pub fn push_front(&mut self, _node: Arc<T>) -> Result<(), Arc<T>> {
        todo!()
    }
    /// Takes the first node.
    pub fn pop_front(&mut self) -> Option<Arc<T>> {
        todo!()
    }
    /// Takes the last node.
    pub fn pop_back(&mut self) -> Option<Arc<T>> {
        todo!()
    }
    /// Removes this node, if it is on this list.
    pub fn remove(&mut self, _node: &T) -> Option<Arc<T>> {
        todo!()
    }
    /// The first node.
    pub fn front(&self) -> Option<&Arc<T>> {
        todo!()
    }
    /// Iterates from the front.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        core::iter::empty()
    }
    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        todo!()
    }
}
impl<T: Linked<TAG>, const TAG: usize> Default for List<T, TAG> {
    fn default() -> Self {
        Self::new()
    }
}

/// The links of a node in a [`Tree`].
#[derive(Default)]
pub struct TreeLinks {}
impl TreeLinks {
    /// Links of a node in no tree.
    pub const fn new() -> Self {
        TreeLinks {}
    }
}

/// A node type that can be in an ordered tree.
pub trait TreeLinked<const TAG: usize = 0>: Sized {
    /// The node's links for this tag.
    fn tree_links(&self) -> &TreeLinks;
}

/// A balanced tree ordered by a `u64` key given at insertion (equal keys in order of insertion), owning its nodes.
pub struct Tree<T: TreeLinked<TAG>, const TAG: usize = 0>(PhantomData<Arc<T>>);
impl<T: TreeLinked<TAG>, const TAG: usize> Tree<T, TAG> {
    /// An empty tree.
    pub const fn new() -> Self {
        Tree(PhantomData)
    }
    /// Inserts a node; gives it back when it is in a tree already.
    pub fn insert(&mut self, _key: u64, _node: Arc<T>) -> Result<(), Arc<T>> {
        todo!()
    }
    /// Removes this node, if it is in this tree.
    pub fn remove(&mut self, _node: &T) -> Option<Arc<T>> {
        todo!()
    }
    /// The node with the least key (constant time).
    pub fn first(&self) -> Option<(u64, &Arc<T>)> {
        todo!()
    }
    /// Takes the node with the least key.
    pub fn pop_first(&mut self) -> Option<(u64, Arc<T>)> {
        todo!()
    }
    /// The first node whose key is at least `key`.
    pub fn lower_bound(&self, _key: u64) -> Option<(u64, &Arc<T>)> {
        todo!()
    }
    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        todo!()
    }
}
impl<T: TreeLinked<TAG>, const TAG: usize> Default for Tree<T, TAG> {
    fn default() -> Self {
        Self::new()
    }
}
