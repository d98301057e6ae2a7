//! Priority inheritance: who owns a priority-inheriting futex runs at the level of the best of those who wait for it, and so does
//! whom the owner waits for in turn.
//!
//! A waiter names the owner, an owner lists its waiters. All changes are made under one lock, which only those take that wait for
//! owned futexes, or hand them over.
use super::key::Key;
use super::table::{MATCH_ANY, Waiter};
use crate::error::*;
use crate::process::Task;
use crate::process::schedule::FAIR;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use machine::collections::List;
use machine::cpu::PreemptGuard;

/// The links of a waiter in its owner's list.
pub(super) const DONOR: usize = 1;
/// The longest chain of owners that wait (Linux: kernel.max_lock_depth).
const LONGEST: usize = 1024;

static CHAINS: SpinLock<()> = SpinLock::new(rank::FUTEX_CHAINS, ());

/// A task's part in chains of owners.
pub struct Inheritance(SpinLock<State>);
struct State {
    /// Who waits for what the task owns.
    donors: List<Waiter, DONOR>,
    /// What the task itself waits as.
    waits: Option<Arc<Waiter>>,
    /// The task ends and owns nothing any more.
    has_ended: bool,
}

impl Inheritance {
    /// Of a task that owns nothing and waits for nothing.
    pub const fn new() -> Self {
        Inheritance(SpinLock::new(rank::FUTEX_DONORS, State { donors: List::new(), waits: None, has_ended: false }))
    }
    fn next_owner(&self) -> Option<Arc<Task>> {
        self.0.lock().waits.as_ref().and_then(|waiter| waiter.owner())
    }
    /// The level that the donors lend; all ones for none.
    fn lent(&self) -> u64 {
        let state = self.0.lock();
        let best = state.donors.iter().map(|waiter| waiter.task.schedule.level()).min();
        best.filter(|level| *level < FAIR).unwrap_or(u64::MAX)
    }
}
impl Default for Inheritance {
    fn default() -> Self {
        Self::new()
    }
}

/// Lends an owner what its donors have now, and so on along its chain. The chains are locked.
fn propagate(owner: &Arc<Task>) {
    let mut at = owner.clone();
    for _ in 0..LONGEST {
        if !at.lend(at.inheritance.lent()) {
            return;
        }
        match at.inheritance.next_owner() {
            Some(next) => at = next,
            None => return,
        }
    }
}

/// A queued waiter waits for `owner` from now on. EDEADLK if that waits for the waiter's task, ESRCH if it has ended.
pub(super) fn attach(waiter: &Arc<Waiter>, owner: &Arc<Task>) -> Result<()> {
    let chains = CHAINS.lock();
    if owner.inheritance.0.lock().has_ended {
        return Err(ESRCH);
    }
    let mut at = owner.clone();
    for step in 0.. {
        if step == LONGEST || Arc::ptr_eq(&at, &waiter.task) {
            return Err(EDEADLK);
        }
        match at.inheritance.next_owner() {
            Some(next) => at = next,
            None => break,
        }
    }
    waiter.set_owner(Some(owner.clone()));
    let replaced = waiter.task.inheritance.0.lock().waits.replace(waiter.clone());
    // It waits for one owner at a time.
    let refused = owner.inheritance.0.lock().donors.push_back(waiter.clone()).err();
    propagate(owner);
    drop(chains);
    drop((replaced, refused));
    Ok(())
}

/// A waiter waits no more.
pub(super) fn detach(waiter: &Waiter) {
    let chains = CHAINS.lock();
    let owner = waiter.set_owner(None);
    let waits = waiter.task.inheritance.0.lock().waits.take();
    let removed = owner.as_ref().and_then(|owner| owner.inheritance.0.lock().donors.remove(waiter));
    if let Some(owner) = &owner {
        propagate(owner);
    }
    drop(chains);
    drop((owner, waits, removed));
}

/// A word goes from `old` to `new`, which was a waiter for it: those that are left wait for that one.
pub(super) fn pass(key: &Key, old: &Task, new: &Arc<Waiter>) {
    detach(new);
    let chains = CHAINS.lock();
    let mut left = List::new();
    old.inheritance.0.lock().donors.drain_into(&mut left, |waiter| waiter.matches(key, MATCH_ANY));
    let mut former = None;
    while let Some(waiter) = left.pop_front() {
        former = waiter.set_owner(Some(new.task.clone()));
        // It was taken off its only list of this kind.
        let _ = new.task.inheritance.0.lock().donors.push_back(waiter);
    }
    if let Some(old) = &former {
        propagate(old);
    }
    propagate(&new.task);
    drop(chains);
    drop(former);
}

/// The level of a task has changed: so does what it lends.
pub fn level_changed(task: &Task) {
    let chains = CHAINS.lock();
    let owner = task.inheritance.next_owner();
    if let Some(owner) = &owner {
        propagate(owner);
    }
    drop(chains);
    drop(owner);
}

/// The current task ends, or leaves its address space, with words that it owns: each goes to its best waiter, which is told.
pub fn leave(task: &Task, ends: bool) {
    if ends {
        task.inheritance.0.lock().has_ended = true;
    }
    loop {
        let best = {
            let state = task.inheritance.0.lock();
            state.donors.iter_arcs().min_by_key(|waiter| waiter.task.schedule.level()).cloned()
        };
        let Some(best) = best else { return };
        if best.withdraw() {
            let key = best.key();
            // What was lent goes with the word: nobody in between runs before the new owner.
            let guard = PreemptGuard::new();
            pass(&key, task, &best);
            best.wake_for_dead();
            drop(guard);
        } else {
            detach(&best);
        }
    }
}

/// Takes the best of those who wait for the word off its locked bucket.
pub(super) fn take_best(bucket: &mut List<Waiter>, key: &Key) -> Option<Arc<Waiter>> {
    let best = bucket
        .iter_arcs()
        .filter(|waiter| waiter.matches(key, MATCH_ANY))
        .min_by_key(|waiter| waiter.task.schedule.level())
        .cloned()?;
    bucket.remove(&best)
}
