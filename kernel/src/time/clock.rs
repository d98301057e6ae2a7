//! What time it is on each clock (clock_gettime(2)).
use super::cpu_clock::CpuClock;
use crate::error::{EINVAL, Result};
use crate::process::Task;
use crate::sync::{SequenceCount, SpinLock, rank};
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
static SETTING: SpinLock<()> = SpinLock::new(rank::LEAF, ());
static CHANGES: SequenceCount = SequenceCount::new();

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
            Clock::Monotonic | Clock::MonotonicRaw | Clock::Boottime | Clock::BoottimeAlarm => {
                machine::time::monotonic()
            }
            Clock::RealtimeCoarse => realtime() / TICK * TICK,
            Clock::MonotonicCoarse => machine::time::monotonic() / TICK * TICK,
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
    machine::time::monotonic().wrapping_add(REALTIME_OFFSET.load(Ordering::Relaxed))
}

/// Sets the wall clock.
pub fn set_realtime(nanoseconds: u64) {
    let _setting = SETTING.lock();
    CHANGES.write(|| {
        REALTIME_OFFSET.store(nanoseconds.wrapping_sub(machine::time::monotonic()), Ordering::Relaxed);
    });
    show();
}

/// Lets programs see the clocks and the time zone as they are now.
pub fn show() {
    machine::vdso::show_clocks(&machine::vdso::Clocks {
        ahead: REALTIME_OFFSET.load(Ordering::Relaxed),
        tai: TAI_OFFSET.load(Ordering::Relaxed).wrapping_mul(super::NANOSECONDS),
        zone: super::value::zone::current().parts(),
    });
}

/// Takes the wall clock from the machine at boot.
pub fn initialize() {
    if machine::vdso::clock_page().is_err() {
        crate::warn!("no memory for the clocks that programs read");
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
        _ => time,
    }
}

/// Wall-clock seconds at boot (/proc/stat's btime).
pub fn boot_time() -> u64 {
    REALTIME_OFFSET.load(Ordering::Relaxed) / super::NANOSECONDS
}
