//! One use of the tracer: what is to be shown, which calls fail or wait, and the ring the records go to.
use super::notation::Description;
use super::ring::Ring;
use crate::error::*;
use crate::sync::{Mutex, Once, rank};
use crate::syscall::{Row, dispatch, table};
use abi::Errno;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Most rules of a session.
pub const RULES: usize = 32;

/// When a call is made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error.
    pub errno: Errno,
    /// The first call of a thread that fails, counted from 1.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// Every so many of them.
    pub step: u32,
}

impl Failure {
    /// Whether a thread's `count`-th call fails.
    pub fn applies(&self, count: u32) -> bool {
        (self.first..=self.last).contains(&count) && (count - self.first).is_multiple_of(self.step.max(1))
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rule {
    /// It fails.
    pub failure: Option<Failure>,
    /// It waits so many nanoseconds first.
    pub delay: u64,
}

/// What the tracer knows of a number.
#[derive(Clone, Copy)]
pub struct Call {
    /// The table's row.
    pub row: &'static Row,
    /// How its arguments are written.
    pub description: Option<&'static Description>,
    /// It is execve(2) or execveat(2).
    pub executes: bool,
    /// It is rt_sigreturn(2), whose argument is the frame on the stack.
    pub takes_frame: bool,
    /// Its times have 64 bits on i386 too.
    pub has_wide_time: bool,
    /// Whether it is shown.
    pub shown: bool,
    /// Index of its rule.
    pub rule: Option<u8>,
}

/// The settings, complete once the session has started.
pub struct Settings {
    calls: [Vec<Option<Call>>; 3],
    rules: Vec<Rule>,
    /// Calls without a row are shown too.
    pub show_unknown: bool,
    /// Children are traced too.
    pub follow: bool,
    /// Bytes of strings that are shown, and elements of arrays.
    pub limit: usize,
}

impl Settings {
    fn new() -> Result<Settings> {
        let mut calls = [const { Vec::new() }; 3];
        for (abi, calls) in calls.iter_mut().enumerate() {
            calls.try_reserve_exact(dispatch::NUMBERS)?;
            calls.resize(dispatch::NUMBERS, None);
            for row in table::FAMILIES.into_iter().flatten() {
                let number = row.numbers.get(abi).copied().flatten();
                let Some(place) = number.and_then(|number| calls.get_mut(usize::from(number))) else {
                    continue;
                };
                *place = Some(Call {
                    row,
                    description: row.notation,
                    executes: matches!(row.name, "execve" | "execveat"),
                    takes_frame: row.name == "rt_sigreturn",
                    has_wide_time: row.name.ends_with("64"),
                    shown: true,
                    rule: None,
                });
            }
        }
        Ok(Settings { calls, rules: Vec::new(), show_unknown: true, follow: false, limit: 32 })
    }

    /// What is known of a number.
    #[inline]
    pub fn call(&self, abi: abi::Abi, number: usize) -> Option<&Call> {
        self.calls.get(abi as usize)?.get(number)?.as_ref()
    }
    /// A rule.
    pub fn rule(&self, index: u8) -> Option<&Rule> {
        self.rules.get(usize::from(index))
    }

    fn all_calls(&mut self) -> impl Iterator<Item = &mut Call> {
        self.calls.iter_mut().flatten().flatten()
    }

    /// The rule of the calls of this name, made if there is none. EINVAL for an unknown name, E2BIG for too many rules.
    fn rule_of(&mut self, name: &str) -> Result<&mut Rule> {
        let known = self.all_calls().find(|call| call.row.name == name).map(|call| call.rule).ok_or(EINVAL)?;
        let index = match known {
            Some(index) => index,
            None if self.rules.len() >= RULES => return Err(E2BIG),
            None => {
                let index = self.rules.len() as u8;
                self.rules.try_reserve(1)?;
                self.rules.push(Rule::default());
                self.all_calls().filter(|call| call.row.name == name).for_each(|call| call.rule = Some(index));
                index
            }
        };
        self.rules.get_mut(usize::from(index)).ok_or(EINVAL)
    }

    /// Takes one line: `follow`, `strings N`, `only NAME...`, `fail NAME ERRNO FIRST LAST STEP`, `delay NAME NANOSECONDS`.
    fn apply(&mut self, line: &str) -> Result<()> {
        let mut words = line.split_ascii_whitespace();
        let mut word = || words.next().ok_or(EINVAL);
        match word()? {
            "follow" => self.follow = true,
            "strings" => self.limit = word()?.parse::<usize>().map_err(|_| EINVAL)?.min(4096),
            "only" => {
                self.show_unknown = false;
                self.all_calls().for_each(|call| call.shown = false);
                for name in words {
                    self.all_calls().filter(|call| call.row.name == name).for_each(|call| call.shown = true);
                }
            }
            "fail" => {
                let (name, errno) = (word()?, Errno::from_name(word()?).ok_or(EINVAL)?);
                let mut number = || word()?.parse::<u32>().map_err(|_| EINVAL);
                let failure = Failure { errno, first: number()?, last: number()?, step: number()? };
                self.rule_of(name)?.failure = Some(failure);
            }
            "delay" => {
                let (name, time) = (word()?, word()?.parse::<u64>().map_err(|_| EINVAL)?);
                self.rule_of(name)?.delay = time;
            }
            _ => return Err(EINVAL.because("an unknown word")),
        }
        Ok(())
    }
}

/// A session: from the opening of the device to its end.
pub struct Session {
    /// The records.
    pub ring: Ring,
    pending: Mutex<Option<Settings>>,
    settings: Once<Settings>,
}

impl Session {
    /// A session that has not started.
    pub fn new() -> Result<Arc<Session>> {
        Ok(machine::memory::try_arc(Session {
            ring: Ring::new()?,
            pending: Mutex::new(rank::FILE_POSITION, Some(Settings::new()?)),
            settings: Once::new(),
        })?)
    }
    /// Takes a line of settings. EBUSY once the session has started.
    pub fn configure(&self, line: &str) -> Result<()> {
        self.pending.lock().as_mut().ok_or(EBUSY)?.apply(line)
    }
    /// The settings are complete.
    pub fn start(&self) {
        let taken = self.pending.lock().take();
        if let Some(settings) = taken {
            // Only who took them sets them.
            let _ = self.settings.set(settings);
        }
    }
    /// The settings of a session that has started.
    #[inline]
    pub fn settings(&self) -> Option<&Settings> {
        self.settings.get()
    }
    /// Nobody reads any more.
    pub fn close(&self) {
        self.ring.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_make_rules() {
        let mut settings = Settings::new().unwrap();
        settings.apply("only read write").unwrap();
        settings.apply("fail read EIO 2 4 2").unwrap();
        settings.apply("delay read 5").unwrap();
        let read = *settings.call(abi::Abi::X86_64, 0).unwrap();
        assert!(read.shown && !settings.call(abi::Abi::X86_64, 3).unwrap().shown);
        assert_eq!(settings.call(abi::Abi::I386, 3).unwrap().rule, read.rule);
        let rule = settings.rule(read.rule.unwrap()).unwrap();
        assert_eq!(rule.delay, 5);
        let failure = rule.failure.unwrap();
        assert_eq!([1, 2, 3, 4, 5, 6].map(|count| failure.applies(count)), [false, true, false, true, false, false]);
        for bad in ["", "x", "strings", "strings x", "fail read", "fail nosuch EIO 1 1 1", "fail read EWHAT 1 1 1"] {
            assert!(settings.apply(bad).is_err(), "{bad}");
        }
    }
}
