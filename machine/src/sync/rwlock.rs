//! The sleeping readers-writer lock. Writers are preferred: while one waits, new readers wait too, so a task must not
//! take the same lock for reading twice.
use super::{Rank, WaitPoint};
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

const WRITER: u32 = 1 << 31;
const WRITER_WAITS: u32 = 1 << 30;
const READER_WAITS: u32 = 1 << 29;
const WAITS: u32 = WRITER_WAITS | READER_WAITS;
const READERS: u32 = READER_WAITS - 1;

/// A sleeping readers-writer lock (writers preferred).
pub struct RwLock<T: ?Sized, W: WaitPoint> {
    state: AtomicU32,
    queue: W,
    value: UnsafeCell<T>,
}
// SAFETY: guards give either one writer or any number of readers, which share `&T` across tasks.
unsafe impl<T: ?Sized + Send + Sync, W: WaitPoint> Sync for RwLock<T, W> {}

/// A read hold.
pub struct ReadGuard<'a, T: ?Sized, W: WaitPoint>(&'a RwLock<T, W>, PhantomData<*const ()>);
/// A write hold.
pub struct WriteGuard<'a, T: ?Sized, W: WaitPoint>(&'a RwLock<T, W>, PhantomData<*const ()>);

impl<T, W: WaitPoint> RwLock<T, W> {
    /// A free lock. The rank documents its place in the lock order; only spin locks are checked.
    pub const fn new(_rank: Rank, value: T) -> Self {
        RwLock { state: AtomicU32::new(0), queue: W::NEW, value: UnsafeCell::new(value) }
    }
}
impl<T: ?Sized, W: WaitPoint> RwLock<T, W> {
    #[inline(always)]
    fn enter_read(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state & (WRITER | WRITER_WAITS) != 0 || state & READERS == READERS {
                return false;
            }
            match self.state.compare_exchange_weak(state, state + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
    }
    /// Takes the lock for writing if nobody has it; the waiting flags of others stay, so that they are woken.
    fn enter_write(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (WRITER | READERS) == 0 {
            match self.state.compare_exchange_weak(state, state | WRITER, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }
    #[cold]
    fn wait(&self, enter: impl Fn(&Self) -> bool, waits: u32) {
        let mut taken = false;
        while !taken {
            self.queue.wait_until(&mut || {
                if !taken {
                    // The flag first: whoever releases after this sees it and wakes.
                    self.state.fetch_or(waits, Ordering::Relaxed);
                    taken = enter(self);
                }
                taken
            });
        }
    }
    /// Sleeps until it may read.
    #[inline]
    pub fn read(&self) -> ReadGuard<'_, T, W> {
        if !self.enter_read() {
            self.wait(Self::enter_read, READER_WAITS);
        }
        ReadGuard(self, PhantomData)
    }
    /// Sleeps until it may write.
    #[inline]
    pub fn write(&self) -> WriteGuard<'_, T, W> {
        if self.state.compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.wait(Self::enter_write, WRITER_WAITS);
        }
        WriteGuard(self, PhantomData)
    }
    /// A read hold, if there is neither a writer nor one waiting.
    #[inline]
    pub fn try_read(&self) -> Option<ReadGuard<'_, T, W>> {
        self.enter_read().then(|| ReadGuard(self, PhantomData))
    }
    /// A write hold, if the lock is free.
    #[inline]
    pub fn try_write(&self) -> Option<WriteGuard<'_, T, W>> {
        self.enter_write().then(|| WriteGuard(self, PhantomData))
    }
    /// The value, by unique access.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
    /// Wakes all who wait, who set their flags again if they must go on waiting. They are on the queue before they set a
    /// flag, so none whose flag is cleared here is missed.
    #[cold]
    fn wake(&self) {
        self.state.fetch_and(!WAITS, Ordering::Relaxed);
        self.queue.wake_all();
    }
}
impl<'a, T: ?Sized, W: WaitPoint> WriteGuard<'a, T, W> {
    /// Turns the write hold into a read hold without letting another writer in between.
    pub fn downgrade(self) -> ReadGuard<'a, T, W> {
        let lock = self.0;
        core::mem::forget(self);
        // From WRITER to one reader.
        let before = lock.state.fetch_sub(WRITER - 1, Ordering::Release);
        if before & WAITS != 0 {
            lock.wake();
        }
        ReadGuard(lock, PhantomData)
    }
}
impl<T: ?Sized, W: WaitPoint> Deref for ReadGuard<'_, T, W> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock for reading; no writer exists.
        unsafe { &*self.0.value.get() }
    }
}
impl<T: ?Sized, W: WaitPoint> Drop for ReadGuard<'_, T, W> {
    #[inline]
    fn drop(&mut self) {
        let before = self.0.state.fetch_sub(1, Ordering::Release);
        if before & READERS == 1 && before & WAITS != 0 {
            self.0.wake();
        }
    }
}
impl<T: ?Sized, W: WaitPoint> Deref for WriteGuard<'_, T, W> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock for writing.
        unsafe { &*self.0.value.get() }
    }
}
impl<T: ?Sized, W: WaitPoint> DerefMut for WriteGuard<'_, T, W> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock for writing and is borrowed uniquely.
        unsafe { &mut *self.0.value.get() }
    }
}
impl<T: ?Sized, W: WaitPoint> Drop for WriteGuard<'_, T, W> {
    #[inline]
    fn drop(&mut self) {
        if self.0.state.swap(0, Ordering::Release) & WAITS != 0 {
            self.0.queue.wake_all();
        }
    }
}
