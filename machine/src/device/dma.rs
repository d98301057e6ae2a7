//! Memory lent to devices.
use crate::OutOfMemory;
use crate::memory::info::Kind;
use crate::memory::{PAGE_SIZE, bytes, percpu};
use crate::paging::direct_map;

/// Physically contiguous memory that a device may read and write; owned, zeroed, reached only by copies.
pub struct DmaBuffer {
    first: u32,
    pages: usize,
}
impl DmaBuffer {
    /// At least `length` bytes (whole pages, at most 4 MiB).
    pub fn new(length: usize) -> Result<Self, OutOfMemory> {
        let pages = length.div_ceil(PAGE_SIZE).max(1);
        let first = percpu::allocate_run(pages, Kind::Device)?;
        let buffer = DmaBuffer { first, pages };
        for page in 0..pages {
            // SAFETY: a page of the buffer, which is nobody else's yet.
            unsafe { bytes::zero_page(buffer.address().add(page * PAGE_SIZE)) };
        }
        Ok(buffer)
    }
    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.pages * PAGE_SIZE
    }
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The device's address.
    pub(crate) fn physical(&self) -> u64 {
        u64::from(self.first) * PAGE_SIZE as u64
    }
    /// The kernel's address.
    pub(crate) fn address(&self) -> *mut u8 {
        direct_map(self.physical())
    }
    fn check(&self, offset: usize, length: usize) {
        let inside = offset.checked_add(length).is_some_and(|end| end <= self.len());
        assert!(inside, "{length} bytes at {offset} in a DMA buffer of {}", self.len());
    }
    /// Copies out; panics outside the buffer.
    pub fn read(&self, offset: usize, into: &mut [u8]) {
        self.check(offset, into.len());
        // SAFETY: inside the buffer; the device may change it meanwhile, which an opaque copy allows.
        unsafe { bytes::copy(into.as_mut_ptr(), self.address().add(offset), into.len()) };
    }
    /// Copies in; panics outside the buffer.
    pub fn write(&mut self, offset: usize, from: &[u8]) {
        self.check(offset, from.len());
        // SAFETY: as for `read`.
        unsafe { bytes::copy(self.address().add(offset), from.as_ptr(), from.len()) };
    }
}
impl Drop for DmaBuffer {
    fn drop(&mut self) {
        percpu::free_run(self.first, self.pages, Kind::Device);
    }
}
