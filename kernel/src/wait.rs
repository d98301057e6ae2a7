//! Wait queues: the one mechanism under sleep, poll, epoll, futex, pipe, socket and wait.
use crate::process::Task;
use crate::process::schedule::state;
use crate::sync::{IrqLock, rank};
use crate::time::timer::{Expire, Timer};
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use machine::collections::{Linked, Links, List};
use machine::sync::IrqGuard;

/// How a sleep shows and what ends it early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sleep {
    /// Any signal ends it; shown as S.
    Interruptible,
    /// Only a fatal signal ends it; shown as D.
    Killable,
    /// Nothing ends it; shown as D.
    Uninterruptible,
    /// A kernel thread that has nothing to do; shown as I.
    Idle,
}

/// Why a wait ended without its condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitError {
    /// A signal is pending (fatal, for killable sleeps).
    Interrupted,
    /// The deadline passed.
    TimedOut,
}

/// What a wake-up calls instead of waking a task (epoll and the like). Called with the queue locked: takes only locks that
/// rank after wait queues, must not sleep or allocate.
pub trait Notify: Send + Sync {
    /// Something happened (`events` as in poll(2), all ones if unknown). True if this waiter consumed an exclusive wake-up.
    fn notify(&self, events: u32) -> bool;
}

/// One entry on a wait queue.
pub struct Waiter {
    links: Links,
    /// Whom to wake.
    pub target: Target,
    /// Exclusive waiters are woken one at a time, after all the others.
    exclusive: AtomicBool,
}
/// Whom a wake-up reaches.
pub enum Target {
    /// A task that sleeps.
    Task(Arc<Task>),
    /// A callback.
    Notify(Arc<dyn Notify>),
}
impl Waiter {
    /// An entry to be put on one queue by [`WaitQueue::add`].
    pub fn new(target: Target, exclusive: bool) -> Self {
        Waiter { links: Links::new(), target, exclusive: AtomicBool::new(exclusive) }
    }
}
impl Linked for Waiter {
    fn links(&self) -> &Links {
        &self.links
    }
}

/// Tasks and callbacks that wait for something to happen.
pub struct WaitQueue {
    waiters: IrqLock<List<Waiter>>,
    /// How many there are, so that wake-ups of nobody take no lock. A waiter counts itself before it looks at its condition, a
    /// wake-up looks here after what it tells of is done, each with a full barrier between: one of the two sees the other.
    waiting: AtomicU32,
}

impl WaitQueue {
    /// Nobody waits.
    pub const fn new() -> Self {
        WaitQueue { waiters: IrqLock::new(rank::WAIT_QUEUE, List::new()), waiting: AtomicU32::new(0) }
    }
    /// Sleeps until `condition` gives a value; it is evaluated before sleeping and after each wake-up, with no lock held.
    /// `deadline` is in nanoseconds of the monotonic clock.
    pub fn wait_until<R>(
        &self,
        how: Sleep,
        deadline: Option<u64>,
        condition: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        self.wait(how, deadline, false, condition)
    }
    /// As `wait_until`, as an exclusive waiter (one is woken by each `wake_one`).
    pub fn wait_exclusive<R>(
        &self,
        how: Sleep,
        deadline: Option<u64>,
        condition: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        self.wait(how, deadline, true, condition)
    }
    fn wait<R>(
        &self,
        how: Sleep,
        deadline: Option<u64>,
        exclusive: bool,
        mut condition: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        let task = Task::current();
        let Some(waiter) = take_waiter(task) else { return wait_without_memory(task, how, deadline, condition) };
        waiter.exclusive.store(exclusive, Ordering::Relaxed);
        let result = wait_for_wake(how, deadline, || {
            // Before the condition is looked at, so that no wake-up is missed. Exclusive entries are taken off by theirs.
            if !waiter.links.is_linked() {
                self.add(waiter.clone());
            }
            condition()
        });
        let was_queued = self.remove_entry(&waiter);
        if exclusive && !was_queued && result.is_err() {
            // The wake-up that took this entry off is somebody else's.
            self.wake_one();
        }
        give_back_waiter(task, waiter);
        result
    }
    /// Wakes all ordinary waiters and one exclusive one. From any context.
    pub fn wake_one(&self) {
        self.wake(!0)
    }
    /// Wakes everybody.
    pub fn wake_all(&self) {
        self.wake_up(!0, usize::MAX)
    }
    /// As `wake_one`, telling callbacks which poll events happened.
    pub fn wake(&self, events: u32) {
        self.wake_up(events, 1)
    }
    /// As `wake_all`, telling callbacks which poll events happened.
    pub fn wake_all_for(&self, events: u32) {
        self.wake_up(events, usize::MAX)
    }
    /// As `wake`, from a callback of another queue, which is locked (epoll instances): takes the lock as a nested one. Chains
    /// of instances have no cycle, so waiting for the lock ends.
    pub fn wake_nested(&self, events: u32) {
        while !self.is_empty() {
            if let Some(waiters) = self.waiters.try_lock() {
                return self.wake_locked(waiters, events, 1);
            }
            core::hint::spin_loop();
        }
    }
    #[inline]
    fn wake_up(&self, events: u32, exclusive: usize) {
        if !self.is_empty() {
            self.wake_locked(self.waiters.lock(), events, exclusive);
        }
    }
    fn wake_locked(&self, mut waiters: IrqGuard<'_, List<Waiter>>, events: u32, exclusive: usize) {
        for waiter in waiters.iter().take_while(|waiter| !waiter.exclusive.load(Ordering::Relaxed)) {
            match &waiter.target {
                Target::Task(task) => {
                    task.wake();
                }
                Target::Notify(notify) => {
                    notify.notify(events);
                }
            }
        }
        let (mut left, mut passed) = (exclusive, 0);
        while left > 0 {
            let next =
                waiters.iter_arcs().filter(|waiter| waiter.exclusive.load(Ordering::Relaxed)).nth(passed).cloned();
            let Some(waiter) = next else { break };
            match &waiter.target {
                // Off the queue before it runs, so that the next wake-up finds the next waiter.
                Target::Task(task) => {
                    if waiters.remove(&waiter).is_some() {
                        self.waiting.fetch_sub(1, Ordering::Relaxed);
                    }
                    task.wake();
                    left -= 1;
                }
                Target::Notify(notify) => {
                    passed += 1;
                    if notify.notify(events) {
                        left -= 1;
                    }
                }
            }
        }
    }
    /// Puts an entry on the queue (poll, epoll): exclusive ones at the end, the others in front of them.
    pub fn add(&self, waiter: Arc<Waiter>) {
        let mut waiters = self.waiters.lock();
        // Refused where it is on a queue already: one entry is for one queue.
        let refused = match waiter.exclusive.load(Ordering::Relaxed) {
            true => waiters.push_back(waiter),
            false => waiters.push_front(waiter),
        };
        if refused.is_ok() {
            self.waiting.fetch_add(1, Ordering::SeqCst);
        }
        drop(waiters);
        drop(refused);
    }
    /// Takes it off.
    pub fn remove(&self, waiter: &Waiter) {
        self.remove_entry(waiter);
    }
    fn remove_entry(&self, waiter: &Waiter) -> bool {
        let mut waiters = self.waiters.lock();
        let removed = waiters.remove(waiter);
        if removed.is_some() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        drop(waiters);
        removed.is_some()
    }
    /// Whether nobody waits. Who waits from now on sees what was done before this call.
    #[inline]
    pub fn is_empty(&self) -> bool {
        fence(Ordering::SeqCst);
        self.waiting.load(Ordering::Relaxed) == 0
    }
}

impl Sleep {
    fn state(self) -> u32 {
        match self {
            Sleep::Interruptible => state::INTERRUPTIBLE,
            Sleep::Killable => state::KILLABLE,
            Sleep::Uninterruptible => state::UNINTERRUPTIBLE,
            Sleep::Idle => state::IDLE,
        }
    }
}

fn reason_to_stop(task: &Task, how: Sleep, deadline: Option<u64>) -> Option<WaitError> {
    let interrupted = match how {
        Sleep::Interruptible => task.signal_pending(),
        Sleep::Killable => task.fatal_signal_pending(),
        Sleep::Uninterruptible | Sleep::Idle => false,
    };
    if interrupted {
        return Some(WaitError::Interrupted);
    }
    deadline.is_some_and(|deadline| machine::time::monotonic() >= deadline).then_some(WaitError::TimedOut)
}

/// Sleeps until `condition` gives a value, as [`WaitQueue::wait_until`] does; who brings that about wakes the task itself.
pub fn wait_for_wake<R>(
    how: Sleep,
    deadline: Option<u64>,
    mut condition: impl FnMut() -> Option<R>,
) -> Result<R, WaitError> {
    let task = Task::current();
    let alarm = deadline.map(|deadline| Alarm::arm(task, deadline));
    let result = loop {
        // Wake-ups from here on keep the task from sleeping: also one that comes before the condition is seen.
        let seen = task.wakes();
        if let Some(value) = condition() {
            break Ok(value);
        }
        if let Some(error) = reason_to_stop(task, how, deadline) {
            break Err(error);
        }
        match alarm {
            Some(Alarm::Failed) => crate::process::schedule::yield_now(),
            _ => task.sleep(how.state(), seen),
        }
    };
    if let Some(Alarm::Armed(timer)) = alarm {
        timer.stop();
    }
    result
}

/// The task's kept entry, or a new one for a wait within the condition of another.
fn take_waiter(task: &Task) -> Option<Arc<Waiter>> {
    let kept = task.spare_waiter.lock().take();
    match kept {
        Some(waiter) => Some(waiter),
        None => machine::memory::try_arc(Waiter::new(Target::Task(Task::current_arc()), false)).ok(),
    }
}

fn give_back_waiter(task: &Task, waiter: Arc<Waiter>) {
    let replaced = task.spare_waiter.lock().replace(waiter);
    drop(replaced);
}

/// Without memory for an entry: looks again and again, letting others run.
#[cold]
fn wait_without_memory<R>(
    task: &Task,
    how: Sleep,
    deadline: Option<u64>,
    mut condition: impl FnMut() -> Option<R>,
) -> Result<R, WaitError> {
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if let Some(error) = reason_to_stop(task, how, deadline) {
            return Err(error);
        }
        crate::process::schedule::yield_now();
    }
}

/// The end of a timed sleep.
enum Alarm {
    Armed(Arc<Timer>),
    /// No memory for a timer: the sleep yields and looks at the clock instead.
    Failed,
}
/// Wakes the task it belongs to.
struct WakeTask(Weak<Task>);
impl Expire for WakeTask {
    fn expire(&self, _deadline: u64) -> Option<u64> {
        if let Some(task) = self.0.upgrade() {
            task.wake();
        }
        None
    }
}
impl Alarm {
    fn arm(task: &Task, deadline: u64) -> Alarm {
        if let Some(timer) = task.sleep_timer.get() {
            // A wait within the condition of a timed wait needs a timer of its own.
            if timer.deadline().is_none() {
                timer.arm(deadline);
                return Alarm::Armed(timer.clone());
            }
        }
        let action = machine::memory::try_arc(WakeTask(Arc::downgrade(&Task::current_arc())));
        let Some(timer) = action.ok().and_then(|action| Timer::new(action).ok()) else { return Alarm::Failed };
        // Kept for the next time, unless one is kept already.
        let _ = task.sleep_timer.set(timer.clone());
        timer.arm(deadline);
        Alarm::Armed(timer)
    }
}
impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl machine::sync::WaitPoint for WaitQueue {
    const NEW: Self = WaitQueue::new();
    fn wait_until(&self, condition: &mut dyn FnMut() -> bool) {
        let _ = self.wait_exclusive(Sleep::Uninterruptible, None, || condition().then_some(()));
    }
    fn wake_one(&self) {
        WaitQueue::wake_one(self);
    }
    fn wake_all(&self) {
        WaitQueue::wake_all(self);
    }
}

/// Waits until references that were given up, and that readers without counts may still hold, are dropped: a look at counts after
/// that sees none of them. Sleeps.
pub fn until_deferred_is_dropped() {
    const PAUSE: u64 = 100_000;
    let mark = machine::rcu::Mark::now();
    let nobody_wakes = WaitQueue::new();
    while !mark.is_reached() {
        if !machine::rcu::run_deferred() {
            let end = machine::time::monotonic().saturating_add(PAUSE);
            // Ends by the deadline.
            let _ = nobody_wakes.wait_until::<()>(Sleep::Uninterruptible, Some(end), || None);
        }
    }
}
