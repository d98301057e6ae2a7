//! CPUs: numbering, per-CPU data, the preemption count, inter-processor kicks.
mod describe;
mod features;
pub(crate) mod local;
mod per_cpu;
mod start;
pub(crate) mod tables;

pub use describe::{describe, hardware_capabilities, hardware_capabilities_2, is_safe_from_store_bypass};
pub(crate) use features::{Features, enable_features, features};
pub(crate) use local::{interrupts_are_on, interrupts_disable, interrupts_enable, preempt_disable, preempt_enable};
pub use per_cpu::PerCpu;
pub use start::start_others;
pub(crate) use start::{TRAMPOLINE, allocate_stacks, continue_on_own_stack};

use crate::interrupt::{Ipi, send};
use crate::thread::Thread;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering};
use local::{CPUS, NO_RESCHEDULE};

/// Most CPUs the kernel can use.
pub const MAX_CPUS: usize = 64;

/// A CPU number, 0 for the boot CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct CpuId(pub u32);

static ONLINE: AtomicUsize = AtomicUsize::new(1);

/// The CPU this runs on; may change at once unless preemption is off.
#[inline(always)]
pub fn current_cpu() -> CpuId {
    CpuId(local::number())
}

/// How many CPUs are running.
pub fn online_cpus() -> usize {
    ONLINE.load(Ordering::Acquire)
}

/// Whether a CPU takes part: it runs tasks and answers interrupts.
pub(crate) fn is_online(cpu: CpuId) -> bool {
    CPUS.get(cpu.0 as usize).is_some_and(|local| local.online.load(Ordering::Acquire))
}

/// Keeps the current task on this CPU while it lives. Nests.
pub struct PreemptGuard(PhantomData<*const ()>);
impl PreemptGuard {
    /// Disables preemption.
    #[inline(always)]
    pub fn new() -> Self {
        preempt_disable();
        PreemptGuard(PhantomData)
    }
    /// The CPU, which cannot change while the guard lives.
    #[inline(always)]
    pub fn cpu(&self) -> CpuId {
        current_cpu()
    }
}
impl Default for PreemptGuard {
    fn default() -> Self {
        Self::new()
    }
}
impl Drop for PreemptGuard {
    #[inline(always)]
    fn drop(&mut self) {
        preempt_enable();
    }
}

/// How many preemption guards and spin locks this CPU holds, but for those that turn interrupts off; sleeping needs 0.
pub fn preempt_count() -> u32 {
    local::preemption_word() & !NO_RESCHEDULE
}

/// Whether this CPU holds a guard or a spin lock of any kind.
pub(crate) fn holds_guards() -> bool {
    preempt_count() != 0 || local::interrupt_depth() != 0
}

/// Whether this runs in an interrupt handler.
#[inline(always)]
pub fn in_interrupt() -> bool {
    local::interrupt_nesting() != 0
}

/// In an interrupt handler: whether it interrupted user code.
pub fn interrupted_user_mode() -> bool {
    local::this().interrupted_user.get()
}

/// Disables interrupts on this CPU while it lives. Nests.
pub struct InterruptGuard(PhantomData<*const ()>);
impl InterruptGuard {
    /// Disables interrupts.
    #[inline(always)]
    pub fn new() -> Self {
        interrupts_disable();
        InterruptGuard(PhantomData)
    }
}
impl Default for InterruptGuard {
    fn default() -> Self {
        Self::new()
    }
}
impl Drop for InterruptGuard {
    #[inline(always)]
    fn drop(&mut self) {
        interrupts_enable();
    }
}

/// Asks this CPU to call [`crate::Kernel::preempt`] as soon as preemption is on.
pub fn set_need_reschedule() {
    let guard = PreemptGuard::new();
    local::this().preemption.fetch_and(!NO_RESCHEDULE, Ordering::Relaxed);
    drop(guard);
}

/// Takes the request back (the scheduler is about to choose).
pub fn clear_need_reschedule() {
    preempt_disable();
    local::this().preemption.fetch_or(NO_RESCHEDULE, Ordering::Relaxed);
    preempt_enable();
}

/// Whether a reschedule is pending on this CPU.
pub fn need_reschedule() -> bool {
    local::preemption_word() & NO_RESCHEDULE == 0
}

/// Calls the kernel's scheduler for as long as a reschedule is due and allowed here.
pub(crate) extern "C" fn preempt_now() {
    if !interrupts_are_on() {
        return;
    }
    // SAFETY: null before the first task, else the current thread, which lives while it runs.
    let thread = unsafe { local::current_thread().as_ref() };
    if let Some(thread) = thread.filter(|thread| !thread.being_preempted.replace(true)) {
        reschedule(thread);
    }
}

/// The same for the current thread, which is marked as being preempted. Whoever finds that mark returns at once, since each
/// level would take more of the stack: requests that come meanwhile are served by the loop here.
pub(crate) fn reschedule(thread: &Thread) {
    let Some(hooks) = crate::hooks() else { return };
    loop {
        while local::preemption_word() == 0 && interrupts_are_on() {
            // The request counts as heard now: locks that the scheduler takes and releases must not lead here again.
            clear_need_reschedule();
            (hooks.preempt)();
        }
        thread.being_preempted.set(false);
        // A request from between the last look and the mark's end.
        if local::preemption_word() != 0 || !interrupts_are_on() || thread.being_preempted.replace(true) {
            return;
        }
    }
}

/// Sets need-reschedule on another CPU and interrupts it (wakes it from [`idle`]).
pub fn kick(cpu: CpuId) {
    if cpu == current_cpu() {
        set_need_reschedule();
    } else {
        send(cpu, Ipi::Reschedule);
    }
}

/// Makes another CPU notice new work flags of the task it runs.
pub fn interrupt_for_work(cpu: CpuId) {
    if cpu != current_cpu() {
        send(cpu, Ipi::Work);
    }
}

/// Waits for an interrupt unless a reschedule is pending. Called by idle tasks only, preemption off; no interrupt is missed.
/// Returns with interrupts on (the first call on a CPU is what enables them).
pub fn idle() {
    crate::instructions::disable_interrupts();
    let local = local::this();
    let was_on = local.interrupt_depth.get() == 0;
    crate::rcu::note_quiescent();
    if need_reschedule() {
        if was_on {
            // SAFETY: no interrupt guard is held.
            unsafe { crate::instructions::enable_interrupts() };
        }
        return;
    }
    assert!(was_on, "idle under an interrupt guard");
    // SAFETY: no interrupt guard is held; `sti` takes effect after `hlt` has begun, so that no wake-up is missed.
    unsafe { core::arch::asm!("sti", "hlt", options(nostack)) };
}

/// Stops this CPU for ever (after shut-down).
pub fn halt_forever() -> ! {
    local::this().stopped.store(true, Ordering::Release);
    crate::instructions::stop()
}

/// Counts a CPU in.
pub(crate) fn set_online(local: &local::CpuLocal) {
    if !local.online.swap(true, Ordering::AcqRel) && local.number.get() != 0 {
        ONLINE.fetch_add(1, Ordering::AcqRel);
    }
}
