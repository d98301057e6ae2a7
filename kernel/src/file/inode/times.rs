//! The times of an inode.
use super::super::attributes::Timestamp;
use crate::sync::{SequenceCount, SpinLock, rank};
use core::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// The times of an inode, written under a lock, read without.
pub(super) struct Times {
    lock: SpinLock<()>,
    pub(super) sequence: SequenceCount,
    seconds: [AtomicI64; 4],
    nanoseconds: [AtomicU32; 4],
}
pub(super) const ACCESS: usize = 0;
pub(super) const MODIFICATION: usize = 1;
pub(super) const CHANGE: usize = 2;
pub(super) const BIRTH: usize = 3;

impl Times {
    pub(super) fn new(now: Timestamp) -> Self {
        Times {
            lock: SpinLock::new(rank::LEAF, ()),
            sequence: SequenceCount::new(),
            seconds: [const { AtomicI64::new(0) }; 4].map(|_| AtomicI64::new(now.seconds)),
            nanoseconds: [const { AtomicU32::new(0) }; 4].map(|_| AtomicU32::new(now.nanoseconds)),
        }
    }
    pub(super) fn load(&self, which: usize) -> Timestamp {
        let seconds = self.seconds.get(which).map_or(0, |value| value.load(Ordering::Relaxed));
        let nanoseconds = self.nanoseconds.get(which).map_or(0, |value| value.load(Ordering::Relaxed));
        Timestamp { seconds, nanoseconds }
    }
    pub(super) fn store(&self, which: usize, time: Timestamp) {
        if let (Some(seconds), Some(nanoseconds)) = (self.seconds.get(which), self.nanoseconds.get(which)) {
            seconds.store(time.seconds, Ordering::Relaxed);
            nanoseconds.store(time.nanoseconds, Ordering::Relaxed);
        }
    }
    pub(super) fn read(&self, which: usize) -> Timestamp {
        self.sequence.read(|| self.load(which))
    }
    pub(super) fn write(&self, change: impl FnOnce(&Self)) {
        let _guard = self.lock.lock();
        self.sequence.write(|| change(self));
    }
}
