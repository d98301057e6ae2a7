//! Namespaces a task is in (namespaces(7)).
//!
//! Each kind is an object of its own. Mount namespaces are in [`crate::file::mount`] and belong to the file system context of a
//! task, pid namespaces are in [`crate::process::pid`] and belong to a process's number, user namespaces belong to the credentials;
//! the others are in the task's [`NamespaceSet`].
pub mod count;
pub mod enter;
mod identity;
pub mod map;
mod time;
pub mod user;
mod uts;

pub use identity::{Identity, Kind, Namespace, Owner, first};
pub use time::TimeNamespace;
pub use user::{Ids, UserNamespace};
pub use uts::*;

use super::Task;
use super::clone::flags;
use super::control_group::CgroupNamespace;
use super::pid::PidNamespace;
use crate::error::*;
use crate::ipc::system_v::IpcNamespace;
use crate::net::NetworkNamespace;
use alloc::sync::Arc;

/// The namespaces of a task but for mounts, its own number and users. Immutable; a change replaces the set.
#[derive(Clone)]
pub struct NamespaceSet {
    /// Host name.
    pub uts: Arc<UtsNamespace>,
    /// Where children get their numbers.
    pub pid_for_children: Arc<PidNamespace>,
    /// System V IPC and POSIX message queues.
    pub ipc: Arc<IpcNamespace>,
    /// Network.
    pub network: Arc<NetworkNamespace>,
    /// Cgroup root.
    pub cgroup: Arc<CgroupNamespace>,
    /// Clock offsets.
    pub time: Arc<TimeNamespace>,
    /// Clock offsets of children.
    pub time_for_children: Arc<TimeNamespace>,
}

impl NamespaceSet {
    /// The first namespace of each kind.
    pub fn first(pid: Arc<PidNamespace>) -> Result<NamespaceSet> {
        let time = TimeNamespace::first()?;
        Ok(NamespaceSet {
            uts: UtsNamespace::first()?,
            pid_for_children: pid,
            ipc: IpcNamespace::first()?,
            network: NetworkNamespace::first()?,
            cgroup: CgroupNamespace::first()?,
            time: time.clone(),
            time_for_children: time,
        })
    }
    /// A set with new namespaces in place of those that CLONE_NEW* `bits` name. ENOSPC, ENOMEM.
    pub fn with_new(&self, task: &Task, bits: u64, owner: &Owner) -> Result<NamespaceSet> {
        let mut set = self.clone();
        if bits & flags::NEWPID != 0 {
            // One at a time: who has left his own makes no further one.
            if !Arc::ptr_eq(&self.pid_for_children, task.pid_namespace()) {
                return Err(EINVAL);
            }
            set.pid_for_children = self.pid_for_children.make_child(owner)?;
        }
        if bits & flags::NEWUTS != 0 {
            set.uts = self.uts.copy(owner)?;
        }
        if bits & flags::NEWIPC != 0 {
            set.ipc = IpcNamespace::new(owner)?;
        }
        if bits & flags::NEWTIME != 0 {
            set.time_for_children = self.time_for_children.copy(owner)?;
        }
        if bits & flags::NEWCGROUP != 0 {
            set.cgroup = CgroupNamespace::new(owner, task.control_group())?;
        }
        if bits & flags::NEWNET != 0 {
            set.network = NetworkNamespace::new(owner)?;
        }
        Ok(set)
    }
}
