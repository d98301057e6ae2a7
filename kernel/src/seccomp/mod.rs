//! Programs that decide which system calls a task may make (seccomp(2)): the strict mode, filters, and listeners that decide for
//! other processes.
//!
//! A task's filters are a chain of immutable [`Filter`]s, the newest first, shared with the tasks it makes. The state changes
//! under the lock of the process's signals, so that filters can be given to all threads at once.
mod calls;
mod decide;
mod filter;
mod listener;
mod log;
mod notification;
mod synchronize;
mod tracer;

pub use calls::{get_mode, seccomp, set_mode};
pub use decide::call_begins;
pub use filter::Filter;
pub use notification::CallData;
pub(crate) use tracer::{get_filter, get_metadata};

use crate::process::Task;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU8, Ordering};
use machine::thread::work;

/// How a task's calls are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Mode {
    /// Not at all.
    Disabled = 0,
    /// read, write, exit and sigreturn are all it may do.
    Strict = 1,
    /// By filters.
    Filter = 2,
}

/// A task's part.
pub struct Seccomp {
    mode: AtomicU8,
    filter: SpinLock<Option<Arc<Filter>>>,
}

impl Seccomp {
    /// Nothing is judged.
    pub const fn new() -> Self {
        Seccomp { mode: AtomicU8::new(Mode::Disabled as u8), filter: SpinLock::new(rank::LEAF, None) }
    }
    /// The mode.
    pub fn mode(&self) -> Mode {
        match self.mode.load(Ordering::Acquire) {
            0 => Mode::Disabled,
            1 => Mode::Strict,
            _ => Mode::Filter,
        }
    }
    /// The newest filter.
    pub fn filter(&self) -> Option<Arc<Filter>> {
        self.filter.lock().clone()
    }
    /// Replaces the chain; the old one, to be dropped without locks.
    #[must_use]
    fn set_filter(&self, filter: Option<Arc<Filter>>) -> Option<Arc<Filter>> {
        core::mem::replace(&mut *self.filter.lock(), filter)
    }
    /// How many filters there are.
    pub fn count(&self) -> usize {
        self.filter().map_or(0, |filter| filter.depth())
    }
}
impl Default for Seccomp {
    fn default() -> Self {
        Self::new()
    }
}

impl Task {
    /// Begins to judge the task's calls, from its next one on.
    fn judge(&self, mode: Mode) {
        self.seccomp.mode.store(mode as u8, Ordering::Release);
        self.thread().set_work(work::FILTER_CALLS);
    }
    /// Whether the mode may become this one: no other is in force.
    fn may_judge(&self, mode: Mode) -> bool {
        self.seccomp.mode() == Mode::Disabled || self.seccomp.mode() == mode
    }
    /// Gives a new task, which has not run, the current one's filters. Under the lock of its process's signals, so that none is
    /// missed that all threads get.
    pub(crate) fn inherit_filters(&self, child: &Task) {
        let mode = self.seccomp.mode();
        if mode != Mode::Disabled {
            let none = child.seccomp.set_filter(self.seccomp.filter());
            drop(none);
            child.judge(mode);
        }
        if self.has_flag(crate::process::task::flag::NO_NEW_PRIVILEGES) {
            child.set_flag(crate::process::task::flag::NO_NEW_PRIVILEGES);
        }
    }
}
