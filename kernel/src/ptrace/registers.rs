//! The general registers in the layouts of ptrace(2): `struct user_regs_struct` of 64-bit programs, and of 32-bit ones.
use crate::error::*;
use machine::thread::Stopped;

use super::resume::FLAG_TRAP;

/// Words of the 64-bit structure.
pub const COUNT: usize = 27;
/// Words (of 4 bytes) of the 32-bit structure.
pub const COUNT_32: usize = 17;

/// Places in the 64-bit structure; the first 15 are those of `pt_regs`.
mod place {
    pub const R15: usize = 0;
    pub const R14: usize = 1;
    pub const R13: usize = 2;
    pub const R12: usize = 3;
    pub const RBP: usize = 4;
    pub const RBX: usize = 5;
    pub const R11: usize = 6;
    pub const R10: usize = 7;
    pub const R9: usize = 8;
    pub const R8: usize = 9;
    pub const RAX: usize = 10;
    pub const RCX: usize = 11;
    pub const RDX: usize = 12;
    pub const RSI: usize = 13;
    pub const RDI: usize = 14;
    pub const ORIGINAL_RAX: usize = 15;
    pub const RIP: usize = 16;
    pub const CS: usize = 17;
    pub const FLAGS: usize = 18;
    pub const RSP: usize = 19;
    pub const SS: usize = 20;
    pub const FS_BASE: usize = 21;
    pub const GS_BASE: usize = 22;
    pub const DS: usize = 23;
    pub const ES: usize = 24;
    pub const FS: usize = 25;
    pub const GS: usize = 26;
}
/// Which place of the 64-bit structure each word of the 32-bit one shows.
const ORDER_32: [usize; COUNT_32] = [
    place::RBX,
    place::RCX,
    place::RDX,
    place::RSI,
    place::RDI,
    place::RBP,
    place::RAX,
    place::DS,
    place::ES,
    place::FS,
    place::GS,
    place::ORIGINAL_RAX,
    place::RIP,
    place::CS,
    place::FLAGS,
    place::RSP,
    place::SS,
];

/// The registers of a stopped thread. `forced`: the trap flag is the tracer's and not shown.
pub fn read(stopped: &Stopped<'_>, forced: bool) -> [u64; COUNT] {
    let frame = stopped.frame();
    let selectors = stopped.selectors();
    let flags = if forced { frame.flags() & !FLAG_TRAP } else { frame.flags() };
    [
        frame.r15,
        frame.r14,
        frame.r13,
        frame.r12,
        frame.rbp,
        frame.rbx,
        frame.r11,
        frame.r10,
        frame.r9,
        frame.r8,
        frame.rax,
        frame.rcx,
        frame.rdx,
        frame.rsi,
        frame.rdi,
        frame.original_rax,
        frame.instruction_pointer(),
        frame.code_segment(),
        flags,
        frame.stack_pointer(),
        frame.stack_segment(),
        stopped.fs_base(),
        stopped.gs_base(),
        selectors.ds.into(),
        selectors.es.into(),
        selectors.fs.into(),
        selectors.gs.into(),
    ]
}

/// As [`read`], in the 32-bit layout.
pub fn read_32(stopped: &Stopped<'_>, forced: bool) -> [u32; COUNT_32] {
    let all = read(stopped, forced);
    ORDER_32.map(|place| all.get(place).map_or(0, |value| *value as u32))
}

/// Sets one register; EIO for what it cannot hold. Whether the trap flag is the tracer's after it: as `forced` says before.
pub fn write(stopped: &mut Stopped<'_>, index: usize, value: u64, forced: bool) -> Result<bool> {
    let frame = stopped.frame_mut();
    match index {
        place::R15 => frame.r15 = value,
        place::R14 => frame.r14 = value,
        place::R13 => frame.r13 = value,
        place::R12 => frame.r12 = value,
        place::RBP => frame.rbp = value,
        place::RBX => frame.rbx = value,
        place::R11 => frame.r11 = value,
        place::R10 => frame.r10 = value,
        place::R9 => frame.r9 = value,
        place::R8 => frame.r8 = value,
        place::RAX => frame.rax = value,
        place::RCX => frame.rcx = value,
        place::RDX => frame.rdx = value,
        place::RSI => frame.rsi = value,
        place::RDI => frame.rdi = value,
        place::ORIGINAL_RAX => frame.original_rax = value,
        place::RIP => frame.set_instruction_pointer(value),
        place::RSP => frame.set_stack_pointer(value),
        place::CS => {
            let stack = frame.stack_segment();
            return frame.set_segments(value & 0xffff, stack).then_some(forced).ok_or(EIO);
        }
        place::SS => {
            let code = frame.code_segment();
            return frame.set_segments(code, value & 0xffff).then_some(forced).ok_or(EIO);
        }
        place::FLAGS => {
            // A trap flag in the value is the program's own; without one the tracer's stays.
            let forced = forced && value & FLAG_TRAP == 0;
            frame.set_flags(if forced { value | FLAG_TRAP } else { value });
            return Ok(forced);
        }
        place::FS_BASE => return stopped.set_fs_base(value).then_some(forced).ok_or(EIO),
        place::GS_BASE => return stopped.set_gs_base(value).then_some(forced).ok_or(EIO),
        place::DS | place::ES | place::FS | place::GS => write_selector(stopped, index, value as u16)?,
        _ => return Err(EIO),
    }
    Ok(forced)
}

/// Sets the selector of a data segment: none, or one of ring 3; EIO.
fn write_selector(stopped: &mut Stopped<'_>, index: usize, value: u16) -> Result<()> {
    if value != 0 && value & 3 != 3 {
        return Err(EIO);
    }
    let mut selectors = stopped.selectors();
    match index {
        place::DS => selectors.ds = value,
        place::ES => selectors.es = value,
        place::FS => selectors.fs = value,
        _ => selectors.gs = value,
    }
    stopped.set_selectors(selectors);
    Ok(())
}

/// As [`write`], with the index of the 32-bit layout; what is not in it stays as it is.
pub fn write_32(stopped: &mut Stopped<'_>, index: usize, value: u32, forced: bool) -> Result<bool> {
    let place = *ORDER_32.get(index).ok_or(EIO)?;
    let value = match place {
        // A small negative number is one.
        place::ORIGINAL_RAX => value as i32 as u64,
        _ => value.into(),
    };
    write(stopped, place, value, forced)
}
