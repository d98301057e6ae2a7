//! A process's shared signal state: threads, shared queue, job control, the end of the whole group.
use super::queue::{Kept, Queue, Queued};
use super::*;
use crate::process::schedule::state;
use crate::process::{Task, ThreadGroup, task::THREAD, task::flag};
use crate::sync::{IrqLock, Once, rank};
use crate::wait::WaitQueue;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use machine::collections::List;
use machine::sync::IrqGuard;
use machine::thread::work;

/// Bits of the process's state that are read without its lock.
pub(super) mod mark {
    /// All threads are stopped by job control.
    pub const STOPPED: u32 = 1 << 0;
    /// The whole group is ending.
    pub const EXITING: u32 = 1 << 1;
    /// Signals without a handler do nothing to it (init).
    pub const UNKILLABLE: u32 = 1 << 2;
    /// A stop that wait(2) has not reported.
    pub const STOP_UNREPORTED: u32 = 1 << 3;
    /// A continuation that wait(2) has not reported.
    pub const CONTINUE_UNREPORTED: u32 = 1 << 4;
    /// The parent is to be told of a stop.
    pub const TELL_STOPPED: u32 = 1 << 5;
    /// The parent is to be told of a continuation.
    pub const TELL_CONTINUED: u32 = 1 << 6;
}

/// Signal state of a process.
pub struct GroupSignals {
    state: IrqLock<GroupState>,
    pending: AtomicU64,
    pub(super) marks: AtomicU32,
    /// Who waits for signals to read (signalfd), once somebody does.
    readers: Once<Arc<WaitQueue>>,
}

/// What the lock guards.
pub struct GroupState {
    threads: List<Task, THREAD>,
    pub(super) queue: Queue,
    /// For the next signal of the process or one of its threads.
    pub(super) kept: Kept,
    /// Wait status of a group exit.
    exit_status: i32,
    /// The thread that waits for the others to end (execve).
    sole_survivor: u32,
    /// Signal of the current or last group stop.
    pub(super) stop_signal: u32,
    /// Threads that have yet to stop.
    pub(super) stop_left: u32,
}

impl GroupState {
    /// Whether another thread of the process is about to go on alone (execve).
    pub fn is_outlived(&self, task: &Task) -> bool {
        self.sole_survivor != 0 && self.sole_survivor != task.id()
    }
    /// Changes the wait status of a group exit that has begun.
    pub(crate) fn set_exit_status(&mut self, status: i32) {
        self.exit_status = status;
    }
    /// Signal of the current or last group stop.
    pub fn stop_signal(&self) -> u32 {
        self.stop_signal
    }
    /// Whether a group stop is in progress.
    pub fn is_stopping(&self) -> bool {
        self.stop_left > 0
    }
    /// Threads on the list.
    pub fn thread_count(&self) -> usize {
        self.threads.len()
    }
    /// The threads.
    pub fn threads(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.threads.iter_arcs()
    }
    /// Hands signals that `task` is about to block to threads that take them.
    pub(super) fn retarget(&self, task: &Task, signals: SignalSet) {
        let mut left = signals;
        for thread in self.threads() {
            if core::ptr::eq(&**thread, task) || thread.has_flag(flag::EXITING) {
                continue;
            }
            let takes = left & !thread.signals.blocked();
            if takes != 0 {
                left &= !takes;
                wake_thread(thread, false);
            }
            if left == 0 {
                return;
            }
        }
    }
}

/// Makes a thread look at its signals soon: wakes it from interruptible sleep, for a fatal signal also from killable sleep and
/// from stops.
pub(super) fn wake_thread(thread: &Arc<Task>, fatal: bool) {
    thread.thread().set_work(work::SIGNAL);
    let states = match fatal {
        true => state::INTERRUPTIBLE | state::KILLABLE | state::STOPPED | state::TRACED,
        false => state::INTERRUPTIBLE,
    };
    if !thread.wake_from(states) && thread.thread().is_on_cpu() {
        machine::cpu::interrupt_for_work(thread.schedule.cpu());
    }
}

/// Makes a thread go by what was said of it: it is to freeze, or to go on. The group's lock is held.
pub fn look_again(thread: &Arc<Task>) {
    wake_thread(thread, false);
}

impl GroupSignals {
    /// No threads, nothing pending.
    pub fn new() -> Self {
        let state = GroupState {
            threads: List::new(),
            queue: Queue::new(),
            kept: Kept::new(),
            exit_status: 0,
            sole_survivor: 0,
            stop_signal: 0,
            stop_left: 0,
        };
        GroupSignals {
            state: IrqLock::new(rank::SIGNAL, state),
            pending: AtomicU64::new(0),
            marks: AtomicU32::new(0),
            readers: Once::new(),
        }
    }
    /// The queue of those who wait for signals to read; made when first asked for. ENOMEM.
    pub fn readers(&self) -> crate::error::Result<&Arc<WaitQueue>> {
        if self.readers.get().is_none() {
            // Whoever comes second uses the first one's.
            let _ = self.readers.set(machine::memory::try_arc(WaitQueue::new())?);
        }
        self.readers.get().ok_or(crate::error::ENOMEM)
    }
    /// A signal became pending: who reads signals looks.
    pub(super) fn wake_readers(&self) {
        if let Some(readers) = self.readers.get() {
            readers.wake_all();
        }
    }
    /// Locks the state.
    pub(crate) fn lock(&self) -> IrqGuard<'_, GroupState> {
        self.state.lock()
    }
    /// Signals pending for the process as a whole.
    pub fn shared_pending(&self) -> SignalSet {
        self.pending.load(Ordering::Relaxed)
    }
    pub(super) fn note_pending(&self, state: &GroupState) {
        self.pending.store(state.queue.bits(), Ordering::Relaxed);
    }
    pub(super) fn has_mark(&self, bits: u32) -> bool {
        self.marks.load(Ordering::Acquire) & bits != 0
    }
    pub(super) fn set_mark(&self, bits: u32) {
        self.marks.fetch_or(bits, Ordering::AcqRel);
    }
    /// Clears marks; those of them that were set.
    pub(super) fn clear_mark(&self, bits: u32) -> u32 {
        self.marks.fetch_and(!bits, Ordering::AcqRel) & bits
    }
    /// Whether job control has stopped the process.
    pub fn is_stopped(&self) -> bool {
        self.has_mark(mark::STOPPED)
    }
    /// Whether the whole group is ending.
    pub fn is_exiting(&self) -> bool {
        self.has_mark(mark::EXITING)
    }
    /// Signals without a handler are to do nothing to this process: it is init.
    pub fn protect(&self) {
        self.set_mark(mark::UNKILLABLE);
    }
    /// Whether it is protected so.
    pub fn is_protected(&self) -> bool {
        self.has_mark(mark::UNKILLABLE)
    }
    /// Begins the end of the group, which has not begun: all threads but `current` are killed.
    pub(crate) fn begin_end(&self, state: &mut GroupState, status: i32, current: Option<&Task>) {
        state.exit_status = status;
        self.set_mark(mark::EXITING);
        self.clear_mark(mark::STOPPED);
        state.stop_left = 0;
        kill_threads(state, current);
    }
    /// Takes what wait(2) may report: the stop signal, for a stop. `keep` leaves it to be reported again (WNOWAIT).
    pub fn take_stop_report(&self, keep: bool) -> Option<u32> {
        let state = self.state.lock();
        if !self.has_mark(mark::STOPPED) || !self.has_mark(mark::STOP_UNREPORTED) {
            return None;
        }
        if !keep {
            self.clear_mark(mark::STOP_UNREPORTED);
        }
        Some(state.stop_signal)
    }
    /// As `take_stop_report`, for a continuation.
    pub fn take_continue_report(&self, keep: bool) -> bool {
        match keep {
            true => self.has_mark(mark::CONTINUE_UNREPORTED),
            false => self.clear_mark(mark::CONTINUE_UNREPORTED) != 0,
        }
    }
}
impl Default for GroupSignals {
    fn default() -> Self {
        Self::new()
    }
}

impl ThreadGroup {
    /// Adds a thread. False if the group is ending or its caller has a signal to see first (clone gives ERESTARTNOINTR).
    pub(crate) fn add_thread(&self, thread: &Arc<Task>) -> bool {
        let mut state = self.signals.lock();
        if self.signals.is_exiting() || state.sole_survivor != 0 {
            return false;
        }
        // A new task is on no list.
        let _ = state.threads.push_back(thread.clone());
        true
    }
    /// Takes an ended thread off. It no longer counts in a group stop.
    pub(crate) fn remove_thread(&self, thread: &Task) {
        let mut state = self.signals.lock();
        let removed = state.threads.remove(thread);
        drop(state);
        drop(removed);
    }
    /// Threads on the list.
    pub fn threads_listed(&self) -> usize {
        self.signals.lock().thread_count()
    }
    /// The number of a live thread other than `except`, or that of `except` if there is none.
    pub(crate) fn first_live_thread(&self, except: &Task) -> u32 {
        let state = self.signals.lock();
        let mut others = state.threads().filter(|thread| !core::ptr::eq(&***thread, except));
        others.find(|thread| !thread.has_flag(flag::EXITING)).map_or(except.id(), |thread| thread.id())
    }
    /// Calls `visit` for each thread that is on the list; no other process's lock may be taken in it.
    pub fn for_each_thread(&self, mut visit: impl FnMut(&Arc<Task>)) {
        let state = self.signals.lock();
        state.threads().for_each(&mut visit);
    }
    /// The threads now.
    pub fn threads(&self) -> crate::error::Result<alloc::vec::Vec<Arc<Task>>> {
        loop {
            let wanted = self.signals.lock().thread_count();
            let mut all = alloc::vec::Vec::new();
            all.try_reserve_exact(wanted)?;
            let state = self.signals.lock();
            if state.thread_count() <= all.capacity() {
                all.extend(state.threads().cloned());
                return Ok(all);
            }
        }
    }
    /// Begins the end of the whole group with this wait status, unless it has begun: all other threads are killed. The status
    /// it ends with.
    pub fn begin_exit(&self, status: i32, current: Option<&Task>) -> i32 {
        let mut state = self.signals.lock();
        if self.signals.is_exiting() {
            return state.exit_status;
        }
        self.signals.begin_end(&mut state, status, current);
        status
    }
    /// The status of a group exit that has begun.
    pub fn exit_begun(&self) -> Option<i32> {
        let state = self.signals.lock();
        self.signals.is_exiting().then_some(state.exit_status)
    }
    /// Kills all threads but the current one, for execve(2). False if the group is ending already, or another thread does the same.
    pub(crate) fn begin_sole_survival(&self, current: &Task) -> bool {
        let mut state = self.signals.lock();
        if self.signals.is_exiting() || state.sole_survivor != 0 {
            return false;
        }
        state.sole_survivor = current.id();
        kill_threads(&state, Some(current));
        true
    }
    /// The others are gone, or the attempt has failed.
    pub(crate) fn end_sole_survival(&self) {
        self.signals.lock().sole_survivor = 0;
    }
}

/// Sends SIGKILL to every thread but one.
fn kill_threads(state: &GroupState, except: Option<&Task>) {
    for thread in state.threads() {
        if except.is_some_and(|except| core::ptr::eq(&**thread, except)) {
            continue;
        }
        thread.signals.stop_pending.store(false, Ordering::Relaxed);
        thread.trace.forget_traps();
        if !thread.has_flag(flag::EXITING) {
            let mut queue = thread.signals.queue.lock();
            queue.add(SIGKILL, false, None);
            thread.signals.pending.store(queue.bits(), Ordering::Relaxed);
            drop(queue);
            wake_thread(thread, true);
        }
    }
}

/// Drops what was taken from queues, where no lock is held.
pub(super) type Dropped = List<Queued>;
