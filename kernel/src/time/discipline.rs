//! How the clock is kept in step with others: the state that adjtimex(2) reads and sets. It says how long a second of the clock
//! is to be; `clock` makes it so.
//!
//! A phase to make up is taken off in parts, one each second (a filter of first order), the speed follows from how the phase
//! developed between two requests (RFC 5905 calls these the phase-lock and frequency-lock loops).
use super::NANOSECONDS;
use super::adjust::{Modes, Timex};

/// What adjtimex(2) answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nothing is ahead.
    Ok = 0,
    /// A second is to be inserted at the end of the day.
    Insert = 1,
    /// A second is to be left out at the end of the day.
    Delete = 2,
    /// The inserted second.
    Inserted = 3,
    /// A second was inserted or left out, and the request for it still stands.
    Wait = 4,
    /// Nobody has said that the clock is right.
    Error = 5,
}

/// Bits of the status word.
pub mod status {
    /// Phases that are set change the clock.
    pub const PLL: u32 = 0x1;
    /// Speed from long intervals, even where they are not very long.
    pub const FLL: u32 = 0x8;
    /// Insert a second.
    pub const INSERT: u32 = 0x10;
    /// Leave a second out.
    pub const DELETE: u32 = 0x20;
    /// The clock is not right.
    pub const UNSYNCHRONIZED: u32 = 0x40;
    /// Phases that are set do not change the speed.
    pub const HOLD: u32 = 0x80;
    /// A clock of hardware has failed.
    pub const CLOCK_ERROR: u32 = 0x1000;
    /// Phases and times in nanoseconds.
    pub const NANO: u32 = 0x2000;
    /// The speed came from a long interval.
    pub const MODE: u32 = 0x4000;
    /// What nobody sets by the word.
    pub const READ_ONLY: u32 = 0xff00;
}

/// Fraction bits of lengths and phases.
const SHIFT: u32 = 32;
/// Linux counts phases per tick of its clock.
const TICKS: i64 = 250;
/// How many ticks of `tick` microseconds a second has.
const USER_TICKS: i64 = 100;
/// Parts of a nanosecond a second in what a unit of frequency (2^-16 parts in a million) is.
const FREQUENCY_UNIT: i64 = 1000 << 16;
/// Largest deviation from the speed, 500 parts in a million.
const MAXIMUM_FREQUENCY: i64 = 500_000 << SHIFT;
const MAXIMUM_PHASE: i64 = 500_000_000;
/// Beyond this error in microseconds nobody trusts the clock.
const MAXIMUM_ERROR: i64 = 16_000_000;
/// How much the error grows in a second.
const ERROR_GROWTH: i64 = 500;
/// Microseconds that adjtime(3) makes up in a second.
const SLEW: i64 = 500;
const MAXIMUM_CONSTANT: i64 = 10;
const MAXIMUM_TAI: i64 = 100_000;
/// Gain of the loop, as a shift.
const PLL_SHIFT: u32 = 2;
const FLL_SHIFT: u32 = 2;
/// Shortest interval in seconds from which a speed is derived, and the one from which it always is.
const FLL_INTERVALS: (i64, i64) = (256, 2048);
const DAY: i64 = 86_400;

/// The state.
#[derive(Debug)]
pub struct Discipline {
    status: u32,
    state: State,
    /// Length of a tick of a hundredth of a second in microseconds.
    tick: i64,
    /// Deviation, nanoseconds a second with `SHIFT` fraction bits.
    frequency: i64,
    /// Still to be made up: nanoseconds per tick with `SHIFT` fraction bits.
    phase: i64,
    /// Microseconds that adjtime(3) has still to make up.
    slew: i64,
    constant: i64,
    maximum_error: i64,
    estimated_error: i64,
    /// When the phase was last set.
    reference: i64,
    /// When the second is inserted or left out.
    leap: i64,
    /// The second that was dealt with last.
    second: i64,
    /// Length of a second in effect, in nanoseconds with `SHIFT` fraction bits.
    length: i64,
}

/// Shifts towards zero.
fn part(value: i64, shift: u32) -> i64 {
    value / (1 << shift)
}

impl Default for Discipline {
    fn default() -> Self {
        Self::new()
    }
}

impl Discipline {
    /// Nobody has set anything.
    pub const fn new() -> Self {
        Discipline {
            status: status::UNSYNCHRONIZED,
            state: State::Ok,
            tick: 1_000_000 / USER_TICKS,
            frequency: 0,
            phase: 0,
            slew: 0,
            constant: 2,
            maximum_error: MAXIMUM_ERROR,
            estimated_error: MAXIMUM_ERROR,
            reference: 0,
            leap: i64::MAX,
            second: 0,
            length: (NANOSECONDS as i64) << SHIFT,
        }
    }

    /// Nanoseconds in a second of the clock, times 2^32.
    pub fn second_length(&self) -> u64 {
        self.length as u64
    }
    fn steady_length(&self) -> i64 {
        ((self.tick * 1000 * USER_TICKS) << SHIFT) + self.frequency
    }
    /// Whether the next second must not be missed.
    pub fn is_busy(&self) -> bool {
        self.phase != 0
            || self.slew != 0
            || self.length != self.steady_length()
            || self.state != State::Ok
            || self.status & (status::INSERT | status::DELETE) != 0
    }

    /// The wall clock was set.
    pub fn clear(&mut self, now: i64) {
        self.slew = 0;
        self.phase = 0;
        self.status |= status::UNSYNCHRONIZED;
        self.maximum_error = MAXIMUM_ERROR;
        self.estimated_error = MAXIMUM_ERROR;
        self.length = self.steady_length();
        self.leap = i64::MAX;
        self.second = now;
    }

    /// It is second `now` of the wall clock; how many seconds the wall clock is to be moved.
    pub fn turn(&mut self, now: i64) -> i64 {
        let passed = now - self.second;
        if passed <= 0 {
            return 0;
        }
        self.second = now;
        let moved = self.turn_of_day(now);
        self.second += moved;
        self.maximum_error = self.maximum_error.saturating_add(ERROR_GROWTH.saturating_mul(passed));
        if self.maximum_error > MAXIMUM_ERROR {
            self.maximum_error = MAXIMUM_ERROR;
            self.status |= status::UNSYNCHRONIZED;
        }
        let phase = part(self.phase, PLL_SHIFT + self.constant as u32);
        self.phase -= phase;
        let slew = self.slew.clamp(-SLEW, SLEW);
        self.slew -= slew;
        self.length = self.steady_length() + phase * TICKS + ((slew * 1000) << SHIFT);
        moved
    }

    fn turn_of_day(&mut self, now: i64) -> i64 {
        let wants = |bits| self.status & bits != 0;
        let mut moved = 0;
        self.state = match self.state {
            State::Ok if wants(status::INSERT) => {
                self.leap = now + DAY - now % DAY;
                State::Insert
            }
            State::Ok if wants(status::DELETE) => {
                self.leap = now + DAY - (now + 1) % DAY;
                State::Delete
            }
            State::Insert if !wants(status::INSERT) => State::Ok,
            State::Insert if now >= self.leap => {
                moved = -1;
                State::Inserted
            }
            State::Delete if !wants(status::DELETE) => State::Ok,
            State::Delete if now >= self.leap => {
                moved = 1;
                State::Wait
            }
            State::Inserted => State::Wait,
            State::Wait if !wants(status::INSERT | status::DELETE) => State::Ok,
            other => other,
        };
        if !matches!(self.state, State::Insert | State::Delete) {
            self.leap = i64::MAX;
        }
        moved
    }

    /// adjtime(3): so many microseconds are to be made up; what was left of those before.
    pub fn set_slew(&mut self, slew: Option<i64>) -> i64 {
        let left = self.slew;
        self.slew = slew.unwrap_or(left);
        left
    }

    /// Does what `timex` asks; seconds that atomic time is to be ahead from now on, if that is asked for.
    pub fn apply(&mut self, timex: &Timex, now: i64) -> Option<i64> {
        let modes = timex.modes;
        let before = self.steady_length();
        if modes & Modes::STATUS != 0 {
            self.set_status(timex.status as u32, now);
        }
        if modes & Modes::NANO != 0 {
            self.status |= status::NANO;
        }
        if modes & Modes::MICRO != 0 {
            self.status &= !status::NANO;
        }
        if modes & Modes::FREQUENCY != 0 {
            let frequency = timex.frequency.saturating_mul(FREQUENCY_UNIT);
            self.frequency = frequency.clamp(-MAXIMUM_FREQUENCY, MAXIMUM_FREQUENCY);
        }
        if modes & Modes::MAXIMUM_ERROR != 0 {
            self.maximum_error = timex.maximum_error.clamp(0, MAXIMUM_ERROR);
        }
        if modes & Modes::ESTIMATED_ERROR != 0 {
            self.estimated_error = timex.estimated_error.clamp(0, MAXIMUM_ERROR);
        }
        if modes & Modes::CONSTANT != 0 {
            let more = if self.status & status::NANO != 0 { 0 } else { 4 };
            self.constant = (timex.constant.clamp(0, MAXIMUM_CONSTANT) + more).min(MAXIMUM_CONSTANT);
        }
        let tai = (modes & Modes::TAI != 0 && (0..=MAXIMUM_TAI).contains(&timex.constant)).then_some(timex.constant);
        if modes & Modes::OFFSET != 0 {
            self.set_phase(timex.offset, now);
        }
        if modes & Modes::TICK != 0 {
            self.tick = timex.tick;
        }
        self.length += self.steady_length() - before;
        tai
    }

    fn set_status(&mut self, wanted: u32, now: i64) {
        match (self.status & status::PLL != 0, wanted & status::PLL != 0) {
            (true, false) => {
                self.state = State::Ok;
                self.status = status::UNSYNCHRONIZED;
                self.leap = i64::MAX;
            }
            (false, true) => self.reference = now,
            _ => {}
        }
        self.status = self.status & status::READ_ONLY | wanted & !status::READ_ONLY;
    }

    fn set_phase(&mut self, offset: i64, now: i64) {
        if self.status & status::PLL == 0 {
            return;
        }
        let offset = if self.status & status::NANO != 0 { offset } else { offset.clamp(-1_000_000, 1_000_000) * 1000 };
        let offset = offset.clamp(-MAXIMUM_PHASE, MAXIMUM_PHASE);
        let passed = if self.status & status::HOLD != 0 { 0 } else { now - self.reference };
        self.reference = now;
        self.status &= !status::MODE;
        let (shortest, long) = FLL_INTERVALS;
        let mut change = 0;
        if passed >= shortest && (self.status & status::FLL != 0 || passed > long) {
            self.status |= status::MODE;
            change = (offset << (SHIFT - FLL_SHIFT)) / passed;
        }
        let constant = self.constant as u32;
        // Rare phases do not count for more than regular ones.
        let counted = passed.min(1 << (PLL_SHIFT + 1 + constant));
        change += (offset * counted) << (SHIFT - 2 * (PLL_SHIFT + 2 + constant));
        self.frequency = (self.frequency + change).clamp(-MAXIMUM_FREQUENCY, MAXIMUM_FREQUENCY);
        self.phase = (offset << SHIFT) / TICKS;
    }

    /// Writes all but the phase.
    pub fn report(&self, timex: &mut Timex) {
        timex.frequency = self.frequency / FREQUENCY_UNIT;
        timex.maximum_error = self.maximum_error;
        timex.estimated_error = self.estimated_error;
        timex.status = self.status as i32;
        timex.constant = self.constant;
        timex.precision = 1;
        timex.tolerance = MAXIMUM_FREQUENCY / FREQUENCY_UNIT;
        timex.tick = self.tick;
    }
    /// The phase in the unit that the status says.
    pub fn phase(&self) -> i64 {
        part(self.phase * TICKS, SHIFT) / if self.is_nano() { 1 } else { 1000 }
    }
    /// Whether phases and times are in nanoseconds.
    pub fn is_nano(&self) -> bool {
        self.status & status::NANO != 0
    }
    /// What adjtimex(2) answers.
    pub fn state(&self) -> State {
        if self.status & (status::UNSYNCHRONIZED | status::CLOCK_ERROR) != 0 { State::Error } else { self.state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(modes: u32, change: impl FnOnce(&mut Timex)) -> Timex {
        let mut timex = Timex::default();
        timex.modes |= modes;
        change(&mut timex);
        timex
    }

    #[test]
    fn a_second_is_inserted_and_one_left_out_at_the_end_of_the_day() {
        for (bit, moved, at) in [(status::INSERT, -1, 2 * DAY), (status::DELETE, 1, 2 * DAY - 1)] {
            let mut discipline = Discipline::new();
            let start = 2 * DAY - 5;
            discipline.clear(start);
            discipline.apply(&request(Modes::STATUS, |timex| timex.status = bit as i32), start);
            for now in start + 1..at {
                assert_eq!(discipline.turn(now), 0);
                assert!(matches!(discipline.state, State::Insert | State::Delete) && discipline.is_busy());
            }
            assert_eq!(discipline.turn(at), moved);
            assert_eq!(discipline.turn(at + 2), 0);
            assert_eq!(discipline.state, State::Wait);
            discipline.apply(&request(Modes::STATUS, |_| {}), at + 2);
            discipline.turn(at + 3);
            assert_eq!((discipline.state, discipline.is_busy()), (State::Ok, false));
        }
    }

    #[test]
    fn a_phase_is_made_up_in_parts_and_changes_the_speed() {
        let mut discipline = Discipline::new();
        discipline.clear(1000);
        discipline.apply(&request(Modes::STATUS | Modes::NANO, |timex| timex.status = status::PLL as i32), 1000);
        discipline.apply(&request(Modes::OFFSET, |timex| timex.offset = 1_000_000), 1004);
        assert_eq!(discipline.phase(), 1_000_000);
        let steady = discipline.second_length();
        assert!(steady > NANOSECONDS << SHIFT);
        discipline.turn(1005);
        assert_eq!(discipline.phase(), 1_000_000 - 1_000_000 / 16);
        assert_eq!((discipline.second_length() - steady) >> SHIFT, 62_500);
    }

    #[test]
    fn a_slew_takes_half_a_millisecond_each_second() {
        let mut discipline = Discipline::new();
        discipline.clear(1000);
        assert_eq!(discipline.set_slew(Some(-1200)), 0);
        let left: alloc::vec::Vec<i64> = (1001..1005)
            .map(|now| {
                discipline.turn(now);
                discipline.set_slew(None)
            })
            .collect();
        assert_eq!(left, [-700, -200, 0, 0]);
        assert!(!discipline.is_busy());
    }
}
