//! Page tables: user address spaces, TLB maintenance, the kernel's own mappings and stacks.
mod clone;
mod entry;
mod flush;
mod gather;
mod kernel;
mod look;
mod modules;
mod space;
mod stack;
mod table;
#[cfg(test)]
mod tests;
mod walk;

#[cfg(not(target_os = "none"))]
pub(crate) use flush::answer_for;
pub(crate) use flush::{answer_flush, enter_lazy, flush_interrupt};
#[cfg(target_os = "none")]
pub(crate) use kernel::RECORDS;
pub(crate) use kernel::{
    NARROW, enter_records, initialize, load_kernel_tables, map_device, narrow_page, page_entry, table_entry,
};
pub(crate) use modules::{ModulePages, Use, is_module_address};
pub use space::UserSpace;
pub use space::synchronize_processors;
pub use stack::KERNEL_STACK_SIZE;
pub(crate) use stack::{KernelStack, is_stack_guard, stacks_to_trim, trim_stacks};

use crate::memory::Frame;

/// First address past user space (47 bits less one guard page, as Linux).
pub const USER_END: u64 = 0x7fff_ffff_f000;

/// The kind of access that faulted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Access {
    Read,
    Write,
    Execute,
}

/// What user mode may do with a page. Readable is implied when mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Permission {
    pub write: bool,
    pub execute: bool,
    /// Protection key, 0 to 15.
    pub key: u8,
}

/// A present page.
pub struct Mapping {
    /// The frame, with a reference of its own.
    pub frame: Frame,
    /// What user mode may do.
    pub permission: Permission,
    /// The CPU set the accessed bit.
    pub accessed: bool,
    /// The CPU set the dirty bit.
    pub dirty: bool,
}

/// What `fork` does to a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inherit {
    /// Both keep the same writable pages.
    Share,
    /// Both get the pages read-only; the kernel copies on write.
    CopyOnWrite,
}

/// Where physical memory is mapped in the kernel.
#[cfg(target_os = "none")]
pub(crate) const DIRECT_MAP: u64 = 0xffff_8880_0000_0000;
#[cfg(not(target_os = "none"))]
static DIRECT_MAP: core::sync::atomic::AtomicPtr<u8> = core::sync::atomic::AtomicPtr::new(core::ptr::null_mut());

/// The kernel's address of physical memory.
#[inline(always)]
pub(crate) fn direct_map(physical: u64) -> *mut u8 {
    #[cfg(target_os = "none")]
    return core::ptr::with_exposed_provenance_mut(DIRECT_MAP.wrapping_add(physical) as usize);
    #[cfg(not(target_os = "none"))]
    DIRECT_MAP.load(core::sync::atomic::Ordering::Relaxed).wrapping_add(physical as usize)
}
/// The physical address behind an address in the direct map.
#[inline(always)]
pub(crate) fn direct_map_physical(address: *const u8) -> u64 {
    #[cfg(target_os = "none")]
    return (address as u64).wrapping_sub(DIRECT_MAP);
    #[cfg(not(target_os = "none"))]
    return (address.addr() - DIRECT_MAP.load(core::sync::atomic::Ordering::Relaxed).addr()) as u64;
}
/// Sets where tests simulate physical memory.
#[cfg(test)]
pub(crate) fn set_direct_map(base: *mut u8) {
    DIRECT_MAP.store(base, core::sync::atomic::Ordering::Relaxed);
}
