//! IPC namespaces (ipc_namespaces(7)).
use super::limits::Limits;
use super::message::Queue;
use super::semaphore::SemaphoreSet;
use super::shared_memory::Segment;
use super::table::Table;
use crate::error::Result;
use crate::process::namespace::{Identity, Kind, Owner, first};
use alloc::sync::Arc;

/// An IPC namespace: its objects of the three kinds, and how many there may be.
pub struct IpcNamespace {
    /// Its file's number and its owner.
    pub identity: Identity,
    /// Shared memory segments; they weigh as much as they have pages.
    pub segments: Table<Segment>,
    /// Semaphore sets; they weigh as much as they have semaphores.
    pub semaphores: Table<SemaphoreSet>,
    /// Message queues.
    pub queues: Table<Queue>,
    /// What may be made.
    pub limits: Limits,
}

impl IpcNamespace {
    /// The first one.
    pub fn first() -> Result<Arc<IpcNamespace>> {
        Self::with_identity(Identity::first(first::IPC)?)
    }
    /// A new one, empty (CLONE_NEWIPC). ENOSPC.
    pub fn new(owner: &Owner) -> Result<Arc<IpcNamespace>> {
        Self::with_identity(Identity::new(owner, Kind::Ipc)?)
    }
    fn with_identity(identity: Identity) -> Result<Arc<IpcNamespace>> {
        Ok(machine::memory::try_arc(IpcNamespace {
            identity,
            segments: Table::default(),
            semaphores: Table::default(),
            queues: Table::default(),
            limits: Limits::default(),
        })?)
    }
}
