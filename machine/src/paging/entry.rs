//! Page-table entries.
use super::Permission;
use crate::memory::Frame;
use core::mem::ManuallyDrop;

pub(super) const PRESENT: u64 = 1 << 0;
pub(super) const WRITE: u64 = 1 << 1;
pub(super) const USER: u64 = 1 << 2;
pub(super) const WRITE_THROUGH: u64 = 1 << 3;
pub(super) const NO_CACHE: u64 = 1 << 4;
pub(super) const ACCESSED: u64 = 1 << 5;
pub(super) const DIRTY: u64 = 1 << 6;
pub(super) const LARGE: u64 = 1 << 7;
pub(super) const GLOBAL: u64 = 1 << 8;
/// Ours, with `PRESENT` clear: the page is kept but nobody may touch it (PROT_NONE).
pub(super) const INACCESSIBLE: u64 = 1 << 9;
pub(super) const NO_EXECUTE: u64 = 1 << 63;
pub(super) const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const KEY_SHIFT: u32 = 59;

/// A user page entry (never zero when there is a page).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(pub(super) u64);
impl Entry {
    /// An accessible page.
    #[inline(always)]
    pub(super) fn new(number: u32, permission: Permission) -> Entry {
        Entry(u64::from(number) << 12 | Self::bits(permission))
    }
    /// The bits for a permission.
    #[inline(always)]
    pub(super) fn bits(permission: Permission) -> u64 {
        let mut bits = PRESENT | USER | u64::from(permission.key & 15) << KEY_SHIFT;
        if permission.write {
            bits |= WRITE;
        }
        if !permission.execute {
            bits |= NO_EXECUTE;
        }
        bits
    }
    /// Same page, other permission; accessed and dirty are kept.
    pub(super) fn with(self, permission: Permission) -> Entry {
        Entry(self.0 & (ADDRESS | ACCESSED | DIRTY) | Self::bits(permission))
    }
    /// Same page, out of reach.
    pub(super) fn inaccessible(self) -> Entry {
        Entry(self.0 & !(PRESENT | WRITE | USER) | INACCESSIBLE)
    }
    #[inline(always)]
    pub(super) fn number(self) -> u32 {
        ((self.0 & ADDRESS) >> 12) as u32
    }
    #[inline(always)]
    pub(super) fn has(self, bits: u64) -> bool {
        self.0 & bits != 0
    }
    pub(super) fn permission(self) -> Permission {
        Permission {
            write: self.has(WRITE),
            execute: self.has(PRESENT) && !self.has(NO_EXECUTE),
            key: (self.0 >> KEY_SHIFT) as u8 & 15,
        }
    }
    /// The frame, without the reference the entry holds.
    ///
    /// # Safety
    /// The entry is one of a page, whose reference stays longer than the value.
    pub(super) unsafe fn borrow_frame(self) -> ManuallyDrop<Frame> {
        // SAFETY: not dropped, so no reference is given up.
        ManuallyDrop::new(unsafe { Frame::from_raw(self.number()) })
    }
    /// The frame, with the reference the entry held.
    ///
    /// # Safety
    /// The entry is one of a page and was taken out of the tables, and no TLB has it any more.
    pub(super) unsafe fn into_frame(self) -> Frame {
        // SAFETY: the entry's reference is handed over.
        unsafe { Frame::from_raw(self.number()) }
    }
    /// Whether a TLB may hold more than `new` allows: another page, or less permission.
    pub(super) fn is_narrowed_by(self, new: Entry) -> bool {
        const MATTERS: u64 = ADDRESS | 15 << KEY_SHIFT;
        self.has(PRESENT)
            && (!new.has(PRESENT)
                || (self.0 ^ new.0) & MATTERS != 0
                || self.has(WRITE) && !new.has(WRITE)
                || !self.has(NO_EXECUTE) && new.has(NO_EXECUTE))
    }
}
