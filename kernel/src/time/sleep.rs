//! nanosleep(2) and clock_nanosleep(2).
use super::clock::{self, Clock};
use super::clock_set;
use super::cpu_clock::CpuClock;
use super::{TimeLayout, value::LONGEST};
use crate::error::*;
use crate::process::{Task, restart};
use crate::syscall::UserPtr;
use crate::wait::{Sleep, WaitError, WaitQueue};

const TIMER_ABSTIME: u32 = 1;

/// nanosleep(2).
pub fn nanosleep<T: TimeLayout + 'static>(task: &Task, wanted: UserPtr<T>, left: UserPtr<T>) -> Result<usize> {
    let wanted = wanted.read(task)?.nanoseconds()?;
    sleep_until(task, machine::time::monotonic().saturating_add(wanted), left)
}

/// clock_nanosleep(2).
pub fn clock_nanosleep<T: TimeLayout + 'static>(
    task: &Task,
    id: i32,
    flags: u32,
    wanted: UserPtr<T>,
    left: UserPtr<T>,
) -> Result<usize> {
    if clock::is_of_descriptor(id) {
        return Err(EOPNOTSUPP);
    }
    let clock = Clock::from_id(task, id)?;
    match clock {
        // Clocks that cannot be slept on.
        Clock::MonotonicRaw | Clock::RealtimeCoarse | Clock::MonotonicCoarse => return Err(EOPNOTSUPP),
        Clock::Cpu(of) if of == CpuClock::own_thread() => return Err(EINVAL),
        _ => {}
    }
    let time = wanted.read(task)?.nanoseconds()?;
    let absolute = flags & TIMER_ABSTIME != 0;
    if let Clock::Cpu(clock) = clock {
        return sleep_on_cpu_time(task, clock, time, absolute);
    }
    if !absolute {
        return sleep_until(task, machine::time::monotonic().saturating_add(time), left);
    }
    if clock.is_wall_clock() {
        return sleep_until_shown(clock, time);
    }
    match pause(clock::to_monotonic(clock, time)) {
        Err(WaitError::Interrupted) => Err(ERESTARTNOHAND),
        _ => Ok(0),
    }
}

/// Sleeps until a wall clock shows a time, which is looked at again whenever the clock is set.
fn sleep_until_shown(clock: Clock, time: u64) -> Result<usize> {
    loop {
        let seen = clock_set::count();
        let deadline = clock::to_monotonic(clock, time).min(LONGEST);
        let is_set = || (clock_set::count() != seen).then_some(());
        match clock_set::CHANGED.wait_until(Sleep::Interruptible, Some(deadline), is_set) {
            Ok(()) => {}
            Err(WaitError::Interrupted) => return Err(ERESTARTNOHAND),
            Err(_) => return Ok(0),
        }
    }
}

/// Sleeps to a deadline on the monotonic clock. On a signal the time left is stored and the call resumes to the same deadline.
fn sleep_until<T: TimeLayout + 'static>(task: &Task, deadline: u64, left: UserPtr<T>) -> Result<usize> {
    match pause(deadline) {
        Err(WaitError::Interrupted) => {}
        _ => return Ok(0),
    }
    let remaining = deadline.saturating_sub(machine::time::monotonic());
    if remaining == 0 {
        return Ok(0);
    }
    left.write_optional(task, &T::from_nanoseconds(remaining))?;
    let left = left.address();
    Err(restart::later(task, move |task| sleep_until::<T>(task, deadline, UserPtr::new(left))))
}

fn pause(deadline: u64) -> Result<(), WaitError> {
    let nobody_wakes = WaitQueue::new();
    nobody_wakes.wait_until(Sleep::Interruptible, Some(deadline.min(LONGEST)), || None)
}

/// Sleeps until a processor-time clock shows `time`: other threads burn it, so it is looked at again when the missing time
/// could have passed on every CPU at once.
fn sleep_on_cpu_time(task: &Task, clock: CpuClock, time: u64, absolute: bool) -> Result<usize> {
    let goal = if absolute { time } else { clock.now(task)?.saturating_add(time) };
    loop {
        let now = clock.now(task)?;
        if now >= goal {
            return Ok(0);
        }
        let step = ((goal - now) / machine::cpu::online_cpus().max(1) as u64).max(super::clock::TICK);
        match pause(machine::time::monotonic().saturating_add(step)) {
            Err(WaitError::Interrupted) => return Err(ERESTARTNOHAND),
            _ => continue,
        }
    }
}
