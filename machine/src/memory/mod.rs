//! Physical frames and the kernel heap.
//!
//! Layers, lowest first: one record per frame (`info`, in memory by `records`), free blocks (`buddy`), per-CPU caches and counts (`percpu`), counted
//! handles of untyped frames (`frame`), size classes (`slab`) and the heap over them (`heap`).
mod buddy;
pub(crate) mod bytes;
mod fault;
pub(crate) mod frame;
mod heap;
pub(crate) mod info;
pub(crate) mod percpu;
mod records;
mod slab;
mod start;
#[cfg(test)]
pub(crate) mod testing;

use crate::OutOfMemory;
pub use fault::fail_after;
pub(crate) use fault::injected;
pub use frame::{Frame, flags};
pub use heap::{trim, try_arc, try_box};
pub(crate) use percpu::register_reclaim;
pub use percpu::statistics;
pub(crate) use start::{adopt, initialize, release, top};

/// Bytes in a page.
pub const PAGE_SIZE: usize = 4096;

/// Frame counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryStatistics {
    /// Usable frames, kernel image excluded.
    pub total: usize,
    /// Free frames, per-CPU caches included.
    pub free: usize,
    /// Frames of the kernel heap, and those lent to devices.
    pub heap: usize,
    /// Frames of page tables.
    pub page_tables: usize,
    /// Frames of kernel stacks.
    pub kernel_stacks: usize,
    /// Untyped frames in use.
    pub untyped: usize,
}
