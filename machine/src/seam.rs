//! Where the two halves of this crate meet: the processor half (boot, traps, interrupts, threads, devices) and the
//! memory half (frames, page tables, user copies, locks, deferred freeing). Each item lives in the module it is about;
//! this page is the list, so that either half can change its insides freely.
//!
//! The memory half provides (all `pub(crate)`):
//! - `memory::initialize(map: &[seam::PhysicalRange], reserved: &[seam::PhysicalRange])`: boot CPU, boot page tables (identity,
//!   direct map of the first 4 GiB, image at -2 GiB), interrupts off. Afterwards the heap works. `map` is usable RAM in no
//!   particular order; `reserved` are the image, the initramfs and the first MiB, handed out only if given back later.
//! - `paging::initialize()`: builds and loads the permanent kernel tables (direct map of all RAM, image W^X by the linker
//!   script's `__text_start/__text_end/__rodata_start/__rodata_end/__data_start/__kernel_end`, no identity map);
//!   `paging::load_kernel_tables()`: the same on another CPU.
//! - `paging::map_device(physical: u64, length: usize) -> Option<core::ptr::NonNull<u8>>`: uncached registers, for good.
//! - `paging::direct_map(physical: u64) -> *mut u8`: works before `initialize` for the first 4 GiB.
//! - `paging::is_stack_guard(address: u64) -> bool`: whether a fault there means that a kernel stack overflowed.
//! - `paging::KernelStack { fn new() -> Result<Self, OutOfMemory>; fn bottom(&self) -> u64; fn top(&self) -> u64 }`: 16 KiB
//!   over a guard page, freed on drop.
//! - `UserSpace::activate(&self)`: loads CR3 and marks this CPU as a user of the space; to be called at every switch to a user
//!   thread, also when its space is loaded already (then it is a few instructions: it ends lazy mode and makes up for flushes
//!   missed there). `paging::enter_lazy()`: a kernel thread runs now on whatever user tables are loaded; flushes are noted
//!   instead of interrupting this CPU. `UserSpace::deactivate(&self)`: takes the mark back (another space or the kernel's
//!   tables, `paging::load_kernel_tables()`, are loaded by now). All with interrupts off. The CPU keeps an `Arc<UserSpace>` of
//!   what is loaded, also while kernel threads run.
//! - `paging::flush_interrupt()`: the TLB shootdown IPI has arrived (interrupt context).
//! - `user::fixup(instruction_pointer: u64) -> Option<user::Fixup>` with `Fixup { landing: u64, may_sleep: bool }`: for faults at
//!   copy instructions. A page fault from `may_sleep` code goes to `Kernel::resolve_copy_fault` first; otherwise, and when that
//!   says no, the trap returns to `landing` with all other registers as they were.
//! - `memory::register_reclaim(fn(usize) -> bool)`: `Kernel::reclaim`, to be registered before `Kernel::start`.
//! - `rcu::note_quiescent()`: this CPU has switched tasks, is idle, or was interrupted in user mode.
//!
//! The processor half provides (all `pub(crate)` unless public already):
//! - `cpu::preempt_disable()`, `cpu::preempt_enable()` (one instruction, two instructions; the latter may switch tasks),
//!   `cpu::interrupts_disable()`, `cpu::interrupts_enable()` (a nesting pair per CPU: `InterruptGuard` is made of it),
//!   `cpu::interrupts_are_on()`, `cpu::current_cpu()`, `cpu::is_online(CpuId)`, `cpu::PerCpu`.
//! - `interrupt::send(CpuId, interrupt::Ipi::FlushTlb)`: another CPU calls `paging::flush_interrupt()` soon. A CPU waiting with
//!   interrupts off for others must call `interrupt::serve_flush()` in its loop, else two such CPUs wait for each other.
//! - `cpu::features() -> &'static cpu::Features`: what CPUID offers and boot has enabled (`smap`, `pku`, `pages_1g` ...).
//! - `thread::may_sleep() -> bool`, `report::is_reporting() -> bool`: whether a lock's holder may have been stopped for good.

/// A range of physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PhysicalRange {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}
