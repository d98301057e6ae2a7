//! The 32-bit ways in: `int 0x80` (from 64-bit code too), `sysenter`, and 32-bit `syscall`.
//!
//! All end in `iretq`: what `sysretl` would save is little beside what it takes to be sure that it is right. A call by
//! `sysenter` or `syscall` is one of the vDSO's: it goes on at a fixed place there, and its sixth argument is on the stack.
use super::exit;
use super::frame::{EntryKind, RFLAGS, SS, UNTOUCHED_INT80, UserFrame, entry_stack_segment};
use super::syscall::system_call;
use crate::cpu::local::{self, STACK_TOP};
use crate::cpu::tables::{USER_CODE_32, set_gate};
use crate::thread::{Task, work};
use crate::{Kernel, instructions, user};
use core::arch::naked_asm;

/// Vector of `int 0x80`.
const VECTOR: u8 = 0x80;
/// Bytes from [`sysenter_stub`] on in which the flags of user mode are still to be saved.
const SYSENTER_FLAGS_PENDING: u64 = 19;

/// Entry of `int 0x80`: the CPU has pushed what it pushes for an exception.
///
/// # Safety
/// Only the CPU may come here.
#[unsafe(naked)]
unsafe extern "C" fn int80_stub<K: Kernel>() {
    naked_asm!(
        "swapgs",
        "mov eax, eax",
        "push rax",
        "push rdi", "push rsi", "push rdx", "push rcx", "push -38",
        "push r8", "push r9", "push r10", "push r11",
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "cld",
        "test dword ptr [rsp + {flags}], 0x40000",
        "jnz 4f",
        "2: mov word ptr [rsp + {ss_at} + 2], {kind}",
        "xor ebp, ebp",
        "mov rdi, rsp",
        "push rbp",
        "call {body}",
        "pop rcx",
        "cmp dword ptr [rsp + {ss_at}], {ss}",
        "jne 3f",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "pop r11", "pop r10", "pop r9", "pop r8", "pop rax", "pop rcx", "pop rdx", "pop rsi", "pop rdi",
        "add rsp, 8",
        "swapgs",
        "jmp {iret}",
        "3: jmp {slow}",
        // AC was set: in the kernel that would lift the protection of user pages.
        "4: pushfq",
        "and dword ptr [rsp], ~0x40000",
        "popfq",
        "jmp 2b",
        flags = const RFLAGS,
        ss_at = const SS,
        kind = const EntryKind::Int80 as u16,
        ss = const UNTOUCHED_INT80,
        iret = sym exit::iret,
        body = sym system_call::<K>,
        slow = sym exit::restore_user::<K>,
    )
}

/// Entry of `sysenter`: interrupts off, no stack, and neither the return address nor the stack pointer known. The other flags
/// are user mode's, so that a trap flag strikes at each instruction until it is cleared here (see [`is_entering`]).
///
/// # Safety
/// Only the CPU may come here.
#[unsafe(naked)]
unsafe extern "C" fn sysenter_stub<K: Kernel>() {
    naked_asm!(
        "swapgs",
        "mov rsp, gs:[{stack}]",
        "push {ss}",
        "push rbp",                 // where the vDSO has the stack pointer
        "pushfq",
        "push 2",
        "popfq",
        "push {cs}",
        "push 0",
        "or dword ptr [rsp + 16], 0x200",
        "mov eax, eax",
        "push rax",
        "push rdi", "push rsi", "push rdx", "push rcx", "push -38",
        "push r8", "push r9", "push r10", "push r11",
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "xor ebp, ebp",
        "mov rdi, rsp",
        "push rbp",
        "call {body}",
        "pop rcx",
        "jmp {slow}",
        stack = const STACK_TOP,
        ss = const entry_stack_segment(EntryKind::Sysenter),
        cs = const USER_CODE_32,
        body = sym fast_call::<K>,
        slow = sym exit::restore_user::<K>,
    )
}

/// Entry of 32-bit `syscall`: return address in rcx, flags in r11, interrupts off. The vDSO has ecx in ebp.
///
/// # Safety
/// Only the CPU may come here.
#[unsafe(naked)]
unsafe extern "C" fn syscall32_stub<K: Kernel>() {
    naked_asm!(
        "swapgs",
        "mov r8d, esp",
        "mov rsp, gs:[{stack}]",
        "push {ss}", "push r8", "push r11", "push {cs}", "push rcx",
        "mov eax, eax",
        "push rax",
        "push rdi", "push rsi", "push rdx", "push rbp", "push -38",
        "push r8", "push r9", "push r10", "push r11",
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "xor ebp, ebp",
        "mov rdi, rsp",
        "push rbp",
        "call {body}",
        "pop rcx",
        "jmp {slow}",
        stack = const STACK_TOP,
        ss = const entry_stack_segment(EntryKind::Syscall32),
        cs = const USER_CODE_32,
        body = sym fast_call::<K>,
        slow = sym exit::restore_user::<K>,
    )
}

/// The way of a call by `sysenter` or 32-bit `syscall`: as [`system_call`], once the sixth argument is read from the stack.
///
/// # Safety
/// `frame` is the complete frame at the top of the current task's stack.
unsafe extern "C" fn fast_call<K: Kernel>(frame: *mut UserFrame) {
    // SAFETY: user mode runs only as the current task, whose type is K's; it stays alive while it runs.
    let task = unsafe { &*(local::current_task() as *const K::Task) };
    // SAFETY: by this function's contract; the frame is this call's alone.
    let frame = unsafe { &mut *frame };
    // SAFETY: nothing is held on entry.
    unsafe { instructions::enable_interrupts() };
    frame.set_instruction_pointer(task.thread().fast_call_landing().into());
    if let Ok(sixth) = user::load_user::<u32>(frame.stack_pointer() & 0xffff_ffff) {
        frame.rbp = frame.rbp & !0xffff_ffff | u64::from(sixth);
        K::system_call(task, frame);
    } else {
        const EFAULT: i64 = 14;
        frame.rax = (-EFAULT) as u64;
    }
    instructions::disable_interrupts();
    if task.thread().has_work::<{ work::ON_EXIT }>() {
        exit::run_work::<K>(task, frame);
    }
}

/// Whether the kernel code at this address is the beginning of `sysenter`, which runs with user mode's flags: a trap there is
/// user mode's own, and its flag is to be kept until it is saved.
pub(super) fn is_entering(instruction_pointer: u64) -> bool {
    // SAFETY: every x86-64 CPU has the register.
    let start = unsafe { instructions::read_msr(instructions::MSR_SYSENTER_EIP) };
    start != 0 && instruction_pointer.wrapping_sub(start) < SYSENTER_FLAGS_PENDING
}

/// Puts the gate of `int 0x80` into the table.
///
/// # Safety
/// As for [`super::install`].
pub(super) unsafe fn install<K: Kernel>() {
    // SAFETY: the stub is made for this vector, which programs may raise.
    unsafe { set_gate(VECTOR, int80_stub::<K> as *const () as u64, 3, 0) };
}

/// Addresses of the entries of `sysenter` and of 32-bit `syscall`.
pub(super) fn fast_entries<K: Kernel>() -> (u64, u64) {
    (sysenter_stub::<K> as *const () as u64, syscall32_stub::<K> as *const () as u64)
}
