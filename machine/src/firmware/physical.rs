//! Bounds-checked reads of firmware tables through the direct map.
use crate::paging;

/// Firmware tables lie below this address on every machine there is.
const LIMIT: u64 = 1 << 32;

/// Reads physical memory that no Rust object lives in: tables of the firmware and of the boot loader.
pub(crate) struct Physical(());

impl Physical {
    /// Access to physical memory.
    pub(crate) fn new() -> Self {
        Physical(())
    }
    /// Reads a plain little-endian value; `None` beyond the first 4 GiB.
    pub(crate) fn read<T: Plain>(&self, address: u64) -> Option<T> {
        let end = address.checked_add(size_of::<T>() as u64)?;
        if end > LIMIT {
            return None;
        }
        // SAFETY: the direct map has the first 4 GiB; every bit pattern is a value of `T`. Nobody writes tables of the
        // firmware, and what lies elsewhere is read as bytes nobody interprets.
        Some(unsafe { paging::direct_map(address).cast::<T>().read_unaligned() })
    }
    /// Reads a 1-byte value.
    pub(crate) fn byte(&self, address: u64) -> Option<u8> {
        self.read(address)
    }
    /// Reads a 4-byte value.
    pub(crate) fn word(&self, address: u64) -> Option<u32> {
        self.read(address)
    }
    /// Whether the bytes of a range add up to 0, as in every ACPI and MP structure.
    pub(crate) fn sums_to_zero(&self, address: u64, length: u64) -> bool {
        let mut sum = 0u8;
        for offset in 0..length {
            match self.byte(address + offset) {
                Some(byte) => sum = sum.wrapping_add(byte),
                None => return false,
            }
        }
        true
    }
}

/// Types for which every bit pattern is a value.
pub(crate) trait Plain: Copy {}
impl Plain for u8 {}
impl Plain for u16 {}
impl Plain for u32 {}
impl Plain for u64 {}
impl<T: Plain, const N: usize> Plain for [T; N] {}
