//! A lock for what a module's functions share.
use crate::interface::function;
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};

/// Mutual exclusion. Who waits lets others run, so its holder may sleep (in a copy of user memory).
pub struct Lock<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}
// SAFETY: the value is reached by one holder at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock.
    pub const fn new(value: T) -> Self {
        Lock { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }
    /// Waits for the lock and takes it. Who holds it already waits for good.
    pub fn lock(&self) -> LockGuard<'_, T> {
        while self.held.swap(true, Ordering::Acquire) {
            // SAFETY: no precondition.
            unsafe { function::lstar_yield() };
        }
        LockGuard(self)
    }
}

/// The lock is held.
pub struct LockGuard<'a, T>(&'a Lock<T>);
impl<T> Deref for LockGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.0.value.get() }
    }
}
impl<T> DerefMut for LockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, and the guard borrowed uniquely.
        unsafe { &mut *self.0.value.get() }
    }
}
impl<T> Drop for LockGuard<'_, T> {
    fn drop(&mut self) {
        self.0.held.store(false, Ordering::Release);
    }
}
