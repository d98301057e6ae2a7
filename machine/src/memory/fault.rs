//! Fault injection: makes the n-th allocation from now fail, so that tests can walk through every failure path.
use core::sync::atomic::{AtomicU64, Ordering};

/// Allocations left until one fails; 0 when off.
static LEFT: AtomicU64 = AtomicU64::new(0);

/// Lets `n` fallible allocations (frames, page tables, stacks, `try_box`, `try_arc`) succeed and the one after fail, once;
/// `None` turns it off. Meant for tests; counts all CPUs together.
pub fn fail_after(n: Option<u64>) {
    LEFT.store(n.map_or(0, |n| n.saturating_add(1)), Ordering::Relaxed);
}
/// Whether this allocation is the one to fail.
#[inline(always)]
pub(crate) fn injected() -> bool {
    LEFT.load(Ordering::Relaxed) != 0 && count()
}
#[cold]
fn count() -> bool {
    let update = LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    update == Ok(1)
}
