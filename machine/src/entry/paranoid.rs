//! Exceptions that can strike anywhere, even between a user's GS and ours: NMI, double fault, machine check, debug.
//!
//! They run on stacks of their own and find their CPU's block by a segment limit instead of by GS, which users choose.
use super::frame::{ORIGINAL_RAX, RIP, TrapFrame};
use super::{DEBUG, DOUBLE_FAULT, NMI, compat, exceptions, narrow};
use crate::cpu::local::{self, CPUS, CpuLocal, SCRATCH, STACK_TOP};
use crate::cpu::tables::CPU_NUMBER;
use crate::instructions::{self, MSR_GS_BASE};
use crate::{Kernel, report};
use core::arch::naked_asm;

/// Entry on a stack of its own. `ERROR`: the CPU pushes an error code.
///
/// # Safety
/// Only the CPU may come here (or [`debug_stub`]).
#[unsafe(naked)]
pub(super) unsafe extern "C" fn stub<const VECTOR: u8, const ERROR: bool>() {
    naked_asm!(
        ".if {error} == 0", "push 0", ".endif",
        "push rdi", "push rsi", "push rdx", "push rcx", "push rax",
        "push r8", "push r9", "push r10", "push r11",
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "cld",
        "pushfq",
        "and dword ptr [rsp], ~0x40000",
        "popfq",
        "mov ecx, {gs_base}",
        "rdmsr",
        "mov r12d, eax",
        "mov r13d, edx",
        "mov eax, {number}",
        "lsl eax, eax",
        "and eax, 0xfff",
        "imul rax, rax, {size}",
        "lea rdx, [rip + {cpus}]",
        "add rax, rdx",
        "mov rdx, rax",
        "shr rdx, 32",
        "wrmsr",
        "mov rdi, rsp",
        "mov edx, [rsp + {original}]",
        "mov qword ptr [rsp + {original}], -1",
        "mov esi, {vector}",
        "push rbp",
        "push [rsp + 8 + {rip}]",
        "push rbp",
        "mov rbp, rsp",
        "call {body}",
        "pop rbp",
        "add rsp, 16",
        "mov ecx, {gs_base}",
        "mov eax, r12d",
        "mov edx, r13d",
        "wrmsr",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "pop r11", "pop r10", "pop r9", "pop r8", "pop rax", "pop rcx", "pop rdx", "pop rsi", "pop rdi",
        "add rsp, 8",
        "iretq",
        error = const ERROR as u8,
        vector = const VECTOR,
        original = const ORIGINAL_RAX,
        rip = const RIP,
        gs_base = const MSR_GS_BASE,
        number = const CPU_NUMBER,
        size = const size_of::<CpuLocal>(),
        cpus = sym CPUS,
        body = sym handle,
    )
}

/// Debug exceptions: from user mode they move to the task's stack and become ordinary exceptions.
///
/// # Safety
/// Only the CPU may come here.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn debug_stub<K: Kernel>() {
    naked_asm!(
        "test byte ptr [rsp + 8], 3",
        "jz {kernel}",
        "swapgs",
        "mov gs:[{scratch}], rdi",
        "mov rdi, rsp",
        "mov rsp, gs:[{stack}]",
        "push [rdi + 32]", "push [rdi + 24]", "push [rdi + 16]", "push [rdi + 8]", "push [rdi]",
        "mov rdi, gs:[{scratch}]",
        "swapgs",
        "jmp {user}",
        scratch = const SCRATCH,
        stack = const STACK_TOP,
        kernel = sym stub::<DEBUG, false>,
        user = sym exceptions::stub::<K, DEBUG, false>,
    )
}

/// # Safety
/// `frame` is a complete frame on this vector's own stack; GS points to this CPU's block; interrupts are off.
unsafe extern "C" fn handle(frame: *mut TrapFrame, vector: u8, error_code: u32) {
    // SAFETY: by this function's contract.
    let frame = unsafe { &mut *frame };
    match vector {
        NMI => report::non_maskable_interrupt(frame),
        DEBUG => {
            // A trap flag or watchpoint of a user's carried across an entry; the entry itself goes on.
            instructions::take_dr6();
            if local::this().branch_steps.get() {
                // The exception has cleared it, which was not the one that it was set for.
                instructions::set_branch_steps(true);
            }
            if !compat::is_entering(frame.instruction_pointer()) {
                frame.clear_trap_flag();
            }
        }
        // SAFETY: by this function's contract.
        DOUBLE_FAULT if unsafe { narrow::recovers(frame) } => {}
        DOUBLE_FAULT => report::double_fault(frame, instructions::read_cr2()),
        _ => report::fatal_exception(frame, vector, error_code, 0),
    }
}
