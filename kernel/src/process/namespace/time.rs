//! Time namespaces: clocks of their own (time_namespaces(7)).
use super::Owner;
use super::identity::{Identity, Kind, first};
use crate::error::*;
use crate::output::Output;
use crate::process::{Capability, Credentials, Task};
use crate::sync::{Mutex, rank};
use crate::time::NANOSECONDS;
use alloc::sync::Arc;
use core::fmt::Write;
use core::sync::atomic::Ordering;
use machine::memory::try_arc;

/// What a namespace's clocks are ahead of the first one's, in nanoseconds, wrapping: the monotonic clocks, the boot-time clocks.
pub type Shifts = [u64; 2];

struct State {
    shifts: Shifts,
    /// Somebody lives there: the clocks stay.
    begun: bool,
}
/// A time namespace.
pub struct TimeNamespace {
    /// Its file's number and its owner.
    pub identity: Identity,
    state: Mutex<State>,
}

/// An offset as it is written: seconds, with nanoseconds that are always added.
type Offset = (usize, i64, i64);

impl TimeNamespace {
    /// The first one.
    pub fn first() -> Result<Arc<TimeNamespace>> {
        Self::with(Identity::first(first::TIME)?, [0; 2], true)
    }
    /// A copy, whose clocks can be set until somebody lives there (CLONE_NEWTIME). ENOSPC.
    pub fn copy(&self, owner: &Owner) -> Result<Arc<TimeNamespace>> {
        Self::with(Identity::new(owner, Kind::Time)?, self.state.lock().shifts, false)
    }
    fn with(identity: Identity, shifts: Shifts, begun: bool) -> Result<Arc<TimeNamespace>> {
        let state = Mutex::new(rank::USER_NAMESPACE, State { shifts, begun });
        Ok(try_arc(TimeNamespace { identity, state })?)
    }
    /// Somebody enters: what his clocks are ahead.
    pub fn begin(&self) -> Shifts {
        let mut state = self.state.lock();
        state.begun = true;
        state.shifts
    }
    /// The text of /proc/PID/timens_offsets.
    pub fn show(&self, out: &mut Output) -> Result<()> {
        let shifts = self.state.lock().shifts;
        for (name, shift) in ["monotonic", "boottime"].into_iter().zip(shifts) {
            let shift = shift as i64;
            let (seconds, rest) = (shift.div_euclid(NANOSECONDS as i64), shift.rem_euclid(NANOSECONDS as i64));
            writeln!(out, "{name:<10} {seconds:10} {rest:9}")?;
        }
        Ok(())
    }
    /// Sets clocks as the first two lines of a text say; how much of it that is. For who has opened the file with `opener`'s credentials. EINVAL for what is no
    /// such text; EPERM without CAP_SYS_TIME; ERANGE for clocks before 0 or too far ahead; EACCES once somebody lives there.
    pub fn accept(&self, opener: &Credentials, text: &[u8]) -> Result<usize> {
        let (offsets, taken) = parse(text)?;
        if !opener.capable_in(&self.identity.owner, Capability::SysTime) {
            return Err(EPERM);
        }
        let now = machine::time::monotonic();
        for (_, seconds, nanoseconds) in offsets.iter().flatten() {
            check_range(now, *seconds, *nanoseconds)?;
        }
        let mut state = self.state.lock();
        if state.begun {
            return Err(EACCES);
        }
        for (clock, seconds, nanoseconds) in offsets.into_iter().flatten() {
            if let Some(shift) = state.shifts.get_mut(clock) {
                *shift = seconds.wrapping_mul(NANOSECONDS as i64).wrapping_add(nanoseconds) as u64;
            }
        }
        Ok(taken)
    }
}

/// ERANGE for a clock that would show a time before 0 or in more than half of what fits.
fn check_range(now: u64, seconds: i64, nanoseconds: i64) -> Result<()> {
    const MOST: i64 = i64::MAX / NANOSECONDS as i64;
    if !(-MOST..=MOST).contains(&seconds) {
        return Err(ERANGE);
    }
    let now = i128::from(now);
    let then = now + i128::from(seconds) * i128::from(NANOSECONDS) + i128::from(nanoseconds);
    let second = then.div_euclid(i128::from(NANOSECONDS));
    if second < 0 || second > i128::from(MOST / 2) { Err(ERANGE) } else { Ok(()) }
}

/// Reads one or two lines of a clock's name or number, seconds and nanoseconds; how long they are.
fn parse(text: &[u8]) -> Result<([Option<Offset>; 2], usize)> {
    let mut ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let taken = ends.nth(1).unwrap_or(text.len());
    let text = text.get(..taken).unwrap_or_default();
    let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
    let mut offsets = [None; 2];
    let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    for (place, line) in offsets.iter_mut().zip(&mut lines) {
        let mut words = line.split_ascii_whitespace();
        let clock = match words.next() {
            Some("monotonic" | "1") => 0,
            Some("boottime" | "7") => 1,
            _ => return Err(EINVAL),
        };
        let mut number = || words.next().and_then(|word| word.parse::<i64>().ok()).ok_or(EINVAL);
        let (seconds, nanoseconds) = (number()?, number()?);
        if !(0..NANOSECONDS as i64).contains(&nanoseconds) || words.next().is_some() {
            return Err(EINVAL);
        }
        *place = Some((clock, seconds, nanoseconds));
    }
    Ok((offsets, taken))
}

impl Task {
    /// What its monotonic clocks are ahead of the machine's, in nanoseconds, wrapping.
    #[inline(always)]
    pub fn monotonic_shift(&self) -> u64 {
        self.clock_shifts[0].load(Ordering::Relaxed)
    }
    /// What its boot-time clocks are ahead of the machine's.
    #[inline(always)]
    pub fn boot_shift(&self) -> u64 {
        self.clock_shifts[1].load(Ordering::Relaxed)
    }
    /// Whether its clocks are not the machine's.
    pub fn has_shifted_clocks(&self) -> bool {
        self.monotonic_shift() | self.boot_shift() != 0
    }
    /// Gives it the clocks of a time namespace.
    pub fn take_clocks(&self, namespace: &TimeNamespace) {
        for (place, shift) in self.clock_shifts.iter().zip(namespace.begin()) {
            place.store(shift, Ordering::Relaxed);
        }
    }
    /// Gives it the clocks that another task has.
    pub fn share_clocks(&self, other: &Task) {
        for (place, shift) in self.clock_shifts.iter().zip(&other.clock_shifts) {
            place.store(shift.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
