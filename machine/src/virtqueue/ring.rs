//! The three rings as the device sees them.
use crate::OutOfMemory;
use crate::device::DmaBuffer;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering, fence};

const NEXT: u64 = 1;
const WRITE: u64 = 2;
const NO_NOTIFY: u16 = 1;
const NO_INTERRUPT: u16 = 1;

/// A descriptor's content.
pub(super) struct Descriptor {
    pub(super) address: u64,
    pub(super) length: u32,
    pub(super) writes: bool,
    pub(super) next: Option<u16>,
}

/// Descriptor table, available ring and used ring in one DMA buffer. The device reads the first two and writes the third.
pub(super) struct Ring {
    memory: DmaBuffer,
    size: u16,
    /// The available ring's index as written last; the device could change the one in memory.
    offered: u16,
}
impl Ring {
    pub(super) fn new(size: u16) -> Result<Self, OutOfMemory> {
        let ring = usize::from(size);
        let memory = DmaBuffer::new(Self::used_at(ring) + 6 + 8 * ring)?;
        Ok(Ring { memory, size, offered: 0 })
    }
    fn available_at(size: usize) -> usize {
        16 * size
    }
    fn used_at(size: usize) -> usize {
        (Self::available_at(size) + 6 + 2 * size).next_multiple_of(4)
    }
    pub(super) fn size(&self) -> u16 {
        self.size
    }
    pub(super) fn addresses(&self) -> [u64; 3] {
        let (base, size) = (self.memory.physical(), usize::from(self.size));
        [base, base + Self::available_at(size) as u64, base + Self::used_at(size) as u64]
    }
    /// A word of the rings, as an atomic of type `A`.
    fn word<A>(&self, offset: usize) -> &A {
        assert!(offset.is_multiple_of(align_of::<A>()) && offset + size_of::<A>() <= self.memory.len());
        // SAFETY: inside the buffer and aligned (the buffer begins a page); atomics may be shared with the device.
        unsafe { &*self.memory.address().add(offset).cast::<A>() }
    }
    fn word16(&self, offset: usize) -> &AtomicU16 {
        self.word(offset)
    }
    /// Fills a descriptor; `index` is below the size.
    pub(super) fn describe(&self, index: u16, descriptor: Descriptor) {
        let at = usize::from(index) * 16;
        let flags = if descriptor.writes { WRITE } else { 0 } | if descriptor.next.is_some() { NEXT } else { 0 };
        let next = u64::from(descriptor.next.unwrap_or(0));
        self.word::<AtomicU64>(at).store(descriptor.address, Ordering::Relaxed);
        let rest = u64::from(descriptor.length) | flags << 32 | next << 48;
        self.word::<AtomicU64>(at + 8).store(rest, Ordering::Relaxed);
    }
    /// Makes a chain of descriptors available.
    pub(super) fn offer(&mut self, head: u16) {
        let available = Self::available_at(usize::from(self.size));
        let slot = usize::from(self.offered & (self.size - 1));
        self.word16(available + 4 + 2 * slot).store(head, Ordering::Relaxed);
        self.offered = self.offered.wrapping_add(1);
        self.word16(available + 2).store(self.offered, Ordering::Release);
    }
    /// Whether the device has not asked to be left alone.
    pub(super) fn wants_notification(&self) -> bool {
        // The index must be out before the flags are looked at.
        fence(Ordering::SeqCst);
        self.word16(Self::used_at(usize::from(self.size))).load(Ordering::Relaxed) & NO_NOTIFY == 0
    }
    pub(super) fn set_interrupts(&self, on: bool) {
        let flags = if on { 0 } else { NO_INTERRUPT };
        self.word16(Self::available_at(usize::from(self.size))).store(flags, Ordering::Relaxed);
        // Before the caller looks at the used ring.
        fence(Ordering::SeqCst);
    }
    /// The device's index of the used ring.
    pub(super) fn used_index(&self) -> u16 {
        self.word16(Self::used_at(usize::from(self.size)) + 2).load(Ordering::Acquire)
    }
    /// An entry of the used ring: first descriptor and length, as the device claims.
    pub(super) fn used(&self, position: u16) -> (u32, u32) {
        let entry = Self::used_at(usize::from(self.size)) + 4 + 8 * usize::from(position & (self.size - 1));
        let word = |offset| self.word::<AtomicU32>(offset).load(Ordering::Relaxed);
        (word(entry), word(entry + 4))
    }
}
