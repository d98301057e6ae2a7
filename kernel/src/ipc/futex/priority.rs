//! Priority-inheriting futexes (FUTEX_LOCK_PI and its kin): the word holds its owner's thread id, the kernel hands it over.
//!
//! The owner is handed the word directly, so a waiter cannot be overtaken. Scheduling classes with fixed priorities will
//! order the waiters and boost owners; among tasks of the fair class, first come is first served.
use super::key::Key;
use super::robust::{FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS};
use super::table::{self, MATCH_ANY, Waiter};
use super::wait::{self, Faulted, retry_faults};
use crate::error::*;
use crate::process::Task;
use crate::wait::WaitError;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::collections::List;
use machine::paging::Access;
use machine::user::{compare_exchange_u32_nofault, load_u32_nofault};

/// What became of an attempt to take the word.
enum Attempt {
    Taken,
    Queued,
}

/// Takes the free word for thread `id` or says who owns it. The bucket is locked.
fn try_take(address: u64, id: u32, waiters_left: bool) -> Result<Result<(), u32>, Faulted> {
    let mut value = load_u32_nofault(address)?;
    loop {
        let owner = value & FUTEX_TID_MASK;
        if owner == id {
            return Err(Faulted::Failed(EDEADLK));
        }
        if owner != 0 {
            return Ok(Err(owner));
        }
        let kept = value & FUTEX_OWNER_DIED | if waiters_left { FUTEX_WAITERS } else { 0 };
        let found = compare_exchange_u32_nofault(address, value, id | kept)?;
        if found == value {
            return Ok(Ok(()));
        }
        value = found;
    }
}

/// Sets FUTEX_WAITERS in an owned word, so that its owner unlocks through the kernel. False if it changed hands.
fn mark_waiters(address: u64, owner: u32) -> Result<bool, Faulted> {
    let mut value = load_u32_nofault(address)?;
    loop {
        if value & FUTEX_TID_MASK != owner {
            return Ok(false);
        }
        if value & FUTEX_WAITERS != 0 {
            return Ok(true);
        }
        let found = compare_exchange_u32_nofault(address, value, value | FUTEX_WAITERS)?;
        if found == value {
            return Ok(true);
        }
        value = found;
    }
}

/// FUTEX_LOCK_PI, FUTEX_LOCK_PI2 and (with `only_try`) FUTEX_TRYLOCK_PI.
pub fn lock(task: &Task, address: u64, private: bool, deadline: Option<u64>, only_try: bool) -> Result<usize> {
    let key = Key::of(task, address, private)?;
    let id = task.id_in_own_namespace();
    let waiter = Waiter::new(key, MATCH_ANY)?;
    waiter.wants_ownership.store(true, Ordering::Relaxed);
    let attempt = retry_faults(task, address, Access::Write, || {
        let mut bucket = table::lock(&key);
        loop {
            let waiting = bucket.iter().any(|other| other.matches(&key, MATCH_ANY));
            match try_take(address, id, waiting)? {
                Ok(()) => return Ok(Attempt::Taken),
                Err(_) if only_try => return Err(Faulted::Failed(EAGAIN)),
                Err(owner) if !task.exists(owner) => return Err(Faulted::Failed(ESRCH)),
                Err(owner) => {
                    if mark_waiters(address, owner)? {
                        let _ = bucket.push_back(waiter.clone());
                        return Ok(Attempt::Queued);
                    }
                }
            }
        }
    })?;
    match attempt {
        Attempt::Taken => Ok(0),
        Attempt::Queued => await_ownership(&waiter, deadline),
    }
}

/// Sleeps until the word was handed to this waiter.
fn await_ownership(waiter: &Waiter, deadline: Option<u64>) -> Result<usize> {
    match wait::sleep(waiter, deadline) {
        Ok(()) => Ok(0),
        Err(WaitError::TimedOut) => Err(ETIMEDOUT),
        Err(WaitError::Interrupted) => Err(ERESTARTNOINTR),
    }
}

/// FUTEX_UNLOCK_PI: EPERM unless the caller owns the word.
pub fn unlock(task: &Task, address: u64, private: bool) -> Result<usize> {
    let key = Key::of(task, address, private)?;
    let id = task.id_in_own_namespace();
    let next = retry_faults(task, address, Access::Write, || {
        if load_u32_nofault(address)? & FUTEX_TID_MASK != id {
            return Err(Faulted::Failed(EPERM));
        }
        hand_over(address, &key, 0)
    })?;
    if let Some(next) = next {
        next.wake();
    }
    Ok(0)
}

/// Gives an owned word to its first waiter, or frees it. The waiter is off its bucket and to be woken.
fn hand_over(address: u64, key: &Key, flags: u32) -> Result<Option<Arc<Waiter>>, Faulted> {
    let mut bucket = table::lock(key);
    let mut taken: List<Waiter> = table::take_matching(&mut bucket, key, MATCH_ANY, 1);
    let next = taken.pop_front();
    let more = bucket.iter().any(|waiter| waiter.matches(key, MATCH_ANY));
    let owner = next.as_ref().map_or(0, |waiter| waiter.task.id_in_own_namespace());
    let value = owner | flags | if more { FUTEX_WAITERS } else { 0 };
    match store(address, value) {
        Ok(()) => Ok(next),
        Err(error) => {
            // The page went away: the waiter keeps its place at the front.
            if let Some(next) = next {
                let _ = bucket.push_front(next);
            }
            Err(error)
        }
    }
}

fn store(address: u64, value: u32) -> Result<(), Faulted> {
    let mut old = load_u32_nofault(address)?;
    loop {
        let found = compare_exchange_u32_nofault(address, old, value)?;
        if found == old {
            return Ok(());
        }
        old = found;
    }
}

/// The owner of a word on its robust list died: its first waiter gets it, told so by FUTEX_OWNER_DIED.
pub fn hand_over_dead(task: &Task, address: u64) {
    let Ok(key) = Key::of(task, address, false) else { return };
    let next = retry_faults(task, address, Access::Write, || hand_over(address, &key, FUTEX_OWNER_DIED));
    if let Ok(Some(next)) = next {
        next.wake();
    }
}

/// FUTEX_WAIT_REQUEUE_PI: waits on `address` to be moved to the priority-inheriting `target` by a requeue, and owns that
/// when it returns.
pub fn wait_requeue(
    task: &Task,
    address: u64,
    private: bool,
    expected: u32,
    deadline: Option<u64>,
    bits: u32,
    target: u64,
) -> Result<usize> {
    if bits == 0 || address == target {
        return Err(EINVAL);
    }
    Key::of(task, target, private)?;
    let waiter = wait::enqueue(task, address, private, expected, bits)?;
    waiter.wants_ownership.store(true, Ordering::Relaxed);
    match wait::sleep(&waiter, deadline) {
        Ok(()) => Ok(0),
        Err(WaitError::TimedOut) => Err(ETIMEDOUT),
        // Linux: EWOULDBLOCK, so that the caller looks at the word again.
        Err(WaitError::Interrupted) => Err(EAGAIN),
    }
}

/// FUTEX_CMP_REQUEUE_PI: gives `to` to the first waiter on `from` if it is free, moves up to `count` others to it.
pub fn requeue(
    task: &Task,
    from: u64,
    to: u64,
    private: bool,
    wake_count: usize,
    count: usize,
    expected: u32,
) -> Result<usize> {
    if wake_count != 1 || from == to {
        return Err(EINVAL);
    }
    let (source, target) = (Key::of(task, from, private)?, Key::of(task, to, private)?);
    if source == target {
        return Err(EINVAL);
    }
    let (owner, moved) = retry_faults(task, to, Access::Write, || {
        table::with_both(&source, &target, |bucket, other| {
            if load_u32_nofault(from)? != expected {
                return Err(Faulted::Failed(EAGAIN));
            }
            let mut first = table::take_matching(bucket, &source, MATCH_ANY, 1);
            let Some(candidate) = first.pop_front() else { return Ok((None, 0)) };
            let waiting = bucket.iter().any(|waiter| waiter.matches(&source, MATCH_ANY));
            let taken = try_take(to, candidate.task.id_in_own_namespace(), waiting && count > 0);
            let marked = match &taken {
                Ok(Err(owner)) => mark_waiters(to, *owner).map(|_| ()),
                Ok(Ok(())) => Ok(()),
                Err(Faulted::Page) => Err(Faulted::Page),
                Err(Faulted::Failed(error)) => Err(Faulted::Failed(*error)),
            };
            let owns = matches!(taken, Ok(Ok(())));
            if !owns || marked.is_err() {
                let _ = bucket.push_front(candidate.clone());
            }
            marked?;
            let moved = table::move_waiters(bucket, other, &source, &target, count.saturating_add(usize::from(!owns)));
            Ok((owns.then_some(candidate), moved))
        })
    })?;
    let woken = usize::from(owner.is_some());
    if let Some(owner) = owner {
        owner.wake();
    }
    Ok(woken + moved)
}
