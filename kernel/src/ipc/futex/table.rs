//! The hash table of waiters.
use super::inheritance::DONOR;
use super::key::Key;
use crate::error::{EINVAL, Result};
use crate::process::Task;
use crate::process::schedule::FAIR;
use crate::sync::{SpinLock, rank};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use machine::collections::{Linked, Links, List};
use machine::sync::SpinGuard;

/// Waits for any bit.
pub const MATCH_ANY: u32 = !0;
const BUCKETS: usize = 256;

/// One task waiting on one futex.
pub struct Waiter {
    bucket_links: Links,
    /// What it waits on; changes under both buckets' locks when it is requeued.
    key: SpinLock<Key>,
    /// The bucket it is in, for finding it after a requeue.
    bucket: AtomicUsize,
    bits: AtomicU32,
    woken: AtomicBool,
    /// Where it stands among others: its level as it began to wait, all fair ones alike.
    level: u64,
    /// The task that sleeps; of a priority-inheriting futex, who gets the lock.
    pub task: Arc<Task>,
    /// What there is of one that waits for a priority-inheriting futex, and is woken only as its new owner.
    claim: Option<Box<Claim>>,
}

/// The claim to own a priority-inheriting futex.
pub struct Claim {
    donor_links: Links,
    /// Who owns the futex.
    owner: SpinLock<Option<Arc<Task>>>,
    /// The word comes from an owner that died.
    owner_died: AtomicBool,
    /// Where FUTEX_CMP_REQUEUE_PI may move the waiter.
    target: Option<Key>,
}

impl Linked for Waiter {
    fn links(&self) -> &Links {
        &self.bucket_links
    }
}

impl Linked<DONOR> for Waiter {
    fn links(&self) -> &Links {
        // Only those with a claim are on such lists.
        self.claim.as_ref().map_or(&self.bucket_links, |claim| &claim.donor_links)
    }
}

impl Waiter {
    /// A waiter of the current task, not queued yet.
    pub fn new(key: Key, bits: u32) -> core::result::Result<Arc<Waiter>, machine::OutOfMemory> {
        Self::make(key, bits, None)
    }

    /// One that claims the word, or the one that it may be moved to.
    pub fn claiming(key: Key, bits: u32, target: Option<Key>) -> Result<Arc<Waiter>> {
        let claim = machine::memory::try_box(Claim {
            donor_links: Links::new(),
            owner: SpinLock::new(rank::LEAF, None),
            owner_died: AtomicBool::new(false),
            target,
        })?;
        Ok(Self::make(key, bits, Some(claim))?)
    }

    #[inline(always)]
    fn make(key: Key, bits: u32, claim: Option<Box<Claim>>) -> core::result::Result<Arc<Waiter>, machine::OutOfMemory> {
        let task = machine::thread::current_arc::<Task>();
        machine::memory::try_arc(Waiter {
            bucket_links: Links::new(),
            key: SpinLock::new(rank::LEAF, key),
            bucket: AtomicUsize::new(index_of(&key)),
            bits: AtomicU32::new(bits),
            woken: AtomicBool::new(false),
            level: if task.schedule.is_ranked() { task.schedule.own_level() } else { FAIR },
            task,
            claim,
        })
    }

    /// Whether it is woken only as the new owner of a priority-inheriting futex.
    pub fn wants_ownership(&self) -> bool {
        self.claim.is_some()
    }

    /// Whether it has the word from an owner that died.
    pub fn has_from_dead(&self) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.owner_died.load(Ordering::Acquire))
    }

    /// Wakes it as the owner of a word whose owner died.
    pub fn wake_for_dead(&self) {
        if let Some(claim) = &self.claim {
            claim.owner_died.store(true, Ordering::Release);
        }
        self.wake();
    }

    /// It waits on another word from now on; it is off every bucket, and both are locked.
    pub fn move_to(&self, key: &Key) {
        *self.key.lock() = *key;
        self.bucket.store(index_of(key), Ordering::Release);
    }

    /// What it waits on.
    pub fn key(&self) -> Key {
        *self.key.lock()
    }

    /// Who owns the futex that it waits for.
    pub(super) fn owner(&self) -> Option<Arc<Task>> {
        self.claim.as_ref().and_then(|claim| claim.owner.lock().clone())
    }

    /// Sets who owns it; the one before.
    pub(super) fn set_owner(&self, owner: Option<Arc<Task>>) -> Option<Arc<Task>> {
        let claim = self.claim.as_ref()?;
        core::mem::replace(&mut *claim.owner.lock(), owner)
    }

    /// Whether FUTEX_CMP_REQUEUE_PI may move it there.
    pub fn may_move_to(&self, key: &Key) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.target == Some(*key))
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

/// Puts a waiter into a locked bucket: behind those of its level and better ones.
pub fn push(bucket: &mut List<Waiter>, waiter: Arc<Waiter>) {
    // A waiter that comes here is on no list.
    let _ = match waiter.level {
        FAIR.. => bucket.push_back(waiter),
        level => bucket.insert_before(waiter, |other| other.level > level),
    };
}

/// Whether one who waits for the word can only be woken as its owner: EINVAL for calls that wake otherwise.
pub fn refuse_owners(bucket: &List<Waiter>, key: &Key, bits: u32) -> Result<()> {
    let is_owned = |waiter: &Waiter| waiter.wants_ownership() && waiter.matches(key, bits);
    if bucket.iter().any(is_owned) { Err(EINVAL) } else { Ok(()) }
}

/// Takes up to `count` matching waiters off a locked bucket: the best first, of equals the first that came.
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
        waiter.move_to(to);
        push(target, waiter);
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
