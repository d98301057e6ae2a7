//! Whether a user thread may read the time stamp counter (prctl(2)'s PR_SET_TSC, seccomp(2)'s strict mode).
use super::Thread;
use crate::cpu::local::{self, CpuLocal};
use crate::instructions;

/// CR4.TSD: `rdtsc` and `rdtscp` fault in user mode.
const FORBIDDEN: u64 = 1 << 2;

impl Thread {
    /// Makes the CPU allow or forbid what this thread may. Interrupts off, the thread is becoming current.
    #[inline(always)]
    pub(super) fn load_counter_permission(&self, local: &CpuLocal) {
        if local.counter_forbidden.get() != self.counter_forbidden.get() {
            self.change_counter_permission(local);
        }
    }
    #[cold]
    fn change_counter_permission(&self, local: &CpuLocal) {
        let forbidden = self.counter_forbidden.get();
        local.counter_forbidden.set(forbidden);
        let others = instructions::read_cr4() & !FORBIDDEN;
        // SAFETY: every CPU has the bit; the others stay as they are.
        unsafe { instructions::write_cr4(if forbidden { others | FORBIDDEN } else { others }) };
    }
    /// Whether the current thread may not read the counter.
    pub fn is_counter_forbidden(&self) -> bool {
        self.with_state(|_| self.counter_forbidden.get())
    }
    /// Forbids or allows the current thread to read it; threads that it makes inherit that.
    pub fn forbid_counter(&self, forbidden: bool) {
        self.with_state(|current| {
            self.counter_forbidden.set(forbidden);
            if current {
                self.load_counter_permission(local::this());
            }
        });
    }
}
