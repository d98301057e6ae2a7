//! What timers are set to: struct itimerspec and struct itimerval, and the arithmetic of periods.
use super::TimeLayout;
use crate::error::Result;
use crate::syscall::UserLayout;
use abi::Abi;

/// Interval and value of a timer, in either unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    interval: T,
    value: T,
}

impl<T: TimeLayout> Setting<T> {
    /// From nanoseconds.
    pub fn new(interval: u64, value: u64) -> Self {
        Setting { interval: T::from_nanoseconds(interval), value: T::from_nanoseconds(value) }
    }
    /// Interval and value in nanoseconds; EINVAL if either is out of range.
    pub fn nanoseconds(self) -> Result<(u64, u64)> {
        Ok((self.interval.nanoseconds()?, self.value.nanoseconds()?))
    }
}

impl<T: TimeLayout> UserLayout for Setting<T> {
    fn size(abi: Abi) -> usize {
        2 * T::size(abi)
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let (interval, value) = bytes.split_at(T::size(abi));
        Setting { interval: T::decode(abi, interval), value: T::decode(abi, value) }
    }
    #[inline]
    fn read_from(abi: Abi, address: u64) -> Result<Self> {
        if T::size(abi) == 16 {
            return Ok(Self::decode(abi, &machine::user::load_bytes::<32>(address)?));
        }
        let second = address.wrapping_add(T::size(abi) as u64);
        Ok(Setting { interval: T::read_from(abi, address)?, value: T::read_from(abi, second)? })
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        let (interval, value) = bytes.split_at_mut(T::size(abi));
        self.interval.encode(abi, interval);
        self.value.encode(abi, value);
    }
}

/// The first time of a period that lies after `now`, and how many times of it have passed.
pub fn advance(deadline: u64, interval: u64, now: u64) -> (u64, u64) {
    if interval == 0 || deadline > now {
        return (deadline, u64::from(deadline <= now));
    }
    let passed = (now - deadline) / interval + 1;
    (deadline.saturating_add(passed.saturating_mul(interval)), passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_periods_are_counted() {
        assert_eq!(advance(100, 10, 99), (100, 0));
        assert_eq!(advance(100, 10, 100), (110, 1));
        assert_eq!(advance(100, 10, 135), (140, 4));
        assert_eq!(advance(100, 0, 135), (100, 1));
    }
}
