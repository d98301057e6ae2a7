//! I/O APICs: they turn the platform's lines into vectors.
use crate::firmware;
use crate::paging;
use crate::sync::{IrqLock, Rank};
use core::ptr::NonNull;

/// Most I/O APICs used.
const MAX: usize = 8;
const VERSION: u32 = 1;
const REDIRECTION: u32 = 0x10;
const LEVEL: u32 = 1 << 15;
const ACTIVE_LOW: u32 = 1 << 13;
const MASKED: u32 = 1 << 16;

#[derive(Clone, Copy)]
struct IoApic {
    registers: NonNull<u8>,
    first: u32,
    lines: u32,
}
// SAFETY: the registers are used under the lock below only.
unsafe impl Send for IoApic {}

static IO_APICS: IrqLock<[Option<IoApic>; MAX]> = IrqLock::new(Rank(u16::MAX - 2, "I/O APICs"), [None; MAX]);

impl IoApic {
    fn read(&self, register: u32) -> u32 {
        // SAFETY: the mapping is one page: the select register at 0, the window at 16; callers hold the lock.
        unsafe {
            self.registers.cast::<u32>().write_volatile(register);
            self.registers.add(16).cast::<u32>().read_volatile()
        }
    }
    fn write(&self, register: u32, value: u32) {
        // SAFETY: as for `read`.
        unsafe {
            self.registers.cast::<u32>().write_volatile(register);
            self.registers.add(16).cast::<u32>().write_volatile(value);
        }
    }
}

/// Maps all I/O APICs and masks their lines. Boot CPU.
pub(crate) fn initialize() {
    for (slot, found) in firmware::io_apics().enumerate() {
        // Mapping takes the lock of the kernel's page tables, which ranks before this table's.
        let Some(registers) = paging::map_device(found.address, 4096) else { continue };
        let mut io_apic = IoApic { registers, first: found.first_line, lines: 0 };
        io_apic.lines = (io_apic.read(VERSION) >> 16 & 0xff) + 1;
        for line in 0..io_apic.lines {
            io_apic.write(REDIRECTION + 2 * line, MASKED);
        }
        if let Some(place) = IO_APICS.lock().get_mut(slot) {
            *place = Some(io_apic);
        }
    }
}

/// Leads a line to a vector on the boot CPU. False if no I/O APIC has the line.
pub(super) fn route(line: super::Line, vector: u8, apic_id: u32) -> bool {
    let table = IO_APICS.lock();
    for io_apic in table.iter().flatten() {
        let Some(index) = line.gsi.checked_sub(io_apic.first).filter(|&index| index < io_apic.lines) else { continue };
        let mode = if line.level { LEVEL } else { 0 } | if line.active_low { ACTIVE_LOW } else { 0 };
        io_apic.write(REDIRECTION + 2 * index + 1, apic_id << 24);
        io_apic.write(REDIRECTION + 2 * index, mode | vector as u32);
        return true;
    }
    false
}
