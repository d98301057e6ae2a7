//! ACPI tables: CPUs and I/O APICs (MADT), power (FADT), PCI (MCFG), and two things from the DSDT that can be found
//! without an interpreter: virtio-mmio slots and the sleep type of S5.
use super::physical::Physical;
use super::{IoApicInfo, Location, MmioSlot, Override, Platform};
use crate::interrupt::Line;

/// Finds the root pointer: where the loader says, else in the BIOS area.
pub(super) fn find_root(memory: &Physical, given: u64) -> Option<u64> {
    let is_root =
        |address: u64| memory.read::<[u8; 8]>(address) == Some(*b"RSD PTR ") && memory.sums_to_zero(address, 20);
    if given != 0 && is_root(given) {
        return Some(given);
    }
    let extended = (memory.read::<u16>(0x40e)? as u64) << 4;
    let area = if (0x8_0000..0xa_0000).contains(&extended) { extended..(extended + 1024).min(0xa_0000) } else { 0..0 };
    area.step_by(16).chain((0xe_0000..0x10_0000).step_by(16)).find(|&address| is_root(address))
}

/// Reads all tables.
pub(super) fn read(memory: &Physical, root: u64, platform: &mut Platform) -> Option<()> {
    let revision = memory.byte(root + 15)?;
    let extended = if revision >= 2 { memory.read::<u64>(root + 24)? } else { 0 };
    let (table, width) = if extended != 0 { (extended, 8) } else { (memory.word(root + 16)? as u64, 4) };
    let length = memory.word(table + 4)? as u64;
    let mut at = 36;
    while at + width <= length.min(65536) {
        let entry = if width == 8 { memory.read::<u64>(table + at)? } else { memory.word(table + at)? as u64 };
        at += width;
        let length = memory.word(entry + 4)? as u64;
        match &memory.read::<[u8; 4]>(entry)? {
            b"APIC" => read_madt(memory, entry, length, platform),
            b"FACP" => read_fadt(memory, entry, length, platform),
            b"MCFG" if length >= 60 => {
                let base = memory.read::<u64>(entry + 44)?;
                platform.pci_configuration = Some((base, memory.byte(entry + 54)?, memory.byte(entry + 55)?));
                Some(())
            }
            _ => Some(()),
        };
    }
    Some(())
}

fn read_madt(memory: &Physical, table: u64, length: u64, platform: &mut Platform) -> Option<()> {
    let mut at = table + 44;
    while at + 2 <= table + length {
        let (kind, size) = (memory.byte(at)?, memory.byte(at + 1)?);
        match kind {
            // Enabled, or able to be.
            0 if memory.word(at + 4)? & 3 != 0 => platform.apic_ids.push(memory.byte(at + 3)?),
            1 => platform
                .io_apics
                .push(IoApicInfo { address: memory.word(at + 4)? as u64, first_line: memory.word(at + 8)? }),
            2 => {
                let flags = memory.read::<u16>(at + 8)?;
                let line = Line { gsi: memory.word(at + 4)?, level: flags >> 2 & 3 == 3, active_low: flags & 3 == 3 };
                platform.overrides.push(Override { irq: memory.byte(at + 3)?, line });
            }
            _ => (),
        }
        at += size.max(2) as u64;
    }
    Some(())
}

/// A generic address structure.
fn location(memory: &Physical, at: u64) -> Option<Location> {
    let address = memory.read::<u64>(at + 4)?;
    match memory.byte(at)? {
        _ if address == 0 => None,
        0 => Some(Location::Memory(address)),
        1 => Some(Location::Port(u16::try_from(address).ok()?)),
        _ => None,
    }
}

fn read_fadt(memory: &Physical, table: u64, length: u64, platform: &mut Platform) -> Option<()> {
    const RESET_SUPPORTED: u32 = 1 << 10;
    const HARDWARE_REDUCED: u32 = 1 << 20;
    let flags = if length >= 116 { memory.word(table + 112)? } else { 0 };
    if length >= 129 && flags & RESET_SUPPORTED != 0 {
        platform.reset = location(memory, table + 116).zip(memory.byte(table + 128));
    }
    let dsdt = memory.word(table + 40)? as u64;
    read_dsdt(memory, dsdt, platform);
    if flags & HARDWARE_REDUCED != 0 {
        if length >= 256 {
            platform.sleep_control = location(memory, table + 244);
        }
    } else {
        platform.pm1a_control = u16::try_from(memory.word(table + 64)?).ok().filter(|&port| port != 0);
        platform.timer_port = u16::try_from(memory.word(table + 76)?).ok().filter(|&port| port != 0);
    }
    Some(())
}

fn read_dsdt(memory: &Physical, table: u64, platform: &mut Platform) -> Option<()> {
    let length = memory.word(table + 4)? as u64;
    let end = table + length.min(1 << 20);
    let mut at = table + 36;
    while at + 8 < end {
        let first = memory.byte(at)?;
        // Name (_S5_, Package (n) { type, ...
        if first == b'_' && memory.read::<[u8; 4]>(at) == Some(*b"_S5_") {
            platform.sleep_type = sleep_type(memory, at + 4).unwrap_or(platform.sleep_type);
        }
        if first == b'L'
            && memory.read::<[u8; 8]>(at) == Some(*b"LNRO0005")
            && let Some(slot) = mmio_slot(memory, at + 8, end)
        {
            platform.mmio_slots.push(slot);
        }
        at += 1;
    }
    Some(())
}

/// The first element of the package that follows a name.
fn sleep_type(memory: &Physical, at: u64) -> Option<u8> {
    const PACKAGE: u8 = 0x12;
    const BYTE: u8 = 0x0a;
    if memory.byte(at)? != PACKAGE {
        return None;
    }
    // The package's length takes 1 to 4 bytes, then comes the number of elements.
    let element = at + 1 + (memory.byte(at + 1)? >> 6) as u64 + 2;
    match memory.byte(element)? {
        BYTE => memory.byte(element + 1),
        small @ (0 | 1) => Some(small),
        _ => None,
    }
}

/// The resources of a virtio-mmio device: a fixed memory range and an extended interrupt, soon after its name.
fn mmio_slot(memory: &Physical, from: u64, end: u64) -> Option<MmioSlot> {
    let end = end.min(from + 160);
    let (mut range, mut at) = (None, from);
    while at + 12 <= end {
        match memory.read::<[u8; 3]>(at)? {
            [0x86, 9, 0] => {
                range = Some((memory.word(at + 4)? as u64, memory.word(at + 8)? as u64));
                at += 12;
            }
            [0x89, 6, 0] => {
                let (address, length) = range?;
                return Some(MmioSlot { address, length, line: memory.word(at + 5)? });
            }
            _ => at += 1,
        }
    }
    None
}
