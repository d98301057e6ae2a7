//! Timers of processor time: ITIMER_VIRTUAL and ITIMER_PROF (setitimer(2)). They move with the ticks of busy CPUs.
use crate::process::ThreadGroup;
use crate::process::schedule::TICK;
use crate::signal::{SignalInfo, send_to_group};
use crate::sync::{IrqLock, rank};
use core::sync::atomic::{AtomicBool, Ordering};

/// A timer that counts ticks.
pub struct CountedTimer {
    signal: u32,
    /// Looked at without the lock: most processes have none.
    armed: AtomicBool,
    /// It has expired and its signal is not sent yet: that takes memory, which an interrupt handler has not.
    due: AtomicBool,
    state: IrqLock<State>,
}

#[derive(Clone, Copy)]
struct State {
    /// Nanoseconds left; below zero where an interval is shorter than a tick.
    left: i64,
    interval: u64,
}

impl CountedTimer {
    /// One that is not armed and will send `signal`.
    pub const fn new(signal: u32) -> Self {
        CountedTimer {
            signal,
            armed: AtomicBool::new(false),
            due: AtomicBool::new(false),
            state: IrqLock::new(rank::LEAF, State { left: 0, interval: 0 }),
        }
    }
    /// Interval and time left in nanoseconds: at least a tick while it is armed.
    pub fn remaining(&self) -> (u64, u64) {
        let state = self.state.lock();
        if !self.armed.load(Ordering::Relaxed) {
            return (state.interval, 0);
        }
        (state.interval, u64::try_from(state.left).unwrap_or(0).max(TICK))
    }
    /// Sets it to expire after `value` of processor time (0: never), and a tick, so that it is never early.
    pub fn set(&self, interval: u64, value: u64) {
        let mut state = self.state.lock();
        *state = State { left: i64::try_from(value.saturating_add(TICK)).unwrap_or(i64::MAX), interval };
        self.armed.store(value != 0, Ordering::Relaxed);
    }
    /// A tick of its time has passed; whether it has expired. In interrupt context.
    pub fn note_tick(&self) -> bool {
        let expired = self.armed.load(Ordering::Relaxed) && self.advance();
        if expired {
            self.due.store(true, Ordering::Relaxed);
        }
        expired
    }
    /// Sends its signal to its process, if that is due.
    pub fn send_due(&self, process: &ThreadGroup) {
        if self.due.load(Ordering::Relaxed) && self.due.swap(false, Ordering::Relaxed) {
            // Pending once; without memory it is pending without information.
            let _ = send_to_group(process, SignalInfo::kernel(self.signal));
        }
    }
    /// Whether it has expired with this tick.
    fn advance(&self) -> bool {
        let mut state = self.state.lock();
        if !self.armed.load(Ordering::Relaxed) {
            return false;
        }
        state.left = state.left.saturating_sub(TICK as i64);
        if state.left > 0 {
            return false;
        }
        let interval = i64::try_from(state.interval).unwrap_or(i64::MAX);
        state.left = state.left.saturating_add(interval);
        self.armed.store(interval != 0, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_armed_timer_expires_after_its_time_and_a_tick() {
        let timer = CountedTimer::new(26);
        assert_eq!(timer.remaining(), (0, 0));
        timer.set(2 * TICK, TICK);
        assert_eq!(timer.remaining(), (2 * TICK, 2 * TICK));
        let expired: Vec<bool> = (0..6).map(|_| timer.advance()).collect();
        assert_eq!(expired, [false, true, false, true, false, true]);
        timer.set(0, TICK);
        assert!(!timer.advance() && timer.advance() && !timer.advance());
        assert_eq!(timer.remaining(), (0, 0));
    }
}
