//! A published pointer.
use super::{RcuGuard, defer};
use crate::OutOfMemory;
use crate::memory::try_box;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A slot that holds an `Arc<T>` which readers borrow without touching the count.
pub struct RcuCell<T: Send + Sync + 'static> {
    /// From `Box::into_raw`; boxed, so that readers can borrow the `Arc` itself while the slot changes.
    value: AtomicPtr<Arc<T>>,
    owned: PhantomData<Arc<T>>,
}
#[allow(
    clippy::redundant_allocation,
    reason = "readers borrow the `Arc` itself, so it needs a place that outlives the slot's"
)]
impl<T: Send + Sync + 'static> RcuCell<T> {
    /// A slot holding `value`.
    pub fn new(value: Arc<T>) -> Self {
        Self::from_box(Box::new(value))
    }
    /// As `new`, without panicking when there is no memory.
    pub fn try_new(value: Arc<T>) -> Result<Self, OutOfMemory> {
        try_box(value).map(Self::from_box)
    }
    fn from_box(value: Box<Arc<T>>) -> Self {
        RcuCell { value: AtomicPtr::new(Box::into_raw(value)), owned: PhantomData }
    }
    /// Borrows the value for as long as the guard lives.
    #[inline(always)]
    pub fn read<'a>(&'a self, _guard: &'a RcuGuard) -> &'a Arc<T> {
        // SAFETY: the box is dropped a grace period after it leaves the slot, or with the slot; the guard holds off the one, the
        // borrow the other.
        unsafe { &*self.value.load(Ordering::Acquire) }
    }
    /// A counted reference to the value.
    pub fn get(&self) -> Arc<T> {
        self.read(&RcuGuard::new()).clone()
    }
    /// Publishes a new value; the old one is dropped after a grace period (in a context that may sleep).
    pub fn replace(&self, value: Arc<T>) {
        self.publish(Box::new(value));
    }
    /// As `replace`, without panicking when there is no memory; then nothing changes.
    pub fn try_replace(&self, value: Arc<T>) -> Result<(), OutOfMemory> {
        try_box(value).map(|value| self.publish(value))
    }
    /// The value, by unique access.
    pub fn get_mut(&mut self) -> &mut Arc<T> {
        // SAFETY: from `Box::into_raw`; nobody reads a slot that is borrowed uniquely.
        unsafe { &mut **self.value.get_mut() }
    }
    fn publish(&self, value: Box<Arc<T>>) {
        let old = self.value.swap(Box::into_raw(value), Ordering::AcqRel);
        // SAFETY: from `Box::into_raw`, and out of the slot: only readers under their guards refer to it now.
        defer(unsafe { Box::from_raw(old) });
    }
}
impl<T: Send + Sync + 'static> Drop for RcuCell<T> {
    fn drop(&mut self) {
        // SAFETY: from `Box::into_raw`; nobody reads a slot that is borrowed uniquely.
        drop(unsafe { Box::from_raw(*self.value.get_mut()) });
    }
}
