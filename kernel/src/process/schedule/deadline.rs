//! SCHED_DEADLINE: each such task has a constant bandwidth server, which gives it `runtime` in each `period`, to be had within
//! `deadline` from its start. The task with the earliest deadline goes first. One whose budget is used up is *parked*, off its queue,
//! until its next period; so it cannot take what others were promised, which [`admit`] has counted.
use super::Task;
use super::entity::{Entity, Policy, state};
use super::parameters;
use crate::error::*;
use crate::signal::{self, SIGXCPU, SignalInfo};
use crate::sync::{Once, SpinLock, rank};
use crate::time::timer::{Expire, Timer};
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use machine::cpu::online_cpus;

/// SCHED_FLAG_RECLAIM: what nobody was promised does not count against the budget.
pub(super) const RECLAIM: u64 = 2;
/// SCHED_FLAG_DL_OVERRUN: SIGXCPU when the budget is used up.
pub(super) const OVERRUN: u64 = 4;
/// The smallest run time: that of the server's arithmetic on Linux.
const RUNTIME_MINIMUM: u64 = 1 << 10;
/// The time for which a task that has had too much waits at most, in nanoseconds.
const MOST_DEBT: u64 = 1_000_000_000;
/// All of a CPU, as bandwidth.
const WHOLE: u64 = 1 << 20;

/// What a deadline task was promised, in nanoseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Promise {
    /// Run time in each period.
    pub runtime: u64,
    /// When it must have been had, from the period's start.
    pub deadline: u64,
    /// From one period to the next.
    pub period: u64,
    /// SCHED_FLAG_RECLAIM and SCHED_FLAG_DL_OVERRUN.
    pub flags: u64,
}
impl Promise {
    /// Checks what a user asks for; a period of 0 is the deadline. EINVAL.
    pub(super) fn check(mut self) -> Result<Promise> {
        if self.deadline == 0 || self.runtime < RUNTIME_MINIMUM || (self.deadline | self.period) >> 63 != 0 {
            return Err(EINVAL);
        }
        if self.period == 0 {
            self.period = self.deadline;
        }
        let is_ordered = self.runtime <= self.deadline && self.deadline <= self.period;
        if is_ordered && parameters::deadline_periods().contains(&self.period) { Ok(self) } else { Err(EINVAL) }
    }
    fn bandwidth(&self) -> u64 {
        ratio(self.period, self.runtime)
    }
}

fn ratio(period: u64, runtime: u64) -> u64 {
    u64::try_from((u128::from(runtime) << 20) / u128::from(period.max(1))).unwrap_or(WHOLE)
}

/// The bandwidth of all deadline tasks.
static ADMITTED: SpinLock<u64> = SpinLock::new(rank::LEAF, 0);

/// What all CPUs may promise in all; `None` without limit.
fn capacity() -> Option<u64> {
    parameters::limit().map(|(period, runtime)| ratio(period, runtime).saturating_mul(online_cpus() as u64))
}
/// Whether all that was promised fits into another share of the CPUs.
pub(super) fn fits(period: u64, runtime: u64) -> bool {
    *ADMITTED.lock() <= ratio(period, runtime).saturating_mul(online_cpus() as u64)
}

/// The server of a task.
pub(super) struct Server {
    runtime: AtomicU64,
    deadline: AtomicU64,
    period: AtomicU64,
    flags: AtomicU64,
    /// What is counted in [`ADMITTED`] for it; changes under that lock.
    admitted: AtomicU64,
    /// What is left of the run time in this period.
    budget: AtomicI64,
    /// The absolute deadline.
    absolute: AtomicU64,
    /// The budget is used up until the next period.
    is_throttled: AtomicBool,
    /// The task is off its queue for that reason alone.
    is_parked: AtomicBool,
    /// SIGXCPU is due.
    has_overrun: AtomicBool,
    timer: Once<Arc<Timer>>,
}

impl Server {
    fn new() -> Server {
        Server {
            runtime: AtomicU64::new(0),
            deadline: AtomicU64::new(0),
            period: AtomicU64::new(0),
            flags: AtomicU64::new(0),
            admitted: AtomicU64::new(0),
            budget: AtomicI64::new(0),
            absolute: AtomicU64::new(0),
            is_throttled: AtomicBool::new(false),
            is_parked: AtomicBool::new(false),
            has_overrun: AtomicBool::new(false),
            timer: Once::new(),
        }
    }
    /// What was promised.
    pub(super) fn promise(&self) -> Promise {
        Promise {
            runtime: self.runtime.load(Ordering::Relaxed),
            deadline: self.deadline.load(Ordering::Relaxed),
            period: self.period.load(Ordering::Relaxed),
            flags: self.flags.load(Ordering::Relaxed),
        }
    }
    /// The absolute deadline.
    pub(super) fn absolute(&self) -> u64 {
        self.absolute.load(Ordering::Relaxed)
    }
    /// Makes a promise, and begins to keep it if the task had none.
    pub(super) fn set(&self, promise: &Promise, is_new: bool) {
        self.runtime.store(promise.runtime, Ordering::Relaxed);
        self.deadline.store(promise.deadline, Ordering::Relaxed);
        self.period.store(promise.period, Ordering::Relaxed);
        self.flags.store(promise.flags, Ordering::Relaxed);
        if is_new {
            self.is_throttled.store(false, Ordering::Relaxed);
            self.is_parked.store(false, Ordering::Relaxed);
            self.has_overrun.store(false, Ordering::Relaxed);
            self.begin(machine::time::monotonic());
        }
    }
    /// A period begins now.
    fn begin(&self, now: u64) {
        let promise = self.promise();
        self.absolute.store(now.saturating_add(promise.deadline), Ordering::Relaxed);
        self.set_budget(promise.runtime);
    }
    fn set_budget(&self, runtime: u64) {
        self.budget.store(i64::try_from(runtime).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
    /// When the next period begins.
    fn next_period(&self) -> u64 {
        let promise = self.promise();
        self.absolute().saturating_sub(promise.deadline).saturating_add(promise.period)
    }
    /// The task wakes: what is left of its budget holds as long as it is no more than its share of the time to the deadline.
    pub(super) fn wake(&self, now: u64) {
        let promise = self.promise();
        let (absolute, budget) = (self.absolute(), self.budget.load(Ordering::Relaxed));
        let left = absolute.saturating_sub(now);
        if left == 0 && now < self.next_period() {
            // After its deadline, within its period: it has the next one's budget, and deadline.
            self.absolute.store(self.next_period().saturating_add(promise.deadline), Ordering::Relaxed);
            self.set_budget(promise.runtime);
            return;
        }
        let budget = u128::from(u64::try_from(budget).unwrap_or(0));
        if left == 0 || budget * u128::from(promise.deadline) > u128::from(left) * u128::from(promise.runtime) {
            if left == 0 || promise.deadline == promise.period {
                self.begin(now);
            } else {
                // As much as its density gives it in the time that is left.
                let budget = u128::from(promise.runtime) * u128::from(left) / u128::from(promise.deadline.max(1));
                self.set_budget(u64::try_from(budget).unwrap_or(promise.runtime));
            }
        }
    }
    /// The budget of the periods that have begun.
    fn refill(&self, now: u64) {
        let promise = self.promise();
        let budget = self.budget.load(Ordering::Relaxed);
        if budget <= 0 {
            // A debt takes as many periods as it is worth, but not much more than a second: a tick is thousands of the least budgets.
            let most = MOST_DEBT / promise.period.max(1) + 1;
            let periods = (budget.unsigned_abs() / promise.runtime.max(1) + 1).min(most);
            let gained = i64::try_from(periods.saturating_mul(promise.runtime)).unwrap_or(i64::MAX);
            let absolute = self.absolute().saturating_add(periods.saturating_mul(promise.period));
            self.absolute.store(absolute, Ordering::Relaxed);
            self.budget.store(budget.saturating_add(gained).max(1), Ordering::Relaxed);
        }
        if self.absolute() <= now {
            self.begin(now);
        }
    }
    /// The task ran for `passed`.
    pub(super) fn charge(&self, passed: u64) {
        let mut charged = passed;
        if self.flags.load(Ordering::Relaxed) & RECLAIM != 0 {
            // As much as the share of a CPU that was promised to all, but not less than the task's own.
            let promised = *ADMITTED.lock() / online_cpus() as u64;
            let unused = capacity().map_or(0, |most| (most / online_cpus() as u64).saturating_sub(promised));
            let rate = WHOLE.saturating_sub(unused).max(self.admitted.load(Ordering::Relaxed));
            charged = u64::try_from((u128::from(passed) * u128::from(rate)) >> 20).unwrap_or(passed);
        }
        self.budget.fetch_sub(i64::try_from(charged).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
    /// Whether the budget is used up, by the time that was accounted and `more`.
    pub(super) fn is_used_up(&self, more: u64) -> bool {
        self.budget.load(Ordering::Relaxed) <= i64::try_from(more).unwrap_or(i64::MAX)
    }
    /// The running task's budget is used up or given up: true if it must wait for the next period, else it has that one's already.
    pub(super) fn exhaust(&self, yields: bool, now: u64) -> bool {
        if yields {
            self.budget.fetch_min(0, Ordering::Relaxed);
        } else if self.flags.load(Ordering::Relaxed) & OVERRUN != 0 {
            self.has_overrun.store(true, Ordering::Relaxed);
        }
        let waits = now < self.next_period();
        if waits {
            self.is_throttled.store(true, Ordering::Relaxed);
        } else {
            self.refill(now);
        }
        waits
    }
    /// The task is taken off its queue until the next period.
    pub(super) fn park(&self) {
        self.is_parked.store(true, Ordering::Release);
    }
    /// Whether the task must stay off its queue; it comes back with the next period then.
    pub(super) fn keeps_off(&self) -> bool {
        let keeps = self.is_throttled.load(Ordering::Relaxed);
        if keeps {
            self.park();
        }
        keeps
    }
    /// Lets a parked task go; false if it is not parked. The task's lock is held.
    pub(super) fn release(&self) -> bool {
        self.is_throttled.store(false, Ordering::Relaxed);
        self.is_parked.swap(false, Ordering::AcqRel)
    }
    /// Sees to it that the next period is noticed, where the task waits for it. No lock may be held.
    fn arm(&self) {
        if self.is_throttled.load(Ordering::Relaxed)
            && let Some(timer) = self.timer.get()
        {
            timer.arm(self.next_period());
        }
    }
}

impl Entity {
    /// The server whose budget limits the task now: not while it runs at a level that it was lent.
    pub(super) fn active_server(&self) -> Option<&Server> {
        match self.policy() {
            Policy::Deadline if !self.is_boosted() => self.server(),
            _ => None,
        }
    }
    /// What follows a task's being switched from. No lock is held.
    pub(super) fn note_left(&self) {
        if let Some(server) = self.active_server() {
            server.arm();
        }
    }
}

/// The beginning of a task's next period.
struct Replenishment(Weak<Task>);
impl Expire for Replenishment {
    fn expire(&self, _deadline: u64) -> Option<u64> {
        let task = self.0.upgrade()?;
        let server = task.schedule.server()?;
        let again = task.end_throttling(server);
        send_overrun(&task, server);
        again
    }
}

impl Task {
    /// A period begins: its budget is there. When to come again, if it does not begin yet.
    fn end_throttling(self: &Arc<Self>, server: &Server) -> Option<u64> {
        let locked = self.schedule.lock.lock();
        if !server.is_throttled.load(Ordering::Relaxed) || self.schedule.policy() != Policy::Deadline {
            return None;
        }
        let (now, next) = (machine::time::monotonic(), server.next_period());
        if now < next {
            return Some(next);
        }
        server.refill(now);
        let moved = if server.release() { self.come_back() } else { None };
        drop(locked);
        super::wake::follow_up(moved);
        None
    }
}

/// SIGXCPU for a task that has used up its budget and wants to know.
pub(super) fn send_overrun(task: &Task, server: &Server) {
    if server.has_overrun.swap(false, Ordering::Relaxed) && task.schedule.state() != state::DEAD {
        // A signal of the kernel's that finds no memory is pending all the same.
        let _ = signal::send_to_group(task.group(), SignalInfo::kernel(SIGXCPU));
    }
}

/// Counts a promise, or what replaces the task's last one. EBUSY if all CPUs together cannot keep it, ENOMEM.
pub(super) fn admit(task: &Arc<Task>, promise: &Promise) -> Result<()> {
    let server = task.schedule.server_or_init(Server::new)?;
    if server.timer.get().is_none() {
        let action = machine::memory::try_arc(Replenishment(Arc::downgrade(task)))?;
        // Changes of policy are made one at a time.
        let _ = server.timer.set(Timer::new(action)?);
    }
    let mut admitted = ADMITTED.lock();
    let others = admitted.saturating_sub(server.admitted.load(Ordering::Relaxed));
    let bandwidth = promise.bandwidth();
    if capacity().is_some_and(|capacity| others.saturating_add(bandwidth) > capacity) {
        return Err(EBUSY);
    }
    *admitted = others.saturating_add(bandwidth);
    server.admitted.store(bandwidth, Ordering::Relaxed);
    Ok(())
}

/// The task is no deadline task any more.
pub(super) fn dismiss(server: &Server) {
    let mut admitted = ADMITTED.lock();
    *admitted = admitted.saturating_sub(server.admitted.swap(0, Ordering::Relaxed));
    drop(admitted);
    if let Some(timer) = server.timer.get() {
        timer.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;

    fn server(runtime: u64, deadline: u64, period: u64) -> Server {
        let server = Server::new();
        let promise =
            Promise { runtime: runtime * MILLI, deadline: deadline * MILLI, period: period * MILLI, flags: 0 };
        server.runtime.store(promise.runtime, Ordering::Relaxed);
        server.deadline.store(promise.deadline, Ordering::Relaxed);
        server.period.store(promise.period, Ordering::Relaxed);
        server.begin(100 * MILLI);
        server
    }

    #[test]
    fn a_used_up_budget_comes_back_with_the_next_period() {
        let server = server(10, 50, 50);
        assert_eq!(server.absolute(), 150 * MILLI);
        server.charge(12 * MILLI);
        assert!(server.is_used_up(0));
        assert!(server.exhaust(false, 112 * MILLI));
        assert_eq!(server.next_period(), 150 * MILLI);
        server.refill(150 * MILLI);
        assert_eq!(server.absolute(), 200 * MILLI);
        assert_eq!(server.budget.load(Ordering::Relaxed), 8 * MILLI as i64);
    }

    #[test]
    fn a_waking_task_cannot_have_more_than_its_share() {
        let server = server(10, 50, 50);
        server.charge(2 * MILLI);
        // 8 of 45 are more than 10 of 50.
        server.wake(115 * MILLI);
        assert_eq!(server.absolute(), 165 * MILLI);
        server.charge(9 * MILLI);
        server.wake(130 * MILLI);
        assert_eq!(server.absolute(), 165 * MILLI);
        server.wake(170 * MILLI);
        assert_eq!(server.absolute(), 220 * MILLI);
    }

    #[test]
    fn promises_are_checked() {
        let promise = |runtime, deadline, period| Promise { runtime, deadline, period, flags: 0 };
        assert!(promise(10 * MILLI, 20 * MILLI, 0).check().is_ok_and(|checked| checked.period == 20 * MILLI));
        assert!(promise(10 * MILLI, 5 * MILLI, 20 * MILLI).check().is_err());
        assert!(promise(1023, 5 * MILLI, 20 * MILLI).check().is_err());
        assert!(promise(2000, 5000, 99_000).check().is_err());
        assert!(promise(2000, 5000, 5_000_000_000).check().is_err());
    }
}
