//! Network namespaces: network_namespaces(7). Each has a loopback device of its own.
use super::device::Device;
use crate::error::*;
use crate::process::namespace::{Identity, Kind, Owner, first};
use crate::process::{Capability, Task};
use crate::sync::{Mutex, rank};
use alloc::sync::Arc;
use machine::memory::try_arc;

/// A network namespace.
pub struct NetworkNamespace {
    /// Its file's number and its owner.
    pub identity: Identity,
    /// The device named `lo`.
    pub loopback: Arc<Device>,
    /// Held by who changes devices and addresses, so that those who are told of changes are told in their order.
    pub changes: Mutex<()>,
}
impl NetworkNamespace {
    fn with(identity: Identity) -> Result<Arc<NetworkNamespace>> {
        let changes = Mutex::new(rank::NETWORK_CHANGES, ());
        Ok(try_arc(NetworkNamespace { identity, loopback: Device::loopback()?, changes })?)
    }
    /// The first one.
    pub fn first() -> Result<Arc<NetworkNamespace>> {
        NetworkNamespace::with(Identity::first(first::NETWORK)?)
    }
    /// A new one. ENOSPC where its owner may have no more.
    pub fn new(owner: &Owner) -> Result<Arc<NetworkNamespace>> {
        NetworkNamespace::with(Identity::new(owner, Kind::Network)?)
    }
    /// That of a task.
    pub fn of(task: &Task) -> Arc<NetworkNamespace> {
        task.with_namespaces(|set| set.network.clone())
    }
    /// Whether it is the first one.
    pub fn is_first(&self) -> bool {
        self.identity.inode == first::NETWORK
    }
    /// The device of an index.
    pub fn device(&self, index: u32) -> Option<&Arc<Device>> {
        Some(&self.loopback).filter(|device| device.index == index)
    }
    /// The device of a name, which a NUL or the end of the bytes ends.
    pub fn device_named(&self, name: &[u8]) -> Option<&Arc<Device>> {
        let name = name.split(|byte| *byte == 0).next().unwrap_or(name);
        Some(&self.loopback).filter(|device| device.name.as_bytes() == name)
    }
    /// Whether a task may change its devices; EPERM.
    pub fn require_administrator(&self, task: &Task) -> Result<()> {
        if task.capable_in(&self.identity.owner, Capability::NetAdmin) { Ok(()) } else { Err(EPERM) }
    }
}
