//! CPUs: numbering, per-CPU data, the preemption count, inter-processor kicks.
use core::marker::PhantomData;

/// Most CPUs the kernel can use.
pub const MAX_CPUS: usize = 64;

/// A CPU number, 0 for the boot CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct CpuId(pub u32);

/// The CPU this runs on; may change at once unless preemption is off.
pub fn current_cpu() -> CpuId {
    todo!()
}
/// How many CPUs are running.
pub fn online_cpus() -> usize {
    todo!()
}
/// Starts all other CPUs, up to `limit` in all; each enters [`crate::Kernel::start_secondary`].
pub fn start_others(_limit: usize) {
    todo!()
}

/// Keeps the current task on this CPU while it lives. Nests.
pub struct PreemptGuard(PhantomData<*const ()>);
impl PreemptGuard {
    /// Disables preemption.
    #[inline(always)]
    pub fn new() -> Self {
        todo!()
    }
    /// The CPU, which cannot change while the guard lives.
    pub fn cpu(&self) -> CpuId {
        current_cpu()
    }
}
impl Default for PreemptGuard {
    fn default() -> Self {
        Self::new()
    }
}
/// How many preemption guards and spin locks this CPU holds; sleeping needs 0.
pub fn preempt_count() -> u32 {
    todo!()
}
/// Whether this runs in an interrupt handler.
pub fn in_interrupt() -> bool {
    todo!()
}

/// Disables interrupts on this CPU while it lives. Nests.
pub struct InterruptGuard(PhantomData<*const ()>);
impl InterruptGuard {
    /// Disables interrupts.
    pub fn new() -> Self {
        todo!()
    }
}
impl Default for InterruptGuard {
    fn default() -> Self {
        Self::new()
    }
}

/// Asks this CPU to call [`crate::Kernel::preempt`] as soon as preemption is on.
pub fn set_need_reschedule() {
    todo!()
}
/// Takes the request back (the scheduler is about to choose).
pub fn clear_need_reschedule() {
    todo!()
}
/// Whether a reschedule is pending on this CPU.
pub fn need_reschedule() -> bool {
    todo!()
}
/// Sets need-reschedule on another CPU and interrupts it (wakes it from [`idle`]).
pub fn kick(_cpu: CpuId) {
    todo!()
}
/// Makes another CPU notice new work flags of the task it runs.
pub fn interrupt_for_work(_cpu: CpuId) {
    todo!()
}
/// Waits for an interrupt unless a reschedule is pending. Called by idle tasks only, preemption off; no interrupt is missed.
pub fn idle() {
    todo!()
}
/// Stops this CPU for ever (after shut-down).
pub fn halt_forever() -> ! {
    todo!()
}

/// One value per CPU.
pub struct PerCpu<T>(PhantomData<T>);
impl<T: Sync> PerCpu<T> {
    /// Makes the values by calling `make` for each possible CPU... const-constructible variant for statics.
    pub const fn new(_make: fn() -> T) -> Self {
        PerCpu(PhantomData)
    }
    /// This CPU's value; the guard says it stays this CPU's.
    pub fn get<'a>(&'a self, _guard: &'a PreemptGuard) -> &'a T {
        todo!()
    }
    /// Another CPU's value.
    pub fn of(&self, _cpu: CpuId) -> &T {
        todo!()
    }
}

/// Vendor, family, features and model name as /proc/cpuinfo shows them.
pub fn describe(_cpu: CpuId, _out: &mut dyn core::fmt::Write) -> core::fmt::Result {
    todo!()
}
/// AT_HWCAP: CPUID leaf 1 edx.
pub fn hardware_capabilities() -> u32 {
    todo!()
}
