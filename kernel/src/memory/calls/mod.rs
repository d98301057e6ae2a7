//! The system calls on memory: they check arguments in Linux's order and call the address space.
mod advice;
pub mod keys;
mod map;
mod process_vm;
pub mod remote;

pub use advice::{madvise, mincore, mlock, mlock2, mlockall, msync, munlock, munlockall};
pub use map::{MapPlace, brk, map_open_file, mmap, mmap2, mprotect, mremap, munmap, old_mmap, remap_file_pages};
pub use process_vm::{process_vm_readv, process_vm_writev};

use super::AddressSpace;
use crate::error::{EFAULT, Result};
use crate::process::Task;
use alloc::sync::Arc;

/// The caller's address space. Only kernel threads have none, and they make no calls.
fn space(task: &Task) -> Result<Arc<AddressSpace>> {
    task.memory().ok_or(EFAULT)
}
