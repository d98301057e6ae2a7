//! POSIX timers on clocks of processor time. They are looked at with each tick that meets a thread of the process whose time
//! they count, and so are up to a tick late, as Linux's are.
use super::cpu_clock::{CpuClock, Target};
use super::setting::advance;
use super::signalling::Signal;
use crate::error::*;
use crate::process::ThreadGroup;
use crate::sync::{IrqLock, Mutex, rank};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

/// A timer.
pub struct CpuTimer {
    clock: CpuClock,
    /// Whose time it counts.
    target: Target,
    /// Whom an expiry is told.
    owner: Weak<ThreadGroup>,
    signal: Box<dyn Signal>,
    state: IrqLock<State>,
    /// The target knows of it.
    is_listed: AtomicBool,
}

#[derive(Clone, Copy, Default)]
struct State {
    interval: u64,
    /// What the clock shows as it expires; `None` while disarmed.
    deadline: Option<u64>,
}

/// What is left of a timer, in nanoseconds.
pub struct Left {
    /// The period.
    pub interval: u64,
    /// Until the next expiry; 0 while disarmed.
    pub value: u64,
}

impl CpuTimer {
    /// A timer of `owner`'s that is not armed.
    pub fn new(
        clock: CpuClock,
        target: Target,
        owner: &Arc<ThreadGroup>,
        signal: Box<dyn Signal>,
    ) -> Result<Arc<Self>> {
        Ok(machine::memory::try_arc(CpuTimer {
            clock,
            target,
            owner: Arc::downgrade(owner),
            signal,
            state: IrqLock::new(rank::LEAF, State::default()),
            is_listed: AtomicBool::new(false),
        })?)
    }
    /// What is left; nothing once nobody's time is counted any more.
    pub fn left(&self) -> Left {
        let now = self.clock.of_target(&self.target);
        Self::left_of(*self.state.lock(), now)
    }
    fn left_of(state: State, now: Option<u64>) -> Left {
        let value = match (state.deadline, now) {
            (Some(deadline), Some(now)) => deadline.saturating_sub(now).max(1),
            _ => 0,
        };
        Left { interval: state.interval, value }
    }
    /// Arms it for a time on its clock, or a time from now, or disarms it (0); what was left. ESRCH once nobody's time is counted
    /// any more.
    pub fn set(self: &Arc<Self>, interval: u64, value: u64, is_absolute: bool) -> Result<Left> {
        let process = self.target.process().ok_or(ESRCH)?;
        let now = self.clock.of_target(&self.target).ok_or(ESRCH)?;
        let deadline = match value {
            0 => None,
            value if is_absolute => Some(value),
            value => Some(now.saturating_add(value)),
        };
        if deadline.is_some() {
            process.timers.cpu.add(self)?;
        }
        let before = core::mem::replace(&mut *self.state.lock(), State { interval, deadline });
        if deadline.is_some_and(|deadline| deadline <= now) {
            self.check();
        }
        Ok(Self::left_of(before, Some(now)))
    }
    /// It expires no more.
    pub fn disarm(&self) {
        *self.state.lock() = State::default();
    }
    /// Tells its owner if it has expired; whether it is armed afterwards.
    fn check(&self) -> bool {
        let now = self.clock.of_target(&self.target);
        let mut state = self.state.lock();
        let (Some(deadline), Some(now)) = (state.deadline, now) else { return false };
        if deadline > now {
            return true;
        }
        let (next, passed) = advance(deadline, state.interval, now);
        state.deadline = (state.interval != 0).then_some(next);
        let is_armed = state.deadline.is_some();
        drop(state);
        if let Some(owner) = self.owner.upgrade() {
            self.signal.send(&owner, passed.max(1));
        }
        is_armed
    }
}

/// The timers that count a process's time or that of its threads, whoever they belong to.
pub struct CpuTimers {
    /// Some may be armed: looked at with each tick.
    is_armed: AtomicBool,
    timers: Mutex<Vec<Weak<CpuTimer>>>,
}

impl CpuTimers {
    /// None.
    pub const fn new() -> Self {
        CpuTimers { is_armed: AtomicBool::new(false), timers: Mutex::new(rank::PROCESSOR_TIMERS, Vec::new()) }
    }
    /// Whether a tick is to be followed by a look. In interrupt context.
    #[inline(always)]
    pub fn is_armed(&self) -> bool {
        self.is_armed.load(Ordering::Relaxed)
    }
    /// Adds one that is about to be armed.
    fn add(&self, timer: &Arc<CpuTimer>) -> Result<()> {
        let mut timers = self.timers.lock();
        if !timer.is_listed.load(Ordering::Relaxed) {
            timers.try_reserve(1)?;
            timers.push(Arc::downgrade(timer));
            timer.is_listed.store(true, Ordering::Relaxed);
        }
        self.is_armed.store(true, Ordering::Relaxed);
        Ok(())
    }
    /// Looks at all, after a tick. May sleep.
    pub fn check(&self) {
        let mut timers = self.timers.lock();
        let mut is_armed = false;
        timers.retain(|timer| {
            let Some(timer) = timer.upgrade() else { return false };
            is_armed |= timer.check();
            true
        });
        self.is_armed.store(is_armed, Ordering::Relaxed);
    }
}

impl Default for CpuTimers {
    fn default() -> Self {
        Self::new()
    }
}
