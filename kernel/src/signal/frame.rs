//! The signal frame of the 64-bit ABI, as Linux lays it out (sigreturn(2)).
//!
//! From the top: FPU state (64-byte aligned, with Linux's marks in its software bytes), `siginfo_t`, `ucontext_t`, and the
//! address the handler returns to. The red zone of 128 bytes below the interrupted stack pointer is left alone.
use super::*;
use crate::error::*;
use crate::process::Task;
use crate::syscall::user::UserLayout;
use abi::Abi;
use machine::entry::UserFrame;
use machine::user::{copy_from_user, copy_to_user};

const RED_ZONE: u64 = 128;
/// Return address, ucontext, siginfo.
const FRAME_SIZE: usize = 8 + CONTEXT_SIZE + information::SIZE;
/// `struct ucontext`: flags, link, stack, `struct sigcontext`, mask.
const CONTEXT_SIZE: usize = 304;
const INFO_OFFSET: u64 = (8 + CONTEXT_SIZE) as u64;
const CONTEXT_OFFSET: u64 = 8;

const UC_FP_XSTATE: u64 = 1;
const UC_SIGCONTEXT_SS: u64 = 2;
const UC_STRICT_RESTORE_SS: u64 = 4;

/// Where Linux marks that more than the FXSAVE area follows: `struct _fpx_sw_bytes` at the end of that area.
const SOFTWARE_BYTES: usize = 464;
const FXSAVE_SIZE: usize = 512;
const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;
const FP_XSTATE_MAGIC2: u32 = 0x4650_5845;
const MAGIC2_SIZE: usize = 4;

const FLAG_TRAP: u64 = 1 << 8;
const FLAG_DIRECTION: u64 = 1 << 10;
const FLAG_RESUME: u64 = 1 << 16;

/// Offsets in `struct ucontext`.
mod at {
    pub const FLAGS: usize = 0;
    pub const STACK: usize = 16;
    pub const REGISTERS: usize = 40;
    pub const SEGMENTS: usize = REGISTERS + 18 * 8;
    pub const ERROR: usize = SEGMENTS + 8;
    pub const TRAP: usize = ERROR + 8;
    pub const OLD_MASK: usize = TRAP + 8;
    pub const FAULT_ADDRESS: usize = OLD_MASK + 8;
    pub const FPU: usize = FAULT_ADDRESS + 8;
    pub const MASK: usize = 296;
}

fn put(bytes: &mut [u8], offset: usize, value: u64) {
    if let Some(place) = bytes.get_mut(offset..offset + 8) {
        place.copy_from_slice(&value.to_ne_bytes());
    }
}
fn get(bytes: &[u8], offset: usize) -> u64 {
    bytes.get(offset..offset + 8).and_then(|raw| raw.try_into().ok()).map_or(0, u64::from_ne_bytes)
}
fn get_half(bytes: &[u8], offset: usize) -> u32 {
    bytes.get(offset..offset + 4).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

/// Writes the frame to the user stack and makes the handler the next thing that runs. EFAULT if the stack cannot take it.
pub(super) fn push(
    task: &Task,
    frame: &mut UserFrame,
    info: &SignalInfo,
    action: &Action,
    mask: SignalSet,
) -> Result<()> {
    if action.flags & SA_RESTORER == 0 {
        return Err(EFAULT.because("no restorer"));
    }
    let alternate = task.signals.alternate_stack();
    let old_stack = frame.stack_pointer();
    let mut stack = old_stack.wrapping_sub(RED_ZONE);
    let on_alternate = alternate.holds(old_stack);
    let mut entering = false;
    if action.flags & SA_ONSTACK != 0 && alternate.state(old_stack) == 0 {
        stack = alternate.base.wrapping_add(alternate.size);
        entering = true;
    }
    let fpu_size = fpu_size();
    stack = stack.wrapping_sub((fpu_size + MAGIC2_SIZE) as u64) & !63;
    let fpu_address = stack;
    stack = (stack.wrapping_sub(FRAME_SIZE as u64) & !15).wrapping_sub(8);
    // A frame that would leave the alternate stack is an overflow, not to be written elsewhere.
    if (entering || on_alternate) && !alternate.contains(stack) {
        return Err(EFAULT.because("the alternate stack overflows"));
    }
    let mut bytes = [0u8; FRAME_SIZE];
    put(&mut bytes, 0, action.restorer);
    if let Some(context) = bytes.get_mut(8..8 + CONTEXT_SIZE) {
        fill_context(task, frame, context, &alternate, mask, fpu_address);
    }
    if let Some(place) = bytes.get_mut(INFO_OFFSET as usize..) {
        info.encode(Abi::X86_64, place);
    }
    // The FPU state last: the handler starts with the initial one.
    if copy_to_user(stack, &bytes) != 0
        || copy_to_user(fpu_address.wrapping_add(fpu_size as u64), &FP_XSTATE_MAGIC2.to_ne_bytes()) != 0
        || !task.thread().fpu_to_user(fpu_address, &fpu_marks(fpu_size))
    {
        return Err(EFAULT);
    }
    if alternate.flags & SS_AUTODISARM != 0 {
        task.signals.set_alternate_stack(AlternateStack::DISABLED);
    }
    frame.rdi = info.signal.into();
    frame.rsi = stack.wrapping_add(INFO_OFFSET);
    frame.rdx = stack.wrapping_add(CONTEXT_OFFSET);
    frame.rax = 0;
    frame.original_rax = u64::MAX;
    frame.set_instruction_pointer(action.handler);
    frame.set_stack_pointer(stack);
    frame.set_flags(frame.flags() & !(FLAG_DIRECTION | FLAG_RESUME | FLAG_TRAP));
    Ok(())
}

fn fill_context(
    task: &Task,
    frame: &UserFrame,
    context: &mut [u8],
    alternate: &AlternateStack,
    mask: SignalSet,
    fpu_address: u64,
) {
    put(context, at::FLAGS, UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS);
    put(context, at::STACK, alternate.base);
    put(context, at::STACK + 8, u64::from(alternate.state(frame.stack_pointer()) | alternate.flags & SS_AUTODISARM));
    put(context, at::STACK + 16, alternate.size);
    let registers = [
        frame.r8,
        frame.r9,
        frame.r10,
        frame.r11,
        frame.r12,
        frame.r13,
        frame.r14,
        frame.r15,
        frame.rdi,
        frame.rsi,
        frame.rbp,
        frame.rbx,
        frame.rdx,
        frame.rax,
        frame.rcx,
        frame.stack_pointer(),
        frame.instruction_pointer(),
        frame.flags(),
    ];
    for (index, value) in registers.into_iter().enumerate() {
        put(context, at::REGISTERS + 8 * index, value);
    }
    let segments = frame.code_segment() & 0xffff | (frame.stack_segment() & 0xffff) << 48;
    put(context, at::SEGMENTS, segments);
    let fault = task.last_fault();
    put(context, at::ERROR, fault.error_code);
    put(context, at::TRAP, fault.vector);
    put(context, at::OLD_MASK, mask);
    put(context, at::FAULT_ADDRESS, fault.address);
    put(context, at::FPU, fpu_address);
    put(context, at::MASK, mask);
}

/// Bytes of the FPU state in a frame, without the closing mark.
fn fpu_size() -> usize {
    machine::thread::fpu_state_size().max(FXSAVE_SIZE)
}

/// Linux's marks in the bytes the CPU leaves to programs: how large the state is and what it holds.
fn fpu_marks(size: usize) -> [u8; 48] {
    let features = machine::thread::fpu_features();
    let mut marks = [0; 48];
    put(&mut marks, 0, u64::from(FP_XSTATE_MAGIC1) | ((size + MAGIC2_SIZE) as u64) << 32);
    put(&mut marks, 8, features);
    put(&mut marks, 16, size as u64);
    marks
}

/// rt_sigreturn(2): takes everything back from the frame the stack pointer points behind. What user mode may not choose is
/// sanitized; a frame that cannot be read ends the process by SIGSEGV.
pub fn rt_sigreturn(task: &Task, frame: &mut UserFrame) -> Result<i64> {
    match restore(task, frame) {
        Ok(()) => {
            frame.original_rax = u64::MAX;
            Ok(frame.rax as i64)
        }
        Err(_) => {
            force(task, SignalInfo::kernel(SIGSEGV));
            Ok(0)
        }
    }
}

fn restore(task: &Task, frame: &mut UserFrame) -> Result<()> {
    let mut context = [0u8; CONTEXT_SIZE];
    // The handler's return has popped the restorer's address.
    if copy_from_user(&mut context, frame.stack_pointer()) != 0 {
        return Err(EFAULT);
    }
    task.set_blocked(get(&context, at::MASK));
    let register = |index: usize| get(&context, at::REGISTERS + 8 * index);
    frame.r8 = register(0);
    frame.r9 = register(1);
    frame.r10 = register(2);
    frame.r11 = register(3);
    frame.r12 = register(4);
    frame.r13 = register(5);
    frame.r14 = register(6);
    frame.r15 = register(7);
    frame.rdi = register(8);
    frame.rsi = register(9);
    frame.rbp = register(10);
    frame.rbx = register(11);
    frame.rdx = register(12);
    frame.rax = register(13);
    frame.rcx = register(14);
    frame.set_stack_pointer(register(15));
    frame.set_instruction_pointer(register(16));
    frame.set_flags(register(17));
    let segments = get(&context, at::SEGMENTS);
    let strict = get(&context, at::FLAGS) & UC_STRICT_RESTORE_SS != 0;
    let stack_segment = if strict { segments >> 48 | 3 } else { frame.stack_segment() };
    if !frame.set_segments(segments & 0xffff | 3, stack_segment) {
        return Err(EFAULT.because("not a user segment"));
    }
    restore_fpu(task, get(&context, at::FPU))?;
    let stack = AlternateStack {
        base: get(&context, at::STACK),
        flags: get_half(&context, at::STACK + 8),
        size: get(&context, at::STACK + 16),
    };
    // As Linux does, errors of the alternate stack do not matter here.
    let _ = calls::change_alternate_stack(task, frame.stack_pointer(), stack);
    Ok(())
}

fn restore_fpu(task: &Task, address: u64) -> Result<()> {
    if address == 0 {
        task.thread().fpu_reset();
        return Ok(());
    }
    let mut marks = [0; 48];
    if copy_from_user(&mut marks, address.wrapping_add(SOFTWARE_BYTES as u64)) != 0 {
        return Err(EFAULT);
    }
    let claimed = get_half(&marks, 16) as usize;
    let marked = get_half(&marks, 0) == FP_XSTATE_MAGIC1 && (FXSAVE_SIZE + 64..=fpu_size()).contains(&claimed);
    let closed = || {
        let mut mark = [0; MAGIC2_SIZE];
        copy_from_user(&mut mark, address.wrapping_add(claimed as u64)) == 0 && mark == FP_XSTATE_MAGIC2.to_ne_bytes()
    };
    let length = if marked && closed() { claimed } else { FXSAVE_SIZE };
    match task.thread().fpu_from_user(address, length) {
        true => Ok(()),
        false => Err(EFAULT.because("unreadable or malformed FPU state")),
    }
}
