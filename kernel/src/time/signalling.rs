//! Timers that send signals: interval timers and POSIX timers.
//!
//! A signal with its information needs memory, which interrupt handlers must not ask for, so expiry hands the timer to a
//! kernel thread that sends the signal.
use super::setting::advance;
use super::timer::{Expire, Timer};
use crate::process::{ThreadGroup, kernel_thread};
use crate::sync::{IrqLock, rank};
use crate::wait::{Sleep, WaitQueue};
use alloc::sync::{Arc, Weak};
use machine::collections::{Linked, Links, List};

/// Nanoseconds from one expiry of a timer to the next, at least.
const SHORTEST: u64 = 20_000;

/// Says what is sent when a timer has expired. Called by the kernel thread; may sleep.
pub trait Signal: Send + Sync {
    /// Sends the signal to the process for `expirations` expirations since the last time.
    fn send(&self, process: &ThreadGroup, expirations: u64);
}

/// How a timer goes on.
#[derive(Clone, Copy, Default)]
pub struct Progress {
    /// The period, 0 for one-shot timers.
    pub interval: u64,
    /// The next deadline; `None` while disarmed.
    pub deadline: Option<u64>,
    /// Expirations not yet told to the process.
    unsent: u64,
}

impl Progress {
    /// The period and the nanoseconds left until the next expiry at `now`: at least `least` while the timer is armed.
    pub fn remaining(&self, now: u64, least: u64) -> (u64, u64) {
        (self.interval, self.deadline.map_or(0, |deadline| deadline.saturating_sub(now).max(least)))
    }
}

/// What expiry changes.
pub struct Signalling {
    links: Links,
    process: Weak<ThreadGroup>,
    progress: IrqLock<Progress>,
    signal: alloc::boxed::Box<dyn Signal>,
    this: Weak<Signalling>,
}

impl Linked for Signalling {
    fn links(&self) -> &Links {
        &self.links
    }
}

static DUE: IrqLock<List<Signalling>> = IrqLock::new(rank::DUE_TIMERS, List::new());
static ARRIVAL: WaitQueue = WaitQueue::new();

impl Signalling {
    /// For a process.
    pub fn new(process: &Arc<ThreadGroup>, signal: alloc::boxed::Box<dyn Signal>) -> Arc<Signalling> {
        Arc::new_cyclic(|this| Signalling {
            links: Links::new(),
            process: Arc::downgrade(process),
            progress: IrqLock::new(rank::TIMER_STATE, Progress::default()),
            signal,
            this: this.clone(),
        })
    }

    /// How it goes on.
    pub fn progress(&self) -> Progress {
        *self.progress.lock()
    }

    /// Sets it and its timer anew; gives how it would have gone on.
    #[inline(always)]
    pub fn set(&self, timer: &Arc<Timer>, interval: u64, deadline: Option<u64>) -> Progress {
        // An expiry that is on its way waits here, and finds another deadline.
        let mut progress = self.progress.lock();
        timer.cancel();
        let before = core::mem::replace(&mut *progress, Progress { interval, deadline, unsent: 0 });
        if let Some(deadline) = deadline {
            timer.start(deadline);
        }
        before
    }
}

impl Signalling {
    /// Moves an armed timer as the wall clock was moved, from `before` nanoseconds ahead of the monotonic one to `now`.
    pub fn shift(&self, timer: &Arc<Timer>, before: u64, now: u64) {
        let mut progress = self.progress.lock();
        if let Some(deadline) = progress.deadline {
            timer.cancel();
            let deadline = super::clock_set::moved(deadline, before, now);
            progress.deadline = Some(deadline);
            timer.start(deadline);
        }
    }
}

impl Expire for Signalling {
    fn expire(&self, deadline: u64) -> Option<u64> {
        let mut progress = self.progress.lock();
        // Set anew while the interrupt was on its way: that deadline holds, whoever arms the timer for it.
        if progress.deadline != Some(deadline) {
            return progress.deadline;
        }
        let now = machine::time::monotonic();
        // A period that is shorter than an interrupt would leave no time for anything else: several count as one.
        let until = if progress.interval < SHORTEST { now.saturating_add(SHORTEST) } else { now };
        let (next, passed) = advance(deadline, progress.interval, until);
        progress.unsent = progress.unsent.saturating_add(passed.max(1));
        progress.deadline = (progress.interval != 0).then_some(next);
        let next = progress.deadline;
        drop(progress);
        if let Some(this) = self.this.upgrade() {
            // One that is due already stays where it is.
            let refused = DUE.lock().push_back(this).err();
            ARRIVAL.wake_one();
            drop(refused);
        }
        next
    }
}

/// The wall clock was set where nobody could be told: the kernel thread does so. Any context.
pub fn wake() {
    ARRIVAL.wake_one();
}

/// Starts the thread that sends timers' signals.
pub fn initialize() -> crate::error::Result<()> {
    kernel_thread::spawn("ktimers", || {
        loop {
            let due = ARRIVAL.wait_until(Sleep::Uninterruptible, None, || {
                let due = DUE.lock().pop_front();
                (due.is_some() || super::clock_set::is_pending()).then_some(due)
            });
            super::clock_set::tell();
            let Ok(Some(due)) = due else { continue };
            let expirations = core::mem::take(&mut due.progress.lock().unsent);
            if let (Some(process), true) = (due.process.upgrade(), expirations > 0) {
                due.signal.send(&process, expirations);
            }
        }
    })?
    .put_first();
    Ok(())
}
