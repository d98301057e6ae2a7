//! Wait queues: the one mechanism under sleep, poll, epoll, futex, pipe, socket and wait.
use crate::process::Task;
use crate::sync::{IrqLock, rank};
use alloc::sync::Arc;
use machine::collections::{Linked, Links, List};

/// How a sleep shows and what ends it early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sleep {
    /// Any signal ends it; shown as S.
    Interruptible,
    /// Only a fatal signal ends it; shown as D.
    Killable,
    /// Nothing ends it; shown as D.
    Uninterruptible,
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
    pub exclusive: bool,
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
        Waiter { links: Links::new(), target, exclusive }
    }
}
impl Linked for Waiter {
    fn links(&self) -> &Links {
        &self.links
    }
}

/// Tasks and callbacks that wait for something to happen.
pub struct WaitQueue {
    #[allow(dead_code)]
    waiters: IrqLock<List<Waiter>>,
}

impl WaitQueue {
    /// Nobody waits.
    pub const fn new() -> Self {
        WaitQueue { waiters: IrqLock::new(rank::WAIT_QUEUE, List::new()) }
    }
    /// Sleeps until `condition` gives a value; it is evaluated before sleeping and after each wake-up, with no lock held.
    /// `deadline` is in nanoseconds of the monotonic clock.
    pub fn wait_until<R>(
        &self,
        _how: Sleep,
        _deadline: Option<u64>,
        _condition: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        todo!()
    }
    /// As `wait_until`, as an exclusive waiter (one is woken by each `wake_one`).
    pub fn wait_exclusive<R>(
        &self,
        _how: Sleep,
        _deadline: Option<u64>,
        _condition: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        todo!()
    }
    /// Wakes all ordinary waiters and one exclusive one. From any context.
    pub fn wake_one(&self) {
        self.wake(!0)
    }
    /// Wakes everybody.
    pub fn wake_all(&self) {
        todo!()
    }
    /// As `wake_one`, telling callbacks which poll events happened.
    pub fn wake(&self, _events: u32) {
        todo!()
    }
    /// As `wake`, from a callback of another queue, which is locked (epoll instances): takes the lock as a nested one.
    pub fn wake_nested(&self, _events: u32) {
        todo!()
    }
    /// Puts an entry on the queue (poll, epoll).
    pub fn add(&self, _waiter: Arc<Waiter>) {
        todo!()
    }
    /// Takes it off.
    pub fn remove(&self, _waiter: &Waiter) {
        todo!()
    }
    /// Whether nobody waits (a hint).
    pub fn is_empty(&self) -> bool {
        todo!()
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
