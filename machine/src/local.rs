//! What locks and allocators need of the CPU they run on, with a stand-in for tests on the host.
//!
//! On the host every thread counts as a CPU of its own, so that per-CPU data is exclusive there too.
#[cfg(target_os = "none")]
mod machine {
    /// Keeps the code on this CPU.
    pub(crate) use crate::cpu::PreemptGuard as Pinned;

    /// The index of this CPU, below [`crate::cpu::MAX_CPUS`]; stable only while pinned.
    #[inline(always)]
    pub(crate) fn cpu_index() -> usize {
        // Always below; said so that the compiler need not check indices.
        crate::cpu::current_cpu().0 as usize % crate::cpu::MAX_CPUS
    }

    /// Disables interrupts until the matching [`restore_interrupts`]. Nests with the guards of `cpu`.
    #[inline(always)]
    pub(crate) fn save_interrupts() {
        crate::cpu::interrupts_disable();
    }

    /// Undoes one [`save_interrupts`].
    #[inline(always)]
    pub(crate) fn restore_interrupts() {
        crate::cpu::interrupts_enable();
    }

    /// Whether this is interrupt context.
    #[inline(always)]
    pub(crate) fn in_interrupt() -> bool {
        crate::cpu::in_interrupt()
    }

    /// Whether a CPU takes part.
    pub(crate) fn is_online(cpu: usize) -> bool {
        crate::cpu::is_online(crate::cpu::CpuId(cpu as u32))
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
            // The CPU must be known to take part before a read-side section begins.
            cpu_index();
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
    pub(crate) fn save_interrupts() {}
    pub(crate) fn restore_interrupts() {}
    pub(crate) fn in_interrupt() -> bool {
        false
    }
    pub(crate) fn is_online(cpu: usize) -> bool {
        LEASED[cpu].load(Ordering::Acquire) != 0
    }
    /// Threads of the host take no interrupts: the flush is answered in their place.
    pub(crate) fn interrupt_for_flush(cpu: usize) {
        crate::paging::answer_for(cpu);
    }
    pub(crate) fn interrupt_for_quiescence(_cpu: usize) {
        std::thread::yield_now();
    }
}

pub(crate) use machine::*;

/// Keeps a value on a cache line pair of its own.
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);
