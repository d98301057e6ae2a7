//! A counted reference set once and read without a lock, in one word.
use alloc::sync::Arc;
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A counted reference that is set once. Where there are very many of them, most of them unset, a word less than
/// [`super::Once`] counts.
pub struct OnceArc<T> {
    /// Null while unset, else what `Arc::into_raw` gave: one count is its own.
    raw: AtomicPtr<T>,
    /// As movable and shareable as the reference.
    owned: PhantomData<Arc<T>>,
}

impl<T> OnceArc<T> {
    /// Unset.
    pub const fn new() -> Self {
        OnceArc { raw: AtomicPtr::new(ptr::null_mut()), owned: PhantomData }
    }
    /// Sets it; the reference comes back if it was set before.
    pub fn set(&self, value: Arc<T>) -> Result<(), Arc<T>> {
        let raw = Arc::into_raw(value).cast_mut();
        match self.raw.compare_exchange(ptr::null_mut(), raw, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            // SAFETY: it came from `into_raw` just now, and nobody else got it.
            Err(_) => Err(unsafe { Arc::from_raw(raw) }),
        }
    }
    /// What it refers to, if set.
    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: what was stored is never replaced, and its count is given back only when `self` ends.
        unsafe { self.raw.load(Ordering::Acquire).as_ref() }
    }
    /// Another reference, if set.
    pub fn get_arc(&self) -> Option<Arc<T>> {
        let raw = self.raw.load(Ordering::Acquire);
        if raw.is_null() {
            return None;
        }
        // SAFETY: it came from `into_raw`, and `self` has a count of it for as long as it lives; the new count is the result's.
        unsafe {
            Arc::increment_strong_count(raw);
            Some(Arc::from_raw(raw))
        }
    }
}
impl<T> Default for OnceArc<T> {
    fn default() -> Self {
        Self::new()
    }
}
impl<T> Drop for OnceArc<T> {
    fn drop(&mut self) {
        let raw = *self.raw.get_mut();
        if !raw.is_null() {
            // SAFETY: it came from `into_raw`, and its count is this one's own; unique access.
            drop(unsafe { Arc::from_raw(raw) });
        }
    }
}
