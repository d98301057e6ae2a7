//! Exceptions on the current stack: user ones go to the kernel, those of user copies to their recovery, the rest is fatal.
use super::frame::{CS, ORIGINAL_RAX, RFLAGS, RIP, TrapFrame, UserFrame};
use super::{Exception, PAGE_FAULT, PROTECTION_KEY, exit};
use crate::cpu::{local, tables::set_gate};
use crate::module::fault;
use crate::paging::Access;
use crate::{Kernel, instructions, thread, user};
use core::arch::naked_asm;

const SEGMENT_NOT_PRESENT: u8 = 11;
const STACK_SEGMENT: u8 = 12;

/// Entry of an exception that has no stack of its own. `ERROR`: the CPU pushes an error code.
///
/// # Safety
/// Only the CPU may come here.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn stub<K: Kernel, const VECTOR: u8, const ERROR: bool>() {
    naked_asm!(
        ".if {error} == 0", "push 0", ".endif",
        "push rdi", "push rsi", "push rdx", "push rcx", "push rax",
        "push r8", "push r9", "push r10", "push r11",
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "cld",
        "mov rdi, rsp",
        "mov edx, [rsp + {original}]",
        "mov qword ptr [rsp + {original}], -1",
        "mov esi, {vector}",
        "test dword ptr [rsp + {flags}], 0x40000",
        "jnz 5f",
        "2: test byte ptr [rsp + {cs}], 3",
        "jz 4f",
        "swapgs",
        "xor ebp, ebp",
        "push rbp",
        "call {user}",
        "pop rcx",
        "jmp {restore}",
        "4: lea rcx, [rip + {iret}]",
        "cmp rcx, [rsp + {rip}]",
        "je 6f",
        "push rbp",                 // alignment
        "push [rsp + 8 + {rip}]",   // as a call of the interrupted code, for back traces
        "push rbp",
        "mov rbp, rsp",
        "call {kernel}",
        "pop rbp",
        "add rsp, 16",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "pop r11", "pop r10", "pop r9", "pop r8", "pop rax", "pop rcx", "pop rdx", "pop rsi", "pop rdi",
        "add rsp, 8",
        "iretq",
        // AC was set: in the kernel that would lift the protection of user pages.
        "5: pushfq",
        "and dword ptr [rsp], ~0x40000",
        "popfq",
        "jmp 2b",
        // The return to user mode has failed: as an exception there.
        "6: swapgs",
        "mov r12, rsi",
        "mov r13, rdx",
        "push rbp",
        "call {undo}",
        "mov rsp, rax",
        "mov rdi, rax",
        "mov rsi, r12",
        "mov rdx, r13",
        "xor ebp, ebp",
        "push rbp",
        "call {user}",
        "pop rcx",
        "jmp {restore}",
        iret = sym exit::iret,
        undo = sym exit::undo_iret,
        error = const ERROR as u8,
        vector = const VECTOR,
        original = const ORIGINAL_RAX,
        flags = const RFLAGS,
        cs = const CS,
        rip = const RIP,
        user = sym from_user::<K>,
        kernel = sym from_kernel::<K>,
        restore = sym exit::restore_user::<K>,
    )
}

/// Puts the stubs into the table.
///
/// # Safety
/// As for [`super::install`].
pub(super) unsafe fn install<K: Kernel>() {
    macro_rules! gates {
        ($($vector:literal $error:literal $privilege:literal,)*) => {
            // SAFETY: each stub is made for its vector.
            unsafe { $( set_gate($vector, stub::<K, $vector, $error> as *const () as u64, $privilege, 0); )* }
        };
    }
    gates! {
        0 false 0, 3 false 3, 4 false 3, 5 false 0, 6 false 0, 7 false 0, 9 false 0, 10 true 0, 11 true 0, 12 true 0,
        13 true 0, 14 true 0, 16 false 0, 17 true 0, 19 false 0, 20 false 0, 21 true 0,
    }
}

/// An exception in user mode. Called and returns with interrupts off.
///
/// # Safety
/// `frame` is the complete frame at the top of the current task's stack.
pub(super) unsafe extern "C" fn from_user<K: Kernel>(frame: *mut UserFrame, vector: u8, error_code: u32) {
    if vector == super::DEVICE_NOT_AVAILABLE && thread::first_use() {
        return;
    }
    if matches!(vector, SEGMENT_NOT_PRESENT | STACK_SEGMENT | super::GENERAL_PROTECTION)
        && thread::refresh_local_table()
    {
        return;
    }
    // Before interrupts are on: another task's fault would replace it.
    let address = match vector {
        PAGE_FAULT => instructions::read_cr2(),
        super::DEBUG => {
            thread::end_branch_steps();
            instructions::take_dr6()
        }
        _ => 0,
    };
    // SAFETY: user mode runs only as the current task, whose type is K's; it stays alive while it runs.
    let task = unsafe { &*(local::current_task() as *const K::Task) };
    // SAFETY: by this function's contract.
    let frame = unsafe { &mut *frame };
    // SAFETY: nothing is held on entry.
    unsafe { instructions::enable_interrupts() };
    K::user_exception(task, frame, Exception { vector, error_code, address });
    instructions::disable_interrupts();
}

/// An exception in the kernel: at an instruction of a user copy it is resolved or recovered from, elsewhere it is a bug.
///
/// # Safety
/// `frame` is the frame of the interrupted kernel code.
unsafe extern "C" fn from_kernel<K: Kernel>(frame: *mut TrapFrame, vector: u8, error_code: u32) {
    let address = if vector == PAGE_FAULT { instructions::read_cr2() } else { 0 };
    // SAFETY: by this function's contract.
    let frame = unsafe { &mut *frame };
    let place = frame.instruction_pointer();
    let Some(fixup) = user::fixup(place) else {
        if frame.interrupts_were_on() && fault::ends_thread_alone(place) {
            let name = crate::report::name_of(vector);
            fault::give_up::<K>(format_args!(
                "{name} in a module at {place:#x}, error code {error_code:#x}, address {address:#x}"
            ));
        }
        crate::report::fatal_exception(frame, vector, error_code, address);
    };
    // What a protection key forbids stays forbidden, whatever is brought in.
    let is_forbidden = error_code & PROTECTION_KEY != 0;
    if vector == PAGE_FAULT && !is_forbidden && fixup.may_sleep && frame.interrupts_were_on() && thread::may_sleep() {
        let access = if error_code & 2 != 0 { Access::Write } else { Access::Read };
        // SAFETY: a current task exists, since it may sleep; it stays alive while it runs.
        let task = unsafe { &*(local::current_task() as *const K::Task) };
        // SAFETY: interrupts were on where the fault happened.
        unsafe { instructions::enable_interrupts() };
        let resolved = K::resolve_copy_fault(task, address, access);
        instructions::disable_interrupts();
        if resolved {
            return;
        }
    }
    // SAFETY: the table names the landing for this instruction.
    unsafe { frame.set_instruction_pointer(fixup.landing) };
}
