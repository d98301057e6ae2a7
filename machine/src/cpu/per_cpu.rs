//! One value per CPU, made when first used.
use super::{CpuId, MAX_CPUS, PreemptGuard, interrupts_disable, interrupts_enable};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU8, Ordering};

const EMPTY: u8 = 0;
const BUSY: u8 = 1;
const READY: u8 = 2;

/// Kept on a cache line of its own, so that CPUs do not disturb each other.
#[repr(align(64))]
struct Slot<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    state: AtomicU8,
}

/// One value per CPU. Never dropped: meant for statics.
pub struct PerCpu<T> {
    slots: [Slot<T>; MAX_CPUS],
    make: fn() -> T,
}

// SAFETY: values are shared between CPUs (`of`) and made on any of them.
unsafe impl<T: Send + Sync> Sync for PerCpu<T> {}

impl<T: Sync> PerCpu<T> {
    /// Values to be made by calling `make`, each when its CPU's slot is first used (from any context: it must not block).
    pub const fn new(make: fn() -> T) -> Self {
        PerCpu {
            slots: [const { Slot { value: UnsafeCell::new(MaybeUninit::uninit()), state: AtomicU8::new(EMPTY) } };
                MAX_CPUS],
            make,
        }
    }
    /// This CPU's value; the guard says it stays this CPU's.
    #[inline(always)]
    pub fn get<'a>(&'a self, guard: &'a PreemptGuard) -> &'a T {
        self.of(guard.cpu())
    }
    /// Another CPU's value.
    #[inline(always)]
    pub fn of(&self, cpu: CpuId) -> &T {
        // Always below; said so that it need not be checked.
        let slot = &self.slots[cpu.0 as usize % MAX_CPUS];
        if slot.state.load(Ordering::Acquire) != READY {
            self.fill(slot);
        }
        // SAFETY: READY says that the value has been written, and it is never written again.
        unsafe { (*slot.value.get()).assume_init_ref() }
    }
    #[cold]
    fn fill(&self, slot: &Slot<T>) {
        // An interrupt handler that wants the same slot must not find it half made.
        interrupts_disable();
        loop {
            match slot.state.compare_exchange(EMPTY, BUSY, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => {
                    let value = (self.make)();
                    // SAFETY: BUSY gives this CPU the slot.
                    unsafe { (*slot.value.get()).write(value) };
                    slot.state.store(READY, Ordering::Release);
                    break;
                }
                Err(READY) => break,
                Err(_) => core::hint::spin_loop(),
            }
        }
        interrupts_enable();
    }
}
