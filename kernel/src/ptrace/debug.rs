//! Debug registers: hardware breakpoints and watchpoints (the end of `struct user`).
use super::tracee::look;
use crate::error::*;
use crate::process::Task;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::entry::UserFrame;
use machine::thread::Breakpoints;

/// Bits of DR6 that are set while nothing has happened, and the other way round for those programs see.
const STATUS_RESERVED: u64 = 0xffff_0ff0;
const STATUS_STEP: u64 = 1 << 14;
const STATUS_HITS: u64 = 0xf;
/// Bits of DR7 that programs cannot set.
const CONTROL_RESERVED: u64 = 0xfc00;
const FLAG_RESUME: u64 = 1 << 16;

/// A debug exception of the current task with this DR6: notes what a tracer may read, and gives the reasons that count.
pub fn debug_exception(task: &Task, frame: &mut UserFrame, status: u64) -> u64 {
    let breakpoints = task.thread().breakpoints();
    let mut reasons = status & STATUS_STEP;
    for index in 0..4 {
        if status >> index & 1 == 0 || !breakpoints.is_enabled(index) {
            continue;
        }
        reasons |= 1 << index;
        if breakpoints.is_instruction(index) {
            // The instruction has not run: it is to, once.
            frame.set_flags(frame.flags() | FLAG_RESUME);
        }
    }
    task.trace.debug_status.store(reasons, Ordering::Relaxed);
    // Neither: an `int1` of the program's own.
    if status & (STATUS_STEP | STATUS_HITS) == 0 { status } else { reasons }
}

fn addresses(tracee: &Task) -> Result<([u64; 4], Breakpoints)> {
    look(tracee, |stopped| (stopped.breakpoints().addresses(), stopped.breakpoints()))
}

/// Reads debug register `number`.
pub(super) fn read(tracee: &Arc<Task>, number: usize) -> Result<u64> {
    let (places, _) = addresses(tracee)?;
    Ok(match number {
        6 => tracee.trace.debug_status.load(Ordering::Relaxed) ^ STATUS_RESERVED,
        7 => tracee.trace.debug_control.load(Ordering::Relaxed),
        _ => places.get(number).copied().unwrap_or(0),
    })
}

/// Sets debug register `number`: EINVAL for addresses and kinds that cannot be watched, EIO for registers 4 and 5.
pub(super) fn write(tracee: &Arc<Task>, number: usize, value: u64) -> Result<()> {
    let (mut places, _) = addresses(tracee)?;
    let mut control = tracee.trace.debug_control.load(Ordering::Relaxed);
    match number {
        6 => {
            tracee.trace.debug_status.store(value ^ STATUS_RESERVED, Ordering::Relaxed);
            return Ok(());
        }
        7 => control = value & !CONTROL_RESERVED,
        _ => *places.get_mut(number).ok_or(EIO)? = value,
    }
    let breakpoints = Breakpoints::new(places, control & 0xffff_03ff).ok_or(EINVAL)?;
    look(tracee, |stopped| stopped.set_breakpoints(breakpoints))?;
    tracee.trace.debug_control.store(control, Ordering::Relaxed);
    Ok(())
}
