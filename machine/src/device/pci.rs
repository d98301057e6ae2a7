//! PCI: finding modern virtio functions, their registers and their interrupt line.
use super::registers::QueueRegisters;
use super::{PciVirtio, Registers, VirtioTransport};
use crate::instructions::{in32, out32};
use crate::interrupt::Line;
use crate::{firmware, paging};
use alloc::vec::Vec;

const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;

const VENDOR: u8 = 0x00;
const COMMAND: u8 = 0x04;
const HEADER_TYPE: u8 = 0x0c;
const FIRST_BAR: u8 = 0x10;
const CAPABILITIES: u8 = 0x34;
const INTERRUPT: u8 = 0x3c;

const COMMAND_MEMORY: u32 = 1 << 1;
const COMMAND_MASTER: u32 = 1 << 2;
const COMMAND_NO_INTX: u32 = 1 << 10;
const STATUS_CAPABILITIES: u32 = 1 << 20;

const VENDOR_VIRTIO: u32 = 0x1af4;
const HOST_BRIDGE_Q35: u32 = 0x29c0_8086;
const CAPABILITY_VENDOR: u32 = 0x09;

/// In the common configuration.
const QUEUE: QueueRegisters = QueueRegisters { size: 0x18, size_width: 2, addresses: [0x20, 0x28, 0x30] };

/// One function of a device.
#[derive(Clone, Copy)]
struct Function {
    bus: u8,
    slot: u8,
    function: u8,
}

impl Function {
    fn select(&self, register: u8) {
        let address = 1 << 31
            | (self.bus as u32) << 16
            | (self.slot as u32) << 11
            | (self.function as u32) << 8
            | (register & 0xfc) as u32;
        // SAFETY: selects a configuration register; only this module uses the pair of ports, during discovery.
        unsafe { out32(ADDRESS, address) };
    }
    fn read(&self, register: u8) -> u32 {
        self.select(register);
        in32(DATA)
    }
    fn read8(&self, register: u8) -> u8 {
        (self.read(register) >> ((register & 3) * 8)) as u8
    }
    /// # Safety
    /// The register's new value must not make the device reach memory in use.
    unsafe fn write(&self, register: u8, value: u32) {
        self.select(register);
        // SAFETY: by this function's contract.
        unsafe { out32(DATA, value) };
    }
    fn exists(&self) -> bool {
        self.read(VENDOR) & 0xffff != 0xffff
    }
    /// The address in a memory BAR; `None` for I/O and unassigned ones.
    fn bar(&self, index: u8) -> Option<u64> {
        const IO: u32 = 1;
        const WIDE: u32 = 0b100;
        if index > 5 {
            return None;
        }
        let register = FIRST_BAR + index * 4;
        let low = self.read(register);
        if low & IO != 0 {
            return None;
        }
        let high = if low & 0b110 == WIDE && index < 5 { self.read(register + 4) } else { 0 };
        let address = (high as u64) << 32 | (low & !0xf) as u64;
        (address != 0).then_some(address)
    }
    /// The interrupt line of the function's INTx pin.
    fn line(&self) -> Line {
        let interrupt = self.read(INTERRUPT);
        let (wired, pin) = (interrupt & 0xff, interrupt >> 8 & 0xff);
        let host = Function { bus: 0, slot: 0, function: 0 };
        // On q35 the pins of bus 0 lead to PIRQ E to H, rotated by slot (the chipset's default), which are lines 20 to 23.
        let gsi = if host.read(VENDOR) == HOST_BRIDGE_Q35 && self.bus == 0 && self.slot < 25 && pin > 0 {
            20 + (self.slot as u32 + pin - 1) % 4
        } else {
            wired
        };
        Line { gsi, level: true, active_low: false }
    }
    fn capabilities(&self) -> impl Iterator<Item = u8> + '_ {
        let has = self.read(COMMAND) & STATUS_CAPABILITIES != 0;
        let mut next = if has { self.read8(CAPABILITIES) & 0xfc } else { 0 };
        // A loop in the list ends after as many as fit.
        (0..48).map_while(move |_| {
            let this = next;
            if this < 0x40 {
                return None;
            }
            next = self.read8(this + 1) & 0xfc;
            Some(this)
        })
    }
    /// Maps a virtio structure that a capability describes.
    fn map(&self, capability: u8) -> Option<Registers> {
        let bar = self.bar(self.read8(capability + 4))?;
        let (offset, length) = (self.read(capability + 8) as u64, self.read(capability + 12) as usize);
        let base = paging::map_device(bar.checked_add(offset)?, length.max(1))?;
        // SAFETY: just mapped, for good; a virtio device touches memory only through its queues.
        Some(unsafe { Registers::new(base, length) })
    }
}

/// The transport of a modern virtio function.
fn virtio(function: Function) -> Option<VirtioTransport> {
    const COMMON: u8 = 1;
    const NOTIFY: u8 = 2;
    const ISR: u8 = 3;
    const DEVICE: u8 = 4;
    let identity = function.read(VENDOR);
    if identity & 0xffff != VENDOR_VIRTIO {
        return None;
    }
    // Transitional functions tell their type by the subsystem id; modern ones are 0x1040 + type.
    let device_id = match identity >> 16 {
        id @ 0x1040..=0x107f => id as u16 - 0x1040,
        0x1000..=0x103f => (function.read(0x2c) >> 16) as u16,
        _ => return None,
    };
    let (mut common, mut notify, mut isr, mut config, mut multiplier) = (None, None, None, None, 0);
    for capability in function.capabilities() {
        if function.read(capability) & 0xff != CAPABILITY_VENDOR {
            continue;
        }
        // The first structure of each type is the preferred one.
        match function.read8(capability + 3) {
            COMMON if common.is_none() => {
                common = function.map(capability).map(|registers| registers.with_queue(QUEUE))
            }
            NOTIFY if notify.is_none() => {
                notify = function.map(capability);
                multiplier = function.read(capability + 16);
            }
            ISR if isr.is_none() => isr = function.map(capability),
            DEVICE if config.is_none() => config = function.map(capability),
            _ => (),
        }
    }
    let found = PciVirtio {
        device_id,
        common: common?,
        notify: notify?,
        notify_multiplier: multiplier,
        isr: isr?,
        config,
        line: function.line(),
    };
    let command = function.read(COMMAND) & 0xffff & !COMMAND_NO_INTX;
    // SAFETY: the device may master the bus now; it is in reset and has no queues yet.
    unsafe { function.write(COMMAND, command | COMMAND_MEMORY | COMMAND_MASTER) };
    Some(VirtioTransport::Pci(found))
}

/// Finds all virtio functions.
pub(super) fn discover(out: &mut Vec<VirtioTransport>) {
    let host = Function { bus: 0, slot: 0, function: 0 };
    // Without ACPI's table of PCI and without an answer at the ports there is no PCI.
    if firmware::pci_configuration().is_none() && !host.exists() {
        return;
    }
    let last = firmware::pci_configuration().map_or(0, |(_, _, last)| last);
    for bus in 0..=last {
        // Empty buses are the rule: one look at the first slot of those behind bridges is not enough, but a bus that no
        // bridge leads to answers nothing.
        if bus > 0 && !is_behind_bridge(bus) {
            continue;
        }
        for slot in 0..32 {
            let first = Function { bus, slot, function: 0 };
            if !first.exists() {
                continue;
            }
            let several = first.read(HEADER_TYPE) >> 23 & 1 == 1;
            for function in 0..if several { 8 } else { 1 } {
                let function = Function { bus, slot, function };
                if function.exists() {
                    out.extend(virtio(function));
                }
            }
        }
    }
}

/// Whether a bridge on bus 0 leads to a bus.
fn is_behind_bridge(bus: u8) -> bool {
    const SECONDARY: u8 = 0x18;
    (0..32u8).flat_map(|slot| (0..8).map(move |function| Function { bus: 0, slot, function })).any(|function| {
        function.exists()
            && function.read(HEADER_TYPE) >> 16 & 0x7f == 1
            && function.read(SECONDARY) >> 8 & 0xff == bus as u32
    })
}
