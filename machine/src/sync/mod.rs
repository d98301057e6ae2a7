//! Locks and published values. Ranks are checked in builds with debug assertions: a lock may be taken only while all
//! spin locks held rank lower.
mod once;
mod once_arc;
mod rank;
mod rwlock;
mod seq;
mod sleeping;
mod spin;

pub use once::Once;
pub use once_arc::OnceArc;
pub use rwlock::{ReadGuard, RwLock, WriteGuard};
pub use seq::SequenceCount;
pub use sleeping::{Mutex, MutexGuard};
pub use spin::{IrqGuard, IrqLock, SpinGuard, SpinLock};

/// A place in the lock order, and the lock's name for reports. The machine's own locks rank from [`Rank::MACHINE`] up.
#[derive(Clone, Copy, Debug)]
pub struct Rank(pub u16, pub &'static str);
impl Rank {
    /// The least rank number of the machine crate's own locks; the kernel's rank lower, so any of them may be held when
    /// memory is allocated or page tables change.
    pub const MACHINE: u16 = 0xf000;
}

/// What the sleeping locks need: a wait queue of the kernel's. Wrong behaviour can delay, never corrupt.
pub trait WaitPoint: Sync {
    /// A queue nobody waits on.
    const NEW: Self;
    /// Sleeps until `condition` holds; re-checked after each wake-up (uninterruptible). The caller must be on the queue
    /// before the condition is evaluated, else wake-ups are lost.
    fn wait_until(&self, condition: &mut dyn FnMut() -> bool);
    /// Wakes one waiter.
    fn wake_one(&self);
    /// Wakes all waiters.
    fn wake_all(&self);
}

#[cfg(test)]
mod tests;
