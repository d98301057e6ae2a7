//! virtio-mmio slots: those ACPI describes, those the command line names, or the usual place.
use super::registers::QueueRegisters;
use super::{Registers, VirtioTransport};
use crate::firmware::{self, MmioSlot};
use crate::interrupt::Line;
use crate::paging;
use alloc::vec::Vec;

const MAGIC: usize = 0x00;
const VERSION: usize = 0x04;
const DEVICE_ID: usize = 0x08;
const QUEUE: QueueRegisters = QueueRegisters { size: 0x38, size_width: 4, addresses: [0x80, 0x90, 0xa0] };
/// "virt"
const MAGIC_VALUE: u32 = 0x7472_6976;

/// Parses `SIZE@ADDRESS:LINE[:ID]`, as Linux does: decimal, octal or hexadecimal, with K, M, G.
fn parse_slot(text: &str) -> Option<MmioSlot> {
    let (length, rest) = text.split_once('@')?;
    let mut parts = rest.split(':');
    let address = parse_number(parts.next()?)?;
    let line = parse_number(parts.next()?)?;
    Some(MmioSlot { address, length: parse_number(length)?, line: u32::try_from(line).ok()? })
}

fn parse_number(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 10),
        b'm' | b'M' => (&text[..text.len() - 1], 20),
        b'g' | b'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16),
        None => digits.parse(),
    };
    value.ok()?.checked_mul(1 << shift)
}

/// The device in a slot, if it is one of version 2.
fn transport(slot: MmioSlot) -> Option<VirtioTransport> {
    let length = usize::try_from(slot.length).ok().filter(|&length| (0x100..=0x10000).contains(&length))?;
    let base = paging::map_device(slot.address, length)?;
    // SAFETY: just mapped, for good. A virtio device touches memory only through its queues; the magic number is checked
    // before anything is written.
    let registers = unsafe { Registers::new(base, length) }.with_queue(QUEUE);
    if registers.read32(MAGIC) != MAGIC_VALUE || registers.read32(DEVICE_ID) == 0 {
        return None;
    }
    if registers.read32(VERSION) != 2 {
        crate::console::print(format_args!(
            "machine: the virtio device at {:#x} is a legacy one; start QEMU with \
             -global virtio-mmio.force-legacy=false\n",
            slot.address
        ));
        return None;
    }
    // The line follows the device's interrupt status: as an edge, a change during the acknowledgement would be lost.
    Some(VirtioTransport::Mmio(registers, Line { gsi: slot.line, level: true, active_low: false }))
}

/// Finds all virtio-mmio devices.
pub(super) fn discover(command_line: &str, out: &mut Vec<VirtioTransport>) {
    let named = command_line.split_ascii_whitespace().filter_map(|word| word.strip_prefix("virtio_mmio.device="));
    let mut slots: Vec<MmioSlot> = Vec::new();
    for slot in firmware::mmio_slots().chain(named.filter_map(parse_slot)) {
        if !slots.iter().any(|known| known.address == slot.address) {
            slots.push(slot);
        }
    }
    out.extend(slots.into_iter().filter_map(transport));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_the_command_line() {
        let slot = MmioSlot { address: 0xfeb0_0e00, length: 512, line: 12 };
        assert_eq!(parse_slot("512@0xfeb00e00:12"), Some(slot));
        assert_eq!(parse_slot("0x200@0xfeb00e00:12:7"), Some(slot));
        assert_eq!(parse_slot("4K@0xd0000000:5"), Some(MmioSlot { address: 0xd000_0000, length: 4096, line: 5 }));
        assert_eq!(parse_slot("512@0xfeb00e00"), None);
        assert_eq!(parse_slot("@:"), None);
    }
}
