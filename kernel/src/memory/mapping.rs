//! The page cache object of a file ("mapping"): serves files, tmpfs, shm, memfd and shared anonymous memory.
use crate::error::Result;
use alloc::sync::Arc;
use machine::memory::Frame;

/// How a mapping gets pages it does not hold.
pub trait PageSource: Send + Sync {
    /// Fills a zeroed frame with page `index` of the file; may sleep. Bytes past the end stay zero.
    fn read_page(&self, index: u64, frame: &Frame) -> Result<()>;
    /// Writes a dirty page back. Memory-only file systems keep it (`Ok`).
    fn write_page(&self, index: u64, frame: &Frame) -> Result<()>;
    /// Whether pages can be dropped under memory pressure (file systems with a backing store).
    fn is_reclaimable(&self) -> bool;
}

/// The cached pages of one file.
pub struct Mapping {}
impl Mapping {
    /// An empty cache over a source; memory-only files (tmpfs) have none and start with zero pages.
    pub fn new(_source: Option<Arc<dyn PageSource>>) -> Self {
        todo!()
    }
    /// The page at `index`, read in if need be (may sleep).
    pub fn page(&self, _index: u64) -> Result<Frame> {
        todo!()
    }
    /// The page only if it is there and up to date (no sleep).
    pub fn cached(&self, _index: u64) -> Option<Frame> {
        todo!()
    }
    /// Puts a page the file system already has (initramfs without copying).
    pub fn insert(&self, _index: u64, _frame: Frame) -> Result<()> {
        todo!()
    }
    /// Marks a page dirty.
    pub fn set_dirty(&self, _index: u64) {
        todo!()
    }
    /// Drops pages at and after `size`, zeroes the tail of the last one, and unmaps them from every address space.
    pub fn truncate(&self, _size: u64) {
        todo!()
    }
    /// Frees whole pages in a range (hole punching), unmapping them.
    pub fn punch(&self, _range: core::ops::Range<u64>) {
        todo!()
    }
    /// Writes dirty pages back.
    pub fn sync(&self) -> Result<()> {
        todo!()
    }
    /// Pages held.
    pub fn pages(&self) -> usize {
        todo!()
    }
    /// The first held page index at or after `index` (SEEK_DATA, SEEK_HOLE).
    pub fn next_page(&self, _index: u64) -> Option<u64> {
        todo!()
    }
}
