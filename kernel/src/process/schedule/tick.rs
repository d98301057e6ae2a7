//! A tick while a CPU is busy: it samples whether user or kernel code was interrupted. The samples divide a task's exact run
//! time into user and system time, and move the timers that count either (setitimer(2)). An idle CPU does not tick.
use super::queue::{QUEUES, RunQueue};
use crate::process::Task;
use crate::time::timer::Expire;
use core::sync::atomic::{AtomicU64, Ordering};
use machine::cpu::CpuId;

/// Nanoseconds from one tick to the next (Debian's Linux: CONFIG_HZ=250).
pub const TICK: u64 = 4_000_000;

/// Run time by what the ticks at its end met, in nanoseconds.
#[derive(Default)]
pub struct Samples {
    user: AtomicU64,
    system: AtomicU64,
}

impl Samples {
    /// None yet.
    pub const fn new() -> Self {
        Samples { user: AtomicU64::new(0), system: AtomicU64::new(0) }
    }
    /// A tick, after `total` of run time in all: what has passed since the last one counts as what it met, however late it
    /// comes.
    pub fn note(&self, in_user_mode: bool, total: u64) {
        let known = self.user.load(Ordering::Relaxed).saturating_add(self.system.load(Ordering::Relaxed));
        let count = if in_user_mode { &self.user } else { &self.system };
        count.fetch_add(total.saturating_sub(known), Ordering::Relaxed);
    }
    /// The part of `total` that was spent in the kernel; none as long as no tick met it there.
    pub fn system_part(&self, total: u64) -> u64 {
        let (user, system) = (self.user.load(Ordering::Relaxed), self.system.load(Ordering::Relaxed));
        if system == 0 {
            return 0;
        }
        let part = u128::from(total) * u128::from(system) / (u128::from(user) + u128::from(system));
        u64::try_from(part).unwrap_or(total)
    }
}

/// A CPU's tick.
pub(super) struct Tick(pub(super) CpuId);
impl Expire for Tick {
    fn expire(&self, _deadline: u64) -> Option<u64> {
        let queue = QUEUES.of(self.0);
        let task = Task::current();
        if queue.is_idle_task(task) {
            queue.tick_armed.store(false, Ordering::Relaxed);
            return None;
        }
        let in_user_mode = machine::cpu::interrupted_user_mode();
        queue.samples.note(in_user_mode, queue.busy());
        task.counters.samples.note(in_user_mode, task.schedule.runtime());
        if task.group().timers.note_tick(in_user_mode) {
            task.thread().set_work(machine::thread::work::NOTIFY);
        }
        if task.schedule.is_ranked() {
            super::ranked::watch_limit(task);
        }
        Some(machine::time::monotonic().saturating_add(TICK))
    }
}

impl RunQueue {
    /// This CPU begins to run a task: it ticks from now on. Interrupts are off.
    #[inline]
    pub(super) fn start_tick(&self) {
        if !self.tick_armed.load(Ordering::Relaxed)
            && let Some(timer) = self.tick_timer.get()
        {
            self.tick_armed.store(true, Ordering::Relaxed);
            timer.arm(machine::time::monotonic().saturating_add(TICK));
        }
    }
    /// Nanoseconds in which user and kernel code ran, up to the last accounting.
    pub fn busy_time(&self) -> (u64, u64) {
        let busy = self.busy();
        let system = self.samples.system_part(busy);
        (busy - system, system)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_time_is_divided_as_the_ticks_were() {
        let samples = Samples::new();
        assert_eq!(samples.system_part(100), 0);
        samples.note(false, 10);
        assert_eq!(samples.system_part(100), 100);
        (2..5).for_each(|tick| samples.note(true, tick * 10));
        assert_eq!(samples.system_part(100), 25);
        // A tick that comes late counts for all that has passed.
        samples.note(false, 80);
        assert_eq!(samples.system_part(80), 50);
    }
}
