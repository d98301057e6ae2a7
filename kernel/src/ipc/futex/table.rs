//! The hash table of waiters.
use super::key::Key;
use crate::process::Task;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use machine::collections::{Linked, Links, List};
use machine::sync::SpinGuard;

/// Waits for any bit.
pub const MATCH_ANY: u32 = !0;
const BUCKETS: usize = 256;

/// One task waiting on one futex.
pub struct Waiter {
    links: Links,
    /// What it waits on; changes under both buckets' locks when it is requeued.
    key: SpinLock<Key>,
    /// The bucket it is in, for finding it after a requeue.
    bucket: AtomicUsize,
    bits: AtomicU32,
    woken: AtomicBool,
    /// The task that sleeps; of a priority-inheriting futex, who gets the lock.
    pub task: Arc<Task>,
    /// Waits for a priority-inheriting futex: woken only as its new owner.
    pub wants_ownership: AtomicBool,
}

impl Linked for Waiter {
    fn links(&self) -> &Links {
        &self.links
    }
}

impl Waiter {
    /// A waiter of the current task, not queued yet.
    pub fn new(key: Key, bits: u32) -> Result<Arc<Waiter>, machine::OutOfMemory> {
        machine::memory::try_arc(Waiter {
            links: Links::new(),
            key: SpinLock::new(rank::LEAF, key),
            bucket: AtomicUsize::new(index_of(&key)),
            bits: AtomicU32::new(bits),
            woken: AtomicBool::new(false),
            task: machine::thread::current_arc::<Task>(),
            wants_ownership: AtomicBool::new(false),
        })
    }

    /// Whether a waker took it off its bucket.
    pub fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// Whether it waits on this word for one of these bits.
    pub fn matches(&self, key: &Key, bits: u32) -> bool {
        self.bits.load(Ordering::Relaxed) & bits != 0 && *self.key.lock() == *key
    }

    /// Marks it woken and wakes its task; it must be off every bucket.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Takes it off the bucket it is in now. True if it was still waiting.
    pub fn withdraw(&self) -> bool {
        loop {
            let index = self.bucket.load(Ordering::Acquire);
            let removed = bucket_at(index).lock().remove(self);
            if removed.is_some() {
                return true;
            }
            if self.is_woken() || index == self.bucket.load(Ordering::Acquire) {
                // Taken by a waker, which wakes it outside the lock: being off the list is what counts.
                return false;
            }
        }
    }
}

type Bucket = SpinLock<List<Waiter>>;
static TABLE: [Bucket; BUCKETS] = [const { SpinLock::new(rank::FUTEX, List::new()) }; BUCKETS];

fn index_of(key: &Key) -> usize {
    key.hash() as usize % BUCKETS
}

fn bucket_at(index: usize) -> &'static Bucket {
    &TABLE[index % BUCKETS]
}

/// Locks the bucket of a key.
pub fn lock(key: &Key) -> SpinGuard<'static, List<Waiter>> {
    bucket_at(index_of(key)).lock()
}

/// Takes up to `count` matching waiters off a locked bucket, first come first served.
pub fn take_matching(bucket: &mut List<Waiter>, key: &Key, bits: u32, count: usize) -> List<Waiter> {
    let mut taken = List::new();
    let mut left = count;
    bucket.drain_into(&mut taken, |waiter| {
        let chosen = left > 0 && waiter.matches(key, bits);
        left -= usize::from(chosen);
        chosen
    });
    taken
}

/// Wakes everyone on a list of waiters taken off their bucket; returns how many.
pub fn wake_all(mut taken: List<Waiter>) -> usize {
    let mut woken = 0;
    while let Some(waiter) = taken.pop_front() {
        waiter.wake();
        woken += 1;
    }
    woken
}

/// Moves up to `count` waiters on `from` to `to`, both locked for the time; `None` for `other` when both share a bucket.
pub fn move_waiters(
    source: &mut List<Waiter>,
    other: Option<&mut List<Waiter>>,
    from: &Key,
    to: &Key,
    count: usize,
) -> usize {
    let mut moving = take_matching(source, from, MATCH_ANY, count);
    let target = other.unwrap_or(source);
    let mut moved = 0;
    while let Some(waiter) = moving.pop_front() {
        *waiter.key.lock() = *to;
        waiter.bucket.store(index_of(to), Ordering::Release);
        // It was taken off its only list just now.
        let _ = target.push_back(waiter);
        moved += 1;
    }
    moved
}

/// Runs `f` with the buckets of two keys locked in order of their places; the second is `None` when they are the same.
pub fn with_both<R>(a: &Key, b: &Key, f: impl FnOnce(&mut List<Waiter>, Option<&mut List<Waiter>>) -> R) -> R {
    let (first, second) = (index_of(a), index_of(b));
    if first == second {
        return f(&mut bucket_at(first).lock(), None);
    }
    // Two buckets have one rank; the order of their places keeps two requeues from waiting for each other.
    let (mut low, mut high) = (bucket_at(first.min(second)).lock(), bucket_at(first.max(second)).lock_nested());
    if first < second { f(&mut low, Some(&mut high)) } else { f(&mut high, Some(&mut low)) }
}
