//! The signal frames of 64-bit code, as Linux lays them out (sigreturn(2)): x86-64's, and x32's, which differs in what has
//! pointers.
//!
//! From the top: FPU state (64-byte aligned, with Linux's marks in its software bytes), `siginfo_t`, `ucontext_t`, and the
//! address the handler returns to. The red zone of 128 bytes below the interrupted stack pointer is left alone.
use super::bytes::{get, half, put};
use super::*;
use crate::syscall::user::UserLayout;
use machine::thread::Selectors;
use machine::user::copy_to_user;

const RED_ZONE: u64 = 128;
/// `struct ucontext` comes after the return address.
const CONTEXT_OFFSET: usize = 8;
/// The larger of the two frames: return address, ucontext, siginfo.
const LARGEST_FRAME: usize = CONTEXT_OFFSET + 304 + information::SIZE;

const UC_SIGCONTEXT_SS: u64 = 2;
const UC_STRICT_RESTORE_SS: u64 = 4;

/// Offsets in `struct ucontext` of an ABI. Flags (and in their upper half, or behind them, a link) are at 0.
struct Layout {
    stack: usize,
    registers: usize,
    mask: usize,
    /// Bytes of all.
    size: usize,
}
const X86_64: Layout = Layout { stack: 16, registers: 40, mask: 296, size: 304 };
const X32: Layout = Layout { stack: 8, registers: 24, mask: 280, size: 288 };

impl Layout {
    fn of(abi: Abi) -> &'static Layout {
        if matches!(abi, Abi::X32) { &X32 } else { &X86_64 }
    }
    /// One past the last byte of the frame.
    fn frame_size(&self) -> usize {
        CONTEXT_OFFSET + self.size + information::SIZE
    }
}

/// Offsets in `struct sigcontext`, from its registers on.
mod at {
    pub const SEGMENTS: usize = 18 * 8;
    pub const ERROR: usize = SEGMENTS + 8;
    pub const TRAP: usize = ERROR + 8;
    pub const OLD_MASK: usize = TRAP + 8;
    pub const FAULT_ADDRESS: usize = OLD_MASK + 8;
    pub const FPU: usize = FAULT_ADDRESS + 8;
}

/// Writes the frame of a handler of 64-bit code. EFAULT if the stack cannot take it.
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
    let layout = Layout::of(action.abi);
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
    stack = (stack.wrapping_sub(layout.frame_size() as u64) & !15).wrapping_sub(8);
    // A frame that would leave the alternate stack is an overflow, not to be written elsewhere.
    if (entering || on_alternate) && !alternate.contains(stack) {
        return Err(EFAULT.because("the alternate stack overflows"));
    }
    let mut room = [0u8; LARGEST_FRAME];
    let bytes = room.get_mut(..layout.frame_size()).unwrap_or_default();
    put(bytes, 0, action.restorer);
    let (context, place) = bytes.get_mut(CONTEXT_OFFSET..).unwrap_or_default().split_at_mut(layout.size);
    fill_context(task, frame, context, action.abi, &alternate, mask, fpu_address);
    info.encode(action.abi, place);
    // The FPU state last: the handler starts with the initial one.
    if copy_to_user(stack, bytes) != 0
        || copy_to_user(fpu_address.wrapping_add(fpu_size as u64), &FP_XSTATE_MAGIC2.to_ne_bytes()) != 0
        || !task.thread().fpu_to_user(fpu_address, &fpu_marks(fpu_size, 0))
    {
        return Err(EFAULT);
    }
    if alternate.flags & SS_AUTODISARM != 0 {
        task.signals.set_alternate_stack(AlternateStack::DISABLED);
    }
    frame.rdi = info.signal.into();
    frame.rsi = stack.wrapping_add((CONTEXT_OFFSET + layout.size) as u64);
    frame.rdx = stack.wrapping_add(CONTEXT_OFFSET as u64);
    frame.rax = 0;
    frame.set_stack_pointer(stack);
    frame.set_segments(CODE_SEGMENT, DATA_SEGMENT);
    if matches!(action.abi, Abi::X32) {
        let data = DATA_SEGMENT as u16;
        task.thread().set_selectors(Selectors { ds: data, es: data, ..task.thread().selectors() });
    }
    Ok(())
}

fn fill_context(
    task: &Task,
    frame: &UserFrame,
    context: &mut [u8],
    abi: Abi,
    alternate: &AlternateStack,
    mask: SignalSet,
    fpu_address: u64,
) {
    let layout = Layout::of(abi);
    put(context, 0, UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS);
    let flags = alternate.state(frame.stack_pointer()) | alternate.flags & SS_AUTODISARM;
    let shown = AlternateStack { flags, ..*alternate };
    let end = layout.stack + AlternateStack::size(abi);
    shown.encode(abi, context.get_mut(layout.stack..end).unwrap_or_default());
    put(context, layout.mask, mask);
    let context = context.get_mut(layout.registers..).unwrap_or_default();
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
        put(context, 8 * index, value);
    }
    let segments = frame.code_segment() & 0xffff | (frame.stack_segment() & 0xffff) << 48;
    put(context, at::SEGMENTS, segments);
    let fault = task.last_fault();
    put(context, at::ERROR, fault.error_code);
    put(context, at::TRAP, fault.vector);
    put(context, at::OLD_MASK, mask);
    put(context, at::FAULT_ADDRESS, fault.address);
    put(context, at::FPU, fpu_address);
}

/// rt_sigreturn(2): takes everything back from the frame the stack pointer points behind. What user mode may not choose is
/// sanitized; a frame that cannot be read ends the process by SIGSEGV.
pub fn rt_sigreturn(task: &Task, frame: &mut UserFrame) -> Result<i64> {
    let restored = restore(task, frame, Abi::X86_64);
    returned(task, frame, restored)
}

/// rt_sigreturn(2) of x32.
pub fn rt_sigreturn_x32(task: &Task, frame: &mut UserFrame) -> Result<i64> {
    let restored = restore(task, frame, Abi::X32);
    returned(task, frame, restored)
}

fn restore(task: &Task, frame: &mut UserFrame, abi: Abi) -> Result<()> {
    let layout = Layout::of(abi);
    let mut room = [0u8; X86_64.size];
    let all = room.get_mut(..layout.size).unwrap_or_default();
    // The handler's return has popped the restorer's address.
    if copy_from_user(all, frame.stack_pointer()) != 0 {
        return Err(EFAULT);
    }
    task.set_blocked(get(all, layout.mask));
    let context = all.get(layout.registers..).unwrap_or_default();
    let register = |index: usize| get(context, 8 * index);
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
    let segments = get(context, at::SEGMENTS);
    let strict = u64::from(half(all, 0)) & UC_STRICT_RESTORE_SS != 0;
    let stack_segment = if strict { segments >> 48 | 3 } else { frame.stack_segment() };
    if !frame.set_segments(segments & 0xffff | 3, stack_segment) {
        return Err(EFAULT.because("not a user segment"));
    }
    match get(context, at::FPU) {
        0 => task.thread().fpu_reset(),
        address => restore_fpu(task, address)?,
    }
    let end = layout.stack + AlternateStack::size(abi);
    let stack = AlternateStack::decode(abi, all.get(layout.stack..end).unwrap_or_default());
    // As Linux does, errors of the alternate stack do not matter here.
    let _ = calls::change_alternate_stack(task, frame.stack_pointer(), stack);
    Ok(())
}
