//! Spin locks: test-and-set words, with preemption (and interrupts) disabled while they are held.
use super::Rank;
#[cfg(debug_assertions)]
use super::rank;
use crate::local::{self, Pinned};
use crate::rcu::RcuGuard;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU16, Ordering};

/// The lock word. Only its first bit is used: x86 sets a bit and tells what it was in one instruction, and has none such for
/// bytes.
struct Word(AtomicU16);
const HELD: u16 = 1;
impl Word {
    const fn free() -> Word {
        Word(AtomicU16::new(0))
    }
    #[inline(always)]
    fn try_lock(&self) -> bool {
        self.0.fetch_or(HELD, Ordering::Acquire) & HELD == 0
    }
    #[inline(always)]
    fn lock(&self) {
        if !self.try_lock() {
            self.wait();
        }
    }
    #[cold]
    fn wait(&self) {
        let mut rounds = 0u32;
        loop {
            // Reading is cheap where `pause` costs an exit from translated code: pause only now and then.
            if self.0.load(Ordering::Relaxed) & HELD == 0 && self.try_lock() {
                return;
            }
            rounds = rounds.wrapping_add(1);
            if rounds == crate::report::PATIENCE_WITH_LOCKS && crate::report::is_reporting() {
                panic!("a lock that the report wants is held by a stopped CPU");
            }
            if rounds.is_multiple_of(32) {
                // A CPU that waits with interrupts off must still answer TLB flushes, or it could wait for their sender.
                crate::paging::answer_flush();
                core::hint::spin_loop();
            }
        }
    }
    #[inline(always)]
    fn unlock(&self) {
        self.0.store(0, Ordering::Release);
    }
}

/// A spin lock; holding it disables preemption. Not for data that interrupt handlers touch.
pub struct SpinLock<T: ?Sized> {
    word: Word,
    #[cfg(debug_assertions)]
    rank: Rank,
    value: UnsafeCell<T>,
}
/// A spin lock that also disables interrupts, for data shared with interrupt handlers.
pub struct IrqLock<T: ?Sized> {
    word: Word,
    #[cfg(debug_assertions)]
    rank: Rank,
    value: UnsafeCell<T>,
}
// SAFETY: the value is reached only through guards, of which there is at most one at a time.
unsafe impl<T: ?Sized + Send> Sync for SpinLock<T> {}
// SAFETY: moving the lock moves the value.
unsafe impl<T: ?Sized + Send> Send for SpinLock<T> {}
// SAFETY: the value is reached only through guards, of which there is at most one at a time.
unsafe impl<T: ?Sized + Send> Sync for IrqLock<T> {}
// SAFETY: moving the lock moves the value.
unsafe impl<T: ?Sized + Send> Send for IrqLock<T> {}

/// A held [`SpinLock`].
pub struct SpinGuard<'a, T: ?Sized> {
    lock: &'a SpinLock<T>,
    // Dropped after the lock word is free: enabling preemption may switch tasks.
    _pinned: Pinned,
}
/// A [`SpinLock`] held within a read-side section of RCU, which keeps preemption disabled.
pub struct SpinGuardUnder<'a, T: ?Sized> {
    lock: &'a SpinLock<T>,
    /// As all guards, it stays with its thread.
    section: PhantomData<(&'a RcuGuard, *const ())>,
}
/// A held [`IrqLock`]. Nothing preempts where interrupts are off, so there is no need to count it as a preemption guard too.
pub struct IrqGuard<'a, T: ?Sized> {
    lock: &'a IrqLock<T>,
    /// As all guards, it stays with its thread.
    local: PhantomData<*const ()>,
}
// SAFETY: a shared guard gives `&T` only.
unsafe impl<T: ?Sized + Sync> Sync for SpinGuard<'_, T> {}
// SAFETY: a shared guard gives `&T` only.
unsafe impl<T: ?Sized + Sync> Sync for SpinGuardUnder<'_, T> {}
// SAFETY: a shared guard gives `&T` only.
unsafe impl<T: ?Sized + Sync> Sync for IrqGuard<'_, T> {}

impl<T> SpinLock<T> {
    /// A free lock.
    pub const fn new(rank: Rank, value: T) -> Self {
        #[cfg(not(debug_assertions))]
        let _ = rank;
        SpinLock {
            word: Word::free(),
            #[cfg(debug_assertions)]
            rank,
            value: UnsafeCell::new(value),
        }
    }
    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}
impl<T: ?Sized> SpinLock<T> {
    /// Takes the lock.
    #[inline(always)]
    pub fn lock(&self) -> SpinGuard<'_, T> {
        let pinned = Pinned::new();
        #[cfg(debug_assertions)]
        rank::check(self.rank);
        self.word.lock();
        #[cfg(debug_assertions)]
        rank::push(self.rank);
        SpinGuard { lock: self, _pinned: pinned }
    }
    /// Takes a second lock of the same rank; the caller keeps such locks in an order of its own (address, CPU number).
    #[inline(always)]
    pub fn lock_nested(&self) -> SpinGuard<'_, T> {
        let pinned = Pinned::new();
        #[cfg(debug_assertions)]
        rank::check_nested(self.rank);
        self.word.lock();
        #[cfg(debug_assertions)]
        rank::push(self.rank);
        SpinGuard { lock: self, _pinned: pinned }
    }
    /// Takes the lock where a read-side section of RCU has disabled preemption already.
    #[inline(always)]
    pub fn lock_under<'a>(&'a self, _guard: &'a RcuGuard) -> SpinGuardUnder<'a, T> {
        #[cfg(debug_assertions)]
        rank::check(self.rank);
        self.word.lock();
        #[cfg(debug_assertions)]
        rank::push(self.rank);
        SpinGuardUnder { lock: self, section: PhantomData }
    }
    /// Takes the lock under another of the same rank; the caller sees to an order between the two.
    pub(crate) fn lock_beside(&self) -> SpinGuard<'_, T> {
        let pinned = Pinned::new();
        self.word.lock();
        #[cfg(debug_assertions)]
        rank::push(self.rank);
        SpinGuard { lock: self, _pinned: pinned }
    }
    /// Takes the lock if it is free; the lock order does not matter, since it does not wait.
    #[inline(always)]
    pub fn try_lock(&self) -> Option<SpinGuard<'_, T>> {
        let pinned = Pinned::new();
        if !self.word.try_lock() {
            return None;
        }
        #[cfg(debug_assertions)]
        rank::push(self.rank);
        Some(SpinGuard { lock: self, _pinned: pinned })
    }
    /// The value, by unique access.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T> IrqLock<T> {
    /// A free lock.
    pub const fn new(rank: Rank, value: T) -> Self {
        #[cfg(not(debug_assertions))]
        let _ = rank;
        IrqLock {
            word: Word::free(),
            #[cfg(debug_assertions)]
            rank,
            value: UnsafeCell::new(value),
        }
    }
    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}
impl<T: ?Sized> IrqLock<T> {
    /// Takes the lock.
    #[inline(always)]
    pub fn lock(&self) -> IrqGuard<'_, T> {
        local::save_interrupts();
        #[cfg(debug_assertions)]
        rank::check(self.rank);
        self.word.lock();
        #[cfg(debug_assertions)]
        rank::push(self.rank);
        IrqGuard { lock: self, local: PhantomData }
    }
    /// Takes a second lock of the same rank; the caller keeps such locks in an order of its own (address, CPU number).
    #[inline(always)]
    pub fn lock_nested(&self) -> IrqGuard<'_, T> {
        local::save_interrupts();
        #[cfg(debug_assertions)]
        rank::check_nested(self.rank);
        self.word.lock();
        #[cfg(debug_assertions)]
        rank::push(self.rank);
        IrqGuard { lock: self, local: PhantomData }
    }
    /// Takes the lock if it is free.
    #[inline(always)]
    pub fn try_lock(&self) -> Option<IrqGuard<'_, T>> {
        local::save_interrupts();
        if !self.word.try_lock() {
            local::restore_interrupts();
            return None;
        }
        #[cfg(debug_assertions)]
        rank::push(self.rank);
        Some(IrqGuard { lock: self, local: PhantomData })
    }
    /// The value, by unique access.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized> Deref for SpinGuard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}
impl<T: ?Sized> DerefMut for SpinGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock and is borrowed uniquely.
        unsafe { &mut *self.lock.value.get() }
    }
}
impl<T: ?Sized> Drop for SpinGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        rank::pop(self.lock.rank);
        self.lock.word.unlock();
    }
}
impl<T: ?Sized> Deref for SpinGuardUnder<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}
impl<T: ?Sized> DerefMut for SpinGuardUnder<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock and is borrowed uniquely.
        unsafe { &mut *self.lock.value.get() }
    }
}
impl<T: ?Sized> Drop for SpinGuardUnder<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        rank::pop(self.lock.rank);
        self.lock.word.unlock();
    }
}
impl<T: ?Sized> Deref for IrqGuard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}
impl<T: ?Sized> DerefMut for IrqGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock and is borrowed uniquely.
        unsafe { &mut *self.lock.value.get() }
    }
}
impl<T: ?Sized> Drop for IrqGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        rank::pop(self.lock.rank);
        self.lock.word.unlock();
        local::restore_interrupts();
    }
}
