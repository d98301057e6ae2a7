//! The scheduler: who runs on which CPU, and for how long.
//!
//! Each CPU has a run queue ordered by virtual run time (real run time divided by weight): the task that has had the least
//! goes first. A running task is not in the tree; it is put back after its context is saved ([`switched_from`]), so that
//! what another CPU takes can always be switched to at once. `state` holds what /proc shows; it changes to runnable under the
//! task's own lock, and from runnable to asleep under the lock of its run queue.
pub mod attributes;
pub mod calls;
mod change;
mod deadline;
mod entity;
pub mod parameters;
mod place;
mod queue;
mod ranked;
mod tick;
mod wake;

pub use change::leave;
pub use entity::{Entity, Policy, state, weight_of};
pub use place::FAIR;
pub use queue::{QUEUES, context_switches, load_averages_sample, running_tasks};
pub use tick::{Samples, TICK};
pub use wake::start_new;

use super::task::ENDED;
use super::{Task, usage};
use crate::sync::{IrqLock, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::collections::List;
use machine::cpu::{CpuId, InterruptGuard, PerCpu, PreemptGuard, clear_need_reschedule, current_cpu};
use machine::thread::work;
use queue::RunQueue;

/// Tasks that have ended on a CPU; dropped by the next one there on its way to user mode, or by the idle task: what goes with
/// a task may need more of the stack than is left where the scheduler is called.
static ENDED_TASKS: PerCpu<Ended> =
    PerCpu::new(|| Ended { tasks: IrqLock::new(rank::RUN_QUEUE, List::new()), any: AtomicBool::new(false) });
struct Ended {
    tasks: IrqLock<List<Task, ENDED>>,
    any: AtomicBool,
}

/// Why the scheduler is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// The task sleeps, if its state says so.
    Sleep,
    /// Its turn may be over.
    Preempt,
    /// It lets others go first.
    Yield,
}

/// Puts the current task to sleep if its state is not runnable (set before), and runs another.
pub fn sleep() {
    switch(Reason::Sleep);
}

/// Gives the CPU to the other runnable tasks.
pub fn yield_now() {
    switch(Reason::Yield);
}

/// Reschedules because the running task's time is up or a better one woke.
pub fn preempt() {
    switch(Reason::Preempt);
}

fn switch(reason: Reason) {
    let guard = InterruptGuard::new();
    let cpu = current_cpu();
    let queue = QUEUES.of(cpu);
    let previous = Task::current();
    clear_need_reschedule();
    let was_ranked = previous.schedule.is_ranked();
    if queue.is_asked_to_pull() || was_ranked {
        pull(queue, cpu, previous, reason);
    }
    let mut chosen = queue.choose(previous, reason == Reason::Sleep, reason == Reason::Yield);
    if chosen.is_idle() && queue.steal(cpu) {
        chosen = queue.choose(previous, reason == Reason::Sleep, false);
    }
    queue.arm_slice();
    if was_ranked {
        previous.schedule.note_left();
    }
    match chosen {
        queue::Choice::Stay => {}
        queue::Choice::Switch(next) => {
            note_switch(queue, previous, reason);
            queue.start_tick();
            machine::thread::switch_to(next);
        }
        queue::Choice::Idle => {
            if let Some(idle) = queue.idle_task() {
                note_switch(queue, previous, reason);
                machine::thread::switch_to(idle);
            }
        }
    }
    drop(guard);
}

/// The CPU goes from one task to another. Interrupts are off; only the running task's own CPU counts its switches.
#[inline]
fn note_switch(queue: &RunQueue, previous: &Task, reason: Reason) {
    previous.note_switch();
    queue.count_switch();
    let counter = match reason {
        Reason::Sleep => &previous.counters.voluntary_switches,
        _ => &previous.counters.involuntary_switches,
    };
    usage::count(counter);
}

/// Takes over tasks that wait elsewhere: another CPU asks for that, or what ran here may leave the CPU to a lesser one.
#[cold]
fn pull(queue: &RunQueue, cpu: CpuId, previous: &Task, reason: Reason) {
    let entity = &previous.schedule;
    let leaves = reason == Reason::Sleep && entity.state() != state::RUNNING || entity.state() == state::DEAD;
    queue.pull_ranked(cpu, (!leaves && !queue.is_idle_task(previous)).then_some(entity));
    if queue.take_request() {
        queue.steal(cpu);
    }
}

/// The previous task's context is saved: back into the run queue with it, or, when it has ended, aside to be dropped.
pub fn switched_from(previous: Arc<Task>) {
    let cpu = current_cpu();
    let ended = ENDED_TASKS.of(cpu);
    if previous.schedule.state() == state::DEAD {
        // Ended tasks are on no other list of this kind.
        let _ = ended.tasks.lock().push_back(previous);
        ended.any.store(true, Ordering::Relaxed);
    } else {
        QUEUES.of(cpu).put_back(previous, cpu);
    }
    // A kernel thread leaves them to the one after it.
    if ended.any.load(Ordering::Relaxed) {
        Task::current().thread().set_work(work::NOTIFY);
    }
}

/// Drops tasks that have ended on this CPU.
pub fn drop_ended() {
    loop {
        let guard = PreemptGuard::new();
        let ended = ENDED_TASKS.get(&guard);
        if !ended.any.load(Ordering::Relaxed) {
            return;
        }
        let mut tasks = ended.tasks.lock();
        let task = tasks.pop_front();
        ended.any.store(!tasks.is_empty(), Ordering::Relaxed);
        drop(tasks);
        drop(guard);
        drop(task);
    }
}

/// What an idle task does: waits for work.
pub fn idle_loop() -> ! {
    loop {
        let guard = PreemptGuard::new();
        machine::cpu::idle();
        drop(guard);
        preempt();
        drop_ended();
    }
}

/// Makes `idle` the idle task of a CPU; from now on the CPU takes part.
pub fn set_idle_task(cpu: CpuId, idle: Arc<Task>) {
    QUEUES.of(cpu).set_idle_task(cpu, idle);
}

impl Task {
    /// The letter of /proc/PID/stat for the task's state.
    pub fn state_letter(&self) -> char {
        state::letter(self.schedule.state())
    }
    /// Sleeps in the given state unless a wake-up has come since `seen` was read from [`Task::wakes`].
    pub fn sleep(&self, in_state: u32, seen: u32) {
        self.schedule.set_state(in_state);
        if self.wakes() != seen {
            self.schedule.set_state(state::RUNNING);
            return;
        }
        sleep();
    }
    /// Counts wake-ups: to be read before the condition of a sleep is looked at.
    #[inline(always)]
    pub fn wakes(&self) -> u32 {
        self.schedule.wakes()
    }
}
