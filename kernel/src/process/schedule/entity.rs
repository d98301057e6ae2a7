//! What the scheduler keeps for each task.
use super::deadline::Server;
use super::place;
use crate::error::Result;
use crate::sync::{IrqLock, Once, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering};
use machine::collections::TreeLinks;
use machine::cpu::CpuId;

/// States of a task. All but [`RUNNING`](state::RUNNING) are bits, so that a wake-up can name several.
pub mod state {
    /// Runs or wants to.
    pub const RUNNING: u32 = 0;
    /// Sleeps; any signal wakes it.
    pub const INTERRUPTIBLE: u32 = 1;
    /// Sleeps; nothing but its event wakes it.
    pub const UNINTERRUPTIBLE: u32 = 2;
    /// Sleeps; a fatal signal wakes it.
    pub const KILLABLE: u32 = 4;
    /// A kernel thread with nothing to do.
    pub const IDLE: u32 = 8;
    /// Stopped by job control.
    pub const STOPPED: u32 = 0x10;
    /// Stopped by its tracer.
    pub const TRACED: u32 = 0x20;
    /// Has ended, its parent may still ask for it.
    pub const ZOMBIE: u32 = 0x40;
    /// Has ended and switched away for good.
    pub const DEAD: u32 = 0x80;
    /// Has not run yet.
    pub const NEW: u32 = 0x100;
    /// All states of waiting for an event.
    pub const SLEEPING: u32 = INTERRUPTIBLE | UNINTERRUPTIBLE | KILLABLE | IDLE;

    /// The letter /proc shows.
    pub fn letter(state: u32) -> char {
        match state {
            RUNNING | NEW => 'R',
            INTERRUPTIBLE => 'S',
            UNINTERRUPTIBLE | KILLABLE => 'D',
            IDLE => 'I',
            STOPPED => 'T',
            TRACED => 't',
            _ => 'Z',
        }
    }
}

/// Scheduling policies, by Linux's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Policy {
    /// SCHED_OTHER.
    Other = 0,
    /// SCHED_FIFO.
    Fifo = 1,
    /// SCHED_RR.
    RoundRobin = 2,
    /// SCHED_BATCH.
    Batch = 3,
    /// SCHED_IDLE.
    Idle = 5,
    /// SCHED_DEADLINE.
    Deadline = 6,
}
impl Policy {
    /// The policy of this number.
    pub fn from_number(number: i32) -> Option<Policy> {
        Some(match number {
            0 => Policy::Other,
            1 => Policy::Fifo,
            2 => Policy::RoundRobin,
            3 => Policy::Batch,
            5 => Policy::Idle,
            6 => Policy::Deadline,
            _ => return None,
        })
    }
    /// Whether a priority of 1 to 99 goes with it.
    pub fn is_real_time(self) -> bool {
        matches!(self, Policy::Fifo | Policy::RoundRobin)
    }
    /// Whether it shares by weight.
    pub fn is_fair(self) -> bool {
        matches!(self, Policy::Other | Policy::Batch | Policy::Idle)
    }
}

/// Weight of nice 0.
pub const NICE_0_WEIGHT: u64 = 1024;
/// Weight under SCHED_IDLE.
const IDLE_POLICY_WEIGHT: u64 = 3;
/// Says that a task goes before the fair class: its place does not move as it runs.
const RANKED: u64 = 0;

/// Weights for nice -20 to 19: each step is a factor of 1.25, so that two tasks one step apart share 55:45.
const WEIGHTS: [u64; 40] = {
    let mut weights = [0; 40];
    let mut index = 0;
    while index < 40 {
        // Fixed point with 20 bits, from nice 0 outwards.
        let (mut value, mut step) = (NICE_0_WEIGHT << 20, 20);
        while step > index {
            value = value / 4 * 5;
            step -= 1;
        }
        while step < index {
            value = value / 5 * 4;
            step += 1;
        }
        weights[index] = (value + (1 << 19)) >> 20;
        index += 1;
    }
    weights
};

/// The weight of a nice value.
pub fn weight_of(nice: i32) -> u64 {
    usize::try_from(nice.clamp(-20, 19) + 20)
        .ok()
        .and_then(|index| WEIGHTS.get(index))
        .copied()
        .unwrap_or(NICE_0_WEIGHT)
}

/// What the scheduler keeps for each task.
pub struct Entity {
    /// Links in the run queue's tree.
    pub links: TreeLinks,
    /// Held while the task changes from asleep to runnable.
    pub(super) lock: IrqLock<()>,
    state: AtomicU32,
    wakes: AtomicU32,
    /// Runnable: running, in a tree, or between the two. Changes under the lock of its CPU's queue.
    pub(super) on_queue: AtomicBool,
    /// The CPU whose queue it is or was last in. Changes under the lock of the queue it goes to, before `on_queue` is set, and
    /// also under that of the queue it comes from while it is runnable: who holds a queue's lock, sees `on_queue` and then
    /// that CPU here knows that the task stays.
    pub(super) cpu: AtomicU32,
    /// Taken out of the tree to run, and not back yet. Changes under the lock of its CPU's queue.
    pub(super) is_chosen: AtomicBool,
    /// Its place in the order of the run queue: see [`place`]. Of a fair task, virtual run time in nanoseconds of nice 0. Changes
    /// under the lock of its CPU's queue.
    pub(super) place: AtomicU64,
    /// When the current stretch on the CPU was last accounted.
    pub(super) started: AtomicU64,
    /// Nanoseconds on a CPU in all.
    pub(super) runtime: AtomicU64,
    weight: AtomicU64,
    nice: AtomicI32,
    policy: AtomicU8,
    /// Real-time priority, 1 to 99; 0 for other policies.
    priority: AtomicU8,
    /// Level lent to it by the best of those it keeps waiting; all ones for none.
    boost: AtomicU64,
    /// Run time at which the current round-robin slice began.
    pub(super) slice_start: AtomicU64,
    /// Ticks that met it since it last slept: what RLIMIT_RTTIME limits.
    pub(super) ticks: AtomicU32,
    /// What makes it keep to its share as a deadline task; made as it first becomes one.
    server: Once<Arc<Server>>,
    /// CPUs it may run on, one bit each.
    pub(super) affinity: AtomicU64,
    /// Moves to another CPU since it first ran. Changes with `cpu`.
    migrations: AtomicU64,
    /// It has been switched away from since its restartable-sequence area was brought up to date.
    moved: AtomicBool,
}

impl Entity {
    /// A task that has not run.
    pub fn new() -> Entity {
        Entity {
            links: TreeLinks::new(),
            lock: IrqLock::new(rank::TASK_STATE, ()),
            state: AtomicU32::new(state::NEW),
            wakes: AtomicU32::new(0),
            on_queue: AtomicBool::new(false),
            cpu: AtomicU32::new(0),
            is_chosen: AtomicBool::new(false),
            place: AtomicU64::new(place::FAIR),
            started: AtomicU64::new(0),
            runtime: AtomicU64::new(0),
            weight: AtomicU64::new(NICE_0_WEIGHT),
            nice: AtomicI32::new(0),
            policy: AtomicU8::new(Policy::Other as u8),
            priority: AtomicU8::new(0),
            boost: AtomicU64::new(u64::MAX),
            slice_start: AtomicU64::new(0),
            ticks: AtomicU32::new(0),
            server: Once::new(),
            affinity: AtomicU64::new(u64::MAX),
            migrations: AtomicU64::new(0),
            moved: AtomicBool::new(true),
        }
    }
    /// A child's: priority and CPUs are inherited. With `reset` (SCHED_RESET_ON_FORK), real-time policies and negative nice values
    /// are not. What was lent to the parent stays there.
    pub fn inherit(&self, reset: bool) -> Entity {
        let child = Entity::new();
        child.affinity.store(self.affinity(), Ordering::Relaxed);
        child.cpu.store(self.cpu.load(Ordering::Relaxed), Ordering::Relaxed);
        child.place.store(self.place.load(Ordering::Relaxed).max(place::FAIR), Ordering::Relaxed);
        let policy = self.policy();
        match reset {
            true if policy.is_fair() => child.set_parameters(policy, self.nice().max(0), 0),
            true => child.set_parameters(Policy::Other, 0, 0),
            false => child.set_parameters(policy, self.nice(), self.priority()),
        }
        if child.level() < place::FAIR {
            child.place.store(child.level(), Ordering::Relaxed);
        }
        child
    }
    /// The state.
    #[inline(always)]
    pub fn state(&self) -> u32 {
        self.state.load(Ordering::SeqCst)
    }
    /// Sets the state (of the current task, or under the task's lock). Ordered with the count of wake-ups.
    #[inline(always)]
    pub fn set_state(&self, state: u32) {
        self.state.store(state, Ordering::SeqCst);
    }
    #[inline(always)]
    pub(super) fn wakes(&self) -> u32 {
        self.wakes.load(Ordering::SeqCst)
    }
    #[inline(always)]
    pub(super) fn count_wake(&self) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
    }
    /// The CPU it runs or ran on last.
    pub fn cpu(&self) -> CpuId {
        CpuId(self.cpu.load(Ordering::Relaxed))
    }
    /// Nanoseconds on a CPU, the current stretch included.
    pub fn runtime(&self) -> u64 {
        let done = self.runtime.load(Ordering::Relaxed);
        let started = self.started.load(Ordering::Relaxed);
        match started {
            0 => done,
            started => done.saturating_add(machine::time::monotonic().saturating_sub(started)),
        }
    }
    /// Nanoseconds that it runs since the last accounting.
    pub(super) fn unaccounted(&self) -> u64 {
        self.runtime().saturating_sub(self.runtime.load(Ordering::Relaxed))
    }
    /// Moves to another CPU since it first ran.
    pub fn migrations(&self) -> u64 {
        self.migrations.load(Ordering::Relaxed)
    }
    /// It has come from another CPU; whether that counts, which it does not for one that has not run yet.
    pub(super) fn note_migration(&self) -> bool {
        let has_run = self.runtime.load(Ordering::Relaxed) != 0;
        if has_run {
            self.migrations.fetch_add(1, Ordering::Relaxed);
        }
        has_run
    }
    /// Nice value, -20 to 19.
    pub fn nice(&self) -> i32 {
        self.nice.load(Ordering::Relaxed)
    }
    /// Policy.
    pub fn policy(&self) -> Policy {
        Policy::from_number(self.policy.load(Ordering::Relaxed).into()).unwrap_or(Policy::Other)
    }
    /// Real-time priority, 1 to 99; 0 for other policies.
    pub fn priority(&self) -> u8 {
        self.priority.load(Ordering::Relaxed)
    }
    /// Sets the nice value; the weight follows with the next accounting.
    pub fn set_nice(&self, nice: i32) {
        let locked = self.lock.lock();
        self.nice.store(nice.clamp(-20, 19), Ordering::Relaxed);
        self.update_weight();
        drop(locked);
    }
    /// Sets policy, nice value and priority, of a new task or under the task's lock. For the place to follow, the queue must be told: see `change`.
    pub(super) fn set_parameters(&self, policy: Policy, nice: i32, priority: u8) {
        self.policy.store(policy as u8, Ordering::Relaxed);
        self.nice.store(nice.clamp(-20, 19), Ordering::Relaxed);
        self.priority.store(priority, Ordering::Relaxed);
        self.update_weight();
    }
    /// Its slices, and what RLIMIT_RTTIME limits, are counted from now on.
    pub(super) fn begin_real_time(&self) {
        self.slice_start.store(self.runtime(), Ordering::Relaxed);
        self.ticks.store(0, Ordering::Relaxed);
    }
    fn update_weight(&self) {
        let weight = match self.policy() {
            _ if place::is_ranked(self.level()) => RANKED,
            Policy::Idle => IDLE_POLICY_WEIGHT,
            _ => weight_of(self.nice()),
        };
        self.weight.store(weight, Ordering::Relaxed);
    }
    /// The level of its own policy, whatever it was lent.
    pub fn own_level(&self) -> u64 {
        match self.policy() {
            Policy::Fifo | Policy::RoundRobin => place::of_priority(self.priority()),
            Policy::Deadline => place::of_deadline(self.server().map_or(u64::MAX, Server::absolute)),
            Policy::Other | Policy::Batch | Policy::Idle => place::FAIR,
        }
    }
    /// Its server, if it ever was a deadline task.
    pub(super) fn server(&self) -> Option<&Server> {
        self.server.get().map(|server| &**server)
    }
    /// Its server, made if there is none; ENOMEM.
    pub(super) fn server_or_init(&self, make: impl FnOnce() -> Server) -> Result<&Arc<Server>> {
        if let Some(server) = self.server.get() {
            return Ok(server);
        }
        let made = machine::memory::try_arc(make())?;
        Ok(self.server.get_or_init(|| made))
    }
    /// The level at which it is scheduled.
    pub fn level(&self) -> u64 {
        self.own_level().min(self.boost.load(Ordering::Relaxed))
    }
    /// The priority /proc/PID/stat shows.
    pub fn shown_priority(&self) -> i32 {
        place::shown_priority(self.level()).unwrap_or(20 + self.nice())
    }
    pub(super) fn boost(&self) -> u64 {
        self.boost.load(Ordering::Relaxed)
    }
    /// Whether it runs at a level that it was lent.
    pub fn is_boosted(&self) -> bool {
        self.boost.load(Ordering::Relaxed) < self.own_level()
    }
    /// Lends it a level (all ones takes it back). For the place to follow, the queue must be told: see `change`.
    pub(super) fn set_boost(&self, level: u64) {
        self.boost.store(level, Ordering::Relaxed);
        self.update_weight();
    }
    /// Whether it goes before all fair tasks.
    #[inline(always)]
    pub fn is_ranked(&self) -> bool {
        place::is_ranked(self.place.load(Ordering::Relaxed))
    }
    /// Real nanoseconds as virtual ones; `None` for a task whose place does not move.
    #[inline]
    pub(super) fn to_virtual(&self, real: u64) -> Option<u64> {
        match self.weight.load(Ordering::Relaxed) {
            NICE_0_WEIGHT => Some(real),
            RANKED => None,
            weight => Some(real.saturating_mul(NICE_0_WEIGHT) / weight),
        }
    }
    /// Notes that the task was interrupted: see [`Entity::take_moved`].
    pub fn set_moved(&self) {
        self.moved.store(true, Ordering::Relaxed);
    }
    /// Whether the task was switched away from since this was last asked.
    pub fn take_moved(&self) -> bool {
        self.moved.load(Ordering::Relaxed) && self.moved.swap(false, Ordering::Relaxed)
    }
    /// CPUs it may run on, one bit each.
    pub fn affinity(&self) -> u64 {
        self.affinity.load(Ordering::Relaxed)
    }
    /// Whether it may run on a CPU.
    pub fn may_run_on(&self, cpu: CpuId) -> bool {
        self.affinity() >> (cpu.0 & 63) & 1 != 0
    }
}
impl Default for Entity {
    fn default() -> Self {
        Self::new()
    }
}
