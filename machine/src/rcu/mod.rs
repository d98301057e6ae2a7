//! Deferred freeing: readers run without locks or shared counts while a guard disables preemption; what writers replace is
//! dropped once every CPU has passed through a context switch, idle, or user mode.
//!
//! Each CPU counts those passages. A batch of values is due when every CPU that takes part has counted since the batch was
//! closed; CPUs that stay in user mode or halted are interrupted to make them count. The CPU of whoever asks counts at once,
//! since a context that may sleep is in no read-side section.
mod cell;
mod grace;
mod slots;
#[cfg(test)]
mod tests;

pub use cell::RcuCell;
pub(crate) use grace::note_quiescent;
#[cfg(not(target_os = "none"))]
pub(crate) use grace::note_quiescent_of;
pub use slots::{SlotReader, SlotRef, SlotRoom, SlotScope, SlotWriter, slots};

use crate::local::{self, Padded, Pinned};
use crate::paging;
use crate::sync::{Rank, SpinLock};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use grace::Grace;

use crate::cpu::MAX_CPUS;

/// Read-side guard; sleeping under it is refused (the context switch checks the preemption count in release builds too).
pub struct RcuGuard(#[allow(dead_code)] Pinned);
impl RcuGuard {
    /// Enters a read-side section.
    #[inline(always)]
    pub fn new() -> Self {
        RcuGuard(Pinned::new())
    }
}
impl Default for RcuGuard {
    fn default() -> Self {
        Self::new()
    }
}

/// A value to be dropped later: its address, and how.
struct Deferred {
    value: *mut (),
    drop: unsafe fn(*mut ()),
}
// SAFETY: made of `Send` values only.
unsafe impl Send for Deferred {}
impl Deferred {
    fn new<T: Send + 'static>(value: Box<T>) -> Deferred {
        /// # Safety
        /// `value` is a `Box<T>` turned into a pointer, not dropped yet.
        unsafe fn drop_box<T>(value: *mut ()) {
            // SAFETY: as the caller promises.
            drop(unsafe { Box::from_raw(value.cast::<T>()) });
        }
        Deferred { value: Box::into_raw(value).cast(), drop: drop_box::<T> }
    }
}
impl Drop for Deferred {
    fn drop(&mut self) {
        // SAFETY: the pointer and the function were made for each other, and this runs once.
        unsafe { (self.drop)(self.value) };
    }
}

/// Values by the CPU that deferred them.
static QUEUES: [Padded<SpinLock<Vec<Deferred>>>; MAX_CPUS] =
    [const { Padded(SpinLock::new(Rank(Rank::MACHINE + 0x410, "deferred values"), Vec::new())) }; MAX_CPUS];
/// The batch whose grace period runs.
static BATCH: SpinLock<Batch> = SpinLock::new(
    Rank(Rank::MACHINE + 0x400, "grace period"),
    Batch { values: [const { Vec::new() }; MAX_CPUS], grace: None, begun: 0, dropping: 0, done: 0 },
);
struct Batch {
    values: [Vec<Deferred>; MAX_CPUS],
    grace: Option<Grace>,
    /// How many batches there have been, how many of them are being dropped, and how many are gone.
    begun: u64,
    dropping: u64,
    done: u64,
}
/// Values queued or in the batch.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Drops a value after a grace period, from a context that may sleep (the kernel thread that calls [`run_deferred`]). May be
/// called under spin locks. If there is no memory for the note, not even in the reserve, the value is never dropped.
pub fn defer<T: Send + 'static>(value: Box<T>) {
    let value = Deferred::new(value);
    let queue = {
        let _pinned = Pinned::new();
        &QUEUES[local::cpu_index()].0
    };
    loop {
        let wanted = {
            let mut values = queue.lock();
            if values.len() < values.capacity() {
                values.push(value);
                WAITING.fetch_add(1, Ordering::Relaxed);
                return;
            }
            (values.capacity() * 2).max(32)
        };
        // Room is made without the lock, and the old room freed without it.
        let mut larger = Vec::new();
        if larger.try_reserve_exact(wanted).is_err() {
            return core::mem::forget(value);
        }
        let mut values = queue.lock();
        if values.len() < larger.capacity() {
            larger.append(&mut values);
            core::mem::swap(&mut *values, &mut larger);
        }
        drop(values);
    }
}

/// Waits for a grace period: all read-side sections that were running when it was called are over. Must not be called with a
/// guard or spin lock held; interrupts CPUs that do not switch tasks by themselves.
pub fn synchronize() {
    check_context();
    let grace = Grace::begin();
    while !grace.is_over() {
        grace.hurry();
        core::hint::spin_loop();
    }
}
/// A context that holds a guard would wait for itself.
fn check_context() {
    #[cfg(target_os = "none")]
    assert!(!crate::cpu::holds_guards() && !local::in_interrupt(), "grace period awaited under a guard");
}

/// Drops what is due; called by a kernel thread in a loop. True if there was something; if not and [`has_deferred`] says that
/// something waits, the thread should sleep for a few milliseconds before it tries again.
pub fn run_deferred() -> bool {
    check_context();
    if paging::stacks_to_trim() {
        paging::trim_stacks();
    }
    // Twice: what was queued may be due at once, when all other CPUs are known to be outside of sections.
    close_batch();
    let some = drop_due();
    close_batch();
    drop_due() || some
}
/// Makes what is queued the batch, if there is none, and begins its grace period.
fn close_batch() {
    let mut batch = BATCH.lock();
    if batch.grace.is_some() || WAITING.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mut some = false;
    for (values, queue) in batch.values.iter_mut().zip(&QUEUES) {
        core::mem::swap(values, &mut queue.0.lock());
        some |= !values.is_empty();
    }
    if some {
        batch.grace = Some(Grace::begin());
        batch.begun += 1;
    }
}
/// Drops the batch if its grace period is over; hurries the other CPUs if not.
fn drop_due() -> bool {
    let mut batch = BATCH.lock();
    match &batch.grace {
        None => return false,
        Some(grace) if !grace.is_over() => {
            grace.hurry();
            return false;
        }
        Some(_) => (),
    }
    // One CPU's values at a time: who drops them needs the stack for itself. Others may take their share meanwhile.
    let mut some = false;
    while let Some(values) = batch.values.iter_mut().find(|values| !values.is_empty()) {
        let due = core::mem::take(values);
        batch.dropping += 1;
        drop(batch);
        WAITING.fetch_sub(due.len(), Ordering::Relaxed);
        drop(due);
        some = true;
        batch = BATCH.lock();
        batch.dropping -= 1;
    }
    if some && batch.dropping == 0 && batch.grace.take().is_some() {
        batch.done += 1;
    }
    some
}

/// A moment: what was deferred before it is dropped once [`Mark::is_reached`] says so, if [`run_deferred`] is called meanwhile.
pub struct Mark(u64);
impl Mark {
    /// Now.
    pub fn now() -> Mark {
        // What is queued is in the next batch at the latest: none is closed while the lock is held.
        Mark(BATCH.lock().begun + 1)
    }
    /// Whether all has been dropped that was deferred before.
    pub fn is_reached(&self) -> bool {
        let batch = BATCH.lock();
        let is_idle = batch.grace.is_none() && WAITING.load(Ordering::Relaxed) == 0;
        batch.dropping == 0 && (is_idle || batch.done >= self.0)
    }
}
/// Whether dropped values wait for a grace period (then the kernel wakes its thread).
pub fn has_deferred() -> bool {
    WAITING.load(Ordering::Relaxed) != 0 || paging::stacks_to_trim()
}
