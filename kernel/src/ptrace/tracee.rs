//! A tracer's hold on its tracee.
use crate::error::*;
use crate::process::{Task, schedule};
use crate::syscall::Pid;
use alloc::sync::Arc;
use machine::entry::UserFrame;
use machine::thread::Stopped;

/// The current task's user registers may have been changed by its tracer while it was stopped: what is known of them through
/// `frame` is to be read again.
pub fn refresh(frame: &mut UserFrame) {
    core::hint::black_box(frame);
}

/// The thread of this number.
pub(super) fn find(task: &Task, pid: Pid) -> Result<Arc<Task>> {
    u32::try_from(pid.0).ok().and_then(|number| task.pid_namespace().find_task(number)).ok_or(ESRCH)
}

/// Whether `tracee` is the calling thread's.
pub fn is_own(task: &Task, tracee: &Task) -> bool {
    tracee.trace.tracer().is_some_and(|tracer| core::ptr::eq(&*tracer, task))
}

/// ESRCH unless the tracee is in a stop (one that listens is not).
pub(super) fn check_stopped(tracee: &Task) -> Result<()> {
    let listening = tracee.trace.has_traps(super::state::trap::LISTENING);
    if tracee.trace.is_stopped() && !listening { Ok(()) } else { Err(ESRCH) }
}

/// Looks at a stopped tracee's registers, once it is off its CPU; ESRCH if it does not stay stopped. `look` must not sleep.
pub fn look<R>(tracee: &Task, look: impl FnOnce(&mut Stopped<'_>) -> R) -> Result<R> {
    let mut look = Some(look);
    loop {
        check_stopped(tracee)?;
        let seen = tracee.thread().while_stopped(|stopped| look.take().map(|look| look(stopped)));
        if let Some(result) = seen.flatten() {
            return Ok(result);
        }
        schedule::yield_now();
    }
}

/// As [`look`], at a thread that is about to sleep in the kernel and stays asleep.
pub(crate) fn while_asleep<R>(task: &Task, look: impl FnOnce(&mut Stopped<'_>) -> R) -> R {
    let mut look = Some(look);
    loop {
        let seen = task.thread().while_stopped(|stopped| look.take().map(|look| look(stopped)));
        if let Some(result) = seen.flatten() {
            return result;
        }
        schedule::yield_now();
    }
}
