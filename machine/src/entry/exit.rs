//! The way back to user mode.
use super::frame::{IN_LOCAL_TABLE, ORIGINAL_RAX, SS, UserFrame};
use super::{Exception, GENERAL_PROTECTION, narrow};
use crate::cpu::local;
use crate::instructions;
use crate::thread::{Task, work};
use crate::{Kernel, cpu};
use core::arch::naked_asm;

/// Does the current thread's work until none is left. Called and returns with interrupts off.
#[cold]
pub(super) fn run_work<K: Kernel>(task: &K::Task, frame: &mut UserFrame) {
    while task.thread().has_work::<{ work::ON_EXIT }>() {
        // SAFETY: nothing is held on the way out.
        unsafe { instructions::enable_interrupts() };
        K::return_to_user(task, frame);
        instructions::disable_interrupts();
    }
}

/// What is due before any frame but an untouched system call's is restored. Called and returns with interrupts off.
///
/// # Safety
/// `frame` is the complete frame at the top of the current task's stack.
pub(super) unsafe extern "C" fn before_user<K: Kernel>(frame: *mut UserFrame) {
    // SAFETY: user mode runs only as the current task, whose type is K's; it stays alive while it runs.
    let task = unsafe { &*(local::current_task() as *const K::Task) };
    // SAFETY: by this function's contract.
    let frame = unsafe { &mut *frame };
    loop {
        if local::preemption_word() == 0 {
            // SAFETY: nothing is held on the way out.
            unsafe { instructions::enable_interrupts() };
            cpu::preempt_now();
            instructions::disable_interrupts();
        } else if task.thread().has_work::<{ work::ON_EXIT }>() {
            run_work::<K>(task, frame);
        } else if frame.has_bad_instruction_pointer() {
            // `iretq` would fault in the kernel; user mode gets the same exception.
            let exception = Exception { vector: GENERAL_PROTECTION, error_code: 0, address: 0 };
            // SAFETY: nothing is held on the way out.
            unsafe { instructions::enable_interrupts() };
            K::user_exception(task, frame, exception);
            instructions::disable_interrupts();
        } else {
            break;
        }
    }
    if frame.stack_is_in_local_table() {
        narrow::prepare(frame);
    }
}

/// Restores the complete frame at the stack pointer and returns to user mode by `iretq`. Jumped to with interrupts off.
///
/// # Safety
/// The stack pointer is at the frame at the top of the current task's stack.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn restore_user<K: Kernel>() {
    naked_asm!(
        "mov rdi, rsp",
        "sub rsp, 8",
        "call {before}",
        "add rsp, 8",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "pop r11", "pop r10", "pop r9", "pop r8", "pop rax", "pop rcx", "pop rdx", "pop rsi", "pop rdi",
        "test byte ptr [rsp + {ss_at}], {local}",
        "jnz {narrow}",
        "add rsp, 8",
        "swapgs",
        "jmp {iret}",
        before = sym before_user::<K>,
        iret = sym iret,
        narrow = sym narrow::restore,
        ss_at = const SS - ORIGINAL_RAX,
        local = const IN_LOCAL_TABLE as u8,
    )
}

/// The last instruction before user mode where segments of the program's choosing may be loaded: it faults if they are not there
/// any more, and exceptions know it by its address.
///
/// # Safety
/// Jumped to with the CPU's part of a frame at the stack pointer, at the top of the current task's stack, and user mode's GS.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn iret() {
    naked_asm!("iretq")
}

/// Makes the frame whole again that [`iret`] could not return to, with the registers of the exception that it raised; where it
/// is.
///
/// # Safety
/// `fault` is the frame of that exception, on the current task's stack; GS points to this CPU's block, interrupts are off.
pub(super) unsafe extern "C" fn undo_iret(fault: *const UserFrame) -> *mut UserFrame {
    let place = (local::this().stack_top.get() - size_of::<UserFrame>() as u64) as *mut UserFrame;
    // SAFETY: both frames are on the stack, and overlap: the registers are copied before they are written. What the CPU pops
    // is at the top as it was, since `iretq` has failed.
    unsafe {
        let whole = (*fault).clone();
        (*place).take_registers(&whole);
    }
    place
}

/// First code of a user thread: the context switch has "returned" here, with a complete frame above.
///
/// # Safety
/// Only as the return address of a new thread's first context.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn user_start<K: Kernel>() {
    naked_asm!(
        "xor ebp, ebp",
        "sub rsp, 8",
        "call {arrive}",
        "add rsp, 8",
        "jmp {restore}",
        arrive = sym crate::thread::arrive_first_time,
        restore = sym restore_user::<K>,
    )
}
