//! Sleeping on futex words.
use super::key::Key;
use super::table::{self, MATCH_ANY, Waiter};
use crate::error::*;
use crate::process::Task;
use crate::wait::{Sleep, WaitError, wait_for_wake};
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::paging::Access;

/// Reads the futex word at `address`, resolving a fault outside the bucket's lock and calling `locked` again under it.
pub fn retry_faults<R>(
    task: &Task,
    address: u64,
    access: Access,
    mut locked: impl FnMut() -> Result<R, Faulted>,
) -> Result<R> {
    loop {
        match locked() {
            Ok(value) => return Ok(value),
            Err(Faulted::Failed(error)) => return Err(error),
            Err(Faulted::Page) if crate::memory::resolve_copy_fault(task, address, access) => {}
            Err(Faulted::Page) => return Err(EFAULT),
        }
    }
}

/// Why a step under a bucket's lock did not finish.
pub enum Faulted {
    /// The page of the word is not there (for this access).
    Page,
    /// The call fails.
    Failed(Error),
}
impl From<machine::user::Fault> for Faulted {
    fn from(_: machine::user::Fault) -> Self {
        Faulted::Page
    }
}

/// Queues the current task on `address` if the word still is `expected` (EAGAIN otherwise).
pub fn enqueue(task: &Task, address: u64, private: bool, expected: u32, bits: u32) -> Result<Arc<Waiter>> {
    let key = Key::of(task, address, private)?;
    let waiter = Waiter::new(key, bits)?;
    enqueue_waiter(task, address, expected, &key, &waiter)?;
    Ok(waiter)
}

/// As `enqueue`, with a waiter that is made already.
pub fn enqueue_waiter(task: &Task, address: u64, expected: u32, key: &Key, waiter: &Arc<Waiter>) -> Result<()> {
    retry_faults(task, address, Access::Read, || {
        let mut bucket = table::lock(key);
        if machine::user::load_u32_nofault(address)? != expected {
            return Err(Faulted::Failed(EAGAIN));
        }
        table::push(&mut bucket, waiter.clone());
        Ok(())
    })
}

/// Sleeps until woken; EINTR and ETIMEDOUT leave the waiter off its queue.
pub fn sleep(waiter: &Waiter, deadline: Option<u64>) -> Result<(), WaitError> {
    let slept = wait_for_wake(Sleep::Interruptible, deadline, || waiter.is_woken().then_some(()));
    match slept {
        // A wake-up that came at the same time counts.
        Err(error) if waiter.withdraw() => Err(error),
        _ => Ok(()),
    }
}

/// FUTEX_WAIT and FUTEX_WAIT_BITSET. `deadline` is on the monotonic clock.
pub fn wait(
    task: &Task,
    address: u64,
    private: bool,
    expected: u32,
    deadline: Option<u64>,
    bits: u32,
) -> Result<usize> {
    if bits == 0 {
        return Err(EINVAL);
    }
    let waiter = enqueue(task, address, private, expected, bits)?;
    match sleep(&waiter, deadline) {
        Ok(()) => Ok(0),
        Err(WaitError::TimedOut) => Err(ETIMEDOUT),
        Err(WaitError::Interrupted) if deadline.is_none() => Err(ERESTARTSYS),
        Err(WaitError::Interrupted) => Err(crate::process::restart::later(task, move |task| {
            wait(task, address, private, expected, deadline, bits)
        })),
    }
}

/// One futex of futex_waitv.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// Address of the word.
    pub address: u64,
    /// What it must still be.
    pub expected: u32,
    /// FUTEX_PRIVATE_FLAG was given.
    pub private: bool,
}

/// futex_waitv(2): waits for a wake-up on any of the words; the index of one that was woken.
pub fn wait_any(task: &Task, wanted: &[Wanted], deadline: Option<u64>) -> Result<usize> {
    let mut waiters: Vec<Arc<Waiter>> = Vec::new();
    waiters.try_reserve_exact(wanted.len())?;
    let mut refused = None;
    for word in wanted {
        match enqueue(task, word.address, word.private, word.expected, MATCH_ANY) {
            Ok(waiter) => waiters.push(waiter),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let woken = |waiters: &[Arc<Waiter>]| waiters.iter().position(|waiter| waiter.is_woken());
    let slept = match refused {
        None if !waiters.is_empty() => {
            wait_for_wake(Sleep::Interruptible, deadline, || woken(&waiters).is_some().then_some(()))
        }
        _ => Ok(()),
    };
    // Every waiter leaves its bucket; one that a waker took first counts as woken.
    let taken = waiters.iter().rposition(|waiter| !waiter.withdraw());
    match (taken.or_else(|| woken(&waiters)), refused, slept) {
        (Some(index), _, _) => Ok(index),
        (None, Some(error), _) => Err(error),
        (None, None, Err(WaitError::TimedOut)) => Err(ETIMEDOUT),
        (None, None, _) => Err(ERESTARTSYS),
    }
}
