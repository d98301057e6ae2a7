//! What the firmware's tables say about the platform: ACPI, else the MP table, else what a PC has had since 1981.
mod acpi;
mod mp_table;
pub(crate) mod physical;

use crate::cpu::MAX_CPUS;
use crate::instructions::{in16, out8, out16};
use crate::interrupt::Line;
use crate::sync::Once;
use physical::Physical;

/// An I/O APIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoApicInfo {
    /// Physical address of its registers.
    pub address: u64,
    /// Its first global system interrupt.
    pub first_line: u32,
}

/// Where one of the old ISA interrupts leads.
#[derive(Clone, Copy, Debug)]
struct Override {
    irq: u8,
    line: Line,
}

/// A register in memory or I/O space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    Memory(u64),
    Port(u16),
}

/// A virtio-mmio slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MmioSlot {
    pub address: u64,
    pub length: u64,
    pub line: u32,
}

/// A list of fixed capacity; what does not fit is dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Few<T: Copy, const N: usize>([Option<T>; N]);
impl<T: Copy, const N: usize> Few<T, N> {
    const fn new() -> Self {
        Few([None; N])
    }
    pub(crate) fn push(&mut self, value: T) {
        if let Some(slot) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(value);
        }
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.0.iter().flatten().copied()
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// Everything found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Platform {
    apic_ids: Few<u8, MAX_CPUS>,
    io_apics: Few<IoApicInfo, 8>,
    overrides: Few<Override, 16>,
    mmio_slots: Few<MmioSlot, 32>,
    /// Sleep control register of hardware-reduced ACPI.
    sleep_control: Option<Location>,
    /// PM1a control port, and the value of its sleep type for S5.
    pm1a_control: Option<u16>,
    sleep_type: u8,
    reset: Option<(Location, u8)>,
    /// PCI configuration space in memory: address, first and last bus.
    pci_configuration: Option<(u64, u8, u8)>,
    /// Port of the ACPI timer.
    timer_port: Option<u16>,
}

static PLATFORM: Once<Platform> = Once::new();

/// Reads the tables. `root` is the RSDP's address from the loader, 0 if it gave none.
pub(crate) fn initialize(root: u64) {
    let mut platform = Platform {
        apic_ids: Few::new(),
        io_apics: Few::new(),
        overrides: Few::new(),
        mmio_slots: Few::new(),
        sleep_control: None,
        pm1a_control: None,
        sleep_type: 0,
        reset: None,
        pci_configuration: None,
        timer_port: None,
    };
    let memory = Physical::new();
    if let Some(root) = acpi::find_root(&memory, root) {
        acpi::read(&memory, root, &mut platform);
    }
    if platform.apic_ids.is_empty() || platform.io_apics.is_empty() {
        mp_table::read(&memory, &mut platform);
    }
    if platform.io_apics.is_empty() {
        platform.io_apics.push(IoApicInfo { address: 0xfec0_0000, first_line: 0 });
    }
    let _ = PLATFORM.set(platform);
}

fn platform() -> Option<&'static Platform> {
    PLATFORM.get()
}

/// APIC ids of all usable CPUs.
pub(crate) fn apic_ids() -> impl Iterator<Item = u8> {
    platform().into_iter().flat_map(|platform| platform.apic_ids.iter())
}

/// All I/O APICs.
pub(crate) fn io_apics() -> impl Iterator<Item = IoApicInfo> {
    platform().into_iter().flat_map(|platform| platform.io_apics.iter())
}

/// virtio-mmio slots that ACPI describes.
pub(crate) fn mmio_slots() -> impl Iterator<Item = MmioSlot> {
    platform().into_iter().flat_map(|platform| platform.mmio_slots.iter())
}

/// PCI configuration space in memory: address, first and last bus.
pub(crate) fn pci_configuration() -> Option<(u64, u8, u8)> {
    platform()?.pci_configuration
}

/// Port of the ACPI timer, which counts 3,579,545 times a second.
pub(crate) fn timer_port() -> Option<u16> {
    platform()?.timer_port
}

/// The line an ISA interrupt is wired to.
pub(crate) fn isa_line(irq: u8) -> Line {
    let special = platform()
        .and_then(|platform| platform.overrides.iter().find(|entry| entry.irq == irq).map(|entry| entry.line));
    special.unwrap_or(Line { gsi: irq as u32, level: false, active_low: false })
}

fn write_register(location: Location, value: u8) {
    match location {
        // SAFETY: the firmware names this register for power control; the machine ends.
        Location::Port(port) => unsafe { out8(port, value) },
        Location::Memory(address) => {
            if let Some(register) = crate::paging::map_device(address, 1) {
                // SAFETY: as above, and the register was just mapped.
                unsafe { register.write_volatile(value) };
            }
        }
    }
}

/// Powers off by ACPI; returns if that is not possible.
pub(crate) fn power_off() {
    const SLEEP_ENABLE: u8 = 1 << 5;
    let Some(platform) = platform() else { return };
    if let Some(control) = platform.sleep_control {
        write_register(control, platform.sleep_type << 2 | SLEEP_ENABLE);
    }
    if let Some(port) = platform.pm1a_control {
        let value = in16(port) & !(7 << 10) | (platform.sleep_type as u16) << 10 | 1 << 13;
        // SAFETY: the firmware names this port for power control; the machine ends.
        unsafe { out16(port, value) };
    }
}

/// Resets by ACPI; returns if that is not possible.
pub(crate) fn reset() {
    if let Some((location, value)) = platform().and_then(|platform| platform.reset) {
        write_register(location, value);
    }
}
