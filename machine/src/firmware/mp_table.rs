//! Intel's MultiProcessor table: what machines without ACPI have.
use super::physical::Physical;
use super::{IoApicInfo, Platform};

/// Reads the table, if there is one.
pub(super) fn read(memory: &Physical, platform: &mut Platform) -> Option<()> {
    let mut places = (0x9_fc00..0xa_0000u64).step_by(16).chain((0xe_0000..0x10_0000).step_by(16));
    let pointer = places
        .find(|&address| memory.read::<[u8; 4]>(address) == Some(*b"_MP_") && memory.sums_to_zero(address, 16))?;
    let table = memory.word(pointer + 4)? as u64;
    if memory.read::<[u8; 4]>(table)? != *b"PCMP" {
        return None;
    }
    let (no_cpus, no_io_apics) = (platform.apic_ids.is_empty(), platform.io_apics.is_empty());
    // The count of entries may be 0 (qboot): the length is what holds.
    let end = table + memory.read::<u16>(table + 4)? as u64;
    let mut at = table + 44;
    while at + 8 <= end {
        match memory.byte(at)? {
            0 => {
                if no_cpus && memory.byte(at + 3)? & 1 != 0 {
                    platform.apic_ids.push(memory.byte(at + 1)?);
                }
                at += 20;
                continue;
            }
            2 if no_io_apics && memory.byte(at + 3)? & 1 != 0 => {
                platform.io_apics.push(IoApicInfo { address: memory.word(at + 4)? as u64, first_line: 0 });
            }
            _ => (),
        }
        at += 8;
    }
    Some(())
}
