//! What the boot loader told us (PVH start info), copied out of reach before memory is handed out.
#[cfg(target_os = "none")]
mod assembly;
pub(crate) mod image;
mod pvh;
mod start;

pub(crate) use pvh::command_line;
pub use start::start;

use crate::memory::Frame;
use crate::seam::PhysicalRange;
use alloc::vec::Vec;

/// The boot loader's description of the machine.
pub struct BootInfo {
    /// Kernel command line.
    pub command_line: &'static str,
    /// The initial RAM file system, empty when there is none. The bytes stay valid until [`BootInfo::free_initramfs`].
    pub initramfs: InitramfsImage,
}

/// The initramfs as the loader left it in physical memory.
pub struct InitramfsImage {
    range: PhysicalRange,
}
impl InitramfsImage {
    pub(crate) fn new(range: PhysicalRange) -> Self {
        InitramfsImage { range }
    }
    /// Length in bytes.
    pub fn len(&self) -> usize {
        (self.range.end - self.range.start) as usize
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Copies bytes out of the image; returns how many were there.
    pub fn read(&self, _offset: usize, _into: &mut [u8]) -> usize {
        todo!()
    }
    /// Gives page-aligned whole pages of the image as frames without copying (their memory then belongs to the frames).
    pub fn take_frames(&self, _offset: usize, _pages: usize) -> Option<Vec<Frame>> {
        todo!()
    }
    /// Returns the image's remaining memory to the allocator; later reads give 0 bytes.
    pub fn free(&self) {
        todo!()
    }
}
