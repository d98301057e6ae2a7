//! Reading and setting the clocks.
use super::clock::{self, Clock};
use super::{NANOSECONDS, TimeLayout, value::zone as zones};
use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::{UserLayout, UserPtr};

/// clock_gettime(2).
pub fn clock_gettime<T: TimeLayout>(task: &Task, id: i32, time: UserPtr<T>) -> Result<()> {
    let now = match id {
        1 => machine::time::monotonic().wrapping_add(task.monotonic_shift()),
        0 => clock::realtime(),
        id => now_of(task, id)?,
    };
    time.write(task, &T::from_nanoseconds(now))
}

/// The time of a clock that is seldom asked for.
#[inline(never)]
fn now_of(task: &Task, id: i32) -> Result<u64> {
    Clock::from_id(task, id)?.now(task)
}

/// clock_getres(2).
pub fn clock_getres<T: TimeLayout>(task: &Task, id: i32, resolution: UserPtr<T>) -> Result<()> {
    let clock = Clock::from_id(task, id)?;
    resolution.write_optional(task, &T::from_nanoseconds(clock.resolution()))
}

/// clock_settime(2): only the wall clock can be set.
pub fn clock_settime<T: TimeLayout>(task: &Task, id: i32, time: UserPtr<T>) -> Result<()> {
    let clock = Clock::from_id(task, id)?;
    match clock {
        Clock::Realtime => {}
        // Processor-time clocks cannot be set even by the superuser.
        Clock::Cpu(_) => {
            time.read(task)?;
            return Err(EPERM);
        }
        _ => return Err(EINVAL),
    }
    let time = time.read(task)?.nanoseconds()?;
    set_wall_clock(task, time)
}

fn set_wall_clock(task: &Task, time: u64) -> Result<()> {
    if !clock::is_settable(time) {
        return Err(EINVAL.because("too far in the future"));
    }
    if !task.capable(Capability::SysTime) {
        return Err(EPERM);
    }
    // The clock cannot be set so that boot would lie before 1970.
    if time < machine::time::monotonic() {
        return Err(EINVAL);
    }
    clock::set_realtime(time);
    super::clock_set::tell();
    Ok(())
}

/// gettimeofday(2).
pub fn gettimeofday<T: TimeLayout>(task: &Task, time: UserPtr<T>, zone: UserPtr<zones::TimeZone>) -> Result<()> {
    time.write_optional(task, &T::from_nanoseconds(clock::realtime()))?;
    zone.write_optional(task, &zones::current())
}

/// settimeofday(2).
pub fn settimeofday<T: TimeLayout>(task: &Task, time: UserPtr<T>, zone: UserPtr<zones::TimeZone>) -> Result<()> {
    let time = time.read_optional(task)?.map(TimeLayout::nanoseconds).transpose()?;
    let zone = zone.read_optional(task)?;
    if !task.capable(Capability::SysTime) {
        return Err(EPERM);
    }
    if let Some(zone) = zone {
        zone.set()?;
    }
    time.map_or(Ok(()), |time| set_wall_clock(task, time))
}

/// time(2): seconds since 1970, also stored where `place` says.
pub fn time<T: Seconds>(task: &Task, place: UserPtr<T>) -> Result<i64> {
    let seconds = (clock::realtime() / NANOSECONDS) as i64;
    place.write_optional(task, &T::from_seconds(seconds))?;
    Ok(seconds)
}

/// stime(2) of i386, which does not say whether the clock could be set to this time.
pub fn stime(task: &Task, seconds: UserPtr<i32>) -> Result<()> {
    let seconds = seconds.read(task)?;
    if !task.capable(Capability::SysTime) {
        return Err(EPERM);
    }
    if let Ok(seconds) = u64::try_from(seconds) {
        set_wall_clock(task, seconds.saturating_mul(NANOSECONDS)).unwrap_or_default();
    }
    Ok(())
}

/// A `time_t`.
pub trait Seconds: UserLayout {
    /// The low bits of a count of seconds.
    fn from_seconds(seconds: i64) -> Self;
}
impl Seconds for i64 {
    fn from_seconds(seconds: i64) -> Self {
        seconds
    }
}
impl Seconds for i32 {
    fn from_seconds(seconds: i64) -> Self {
        seconds as i32
    }
}
