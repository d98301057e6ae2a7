//! A value set once and read without a lock.
use crate::local::Pinned;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU8, Ordering};

const UNSET: u8 = 0;
const BUSY: u8 = 1;
const SET: u8 = 2;

/// A value set once, read without a lock.
pub struct Once<T> {
    state: AtomicU8,
    value: UnsafeCell<MaybeUninit<T>>,
}
// SAFETY: the value is written once, before it is published, and shared as `&T` afterwards.
unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    /// Unset.
    pub const fn new() -> Self {
        Once { state: AtomicU8::new(UNSET), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }
    /// Sets it; the value comes back if it was set before.
    pub fn set(&self, value: T) -> Result<(), T> {
        // Not to be preempted while busy: others may spin for the value.
        let _pinned = Pinned::new();
        if self.state.compare_exchange(UNSET, BUSY, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return Err(value);
        }
        // SAFETY: only the one who turned UNSET into BUSY writes, and nobody reads before SET.
        unsafe { (*self.value.get()).write(value) };
        self.state.store(SET, Ordering::Release);
        Ok(())
    }
    /// The value, if set.
    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) != SET {
            return None;
        }
        // SAFETY: SET says the value was written, and it is never written again.
        Some(unsafe { (*self.value.get()).assume_init_ref() })
    }
    /// The value, or the one `make` gives (which may run more than once, on several CPUs; one result wins).
    #[inline]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        match self.get() {
            Some(value) => value,
            None => self.init(make()),
        }
    }
    #[cold]
    fn init(&self, value: T) -> &T {
        drop(self.set(value));
        loop {
            if let Some(value) = self.get() {
                return value;
            }
            core::hint::spin_loop();
        }
    }
}
impl<T> Default for Once<T> {
    fn default() -> Self {
        Self::new()
    }
}
impl<T> Drop for Once<T> {
    fn drop(&mut self) {
        if *self.state.get_mut() == SET {
            // SAFETY: SET says the value was written; unique access.
            unsafe { self.value.get_mut().assume_init_drop() };
        }
    }
}
