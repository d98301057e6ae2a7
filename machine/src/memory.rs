//! Physical frames and the kernel heap.
use crate::OutOfMemory;
use alloc::{boxed::Box, sync::Arc};

/// Bytes in a page.
pub const PAGE_SIZE: usize = 4096;

/// A counted reference to one untyped frame (user memory, page cache): never a Rust reference into it, only copies.
pub struct Frame {}
impl Frame {
    /// A frame filled with zeros.
    pub fn zeroed() -> Result<Frame, OutOfMemory> {
        todo!()
    }
    /// A frame whose content is another's.
    pub fn copy_of(_other: &Frame) -> Result<Frame, OutOfMemory> {
        todo!()
    }
    /// The shared frame of zeros (never written: mapping code maps it read-only).
    pub fn zero_page() -> Frame {
        todo!()
    }
    /// Whether this is the shared frame of zeros.
    pub fn is_zero_page(&self) -> bool {
        todo!()
    }
    /// Copies bytes out (clamped to the page); returns how many.
    pub fn read(&self, _offset: usize, _into: &mut [u8]) -> usize {
        todo!()
    }
    /// Copies bytes in (clamped to the page); returns how many.
    pub fn write(&self, _offset: usize, _from: &[u8]) -> usize {
        todo!()
    }
    /// Zeroes part of the page.
    pub fn clear(&self, _offset: usize, _length: usize) {
        todo!()
    }
    /// References to the frame, mappings included.
    pub fn reference_count(&self) -> usize {
        todo!()
    }
    /// Frame number.
    pub fn number(&self) -> u64 {
        todo!()
    }
}
impl Clone for Frame {
    fn clone(&self) -> Self {
        todo!()
    }
}

/// Allocates without panicking.
pub fn try_box<T>(_value: T) -> Result<Box<T>, OutOfMemory> {
    todo!()
}
/// Allocates without panicking.
pub fn try_arc<T>(_value: T) -> Result<Arc<T>, OutOfMemory> {
    todo!()
}

/// Frame counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryStatistics {
    /// Usable frames, kernel image excluded.
    pub total: usize,
    /// Free frames, per-CPU caches included.
    pub free: usize,
    /// Frames of the kernel heap.
    pub heap: usize,
    /// Frames of page tables.
    pub page_tables: usize,
    /// Frames of kernel stacks.
    pub kernel_stacks: usize,
    /// Untyped frames in use.
    pub untyped: usize,
}
/// Counts now (per-CPU sums, not a snapshot).
pub fn statistics() -> MemoryStatistics {
    todo!()
}
