//! The x86-64 machine: boot, traps, paging, context switch, user copies, interrupts, DMA.
//!
//! This is the only crate of the kernel with unsafe code. It depends on `abi` and on the layouts of `module` (what modules are written against), and knows nothing of processes or
//! files; the kernel above it is reached through one trait, [`Kernel`], for which the entry stubs are generic. Everything
//! it exports is safe to use from code under `#![forbid(unsafe_code)]`: no safe call, in any order, can break memory safety.
#![cfg_attr(target_os = "none", no_std)]
// The host build serves tests only: what boot, traps and interrupts would call is not called there.
#![cfg_attr(not(target_os = "none"), allow(dead_code, unused_imports))]
#![deny(missing_docs)]

extern crate alloc;

pub mod boot;
pub mod collections;
pub mod console;
pub mod cpu;
pub mod device;
pub mod entry;
mod firmware;
mod hooks;
mod instructions;
pub mod interrupt;
mod local;
pub mod memory;
pub mod module;
pub mod paging;
pub mod port;
pub mod power;
pub mod random;
pub mod rcu;
mod report;
pub(crate) mod seam;
pub mod sync;
pub mod thread;
pub mod time;
pub mod user;
pub mod vdso;
pub mod virtqueue;

pub(crate) use hooks::hooks;

use alloc::sync::Arc;
use core::fmt::{self, Write};

use boot::BootInfo;
use entry::{Exception, UserFrame};
use thread::Task;

/// What the machine asks of the kernel above it. One type implements it; the image crate names that type.
///
/// Unless said otherwise, every function is called with interrupts enabled, on the kernel stack of the current task,
/// and may sleep.
pub trait Kernel: 'static {
    /// The kernel's task type.
    type Task: Task;

    /// Starts the kernel on the boot CPU: memory, traps, timer and the other CPUs' descriptions are ready, no task is
    /// current yet (the kernel adopts its idle task by [`thread::adopt_idle`]). Interrupts are off.
    fn start(boot: &'static BootInfo) -> !;

    /// Runs on each further CPU once [`cpu::start_others`] has started it; like `start`, adopts an idle task first.
    fn start_secondary(cpu: cpu::CpuId) -> !;

    /// Serves one system call: number in `frame.original_rax()`, entered by `entry`; stores the result in the frame.
    fn system_call(task: &Self::Task, frame: &mut UserFrame);

    /// An exception raised by user code (page fault, #GP, #UD, #DE, #DB, #BP, #MF, #XM, #AC, ...).
    fn user_exception(task: &Self::Task, frame: &mut UserFrame, exception: Exception);

    /// Work flags of the current thread are set on the way back to user mode (from calls, exceptions and interrupts
    /// alike). Called with interrupts on; called again until no flag is left.
    fn return_to_user(task: &Self::Task, frame: &mut UserFrame);

    /// A user copy made by the current task faulted at `address`. True if the page is there now and the copy may go on.
    fn resolve_copy_fault(task: &Self::Task, address: u64, access: paging::Access) -> bool;

    /// The deadline set by [`time::set_timer`] has passed. Interrupt context: must not sleep.
    fn timer_interrupt();

    /// Another CPU sent [`cpu::kick`], or preemption was enabled again with a reschedule pending. May switch tasks;
    /// called with preemption enabled and no lock held.
    fn preempt();

    /// Control has arrived in a new context after [`thread::switch_to`]; `previous` is the task switched from, whose
    /// context is saved. Called with interrupts off; must not sleep.
    fn switched_from(previous: Arc<Self::Task>);

    /// Memory is short: free some if possible. True if it is worth trying again. Called without locks held by the
    /// allocator, possibly with the caller's spin locks held: must not sleep or take locks that allocate.
    fn reclaim(frames_wanted: usize) -> bool;

    /// The code of a module has failed in a call that `task` made, whose stack is given up: says so and ends the task.
    fn module_fault(task: &Self::Task, what: fmt::Arguments<'_>, stack: module::Abandoned) -> !;

    /// Adds the kernel's view (every task with state and kernel stack) to a panic or NMI report.
    fn report(out: &mut dyn Write);
}

/// No frame or heap block is left, even after reclaim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfMemory;
