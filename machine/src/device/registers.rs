//! Register access that cannot leave the device, nor lead the device to memory that was not lent to it.
use crate::virtqueue::Virtqueue;
use core::ops::Range;
use core::ptr::NonNull;

/// A device's memory-mapped registers. Accesses are volatile, bounds-checked and naturally aligned.
pub struct Registers {
    base: NonNull<u8>,
    length: usize,
    queue: Option<QueueRegisters>,
}

/// Where a virtio device is told about the selected queue. Only [`Registers::set_queue`] writes there.
#[derive(Clone, Copy)]
pub(super) struct QueueRegisters {
    /// The queue's size, which is this many bytes wide.
    pub size: usize,
    pub size_width: usize,
    /// Addresses of descriptors, available ring and used ring.
    pub addresses: [usize; 3],
}
impl QueueRegisters {
    /// Whether a write of `range` would change one of them.
    #[inline(always)]
    fn overlaps(&self, range: &Range<usize>) -> bool {
        let touches = |start: usize, width: usize| range.start < start + width && start < range.end;
        touches(self.size, self.size_width) || self.addresses.iter().any(|&start| touches(start, 8))
    }
}

// SAFETY: every access is one volatile load or store; what the device makes of several CPUs' is the driver's business.
unsafe impl Send for Registers {}
// SAFETY: as above.
unsafe impl Sync for Registers {}

macro_rules! access {
    ($read:ident, $write:ident, $type:ty) => {
        /// Reads a register (zero outside the device).
        #[inline(always)]
        pub fn $read(&self, offset: usize) -> $type {
            match self.place::<$type>(offset) {
                // SAFETY: mapped, in bounds and aligned, by `place`.
                Some(place) => unsafe { place.read_volatile() },
                None => 0,
            }
        }
        /// Writes a register (nothing happens outside the device, nor at a queue's size and addresses).
        #[inline(always)]
        pub fn $write(&self, offset: usize, value: $type) {
            let range = offset..offset.saturating_add(size_of::<$type>());
            if self.queue.is_some_and(|queue| queue.overlaps(&range)) {
                return;
            }
            if let Some(place) = self.place::<$type>(offset) {
                // SAFETY: mapped, in bounds and aligned, by `place`. The device is one whose registers make it touch
                // memory only where virtqueues of this crate say so.
                unsafe { place.write_volatile(value) }
            }
        }
    };
}

impl Registers {
    /// Registers at a mapping that stays.
    ///
    /// # Safety
    /// `base` is a device mapping of `length` bytes that is never unmapped, of a device that touches memory only through
    /// virtqueues.
    pub(super) unsafe fn new(base: NonNull<u8>, length: usize) -> Self {
        Registers { base, length, queue: None }
    }
    /// The same, of a virtio transport's register block.
    pub(super) fn with_queue(self, queue: QueueRegisters) -> Self {
        Registers { queue: Some(queue), ..self }
    }
    /// Tells a virtio device the size and the addresses of the selected queue (mmio registers or PCI's common configuration).
    /// The caller selected the queue before, and enables it afterwards. False if these are no such registers.
    pub fn set_queue(&self, queue: &Virtqueue) -> bool {
        let Some(registers) = self.queue else { return false };
        let free = Registers { base: self.base, length: self.length, queue: None };
        if registers.size_width == 2 {
            free.write16(registers.size, queue.size());
        } else {
            free.write32(registers.size, queue.size().into());
        }
        for (offset, address) in registers.addresses.into_iter().zip(queue.addresses()) {
            free.write64(offset, address);
        }
        true
    }
    #[inline(always)]
    fn place<T>(&self, offset: usize) -> Option<*mut T> {
        let end = offset.checked_add(size_of::<T>())?;
        let place = self.base.as_ptr().wrapping_add(offset).cast::<T>();
        (end <= self.length && place.is_aligned()).then_some(place)
    }
    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.length
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    access!(read8, write8, u8);
    access!(read16, write16, u16);
    access!(read32, write32, u32);
    /// Writes a 64-bit register as two 32-bit halves, low first.
    pub fn write64(&self, offset: usize, value: u64) {
        self.write32(offset, value as u32);
        self.write32(offset.wrapping_add(4), (value >> 32) as u32);
    }
}
