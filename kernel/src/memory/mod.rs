//! Memory: address spaces, areas (VMAs), page cache, faults, overcommit, the OOM killer.
pub mod address_space;
pub mod area;
pub mod calls;
pub mod commit;
pub mod mapping;
pub mod memfd;
pub mod oom;

pub use address_space::{AddressSpace, FaultError, Limits};
pub use mapping::{Mapping, PageSource};

use machine::paging::Access;

/// Bytes in a page.
pub const PAGE_BYTES: u64 = machine::memory::PAGE_SIZE as u64;

/// A user copy of `task` faulted: brings the page in as a user fault would. False if the access is not allowed, or memory
/// has run out and the task is dying.
pub fn resolve_copy_fault(task: &crate::process::Task, address: u64, access: Access) -> bool {
    let is_served = task.memory().is_some_and(|space| space.copy_fault(address, access));
    match is_served {
        true => crate::process::usage::count_copy_fault(task),
        false => crate::process::usage::count_failed_fault(task, true),
    }
    is_served
}
/// Frees memory; see [`machine::Kernel::reclaim`].
pub fn reclaim(frames_wanted: usize) -> bool {
    // A few more than wanted, so that not every allocation comes here.
    mapping::shrink(frames_wanted.saturating_add(32)) > 0
}
