//! Deferred freeing: readers run without locks or shared counts while a guard disables preemption; what writers replace is
//! dropped once every CPU has passed through a context switch, idle or user mode.
use crate::cpu::PreemptGuard;
use alloc::sync::Arc;
use core::marker::PhantomData;

/// Read-side guard; sleeping under it is refused (the context switch checks the preemption count in release builds too).
pub struct RcuGuard(#[allow(dead_code)] PreemptGuard);
impl RcuGuard {
    /// Enters a read-side section.
    #[inline(always)]
    pub fn new() -> Self {
        RcuGuard(PreemptGuard::new())
    }
}
impl Default for RcuGuard {
    fn default() -> Self {
        Self::new()
    }
}

/// A slot that holds an `Arc<T>` which readers borrow without touching the count.
pub struct RcuCell<T: Send + Sync + 'static>(PhantomData<Arc<T>>);
impl<T: Send + Sync + 'static> RcuCell<T> {
    /// A slot holding `value`.
    pub fn new(_value: Arc<T>) -> Self {
        todo!()
    }
    /// Borrows the value for as long as the guard lives.
    pub fn read<'a>(&'a self, _guard: &'a RcuGuard) -> &'a Arc<T> {
        todo!()
    }
    /// A counted reference to the value.
    pub fn get(&self) -> Arc<T> {
        self.read(&RcuGuard::new()).clone()
    }
    /// The value, by unique access.
    pub fn get_mut(&mut self) -> &mut Arc<T> {
        todo!()
    }
    /// Publishes a new value; the old one is dropped after a grace period (in a context that may sleep).
    pub fn replace(&self, _value: Arc<T>) {
        todo!()
    }
}
/// Drops a value after a grace period, from a context that may sleep (the kernel thread that calls [`run_deferred`]).
pub fn defer<T: Send + 'static>(_value: alloc::boxed::Box<T>) {
    todo!()
}
/// Waits for a grace period.
pub fn synchronize() {
    todo!()
}
/// Drops what is due; called by a kernel thread in a loop. True if there was something.
pub fn run_deferred() -> bool {
    todo!()
}
/// Whether dropped values wait for a grace period (then the kernel wakes its thread).
pub fn has_deferred() -> bool {
    todo!()
}

pub(crate) fn note_quiescent() {}
