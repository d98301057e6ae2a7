//! Areas (Linux: VMAs): ranges of an address space with one backing and one set of properties.
mod gap;
mod map;
mod removed;
#[cfg(test)]
mod tests;

pub use gap::Wanted;
pub use map::AreaMap;
pub use removed::Removed;

use super::mapping::AttachedFile;
use core::ops::{BitAnd, BitOr, Not};
use core::sync::atomic::{AtomicBool, Ordering};
use machine::paging::Permission;

/// Properties of an area, with Linux's bits (VM_*).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AreaFlags(pub u32);
#[allow(missing_docs)]
impl AreaFlags {
    pub const NONE: AreaFlags = AreaFlags(0);
    pub const READ: AreaFlags = AreaFlags(1);
    pub const WRITE: AreaFlags = AreaFlags(2);
    pub const EXECUTE: AreaFlags = AreaFlags(4);
    pub const SHARED: AreaFlags = AreaFlags(8);
    pub const MAY_READ: AreaFlags = AreaFlags(0x10);
    pub const MAY_WRITE: AreaFlags = AreaFlags(0x20);
    pub const MAY_EXECUTE: AreaFlags = AreaFlags(0x40);
    /// The mapping was asked for as shared (a file that cannot be written gives one that behaves as private otherwise).
    pub const MAY_SHARE: AreaFlags = AreaFlags(0x80);
    pub const GROWS_DOWN: AreaFlags = AreaFlags(0x100);
    pub const LOCKED: AreaFlags = AreaFlags(0x2000);
    pub const IO: AreaFlags = AreaFlags(0x4000);
    pub const SEQUENTIAL: AreaFlags = AreaFlags(0x8000);
    pub const RANDOM: AreaFlags = AreaFlags(0x1_0000);
    pub const DONT_FORK: AreaFlags = AreaFlags(0x2_0000);
    pub const DONT_EXPAND: AreaFlags = AreaFlags(0x4_0000);
    pub const LOCK_ON_FAULT: AreaFlags = AreaFlags(0x8_0000);
    /// Counts as committed memory.
    pub const ACCOUNT: AreaFlags = AreaFlags(0x10_0000);
    pub const NO_RESERVE: AreaFlags = AreaFlags(0x20_0000);
    pub const WIPE_ON_FORK: AreaFlags = AreaFlags(0x200_0000);
    pub const DONT_DUMP: AreaFlags = AreaFlags(0x400_0000);
    pub const HUGE_PAGE: AreaFlags = AreaFlags(0x2000_0000);
    pub const NO_HUGE_PAGE: AreaFlags = AreaFlags(0x4000_0000);
    pub const MERGEABLE: AreaFlags = AreaFlags(0x8000_0000);

    /// Read, write and execute.
    pub const ACCESS: AreaFlags = AreaFlags(7);
    /// Whether all of `other`'s bits are set.
    pub const fn contains(self, other: AreaFlags) -> bool {
        self.0 & other.0 == other.0
    }
    /// Whether any of `other`'s bits is set.
    pub const fn intersects(self, other: AreaFlags) -> bool {
        self.0 & other.0 != 0
    }
    /// With `other`'s bits set or cleared.
    pub const fn with(self, other: AreaFlags, set: bool) -> AreaFlags {
        if set { AreaFlags(self.0 | other.0) } else { AreaFlags(self.0 & !other.0) }
    }
    /// The access bits that PROT_* ask for (the bits are the same).
    pub const fn of_protection(protection: u64) -> AreaFlags {
        AreaFlags(protection as u32 & 7)
    }
}
impl BitOr for AreaFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        AreaFlags(self.0 | other.0)
    }
}
impl BitAnd for AreaFlags {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        AreaFlags(self.0 & other.0)
    }
}
impl Not for AreaFlags {
    type Output = Self;
    fn not(self) -> Self {
        AreaFlags(!self.0)
    }
}

/// A range of an address space; not empty, page-aligned.
pub struct Area {
    /// First address.
    pub start: u64,
    /// One past the last address.
    pub end: u64,
    /// Page index in the file of the first page; 0 for private anonymous memory.
    pub page_offset: u64,
    /// Properties.
    pub flags: AreaFlags,
    /// Protection key.
    pub key: u8,
    /// Whether it may hold private pages of its own (what fork must copy).
    private_pages: AtomicBool,
    /// What backs it; `None` for private anonymous memory.
    pub file: Option<AttachedFile>,
}

impl Area {
    /// An area without private pages.
    pub fn new(start: u64, end: u64, flags: AreaFlags, file: Option<AttachedFile>, page_offset: u64) -> Area {
        Area { start, end, page_offset, flags, key: 0, private_pages: AtomicBool::new(false), file }
    }
    /// Bytes.
    pub fn size(&self) -> u64 {
        self.end - self.start
    }
    /// Pages.
    pub fn pages(&self) -> u64 {
        self.size() >> 12
    }
    /// Whether the address is inside.
    pub fn contains(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }
    /// Whether all of these flags are set.
    pub fn has(&self, flags: AreaFlags) -> bool {
        self.flags.contains(flags)
    }
    /// Whether writes are seen by others.
    pub fn is_shared(&self) -> bool {
        self.has(AreaFlags::SHARED)
    }
    /// Whether it is private memory without a file.
    pub fn is_anonymous(&self) -> bool {
        self.file.is_none()
    }
    /// Page index in the file of the page at `address`.
    pub fn file_page(&self, address: u64) -> u64 {
        self.page_offset.wrapping_add((address.wrapping_sub(self.start)) >> 12)
    }
    /// The address of a page of the file, if it is inside.
    pub fn address_of_page(&self, page: u64) -> Option<u64> {
        let distance = page.checked_sub(self.page_offset)?;
        (distance < self.pages()).then(|| self.start + (distance << 12))
    }
    /// Notes that it holds private pages.
    pub fn note_private_pages(&self) {
        if !self.private_pages.load(Ordering::Relaxed) {
            self.private_pages.store(true, Ordering::Relaxed);
        }
    }
    /// Whether it may hold private pages.
    pub fn has_private_pages(&self) -> bool {
        self.private_pages.load(Ordering::Relaxed)
    }
    /// What user mode may do with a page of it, `write` only as far as the flags allow.
    pub fn permission(&self, write: bool) -> Permission {
        Permission { write: write && self.has(AreaFlags::WRITE), execute: self.has(AreaFlags::EXECUTE), key: self.key }
    }
    /// The same area over another range inside it.
    pub fn part(&self, start: u64, end: u64) -> Area {
        Area {
            start,
            end,
            page_offset: if self.file.is_some() { self.file_page(start) } else { 0 },
            flags: self.flags,
            key: self.key,
            private_pages: AtomicBool::new(self.has_private_pages()),
            file: self.file.clone(),
        }
    }
    /// The same range with other flags and another address space's hold on the file (fork).
    pub fn copy_with(&self, flags: AreaFlags, file: Option<AttachedFile>) -> Area {
        let private_pages = self.has_private_pages() && !flags.contains(AreaFlags::WIPE_ON_FORK);
        Area {
            start: self.start,
            end: self.end,
            page_offset: self.page_offset,
            flags,
            key: self.key,
            private_pages: AtomicBool::new(private_pages),
            file,
        }
    }
    /// Whether `next`, which begins where this ends, continues it.
    fn is_continued_by(&self, next: &Area) -> bool {
        if self.end != next.start || self.flags != next.flags || self.key != next.key {
            return false;
        }
        match (&self.file, &next.file) {
            (None, None) => true,
            (Some(own), Some(others)) => {
                // Areas of a segment stay apart, since it counts them.
                own.is_same_file(others)
                    && own.segment().is_none()
                    && self.page_offset.checked_add(self.pages()) == Some(next.page_offset)
            }
            _ => false,
        }
    }
}
