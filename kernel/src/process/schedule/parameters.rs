//! What /proc/sys/kernel sets of real-time scheduling, and the share of a CPU that real-time tasks leave to fair ones.
use crate::error::*;
use crate::output::Output;
use core::fmt::Write;
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// sched_rt_period_us.
static PERIOD: AtomicI32 = AtomicI32::new(1_000_000);
/// sched_rt_runtime_us; -1 for no limit.
static RUNTIME: AtomicI32 = AtomicI32::new(950_000);
/// sched_rr_timeslice_ms.
static SLICE: AtomicI32 = AtomicI32::new(DEFAULT_SLICE);
const DEFAULT_SLICE: i32 = 100;
/// sched_deadline_period_min_us and sched_deadline_period_max_us.
static DEADLINE_PERIODS: [AtomicU32; 2] = [AtomicU32::new(100), AtomicU32::new(1 << 22)];

/// How long a round-robin task runs before its equals, in nanoseconds.
pub(super) fn round_robin_slice() -> u64 {
    u64::from(SLICE.load(Ordering::Relaxed).unsigned_abs()) * 1_000_000
}
/// The periods that deadline tasks may have, in nanoseconds.
pub(super) fn deadline_periods() -> core::ops::RangeInclusive<u64> {
    let [least, most] = DEADLINE_PERIODS.each_ref().map(|micro| u64::from(micro.load(Ordering::Relaxed)) * 1000);
    least..=most
}
fn nanoseconds(micro: i32) -> u64 {
    u64::from(micro.unsigned_abs()) * 1000
}
/// Period and run time in it that ranked tasks may have, in nanoseconds; `None` without limit.
pub(super) fn limit() -> Option<(u64, u64)> {
    let (period, runtime) = (PERIOD.load(Ordering::Relaxed), RUNTIME.load(Ordering::Relaxed));
    (runtime >= 0).then(|| (nanoseconds(period), nanoseconds(runtime)))
}
/// Period and run time in it of all real-time tasks on a CPU, in nanoseconds; `None` where they may have all of it.
fn share() -> Option<(u64, u64)> {
    limit().filter(|(period, runtime)| runtime < period)
}

/// One of the parameters.
#[derive(Clone, Copy)]
pub enum Parameter {
    /// sched_rt_period_us.
    Period,
    /// sched_rt_runtime_us.
    Runtime,
    /// sched_rr_timeslice_ms.
    Slice,
    /// sched_deadline_period_min_us.
    DeadlineMinimum,
    /// sched_deadline_period_max_us.
    DeadlineMaximum,
}

/// Shows a parameter.
pub fn show(parameter: Parameter, out: &mut Output) -> Result<()> {
    let [least, most] = &DEADLINE_PERIODS;
    let value = match parameter {
        Parameter::DeadlineMinimum => return Ok(writeln!(out, "{}", least.load(Ordering::Relaxed))?),
        Parameter::DeadlineMaximum => return Ok(writeln!(out, "{}", most.load(Ordering::Relaxed))?),
        Parameter::Period => &PERIOD,
        Parameter::Runtime => &RUNTIME,
        Parameter::Slice => &SLICE,
    };
    Ok(writeln!(out, "{}", value.load(Ordering::Relaxed))?)
}

/// Sets a parameter. EINVAL for a period that is not positive, and a run time beyond it; EBUSY if more than the new share was
/// promised to deadline tasks.
pub fn set(parameter: Parameter, value: i64) -> Result<()> {
    let [least, most] = &DEADLINE_PERIODS;
    if let Some(bound) = match parameter {
        Parameter::DeadlineMinimum => Some(least),
        Parameter::DeadlineMaximum => Some(most),
        _ => None,
    } {
        bound.store(u32::try_from(value).map_err(|_| EINVAL)?, Ordering::Relaxed);
        return Ok(());
    }
    let value = i32::try_from(value).map_err(|_| EINVAL)?;
    let (period, runtime) = match parameter {
        Parameter::Slice => {
            SLICE.store(if value <= 0 { DEFAULT_SLICE } else { value }, Ordering::Relaxed);
            return Ok(());
        }
        Parameter::Period => (value, RUNTIME.load(Ordering::Relaxed)),
        _ => (PERIOD.load(Ordering::Relaxed), value),
    };
    if period <= 0 || runtime < -1 || runtime > period {
        return Err(EINVAL);
    }
    if runtime >= 0 && !super::deadline::fits(nanoseconds(period), nanoseconds(runtime)) {
        return Err(EBUSY);
    }
    PERIOD.store(period, Ordering::Relaxed);
    RUNTIME.store(runtime, Ordering::Relaxed);
    Ok(())
}

/// How much of the current period real-time tasks have used on a CPU. Changes under its queue's lock.
pub(super) struct Bandwidth {
    start: AtomicU64,
    used: AtomicU64,
}
impl Bandwidth {
    pub(super) const fn new() -> Self {
        Bandwidth { start: AtomicU64::new(0), used: AtomicU64::new(0) }
    }
    /// Begins the period in which `now` is: what was used beyond the share of those that have passed is carried on.
    fn advance(&self, now: u64) -> Option<u64> {
        let (period, runtime) = share()?;
        let start = self.start.load(Ordering::Relaxed);
        let periods = now.saturating_sub(start) / period;
        if periods > 0 {
            self.start.store(start + periods * period, Ordering::Relaxed);
            let left = self.used.load(Ordering::Relaxed).saturating_sub(periods.saturating_mul(runtime));
            self.used.store(left, Ordering::Relaxed);
        }
        Some(runtime)
    }
    /// Real-time tasks ran for `passed` up to `now`. Time beyond the share, which nobody else wanted, is not held against them.
    pub(super) fn charge(&self, passed: u64, now: u64) {
        if let Some(runtime) = self.advance(now) {
            let used = self.used.load(Ordering::Relaxed).saturating_add(passed);
            self.used.store(used.min(runtime), Ordering::Relaxed);
        }
    }
    /// Whether fair tasks go first for the rest of the period.
    pub(super) fn is_used_up(&self, now: u64) -> bool {
        self.advance(now).is_some_and(|runtime| self.used.load(Ordering::Relaxed) >= runtime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_time_tasks_leave_a_share() {
        const MILLI: u64 = 1_000_000;
        let bandwidth = Bandwidth::new();
        bandwidth.charge(900 * MILLI, 900 * MILLI);
        assert!(!bandwidth.is_used_up(900 * MILLI));
        bandwidth.charge(50 * MILLI, 950 * MILLI);
        assert!(bandwidth.is_used_up(950 * MILLI));
        assert!(!bandwidth.is_used_up(1000 * MILLI));
        // Used without anybody to leave it to.
        bandwidth.charge(5000 * MILLI, 1500 * MILLI);
        assert!(bandwidth.is_used_up(1999 * MILLI));
        assert!(!bandwidth.is_used_up(2000 * MILLI));
    }
}
