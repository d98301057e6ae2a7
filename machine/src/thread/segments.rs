//! FS and GS bases of user mode.
use super::{Thread, selectors};
use crate::cpu::features;
use crate::cpu::local::CpuLocal;
use crate::instructions::{MSR_FS_BASE, MSR_KERNEL_GS_BASE, read_msr, write_msr};
use crate::paging::USER_END;
use core::arch::asm;

/// The FS base in the CPU.
#[inline(always)]
pub(super) fn live_fs() -> u64 {
    if features().fsgsbase {
        let value;
        // SAFETY: the instruction is enabled.
        unsafe { asm!("rdfsbase {}", out(reg) value, options(nostack, nomem, preserves_flags)) };
        value
    } else {
        // SAFETY: every x86-64 CPU has the register.
        unsafe { read_msr(MSR_FS_BASE) }
    }
}

#[inline(always)]
pub(super) fn set_live_fs(value: u64) {
    if features().fsgsbase {
        // SAFETY: the instruction is enabled, the value canonical; the kernel does not use FS.
        unsafe { asm!("wrfsbase {}", in(reg) value, options(nostack, nomem, preserves_flags)) };
    } else {
        // SAFETY: as above.
        unsafe { write_msr(MSR_FS_BASE, value) };
    }
}

/// The user's GS base, which is swapped out while the kernel runs.
#[inline(always)]
pub(super) fn live_gs() -> u64 {
    // SAFETY: every x86-64 CPU has the register.
    unsafe { read_msr(MSR_KERNEL_GS_BASE) }
}

#[inline(always)]
pub(super) fn set_live_gs(value: u64) {
    // SAFETY: the value is canonical; it counts in user mode only.
    unsafe { write_msr(MSR_KERNEL_GS_BASE, value) };
}

impl Thread {
    /// Saves what user mode may have changed by itself. Interrupts off, current thread.
    #[inline(always)]
    pub(super) fn save_segments(&self, local: &CpuLocal) {
        let selectors = selectors::live();
        self.selectors.set(selectors);
        local.selectors.set(selectors);
        if features().fsgsbase || selectors != 0 {
            self.fs_base.set(live_fs());
            self.gs_base.set(live_gs());
        }
    }
    /// Loads selectors and bases. Interrupts off, the thread is becoming current.
    #[inline(always)]
    pub(super) fn load_segments(&self, local: &CpuLocal) {
        let has_local_segments = self.has_local_segments.get() | local.has_local_segments.get();
        if self.selectors.get() | local.selectors.get() != 0 || has_local_segments {
            self.load_selectors(local);
        }
        set_live_fs(self.fs_base.get());
        set_live_gs(self.gs_base.get());
    }
    /// FS base (current thread: live register).
    pub fn fs_base(&self) -> u64 {
        self.with_state(|current| if current { live_fs() } else { self.fs_base.get() })
    }
    /// Sets the FS base; false if not canonical user. For the current thread, a new one, or a stopped one.
    pub fn set_fs_base(&self, value: u64) -> bool {
        if value >= USER_END {
            return false;
        }
        self.with_state(|current| {
            if current {
                set_live_fs(value);
            }
            self.fs_base.set(value);
        });
        true
    }
    /// User GS base.
    pub fn gs_base(&self) -> u64 {
        self.with_state(|current| if current { live_gs() } else { self.gs_base.get() })
    }
    /// Sets the user GS base.
    pub fn set_gs_base(&self, value: u64) -> bool {
        if value >= USER_END {
            return false;
        }
        self.with_state(|current| {
            if current {
                set_live_gs(value);
            }
            self.gs_base.set(value);
        });
        true
    }
    /// Gives a new thread a copy of the current thread's FPU state, FS and GS bases (fork).
    pub fn copy_state_from_current(&self) {
        let guard = crate::cpu::InterruptGuard::new();
        let (fs, gs) = (live_fs(), live_gs());
        assert!(!self.is_current(), "a thread's state copied to itself");
        self.inspect(|| {
            self.fs_base.set(fs);
            self.gs_base.set(gs);
            self.counter_forbidden.set(crate::cpu::local::this().counter_forbidden.get());
            self.copy_selectors_from_current();
            self.copy_floating_point_from_current();
        })
        .expect("state copied to a running thread");
        drop(guard);
    }
}
