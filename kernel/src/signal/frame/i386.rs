//! The two signal frames of 32-bit programs, as Linux lays them out on 64-bit kernels (sigreturn(2)).
//!
//! From the top: FPU state (the FXSAVE form 64-byte aligned, the FSAVE form just below it), and either the old frame (signal,
//! `struct sigcontext`, room for an FPU state that is not there any more, the upper half of the mask) or, with SA_SIGINFO,
//! `siginfo_t` and `ucontext_t`. Both begin with the address the handler returns to and end in code that nobody runs.
use super::bytes::{half, put_half};
use super::x87::{self, FSAVE_SIZE};
use super::*;
use crate::syscall::user::UserLayout;
use machine::thread::Selectors;
use machine::user::{copy_from_user, copy_to_user};

/// `struct sigcontext`.
const CONTEXT_SIZE: usize = 88;
/// The FSAVE form with its two marks (`struct fregs_state`).
const FSAVE_AND_MARKS: usize = 112;

/// Offsets in the old frame.
mod old {
    pub const SIZE: usize = 732;
    pub const CONTEXT: usize = 8;
    /// The upper half of the mask, and the code behind it.
    pub const EXTRA_MASK: usize = 720;
}
/// Offsets in the frame with information.
mod rt {
    pub const SIZE: usize = 268;
    pub const INFO: usize = 16;
    pub const UCONTEXT: usize = 144;
    pub const STACK: usize = UCONTEXT + 8;
    pub const CONTEXT: usize = UCONTEXT + 20;
    pub const MASK: usize = UCONTEXT + 108;
    pub const CODE: usize = 260;
}
/// Offsets in `struct sigcontext`.
mod at {
    pub const SEGMENTS: usize = 0;
    pub const REGISTERS: usize = 16;
    pub const TRAP: usize = 48;
    pub const ERROR: usize = 52;
    pub const IP: usize = 56;
    pub const CS: usize = 60;
    pub const FLAGS: usize = 64;
    pub const SP_AT_SIGNAL: usize = 68;
    pub const SS: usize = 72;
    pub const FPU: usize = 76;
    pub const OLD_MASK: usize = 80;
    pub const FAULT_ADDRESS: usize = 84;
}

/// `pop eax; mov eax, 119; int 0x80`.
const OLD_CODE: [u8; 8] = [0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80];
/// `mov eax, 173; int 0x80`.
const RT_CODE: [u8; 8] = [0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0];

fn fill_context(task: &Task, frame: &UserFrame, context: &mut [u8], mask: SignalSet, fpu: u64) {
    let Selectors { ds, es, fs, gs } = task.thread().selectors();
    for (index, selector) in [gs, fs, es, ds].into_iter().enumerate() {
        put_half(context, at::SEGMENTS + 4 * index, selector.into());
    }
    let stack = frame.stack_pointer();
    let registers = [frame.rdi, frame.rsi, frame.rbp, stack, frame.rbx, frame.rdx, frame.rcx, frame.rax];
    for (index, value) in registers.into_iter().enumerate() {
        put_half(context, at::REGISTERS + 4 * index, value as u32);
    }
    let fault = task.last_fault();
    for (offset, value) in [
        (at::TRAP, fault.vector),
        (at::ERROR, fault.error_code),
        (at::IP, frame.instruction_pointer()),
        (at::CS, frame.code_segment()),
        (at::FLAGS, frame.flags()),
        (at::SP_AT_SIGNAL, stack),
        (at::SS, frame.stack_segment()),
        (at::FPU, fpu),
        (at::OLD_MASK, mask),
        (at::FAULT_ADDRESS, fault.address),
    ] {
        put_half(context, offset, value as u32);
    }
}

/// Writes the FPU state: the form of FSAVE at `address`, the full state behind it.
fn push_fpu(task: &Task, frame: &UserFrame, address: u64, size: usize) -> Result<()> {
    // The header behind the FXSAVE area says whether its x87 part counts or is the initial one.
    let mut legacy = [0; FXSAVE_SIZE + 8];
    let has_header = task.thread().fpu_read(&mut legacy) > FXSAVE_SIZE;
    if has_header && legacy.get(FXSAVE_SIZE).is_some_and(|components| components & 1 == 0) {
        const INITIAL_CONTROL: u32 = 0x37f;
        legacy.fill(0);
        put_half(&mut legacy, 0, INITIAL_CONTROL);
    }
    let mut image = [0; FSAVE_AND_MARKS];
    let (environment, marks) = image.split_at_mut(FSAVE_SIZE);
    let data = task.thread().selectors().ds;
    environment.copy_from_slice(&x87::to_fsave(&legacy, frame.code_segment() as u16, data));
    // The status word, and a magic number that says that the FXSAVE form follows.
    put_half(marks, 0, half(&legacy, 0) >> 16);
    let full = address.wrapping_add(FSAVE_AND_MARKS as u64);
    if copy_to_user(address, &image) != 0
        || copy_to_user(full.wrapping_add(size as u64), &FP_XSTATE_MAGIC2.to_ne_bytes()) != 0
        || !task.thread().fpu_to_user(full, fpu_marks(size, FSAVE_AND_MARKS))
    {
        return Err(EFAULT);
    }
    Ok(())
}

/// Where the handler returns to: what the program gave, else the vDSO's code, else the code in the frame.
fn return_address(task: &Task, action: &Action, code: u64, with_info: bool) -> u32 {
    let image = machine::vdso::i386();
    let landing = task.thread().fast_call_landing();
    match action.flags & SA_RESTORER {
        0 if landing == 0 => code as u32,
        0 => landing - image.landing + if with_info { image.rt_sigreturn } else { image.sigreturn },
        _ => action.restorer as u32,
    }
}

/// Chooses the handler's stack, above its frame.
fn stack_for(frame: &UserFrame, action: &Action, alternate: &AlternateStack) -> u64 {
    let stack = frame.stack_pointer();
    if action.flags & SA_ONSTACK != 0 {
        return if alternate.state(stack) == 0 { alternate.base.wrapping_add(alternate.size) } else { stack };
    }
    // How programs with a stack segment of their own have named a stack for handlers.
    let is_foreign = frame.stack_segment() != DATA_SEGMENT && action.flags & SA_RESTORER == 0;
    if is_foreign && action.restorer != 0 { action.restorer } else { stack }
}

/// Writes the frame of a handler of 32-bit code.
pub(super) fn push(
    task: &Task,
    frame: &mut UserFrame,
    info: &SignalInfo,
    action: &Action,
    mask: SignalSet,
) -> Result<()> {
    let with_info = action.flags & SA_SIGINFO != 0;
    let alternate = task.signals.alternate_stack();
    let size = fpu_size();
    let top = stack_for(frame, action, &alternate);
    let full = top.wrapping_sub((size + MAGIC2_SIZE) as u64) & !63;
    let fpu = full.wrapping_sub(FSAVE_AND_MARKS as u64);
    let room = if with_info { rt::SIZE } else { old::SIZE };
    // So that the stack pointer is a multiple of 16 where the handler's own arguments begin.
    let stack = (fpu.wrapping_sub(room as u64).wrapping_add(4) & !15).wrapping_sub(4);
    let written = match with_info {
        true => write_rt(task, frame, info, action, mask, &alternate, stack, fpu),
        false => write_old(task, frame, info, action, mask, stack, fpu),
    };
    written?;
    push_fpu(task, frame, fpu, size)?;
    frame.rax = info.signal.into();
    (frame.rdx, frame.rcx) = match with_info {
        true => (stack.wrapping_add(rt::INFO as u64), stack.wrapping_add(rt::UCONTEXT as u64)),
        false => (0, 0),
    };
    if with_info && alternate.flags & SS_AUTODISARM != 0 {
        task.signals.set_alternate_stack(AlternateStack::DISABLED);
    }
    frame.set_stack_pointer(stack);
    frame.set_segments(NARROW_CODE_SEGMENT, DATA_SEGMENT);
    let data = DATA_SEGMENT as u16;
    task.thread().set_selectors(Selectors { ds: data, es: data, ..task.thread().selectors() });
    Ok(())
}

fn write_old(
    task: &Task,
    frame: &UserFrame,
    info: &SignalInfo,
    action: &Action,
    mask: SignalSet,
    stack: u64,
    fpu: u64,
) -> Result<()> {
    let mut head = [0u8; old::CONTEXT + CONTEXT_SIZE];
    let code = stack.wrapping_add(old::EXTRA_MASK as u64 + 4);
    put_half(&mut head, 0, return_address(task, action, code, false));
    put_half(&mut head, 4, info.signal);
    fill_context(task, frame, head.get_mut(old::CONTEXT..).unwrap_or_default(), mask, fpu);
    let mut tail = [0u8; 12];
    put_half(&mut tail, 0, (mask >> 32) as u32);
    tail.iter_mut().skip(4).zip(OLD_CODE).for_each(|(place, byte)| *place = byte);
    let tail_at = stack.wrapping_add(old::EXTRA_MASK as u64);
    if copy_to_user(stack, &head) != 0 || copy_to_user(tail_at, &tail) != 0 { Err(EFAULT) } else { Ok(()) }
}

#[allow(clippy::too_many_arguments)]
fn write_rt(
    task: &Task,
    frame: &UserFrame,
    info: &SignalInfo,
    action: &Action,
    mask: SignalSet,
    alternate: &AlternateStack,
    stack: u64,
    fpu: u64,
) -> Result<()> {
    let mut bytes = [0u8; rt::SIZE];
    let code = stack.wrapping_add(rt::CODE as u64);
    put_half(&mut bytes, 0, return_address(task, action, code, true));
    put_half(&mut bytes, 4, info.signal);
    put_half(&mut bytes, 8, stack.wrapping_add(rt::INFO as u64) as u32);
    put_half(&mut bytes, 12, stack.wrapping_add(rt::UCONTEXT as u64) as u32);
    info.encode(Abi::I386, bytes.get_mut(rt::INFO..rt::UCONTEXT).unwrap_or_default());
    put_half(&mut bytes, rt::UCONTEXT, UC_FP_XSTATE as u32);
    let flags = alternate.state(frame.stack_pointer()) | alternate.flags & SS_AUTODISARM;
    AlternateStack { flags, ..*alternate }.encode(Abi::I386, bytes.get_mut(rt::STACK..rt::CONTEXT).unwrap_or_default());
    fill_context(task, frame, bytes.get_mut(rt::CONTEXT..rt::MASK).unwrap_or_default(), mask, fpu);
    super::bytes::put(&mut bytes, rt::MASK, mask);
    super::bytes::put(&mut bytes, rt::CODE, u64::from_ne_bytes(RT_CODE));
    if copy_to_user(stack, &bytes) != 0 { Err(EFAULT) } else { Ok(()) }
}

/// sigreturn(2): takes everything back from the old frame.
pub fn sigreturn(task: &Task, frame: &mut UserFrame) -> Result<i64> {
    // The handler's return has popped its address, the trampoline the signal.
    let start = frame.stack_pointer().wrapping_sub(8);
    let mut context = [0u8; CONTEXT_SIZE];
    let mut upper = [0u8; 4];
    let read = copy_from_user(&mut context, start.wrapping_add(old::CONTEXT as u64)) == 0
        && copy_from_user(&mut upper, start.wrapping_add(old::EXTRA_MASK as u64)) == 0;
    let restored = if read {
        task.set_blocked(u64::from(half(&context, at::OLD_MASK)) | u64::from(u32::from_ne_bytes(upper)) << 32);
        restore(task, frame, &context)
    } else {
        Err(EFAULT)
    };
    returned(task, frame, restored)
}

/// rt_sigreturn(2): takes everything back from the frame with information.
pub fn rt_sigreturn(task: &Task, frame: &mut UserFrame) -> Result<i64> {
    let start = frame.stack_pointer().wrapping_sub(4);
    let mut bytes = [0u8; rt::CODE - rt::UCONTEXT];
    let read = copy_from_user(&mut bytes, start.wrapping_add(rt::UCONTEXT as u64)) == 0;
    let part = |from: usize, to: usize| bytes.get(from - rt::UCONTEXT..to - rt::UCONTEXT).unwrap_or_default();
    let restored = if read {
        task.set_blocked(super::bytes::get(&bytes, rt::MASK - rt::UCONTEXT));
        restore(task, frame, part(rt::CONTEXT, rt::MASK)).inspect(|()| {
            let stack = AlternateStack::decode(Abi::I386, part(rt::STACK, rt::CONTEXT));
            // As Linux does, errors of the alternate stack do not matter here.
            let _ = calls::change_alternate_stack(task, frame.stack_pointer(), stack);
        })
    } else {
        Err(EFAULT)
    };
    returned(task, frame, restored)
}

fn restore(task: &Task, frame: &mut UserFrame, context: &[u8]) -> Result<()> {
    let selector = |at: usize| half(context, at) as u16 | 3;
    let register = |index: usize| u64::from(half(context, at::REGISTERS + 4 * index));
    frame.rdi = register(0);
    frame.rsi = register(1);
    frame.rbp = register(2);
    frame.set_stack_pointer(register(3));
    frame.rbx = register(4);
    frame.rdx = register(5);
    frame.rcx = register(6);
    frame.rax = register(7);
    frame.set_instruction_pointer(half(context, at::IP).into());
    frame.set_flags(half(context, at::FLAGS).into());
    frame.set_segments(selector(at::CS).into(), selector(at::SS).into());
    let before = task.thread().selectors();
    // A null selector is as good as another.
    let kept = |wanted: u16, before: u16| if wanted == before | 3 { before } else { wanted };
    task.thread().set_selectors(Selectors {
        gs: kept(selector(at::SEGMENTS), before.gs),
        fs: kept(selector(at::SEGMENTS + 4), before.fs),
        es: kept(selector(at::SEGMENTS + 8), before.es),
        ds: kept(selector(at::SEGMENTS + 12), before.ds),
    });
    restore_state(task, half(context, at::FPU).into())
}

/// Loads the FPU state: the full one, and over it what the form of FSAVE says.
fn restore_state(task: &Task, address: u64) -> Result<()> {
    if address == 0 {
        task.thread().fpu_reset();
        return Ok(());
    }
    let mut image = [0; FSAVE_SIZE];
    if copy_from_user(&mut image, address) != 0 {
        return Err(EFAULT);
    }
    restore_fpu(task, address.wrapping_add(FSAVE_AND_MARKS as u64))?;
    task.thread().fpu_set_x87(&x87::from_fsave(&image));
    Ok(())
}
