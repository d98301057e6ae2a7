//! A CPU's run queue.
use super::Task;
use super::entity::{Entity, state};
use super::place::{self, FAIR};
use super::ranked::{Ranked, offer_ranked};
use crate::process::usage;
use crate::sync::{IrqLock, Once, rank};
use crate::time::timer::{Expire, Timer};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use machine::collections::Tree;
use machine::cpu::{CpuId, PerCpu, current_cpu, kick, online_cpus, set_need_reschedule};

/// How long a task runs while others wait, in nanoseconds.
pub(super) const SLICE: u64 = 4_000_000;
/// How far behind the others a task that slept may start: it soon runs, but cannot save up time.
const SLEEPER_CREDIT: u64 = 3_000_000;
/// How much earlier in virtual time a woken task must be to take the CPU at once.
const WAKE_GRANULARITY: u64 = 1_000_000;

/// All CPUs' run queues.
pub static QUEUES: PerCpu<RunQueue> = PerCpu::new(RunQueue::new);
/// CPUs that run their idle task, one bit each.
pub static IDLE_CPUS: AtomicU64 = AtomicU64::new(0);

/// How a task comes into a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It slept.
    Woken,
    /// It is new, or was elsewhere: behind those that wait.
    Moved,
    /// Its priority was lowered: before its equals.
    InFront,
}

/// The tasks that want to run on one CPU.
pub struct RunQueue {
    pub(super) waiting: IrqLock<Tree<Task>>,
    /// Runnable tasks, the running one included.
    runnable: AtomicU32,
    /// The least virtual time that still matters: where newcomers are placed.
    minimum: AtomicU64,
    /// Place of the running task when it was last accounted; all ones while idle.
    pub(super) running_place: AtomicU64,
    pub(super) ranked: Ranked,
    idle: Once<Arc<Task>>,
    slice_timer: Once<Arc<Timer>>,
    slice_armed: AtomicBool,
    /// Without memory for it, user and system time on this CPU are not told apart.
    pub(super) tick_timer: Once<Arc<Timer>>,
    pub(super) tick_armed: AtomicBool,
    /// The CPU's busy time by what the ticks met.
    pub(super) samples: super::tick::Samples,
    /// Slices that ended here, for balancing from time to time.
    slices: AtomicU32,
    /// Nanoseconds in which a task other than the idle one ran, up to the last accounting.
    busy: AtomicU64,
    /// Switches from one task to another.
    switches: AtomicU64,
    /// Tasks that have come from other CPUs.
    pub(super) migrations: AtomicU64,
    /// A busier CPU asks this one to take a task.
    pull: AtomicBool,
}

/// What a CPU runs next.
pub enum Choice {
    /// The same task.
    Stay,
    /// Another.
    Switch(Arc<Task>),
    /// Nobody wants to run.
    Idle,
}
impl Choice {
    pub(super) fn is_idle(&self) -> bool {
        matches!(self, Choice::Idle)
    }
}

/// The end of a slice.
struct SliceEnd(CpuId);
impl Expire for SliceEnd {
    fn expire(&self, _deadline: u64) -> Option<u64> {
        let queue = QUEUES.of(self.0);
        queue.slice_armed.store(false, Ordering::SeqCst);
        if queue.runnable.load(Ordering::SeqCst) < 2 {
            return None;
        }
        queue.slice_armed.store(true, Ordering::SeqCst);
        if queue.slices.fetch_add(1, Ordering::Relaxed) % 4 == 3 {
            queue.offer(self.0);
        }
        set_need_reschedule();
        Some(machine::time::monotonic().saturating_add(SLICE))
    }
}

impl RunQueue {
    fn new() -> RunQueue {
        RunQueue {
            waiting: IrqLock::new(rank::RUN_QUEUE, Tree::new()),
            runnable: AtomicU32::new(0),
            minimum: AtomicU64::new(FAIR),
            running_place: AtomicU64::new(u64::MAX),
            ranked: Ranked::new(),
            idle: Once::new(),
            slice_timer: Once::new(),
            slice_armed: AtomicBool::new(false),
            tick_timer: Once::new(),
            tick_armed: AtomicBool::new(false),
            samples: super::tick::Samples::new(),
            slices: AtomicU32::new(0),
            busy: AtomicU64::new(0),
            switches: AtomicU64::new(0),
            migrations: AtomicU64::new(0),
            pull: AtomicBool::new(false),
        }
    }
    /// Nanoseconds in which the CPU ran a task, as of the last accounting.
    pub(super) fn busy(&self) -> u64 {
        self.busy.load(Ordering::Relaxed)
    }
    /// Nanoseconds since boot in which the CPU had nothing to run, as of the last accounting.
    pub fn idle_time(&self) -> u64 {
        machine::time::monotonic().saturating_sub(self.busy())
    }
    /// Counts a switch from one task to another. Interrupts are off, and this is the CPU's own queue: nobody else writes it.
    pub(super) fn count_switch(&self) {
        usage::count(&self.switches);
    }
    /// Switches from one task to another, the idle one included.
    pub fn switches(&self) -> u64 {
        self.switches.load(Ordering::Relaxed)
    }
    /// Tasks that have come from other CPUs.
    pub fn migrations(&self) -> u64 {
        self.migrations.load(Ordering::Relaxed)
    }
    /// A task comes from another CPU.
    pub(super) fn note_migration(&self, entity: &Entity) {
        if entity.note_migration() {
            self.migrations.fetch_add(1, Ordering::Relaxed);
        }
    }
    /// Runnable tasks.
    pub fn runnable(&self) -> u32 {
        self.runnable.load(Ordering::Relaxed)
    }
    pub(super) fn idle_task(&self) -> Option<Arc<Task>> {
        self.idle.get().cloned()
    }
    pub(super) fn set_idle_task(&self, cpu: CpuId, idle: Arc<Task>) {
        idle.schedule.cpu.store(cpu.0, Ordering::Relaxed);
        idle.schedule.set_state(state::RUNNING);
        // Each CPU does this once.
        let _ = self.idle.set(idle);
        if let Ok(action) = machine::memory::try_arc(SliceEnd(cpu))
            && let Ok(timer) = Timer::new(action)
        {
            let _ = self.slice_timer.set(timer);
        }
        if let Ok(action) = machine::memory::try_arc(super::tick::Tick(cpu))
            && let Ok(timer) = Timer::new(action)
        {
            let _ = self.tick_timer.set(timer);
        }
    }
    pub(super) fn is_idle_task(&self, task: &Task) -> bool {
        self.idle.get().is_some_and(|idle| core::ptr::eq(&**idle, task))
    }
    /// Adds the time since the last accounting to the running task.
    fn account(&self, running: &Task, now: u64) {
        let entity = &running.schedule;
        let passed = match entity.started.load(Ordering::Relaxed) {
            // Accounted for already: the choice is made again after a task was taken from another CPU.
            0 => 0,
            started => now.saturating_sub(started),
        };
        entity.started.store(now, Ordering::Relaxed);
        self.busy.store(self.busy.load(Ordering::Relaxed).wrapping_add(passed), Ordering::Relaxed);
        entity.runtime.store(entity.runtime.load(Ordering::Relaxed).wrapping_add(passed), Ordering::Relaxed);
        match entity.to_virtual(passed) {
            Some(passed) => {
                let place = entity.place.load(Ordering::Relaxed).saturating_add(passed);
                entity.place.store(place, Ordering::Relaxed);
            }
            None => self.charge(entity, passed, now),
        }
    }
    /// Chooses what runs next and takes it out of the tree. `may_sleep`: the running task leaves the queue unless its state is
    /// runnable again. `yields`: others go first whatever their time.
    pub(super) fn choose(&self, running: &Task, may_sleep: bool, mut yields: bool) -> Choice {
        let entity = &running.schedule;
        let is_idle = self.is_idle_task(running);
        let mut waiting = self.waiting.lock();
        let now = machine::time::monotonic();
        if is_idle {
            entity.started.store(0, Ordering::Relaxed);
        } else {
            self.account(running, now);
        }
        // One that has ended leaves for good, also where it is preempted on its last steps.
        let leaves = may_sleep && entity.state() != state::RUNNING || entity.state() == state::DEAD;
        if leaves && entity.on_queue.load(Ordering::Relaxed) {
            entity.on_queue.store(false, Ordering::Release);
            self.count_out();
        }
        let mut own = entity.place.load(Ordering::Relaxed);
        if place::is_ranked(own) {
            own = self.settle(&waiting, entity, yields, now);
            yields = false;
        }
        let stays = !is_idle && entity.on_queue.load(Ordering::Relaxed) && entity.may_run_on(current_cpu());
        let next = match waiting.first() {
            Some((key, _)) if place::is_ranked(key) => self.choose_ranked(&mut waiting, stays.then_some(own), now),
            Some((key, _)) if !stays || yields || key < own => waiting.pop_first(),
            _ => None,
        };
        let Some((key, next)) = next else {
            if stays {
                self.running_place.store(own, Ordering::Relaxed);
                self.advance(own);
                return Choice::Stay;
            }
            self.running_place.store(u64::MAX, Ordering::Relaxed);
            IDLE_CPUS.fetch_or(1 << (current_cpu().0 & 63), Ordering::SeqCst);
            if is_idle {
                return Choice::Stay;
            }
            entity.started.store(0, Ordering::Relaxed);
            return Choice::Idle;
        };
        if is_idle {
            IDLE_CPUS.fetch_and(!(1 << (current_cpu().0 & 63)), Ordering::SeqCst);
        }
        if yields && stays && key > own {
            // Who yields goes behind the one he let pass.
            entity.place.store(key.wrapping_add(1), Ordering::Relaxed);
        }
        entity.started.store(0, Ordering::Relaxed);
        next.schedule.started.store(now, Ordering::Relaxed);
        next.schedule.is_chosen.store(true, Ordering::Relaxed);
        self.running_place.store(key, Ordering::Relaxed);
        self.advance(key);
        drop(waiting);
        if core::ptr::eq(&*next, running) {
            return Choice::Stay;
        }
        Choice::Switch(next)
    }
    fn advance(&self, place: u64) {
        self.minimum.fetch_max(place, Ordering::Relaxed);
    }
    /// A task whose context has just been saved goes back into the tree, if it is still runnable and this CPU's: a wake-up
    /// may have placed it elsewhere meanwhile, where it may even be running.
    pub(super) fn put_back(&self, task: Arc<Task>, cpu: CpuId) {
        if self.is_idle_task(&task) {
            return;
        }
        let entity = &task.schedule;
        let mut waiting = self.waiting.lock();
        // In this order: a wake-up sets the CPU first, without this queue's lock.
        if !entity.on_queue.load(Ordering::Acquire) || entity.cpu() != cpu {
            drop(waiting);
            return;
        }
        entity.is_chosen.store(false, Ordering::Relaxed);
        if !entity.may_run_on(cpu) {
            drop(waiting);
            return super::wake::move_away(task);
        }
        let key = entity.place.load(Ordering::Relaxed);
        // Whom to offer it to.
        let mut ranked = None;
        if place::is_ranked(key) {
            ranked = Some(entity.affinity());
            self.note_ranked(cpu);
        }
        // Refused only if a wake-up has put it in already.
        let refused = waiting.insert(key, task).err();
        drop(waiting);
        drop(refused);
        if let Some(affinity) = ranked {
            offer_ranked(place::level(key), affinity, cpu);
        }
    }
    /// Takes a runnable task that waits off its queue. `Some(false)` if it is not runnable, or runs or is about to; `None` if it
    /// has gone to another queue.
    fn try_withdraw(&self, task: &Task, cpu: CpuId) -> Option<bool> {
        let entity = &task.schedule;
        let mut waiting = self.waiting.lock();
        if entity.cpu() != cpu {
            return None;
        }
        if entity.is_chosen.load(Ordering::Relaxed) || !entity.on_queue.swap(false, Ordering::AcqRel) {
            return Some(false);
        }
        self.count_out();
        let removed = waiting.remove(task);
        drop(waiting);
        drop(removed);
        Some(true)
    }
    /// A task that does not wait in the tree is given another level by `change`, and the place that follows from it, before its
    /// equals if that lowers it. `Some(false)` if it waits in the tree, `None` if it has gone to another queue.
    pub(super) fn try_change(&self, task: &Task, cpu: CpuId, change: &dyn Fn(&Entity)) -> Option<bool> {
        let entity = &task.schedule;
        let waiting = self.waiting.lock();
        if entity.cpu() != cpu {
            return None;
        }
        let on_queue = entity.on_queue.load(Ordering::Acquire);
        if on_queue && !entity.is_chosen.load(Ordering::Relaxed) {
            return Some(false);
        }
        let old = entity.level();
        change(entity);
        let level = entity.level();
        if level != old {
            let place = match place::is_ranked(level) {
                true => self.ranked_place(entity, level > old),
                false => self.minimum.load(Ordering::Relaxed),
            };
            entity.place.store(place, Ordering::Relaxed);
        }
        drop(waiting);
        if on_queue && level != old {
            kick(cpu);
        }
        Some(true)
    }
    /// One runnable task more; the lock is held.
    pub(super) fn count_in(&self) {
        self.runnable.fetch_add(1, Ordering::SeqCst);
    }
    /// One runnable task less; the lock is held.
    pub(super) fn count_out(&self) {
        let before = self.runnable.fetch_sub(1, Ordering::SeqCst);
        debug_assert!(before > 0, "a task counted out of a queue it is not on");
    }
    /// Puts a task that has become runnable into this queue; true if it should take the CPU from the running one.
    pub(super) fn enqueue(&self, task: Arc<Task>, cpu: CpuId, arrival: Arrival) -> bool {
        let mut waiting = self.waiting.lock();
        let place = self.insert(&mut waiting, task, cpu, arrival);
        let running = self.running_place.load(Ordering::Relaxed);
        drop(waiting);
        if running == u64::MAX {
            // So that the next wake-up finds another CPU.
            IDLE_CPUS.fetch_and(!(1 << (cpu.0 & 63)), Ordering::SeqCst);
        }
        if place::is_ranked(place) {
            return place < running;
        }
        running == u64::MAX || (arrival == Arrival::Woken && place.saturating_add(WAKE_GRANULARITY) < running)
    }
    /// Inserts a task, with its virtual time made relative to this queue's.
    fn insert(&self, waiting: &mut Tree<Task>, task: Arc<Task>, cpu: CpuId, arrival: Arrival) -> u64 {
        let entity = &task.schedule;
        if entity.is_ranked() {
            return self.insert_ranked(waiting, task, cpu, arrival);
        }
        let minimum = self.minimum.load(Ordering::Relaxed);
        let old_cpu = entity.cpu.swap(cpu.0, Ordering::Relaxed);
        entity.is_chosen.store(false, Ordering::Relaxed);
        let mut place = entity.place.load(Ordering::Relaxed);
        if old_cpu != cpu.0 {
            self.note_migration(entity);
            let old_minimum = QUEUES.of(CpuId(old_cpu)).minimum.load(Ordering::Relaxed);
            place = minimum.saturating_add(place.saturating_sub(old_minimum));
        }
        let earliest = match arrival {
            Arrival::Woken => minimum.saturating_sub(SLEEPER_CREDIT).max(FAIR),
            _ => minimum,
        };
        place = place.max(earliest);
        entity.place.store(place, Ordering::Relaxed);
        entity.on_queue.store(true, Ordering::Release);
        self.count_in();
        // A task asleep is in no tree.
        let _ = waiting.insert(place, task);
        place
    }
    /// If the task is still on the queue, it is made runnable on the spot. `None` if it has gone to another queue.
    fn try_keep_running(&self, task: &Task, cpu: CpuId) -> Option<bool> {
        let waiting = self.waiting.lock();
        if task.schedule.cpu() != cpu {
            return None;
        }
        let on_queue = task.schedule.on_queue.load(Ordering::Acquire);
        if on_queue {
            task.schedule.set_state(state::RUNNING);
        }
        drop(waiting);
        Some(on_queue)
    }
    /// Whether the end of a slice must be noticed and no timer is armed for it.
    pub(super) fn needs_slice(&self) -> bool {
        self.runnable.load(Ordering::SeqCst) > 1 && !self.slice_armed.load(Ordering::SeqCst)
    }
    /// Arms this CPU's slice timer, if somebody waits.
    pub(super) fn arm_slice(&self) {
        if self.needs_slice()
            && let Some(timer) = self.slice_timer.get()
            && !self.slice_armed.swap(true, Ordering::SeqCst)
        {
            timer.arm(machine::time::monotonic().saturating_add(SLICE));
        }
    }
    /// Asks this CPU to look for tasks that wait elsewhere when it is scheduled next.
    pub(super) fn ask_to_pull(&self) {
        self.pull.store(true, Ordering::Relaxed);
    }
    /// How crowded it is for fair tasks: one that is ranked takes up to all of the CPU.
    pub(super) fn crowd(&self) -> u32 {
        self.runnable().saturating_add(if self.runs_ranked() { 2 } else { 0 })
    }
    /// Whether another CPU has asked this one to take a task.
    #[inline(always)]
    pub(super) fn is_asked_to_pull(&self) -> bool {
        self.pull.load(Ordering::Relaxed)
    }
    /// As `is_asked_to_pull`; takes the request back.
    pub(super) fn take_request(&self) -> bool {
        self.pull.swap(false, Ordering::Relaxed)
    }
    /// Asks the least busy CPU to take a task, if that would even things out.
    fn offer(&self, cpu: CpuId) {
        if let Some((count, other)) = least_busy(u64::MAX, cpu)
            && count.saturating_add(1) < self.crowd()
        {
            QUEUES.of(other).ask_to_pull();
            kick(other);
        }
    }
    /// Takes one waiting task from the busiest other CPU, if that has two more than this one; true if there was one.
    /// Interrupts are off. Both queues are locked while the task moves, so that it is always on one of them.
    pub(super) fn steal(&self, cpu: CpuId) -> bool {
        let busiest = (0..online_cpus() as u32)
            .filter(|other| *other != cpu.0)
            .map(|other| (QUEUES.of(CpuId(other)).crowd(), other))
            .max();
        let Some((count, other)) = busiest else { return false };
        if count <= self.crowd().saturating_add(1) {
            return false;
        }
        let other = QUEUES.of(CpuId(other));
        let mut theirs = other.waiting.lock();
        let Some(mut own) = self.waiting.try_lock() else { return false };
        let chosen = theirs
            .iter()
            .take(8)
            .map(|(_, task)| task)
            .find(|task| task.schedule.may_run_on(cpu) && !task.thread().is_on_cpu())
            .cloned();
        let Some(task) = chosen.and_then(|chosen| theirs.remove(&chosen)) else { return false };
        other.count_out();
        self.insert(&mut own, task, cpu, Arrival::Moved);
        true
    }
}

/// Calls `act` with the queue that a task is in, until it was still in that one under its lock.
pub(super) fn on_own_queue(task: &Task, act: impl Fn(&RunQueue, CpuId) -> Option<bool>) -> bool {
    loop {
        let cpu = task.schedule.cpu();
        if let Some(done) = act(QUEUES.of(cpu), cpu) {
            return done;
        }
    }
}

/// Takes a runnable task that waits off its queue; false if it is not runnable, or runs or is about to.
pub(super) fn withdraw(task: &Task) -> bool {
    on_own_queue(task, |queue, cpu| queue.try_withdraw(task, cpu))
}

/// Makes a task that has not left its queue yet runnable on the spot; false if it has.
pub(super) fn keep_running(task: &Task) -> bool {
    on_own_queue(task, |queue, cpu| queue.try_keep_running(task, cpu))
}

/// The CPU of a set with the fewest runnable tasks, and their number.
pub(super) fn least_busy(allowed: u64, except: CpuId) -> Option<(u32, CpuId)> {
    (0..online_cpus() as u32)
        .filter(|cpu| *cpu != except.0 && allowed >> (cpu & 63) & 1 != 0)
        .map(|cpu| (QUEUES.of(CpuId(cpu)).crowd(), CpuId(cpu)))
        .min_by_key(|(count, _)| *count)
}

/// Switches between tasks since boot.
pub fn context_switches() -> u64 {
    (0..online_cpus() as u32).map(|cpu| QUEUES.of(CpuId(cpu)).switches()).sum()
}

/// Runnable tasks on all CPUs.
pub fn running_tasks() -> u32 {
    (0..online_cpus() as u32).map(|cpu| QUEUES.of(CpuId(cpu)).runnable()).sum()
}

/// The load averages of 1, 5 and 15 minutes in 1/65536, brought up to date.
pub fn load_averages_sample() -> [u64; 3] {
    LOADS.sample()
}

struct Loads {
    last: AtomicU64,
    averages: [AtomicU64; 3],
}
static LOADS: Loads = Loads { last: AtomicU64::new(0), averages: [const { AtomicU64::new(0) }; 3] };
impl Loads {
    /// Decays by the time since the last look; who asks pays, nothing ticks.
    fn sample(&self) -> [u64; 3] {
        const PERIOD: u64 = 5_000_000_000;
        // exp(-5 s / 1 min), / 5 min, / 15 min, in 1/65536.
        const DECAY: [u64; 3] = [60_296, 64_453, 65_173];
        let now = machine::time::monotonic();
        let active = u64::from(running_tasks()) << 16;
        let periods = (now.saturating_sub(self.last.load(Ordering::Relaxed)) / PERIOD).min(1000);
        if periods > 0 {
            self.last.store(now, Ordering::Relaxed);
        }
        let mut result = [0; 3];
        for ((average, decay), out) in self.averages.iter().zip(DECAY).zip(&mut result) {
            let mut value = average.load(Ordering::Relaxed);
            for _ in 0..periods {
                value = (value * decay + active * (65_536 - decay)) >> 16;
            }
            average.store(value, Ordering::Relaxed);
            *out = value;
        }
        result
    }
}
