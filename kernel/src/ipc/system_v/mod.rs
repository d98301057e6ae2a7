//! System V IPC (sysvipc(7)): shared memory segments, semaphore sets and message queues.
//!
//! Locking: each kind has a table in the namespace, under a readers-writer lock that is held while an object is looked for, put in or
//! taken out. What an object holds is under a lock of its own, so that calls on different objects do not meet. An object leaves its
//! table first and is marked as removed after that: who had found it sees the mark (EIDRM).
mod get;
pub(crate) mod layout;
pub mod limits;
pub mod message;
mod namespace;
mod permissions;
pub mod report;
pub mod semaphore;
pub mod shared_memory;
mod table;

pub use layout::Form;
pub use namespace::IpcNamespace;

use crate::process::{Capability, Task};
use alloc::sync::Arc;

/// The key of objects that nobody finds by a key (IPC_PRIVATE).
pub const PRIVATE: i32 = 0;
/// Flags that the three kinds have in common; their lowest nine bits are permissions.
pub mod flag {
    /// IPC_CREAT.
    pub const CREATE: u32 = 0o1000;
    /// IPC_EXCL.
    pub const EXCLUSIVE: u32 = 0o2000;
    /// IPC_NOWAIT.
    pub const NO_WAIT: u32 = 0o4000;
    /// The permissions.
    pub const MODE: u32 = 0o777;
}
/// Commands that the three kinds have in common.
pub mod command {
    /// IPC_RMID.
    pub const REMOVE: i32 = 0;
    /// IPC_SET.
    pub const SET: i32 = 1;
    /// IPC_STAT.
    pub const STATUS: i32 = 2;
    /// IPC_INFO.
    pub const INFORMATION: i32 = 3;
}
/// Whom a permission is asked for: the bits of reading and writing for owner, group and others.
pub mod access {
    /// S_IRUGO.
    pub const READ: u32 = 0o444;
    /// S_IWUGO.
    pub const WRITE: u32 = 0o222;
    /// S_IXUGO.
    pub const EXECUTE: u32 = 0o111;
}

/// The caller's namespace.
fn namespace(task: &Task) -> Arc<IpcNamespace> {
    task.namespaces().ipc.clone()
}
/// Whether the caller has a capability over its namespace.
fn is_capable(task: &Task, capability: Capability) -> bool {
    task.capable_in(&namespace(task).identity.owner, capability)
}
/// Seconds of the wall clock.
fn now() -> i64 {
    (crate::time::clock::realtime() / crate::time::value::NANOSECONDS) as i64
}
/// A process's number, as a task sees it; 0 for none.
fn number(process: &Option<Arc<crate::process::pid::PidEntry>>, task: &Task) -> u32 {
    process.as_ref().map_or(0, |process| process.number_in(task.pid_namespace()))
}
