//! RLIMIT_CPU (getrlimit(2)): SIGXCPU each second beyond the soft limit, SIGKILL at the hard one.
use super::limits::{Limit, Resource};
use super::{ThreadGroup, usage::Usage};
use crate::signal::{self, SIGKILL, SIGXCPU, SignalInfo};
use crate::time::timer::{Expire, Timer};
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU64, Ordering, fence};

const SECOND: u64 = 1_000_000_000;

/// A process's watch over its processor time; made when the limit is first finite.
pub struct ProcessorLimit {
    timer: crate::sync::Once<Arc<Timer>>,
    /// Seconds at which the next SIGXCPU is due: the soft limit moves on with each.
    next: AtomicU64,
}

struct Watch(Weak<ThreadGroup>);
impl Expire for Watch {
    fn expire(&self, _deadline: u64) -> Option<u64> {
        self.0.upgrade().and_then(|process| process.check_processor_limit())
    }
}

impl ProcessorLimit {
    /// No limit is watched.
    pub const fn new() -> Self {
        ProcessorLimit { timer: crate::sync::Once::new(), next: AtomicU64::new(u64::MAX) }
    }
    /// Stops the watch, as the process ends.
    pub(super) fn end(&self) {
        fence(Ordering::SeqCst);
        if let Some(timer) = self.timer.get() {
            timer.stop();
        }
    }
}
impl Default for ProcessorLimit {
    fn default() -> Self {
        Self::new()
    }
}

impl ThreadGroup {
    /// Processor time of all threads, ended ones included, in nanoseconds. From any context.
    pub fn processor_time(&self) -> u64 {
        let Usage { own, .. } = *self.usage.lock();
        let mut sum = own.user_time.saturating_add(own.system_time);
        self.for_each_thread(|thread| sum = sum.saturating_add(thread.schedule.runtime()));
        sum
    }
    /// Begins or moves the watch after a change of the limit. Without memory for a timer the limit is not enforced.
    pub(super) fn watch_processor_limit(self: &Arc<Self>) {
        let Limit { soft, .. } = self.limits.get(Resource::Cpu);
        self.processor_limit.next.store(soft, Ordering::Relaxed);
        if soft == u64::MAX {
            return;
        }
        if self.processor_limit.timer.get().is_none()
            && let Ok(action) = machine::memory::try_arc(Watch(Arc::downgrade(self)))
            && let Ok(timer) = Timer::new(action)
        {
            // Set by another thread in between: one watch suffices.
            let _ = self.processor_limit.timer.set(timer);
        }
        if let Some(timer) = self.processor_limit.timer.get() {
            timer.arm(self.next_look(soft));
            // The last thread stops the timer of its process. Whoever arms it after that sees that no thread is left.
            fence(Ordering::SeqCst);
            if self.live.load(Ordering::Relaxed) == 0 {
                timer.stop();
            }
        }
    }
    /// When the limit could be reached at the earliest, with all CPUs used.
    fn next_look(&self, seconds: u64) -> u64 {
        let missing = seconds.saturating_mul(SECOND).saturating_sub(self.processor_time());
        let step = missing / machine::cpu::online_cpus().max(1) as u64;
        machine::time::monotonic().saturating_add(step.clamp(1_000_000, 3600 * SECOND))
    }
    /// Looks at the time used; when to look again.
    fn check_processor_limit(&self) -> Option<u64> {
        if self.is_zombie() {
            return None;
        }
        let used = self.processor_time() / SECOND;
        let hard = self.limits.get(Resource::Cpu).hard;
        if used >= hard {
            // A signal of the kernel's that finds no memory is pending all the same.
            let _ = signal::send_to_group(self, SignalInfo::kernel(SIGKILL));
            return None;
        }
        let next = self.processor_limit.next.load(Ordering::Relaxed);
        if next == u64::MAX {
            return None;
        }
        if used < next {
            return Some(self.next_look(next));
        }
        let _ = signal::send_to_group(self, SignalInfo::kernel(SIGXCPU));
        self.processor_limit.next.store(used.saturating_add(1), Ordering::Relaxed);
        Some(self.next_look(used.saturating_add(1)))
    }
}
