//! The sleeping mutual-exclusion lock: one atomic word decides, the kernel's wait queue only sleeps.
use super::{Rank, WaitPoint};
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody may wait: the holder must wake one.
const CONTENDED: u32 = 2;

/// A sleeping mutual-exclusion lock.
pub struct Mutex<T: ?Sized, W: WaitPoint> {
    state: AtomicU32,
    queue: W,
    value: UnsafeCell<T>,
}
// SAFETY: the value is reached only through guards, of which there is at most one at a time.
unsafe impl<T: ?Sized + Send, W: WaitPoint> Sync for Mutex<T, W> {}

/// A held mutex. Not to be held across a return to user mode.
pub struct MutexGuard<'a, T: ?Sized, W: WaitPoint>(&'a Mutex<T, W>, PhantomData<*const ()>);
// SAFETY: a shared guard gives `&T` only.
unsafe impl<T: ?Sized + Sync, W: WaitPoint> Sync for MutexGuard<'_, T, W> {}

impl<T, W: WaitPoint> Mutex<T, W> {
    /// A free mutex. The rank documents its place in the lock order; only spin locks are checked.
    pub const fn new(_rank: Rank, value: T) -> Self {
        Mutex { state: AtomicU32::new(FREE), queue: W::NEW, value: UnsafeCell::new(value) }
    }
}
impl<T: ?Sized, W: WaitPoint> Mutex<T, W> {
    /// Sleeps until the mutex is free and takes it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T, W> {
        if self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.wait();
        }
        MutexGuard(self, PhantomData)
    }
    #[cold]
    fn wait(&self) {
        let mut taken = false;
        // A queue that returns early only makes this loop; one that asks again after success does not take the lock twice.
        while !taken {
            self.queue.wait_until(&mut || {
                taken = taken || self.state.swap(CONTENDED, Ordering::Acquire) == FREE;
                taken
            });
        }
    }
    /// Takes the mutex if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T, W>> {
        let taken = self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok();
        taken.then(|| MutexGuard(self, PhantomData))
    }
    /// Whether somebody holds it now.
    pub fn is_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) != FREE
    }
    /// The value, by unique access.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}
impl<T: ?Sized, W: WaitPoint> Deref for MutexGuard<'_, T, W> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the mutex.
        unsafe { &*self.0.value.get() }
    }
}
impl<T: ?Sized, W: WaitPoint> DerefMut for MutexGuard<'_, T, W> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the mutex and is borrowed uniquely.
        unsafe { &mut *self.0.value.get() }
    }
}
impl<T: ?Sized, W: WaitPoint> Drop for MutexGuard<'_, T, W> {
    #[inline]
    fn drop(&mut self) {
        if self.0.state.swap(FREE, Ordering::Release) == CONTENDED {
            self.0.queue.wake_one();
        }
    }
}
