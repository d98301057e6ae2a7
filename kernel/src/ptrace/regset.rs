//! Sets of registers as ptrace(2) copies them: PTRACE_GETREGSET and its older kin.
use super::fpu_32;
use super::registers::{self, COUNT, COUNT_32};
use super::state::mode;
use super::tracee::{look, while_asleep};
use crate::error::*;
use crate::process::{Task, segments};
use abi::elf::{NT_386_TLS, NT_PRFPREG, NT_PRSTATUS, NT_PRXFPREG, NT_X86_XSTATE};
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::entry::UserFrame;
use machine::thread::{Stopped, fpu_features, fpu_state_size};

/// Bytes of `struct user_fpregs_struct` and of an FXSAVE area.
pub const FPU_SIZE: usize = 512;
/// Where the FXSAVE area has room for the kernel's notes: which components there are.
const COMPONENTS: usize = 464;
const HEADER: usize = 512;

/// A set of registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Set {
    /// NT_PRSTATUS.
    General,
    /// NT_PRSTATUS of a 32-bit tracee.
    General32,
    /// NT_PRFPREG, or NT_PRXFPREG of a 32-bit tracee.
    Fpu,
    /// NT_PRFPREG of a 32-bit tracee.
    Fpu32,
    /// NT_X86_XSTATE.
    Extended,
    /// NT_386_TLS: the thread-local segments of a 32-bit tracee.
    Segments,
}

impl Set {
    /// The set of an ELF note's number, for a tracee in 64-bit or 32-bit mode; EINVAL.
    pub fn of_note(note: u64, long_mode: bool) -> Result<Set> {
        match (u32::try_from(note).map_err(|_| EINVAL)?, long_mode) {
            (NT_PRSTATUS, true) => Ok(Set::General),
            (NT_PRSTATUS, false) => Ok(Set::General32),
            (NT_PRFPREG, true) | (NT_PRXFPREG, false) => Ok(Set::Fpu),
            (NT_PRFPREG, false) => Ok(Set::Fpu32),
            (NT_X86_XSTATE, _) => Ok(Set::Extended),
            (NT_386_TLS, false) => Ok(Set::Segments),
            _ => Err(EINVAL),
        }
    }
    /// Bytes in all.
    pub fn size(self) -> usize {
        match self {
            Set::General => COUNT * 8,
            Set::General32 => COUNT_32 * 4,
            Set::Fpu => FPU_SIZE,
            Set::Fpu32 => fpu_32::SIZE,
            Set::Extended => fpu_state_size(),
            Set::Segments => segments::DESCRIPTIONS_SIZE,
        }
    }
    /// Bytes of one register.
    pub fn unit(self) -> usize {
        match self {
            Set::General32 | Set::Fpu | Set::Fpu32 => 4,
            Set::Segments => segments::DESCRIPTION_SIZE,
            _ => 8,
        }
    }
}

/// Whether the tracee is in 64-bit mode.
pub fn is_long_mode(tracee: &Arc<Task>) -> Result<bool> {
    look(tracee, |stopped| stopped.frame().is_64_bit())
}

fn is_forced(tracee: &Task) -> bool {
    tracee.trace.mode() & mode::FORCED_FLAG != 0
}

fn buffer(size: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size)?;
    bytes.resize(size, 0);
    Ok(bytes)
}

fn put(bytes: &mut [u8], from: &[u8]) {
    bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// Reads a whole set.
pub fn read(tracee: &Arc<Task>, set: Set) -> Result<Vec<u8>> {
    read_by(tracee, set, |fill| look(tracee, |stopped| fill(stopped)))
}

/// As [`read`], of the current thread, whose user registers are in `frame`.
pub(crate) fn read_own(task: &Task, frame: &mut UserFrame, set: Set) -> Result<Vec<u8>> {
    read_by(task, set, |fill| {
        task.thread().while_current(frame, |stopped| fill(stopped));
        Ok(())
    })
}

/// As [`read`], of a thread that is about to sleep in the kernel and stays asleep.
pub(crate) fn read_asleep(task: &Task, set: Set) -> Result<Vec<u8>> {
    read_by(task, set, |fill| {
        while_asleep(task, |stopped| fill(stopped));
        Ok(())
    })
}

/// Reads a set; `see` shows what it is read from.
fn read_by(task: &Task, set: Set, see: impl FnOnce(&mut dyn FnMut(&Stopped<'_>)) -> Result<()>) -> Result<Vec<u8>> {
    // Some sets are made from the legacy area.
    let mut bytes = buffer(set.size().max(FPU_SIZE))?;
    let forced = is_forced(task);
    see(&mut |stopped| fill(stopped, set, forced, &mut bytes))?;
    bytes.truncate(set.size());
    Ok(bytes)
}

fn fill(stopped: &Stopped<'_>, set: Set, forced: bool, bytes: &mut [u8]) {
    match set {
        Set::General => {
            for (place, value) in bytes.chunks_exact_mut(8).zip(registers::read(stopped, forced)) {
                place.copy_from_slice(&value.to_ne_bytes());
            }
        }
        Set::General32 => {
            for (place, value) in bytes.chunks_exact_mut(4).zip(registers::read_32(stopped, forced)) {
                place.copy_from_slice(&value.to_ne_bytes());
            }
        }
        Set::Fpu => {
            stopped.read_fpu(bytes);
        }
        Set::Fpu32 => {
            stopped.read_fpu(bytes);
            let segments = (stopped.frame().code_segment() as u16, stopped.selectors().ds);
            let old = fpu_32::from_fxsave(bytes, segments);
            put(bytes, &old);
        }
        Set::Extended => {
            stopped.read_fpu(bytes);
            if let Some(place) = bytes.get_mut(COMPONENTS..FPU_SIZE) {
                place.fill(0);
                put(place, &fpu_features().to_ne_bytes());
            }
        }
        Set::Segments => put(bytes, segments::describe(|place| stopped.local_segment(place)).as_flattened()),
    }
}

/// Changes a set from its beginning, as far as `from` goes.
pub fn write(tracee: &Arc<Task>, set: Set, from: &[u8]) -> Result<()> {
    let forced = is_forced(tracee);
    match set {
        Set::General => {
            let words = from.chunks_exact(8).map(|raw| raw.try_into().map_or(0, u64::from_ne_bytes));
            let forced = look(tracee, |stopped| {
                words
                    .enumerate()
                    .try_fold(forced, |forced, (index, value)| registers::write(stopped, index, value, forced))
            })??;
            note_forced(tracee, forced);
            Ok(())
        }
        Set::General32 => {
            let words = from.chunks_exact(4).map(|raw| raw.try_into().map_or(0, u32::from_ne_bytes));
            let forced = look(tracee, |stopped| {
                let each = |forced, (index, value)| registers::write_32(stopped, index, value, forced);
                words.enumerate().try_fold(forced, each)
            })??;
            note_forced(tracee, forced);
            Ok(())
        }
        Set::Fpu => write_fpu(tracee, from),
        Set::Fpu32 => write_fpu_32(tracee, from),
        Set::Segments => {
            let segments = segments::described(from)?;
            look(tracee, |stopped| {
                let each = segments.into_iter().flatten().enumerate();
                each.for_each(|(place, segment)| stopped.set_local_segment(place, segment));
            })
        }
        Set::Extended if from.len() != set.size() => Err(EFAULT),
        Set::Extended => check_control(from).and_then(|()| assign(tracee, from)),
    }
}

/// As [`write_word`], in the 32-bit layout.
pub fn write_word_32(tracee: &Arc<Task>, index: usize, value: u32) -> Result<()> {
    let forced = is_forced(tracee);
    let forced = look(tracee, |stopped| registers::write_32(stopped, index, value, forced))??;
    note_forced(tracee, forced);
    Ok(())
}

/// Changes one word of the general registers.
pub fn write_word(tracee: &Arc<Task>, index: usize, value: u64) -> Result<()> {
    let forced = is_forced(tracee);
    let forced = look(tracee, |stopped| registers::write(stopped, index, value, forced))??;
    note_forced(tracee, forced);
    Ok(())
}

fn note_forced(tracee: &Task, forced: bool) {
    if !forced {
        tracee.trace.set_mode(tracee.trace.mode() & !mode::FORCED_FLAG);
    }
}

/// MXCSR must not have bits that do not exist: EINVAL.
fn check_control(from: &[u8]) -> Result<()> {
    let control = from.get(24..28).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_ne_bytes);
    if control & !0xffff != 0 { Err(EINVAL) } else { Ok(()) }
}

/// The first words of the older layout, or all of it.
fn write_fpu_32(tracee: &Arc<Task>, from: &[u8]) -> Result<()> {
    let mut old = read(tracee, Set::Fpu32)?;
    put(&mut old, from);
    let mut whole = read(tracee, Set::Fpu)?;
    fpu_32::to_fxsave(&old, &mut whole);
    write_fpu(tracee, &whole)
}

/// The legacy area as a whole; EINVAL for a part of it.
fn write_fpu(tracee: &Arc<Task>, from: &[u8]) -> Result<()> {
    if from.len() != FPU_SIZE {
        return Err(EINVAL);
    }
    check_control(from)?;
    let mut whole = buffer(fpu_state_size().max(FPU_SIZE))?;
    look(tracee, |stopped| stopped.read_fpu(&mut whole))?;
    put(&mut whole, from);
    // x87 and SSE are in use from now on.
    if let Some(components) = whole.get_mut(HEADER) {
        *components |= 3;
    }
    assign(tracee, &whole)
}

fn assign(tracee: &Arc<Task>, from: &[u8]) -> Result<()> {
    if look(tracee, |stopped| stopped.write_fpu(from))? { Ok(()) } else { Err(EINVAL) }
}
