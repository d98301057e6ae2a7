//! Waiting for signals: sigsuspend(2), pause(2), sigtimedwait(2).
use super::temporary::SET_SIZE;
use super::*;
use crate::error::*;
use crate::process::Task;
use crate::syscall::{UserAddress, UserPtr};
use crate::time::TimeLayout;
use crate::wait::{Sleep, WaitError, WaitQueue};
use core::sync::atomic::Ordering;

fn sleep_until_signal(deadline: Option<u64>) -> core::result::Result<(), WaitError> {
    let nobody_wakes = WaitQueue::new();
    nobody_wakes.wait_until(Sleep::Interruptible, deadline, || None)
}

/// pause(2).
pub fn pause(_task: &Task) -> Result<()> {
    // Only a signal ends it.
    let _ = sleep_until_signal(None);
    Err(ERESTARTNOHAND)
}

/// rt_sigsuspend(2).
pub fn rt_sigsuspend(task: &Task, mask: UserPtr<u64>, set_size: usize) -> Result<()> {
    if set_size != SET_SIZE {
        return Err(EINVAL);
    }
    let mask = mask.read(task)?;
    suspend(task, mask)
}

/// Sleeps under another mask until a signal is handled.
pub(super) fn suspend(task: &Task, mask: SignalSet) -> Result<()> {
    let own = task.signals.blocked();
    task.set_blocked(mask);
    let _ = sleep_until_signal(None);
    task.signals.save(own);
    task.thread().set_work(machine::thread::work::SIGNAL);
    Err(ERESTARTNOHAND)
}

/// Takes a pending signal of the set, the thread's own first.
fn take(task: &Task, set: SignalSet) -> Option<SignalInfo> {
    let process = task.group();
    let mut info = SignalInfo::default();
    let mut state = process.signals.lock();
    let mut queue = task.signals.queue.lock();
    let mut taken = queue.take(!set, &mut info);
    task.signals.pending.store(queue.bits(), Ordering::Relaxed);
    drop(queue);
    if taken.is_none() {
        taken = state.queue.take(!set, &mut info);
        process.signals.note_pending(&state);
    }
    task.recalculate_pending();
    drop(state);
    drop(taken?);
    crate::time::posix_timer::note_taken(process, &mut info);
    Some(info)
}

/// Takes a signal of the set for signalfd(2) and the like.
pub fn take_for_reader(task: &Task, set: SignalSet) -> Option<SignalInfo> {
    take(task, set & !UNBLOCKABLE)
}

/// rt_sigtimedwait(2): the number of a signal of the set that was pending or comes in time, EAGAIN if none does, EINTR for
/// another one.
pub fn rt_sigtimedwait<T: TimeLayout>(
    task: &Task,
    set: UserPtr<u64>,
    info: UserAddress,
    timeout: UserPtr<T>,
    set_size: usize,
) -> Result<u32> {
    if set_size != SET_SIZE {
        return Err(EINVAL);
    }
    let set = set.read(task)? & !UNBLOCKABLE;
    let timeout = match timeout.read_optional(task)? {
        Some(time) => Some(time.nanoseconds()?),
        None => None,
    };
    let taken = match take(task, set) {
        Some(taken) => Ok(taken),
        None if timeout == Some(0) => Err(EAGAIN),
        None => wait_for(task, set, timeout),
    };
    let taken = taken?;
    UserPtr::<SignalInfo>::new(info.0).write_optional(task, &taken)?;
    Ok(taken.signal)
}

/// Sleeps with the set unblocked, so that its signals wake the thread; none of them is delivered.
fn wait_for(task: &Task, set: SignalSet, timeout: Option<u64>) -> Result<SignalInfo> {
    let own = task.signals.blocked();
    task.signals.awaited.store(own & set, Ordering::Relaxed);
    task.set_blocked(own & !set);
    let deadline = timeout.map(|time| machine::time::monotonic().saturating_add(time));
    let slept = sleep_until_signal(deadline);
    task.set_blocked(own);
    task.signals.awaited.store(0, Ordering::Relaxed);
    match take(task, set) {
        Some(taken) => Ok(taken),
        None if slept == Err(WaitError::TimedOut) => Err(EAGAIN),
        None => Err(EINTR),
    }
}
