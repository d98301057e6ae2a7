//! Devices for safe drivers: what the platform has, and register access that cannot leave the device.
mod mmio;
mod pci;
mod registers;

pub use registers::Registers;

use crate::{OutOfMemory, interrupt::Line};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

/// A virtio transport found on the platform.
pub enum VirtioTransport {
    /// virtio-mmio version 2 with its interrupt line.
    Mmio(Registers, Line),
    /// virtio-pci, modern: common, notify (with multiplier), ISR and device configuration, and MSI-X or INTx.
    Pci(PciVirtio),
}
/// The pieces of a modern virtio-pci function.
pub struct PciVirtio {
    /// The virtio device id (e.g. 3 for console, 9 for 9P).
    pub device_id: u16,
    /// Common configuration.
    pub common: Registers,
    /// Queue notifications.
    pub notify: Registers,
    /// Bytes between queues' notification registers.
    pub notify_multiplier: u32,
    /// Interrupt status.
    pub isr: Registers,
    /// Device-specific configuration.
    pub config: Option<Registers>,
    /// The function's interrupt (INTx line; MSI-X is left for later).
    pub line: Line,
}
/// Finds every virtio device: ACPI or command-line or probed mmio slots, and PCI. Each device is given out once.
pub fn virtio_devices() -> Vec<VirtioTransport> {
    static GIVEN: AtomicBool = AtomicBool::new(false);
    let mut devices = Vec::new();
    if !GIVEN.swap(true, Ordering::AcqRel) {
        mmio::discover(crate::boot::command_line(), &mut devices);
        pci::discover(&mut devices);
    }
    devices
}

/// Physically contiguous memory that a device may read and write; owned, zeroed, reached only by copies.
pub struct DmaBuffer {}
impl DmaBuffer {
    /// At least `length` bytes (whole pages, at most 4 MiB).
    pub fn new(_length: usize) -> Result<Self, OutOfMemory> {
        todo!()
    }
    /// Length in bytes.
    pub fn len(&self) -> usize {
        todo!()
    }
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Copies out; panics outside the buffer.
    pub fn read(&self, _offset: usize, _into: &mut [u8]) {
        todo!()
    }
    /// Copies in; panics outside the buffer.
    pub fn write(&mut self, _offset: usize, _from: &[u8]) {
        todo!()
    }
}
