//! Device and inter-processor interrupts: handled on the CPU's interrupt stack, then, back on the task's stack, what is due
//! before the interrupted code goes on.
use super::exit;
use super::frame::{CS, ORIGINAL_RAX, RFLAGS, RIP, TrapFrame};
use crate::cpu::local::{self, INTERRUPT_STACK_TOP};
use crate::cpu::{self, tables::set_gate};
use crate::{Kernel, instructions, interrupt, rcu};
use core::arch::naked_asm;

/// Entry of one interrupt vector.
///
/// # Safety
/// Only the CPU may come here.
#[unsafe(naked)]
unsafe extern "C" fn stub<K: Kernel, const VECTOR: u8>() {
    naked_asm!("push {vector}", "jmp {common}", vector = const VECTOR as i32, common = sym common::<K>)
}

/// The rest of all interrupt entries; the vector is on the stack.
///
/// # Safety
/// Only from [`stub`].
#[unsafe(naked)]
unsafe extern "C" fn common<K: Kernel>() {
    naked_asm!(
        "push rdi", "push rsi", "push rdx", "push rcx", "push rax",
        "push r8", "push r9", "push r10", "push r11",
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "cld",
        "mov rdi, rsp",
        "mov esi, [rsp + {original}]",
        "mov qword ptr [rsp + {original}], -1",
        "test dword ptr [rsp + {flags}], 0x40000",
        "jnz 5f",
        "2: test byte ptr [rsp + {cs}], 3",
        "jz 4f",
        "swapgs",
        "xor ebp, ebp",
        "push rbp",
        "mov rbp, rsp",
        "mov rsp, gs:[{stack}]",
        "call {body}",
        "mov rsp, rbp",
        "pop rbp",
        "jmp {restore}",
        "4: push rbp",              // alignment
        "push [rsp + 8 + {rip}]",   // as a call of the interrupted code, for back traces
        "push rbp",
        "mov rbp, rsp",
        "mov rsp, gs:[{stack}]",
        "call {body}",
        "lea rdi, [rbp + 24]",
        "mov rsp, rbp",
        "call {resume}",
        "pop rbp",
        "add rsp, 16",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "pop r11", "pop r10", "pop r9", "pop r8", "pop rax", "pop rcx", "pop rdx", "pop rsi", "pop rdi",
        "add rsp, 8",
        "iretq",
        "5: pushfq",
        "and dword ptr [rsp], ~0x40000",
        "popfq",
        "jmp 2b",
        original = const ORIGINAL_RAX,
        flags = const RFLAGS,
        cs = const CS,
        rip = const RIP,
        stack = const INTERRUPT_STACK_TOP,
        body = sym handle,
        resume = sym before_kernel,
        restore = sym exit::restore_user::<K>,
    )
}

/// Runs the handler, on the interrupt stack.
///
/// # Safety
/// `frame` is the frame of the interrupted code; interrupts are off.
unsafe extern "C" fn handle(frame: *mut TrapFrame, vector: u8) {
    let local = local::this();
    local.interrupt_nesting.set(local.interrupt_nesting.get().wrapping_add(1));
    // SAFETY: by this function's contract.
    let from_user = unsafe { (*frame).is_user() };
    local.interrupted_user.set(from_user);
    // Read-side sections disable preemption: where it is on, none is running.
    if from_user || cpu::preempt_count() == 0 {
        rcu::note_quiescent();
    }
    interrupt::dispatch(vector);
    local.interrupt_nesting.set(local.interrupt_nesting.get().wrapping_sub(1));
}

/// Lets the scheduler in before interrupted kernel code goes on, if it may be preempted. On the task's stack.
///
/// # Safety
/// `frame` is the frame of the interrupted kernel code; interrupts are off.
unsafe extern "C" fn before_kernel(frame: *const TrapFrame) {
    // SAFETY: by this function's contract.
    if local::preemption_word() != 0 || !unsafe { (*frame).interrupts_were_on() } {
        return;
    }
    let thread = local::this().thread.get();
    // SAFETY: null before the first task, else the current thread, which lives while it runs; its cells are this CPU's.
    let Some(thread) = (unsafe { thread.as_ref() }) else { return };
    // Marked before interrupts are on: the next one does not come here.
    if thread.being_preempted.replace(true) {
        return;
    }
    // SAFETY: interrupts were on in the interrupted code, which holds no lock.
    unsafe { instructions::enable_interrupts() };
    cpu::reschedule(thread);
    instructions::disable_interrupts();
}

/// Puts the stubs of vectors 32 to 255 into the table.
///
/// # Safety
/// As for [`super::install`].
pub(super) unsafe fn install<K: Kernel>() {
    macro_rules! row {
        ($($base:literal)*) => { $(
            row!(@ $base 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        )* };
        (@ $base:literal $($low:literal)*) => { $(
            // 0x80 is the gate of 32-bit system calls.
            if $base + $low != 0x80 {
                // SAFETY: the stub is made for its vector.
                unsafe { set_gate($base + $low, stub::<K, { $base + $low }> as *const () as u64, 0, 0) };
            }
        )* };
    }
    row!(0x20 0x30 0x40 0x50 0x60 0x70 0x80 0x90 0xa0 0xb0 0xc0 0xd0 0xe0 0xf0);
}
