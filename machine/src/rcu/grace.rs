//! Grace periods: counts of passages per CPU, and snapshots of them.
use crate::cpu::MAX_CPUS;
use crate::local::{self, Padded};
use core::sync::atomic::{AtomicU64, Ordering, fence};

static PASSED: [Padded<AtomicU64>; MAX_CPUS] = [const { Padded(AtomicU64::new(0)) }; MAX_CPUS];

/// This CPU has switched tasks, is idle, or was interrupted in user mode: it is in no read-side section.
#[inline(always)]
pub(crate) fn note_quiescent() {
    note_quiescent_of(local::cpu_index());
}
/// The same for a CPU given by its index.
#[inline(always)]
pub(crate) fn note_quiescent_of(cpu: usize) {
    // A full barrier: sections that begin after this see what was published before somebody saw the old count.
    PASSED[cpu].0.fetch_add(1, Ordering::SeqCst);
}

/// A grace period that has begun.
pub(super) struct Grace([u64; MAX_CPUS]);
/// Counted as passed, in a snapshot: the CPU took no part when it was made.
const ABSENT: u64 = u64::MAX;

impl Grace {
    /// Begins one; the caller is in no read-side section.
    pub(super) fn begin() -> Grace {
        // What the caller unpublished before the counts are read.
        fence(Ordering::SeqCst);
        let mut seen = [ABSENT; MAX_CPUS];
        for (cpu, seen) in seen.iter_mut().enumerate().filter(|(cpu, _)| local::is_online(*cpu)) {
            *seen = PASSED[cpu].0.load(Ordering::SeqCst);
        }
        Grace(seen)
    }
    fn has_passed(&self, cpu: usize) -> bool {
        self.0[cpu] == ABSENT || PASSED[cpu].0.load(Ordering::SeqCst) != self.0[cpu]
    }
    /// Whether all CPUs have passed. Counts for this one: the caller is in no read-side section.
    pub(super) fn is_over(&self) -> bool {
        let _pinned = local::Pinned::new();
        let me = local::cpu_index();
        (0..MAX_CPUS).all(|cpu| cpu == me || self.has_passed(cpu))
    }
    /// Interrupts the CPUs that have not passed, so that they count if they are idle or in user mode.
    pub(super) fn hurry(&self) {
        let _pinned = local::Pinned::new();
        let me = local::cpu_index();
        (0..MAX_CPUS).filter(|cpu| *cpu != me && !self.has_passed(*cpu)).for_each(local::interrupt_for_quiescence);
    }
}
