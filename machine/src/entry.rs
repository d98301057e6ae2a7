//! Entry from user mode: the register frame, system-call and exception stubs.
//!
//! Every way into the kernel leaves a complete [`UserFrame`] at the top of the task's kernel stack. The stubs are naked
//! functions, generic over the kernel they call; [`install`] puts them into the descriptor table and the system-call
//! registers.
mod compat;
mod exceptions;
mod exit;
mod frame;
mod interrupts;
mod narrow;
mod paranoid;
mod syscall;

pub(crate) use exit::user_start;
pub(crate) use frame::TrapFrame;
pub use frame::{EntryKind, UserFrame};
pub(crate) use narrow::failed as narrow_return_failed;

use crate::Kernel;
use crate::cpu::tables::{
    IST_DEBUG, IST_DOUBLE_FAULT, IST_MACHINE_CHECK, IST_NMI, KERNEL_CODE, USER_CODE_32, set_gate,
};
use crate::instructions::*;

/// An exception raised in user mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exception {
    /// Vector, 0 to 31.
    pub vector: u8,
    /// Error code pushed by the CPU, 0 if none.
    pub error_code: u32,
    /// The faulting address for page faults (cr2), the DR6 value for debug exceptions.
    pub address: u64,
}

pub(crate) const DEBUG: u8 = 1;
pub(crate) const NMI: u8 = 2;
pub(crate) const DEVICE_NOT_AVAILABLE: u8 = 7;
pub(crate) const DOUBLE_FAULT: u8 = 8;
pub(crate) const GENERAL_PROTECTION: u8 = 13;
pub(crate) const PAGE_FAULT: u8 = 14;
/// Bit of a page fault's error code: a protection key forbids the access.
pub(crate) const PROTECTION_KEY: u32 = 1 << 5;
pub(crate) const MACHINE_CHECK: u8 = 18;

/// Flags cleared on system calls: TF, IF, DF, IOPL, NT, RF, AC and ID matter, the arithmetic ones are cleared for order.
const SYSCALL_FLAG_MASK: u64 = 0x25_7fd5;

/// Puts all entry stubs in place.
///
/// # Safety
/// Boot CPU, once, interrupts off, before other CPUs start.
pub(crate) unsafe fn install<K: Kernel>() {
    // SAFETY: each handler is the stub for its vector.
    unsafe {
        exceptions::install::<K>();
        interrupts::install::<K>();
        compat::install::<K>();
        set_gate(DEBUG, paranoid::debug_stub::<K> as *const () as u64, 0, IST_DEBUG);
        set_gate(NMI, paranoid::stub::<2, false> as *const () as u64, 0, IST_NMI);
        set_gate(DOUBLE_FAULT, paranoid::stub::<8, true> as *const () as u64, 0, IST_DOUBLE_FAULT);
        set_gate(MACHINE_CHECK, paranoid::stub::<18, false> as *const () as u64, 0, IST_MACHINE_CHECK);
    }
}

/// Sets this CPU's system-call registers.
///
/// # Safety
/// Once per CPU, interrupts off, after its descriptor tables are loaded.
pub(crate) unsafe fn load_system_call_registers<K: Kernel>() {
    let (sysenter, syscall32) = compat::fast_entries::<K>();
    // SAFETY: the selectors are those of the descriptor table; the targets are the stubs for these entries. SYSENTER's stack
    // is not used: its stub takes the task's before it pushes, and what can strike before that has stacks of its own.
    unsafe {
        write_msr(MSR_STAR, (USER_CODE_32 << 48) | (KERNEL_CODE << 32));
        write_msr(MSR_LSTAR, syscall::syscall_stub::<K> as *const () as u64);
        write_msr(MSR_CSTAR, syscall32);
        write_msr(MSR_SFMASK, SYSCALL_FLAG_MASK);
        write_msr(MSR_SYSENTER_CS, KERNEL_CODE);
        write_msr(MSR_SYSENTER_ESP, 0);
        write_msr(MSR_SYSENTER_EIP, sysenter);
    }
}
