//! Control groups (cgroups(7), Linux's cgroup-v2 document): a tree of groups that every task is in one of, without controllers.
//!
//! The tree changes under one sleeping lock, [`HIERARCHY`]; forks and exits do not take it. A task of the root has nothing to do
//! with all this: a flag of its own says so, and it is in no count. Others count in their group by one atomic number; which tasks
//! those are is found by looking at all tasks, when somebody asks. The file system is [`crate::file::cgroupfs`].
mod attach;
mod domain;
mod event;
mod freezer;
mod group;
mod kill;
mod member;
mod namespace;

pub use attach::{Reach, attach, check_clone};
pub use event::settle;
pub use freezer::{enter_frozen, leave_frozen, set_freeze, stay_frozen};
pub use group::{ControlGroup, INODES, UNLIMITED};
pub use kill::kill;
pub use member::{Joined, Membership, for_each_task, join, leave};
pub use namespace::CgroupNamespace;

use crate::sync::{Mutex, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

/// Serializes changes of the tree, moves of processes, and what is done to all of a part of the tree.
pub static HIERARCHY: Mutex<()> = Mutex::new(rank::CONTROL_GROUPS, ());

/// The root of the tree.
pub fn root() -> Arc<ControlGroup> {
    crate::start::shared().namespaces.cgroup.root()
}

/// Mount options, which hold for the whole hierarchy.
pub mod option {
    /// Cgroup namespaces are boundaries of delegation.
    pub const NAMESPACES_DELEGATE: u32 = 1;
    /// Groups change often (there is nothing that would become cheaper).
    pub const FAVOR_CHANGES: u32 = 2;
    /// For the memory controller.
    pub const LOCAL_MEMORY_EVENTS: u32 = 4;
    /// For the memory controller.
    pub const RECURSIVE_MEMORY_PROTECTION: u32 = 8;
}
static OPTIONS: AtomicU32 = AtomicU32::new(0);

/// Bits of [`option`].
pub fn options() -> u32 {
    OPTIONS.load(Ordering::Relaxed)
}
/// Sets the options; only who is in the first cgroup namespace may.
pub fn set_options(options: u32) {
    OPTIONS.store(options, Ordering::Relaxed);
}
