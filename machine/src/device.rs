//! Devices for safe drivers: what the platform has, and register access that cannot leave the device.
mod dma;
mod mmio;
mod pci;
mod registers;

pub use dma::DmaBuffer;
pub use registers::Registers;

use crate::interrupt::Line;
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
