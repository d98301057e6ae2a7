//! Locks. Ranks are checked in builds with debug assertions: a lock may be taken only while all held locks rank lower.
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

/// A place in the lock order, and the lock's name for reports.
#[derive(Clone, Copy, Debug)]
pub struct Rank(pub u16, pub &'static str);

/// A spin lock; holding it disables preemption. Not for data that interrupt handlers touch.
pub struct SpinLock<T>(core::cell::UnsafeCell<T>);
/// A spin lock that also disables interrupts, for data shared with interrupt handlers.
pub struct IrqLock<T>(core::cell::UnsafeCell<T>);
/// What the sleeping locks need: a wait queue of the kernel's. Wrong behaviour can delay, never corrupt.
pub trait WaitPoint: Sync {
    /// A queue nobody waits on.
    const NEW: Self;
    /// Sleeps until `condition` holds; re-checked after each wake-up (uninterruptible).
    fn wait_until(&self, condition: &mut dyn FnMut() -> bool);
    /// Wakes one waiter.
    fn wake_one(&self);
    /// Wakes all waiters.
    fn wake_all(&self);
}
/// A sleeping mutual-exclusion lock.
pub struct Mutex<T, W: WaitPoint>(core::cell::UnsafeCell<T>, W);
/// A sleeping readers-writer lock (writers preferred).
pub struct RwLock<T, W: WaitPoint>(core::cell::UnsafeCell<T>, W);

macro_rules! lock_stub {
    ($lock:ident, $guard:ident, $($lifetimes:tt)*) => {
        /// A held lock.
        pub struct $guard<'a, T>(&'a core::cell::UnsafeCell<T>, PhantomData<*const ()>);
        impl<T> Deref for $guard<'_, T> {
            type Target = T;
            fn deref(&self) -> &T {
                todo!()
            }
        }
        impl<T> DerefMut for $guard<'_, T> {
            fn deref_mut(&mut self) -> &mut T {
                todo!()
            }
        }
        // SAFETY: stub of a lock: access to the value is serialized by it.
        unsafe impl<T: Send> Sync for $lock<T> {}
        // SAFETY: as above.
        unsafe impl<T: Send> Send for $lock<T> {}
        impl<T> $lock<T> {
            /// A free lock.
            pub const fn new(_rank: Rank, value: T) -> Self {
                $lock(core::cell::UnsafeCell::new(value))
            }
            /// Takes the lock.
            pub fn lock(&self) -> $guard<'_, T> {
                todo!()
            }
            /// Takes the lock if it is free.
            pub fn try_lock(&self) -> Option<$guard<'_, T>> {
                todo!()
            }
            /// The value, by unique access.
            pub fn get_mut(&mut self) -> &mut T {
                self.0.get_mut()
            }
        }
    };
}
lock_stub!(SpinLock, SpinGuard,);
lock_stub!(IrqLock, IrqGuard,);

// SAFETY: stub of a lock: access to the value is serialized by it.
unsafe impl<T: Send, W: WaitPoint> Sync for Mutex<T, W> {}
// SAFETY: as above.
unsafe impl<T: Send, W: WaitPoint> Send for Mutex<T, W> {}
// SAFETY: as above, readers share the value.
unsafe impl<T: Send + Sync, W: WaitPoint> Sync for RwLock<T, W> {}
// SAFETY: as above.
unsafe impl<T: Send, W: WaitPoint> Send for RwLock<T, W> {}

/// A held mutex. Not to be held across a return to user mode.
pub struct MutexGuard<'a, T, W: WaitPoint>(&'a Mutex<T, W>, PhantomData<*const ()>);
impl<T, W: WaitPoint> Deref for MutexGuard<'_, T, W> {
    type Target = T;
    fn deref(&self) -> &T {
        todo!()
    }
}
impl<T, W: WaitPoint> DerefMut for MutexGuard<'_, T, W> {
    fn deref_mut(&mut self) -> &mut T {
        todo!()
    }
}
impl<T, W: WaitPoint> Mutex<T, W> {
    /// A free mutex.
    pub const fn new(_rank: Rank, value: T) -> Self {
        Mutex(core::cell::UnsafeCell::new(value), W::NEW)
    }
    /// Sleeps until the mutex is free and takes it.
    pub fn lock(&self) -> MutexGuard<'_, T, W> {
        todo!()
    }
    /// Takes the mutex if it is free.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T, W>> {
        todo!()
    }
}
/// A read hold.
pub struct ReadGuard<'a, T, W: WaitPoint>(&'a RwLock<T, W>, PhantomData<*const ()>);
impl<T, W: WaitPoint> Deref for ReadGuard<'_, T, W> {
    type Target = T;
    fn deref(&self) -> &T {
        todo!()
    }
}
/// A write hold.
pub struct WriteGuard<'a, T, W: WaitPoint>(&'a RwLock<T, W>, PhantomData<*const ()>);
impl<T, W: WaitPoint> Deref for WriteGuard<'_, T, W> {
    type Target = T;
    fn deref(&self) -> &T {
        todo!()
    }
}
impl<T, W: WaitPoint> DerefMut for WriteGuard<'_, T, W> {
    fn deref_mut(&mut self) -> &mut T {
        todo!()
    }
}
impl<T, W: WaitPoint> RwLock<T, W> {
    /// A free lock.
    pub const fn new(_rank: Rank, value: T) -> Self {
        RwLock(core::cell::UnsafeCell::new(value), W::NEW)
    }
    /// Sleeps until it may read.
    pub fn read(&self) -> ReadGuard<'_, T, W> {
        todo!()
    }
    /// Sleeps until it may write.
    pub fn write(&self) -> WriteGuard<'_, T, W> {
        todo!()
    }
}

/// A value set once, read without a lock.
pub struct Once<T>(core::cell::UnsafeCell<Option<T>>);
// SAFETY: stub of a once cell.
unsafe impl<T: Send + Sync> Sync for Once<T> {}
impl<T> Once<T> {
    /// Unset.
    pub const fn new() -> Self {
        Once(core::cell::UnsafeCell::new(None))
    }
    /// Sets it; the value comes back if it was set before.
    pub fn set(&self, _value: T) -> Result<(), T> {
        todo!()
    }
    /// The value, if set.
    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        todo!()
    }
    /// The value, or the one `make` gives (which may run more than once).
    pub fn get_or_init(&self, _make: impl FnOnce() -> T) -> &T {
        todo!()
    }
}
impl<T> Default for Once<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// A sequence count for data of atomics: writers (serialized by a lock of theirs) bump it around changes, readers retry.
#[derive(Default)]
pub struct SequenceCount {}
impl SequenceCount {
    /// A fresh count.
    pub const fn new() -> Self {
        SequenceCount {}
    }
    /// Reads until no write interfered.
    pub fn read<R>(&self, _read: impl FnMut() -> R) -> R {
        todo!()
    }
    /// Runs a write; the caller holds the writers' lock.
    pub fn write<R>(&self, _write: impl FnOnce() -> R) -> R {
        todo!()
    }
    /// The count now, for validation later (waits while odd).
    pub fn begin(&self) -> u32 {
        todo!()
    }
    /// Whether no write began since `begin` gave this.
    pub fn is_current(&self, _begun: u32) -> bool {
        todo!()
    }
}
