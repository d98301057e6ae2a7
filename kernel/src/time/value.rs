//! Time values as user space passes them: timespec and timeval, with 64-bit and with i386's 32-bit seconds.
use crate::error::{EINVAL, Result};
use crate::syscall::user::{UserLayout, plain_layout};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Nanoseconds in a second.
pub const NANOSECONDS: u64 = 1_000_000_000;
/// Longest time the kernel counts in nanoseconds (Linux: KTIME_MAX).
pub const LONGEST: u64 = i64::MAX as u64;

macro_rules! time_values { ($($(#[$meta:meta])* $name:ident { $seconds:ty, $fraction:ident: $part:ty, $per_second:literal })*) => { $(
    $(#[$meta])*
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
    pub struct $name {
        /// Seconds.
        pub seconds: $seconds,
        /// The rest, in the unit of the name.
        pub $fraction: $part,
    }
    plain_layout!($name);
    impl TimeLayout for $name {
        fn from_nanoseconds(time: u64) -> Self {
            // Both parts are below 2^63, and i386's seconds wrap as the ABI has it.
            Self { seconds: (time / NANOSECONDS) as $seconds, $fraction: (time % NANOSECONDS / (NANOSECONDS / $per_second)) as $part }
        }
        #[inline]
        fn nanoseconds(self) -> Result<u64> {
            // Negative ones are large without their sign.
            let (seconds, part) = (i64::from(self.seconds) as u64, i64::from(self.$fraction) as u64);
            if part >= $per_second || seconds >= LONGEST / NANOSECONDS {
                return if part < $per_second && seconds <= i64::MAX as u64 {
                    Ok(LONGEST)
                } else {
                    Err(EINVAL.because("time value out of range"))
                };
            }
            Ok((seconds * NANOSECONDS) + part * (NANOSECONDS / $per_second))
        }
    }
)* } }

/// A structure that holds a time.
pub trait TimeLayout: UserLayout + Copy {
    /// The time as this structure.
    fn from_nanoseconds(time: u64) -> Self;
    /// The time in nanoseconds, at most [`LONGEST`]; EINVAL if negative or if the fraction is out of range.
    fn nanoseconds(self) -> Result<u64>;
}

time_values! {
    /// `struct timespec` of the 64-bit ABIs and of i386's *64 calls.
    Timespec { i64, nanos: i64, 1_000_000_000 }
    /// i386's old `struct timespec`.
    Timespec32 { i32, nanos: i32, 1_000_000_000 }
    /// `struct timeval` of the 64-bit ABIs.
    Timeval { i64, micros: i64, 1_000_000 }
    /// i386's `struct timeval`.
    Timeval32 { i32, micros: i32, 1_000_000 }
}

impl From<Timespec32> for Timespec {
    fn from(time: Timespec32) -> Timespec {
        Timespec { seconds: time.seconds.into(), nanos: time.nanos.into() }
    }
}
impl From<Timeval32> for Timeval {
    fn from(time: Timeval32) -> Timeval {
        Timeval { seconds: time.seconds.into(), micros: time.micros.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_convert_both_ways() {
        let time = Timespec { seconds: 3, nanos: 999_999_999 };
        assert_eq!(time.nanoseconds(), Ok(3_999_999_999));
        assert_eq!(Timespec::from_nanoseconds(3_999_999_999), time);
        assert_eq!(Timeval::from_nanoseconds(3_999_999_999), Timeval { seconds: 3, micros: 999_999 });
    }

    #[test]
    fn out_of_range_times_are_refused() {
        assert_eq!(Timespec { seconds: -1, nanos: 0 }.nanoseconds(), Err(EINVAL));
        assert_eq!(Timespec { seconds: 0, nanos: 1_000_000_000 }.nanoseconds(), Err(EINVAL));
        assert_eq!(Timeval { seconds: 0, micros: -1 }.nanoseconds(), Err(EINVAL));
        assert_eq!(Timespec { seconds: i64::MAX, nanos: 0 }.nanoseconds(), Ok(LONGEST));
        assert_eq!(
            Timespec { seconds: 9_223_372_035, nanos: 999_999_999 }.nanoseconds(),
            Ok(9_223_372_035_999_999_999)
        );
        assert_eq!(Timespec { seconds: 9_223_372_036, nanos: 0 }.nanoseconds(), Ok(LONGEST));
        assert_eq!(Timespec { seconds: 9_223_372_036, nanos: -1 }.nanoseconds(), Err(EINVAL));
    }
}

/// `struct timezone`, kept only because gettimeofday(2) hands it back.
pub mod zone {
    use super::*;
    use core::sync::atomic::{AtomicI32, Ordering};

    /// Minutes west of Greenwich and the kind of daylight saving.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
    pub struct TimeZone {
        minutes_west: i32,
        daylight: i32,
    }
    plain_layout!(TimeZone);

    static MINUTES_WEST: AtomicI32 = AtomicI32::new(0);
    static DAYLIGHT: AtomicI32 = AtomicI32::new(0);

    /// The zone as set.
    pub fn current() -> TimeZone {
        TimeZone { minutes_west: MINUTES_WEST.load(Ordering::Relaxed), daylight: DAYLIGHT.load(Ordering::Relaxed) }
    }

    impl TimeZone {
        /// Sets the zone; EINVAL beyond 15 hours either way.
        pub fn set(self) -> Result<()> {
            if !(-15 * 60..=15 * 60).contains(&self.minutes_west) {
                return Err(EINVAL);
            }
            MINUTES_WEST.store(self.minutes_west, Ordering::Relaxed);
            DAYLIGHT.store(self.daylight, Ordering::Relaxed);
            crate::time::clock::show();
            Ok(())
        }
        /// Minutes west of Greenwich and the kind of daylight saving.
        pub fn parts(self) -> (i32, i32) {
            (self.minutes_west, self.daylight)
        }
    }
}
