//! An address space: VMAs over page tables.
use crate::error::Result;
use alloc::sync::Arc;
use machine::paging::{Access, UserSpace};

/// Why a fault could not be resolved: the signal it gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaultError {
    /// SIGSEGV or SIGBUS.
    pub signal: u32,
    /// `si_code`: SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR.
    pub code: i32,
}

/// The memory of a process.
pub struct AddressSpace {}

impl AddressSpace {
    /// An empty address space.
    pub fn new() -> Result<Arc<AddressSpace>> {
        todo!()
    }
    /// The page tables, for the machine's thread.
    pub fn tables(&self) -> &Arc<UserSpace> {
        todo!()
    }
    /// The child's address space at fork(2) without CLONE_VM. The last drop of an address space frees everything in it and
    /// may sleep.
    pub fn fork(&self) -> Result<Arc<AddressSpace>> {
        todo!()
    }
    /// Resolves a fault of the current task at `address`, else says which signal it gets. When memory has run out the OOM killer
    /// has run and the result is `Ok`: the access is tried again unless a fatal signal is pending by then.
    pub fn fault(&self, _address: u64, _access: Access) -> Result<(), FaultError> {
        todo!()
    }
    /// Where the word at `address` lives if its page belongs to a shared mapping: (identity of the page-cache object, byte offset in
    /// it); `None` if it is private to this address space. EFAULT if nothing is mapped there. Futexes of several processes meet by it.
    pub fn shared_location(&self, _address: u64) -> Result<Option<(u64, u64)>> {
        todo!()
    }
    /// Copies from this address space, whoever is current (ptrace, /proc/PID/mem, process_vm_readv); how many bytes could be
    /// copied. `force` ignores missing permissions as ptrace does.
    pub fn read_remote(&self, _address: u64, _into: &mut [u8], _force: bool) -> usize {
        todo!()
    }
    /// Copies to this address space, whoever is current; how many bytes could be copied.
    pub fn write_remote(&self, _address: u64, _from: &[u8], _force: bool) -> usize {
        todo!()
    }
}
