//! What is known of each physical frame: 16 bytes, indexed by frame number.
#[cfg(not(target_os = "none"))]
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What a frame is used for. Everything but `Untyped` and `Device` belongs to the kernel and is never mapped elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Inside a block, or not memory of the allocator's.
    None = 0,
    /// Head of a free block of the buddy allocator.
    Free = 1,
    /// Kernel heap.
    Heap = 2,
    /// Page table.
    Table = 3,
    /// Kernel stack.
    Stack = 4,
    /// User memory and page cache.
    Untyped = 5,
    /// Memory lent to devices.
    Device = 6,
}
/// Number of kinds.
pub(crate) const KINDS: usize = 7;

/// One frame's record. The meaning of the fields depends on the kind.
#[repr(C)]
pub(crate) struct FrameInfo {
    /// Untyped: counted references. Slab: free objects, and in the upper half where the first one is. Table: entries in use.
    pub(crate) count: AtomicU32,
    /// Kind in the low byte, order of a block in the next, flags of untyped frames in the upper half.
    pub(crate) state: AtomicU32,
    /// Two halves, next or owner in the lower one. Untyped: owner for the reverse map, index within it. Free and slab: links of
    /// the list. Table: which groups of entries were ever used.
    pub(crate) word: AtomicU64,
}
const _: () = assert!(size_of::<FrameInfo>() == 16);

/// No frame, in links.
pub(crate) const NONE: u32 = u32::MAX;

/// The two halves of a record's word.
#[inline(always)]
pub(crate) fn halves(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}
/// A record's word of two halves.
#[inline(always)]
pub(crate) fn word_of(lower: u32, upper: u32) -> u64 {
    u64::from(lower) | u64::from(upper) << 32
}

impl FrameInfo {
    /// Sets kind and order, clearing the flags.
    #[inline(always)]
    pub(crate) fn set_kind(&self, kind: Kind, order: usize) {
        self.state.store(kind as u32 | (order as u32) << 8, Ordering::Relaxed);
    }
    /// Whether this is the head of a free block of that order.
    #[inline(always)]
    pub(crate) fn is_free(&self, order: usize) -> bool {
        self.state.load(Ordering::Relaxed) == Kind::Free as u32 | (order as u32) << 8
    }
    /// Whether the kind is this one.
    pub(crate) fn is(&self, kind: Kind) -> bool {
        self.state.load(Ordering::Relaxed) as u8 == kind as u8
    }
}

/// The records of all frames. A record is there once its group is; see [`super::records`].
#[derive(Clone, Copy)]
pub(crate) struct Infos {
    base: *const FrameInfo,
}
impl Infos {
    /// Records from `base` on.
    ///
    /// # Safety
    /// 1. `base` points to as many records (at least zeroed memory) as frame numbers will be asked for.
    /// 2. They stay for good, or longer than the value and what it gives.
    #[cfg(test)]
    pub(crate) unsafe fn new(base: *const FrameInfo) -> Self {
        Infos { base }
    }
    /// The record of a frame the allocator knows.
    #[inline(always)]
    pub(crate) fn of<'a>(self, number: u32) -> &'a FrameInfo {
        // SAFETY: numbers come from the allocator's own ranges and lists, which lie within the records.
        unsafe { &*self.base.add(number as usize) }
    }
}

/// Where tests on the host simulate the area of records.
#[cfg(not(target_os = "none"))]
static BASE: AtomicPtr<FrameInfo> = AtomicPtr::new(core::ptr::null_mut());

/// The machine's records.
#[inline(always)]
pub(crate) fn infos() -> Infos {
    #[cfg(target_os = "none")]
    let base = core::ptr::with_exposed_provenance(crate::paging::RECORDS as usize);
    #[cfg(not(target_os = "none"))]
    let base = BASE.load(Ordering::Relaxed);
    Infos { base }
}
/// The record of a frame.
#[inline(always)]
pub(crate) fn info(number: u32) -> &'static FrameInfo {
    infos().of(number)
}
/// Sets where tests simulate the area of records.
#[cfg(test)]
pub(super) fn set_infos(infos: Infos) {
    BASE.store(infos.base.cast_mut(), Ordering::Release);
}
