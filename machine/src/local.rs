//! What locks and allocators need of the CPU they run on, with a stand-in for tests on the host.
//!
//! On the host every thread counts as a CPU of its own, so that per-CPU data is exclusive there too.
#[cfg(target_os = "none")]
mod machine {
    use core::arch::asm;

    /// Keeps the code on this CPU.
    pub(crate) use crate::cpu::PreemptGuard as Pinned;

    /// The index of this CPU, below [`crate::cpu::MAX_CPUS`]; stable only while pinned.
    #[inline(always)]
    pub(crate) fn cpu_index() -> usize {
        crate::cpu::current_cpu().0 as usize
    }

    /// Disables interrupts; what to give to [`restore_interrupts`].
    #[inline(always)]
    pub(crate) fn save_interrupts() -> u64 {
        let flags: u64;
        // SAFETY: reads the flags through the stack and clears the interrupt flag; no memory of Rust's changes.
        unsafe { asm!("pushfq", "pop {}", "cli", out(reg) flags) };
        flags
    }

    /// Enables interrupts again if they were enabled when `flags` was saved.
    #[inline(always)]
    pub(crate) fn restore_interrupts(flags: u64) {
        if flags & 0x200 != 0 {
            // SAFETY: interrupts were enabled before the matching `save_interrupts`.
            unsafe { asm!("sti", options(nostack)) };
        }
    }

    /// Whether interrupts are enabled.
    #[inline(always)]
    pub(crate) fn interrupts_enabled() -> bool {
        let flags: u64;
        // SAFETY: reads the flags through the stack.
        unsafe { asm!("pushfq", "pop {}", out(reg) flags, options(nomem, preserves_flags)) };
        flags & 0x200 != 0
    }

    /// Whether this is interrupt context.
    #[inline(always)]
    pub(crate) fn in_interrupt() -> bool {
        crate::cpu::in_interrupt()
    }

    /// Whether a CPU takes part.
    pub(crate) fn is_online(cpu: usize) -> bool {
        cpu < crate::cpu::online_cpus()
    }

    /// Makes another CPU leave user mode or idle for a moment.
    pub(crate) fn interrupt_for_quiescence(cpu: usize) {
        crate::cpu::interrupt_for_work(crate::cpu::CpuId(cpu as u32));
    }

    /// Makes another CPU call [`crate::paging::flush_interrupt`].
    pub(crate) fn interrupt_for_flush(cpu: usize) {
        crate::interrupt::send(crate::cpu::CpuId(cpu as u32), crate::interrupt::Ipi::FlushTlb);
    }
}

#[cfg(not(target_os = "none"))]
mod machine {
    use crate::cpu::MAX_CPUS;
    use core::cell::Cell;
    use core::marker::PhantomData;
    use core::sync::atomic::{AtomicUsize, Ordering};

    static LEASED: [AtomicUsize; MAX_CPUS] = [const { AtomicUsize::new(0) }; MAX_CPUS];
    struct Lease(usize);
    impl Lease {
        fn take() -> Lease {
            loop {
                for (index, slot) in LEASED.iter().enumerate() {
                    if slot.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                        return Lease(index);
                    }
                }
                std::thread::yield_now();
            }
        }
    }
    impl Drop for Lease {
        fn drop(&mut self) {
            crate::rcu::note_quiescent_of(self.0);
            LEASED[self.0].store(0, Ordering::Release);
        }
    }
    std::thread_local! {
        static CPU: Lease = Lease::take();
        static PINNED: Cell<u32> = const { Cell::new(0) };
    }

    pub(crate) struct Pinned(PhantomData<*const ()>);
    impl Pinned {
        pub(crate) fn new() -> Self {
            PINNED.with(|count| count.set(count.get() + 1));
            Pinned(PhantomData)
        }
    }
    impl Drop for Pinned {
        fn drop(&mut self) {
            PINNED.with(|count| count.set(count.get() - 1));
        }
    }
    pub(crate) fn cpu_index() -> usize {
        CPU.with(|lease| lease.0)
    }
    pub(crate) fn save_interrupts() -> u64 {
        0
    }
    pub(crate) fn restore_interrupts(_flags: u64) {}
    #[allow(dead_code)]
    pub(crate) fn interrupts_enabled() -> bool {
        true
    }
    pub(crate) fn in_interrupt() -> bool {
        false
    }
    pub(crate) fn is_online(cpu: usize) -> bool {
        LEASED[cpu].load(Ordering::Acquire) != 0
    }
    pub(crate) fn interrupt_for_flush(_cpu: usize) {}
    pub(crate) fn interrupt_for_quiescence(_cpu: usize) {
        std::thread::yield_now();
    }
}

pub(crate) use machine::*;

/// Keeps a value on a cache line pair of its own.
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);
