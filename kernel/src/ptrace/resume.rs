//! Letting a tracee go on: freely, to the next system call, for one instruction, to the next branch.
use super::state::mode;
use super::tracee::look;
use crate::error::*;
use crate::process::Task;
use crate::process::schedule::state;
use crate::signal::SIGNAL_COUNT;
use alloc::sync::Arc;
use machine::entry::UserFrame;
use machine::thread::work;

pub(super) const FLAG_TRAP: u64 = 1 << 8;

/// The signal a tracee is to go on with: EIO if there is none of that number.
pub(super) fn signal_of(data: u64) -> Result<u32> {
    u32::try_from(data).ok().filter(|signal| *signal < SIGNAL_COUNT).ok_or(EIO)
}

/// Sets how the tracee goes on once it does.
pub(super) fn prepare(tracee: &Arc<Task>, wanted: u32) -> Result<()> {
    let steps = wanted & mode::STEP != 0;
    let sets_flag = steps && next_sets_trap_flag(tracee)?;
    let forced = tracee.trace.mode() & mode::FORCED_FLAG;
    let forced = look(tracee, |stopped| {
        let frame = stopped.frame_mut();
        let flags = frame.flags();
        let forced = match flags & FLAG_TRAP {
            _ if !steps => {
                if forced != 0 {
                    frame.set_flags(flags & !FLAG_TRAP);
                }
                0
            }
            // An instruction that sets the flag itself leaves it as it says.
            _ if sets_flag => 0,
            0 => mode::FORCED_FLAG,
            _ => forced,
        };
        if steps {
            frame.set_flags(flags | FLAG_TRAP);
        }
        // A program that traps itself wants each instruction.
        let branches = wanted & mode::BLOCK != 0 && forced != 0;
        stopped.set_breakpoints(stopped.breakpoints().with_branch_steps(branches));
        forced
    })?;
    tracee.trace.set_mode(wanted | forced);
    let thread = tracee.thread();
    thread.clear_work(work::TRACE_CALLS | work::EMULATE_CALLS);
    if wanted & mode::EMULATE != 0 {
        thread.set_work(work::EMULATE_CALLS);
    }
    if wanted & (mode::CALLS | mode::STEP) != 0 {
        thread.set_work(work::TRACE_CALLS);
    }
    Ok(())
}

/// Whether the tracee's next instruction is popf or iret.
fn next_sets_trap_flag(tracee: &Arc<Task>) -> Result<bool> {
    let (at, long_mode) = look(tracee, |stopped| (stopped.frame().instruction_pointer(), stopped.frame().is_64_bit()))?;
    let mut code = [0; 15];
    let count = tracee.memory().map_or(0, |memory| memory.read_remote(at, &mut code, true));
    for byte in code.iter().take(count) {
        match byte {
            0x9d | 0xcf => return Ok(true),
            // Prefixes.
            0x66 | 0x67 | 0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0xf0 | 0xf2 | 0xf3 => {}
            0x40..=0x4f if long_mode => {}
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// Lets the tracee go on in a way, with the signal `data`.
pub(super) fn resume(tracee: &Arc<Task>, wanted: u32, data: u64) -> Result<()> {
    let signal = signal_of(data)?;
    prepare(tracee, wanted)?;
    let group = tracee.group().signals.lock();
    let mut stop = tracee.trace.stop.lock();
    if !stop.active {
        return Err(ESRCH);
    }
    (stop.active, stop.code) = (false, signal);
    drop(stop);
    tracee.wake_from(state::TRACED);
    drop(group);
    Ok(())
}

/// The current task begins something that is not the program's next instruction (a handler, as a child of its parent): the trap
/// flag is the program's again.
pub fn leave_step_mode(task: &Task, frame: &mut UserFrame) {
    if task.trace.mode() & mode::FORCED_FLAG != 0 {
        frame.set_flags(frame.flags() & !FLAG_TRAP);
    }
}

/// The current task enters a handler: steps go no further, be they to the next branch.
pub fn enter_handler(task: &Task, frame: &mut UserFrame) {
    leave_step_mode(task, frame);
    if task.trace.mode() & mode::BLOCK != 0 {
        task.thread().clear_branch_steps();
    }
}
