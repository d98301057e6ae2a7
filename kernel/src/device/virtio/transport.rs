//! The two ways to reach a virtio device (virtio 1.2, sections 4.1 and 4.2) behind one trait.
use crate::sync::{SpinLock, rank};
use machine::device::{PciVirtio, Registers};
use machine::interrupt::Line;
use machine::virtqueue::Virtqueue;

/// Bits of the device status register.
pub mod status {
    #![allow(missing_docs)]
    pub const ACKNOWLEDGE: u8 = 1;
    pub const DRIVER: u8 = 2;
    pub const DRIVER_OK: u8 = 4;
    pub const FEATURES_OK: u8 = 8;
    pub const FAILED: u8 = 128;
}

/// Interrupt cause: a queue has used buffers.
pub const INTERRUPT_QUEUE: u8 = 1;
/// Interrupt cause: the device's configuration changed.
pub const INTERRUPT_CONFIGURATION: u8 = 2;

/// Access to one device's registers. Methods may be called from any CPU; register pairs are protected inside.
pub trait Transport: Send + Sync {
    /// The virtio device id (3 console, 9 9P transport), 0 for an empty slot.
    fn device_id(&self) -> u32;
    /// The device status.
    fn status(&self) -> u8;
    /// Sets the device status; 0 resets the device.
    fn set_status(&self, status: u8);
    /// What the device offers.
    fn device_features(&self) -> u64;
    /// What the driver takes.
    fn set_driver_features(&self, features: u64);
    /// The largest size of a queue, 0 if there is no such queue.
    fn queue_size_limit(&self, index: u16) -> u16;
    /// Tells the device where a queue is and enables it. False if there is no such queue.
    fn enable_queue(&self, index: u16, queue: &Virtqueue) -> bool;
    /// Tells the device that a queue has new buffers.
    fn notify(&self, index: u16);
    /// Reads and acknowledges the causes of an interrupt. Interrupt context.
    fn acknowledge_interrupt(&self) -> u8;
    /// The interrupt line.
    fn line(&self) -> Line;
    /// Reads bytes of the device's configuration, zeros past its end.
    fn read_configuration(&self, offset: usize, into: &mut [u8]);
    /// Changes whenever the configuration did between two reads.
    fn configuration_generation(&self) -> u32;
}

/// Register offsets of virtio-mmio.
mod mmio {
    pub const MAGIC: usize = 0x00;
    pub const VERSION: usize = 0x04;
    pub const DEVICE_ID: usize = 0x08;
    pub const DEVICE_FEATURES: usize = 0x10;
    pub const DEVICE_FEATURES_SELECT: usize = 0x14;
    pub const DRIVER_FEATURES: usize = 0x20;
    pub const DRIVER_FEATURES_SELECT: usize = 0x24;
    pub const QUEUE_SELECT: usize = 0x30;
    pub const QUEUE_SIZE_LIMIT: usize = 0x34;
    pub const QUEUE_READY: usize = 0x44;
    pub const QUEUE_NOTIFY: usize = 0x50;
    pub const INTERRUPT_STATUS: usize = 0x60;
    pub const INTERRUPT_ACKNOWLEDGE: usize = 0x64;
    pub const STATUS: usize = 0x70;
    pub const GENERATION: usize = 0xfc;
    pub const CONFIGURATION: usize = 0x100;
    /// "virt".
    pub const MAGIC_VALUE: u32 = 0x7472_6976;
}

/// virtio-mmio, version 2.
pub struct MmioTransport {
    registers: Registers,
    line: Line,
    /// Held while a selector register and what it selects are used.
    selection: SpinLock<()>,
}
impl MmioTransport {
    /// The device in these registers; `None` if they are no virtio-mmio device of version 2.
    pub fn new(registers: Registers, line: Line) -> Option<Self> {
        let known = registers.read32(mmio::MAGIC) == mmio::MAGIC_VALUE && registers.read32(mmio::VERSION) == 2;
        known.then(|| MmioTransport { registers, line, selection: SpinLock::new(rank::LEAF, ()) })
    }
}
impl Transport for MmioTransport {
    fn device_id(&self) -> u32 {
        self.registers.read32(mmio::DEVICE_ID)
    }
    fn status(&self) -> u8 {
        self.registers.read32(mmio::STATUS) as u8
    }
    fn set_status(&self, status: u8) {
        self.registers.write32(mmio::STATUS, status.into());
    }
    fn device_features(&self) -> u64 {
        let _selection = self.selection.lock();
        self.registers.write32(mmio::DEVICE_FEATURES_SELECT, 0);
        let low = self.registers.read32(mmio::DEVICE_FEATURES);
        self.registers.write32(mmio::DEVICE_FEATURES_SELECT, 1);
        u64::from(self.registers.read32(mmio::DEVICE_FEATURES)) << 32 | u64::from(low)
    }
    fn set_driver_features(&self, features: u64) {
        let _selection = self.selection.lock();
        self.registers.write32(mmio::DRIVER_FEATURES_SELECT, 0);
        self.registers.write32(mmio::DRIVER_FEATURES, features as u32);
        self.registers.write32(mmio::DRIVER_FEATURES_SELECT, 1);
        self.registers.write32(mmio::DRIVER_FEATURES, (features >> 32) as u32);
    }
    fn queue_size_limit(&self, index: u16) -> u16 {
        let _selection = self.selection.lock();
        self.registers.write32(mmio::QUEUE_SELECT, index.into());
        u16::try_from(self.registers.read32(mmio::QUEUE_SIZE_LIMIT)).unwrap_or(u16::MAX)
    }
    fn enable_queue(&self, index: u16, queue: &Virtqueue) -> bool {
        let _selection = self.selection.lock();
        self.registers.write32(mmio::QUEUE_SELECT, index.into());
        if self.registers.read32(mmio::QUEUE_SIZE_LIMIT) < queue.size().into() {
            return false;
        }
        if !self.registers.set_queue(queue) {
            return false;
        }
        self.registers.write32(mmio::QUEUE_READY, 1);
        true
    }
    fn notify(&self, index: u16) {
        self.registers.write32(mmio::QUEUE_NOTIFY, index.into());
    }
    fn acknowledge_interrupt(&self) -> u8 {
        let causes = self.registers.read32(mmio::INTERRUPT_STATUS);
        if causes != 0 {
            self.registers.write32(mmio::INTERRUPT_ACKNOWLEDGE, causes);
        }
        causes as u8
    }
    fn line(&self) -> Line {
        self.line
    }
    fn read_configuration(&self, offset: usize, into: &mut [u8]) {
        read_bytes(&self.registers, mmio::CONFIGURATION.wrapping_add(offset), into);
    }
    fn configuration_generation(&self) -> u32 {
        self.registers.read32(mmio::GENERATION)
    }
}

/// Register offsets of virtio-pci's common configuration.
mod pci {
    pub const DEVICE_FEATURES_SELECT: usize = 0x00;
    pub const DEVICE_FEATURES: usize = 0x04;
    pub const DRIVER_FEATURES_SELECT: usize = 0x08;
    pub const DRIVER_FEATURES: usize = 0x0c;
    pub const STATUS: usize = 0x14;
    pub const GENERATION: usize = 0x15;
    pub const QUEUE_SELECT: usize = 0x16;
    pub const QUEUE_SIZE: usize = 0x18;
    pub const QUEUE_ENABLE: usize = 0x1c;
    pub const QUEUE_NOTIFY_OFFSET: usize = 0x1e;
}
/// Most queues whose notification offsets are remembered.
const PCI_QUEUES: usize = 128;

/// virtio-pci, modern interface, with the function's INTx line.
pub struct PciTransport {
    function: PciVirtio,
    /// Held while the queue selector and what it selects are used; holds the notification offset of every enabled queue.
    selection: SpinLock<()>,
    offsets: [core::sync::atomic::AtomicU32; PCI_QUEUES],
}
impl PciTransport {
    /// The device behind these registers.
    pub fn new(function: PciVirtio) -> Self {
        let offsets = [const { core::sync::atomic::AtomicU32::new(u32::MAX) }; PCI_QUEUES];
        PciTransport { function, selection: SpinLock::new(rank::LEAF, ()), offsets }
    }
}
impl Transport for PciTransport {
    fn device_id(&self) -> u32 {
        self.function.device_id.into()
    }
    fn status(&self) -> u8 {
        self.function.common.read8(pci::STATUS)
    }
    fn set_status(&self, status: u8) {
        self.function.common.write8(pci::STATUS, status);
    }
    fn device_features(&self) -> u64 {
        let _selection = self.selection.lock();
        let common = &self.function.common;
        common.write32(pci::DEVICE_FEATURES_SELECT, 0);
        let low = common.read32(pci::DEVICE_FEATURES);
        common.write32(pci::DEVICE_FEATURES_SELECT, 1);
        u64::from(common.read32(pci::DEVICE_FEATURES)) << 32 | u64::from(low)
    }
    fn set_driver_features(&self, features: u64) {
        let _selection = self.selection.lock();
        let common = &self.function.common;
        common.write32(pci::DRIVER_FEATURES_SELECT, 0);
        common.write32(pci::DRIVER_FEATURES, features as u32);
        common.write32(pci::DRIVER_FEATURES_SELECT, 1);
        common.write32(pci::DRIVER_FEATURES, (features >> 32) as u32);
    }
    fn queue_size_limit(&self, index: u16) -> u16 {
        let _selection = self.selection.lock();
        self.function.common.write16(pci::QUEUE_SELECT, index);
        self.function.common.read16(pci::QUEUE_SIZE)
    }
    fn enable_queue(&self, index: u16, queue: &Virtqueue) -> bool {
        let _selection = self.selection.lock();
        let common = &self.function.common;
        common.write16(pci::QUEUE_SELECT, index);
        let Some(offset) = self.offsets.get(usize::from(index)) else { return false };
        if common.read16(pci::QUEUE_SIZE) < queue.size() {
            return false;
        }
        if !common.set_queue(queue) {
            return false;
        }
        let notify = u32::from(common.read16(pci::QUEUE_NOTIFY_OFFSET));
        let notify = notify.saturating_mul(self.function.notify_multiplier);
        offset.store(notify, core::sync::atomic::Ordering::Release);
        common.write16(pci::QUEUE_ENABLE, 1);
        true
    }
    fn notify(&self, index: u16) {
        if let Some(offset) = self.offsets.get(usize::from(index)) {
            let offset = offset.load(core::sync::atomic::Ordering::Acquire);
            if let Ok(offset) = usize::try_from(offset) {
                self.function.notify.write16(offset, index);
            }
        }
    }
    fn acknowledge_interrupt(&self) -> u8 {
        self.function.isr.read8(0)
    }
    fn line(&self) -> Line {
        self.function.line
    }
    fn read_configuration(&self, offset: usize, into: &mut [u8]) {
        match &self.function.config {
            Some(registers) => read_bytes(registers, offset, into),
            None => into.fill(0),
        }
    }
    fn configuration_generation(&self) -> u32 {
        self.function.common.read8(pci::GENERATION).into()
    }
}

fn read_bytes(registers: &Registers, offset: usize, into: &mut [u8]) {
    for (index, byte) in into.iter_mut().enumerate() {
        *byte = registers.read8(offset.wrapping_add(index));
    }
}
