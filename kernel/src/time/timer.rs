//! One-shot timers, ordered per CPU.
//!
//! Each CPU keeps the timers armed on it in a tree by deadline and programs its hardware timer for the first. Nothing ticks
//! when no timer is armed.
use crate::sync::{IrqLock, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use machine::collections::{Tree, TreeLinked, TreeLinks};
use machine::cpu::{CpuId, PerCpu, PreemptGuard};

/// What happens when a timer's deadline passes.
pub trait Expire: Send + Sync {
    /// Called in interrupt context on the CPU that armed the timer, with no timer lock held: wakes or notifies, must not
    /// sleep or allocate. The answer is the next deadline for a periodic timer. A timer armed anew from elsewhere while
    /// this runs keeps the deadline it was given there.
    fn expire(&self, deadline: u64) -> Option<u64>;
}

/// A one-shot timer with its action. Deadlines are nanoseconds of the monotonic clock.
pub struct Timer {
    links: TreeLinks,
    /// The CPU on whose tree the timer was put last, written with that tree's lock held once it is in there; the tree itself
    /// knows whether it still is.
    cpu: AtomicU32,
    action: Arc<dyn Expire>,
}

impl TreeLinked for Timer {
    fn tree_links(&self) -> &TreeLinks {
        &self.links
    }
}

struct Queue {
    armed: IrqLock<Tree<Timer>>,
    /// Address of the timer whose action runs, 0 for none.
    running: AtomicUsize,
}

static QUEUES: PerCpu<Queue> =
    PerCpu::new(|| Queue { armed: IrqLock::new(rank::TIMER, Tree::new()), running: AtomicUsize::new(0) });

impl Timer {
    /// A timer that is not armed.
    pub fn new(action: Arc<dyn Expire>) -> Result<Arc<Timer>, machine::OutOfMemory> {
        machine::memory::try_arc(Timer { links: TreeLinks::new(), cpu: AtomicU32::new(0), action })
    }

    /// Arms the timer on this CPU, or moves it to a new deadline. A deadline in the past expires at once, but never within
    /// this call.
    pub fn arm(self: &Arc<Self>, deadline: u64) {
        self.cancel();
        self.start(deadline);
    }

    /// Arms a timer that was cancelled just now, as `arm` does.
    pub fn start(self: &Arc<Self>, deadline: u64) {
        let guard = PreemptGuard::new();
        let mut armed = QUEUES.get(&guard).armed.lock();
        // A timer that another task armed at the same moment stays where that put it.
        if armed.insert(deadline, self.clone()).is_ok() {
            self.cpu.store(guard.cpu().0, Ordering::Relaxed);
            if armed.first().is_some_and(|(_, first)| Arc::ptr_eq(first, self)) {
                machine::time::set_timer(Some(deadline));
            }
        }
    }

    /// Disarms the timer. True if it was armed: its action will not run for that deadline. The hardware timer stays as it
    /// is; a needless interrupt costs less than setting it.
    pub fn cancel(&self) -> bool {
        // One that is armed at this very moment is as one that is armed after this.
        if !self.links.is_linked() {
            return false;
        }
        loop {
            let cpu = self.cpu.load(Ordering::Relaxed);
            let removed = QUEUES.of(CpuId(cpu)).armed.lock().remove(self);
            if removed.is_some() {
                return true;
            }
            if cpu == self.cpu.load(Ordering::Relaxed) {
                return false;
            }
        }
    }

    /// Disarms the timer, and waits for its action to end if that runs on another CPU: what the action refers to, and the
    /// timer itself, may be dropped then without the interrupt handler being the last to hold them. No lock that the action
    /// takes may be held.
    pub fn stop(&self) {
        loop {
            self.cancel();
            // With the one in `interrupt`.
            fence(Ordering::Acquire);
            // It may run on several CPUs: where it expired before it was armed anew on this one.
            for cpu in 0..machine::cpu::online_cpus() as u32 {
                while QUEUES.of(CpuId(cpu)).running.load(Ordering::Acquire) == self.address() {
                    core::hint::spin_loop();
                }
            }
            // The action of a periodic timer has armed it again, if it ran.
            if !self.cancel() {
                return;
            }
        }
    }
    fn address(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    /// The deadline, while armed.
    pub fn deadline(&self) -> Option<u64> {
        let cpu = self.cpu.load(Ordering::Relaxed);
        QUEUES.of(CpuId(cpu)).armed.lock().key_of(self)
    }
}

/// The timer interrupt: runs what is due on this CPU and sets the hardware timer for what comes next.
pub fn interrupt() {
    let guard = PreemptGuard::new();
    let queue = QUEUES.get(&guard);
    loop {
        let mut armed = queue.armed.lock();
        let now = machine::time::monotonic();
        match armed.first() {
            Some((deadline, _)) if deadline <= now => {
                // The mark is there before the timer is off the tree: who sees it unlinked sees that it runs.
                queue.running.store(armed.first().map_or(0, |(_, timer)| timer.address()), Ordering::Relaxed);
                fence(Ordering::Release);
                let Some((deadline, timer)) = armed.pop_first() else { return };
                drop(armed);
                if let Some(next) = timer.action.expire(deadline) {
                    let mut armed = queue.armed.lock();
                    // Refused where the timer was armed anew meanwhile: that deadline wins, on the CPU that has it.
                    if armed.insert(next, timer.clone()).is_ok() {
                        timer.cpu.store(guard.cpu().0, Ordering::Relaxed);
                    }
                }
                // Whoever owns the timer stops it before it goes, and waits for the mark below: this is never the last.
                drop(timer);
                queue.running.store(0, Ordering::Release);
            }
            first => {
                machine::time::set_timer(first.map(|(deadline, _)| deadline));
                return;
            }
        }
    }
}
