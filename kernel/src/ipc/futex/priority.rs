//! Priority-inheriting futexes (FUTEX_LOCK_PI and its kin): the word holds its owner's thread id, the kernel hands it over.
//!
//! The owner is handed the word directly, so a waiter cannot be overtaken: the best of them gets it, of equals the first that came.
//! Meanwhile the owner runs at that one's level (`inheritance`).
use super::inheritance;
use super::key::Key;
use super::robust::{FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS};
use super::table::{self, MATCH_ANY, Waiter};
use super::wait::{self, Faulted, retry_faults};
use crate::error::*;
use crate::process::Task;
use crate::wait::WaitError;
use alloc::sync::Arc;
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

/// The owner that a word names, while its bucket is locked: ESRCH for none, EPERM for the kernel's own. EINVAL if tasks wait that are
/// not to own it.
fn find_owner(task: &Task, bucket: &List<Waiter>, key: &Key, owner: u32) -> Result<Arc<Task>> {
    let is_other = |waiter: &Waiter| !waiter.wants_ownership() && waiter.matches(key, MATCH_ANY);
    if bucket.iter().any(is_other) {
        return Err(EINVAL);
    }
    let found = task.pid_namespace().find_task(owner).ok_or(ESRCH)?;
    if found.is_kernel_thread() { Err(EPERM) } else { Ok(found) }
}

/// FUTEX_LOCK_PI, FUTEX_LOCK_PI2 and (with `only_try`) FUTEX_TRYLOCK_PI.
pub fn lock(task: &Task, address: u64, private: bool, deadline: Option<u64>, only_try: bool) -> Result<usize> {
    let key = Key::of(task, address, private)?;
    let id = task.id_in_own_namespace();
    let waiter = Waiter::claiming(key, MATCH_ANY, None)?;
    // Dropped outside the locks.
    let mut found = None;
    let attempt = retry_faults(task, address, Access::Write, || {
        let mut bucket = table::lock(&key);
        loop {
            let waiting = bucket.iter().any(|other| other.matches(&key, MATCH_ANY));
            let owner = match try_take(address, id, waiting)? {
                Ok(()) => return Ok(Attempt::Taken),
                Err(owner) => owner,
            };
            let owner_task = &*found.insert(find_owner(task, &bucket, &key, owner).map_err(Faulted::Failed)?);
            if !mark_waiters(address, owner)? {
                continue;
            }
            if only_try {
                return Err(Faulted::Failed(EAGAIN));
            }
            inheritance::attach(&waiter, owner_task).map_err(Faulted::Failed)?;
            table::push(&mut bucket, waiter.clone());
            return Ok(Attempt::Queued);
        }
    });
    drop(found);
    match attempt? {
        Attempt::Taken => Ok(0),
        Attempt::Queued => await_ownership(task, &waiter, address, deadline),
    }
}

/// Sleeps until the word at `address` was handed to this waiter.
fn await_ownership(task: &Task, waiter: &Waiter, address: u64, deadline: Option<u64>) -> Result<usize> {
    let slept = wait::sleep(waiter, deadline);
    match slept {
        Ok(()) if waiter.has_from_dead() => take_from_dead(task, waiter, address),
        Ok(()) => Ok(0),
        Err(error) => {
            inheritance::detach(waiter);
            Err(if error == WaitError::TimedOut { ETIMEDOUT } else { ERESTARTNOINTR })
        }
    }
}

/// Writes into a word who has it from an owner that died.
fn take_from_dead(task: &Task, waiter: &Waiter, address: u64) -> Result<usize> {
    let key = waiter.key();
    retry_faults(task, address, Access::Write, || {
        let bucket = table::lock(&key);
        let more = bucket.iter().any(|waiter| waiter.matches(&key, MATCH_ANY));
        store(address, task.id_in_own_namespace() | FUTEX_OWNER_DIED | if more { FUTEX_WAITERS } else { 0 })
    })?;
    Ok(0)
}

/// FUTEX_UNLOCK_PI: EPERM unless the caller owns the word.
pub fn unlock(task: &Task, address: u64, private: bool) -> Result<usize> {
    let key = Key::of(task, address, private)?;
    let id = task.id_in_own_namespace();
    // Dropped outside the lock.
    let _woken = retry_faults(task, address, Access::Write, || {
        if load_u32_nofault(address)? & FUTEX_TID_MASK != id {
            return Err(Faulted::Failed(EPERM));
        }
        hand_over(task, address, &key, 0)
    })?;
    Ok(0)
}

/// Gives the word that `owner` owns to its best waiter, which is woken, or frees it.
fn hand_over(owner: &Task, address: u64, key: &Key, flags: u32) -> Result<Option<Arc<Waiter>>, Faulted> {
    let mut bucket = table::lock(key);
    let next = inheritance::take_best(&mut bucket, key);
    if next.as_ref().is_some_and(|next| !next.wants_ownership()) {
        // Somebody waits for the word as for any other.
        next.into_iter().for_each(|next| table::push(&mut bucket, next));
        return Err(Faulted::Failed(EINVAL));
    }
    let more = bucket.iter().any(|waiter| waiter.matches(key, MATCH_ANY));
    let new = next.as_ref().map_or(0, |waiter| waiter.task.id_in_own_namespace());
    let value = new | flags | if more { FUTEX_WAITERS } else { 0 };
    match store(address, value) {
        Ok(()) => {
            if let Some(next) = &next {
                inheritance::pass(key, owner, next);
                // Before the lock goes, and with it the level that was lent: nobody in between runs before the new owner.
                next.wake();
            }
            Ok(next)
        }
        Err(error) => {
            // The page went away.
            next.into_iter().for_each(|next| table::push(&mut bucket, next));
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
    // Nothing can be done about an error: the task is dying.
    let _woken = retry_faults(task, address, Access::Write, || hand_over(task, address, &key, FUTEX_OWNER_DIED));
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
    let target_key = Key::of(task, target, private)?;
    let key = Key::of(task, address, private)?;
    if key == target_key {
        return Err(EINVAL);
    }
    let waiter = Waiter::claiming(key, bits, Some(target_key))?;
    wait::enqueue_waiter(task, address, expected, &key, &waiter)?;
    match await_ownership(task, &waiter, target, deadline) {
        // Linux: EWOULDBLOCK, so that the caller looks at the word again.
        Err(error) if error == ERESTARTNOINTR => Err(EAGAIN),
        result => result,
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
    // Dropped outside the locks.
    let mut found = None;
    let result = retry_faults(task, to, Access::Write, || {
        table::with_both(&source, &target, |bucket, mut other| {
            if load_u32_nofault(from)? != expected {
                return Err(Faulted::Failed(EAGAIN));
            }
            let is_wrong = |waiter: &Waiter| waiter.matches(&source, MATCH_ANY) && !waiter.may_move_to(&target);
            if bucket.iter().any(is_wrong) {
                return Err(Faulted::Failed(EINVAL));
            }
            let Some(candidate) = inheritance::take_best(bucket, &source) else { return Ok((None, 0)) };
            let waiting = bucket.iter().any(|waiter| waiter.matches(&source, MATCH_ANY));
            let taken = try_take(to, candidate.task.id_in_own_namespace(), waiting && count > 0);
            let owner = match taken {
                Ok(Ok(())) => {
                    found = Some(candidate.task.clone());
                    Ok(true)
                }
                Ok(Err(owner)) => {
                    let targets = other.as_deref().unwrap_or(bucket);
                    match find_owner(task, targets, &target, owner) {
                        Ok(owner_task) => {
                            found = Some(owner_task);
                            mark_waiters(to, owner).map(|_| false)
                        }
                        Err(error) => Err(Faulted::Failed(error)),
                    }
                }
                Err(error) => Err(error),
            };
            if !matches!(owner, Ok(true)) {
                table::push(bucket, candidate.clone());
            }
            let owns = owner?;
            let mut left = count.saturating_add(usize::from(!owns));
            let mut moved = 0;
            while left > 0
                && let Some(next) = inheritance::take_best(bucket, &source)
                && let Some(owner) = &found
            {
                if let Err(error) = inheritance::attach(&next, owner) {
                    table::push(bucket, next);
                    if moved == 0 && !owns {
                        return Err(Faulted::Failed(error));
                    }
                    break;
                }
                next.move_to(&target);
                table::push(other.as_deref_mut().unwrap_or(bucket), next);
                moved += 1;
                left -= 1;
            }
            Ok((owns.then_some(candidate), moved))
        })
    });
    drop(found);
    let (owner, moved) = result?;
    let woken = usize::from(owner.is_some());
    if let Some(owner) = owner {
        owner.wake();
    }
    Ok(woken + moved)
}
