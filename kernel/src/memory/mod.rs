//! Memory: address spaces, VMAs, page cache, faults.
pub mod address_space;
pub mod mapping;
pub use address_space::{AddressSpace, FaultError};
pub use mapping::{Mapping, PageSource};

/// A user copy of `task` faulted: brings the page in as a user fault would. False if the access is not allowed.
pub fn resolve_copy_fault(_task: &crate::process::Task, _address: u64, _access: machine::paging::Access) -> bool {
    todo!()
}
/// Frees memory; see [`machine::Kernel::reclaim`].
pub fn reclaim(_frames_wanted: usize) -> bool {
    todo!()
}
