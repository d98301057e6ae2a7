//! The `syscall` instruction.
use super::exit;
use super::frame::{SS, UNTOUCHED_SYSCALL, UserFrame};
use crate::cpu::local::{self, SCRATCH, STACK_TOP};
use crate::thread::{Task, work};
use crate::{Kernel, instructions};
use core::arch::naked_asm;

/// Entry of 64-bit `syscall`: return address in rcx, flags in r11, interrupts off, everything else as user mode left it.
///
/// # Safety
/// Only the CPU may come here.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn syscall_stub<K: Kernel>() {
    naked_asm!(
        "swapgs",
        "mov gs:[{scratch}], rsp",
        "mov rsp, gs:[{stack}]",
        "push {ss}", "push gs:[{scratch}]", "push r11", "push 0x33", "push rcx", "push rax",
        "push rdi", "push rsi", "push rdx", "push rcx", "push -38",
        "push r8", "push r9", "push r10", "push r11",
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "xor ebp, ebp",
        "mov rdi, rsp",
        "push rbp",                 // aligns the stack, ends the chain of frames
        "call {body}",
        "pop rcx",
        "cmp dword ptr [rsp + {ss_at}], {ss}",
        "jne 2f",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "pop r11", "pop r10", "pop r9", "pop r8", "pop rax", "pop rcx", "pop rdx", "pop rsi", "pop rdi",
        "cmp rcx, [rsp + 8]",       // rip
        "jne 3f",
        "cmp r11, [rsp + 24]",      // rflags
        "jne 3f",
        "test r11d, 0x10100",       // sysretq would take a trap too early, and loses RF
        "jnz 3f",
        "mov rsp, [rsp + 32]",
        "swapgs",
        "sysretq",
        "2: jmp {slow}",
        "3: add rsp, 8",
        "swapgs",
        "iretq",
        scratch = const SCRATCH,
        stack = const STACK_TOP,
        ss = const UNTOUCHED_SYSCALL,
        ss_at = const SS,
        body = sym system_call::<K>,
        slow = sym exit::restore_user::<K>,
    )
}

/// The way of a system call through the kernel; returns with interrupts off and no work left.
///
/// # Safety
/// `frame` is the complete frame at the top of the current task's stack.
pub(super) unsafe extern "C" fn system_call<K: Kernel>(frame: *mut UserFrame) {
    // SAFETY: user mode runs only as the current task, whose type is K's; it stays alive while it runs.
    let task = unsafe { &*(local::current_task() as *const K::Task) };
    // SAFETY: by this function's contract; the frame is this call's alone.
    let frame = unsafe { &mut *frame };
    // SAFETY: nothing is held on entry.
    unsafe { instructions::enable_interrupts() };
    K::system_call(task, frame);
    instructions::disable_interrupts();
    if task.thread().has_work::<{ work::ON_EXIT }>() {
        exit::run_work::<K>(task, frame);
    }
}
