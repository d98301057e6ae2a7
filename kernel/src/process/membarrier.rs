//! membarrier(2): a memory barrier on all processors that run certain threads, for algorithms whose fast side has none.
use super::Task;
use crate::error::*;
use core::sync::atomic::Ordering;

/// Commands; each is a bit.
mod command {
    pub const QUERY: i32 = 0;
    pub const GLOBAL: i32 = 1;
    pub const GLOBAL_EXPEDITED: i32 = 1 << 1;
    pub const REGISTER_GLOBAL_EXPEDITED: i32 = 1 << 2;
    pub const PRIVATE_EXPEDITED: i32 = 1 << 3;
    pub const REGISTER_PRIVATE_EXPEDITED: i32 = 1 << 4;
    pub const PRIVATE_EXPEDITED_SYNC_CORE: i32 = 1 << 5;
    pub const REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: i32 = 1 << 6;
    pub const PRIVATE_EXPEDITED_RSEQ: i32 = 1 << 7;
    pub const REGISTER_PRIVATE_EXPEDITED_RSEQ: i32 = 1 << 8;
    pub const ALL: i32 = (1 << 9) - 1;
}
/// MEMBARRIER_CMD_FLAG_CPU: the barrier for restartable sequences is for the threads of one processor.
const FLAG_CPU: u32 = 1;

/// membarrier(2). A private barrier asks for its registration: EPERM.
pub fn membarrier(task: &Task, wanted: i32, flags: u32, cpu: i32) -> Result<u32> {
    let known = if wanted == command::PRIVATE_EXPEDITED_RSEQ { FLAG_CPU } else { 0 };
    if flags & !known != 0 {
        return Err(EINVAL);
    }
    match wanted {
        command::QUERY => return Ok(command::ALL as u32),
        // Every processor has passed through the scheduler, or user mode.
        command::GLOBAL => machine::rcu::synchronize(),
        command::GLOBAL_EXPEDITED => machine::paging::synchronize_processors(),
        command::REGISTER_GLOBAL_EXPEDITED
        | command::REGISTER_PRIVATE_EXPEDITED
        | command::REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
        | command::REGISTER_PRIVATE_EXPEDITED_RSEQ => register(task, wanted)?,
        command::PRIVATE_EXPEDITED | command::PRIVATE_EXPEDITED_SYNC_CORE | command::PRIVATE_EXPEDITED_RSEQ => {
            let memory = task.memory().ok_or(EPERM)?;
            if memory.barriers().load(Ordering::Relaxed) & (wanted << 1) as u32 == 0 {
                return Err(EPERM);
            }
            if wanted == command::PRIVATE_EXPEDITED_RSEQ {
                restart_sequences(task, (flags & FLAG_CPU != 0).then_some(cpu));
            }
            // A thread that does not run has passed through the scheduler, which is a barrier, and returns to user mode by
            // way of it. The interrupt makes the others' processors take note of code that was changed, too.
            memory.tables().synchronize();
        }
        _ => return Err(EINVAL),
    }
    Ok(0)
}

/// Notes what the process may ask for, before its next barrier is asked for by any of its threads.
fn register(task: &Task, wanted: i32) -> Result<()> {
    let memory = task.memory().ok_or(EINVAL)?;
    memory.barriers().fetch_or(wanted as u32, Ordering::AcqRel);
    memory.tables().synchronize();
    Ok(())
}

/// Has the threads that run with this memory, on one processor or on any, leave their restartable sequences.
fn restart_sequences(task: &Task, cpu: Option<i32>) {
    let Some(memory) = task.memory() else { return };
    task.group().for_each_thread(|thread| {
        let is_there = cpu.is_none_or(|cpu| thread.schedule.cpu().0 as i32 == cpu);
        if is_there && thread.has_memory(&memory) {
            thread.note_switch();
        }
    });
}
