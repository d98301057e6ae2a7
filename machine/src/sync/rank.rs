//! The check of the lock order: a stack of the ranks held per CPU and context. Only spin locks are on it, which never
//! outlive a context switch. Nothing of it is left in builds without debug assertions.
#[cfg(debug_assertions)]
mod checked {
    use super::super::Rank;
    use crate::cpu::MAX_CPUS;
    use crate::local::{self, Padded};
    use core::cell::UnsafeCell;

    const DEEPEST: usize = 16;
    struct Held {
        ranks: [Rank; DEEPEST],
        depth: usize,
    }
    struct Context(UnsafeCell<Held>);
    // SAFETY: a context is touched only by its CPU, pinned, and only from its own level (task or interrupt).
    unsafe impl Sync for Context {}
    static HELD: [Padded<[Context; 2]>; MAX_CPUS] = [const { Padded([empty(), empty()]) }; MAX_CPUS];
    const fn empty() -> Context {
        Context(UnsafeCell::new(Held { ranks: [Rank(0, ""); DEEPEST], depth: 0 }))
    }

    fn with<R>(change: impl FnOnce(&mut Held) -> R) -> R {
        local::save_interrupts();
        let context = &HELD[local::cpu_index()].0[usize::from(local::in_interrupt())];
        // SAFETY: the caller is pinned and interrupts are off, so nothing else reaches this context; `change` takes no lock.
        let result = change(unsafe { &mut *context.0.get() });
        local::restore_interrupts();
        result
    }

    /// Checks that `rank` may be taken now. The caller is pinned.
    pub(crate) fn check(rank: Rank) {
        check_against(rank, rank.0);
    }
    /// As `check`, allowing a lock of the same rank to be held.
    pub(crate) fn check_nested(rank: Rank) {
        check_against(rank, rank.0.saturating_add(1));
    }
    fn check_against(rank: Rank, limit: u16) {
        let worse = with(|held| held.ranks[..held.depth].iter().copied().find(|other| other.0 >= limit));
        if let Some(other) = worse {
            panic!("lock order: {} ({}) taken under {} ({})", rank.1, rank.0, other.1, other.0);
        }
    }
    /// Notes that `rank` is held.
    pub(crate) fn push(rank: Rank) {
        let fits = with(|held| {
            let fits = held.depth < DEEPEST;
            if fits {
                held.ranks[held.depth] = rank;
                held.depth += 1;
            }
            fits
        });
        assert!(fits, "more than {DEEPEST} spin locks held");
    }
    /// Notes that `rank` is free; locks may be released in any order.
    pub(crate) fn pop(rank: Rank) {
        with(|held| {
            if let Some(index) = held.ranks[..held.depth].iter().rposition(|other| other.0 == rank.0) {
                held.ranks.copy_within(index + 1..held.depth, index);
                held.depth -= 1;
            }
        });
    }
}

#[cfg(debug_assertions)]
pub(crate) use checked::*;
