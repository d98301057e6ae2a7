//! A thread group: what Linux shows as a process.
/// Resource numbers of getrlimit(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Resource {
    Cpu,
    FileSize,
    Data,
    Stack,
    Core,
    ResidentSet,
    Processes,
    OpenFiles,
    LockedMemory,
    AddressSpace,
    Locks,
    PendingSignals,
    MessageQueues,
    Nice,
    RealTimePriority,
    RealTimeTime,
}
/// A process.
pub struct ThreadGroup {}
impl ThreadGroup {
    /// The soft limit of a resource; `u64::MAX` is unlimited.
    pub fn limit(&self, _resource: Resource) -> u64 {
        todo!()
    }
    /// Process id.
    pub fn id(&self) -> u32 {
        todo!()
    }
}
