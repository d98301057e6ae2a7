//! Register access that cannot leave the device.
use core::ptr::NonNull;

/// A device's memory-mapped registers. Accesses are volatile, bounds-checked and naturally aligned.
pub struct Registers {
    base: NonNull<u8>,
    length: usize,
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
        /// Writes a register (nothing happens outside the device).
        #[inline(always)]
        pub fn $write(&self, offset: usize, value: $type) {
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
        Registers { base, length }
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
