//! The classes that go before the fair one, on a run queue: turns among equals, the share that is left to fair tasks, and the
//! search for a better CPU. All of it off the paths of fair tasks.
use super::Task;
use super::deadline;
use super::entity::{Entity, Policy};
use super::parameters::{self, Bandwidth};
use super::place::{self, FAIR, LAST, REAL_TIME};
use super::queue::{Arrival, QUEUES, RunQueue};
use super::tick::TICK;
use crate::process::limits::{Limit, Resource, UNLIMITED};
use crate::signal::{self, SIGKILL, SIGXCPU, SignalInfo};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use machine::collections::Tree;
use machine::cpu::{CpuId, kick, online_cpus, set_need_reschedule};

/// CPUs in whose queues ranked tasks may wait, one bit each. A bit is set under the queue's lock as such a task comes in, and cleared
/// under it when none is found.
static WAITING: AtomicU64 = AtomicU64::new(0);

/// What a run queue keeps for ranked tasks.
pub(super) struct Ranked {
    /// Turns given so far at the ends of lists, and at their fronts.
    behind: AtomicU64,
    before: AtomicU64,
    bandwidth: Bandwidth,
}
impl Ranked {
    pub(super) fn new() -> Ranked {
        Ranked { behind: AtomicU64::new(0), before: AtomicU64::new(0), bandwidth: Bandwidth::new() }
    }
}

fn bit(cpu: CpuId) -> u64 {
    1 << (cpu.0 & 63)
}

impl RunQueue {
    /// The place of a ranked task that is put behind its equals, or before them. The queue is locked.
    pub(super) fn ranked_place(&self, entity: &Entity, in_front: bool) -> u64 {
        let level = entity.level();
        if !place::is_real_time(level) {
            return level;
        }
        // One writer at a time, under the lock.
        let count = if in_front { &self.ranked.before } else { &self.ranked.behind };
        let turn = count.load(Ordering::Relaxed).wrapping_add(1);
        count.store(turn, Ordering::Relaxed);
        let turn = turn % place::MIDDLE_TURN;
        level + if in_front { place::MIDDLE_TURN - turn } else { place::MIDDLE_TURN + turn }
    }
    /// A ranked task waits in this CPU's queue from now on. The queue is locked.
    pub(super) fn note_ranked(&self, cpu: CpuId) {
        WAITING.fetch_or(bit(cpu), Ordering::SeqCst);
    }
    /// Inserts a ranked task; its place.
    #[cold]
    pub(super) fn insert_ranked(&self, waiting: &mut Tree<Task>, task: Arc<Task>, cpu: CpuId, arrival: Arrival) -> u64 {
        let entity = &task.schedule;
        if arrival == Arrival::Woken {
            entity.ticks.store(0, Ordering::Relaxed);
        }
        let place = self.ranked_place(entity, arrival == Arrival::InFront);
        if entity.cpu.swap(cpu.0, Ordering::Relaxed) != cpu.0 {
            self.note_migration(entity);
        }
        entity.is_chosen.store(false, Ordering::Relaxed);
        entity.place.store(place, Ordering::Relaxed);
        entity.on_queue.store(true, Ordering::Release);
        self.count_in();
        self.note_ranked(cpu);
        // A task asleep is in no tree.
        let _ = waiting.insert(place, task);
        place
    }
    /// A ranked task ran for `passed`: that counts against its class's share.
    #[cold]
    pub(super) fn charge(&self, entity: &Entity, passed: u64, now: u64) {
        if place::is_real_time(entity.place.load(Ordering::Relaxed)) {
            self.ranked.bandwidth.charge(passed, now);
        } else if let Some(server) = entity.active_server() {
            server.charge(passed);
        }
    }
    /// The running task is a ranked one and accounted for: where it stands among those who wait.
    #[cold]
    pub(super) fn settle(&self, waiting: &Tree<Task>, entity: &Entity, yields: bool, now: u64) -> u64 {
        let mut own = entity.place.load(Ordering::Relaxed);
        if own < REAL_TIME {
            return self.settle_deadline(entity, yields, now).unwrap_or(own);
        }
        let ran = entity.runtime.load(Ordering::Relaxed);
        let slice = ran.saturating_sub(entity.slice_start.load(Ordering::Relaxed));
        let slice_is_over = entity.policy() == Policy::RoundRobin && slice >= parameters::round_robin_slice();
        if slice_is_over {
            entity.slice_start.store(ran, Ordering::Relaxed);
        }
        if slice_is_over || yields {
            own = self.ranked_place(entity, false);
            entity.place.store(own, Ordering::Relaxed);
        }
        let must_leave_some = self.ranked.bandwidth.is_used_up(now) && waiting.lower_bound(FAIR).is_some();
        if must_leave_some { LAST } else { own }
    }
    /// Takes the running task off the queue if its budget is used up; its place, where that is a new one.
    fn settle_deadline(&self, entity: &Entity, yields: bool, now: u64) -> Option<u64> {
        let server = entity.active_server().filter(|server| yields || server.is_used_up(0))?;
        if server.exhaust(yields, now) {
            if entity.on_queue.load(Ordering::Relaxed) {
                server.park();
                entity.on_queue.store(false, Ordering::Release);
                self.count_out();
            }
            return None;
        }
        let place = entity.level();
        entity.place.store(place, Ordering::Relaxed);
        Some(place)
    }
    /// The best who waits is a ranked task: takes who is to run out of the tree, `None` for the running one.
    #[cold]
    pub(super) fn choose_ranked(
        &self,
        waiting: &mut Tree<Task>,
        own: Option<u64>,
        now: u64,
    ) -> Option<(u64, Arc<Task>)> {
        let mut best = waiting.first().map(|(key, _)| key)?;
        if best >= REAL_TIME && self.ranked.bandwidth.is_used_up(now) {
            // Fair tasks go first for the rest of the period, if there are any.
            match waiting.lower_bound(FAIR) {
                _ if own.is_some_and(|own| place::is_fair(own) && own < LAST) => return None,
                Some((key, _)) => best = key,
                None => {}
            }
        }
        if own.is_some_and(|own| own <= best) {
            return None;
        }
        let next = waiting.lower_bound(best).map(|(_, task)| task.clone())?;
        waiting.remove(&next).map(|next| (best, next))
    }
    /// Takes a ranked task that waits elsewhere and would go before all that this CPU has. Interrupts are off.
    #[cold]
    pub(super) fn pull_ranked(&self, cpu: CpuId, running: Option<&Entity>) {
        let mut others = WAITING.load(Ordering::SeqCst) & !bit(cpu);
        while others != 0 {
            let other = CpuId(others.trailing_zeros());
            others &= others - 1;
            let theirs = QUEUES.of(other);
            let (mut own_tree, mut their_tree) = match cpu.0 < other.0 {
                true => {
                    let own = self.waiting.lock();
                    (own, theirs.waiting.lock_nested())
                }
                false => {
                    let their = theirs.waiting.lock();
                    (self.waiting.lock_nested(), their)
                }
            };
            let first = own_tree.first().map_or(u64::MAX, |(key, _)| key);
            let staying = running.map_or(u64::MAX, |running| running.place.load(Ordering::Relaxed));
            let limit = place::level(first.min(staying));
            let mut waits = their_tree.iter().take_while(|(key, _)| place::is_ranked(*key)).peekable();
            if waits.peek().is_none() {
                WAITING.fetch_and(!bit(other), Ordering::SeqCst);
            }
            let chosen = waits
                .take_while(|(key, _)| place::level(*key) < limit)
                .map(|(_, task)| task)
                .find(|task| task.schedule.may_run_on(cpu) && !task.thread().is_on_cpu())
                .cloned();
            if let Some(task) = chosen.and_then(|chosen| their_tree.remove(&chosen)) {
                theirs.count_out();
                self.insert_ranked(&mut own_tree, task, cpu, Arrival::Moved);
            }
        }
    }
    /// What the CPU runs, for comparing with a place.
    pub(super) fn running_level(&self) -> u64 {
        place::level(self.running_place.load(Ordering::Relaxed))
    }
    /// Whether it runs a task that keeps fair ones waiting.
    pub(super) fn runs_ranked(&self) -> bool {
        place::is_ranked(self.running_place.load(Ordering::Relaxed))
    }
}

/// A tick met a ranked task: whether a deadline task's budget is used up, and RLIMIT_RTTIME: how long a real-time task may run
/// without sleeping. SIGXCPU at the soft limit, which moves on by a second each time, SIGKILL at the hard one. Called by the tick.
#[cold]
pub(super) fn watch_limit(task: &Task) {
    const SECOND: u64 = 1_000_000;
    let entity = &task.schedule;
    if let Some(server) = entity.active_server() {
        deadline::send_overrun(task, server);
        if server.is_used_up(entity.unaccounted()) {
            set_need_reschedule();
        }
        return;
    }
    let limits = &task.group().limits;
    let ticks = task.schedule.ticks.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    let Limit { soft, hard } = limits.get(Resource::RealTimeTime);
    if soft == UNLIMITED || !place::is_real_time(task.schedule.level()) {
        return;
    }
    let ran = u64::from(ticks).saturating_mul(TICK / 1000);
    if ran <= soft.min(hard) {
        return;
    }
    // A signal of the kernel's that finds no memory is pending all the same.
    if ran >= hard {
        let _ = signal::send_to_group(task.group(), SignalInfo::kernel(SIGKILL));
    } else {
        let _ = signal::send_to_group(task.group(), SignalInfo::kernel(SIGXCPU));
        limits.set(Resource::RealTimeTime, Limit { soft: soft.saturating_add(SECOND), hard });
    }
}

/// The CPU of a set that runs the least important task, and that task's level; `usual` where nothing is better.
fn lowest(allowed: u64, usual: CpuId) -> Option<(u64, CpuId)> {
    (0..online_cpus() as u32)
        .map(CpuId)
        .filter(|cpu| allowed & bit(*cpu) != 0)
        .map(|cpu| (QUEUES.of(cpu).running_level(), cpu == usual, cpu))
        .max_by_key(|(level, is_usual, _)| (*level, *is_usual))
        .map(|(level, _, cpu)| (level, cpu))
}

/// The CPU on which a ranked task should run.
#[cold]
pub(super) fn place_ranked(task: &Task, allowed: u64, usual: CpuId) -> CpuId {
    let level = place::level(task.schedule.level());
    let stays = allowed & bit(usual) != 0;
    match lowest(allowed, usual) {
        // Its own CPU is good enough where it runs at once; no other is idle then, or that one is.
        Some((FAIR, _)) if stays && QUEUES.of(usual).running_level() == FAIR => usual,
        Some((running, cpu)) if !stays || level < running => cpu,
        _ => usual,
    }
}

/// A ranked task waits in the queue of `cpu`: asks the CPU that runs the least important task to take it, if it would run there.
#[cold]
pub(super) fn offer_ranked(level: u64, allowed: u64, cpu: CpuId) {
    if let Some((running, other)) = lowest(allowed & !bit(cpu), cpu)
        && level < running
    {
        QUEUES.of(other).ask_to_pull();
        kick(other);
    }
}
