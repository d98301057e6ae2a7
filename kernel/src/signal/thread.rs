//! A thread's own signal state.
use super::queue::Queue;
use super::*;
use crate::process::Task;
use crate::sync::{IrqLock, SpinLock, rank};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use machine::thread::work;

/// The alternate signal stack (sigaltstack(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlternateStack {
    /// Lowest address.
    pub base: u64,
    /// Bytes, 0 when disabled.
    pub size: u64,
    /// SS_DISABLE, SS_AUTODISARM.
    pub flags: u32,
}
impl AlternateStack {
    /// None is set.
    pub const DISABLED: AlternateStack = AlternateStack { base: 0, size: 0, flags: SS_DISABLE };
    /// Whether a stack pointer is on it (never while it disarms itself).
    pub fn holds(&self, stack_pointer: u64) -> bool {
        self.flags & SS_AUTODISARM == 0 && self.contains(stack_pointer)
    }
    /// Whether an address lies on it.
    pub fn contains(&self, stack_pointer: u64) -> bool {
        stack_pointer > self.base && stack_pointer.wrapping_sub(self.base) <= self.size
    }
    /// SS_ONSTACK, SS_DISABLE or 0 for a stack pointer.
    pub fn state(&self, stack_pointer: u64) -> u32 {
        match self.size {
            0 => SS_DISABLE,
            _ if self.holds(stack_pointer) => SS_ONSTACK,
            _ => 0,
        }
    }
}

/// A task's own signal state. The mask is changed by the task alone.
pub struct TaskSignals {
    blocked: AtomicU64,
    /// The mask to put back after a call with a temporary one.
    saved: AtomicU64,
    restore_saved: AtomicBool,
    /// Signals a sigtimedwait(2) in progress waits for: they wake the thread although blocked.
    pub(super) awaited: AtomicU64,
    pub(super) queue: IrqLock<Queue>,
    /// Bits of `queue`, for looks without the lock.
    pub(super) pending: AtomicU64,
    alternate: SpinLock<AlternateStack>,
    /// The thread is to take part in a group stop.
    pub(super) stop_pending: AtomicBool,
    /// It has been counted as stopped.
    pub(super) stop_counted: AtomicBool,
    /// A signal that may stop has been taken from a queue; SIGCONT calls the stop off.
    pub(super) stop_dequeued: AtomicBool,
    /// The thread's control group freezes.
    freeze: AtomicBool,
    /// It counts as frozen there.
    frozen: AtomicBool,
}

impl TaskSignals {
    /// Nothing pending, this mask.
    pub fn new(blocked: SignalSet, alternate: AlternateStack) -> Self {
        TaskSignals {
            blocked: AtomicU64::new(blocked),
            saved: AtomicU64::new(0),
            restore_saved: AtomicBool::new(false),
            awaited: AtomicU64::new(0),
            queue: IrqLock::new(rank::SIGNAL_THREAD, Queue::new()),
            pending: AtomicU64::new(0),
            alternate: SpinLock::new(rank::LEAF, alternate),
            stop_pending: AtomicBool::new(false),
            stop_counted: AtomicBool::new(false),
            stop_dequeued: AtomicBool::new(false),
            freeze: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
        }
    }
    /// Whether the thread is to stay in the freezer of its control group.
    pub fn is_to_freeze(&self) -> bool {
        self.freeze.load(Ordering::Relaxed)
    }
    /// Says so; what was said before. The group's lock is held.
    pub fn set_freeze(&self, freeze: bool) -> bool {
        self.freeze.swap(freeze, Ordering::Relaxed)
    }
    /// Whether it counts as frozen in its control group.
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Relaxed)
    }
    /// Says so; what was said before. The group's lock is held.
    pub fn set_frozen(&self, frozen: bool) -> bool {
        self.frozen.swap(frozen, Ordering::Relaxed)
    }
    /// Whether the thread is to take part in a group stop.
    pub fn is_to_stop(&self) -> bool {
        self.stop_pending.load(Ordering::Relaxed)
    }
    /// The mask.
    #[inline(always)]
    pub fn blocked(&self) -> SignalSet {
        self.blocked.load(Ordering::Relaxed)
    }
    /// Signals pending for this thread alone.
    pub fn private_pending(&self) -> SignalSet {
        self.pending.load(Ordering::Relaxed)
    }
    /// Whether a signal is pending for this thread alone.
    #[inline(always)]
    pub fn has_private(&self, signal: u32) -> bool {
        self.pending.load(Ordering::Relaxed) & set_of(signal) != 0
    }
    /// The alternate stack.
    pub fn alternate_stack(&self) -> AlternateStack {
        *self.alternate.lock()
    }
    /// Sets the alternate stack.
    pub fn set_alternate_stack(&self, stack: AlternateStack) {
        *self.alternate.lock() = stack;
    }
    /// The mask to be put back when the current call's temporary one ends, taken out.
    pub(super) fn take_saved(&self) -> Option<SignalSet> {
        self.restore_saved.swap(false, Ordering::Relaxed).then(|| self.saved.load(Ordering::Relaxed))
    }
    /// The mask to show a signal handler's frame: the saved one, if there is one.
    pub(super) fn mask_for_frame(&self) -> SignalSet {
        self.take_saved().unwrap_or_else(|| self.blocked())
    }
    pub(super) fn save(&self, mask: SignalSet) {
        self.saved.store(mask, Ordering::Relaxed);
        self.restore_saved.store(true, Ordering::Relaxed);
    }
    /// The mask the thread will have after its current call.
    pub fn mask_after_call(&self) -> SignalSet {
        match self.restore_saved.load(Ordering::Relaxed) {
            true => self.saved.load(Ordering::Relaxed),
            false => self.blocked(),
        }
    }
    /// Replaces the mask of a stopped thread, the one to be put back after its call included.
    pub fn replace_mask(&self, mask: SignalSet) {
        self.restore_saved.store(false, Ordering::Relaxed);
        self.store_blocked(mask);
    }
    /// A signal was taken that may stop the thread, whatever its tracer makes of it.
    pub fn note_dequeued(&self) {
        self.stop_dequeued.store(true, Ordering::Relaxed);
    }
    /// Makes a signal pending for this thread, without information. The group's lock is held.
    pub fn add_private(&self, signal: u32) {
        let mut queue = self.queue.lock();
        queue.add(signal, false, None);
        self.pending.store(queue.bits(), Ordering::Relaxed);
    }
    /// A SIGKILL that is pending has been seen.
    pub fn forget_private_kill(&self) {
        let mut dropped = super::group::Dropped::new();
        let mut queue = self.queue.lock();
        queue.forget(set_of(SIGKILL), &mut dropped);
        self.pending.store(queue.bits(), Ordering::Relaxed);
        drop(queue);
        drop(dropped);
    }
    pub(super) fn store_blocked(&self, mask: SignalSet) {
        self.blocked.store(mask & !UNBLOCKABLE, Ordering::Relaxed);
    }
}

impl Task {
    /// The pending signal at a place of the thread's own queue, or of its process's.
    pub fn queued_signal(&self, shared: bool, index: usize) -> Option<SignalInfo> {
        let group = self.group().signals.lock();
        match shared {
            true => group.queue.at(index),
            false => self.signals.queue.lock().at(index),
        }
    }
    /// Signals pending for this thread or its process.
    pub fn pending_signals(&self) -> SignalSet {
        self.signals.private_pending() | self.group().signals.shared_pending()
    }
    /// Replaces the current task's mask; whether it was another one. Signals of the process that it no longer takes go to
    /// another thread.
    pub fn set_blocked(&self, mask: SignalSet) -> bool {
        let mask = mask & !UNBLOCKABLE;
        let old = self.signals.blocked();
        if old == mask {
            return false;
        }
        let state = self.group().signals.lock();
        let newly = mask & !old & self.group().signals.shared_pending();
        if newly != 0 && state.thread_count() > 1 {
            state.retarget(self, newly);
        }
        self.signals.store_blocked(mask);
        self.recalculate_pending();
        drop(state);
        true
    }
    /// Brings the work flag up to date with what is pending. The group's lock is held, or the task is not shared yet.
    pub(crate) fn recalculate_pending(&self) {
        let deliverable = self.pending_signals() & !self.signals.blocked() != 0;
        let stops = self.signals.is_to_stop() || self.signals.is_to_freeze();
        if deliverable || stops || self.trace.has_trap() {
            self.thread().set_work(work::SIGNAL);
        } else {
            self.thread().clear_work(work::SIGNAL);
        }
    }
}
