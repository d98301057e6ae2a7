//! Keeping the clock in step with others: adjtimex(2), clock_adjtime(2) and their structures.
use super::clock::{self, Clock};
use super::discipline::State;
use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::UserPtr;
use crate::syscall::user::{UserLayout, plain_layout};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What is asked for.
pub enum Modes {}
#[allow(missing_docs)]
impl Modes {
    pub const OFFSET: u32 = 0x1;
    pub const FREQUENCY: u32 = 0x2;
    pub const MAXIMUM_ERROR: u32 = 0x4;
    pub const ESTIMATED_ERROR: u32 = 0x8;
    pub const STATUS: u32 = 0x10;
    pub const CONSTANT: u32 = 0x20;
    pub const TAI: u32 = 0x80;
    pub const SET_OFFSET: u32 = 0x100;
    pub const MICRO: u32 = 0x1000;
    pub const NANO: u32 = 0x2000;
    pub const TICK: u32 = 0x4000;
    /// adjtime(3): with `OFFSET`, and with `READ_ONLY` only to read.
    pub const SLEW: u32 = 0x8000;
    /// Beside `SLEW`; `NANO` elsewhere.
    pub const READ_ONLY: u32 = 0x2000;
}

/// `struct timex` of the 64-bit ABIs and of i386's clock_adjtime64.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[allow(missing_docs)]
pub struct Timex {
    pub modes: u32,
    padding_modes: u32,
    pub offset: i64,
    pub frequency: i64,
    pub maximum_error: i64,
    pub estimated_error: i64,
    pub status: i32,
    padding_status: u32,
    pub constant: i64,
    pub precision: i64,
    pub tolerance: i64,
    pub seconds: i64,
    pub fraction: i64,
    pub tick: i64,
    /// What a clock that gives a pulse each second tells: nothing.
    pulse: [i64; 2],
    pulse_shift: i32,
    padding_shift: u32,
    pulse_counts: [i64; 5],
    pub tai: i32,
    reserved: [u32; 11],
}
plain_layout!(Timex);

/// i386's old `struct timex`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Timex32 {
    modes: u32,
    values: [i32; 19],
    tai: i32,
    reserved: [u32; 11],
}
plain_layout!(Timex32);

/// A form of `struct timex`.
pub trait TimexLayout: UserLayout {
    /// In the common form.
    fn wide(self) -> Timex;
    /// From the common form.
    fn narrow(timex: &Timex) -> Self;
}
impl TimexLayout for Timex {
    fn wide(self) -> Timex {
        self
    }
    fn narrow(timex: &Timex) -> Self {
        *timex
    }
}
impl TimexLayout for Timex32 {
    fn wide(self) -> Timex {
        let [offset, frequency, maximum, estimated, status, constant, precision, tolerance, rest @ ..] = self.values;
        let [seconds, fraction, tick, pulse, jitter, pulse_shift, counts @ ..] = rest;
        Timex {
            modes: self.modes,
            offset: offset.into(),
            frequency: frequency.into(),
            maximum_error: maximum.into(),
            estimated_error: estimated.into(),
            status,
            constant: constant.into(),
            precision: precision.into(),
            tolerance: tolerance.into(),
            seconds: seconds.into(),
            fraction: fraction.into(),
            tick: tick.into(),
            pulse: [pulse, jitter].map(i64::from),
            pulse_shift,
            pulse_counts: counts.map(i64::from),
            tai: self.tai,
            ..Timex::default()
        }
    }
    fn narrow(timex: &Timex) -> Self {
        let mut values = [0; 19];
        let wide = [timex.offset, timex.frequency, timex.maximum_error, timex.estimated_error, timex.status.into()]
            .into_iter()
            .chain([timex.constant, timex.precision, timex.tolerance, timex.seconds, timex.fraction, timex.tick])
            .chain(timex.pulse)
            .chain([timex.pulse_shift.into()])
            .chain(timex.pulse_counts);
        for (place, value) in values.iter_mut().zip(wide) {
            *place = value as i32;
        }
        Timex32 { modes: timex.modes, values, tai: timex.tai, reserved: [0; 11] }
    }
}

/// adjtimex(2). The structure is written also where it was refused.
pub fn adjtimex<T: TimexLayout>(task: &Task, timex: UserPtr<T>) -> Result<i64> {
    let mut wide = timex.read(task)?.wide();
    let state = adjust(task, &mut wide);
    timex.write(task, &T::narrow(&wide))?;
    Ok(state? as i64)
}

/// clock_adjtime(2): EOPNOTSUPP for clocks that nobody adjusts.
pub fn clock_adjtime<T: TimexLayout>(task: &Task, id: i32, timex: UserPtr<T>) -> Result<i64> {
    let mut wide = timex.read(task)?.wide();
    // Clocks of processor time are not asked whether they are there; those of devices are, and there are none.
    const KIND: i32 = 7;
    const OF_A_DEVICE: i32 = 3;
    if id >= 0 || id & KIND == OF_A_DEVICE {
        match Clock::from_id(task, id)? {
            Clock::Realtime => {}
            _ => return Err(EOPNOTSUPP),
        }
    } else {
        return Err(EOPNOTSUPP);
    }
    let state = adjust(task, &mut wide)?;
    timex.write(task, &T::narrow(&wide))?;
    Ok(state as i64)
}

fn adjust(task: &Task, timex: &mut Timex) -> Result<State> {
    check(task, timex)?;
    if timex.modes & Modes::SET_OFFSET != 0 {
        let unit = if timex.modes & Modes::NANO != 0 { 1 } else { 1000 };
        clock::move_realtime(
            i128::from(timex.seconds) * i128::from(super::NANOSECONDS) + i128::from(timex.fraction * unit),
        )?;
    }
    Ok(clock::adjust(|discipline, now| {
        let mut tai = None;
        if timex.modes & Modes::SLEW != 0 {
            let slew = (timex.modes & Modes::READ_ONLY == 0).then_some(timex.offset);
            timex.offset = discipline.set_slew(slew);
        } else {
            tai = discipline.apply(timex, (now / super::NANOSECONDS) as i64);
            timex.offset = discipline.phase();
        }
        discipline.report(timex);
        timex.tai = tai.unwrap_or_else(|| clock::tai_ahead() as i64) as i32;
        (timex.pulse, timex.pulse_shift, timex.pulse_counts) = Default::default();
        timex.seconds = (now / super::NANOSECONDS) as i64;
        timex.fraction = (now % super::NANOSECONDS) as i64 / if discipline.is_nano() { 1 } else { 1000 };
        (discipline.state(), tai)
    }))
}

/// In Linux's order.
fn check(task: &Task, timex: &Timex) -> Result<()> {
    let modes = timex.modes;
    let may_set = || task.capable(Capability::SysTime);
    if modes & Modes::SLEW != 0 {
        if modes & Modes::OFFSET == 0 {
            return Err(EINVAL.because("adjtime without an offset"));
        }
        if modes & Modes::READ_ONLY == 0 && !may_set() {
            return Err(EPERM);
        }
    } else {
        if modes != 0 && !may_set() {
            return Err(EPERM);
        }
        if modes & Modes::TICK != 0 && !(9_000..=11_000).contains(&timex.tick) {
            return Err(EINVAL.because("a tick more than a tenth off"));
        }
    }
    if modes & Modes::SET_OFFSET != 0 {
        if !may_set() {
            return Err(EPERM);
        }
        let second = if modes & Modes::NANO != 0 { 1_000_000_000 } else { 1_000_000 };
        if !(0..second).contains(&timex.fraction) {
            return Err(EINVAL.because("fraction of a second out of range"));
        }
    }
    if modes & Modes::FREQUENCY != 0 && timex.frequency.checked_mul(1000 << 16).is_none() {
        return Err(EINVAL.because("frequency out of range"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_as_large_as_c_has_them() {
        assert_eq!((size_of::<Timex>(), size_of::<Timex32>()), (208, 128));
    }

    #[test]
    fn the_old_structure_keeps_the_order_of_its_fields() {
        let mut narrow = Timex32 { modes: 7, tai: 37, ..Timex32::default() };
        for (value, place) in (1..).zip(&mut narrow.values) {
            *place = -value;
        }
        let wide = narrow.wide();
        assert_eq!((wide.offset, wide.status, wide.constant, wide.seconds, wide.tick), (-1, -5, -6, -9, -11));
        assert_eq!((wide.pulse, wide.pulse_shift, wide.pulse_counts), ([-12, -13], -14, [-15, -16, -17, -18, -19]));
        assert_eq!(Timex32::narrow(&wide).as_bytes(), narrow.as_bytes());
    }
}
