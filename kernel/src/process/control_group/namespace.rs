//! Cgroup namespaces (cgroup_namespaces(7)): what a task sees as the root of the tree.
use super::ControlGroup;
use crate::error::*;
use crate::process::namespace::{Identity, Kind, Owner, first};
use crate::sync::{IrqLock, rank};
use alloc::sync::Arc;
use machine::memory::try_arc;

/// A cgroup namespace.
pub struct CgroupNamespace {
    /// Its file's number and its owner.
    pub identity: Identity,
    root: IrqLock<Arc<ControlGroup>>,
}

impl CgroupNamespace {
    /// The first one, with the root of all.
    pub fn first() -> Result<Arc<CgroupNamespace>> {
        let root = IrqLock::new(rank::LEAF, ControlGroup::root()?);
        Ok(try_arc(CgroupNamespace { identity: Identity::first(first::CGROUP)?, root })?)
    }
    /// One whose root is this group. ENOSPC.
    pub fn new(owner: &Owner, root: Arc<ControlGroup>) -> Result<Arc<CgroupNamespace>> {
        let identity = Identity::new(owner, Kind::Cgroup)?;
        Ok(try_arc(CgroupNamespace { identity, root: IrqLock::new(rank::LEAF, root) })?)
    }
    /// What is the root for those in it.
    pub fn root(&self) -> Arc<ControlGroup> {
        self.root.lock().clone()
    }
    /// Says what it is, of a namespace that nobody is in yet: the group that its first process begins in.
    pub(super) fn set_root(&self, root: Arc<ControlGroup>) {
        let old = core::mem::replace(&mut *self.root.lock(), root);
        drop(old);
    }
    /// Whether it is the first one.
    pub fn is_first(&self) -> bool {
        self.identity.inode == first::CGROUP
    }
}
