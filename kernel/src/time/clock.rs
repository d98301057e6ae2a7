//! What time it is on each clock (clock_gettime(2)).
use super::clock_set;
use super::cpu_clock::CpuClock;
use super::discipline::{Discipline, State};
use super::timer::{Expire, Timer};
use crate::error::{EINVAL, Result};
use crate::process::Task;
use crate::sync::{IrqLock, Once, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

/// A clock that user space can name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// Wall clock, can be set.
    Realtime,
    /// Time since boot, never set.
    Monotonic,
    /// Processor time of a process or thread.
    Cpu(CpuClock),
    /// Monotonic without frequency adjustment.
    MonotonicRaw,
    /// Wall clock at the resolution of a tick.
    RealtimeCoarse,
    /// Monotonic at the resolution of a tick.
    MonotonicCoarse,
    /// Monotonic, counting suspended time (there is none).
    Boottime,
    /// Wall clock that wakes a suspended machine.
    RealtimeAlarm,
    /// Boottime that wakes a suspended machine.
    BoottimeAlarm,
    /// International atomic time.
    Tai,
}

/// Resolution of the coarse clocks in nanoseconds: Linux's tick at 250 Hz.
pub const TICK: u64 = 4_000_000;

/// Wall clock minus monotonic clock, wrapping; written under `SETTING`.
static REALTIME_OFFSET: AtomicU64 = AtomicU64::new(0);
/// Seconds of TAI ahead of UTC.
static TAI_OFFSET: AtomicU64 = AtomicU64::new(0);
/// How the clock is steered, and how long its second is now (nanoseconds times 2^32).
static SETTING: IrqLock<(Discipline, u64)> = IrqLock::new(rank::LEAF, (Discipline::new(), super::NANOSECONDS << 32));
/// Expires at each second while the clock is being steered.
static TURN: Once<Arc<Timer>> = Once::new();

/// Whether an id names a clock by a descriptor: none of those has timers or can be slept on.
pub fn is_of_descriptor(id: i32) -> bool {
    id < 0 && id & 7 == 3
}

impl Clock {
    /// The clock a `clockid_t` names: EINVAL for one that is not there (negative ones name processor-time clocks).
    pub fn from_id(task: &Task, id: i32) -> Result<Clock> {
        Ok(match id {
            0 => Clock::Realtime,
            1 => Clock::Monotonic,
            2 => Clock::Cpu(CpuClock::own_process()),
            3 => Clock::Cpu(CpuClock::own_thread()),
            4 => Clock::MonotonicRaw,
            5 => Clock::RealtimeCoarse,
            6 => Clock::MonotonicCoarse,
            7 => Clock::Boottime,
            8 => Clock::RealtimeAlarm,
            9 => Clock::BoottimeAlarm,
            11 => Clock::Tai,
            id if id < 0 => Clock::Cpu(CpuClock::from_id(task, id)?),
            _ => return Err(EINVAL.because("no such clock")),
        })
    }

    /// The time now in nanoseconds.
    pub fn now(self, task: &Task) -> Result<u64> {
        Ok(match self {
            Clock::Realtime | Clock::RealtimeAlarm => realtime(),
            Clock::Monotonic => machine::time::monotonic().wrapping_add(task.monotonic_shift()),
            Clock::Boottime | Clock::BoottimeAlarm => machine::time::monotonic().wrapping_add(task.boot_shift()),
            Clock::MonotonicRaw => machine::time::raw().wrapping_add(task.monotonic_shift()),
            Clock::RealtimeCoarse => realtime() / TICK * TICK,
            Clock::MonotonicCoarse => (machine::time::monotonic() / TICK * TICK).wrapping_add(task.monotonic_shift()),
            Clock::Tai => realtime().wrapping_add(TAI_OFFSET.load(Ordering::Relaxed).wrapping_mul(super::NANOSECONDS)),
            Clock::Cpu(clock) => clock.now(task)?,
        })
    }

    /// Nanoseconds between two readings that differ.
    pub fn resolution(self) -> u64 {
        if matches!(self, Clock::RealtimeCoarse | Clock::MonotonicCoarse) { TICK } else { 1 }
    }

    /// Whether the clock follows the wall clock.
    pub fn is_wall_clock(self) -> bool {
        matches!(self, Clock::Realtime | Clock::RealtimeCoarse | Clock::RealtimeAlarm | Clock::Tai)
    }
}

/// Wall-clock time: nanoseconds since 1970.
#[inline]
pub fn realtime() -> u64 {
    realtime_at(machine::time::monotonic())
}

/// What the wall clock shows when the monotonic one shows this.
#[inline]
pub fn realtime_at(monotonic: u64) -> u64 {
    monotonic.wrapping_add(REALTIME_OFFSET.load(Ordering::Relaxed))
}

/// Last second to which the wall clock can be set: uptime of 30 years lies before the end of 64-bit nanoseconds.
const LAST_SECOND: u64 = super::value::LONGEST / super::NANOSECONDS - 30 * 365 * 86_400;

/// Whether the wall clock can be set to this time.
pub fn is_settable(nanoseconds: u64) -> bool {
    nanoseconds / super::NANOSECONDS < LAST_SECOND
}

/// Sets the wall clock; [`clock_set::tell`] follows where that can sleep.
pub fn set_realtime(nanoseconds: u64) {
    let mut setting = SETTING.lock();
    REALTIME_OFFSET.store(nanoseconds.wrapping_sub(machine::time::monotonic()), Ordering::Relaxed);
    setting.0.clear((nanoseconds / super::NANOSECONDS) as i64);
    put_into_effect(&mut setting);
    drop(setting);
    clock_set::note();
}

/// Moves the wall clock by nanoseconds; EINVAL if boot would lie before 1970, or the time where it cannot be set.
pub fn move_realtime(change: i128) -> Result<()> {
    let mut setting = SETTING.lock();
    let (uptime, boot) = (machine::time::monotonic(), REALTIME_OFFSET.load(Ordering::Relaxed));
    let boot = u64::try_from(i128::from(boot as i64) + change).map_err(|_| EINVAL)?;
    let now = boot.checked_add(uptime).filter(|now| is_settable(*now)).ok_or(EINVAL)?;
    REALTIME_OFFSET.store(boot, Ordering::Relaxed);
    setting.0.clear((now / super::NANOSECONDS) as i64);
    put_into_effect(&mut setting);
    drop(setting);
    clock_set::note();
    clock_set::tell();
    Ok(())
}

/// Changes how the clock is steered; `change` is told the wall-clock time and answers a new difference of atomic time, too.
pub fn adjust(change: impl FnOnce(&mut Discipline, u64) -> (State, Option<i64>)) -> State {
    let (state, busy) = {
        let mut setting = SETTING.lock();
        turn(&mut setting.0);
        let (state, tai) = change(&mut setting.0, realtime());
        if let Some(tai) = tai {
            TAI_OFFSET.store(tai as u64, Ordering::Relaxed);
        }
        put_into_effect(&mut setting);
        (state, setting.0.is_busy())
    };
    clock_set::tell();
    if let (true, Some(timer)) = (busy, TURN.get()) {
        timer.arm(next_second());
    }
    state
}

/// How far the wall clock is ahead of the monotonic one, in nanoseconds (wrapping).
pub fn ahead() -> u64 {
    REALTIME_OFFSET.load(Ordering::Relaxed)
}

/// Seconds that atomic time is ahead.
pub fn tai_ahead() -> u64 {
    TAI_OFFSET.load(Ordering::Relaxed)
}

/// Catches up with the seconds that have passed.
fn turn(discipline: &mut Discipline) {
    let moved = discipline.turn((realtime() / super::NANOSECONDS) as i64);
    if moved != 0 {
        REALTIME_OFFSET.fetch_add((moved as u64).wrapping_mul(super::NANOSECONDS), Ordering::Relaxed);
        TAI_OFFSET.fetch_sub(moved as u64, Ordering::Relaxed);
        clock_set::note();
    }
}

/// Monotonic time when the wall clock's next second begins.
fn next_second() -> u64 {
    machine::time::monotonic() + super::NANOSECONDS - realtime() % super::NANOSECONDS
}

struct Turn;
impl Expire for Turn {
    fn expire(&self, _deadline: u64) -> Option<u64> {
        let next = {
            let mut setting = SETTING.lock();
            turn(&mut setting.0);
            put_into_effect(&mut setting);
            setting.0.is_busy().then(next_second)
        };
        if clock_set::is_pending() {
            super::signalling::wake();
        }
        next
    }
}

/// Lets the clocks go as they are to go, and programs see it.
fn put_into_effect((discipline, length): &mut (Discipline, u64)) {
    let wanted = discipline.second_length();
    let second = (*length != wanted).then_some(wanted);
    *length = wanted;
    machine::vdso::show_clocks(&machine::vdso::Clocks {
        ahead: REALTIME_OFFSET.load(Ordering::Relaxed),
        tai: TAI_OFFSET.load(Ordering::Relaxed).wrapping_mul(super::NANOSECONDS),
        zone: super::value::zone::current().parts(),
        second,
    });
}

/// Lets programs see the clocks and the time zone as they are now.
pub fn show() {
    put_into_effect(&mut SETTING.lock());
}

/// Takes the wall clock from the machine at boot.
pub fn initialize() {
    if machine::vdso::clock_page().is_err() {
        crate::warn!("no memory for the clocks that programs read");
    }
    match machine::memory::try_arc(Turn).and_then(|turn| Timer::new(turn)) {
        Ok(timer) => drop(TURN.set(timer)),
        Err(_) => crate::warn!("no memory for steering the clock"),
    }
    set_realtime(
        machine::time::wall_clock_at_boot().wrapping_mul(super::NANOSECONDS).wrapping_add(machine::time::monotonic()),
    );
}

/// The monotonic time at which `clock` will show `time` if nobody sets it; clocks of processor time have none, and are
/// waited for by other means.
pub fn to_monotonic(clock: Clock, time: u64) -> u64 {
    match clock {
        Clock::Tai => {
            let tai = TAI_OFFSET.load(Ordering::Relaxed).wrapping_mul(super::NANOSECONDS);
            to_monotonic(Clock::Realtime, time.saturating_sub(tai))
        }
        clock if clock.is_wall_clock() => {
            let offset = REALTIME_OFFSET.load(Ordering::Relaxed);
            // An offset above the middle is a negative one: a wall clock set before 1970 plus uptime.
            if offset > i64::MAX as u64 {
                time.saturating_add(offset.wrapping_neg())
            } else {
                time.saturating_sub(offset)
            }
        }
        Clock::Boottime | Clock::BoottimeAlarm => unshifted(time, Task::current().boot_shift()),
        Clock::Cpu(_) => time,
        _ => unshifted(time, Task::current().monotonic_shift()),
    }
}

/// What the machine's clock shows when one that is so far ahead (wrapping) shows a time; 0 for times before.
fn unshifted(time: u64, shift: u64) -> u64 {
    match i64::try_from(shift) {
        Ok(_) => time.saturating_sub(shift),
        Err(_) => time.saturating_add(shift.wrapping_neg()),
    }
}

/// Wall-clock seconds at boot (/proc/stat's btime).
pub fn boot_time() -> u64 {
    REALTIME_OFFSET.load(Ordering::Relaxed) / super::NANOSECONDS
}
