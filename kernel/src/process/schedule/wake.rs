//! Waking tasks and placing them on CPUs.
use super::Task;
use super::deadline::Server;
use super::entity::Entity;
use super::entity::state;
use super::queue::{Arrival, IDLE_CPUS, QUEUES, keep_running, least_busy, on_own_queue, withdraw};
use super::{place, ranked};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::cpu::{CpuId, PreemptGuard, kick, online_cpus};

/// The CPU a task is to run on: where it ran last if that is idle, else another idle one, else where it ran last.
fn place(task: &Task, here: CpuId) -> CpuId {
    let last = task.schedule.cpu();
    if task.thread().is_on_cpu() {
        // Its context is not saved yet: only the CPU that is saving it can be sure not to wait for itself.
        return last;
    }
    let online = match online_cpus() {
        64.. => u64::MAX,
        count => (1 << count) - 1,
    };
    let allowed = match task.schedule.affinity() & online {
        0 => online,
        allowed => allowed,
    };
    if task.schedule.is_ranked() {
        return ranked::place_ranked(task, allowed, last);
    }
    let idle = IDLE_CPUS.load(Ordering::SeqCst) & allowed;
    let may = |set: u64, cpu: CpuId| set >> (cpu.0 & 63) & 1 != 0;
    if may(idle, last) {
        return last;
    }
    if idle != 0 {
        return CpuId(idle.trailing_zeros());
    }
    let usual = if may(allowed, last) { last } else { here };
    match least_busy(allowed, usual) {
        Some((count, cpu)) if !may(allowed, usual) || count.saturating_add(1) < QUEUES.of(usual).crowd() => cpu,
        _ => usual,
    }
}

/// Moves a runnable task whose context has just been saved to a CPU it may run on.
pub(super) fn move_away(task: Arc<Task>) {
    let locked = task.schedule.lock.lock();
    let moved = match withdraw(&task) {
        true => enqueue(task.clone(), Arrival::Moved),
        false => None,
    };
    drop(locked);
    follow_up(moved);
}

/// Whether a ranked task may come into a queue now, with the budget and deadline that it has then. The task's own lock is held.
#[cold]
fn may_come(entity: &Entity, arrival: Arrival) -> bool {
    let Some(server) = entity.active_server() else { return true };
    if server.keeps_off() {
        return false;
    }
    if arrival == Arrival::Woken {
        server.wake(machine::time::monotonic());
    }
    true
}

/// Enqueues a task that is in no queue and sees to it that its CPU notices. The task's own lock is held or it is new.
fn enqueue(task: Arc<Task>, arrival: Arrival) -> Option<CpuId> {
    let guard = PreemptGuard::new();
    // Whom to offer it to, if it is a ranked one that must wait.
    let mut ranked = None;
    if task.schedule.is_ranked() {
        if !may_come(&task.schedule, arrival) {
            return None;
        }
        ranked = Some((place::level(task.schedule.level()), task.schedule.affinity()));
    }
    let cpu = place(&task, guard.cpu());
    let queue = QUEUES.of(cpu);
    let preempts = queue.enqueue(task, cpu, arrival);
    if let Some((level, affinity)) = ranked
        && !preempts
    {
        ranked::offer_ranked(level, affinity, cpu);
    }
    (preempts || queue.needs_slice()).then_some(cpu).inspect(|_| {
        if preempts {
            kick(cpu);
        }
    })
}

/// What follows an enqueueing once the task's lock is free.
pub(super) fn follow_up(cpu: Option<CpuId>) {
    let Some(cpu) = cpu else { return };
    let guard = PreemptGuard::new();
    let queue = QUEUES.of(cpu);
    if queue.needs_slice() {
        if guard.cpu() == cpu {
            queue.arm_slice();
        } else {
            // The timer belongs to that CPU: it arms it as it reschedules.
            kick(cpu);
        }
    }
}

/// Starts a new task.
pub fn start_new(task: Arc<Task>) {
    let locked = task.schedule.lock.lock();
    task.schedule.set_state(state::RUNNING);
    let cpu = enqueue(task.clone(), Arrival::Moved);
    drop(locked);
    follow_up(cpu);
}

impl Task {
    /// Ends a sleep for an event. From any context.
    #[inline]
    pub fn wake(self: &Arc<Self>) -> bool {
        self.wake_from(state::SLEEPING)
    }
    /// Makes the task runnable if its state is one of `states`; counts as a wake-up in any case.
    pub fn wake_from(self: &Arc<Self>, states: u32) -> bool {
        let entity = &self.schedule;
        entity.count_wake();
        if entity.state() & states == 0 {
            return false;
        }
        let locked = entity.lock.lock();
        if entity.state() & states == 0 {
            return false;
        }
        // On the queue still: it has not got to sleep yet, or is about to.
        if entity.on_queue.load(Ordering::Acquire) && keep_running(self) {
            return true;
        }
        entity.set_state(state::RUNNING);
        let cpu = enqueue(self.clone(), Arrival::Woken);
        drop(locked);
        follow_up(cpu);
        true
    }
    /// Sets the CPUs the task may run on; a task that is elsewhere moves at once, a running one at its next interruption.
    pub fn set_affinity(self: &Arc<Self>, mask: u64) {
        let locked = self.schedule.lock.lock();
        self.schedule.affinity.store(mask, Ordering::Relaxed);
        let cpu = self.schedule.cpu();
        if self.schedule.may_run_on(cpu) {
            return;
        }
        let moved = match withdraw(self) {
            true => enqueue(self.clone(), Arrival::Moved),
            false => {
                // Wherever it runs, it is noticed there.
                kick(self.schedule.cpu());
                None
            }
        };
        drop(locked);
        follow_up(moved);
    }
    /// Changes what the task's level follows from; where it waits or runs, it takes the place that goes with it. The caller
    /// reschedules if it is the running one.
    pub(super) fn change_level(self: &Arc<Self>, change: &dyn Fn(&Entity)) {
        let locked = self.schedule.lock.lock();
        let entity = &self.schedule;
        let mut moved = None;
        loop {
            if withdraw(self) {
                let old = entity.level();
                change(entity);
                let level = entity.level();
                entity.place.store(level, Ordering::Relaxed);
                moved = enqueue(self.clone(), if level > old { Arrival::InFront } else { Arrival::Moved });
                break;
            }
            // It may have been put back in between.
            if on_own_queue(self, |queue, cpu| queue.try_change(self, cpu, change)) {
                break;
            }
        }
        // One that waits for its budget's next period goes on where that no longer counts.
        if moved.is_none() && entity.active_server().is_none() && entity.server().is_some_and(Server::release) {
            moved = self.come_back();
        }
        drop(locked);
        follow_up(moved);
    }
    /// Puts a task that was off its queue for its budget back into one. The task's lock is held.
    pub(super) fn come_back(self: &Arc<Self>) -> Option<CpuId> {
        let level = self.schedule.level();
        self.schedule.place.store(level, Ordering::Relaxed);
        enqueue(self.clone(), Arrival::Moved)
    }
    /// Lends the task a level, all ones for none; false if it has it already.
    pub fn lend(self: &Arc<Self>, level: u64) -> bool {
        let changes = self.schedule.boost() != level;
        if changes {
            self.change_level(&|entity| entity.set_boost(level));
        }
        changes
    }
    /// A thread of the kernel that others wait for goes before all classes from now on.
    pub fn put_first(self: &Arc<Self>) {
        self.change_level(&|entity| entity.set_boost(place::FIRST));
    }
}
