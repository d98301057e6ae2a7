//! The per-CPU block behind GS: current task, stacks, preemption and interrupt nesting.
//!
//! In kernel mode GS always points to the running CPU's block (the entry stubs see to that), so one instruction relative to
//! GS is consistent even when the task is preempted and moved before or after it.
use core::arch::asm;
use core::cell::{Cell, UnsafeCell};
use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use super::MAX_CPUS;
use super::tables::DescriptorTables;
use crate::paging::{KernelStack, UserSpace};
use crate::thread::Thread;
use alloc::sync::Arc;

/// Set in [`CpuLocal::preemption`] while no reschedule is wanted, so that the word is zero only when the count is zero and
/// one is: enabling preemption is a decrement and a branch.
pub(crate) const NO_RESCHEDULE: u32 = 1 << 31;

/// What a CPU keeps about itself. Fields without atomics are touched by their own CPU only.
#[repr(C, align(64))]
pub(crate) struct CpuLocal {
    /// The current task, from `Arc::into_raw`; null before one is adopted.
    pub task: Cell<*const ()>,
    /// Top of the current task's kernel stack, where system calls start pushing.
    pub stack_top: Cell<u64>,
    /// Scratch of the entry stubs: user stack pointer or a register.
    pub scratch: Cell<u64>,
    /// Preemption count, and [`NO_RESCHEDULE`].
    pub preemption: AtomicU32,
    /// How many interrupt guards are held.
    pub interrupt_depth: Cell<u32>,
    /// This CPU's number.
    pub number: Cell<u32>,
    /// The flags before the outermost guard was made: whether interrupts were on.
    pub flags_before: Cell<u64>,
    /// Identifies the kernel's task type.
    pub task_tag: Cell<usize>,
    /// The current task's thread; null before one is adopted.
    pub thread: Cell<*const Thread>,
    /// Top of the interrupt stack.
    pub interrupt_stack_top: Cell<u64>,
    /// Nesting of interrupt handlers.
    pub interrupt_nesting: Cell<u32>,
    /// Whether the innermost interrupt came in user mode.
    pub interrupted_user: Cell<bool>,
    /// The local APIC's id.
    pub apic_id: AtomicU32,
    /// Set once the CPU takes interrupts.
    pub online: AtomicBool,
    /// A request to reschedule is on its way: no other need be sent.
    pub kicked: AtomicBool,
    /// The CPU has stopped for a panic report or shut-down.
    pub stopped: AtomicBool,
    /// The task just switched from (a counted reference), until the next one has taken note.
    pub previous: Cell<*const ()>,
    /// Its thread.
    pub previous_thread: Cell<*const Thread>,
    /// The user space whose tables are loaded, if any.
    pub loaded_space: UnsafeCell<Option<Arc<UserSpace>>>,
    /// Names the FPU state the registers hold when they equal a saved one; 0 if they differ from all.
    pub fpu_token: Cell<u64>,
    /// CR0.TS is set: the current thread has not used the FPU since it was switched to.
    pub fpu_trap: Cell<bool>,
    /// The debug registers watch something.
    pub breakpoints_loaded: Cell<bool>,
    /// The trap flag strikes after branches only.
    pub branch_steps: Cell<bool>,
    /// CR4 forbids user mode to read the time stamp counter.
    pub counter_forbidden: Cell<bool>,
    /// Source of such names.
    pub fpu_tokens_given: Cell<u64>,
    /// The deadline set by `time::set_timer`, `u64::MAX` for none.
    pub timer_deadline: AtomicU64,
    /// The data-segment selectors that user mode has or will have in the registers, as [`crate::thread::Selectors::packed`] has
    /// them.
    pub selectors: Cell<u64>,
    /// The descriptor table holds thread-local segments of the current thread's.
    pub has_local_segments: Cell<bool>,
    /// Where the local descriptor table is that this CPU has loaded, 0 for none.
    pub local_table: Cell<u64>,
    /// Descriptor tables.
    pub tables: UnsafeCell<DescriptorTables>,
    /// Stacks of interrupts and of the exceptions that have one of their own, and the boot stack; never freed.
    pub stacks: UnsafeCell<[Option<KernelStack>; 6]>,
}

// SAFETY: the fields that are not atomic are used by their own CPU only, or before that CPU starts.
unsafe impl Sync for CpuLocal {}

impl CpuLocal {
    const fn new() -> Self {
        CpuLocal {
            task: Cell::new(core::ptr::null()),
            stack_top: Cell::new(0),
            scratch: Cell::new(0),
            preemption: AtomicU32::new(0),
            interrupt_depth: Cell::new(0),
            number: Cell::new(0),
            flags_before: Cell::new(0),
            task_tag: Cell::new(0),
            thread: Cell::new(core::ptr::null()),
            interrupt_stack_top: Cell::new(0),
            interrupt_nesting: Cell::new(0),
            interrupted_user: Cell::new(false),
            apic_id: AtomicU32::new(0),
            online: AtomicBool::new(false),
            kicked: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            previous: Cell::new(core::ptr::null()),
            previous_thread: Cell::new(core::ptr::null()),
            loaded_space: UnsafeCell::new(None),
            fpu_token: Cell::new(0),
            fpu_trap: Cell::new(false),
            breakpoints_loaded: Cell::new(false),
            branch_steps: Cell::new(false),
            counter_forbidden: Cell::new(false),
            fpu_tokens_given: Cell::new(0),
            timer_deadline: AtomicU64::new(0),
            selectors: Cell::new(0),
            has_local_segments: Cell::new(false),
            local_table: Cell::new(0),
            tables: UnsafeCell::new(DescriptorTables::new()),
            stacks: UnsafeCell::new([const { None }; 6]),
        }
    }
}

/// All CPUs' blocks, by number.
pub(crate) static CPUS: [CpuLocal; MAX_CPUS] = [const { CpuLocal::new() }; MAX_CPUS];

/// Offsets for the entry stubs.
pub(crate) const TASK: usize = offset_of!(CpuLocal, task);
const THREAD: usize = offset_of!(CpuLocal, thread);
pub(crate) const STACK_TOP: usize = offset_of!(CpuLocal, stack_top);
pub(crate) const SCRATCH: usize = offset_of!(CpuLocal, scratch);
pub(crate) const PREEMPTION: usize = offset_of!(CpuLocal, preemption);
const DEPTH: usize = offset_of!(CpuLocal, interrupt_depth);
const FLAGS_BEFORE: usize = offset_of!(CpuLocal, flags_before);
pub(crate) const INTERRUPT_NESTING: usize = offset_of!(CpuLocal, interrupt_nesting);
pub(crate) const NUMBER: usize = offset_of!(CpuLocal, number);
pub(crate) const TASK_TAG: usize = offset_of!(CpuLocal, task_tag);
pub(crate) const INTERRUPT_STACK_TOP: usize = offset_of!(CpuLocal, interrupt_stack_top);

/// Reads a 32-bit field of this CPU's block.
#[cfg(target_os = "none")]
macro_rules! read32 {
    ($field:expr) => {{
        let value: u32;
        // SAFETY: GS points to this CPU's block, which has the field.
        unsafe {
            asm!("mov {:e}, gs:[{offset}]", out(reg) value, offset = const $field,
                options(nostack, preserves_flags, readonly));
        }
        value
    }};
}

/// This CPU's number.
#[inline(always)]
pub(crate) fn number() -> u32 {
    #[cfg(target_os = "none")]
    return read32!(NUMBER);
    #[cfg(not(target_os = "none"))]
    0
}

/// The preemption word: count and [`NO_RESCHEDULE`].
#[inline(always)]
pub(crate) fn preemption_word() -> u32 {
    #[cfg(target_os = "none")]
    return read32!(PREEMPTION);
    #[cfg(not(target_os = "none"))]
    NO_RESCHEDULE
}

/// How many interrupt guards this CPU holds.
#[inline(always)]
pub(crate) fn interrupt_depth() -> u32 {
    #[cfg(target_os = "none")]
    return read32!(DEPTH);
    #[cfg(not(target_os = "none"))]
    0
}

/// Nesting of interrupt handlers on this CPU.
#[inline(always)]
pub(crate) fn interrupt_nesting() -> u32 {
    #[cfg(target_os = "none")]
    return read32!(INTERRUPT_NESTING);
    #[cfg(not(target_os = "none"))]
    0
}

/// This CPU's block. The caller has interrupts or preemption off, or else copes with being moved to another CPU.
#[inline(always)]
pub(crate) fn this() -> &'static CpuLocal {
    // `number` is bounded by MAX_CPUS from the CPU's start on.
    &CPUS[number() as usize % MAX_CPUS]
}

/// The current task as a raw pointer; null before one is adopted. The same for as long as the calling thread runs.
#[inline(always)]
pub(crate) fn current_task() -> *const () {
    let value: *const ();
    // SAFETY: GS points to this CPU's block. `pure` and `nomem`: a thread always sees itself.
    unsafe {
        asm!("mov {}, gs:[{offset}]", out(reg) value, offset = const TASK,
            options(nostack, preserves_flags, pure, nomem));
    }
    value
}

/// The current task's thread; null before one is adopted. The same for as long as the calling thread runs.
#[inline(always)]
pub(crate) fn current_thread() -> *const Thread {
    let value: *const Thread;
    // SAFETY: GS points to this CPU's block. `pure` and `nomem`: a thread always sees itself.
    unsafe {
        asm!("mov {}, gs:[{offset}]", out(reg) value, offset = const THREAD,
            options(nostack, preserves_flags, pure, nomem));
    }
    value
}

/// The tag of the kernel's task type.
#[inline(always)]
pub(crate) fn task_tag() -> usize {
    let value: usize;
    // SAFETY: GS points to this CPU's block; the tag is set before any task is current and never changes.
    unsafe {
        asm!("mov {}, gs:[{offset}]", out(reg) value, offset = const TASK_TAG,
            options(nostack, preserves_flags, pure, nomem));
    }
    value
}

/// Disables preemption.
#[inline(always)]
pub(crate) fn preempt_disable() {
    #[cfg(target_os = "none")]
    // SAFETY: GS points to this CPU's block. A compiler barrier: what follows must not move up.
    unsafe {
        asm!("inc dword ptr gs:[{offset}]", offset = const PREEMPTION, options(nostack));
    }
}

/// Enables preemption again; may switch tasks.
#[inline(always)]
pub(crate) fn preempt_enable() {
    #[cfg(target_os = "none")]
    // SAFETY: GS points to this CPU's block; the stub called when a reschedule is due keeps all registers.
    unsafe {
        asm!("dec dword ptr gs:[{offset}]", "jnz 2f", "call {slow}", "2:",
            offset = const PREEMPTION, slow = sym preempt_stub);
    }
}

/// Calls [`super::preempt_now`] keeping every register that the caller of an ordinary function may lose.
#[cfg(target_os = "none")]
#[unsafe(naked)]
unsafe extern "C" fn preempt_stub() {
    core::arch::naked_asm!(
        "push rbp", "mov rbp, rsp",
        "push rax", "push rcx", "push rdx", "push rsi", "push rdi", "push r8", "push r9", "push r10", "push r11",
        "and rsp, -16",
        "call {body}",
        "lea rsp, [rbp - 72]",
        "pop r11", "pop r10", "pop r9", "pop r8", "pop rdi", "pop rsi", "pop rdx", "pop rcx", "pop rax",
        "pop rbp", "ret",
        body = sym super::preempt_now,
    )
}

/// Whether interrupts are on.
#[inline(always)]
pub(crate) fn interrupts_are_on() -> bool {
    crate::instructions::read_flags() & (1 << 9) != 0
}

/// Disables interrupts; nests.
#[inline(always)]
pub(crate) fn interrupts_disable() {
    #[cfg(target_os = "none")]
    // SAFETY: GS points to this CPU's block, and the CPU stays the same once interrupts are off. Before that the depth is 0
    // on whatever CPU this runs, since a guard would have turned them off. A compiler barrier.
    unsafe {
        asm!("cmp dword ptr gs:[{depth}], 0", "jne 2f",
            "pushfq", "cli", "pop qword ptr gs:[{before}]", "2:",
            "inc dword ptr gs:[{depth}]",
            depth = const DEPTH, before = const FLAGS_BEFORE);
    }
}

/// Undoes one [`interrupts_disable`]; the outermost one restores what was, and reschedules if that is due.
#[inline(always)]
pub(crate) fn interrupts_enable() {
    #[cfg(target_os = "none")]
    // SAFETY: GS points to this CPU's block. Interrupts go on only if they were before the first guard, and no guard is
    // left; the stub called when a reschedule is due keeps all registers.
    unsafe {
        asm!("dec dword ptr gs:[{depth}]", "jnz 2f",
            "test dword ptr gs:[{before}], 0x200", "jz 2f",
            "sti",
            "cmp dword ptr gs:[{preemption}], 0", "jne 2f",
            "call {slow}", "2:",
            depth = const DEPTH, before = const FLAGS_BEFORE, preemption = const PREEMPTION, slow = sym preempt_stub);
    }
}
