//! Counted handles of untyped frames.
use super::info::{FrameInfo, Kind, halves, info, word_of};
use super::{PAGE_SIZE, bytes, percpu};
use crate::OutOfMemory;
use crate::paging::direct_map;
use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU32, Ordering};

/// Flags of a frame that the page cache may use as it likes; the allocator gives frames out with none set.
pub mod flags {
    /// The content is newer than what is stored.
    pub const DIRTY: u16 = 1 << 0;
    /// The content is valid.
    pub const UP_TO_DATE: u16 = 1 << 1;
    /// Used since reclaim last looked.
    pub const REFERENCED: u16 = 1 << 2;
    /// Being read or written.
    pub const BUSY: u16 = 1 << 3;
    /// Not to be reclaimed.
    pub const LOCKED_IN_MEMORY: u16 = 1 << 4;
    /// For the kernel's use.
    pub const PRIVATE: u16 = 1 << 5;
}

/// A counted reference to one untyped frame (user memory, page cache): never a Rust reference into it, only copies.
pub struct Frame(NonZeroU32);

/// The shared frame of zeros, whose references are not counted; 0 until there is one.
static ZERO: AtomicU32 = AtomicU32::new(0);

impl Frame {
    /// A frame whose content is whatever was there; to be filled before anybody sees it.
    fn allocate() -> Result<Frame, OutOfMemory> {
        let number = percpu::allocate(Kind::Untyped)?;
        let info = info(number);
        info.count.store(1, Ordering::Relaxed);
        info.word.store(0, Ordering::Relaxed);
        // SAFETY: counted as one reference just now.
        Ok(unsafe { Frame::from_raw(number) })
    }
    /// A frame filled with zeros.
    pub fn zeroed() -> Result<Frame, OutOfMemory> {
        let frame = Frame::allocate()?;
        // SAFETY: the frame is nobody else's yet.
        unsafe { bytes::zero_page(frame.address()) };
        Ok(frame)
    }
    /// A frame whose content is another's.
    pub fn copy_of(other: &Frame) -> Result<Frame, OutOfMemory> {
        if other.is_zero_page() {
            return Frame::zeroed();
        }
        let frame = Frame::allocate()?;
        // SAFETY: both are whole pages; the new one is nobody else's yet.
        unsafe { bytes::copy_page(frame.address(), other.address()) };
        Ok(frame)
    }
    /// The shared frame of zeros (never written: mapping code maps it read-only).
    pub fn zero_page() -> Frame {
        // SAFETY: references to the zero page are not counted.
        unsafe { Frame::from_raw(ZERO.load(Ordering::Relaxed)) }
    }
    /// Allocates the shared frame of zeros.
    pub(super) fn make_zero_page() {
        let frame = Frame::zeroed();
        let Ok(frame) = frame else { panic!("no memory for the zero page") };
        ZERO.store(frame.into_raw(), Ordering::Release);
    }
    /// Whether this is the shared frame of zeros.
    #[inline(always)]
    pub fn is_zero_page(&self) -> bool {
        self.0.get() == ZERO.load(Ordering::Relaxed)
    }
    /// The number, with the reference.
    #[inline(always)]
    pub(crate) fn into_raw(self) -> u32 {
        let number = self.0.get();
        core::mem::forget(self);
        number
    }
    /// The handle that [`Frame::into_raw`] dissolved.
    ///
    /// # Safety
    /// `number` is an untyped frame in use, one of whose references (any, for the zero page) the caller gives up.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(number: u32) -> Frame {
        debug_assert!(number != 0);
        // SAFETY: frame 0 is never handed out.
        Frame(unsafe { NonZeroU32::new_unchecked(number) })
    }
    /// Counts one reference more for a number that is held elsewhere.
    ///
    /// # Safety
    /// `number` is an untyped frame to which a reference exists for the length of the call.
    #[inline(always)]
    pub(crate) unsafe fn count_again(number: u32) {
        if number != ZERO.load(Ordering::Relaxed) {
            let before = info(number).count.fetch_add(1, Ordering::Relaxed);
            assert!(before < u32::MAX / 2, "too many references to a frame");
        }
    }
    /// Gives up a reference to a number, as dropping the handle does.
    ///
    /// # Safety
    /// As for [`Frame::from_raw`].
    #[inline(always)]
    pub(crate) unsafe fn release(number: u32) {
        if number == ZERO.load(Ordering::Relaxed) {
            return;
        }
        let count = &info(number).count;
        // The only reference cannot become two behind our back: no need for the locked instruction.
        if count.load(Ordering::Acquire) == 1 || count.fetch_sub(1, Ordering::AcqRel) == 1 {
            percpu::free(number, Kind::Untyped);
        }
    }
    #[inline(always)]
    fn info(&self) -> &'static FrameInfo {
        info(self.0.get())
    }
    /// Where the kernel reaches the content.
    #[inline(always)]
    pub(crate) fn address(&self) -> *mut u8 {
        direct_map(self.physical())
    }
    /// The physical address.
    #[inline(always)]
    pub(crate) fn physical(&self) -> u64 {
        u64::from(self.0.get()) * PAGE_SIZE as u64
    }
    /// Offset and length cut to the page.
    #[inline(always)]
    pub(crate) fn clamp(offset: usize, length: usize) -> (usize, usize) {
        let offset = offset.min(PAGE_SIZE);
        (offset, length.min(PAGE_SIZE - offset))
    }
    /// Copies bytes out (clamped to the page); returns how many. What others write meanwhile may be seen in part.
    #[inline]
    pub fn read(&self, offset: usize, into: &mut [u8]) -> usize {
        let (offset, length) = Self::clamp(offset, into.len());
        // SAFETY: clamped to the page and to `into`; the page is no Rust object, so they do not overlap.
        unsafe { bytes::copy(into.as_mut_ptr(), self.address().add(offset), length) };
        length
    }
    /// Copies bytes in (clamped to the page); returns how many. None for the zero page.
    #[inline]
    pub fn write(&self, offset: usize, from: &[u8]) -> usize {
        if self.is_zero_page() {
            return 0;
        }
        let (offset, length) = Self::clamp(offset, from.len());
        // SAFETY: as for `read`.
        unsafe { bytes::copy(self.address().add(offset), from.as_ptr(), length) };
        length
    }
    /// Zeroes part of the page.
    pub fn clear(&self, offset: usize, length: usize) {
        if self.is_zero_page() {
            return;
        }
        let (offset, length) = Self::clamp(offset, length);
        // SAFETY: clamped to the page.
        unsafe { bytes::fill(self.address().add(offset), 0, length) };
    }
    /// References to the frame, mappings included. 1 means that this handle is the only one; the zero page's are not counted.
    pub fn reference_count(&self) -> usize {
        self.info().count.load(Ordering::Acquire) as usize
    }
    /// Frame number.
    #[inline(always)]
    pub fn number(&self) -> u64 {
        u64::from(self.0.get())
    }
    /// Names the owner (an id of the kernel's choice, 0 for none) and the page's index in it, for the reverse map.
    pub fn set_owner(&self, owner: u32, index: u32) {
        self.info().word.store(word_of(owner, index), Ordering::Release);
    }
    /// Owner and index, as set last.
    pub fn owner(&self) -> (u32, u32) {
        halves(self.info().word.load(Ordering::Acquire))
    }
    /// The flags (see [`flags`]).
    pub fn flags(&self) -> u16 {
        (self.info().state.load(Ordering::Acquire) >> 16) as u16
    }
    /// Sets flags; gives those that were set before.
    pub fn set_flags(&self, set: u16) -> u16 {
        (self.info().state.fetch_or(u32::from(set) << 16, Ordering::AcqRel) >> 16) as u16
    }
    /// Clears flags; gives those that were set before.
    pub fn clear_flags(&self, clear: u16) -> u16 {
        (self.info().state.fetch_and(!(u32::from(clear) << 16), Ordering::AcqRel) >> 16) as u16
    }
}
impl Clone for Frame {
    #[inline(always)]
    fn clone(&self) -> Self {
        // SAFETY: `self` is a reference.
        unsafe { Frame::count_again(self.0.get()) };
        Frame(self.0)
    }
}
impl Drop for Frame {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: this handle's reference, given up here.
        unsafe { Frame::release(self.0.get()) };
    }
}
impl core::fmt::Debug for Frame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Frame({:#x})", self.0)
    }
}
