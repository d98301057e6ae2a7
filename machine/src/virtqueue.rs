//! Split virtqueues (virtio 1.2, section 2.7) that own the buffers they lend to the device.
use crate::{OutOfMemory, device::DmaBuffer, memory::Frame};
use alloc::vec::Vec;

/// One piece of a request.
pub enum Piece {
    /// Part of a DMA buffer: `offset`, `length`.
    Buffer(DmaBuffer, usize, usize),
    /// Part of an untyped frame (page cache, user): `offset`, `length`.
    Frame(Frame, usize, usize),
}
/// A request: what the device reads, then what it writes.
pub struct Request {
    /// Device-readable pieces.
    pub readable: Vec<Piece>,
    /// Device-writable pieces.
    pub writable: Vec<Piece>,
}
/// A virtqueue in memory of its own. Not synchronized: keep it under a spin lock.
pub struct Virtqueue {}
impl Virtqueue {
    /// A queue of `size` descriptors (a power of two).
    pub fn new(_size: u16) -> Result<Self, OutOfMemory> {
        todo!()
    }
    /// Number of descriptors.
    pub fn size(&self) -> u16 {
        todo!()
    }
    /// Device addresses of descriptor table, available ring, used ring, for the transport's registers.
    pub fn addresses(&self) -> [u64; 3] {
        todo!()
    }
    /// Queues a request under a token of the caller's; gives it back if there is no room. The caller then notifies the device
    /// if [`Virtqueue::needs_notification`].
    pub fn add(&mut self, _request: Request, _token: u64) -> Result<(), Request> {
        todo!()
    }
    /// Whether the device wants a notification for what was added.
    pub fn needs_notification(&self) -> bool {
        todo!()
    }
    /// The next completed request: its token, the request, bytes the device wrote (never more than the writable pieces hold).
    pub fn take_used(&mut self) -> Option<(u64, Request, usize)> {
        todo!()
    }
    /// Descriptors free now.
    pub fn free_descriptors(&self) -> usize {
        todo!()
    }
}
