//! Page tables of user address spaces, TLB maintenance.
use crate::{OutOfMemory, memory::Frame};
use core::ops::Range;

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

/// The page tables of one address space. Methods may be called from any CPU at the same time; each operation locks the tables
/// it changes (a spin lock), flushes TLBs where needed before it returns, and frees frames only after the flush.
pub struct UserSpace {}
impl UserSpace {
    /// Empty tables.
    pub fn new() -> Result<UserSpace, OutOfMemory> {
        todo!()
    }
    /// Maps a page; a page that was there is replaced (its reference dropped after the flush).
    pub fn map(&self, _address: u64, _frame: Frame, _permission: Permission) -> Result<(), OutOfMemory> {
        todo!()
    }
    /// Maps a page only where nothing is mapped; false if something is.
    pub fn map_if_absent(&self, _address: u64, _frame: Frame, _permission: Permission) -> Result<bool, OutOfMemory> {
        todo!()
    }
    /// Replaces the page at `address` if it still is `expected` (frame number); false if not.
    pub fn replace(&self, _address: u64, _expected: u64, _frame: Frame, _permission: Permission) -> bool {
        todo!()
    }
    /// Removes the pages of a range, calling `removed` for each page that was dirty or accessed (for file mappings).
    pub fn unmap(&self, _range: Range<u64>, _removed: &mut dyn FnMut(u64, &Mapping)) {
        todo!()
    }
    /// Narrows or widens what user mode may do; `write` is only ever granted to pages for which `may_write` says so
    /// (copy-on-write pages stay read-only).
    pub fn protect(&self, _range: Range<u64>, _permission: Permission, _may_write: &dyn Fn(&Frame) -> bool) {
        todo!()
    }
    /// The page at an address.
    pub fn lookup(&self, _address: u64) -> Option<Mapping> {
        todo!()
    }
    /// Every present page of a range in order.
    pub fn for_each(&self, _range: Range<u64>, _visit: &mut dyn FnMut(u64, &Mapping)) {
        todo!()
    }
    /// Clears the dirty bits of a range, reporting each dirty page.
    pub fn clean(&self, _range: Range<u64>, _visit: &mut dyn FnMut(u64, &Frame)) {
        todo!()
    }
    /// Copies the mappings of a range into a child's tables.
    pub fn inherit(&self, _child: &UserSpace, _range: Range<u64>, _how: Inherit) -> Result<(), OutOfMemory> {
        todo!()
    }
    /// Moves mappings from one place to another (mremap); both page-aligned, same length, not overlapping.
    pub fn move_range(&self, _from: Range<u64>, _to: u64) -> Result<(), OutOfMemory> {
        todo!()
    }
    /// Resident pages and page-table frames.
    pub fn resident(&self) -> (usize, usize) {
        todo!()
    }
}

/// Serves a TLB flush that another CPU asks of this one, if any; for loops that wait with interrupts disabled.
#[inline(always)]
pub(crate) fn answer_flush() {}

/// Where physical memory is mapped in the kernel.
#[cfg(target_os = "none")]
const DIRECT_MAP: u64 = 0xffff_8880_0000_0000;
#[cfg(not(target_os = "none"))]
static DIRECT_MAP: core::sync::atomic::AtomicPtr<u8> = core::sync::atomic::AtomicPtr::new(core::ptr::null_mut());

/// The kernel's address of physical memory.
#[inline(always)]
pub(crate) fn direct_map(physical: u64) -> *mut u8 {
    #[cfg(target_os = "none")]
    return core::ptr::with_exposed_provenance_mut((DIRECT_MAP + physical) as usize);
    #[cfg(not(target_os = "none"))]
    DIRECT_MAP.load(core::sync::atomic::Ordering::Relaxed).wrapping_add(physical as usize)
}
/// The physical address behind an address in the direct map.
#[inline(always)]
pub(crate) fn direct_map_physical(address: *const u8) -> u64 {
    #[cfg(target_os = "none")]
    return address as u64 - DIRECT_MAP;
    #[cfg(not(target_os = "none"))]
    return (address.addr() - DIRECT_MAP.load(core::sync::atomic::Ordering::Relaxed).addr()) as u64;
}
/// Sets where tests simulate physical memory.
#[cfg(test)]
pub(crate) fn set_direct_map(base: *mut u8) {
    DIRECT_MAP.store(base, core::sync::atomic::Ordering::Relaxed);
}
