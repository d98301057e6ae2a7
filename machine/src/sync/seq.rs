//! Sequence counts: readers of several atomics retry when a writer was at work.
use crate::local::Pinned;
use core::sync::atomic::{AtomicU32, Ordering, fence};

/// A sequence count for data of atomics: writers (serialized by a lock of theirs) bump it around changes, readers retry.
/// Readers in interrupt handlers need writers that disable interrupts.
#[derive(Default)]
pub struct SequenceCount(AtomicU32);
impl SequenceCount {
    /// A fresh count.
    pub const fn new() -> Self {
        SequenceCount(AtomicU32::new(0))
    }
    /// Reads until no write interfered.
    #[inline]
    pub fn read<R>(&self, mut read: impl FnMut() -> R) -> R {
        loop {
            let begun = self.begin();
            let result = read();
            if self.is_current(begun) {
                return result;
            }
            core::hint::spin_loop();
        }
    }
    /// Runs a write; the caller holds the writers' lock. Preemption is off meanwhile, since readers spin.
    #[inline]
    pub fn write<R>(&self, write: impl FnOnce() -> R) -> R {
        let _pinned = Pinned::new();
        let count = self.0.load(Ordering::Relaxed);
        self.0.store(count.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        let result = write();
        self.0.store(count.wrapping_add(2), Ordering::Release);
        result
    }
    /// The count now, for validation later. While a write is in progress it is one that is current no more.
    #[inline(always)]
    pub fn begin(&self) -> u32 {
        self.0.load(Ordering::Acquire) & !1
    }
    /// Whether no write began since `begin` gave this.
    #[inline(always)]
    pub fn is_current(&self, begun: u32) -> bool {
        fence(Ordering::Acquire);
        self.0.load(Ordering::Relaxed) == begun
    }
}
