//! Split virtqueues (virtio 1.2, section 2.7) that own the buffers they lend to the device.
//!
//! The device is not trusted: everything needed to take requests back is kept in private memory, and what the device writes
//! into the used ring is checked. A device can delay or garble its data, nothing more.
mod ring;
#[cfg(test)]
mod tests;

use crate::{OutOfMemory, device::DmaBuffer, memory::Frame, memory::PAGE_SIZE};
use alloc::vec::Vec;
use core::mem::ManuallyDrop;
use ring::{Descriptor, Ring};

/// One piece of a request.
pub enum Piece {
    /// Part of a DMA buffer: `offset`, `length`.
    Buffer(DmaBuffer, usize, usize),
    /// Part of an untyped frame (page cache, user): `offset`, `length`.
    Frame(Frame, usize, usize),
}
impl Piece {
    /// Device address and length; panics if the piece is not inside its memory.
    fn place(&self) -> (u64, u32) {
        let (base, size, offset, length) = match self {
            Piece::Buffer(buffer, offset, length) => (buffer.physical(), buffer.len(), *offset, *length),
            Piece::Frame(frame, offset, length) => (frame.physical(), PAGE_SIZE, *offset, *length),
        };
        let inside = offset.checked_add(length).is_some_and(|end| end <= size);
        assert!(inside, "a piece of {length} bytes at {offset} in {size}");
        (base + offset as u64, length as u32)
    }
}
/// A request: what the device reads, then what it writes. Pieces of length 0 are left out.
pub struct Request {
    /// Device-readable pieces.
    pub readable: Vec<Piece>,
    /// Device-writable pieces.
    pub writable: Vec<Piece>,
}

/// A request the device has.
struct Lent {
    token: u64,
    request: Request,
    writable: usize,
}
/// A virtqueue in memory of its own. Not synchronized: keep it under a spin lock.
pub struct Virtqueue {
    // Both are never freed while the device may use them: see `drop`.
    ring: ManuallyDrop<Ring>,
    /// By first descriptor.
    lent: ManuallyDrop<Vec<Option<Lent>>>,
    /// The descriptor after one in its chain; itself at the end.
    next: Vec<u16>,
    free: Vec<u16>,
    /// Used entries taken so far.
    taken: u16,
}
impl Virtqueue {
    /// A queue of `size` descriptors (a power of two, at most 32768).
    pub fn new(size: u16) -> Result<Self, OutOfMemory> {
        assert!(size.is_power_of_two(), "queue size {size}");
        let count = usize::from(size);
        let (mut lent, mut next, mut free) = (Vec::new(), Vec::new(), Vec::new());
        let reserved =
            lent.try_reserve_exact(count).and(next.try_reserve_exact(count)).and(free.try_reserve_exact(count));
        reserved.map_err(|_| OutOfMemory)?;
        lent.resize_with(count, || None);
        next.extend(0..size);
        free.extend((0..size).rev());
        let (ring, lent) = (ManuallyDrop::new(Ring::new(size)?), ManuallyDrop::new(lent));
        Ok(Virtqueue { ring, lent, next, free, taken: 0 })
    }
    /// Number of descriptors.
    pub fn size(&self) -> u16 {
        self.ring.size()
    }
    /// Device addresses of descriptor table, available ring, used ring, for [`crate::device::Registers::set_queue`].
    pub(crate) fn addresses(&self) -> [u64; 3] {
        self.ring.addresses()
    }
    /// Queues a request under a token of the caller's; gives it back if there is no room (or nothing in it). The caller then
    /// notifies the device if [`Virtqueue::needs_notification`].
    pub fn add(&mut self, request: Request, token: u64) -> Result<(), Request> {
        let zero_page = |piece: &Piece| matches!(piece, Piece::Frame(frame, ..) if frame.is_zero_page());
        assert!(!request.writable.iter().any(zero_page), "the zero page lent for writing");
        let places = |pieces: &[Piece]| pieces.iter().filter(|piece| piece.place().1 > 0).count();
        let count = places(&request.readable) + places(&request.writable);
        if count == 0 || count > self.free.len() {
            return Err(request);
        }
        let (mut head, mut previous, mut writable) = (None, None::<u16>, 0usize);
        let readable = request.readable.iter().map(|piece| (piece, false));
        let pieces = readable.chain(request.writable.iter().map(|piece| (piece, true)));
        let mut left = count;
        for (piece, writes) in pieces {
            let (address, length) = piece.place();
            let Some(index) = (length > 0).then(|| self.free.pop()).flatten() else { continue };
            left -= 1;
            if writes {
                writable += length as usize;
            }
            if let Some(previous) = previous {
                self.next[usize::from(previous)] = index;
            }
            self.next[usize::from(index)] = index;
            // The next one is what `free` gives then.
            let next = if left > 0 { self.free.last().copied() } else { None };
            self.ring.describe(index, Descriptor { address, length, writes, next });
            head.get_or_insert(index);
            previous = Some(index);
        }
        if let Some(head) = head {
            self.lent[usize::from(head)] = Some(Lent { token, request, writable });
            self.ring.offer(head);
        }
        Ok(())
    }
    /// Whether the device wants a notification for what was added.
    pub fn needs_notification(&self) -> bool {
        self.ring.wants_notification()
    }
    /// Asks the device for interrupts when it has used something, or not to bother; either is only a hint to it. When turning
    /// them on, look for used requests once more afterwards.
    pub fn set_interrupts(&mut self, on: bool) {
        self.ring.set_interrupts(on);
    }
    /// Whether [`Virtqueue::take_used`] may have something.
    pub fn has_used(&self) -> bool {
        self.ring.used_index() != self.taken
    }
    /// The next completed request: its token, the request, bytes the device wrote (never more than the writable pieces hold).
    /// Entries that name no request the device has are skipped.
    pub fn take_used(&mut self) -> Option<(u64, Request, usize)> {
        // A device that runs wild with its index is followed for one round of the ring per call at most.
        for _ in 0..=self.ring.size() {
            if !self.has_used() {
                return None;
            }
            let (id, length) = self.ring.used(self.taken);
            self.taken = self.taken.wrapping_add(1);
            let lent = usize::try_from(id).ok().and_then(|id| self.lent.get_mut(id)).and_then(Option::take);
            let Some(lent) = lent else { continue };
            let mut index = id as u16;
            loop {
                self.free.push(index);
                let next = self.next[usize::from(index)];
                if next == index {
                    break;
                }
                index = next;
            }
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(lent.writable);
            return Some((lent.token, lent.request, length));
        }
        None
    }
    /// Descriptors free now.
    pub fn free_descriptors(&self) -> usize {
        self.free.len()
    }
}
// What the device has cannot be taken away from it: rings and lent buffers are leaked if the queue goes. Drivers keep queues
// for as long as the machine runs.
impl Drop for Virtqueue {
    fn drop(&mut self) {}
}
