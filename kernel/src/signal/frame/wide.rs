//! The signal frames of 64-bit code, as Linux lays them out (sigreturn(2)): x86-64's, and x32's, which differs in what has
//! pointers.
//!
//! From the top: FPU state (64-byte aligned, with Linux's marks in its software bytes), `siginfo_t`, `ucontext_t`, and the
//! address the handler returns to. The red zone of 128 bytes below the interrupted stack pointer is left alone.
use super::bytes::{get, put};
use super::*;
use crate::syscall::user::UserLayout;
use machine::thread::{Selectors, is_stack_segment};
use machine::user::{copy_from_user, copy_to_user, load_array, store_array, store_user};

const RED_ZONE: u64 = 128;
/// `struct ucontext` comes after the return address.
const CONTEXT_OFFSET: usize = 8;

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
const _: () =
    assert!(X86_64.registers + at::RESERVED + 8 * RESERVED == X86_64.mask && X86_64.stack + 24 == X86_64.registers);
const X32: Layout = Layout { stack: 8, registers: 24, mask: 280, size: 288 };

impl Layout {
    fn of(abi: Abi) -> &'static Layout {
        if matches!(abi, Abi::X32) { &X32 } else { &X86_64 }
    }
    /// One past the last byte of the frame.
    const fn frame_size(&self) -> usize {
        CONTEXT_OFFSET + self.size + information::SIZE
    }
}

/// Offsets in `struct sigcontext`, from its registers on.
mod at {
    // r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags; then error code, trap, mask and fault address.
    pub const SEGMENTS: usize = 18 * 8;
    pub const FPU: usize = SEGMENTS + 5 * 8;
    pub const RESERVED: usize = FPU + 8;
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
    // Made on each way for itself: that of x86-64 then keeps it nowhere but in the frame.
    let context = || Context::new(task, frame, &alternate, mask, fpu_address);
    let written = match action.abi {
        Abi::X32 => context().write_x32(stack, action.restorer, info),
        _ => context().write(stack, action.restorer, info),
    };
    // The FPU state last: the handler starts with the initial one.
    if written.is_err()
        || store_user(fpu_address.wrapping_add(fpu_size as u64), FP_XSTATE_MAGIC2).is_err()
        || !task.thread().fpu_to_user(fpu_address, fpu_marks(fpu_size, 0))
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
    // A stack segment of the program's own stays where it can, and can be looked at by the handler.
    let keeps = frame.stack_segment() != DATA_SEGMENT
        && !matches!(action.abi, Abi::X32)
        && is_stack_segment(frame.stack_segment());
    frame.set_segments(CODE_SEGMENT, if keeps { frame.stack_segment() } else { DATA_SEGMENT });
    if matches!(action.abi, Abi::X32) {
        let data = DATA_SEGMENT as u16;
        task.thread().set_selectors(Selectors { ds: data, es: data, ..task.thread().selectors() });
    }
    Ok(())
}

/// What `struct ucontext` says, as the 64-bit one has it.
struct Context {
    flags: u64,
    stack: AlternateStack,
    /// `struct sigcontext`, up to its reserved words.
    registers: [u64; REGISTERS],
    mask: SignalSet,
}
/// Words of `struct sigcontext` that are not reserved, and those that are.
const REGISTERS: usize = at::RESERVED / 8;
const RESERVED: usize = 8;

impl Context {
    #[inline(always)]
    fn new(task: &Task, frame: &UserFrame, alternate: &AlternateStack, mask: SignalSet, fpu_address: u64) -> Context {
        let flags = alternate.state(frame.stack_pointer()) | alternate.flags & SS_AUTODISARM;
        let fault = task.last_fault();
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
            frame.code_segment() & 0xffff | (frame.stack_segment() & 0xffff) << 48,
            fault.error_code,
            fault.vector,
            mask,
            fault.address,
            fpu_address,
        ];
        let stack = AlternateStack { flags, ..*alternate };
        let strict = if frame.is_64_bit() { UC_STRICT_RESTORE_SS } else { 0 };
        Context { flags: UC_FP_XSTATE | UC_SIGCONTEXT_SS | strict, stack, registers, mask }
    }

    /// Writes the frame of x86-64, each word of which is put where it goes at once.
    #[inline(always)]
    fn write(&self, to: u64, restorer: u64, info: &SignalInfo) -> Result<()> {
        const WORDS: usize = X86_64.frame_size() / 8;
        let AlternateStack { base, size, flags } = self.stack;
        let [
            r0,
            r1,
            r2,
            r3,
            r4,
            r5,
            r6,
            r7,
            r8,
            r9,
            r10,
            r11,
            r12,
            r13,
            r14,
            r15,
            r16,
            r17,
            r18,
            r19,
            r20,
            r21,
            r22,
            r23,
        ] = self.registers;
        let [i0, i1, i2, i3, i4, i5] = info.words();
        #[rustfmt::skip]
        let words: [u64; WORDS] = [
            restorer, self.flags, 0, base, flags.into(), size,
            r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15, r16, r17, r18, r19, r20, r21, r22, r23,
            0, 0, 0, 0, 0, 0, 0, 0,
            self.mask,
            i0, i1, i2, i3, i4, i5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        Ok(store_array(to, &words)?)
    }

    /// Writes the frame of x32.
    #[inline(never)]
    fn write_x32(&self, to: u64, restorer: u64, info: &SignalInfo) -> Result<()> {
        let mut bytes = [0; X32.frame_size()];
        put(&mut bytes, 0, restorer);
        let (context, place) = bytes.get_mut(CONTEXT_OFFSET..).unwrap_or_default().split_at_mut(X32.size);
        put(context, 0, self.flags);
        let end = X32.stack + AlternateStack::size(Abi::X32);
        self.stack.encode(Abi::X32, context.get_mut(X32.stack..end).unwrap_or_default());
        for (index, value) in self.registers.into_iter().enumerate() {
            put(context, X32.registers + 8 * index, value);
        }
        put(context, X32.mask, self.mask);
        info.encode(Abi::X32, place);
        if copy_to_user(to, &bytes) == 0 { Ok(()) } else { Err(EFAULT) }
    }

    /// Reads what x32 has of it.
    #[inline(never)]
    fn read_x32(from: u64) -> Result<Context> {
        let mut bytes = [0; X32.size];
        if copy_from_user(&mut bytes, from) != 0 {
            return Err(EFAULT);
        }
        let registers = core::array::from_fn(|index| get(&bytes, X32.registers + 8 * index));
        let end = X32.stack + AlternateStack::size(Abi::X32);
        let stack = AlternateStack::decode(Abi::X32, bytes.get(X32.stack..end).unwrap_or_default());
        Ok(Context { flags: get(&bytes, 0), stack, registers, mask: get(&bytes, X32.mask) })
    }
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
    // The handler's return has popped the restorer's address.
    let from = frame.stack_pointer();
    if matches!(abi, Abi::X32) {
        let Context { flags, stack, registers, mask } = Context::read_x32(from)?;
        return restore_context(task, frame, flags, stack, &registers, mask);
    }
    let words: [u64; X86_64.size / 8] = load_array(from)?;
    let [flags, _, base, stack_flags, size, rest @ ..] = &words;
    let stack = AlternateStack { base: *base, flags: *stack_flags as u32, size: *size };
    let registers = rest.first_chunk().ok_or(EFAULT)?;
    restore_context(task, frame, *flags, stack, registers, words[X86_64.mask / 8])
}

#[inline(always)]
fn restore_context(
    task: &Task,
    frame: &mut UserFrame,
    flags: u64,
    stack: AlternateStack,
    registers: &[u64; REGISTERS],
    mask: SignalSet,
) -> Result<()> {
    task.set_blocked(mask);
    frame.r8 = registers[0];
    frame.r9 = registers[1];
    frame.r10 = registers[2];
    frame.r11 = registers[3];
    frame.r12 = registers[4];
    frame.r13 = registers[5];
    frame.r14 = registers[6];
    frame.r15 = registers[7];
    frame.rdi = registers[8];
    frame.rsi = registers[9];
    frame.rbp = registers[10];
    frame.rbx = registers[11];
    frame.rdx = registers[12];
    frame.rax = registers[13];
    frame.rcx = registers[14];
    frame.set_stack_pointer(registers[15]);
    frame.set_instruction_pointer(registers[16]);
    frame.set_flags(registers[17]);
    let segments = registers[at::SEGMENTS / 8];
    let (code, stack_segment) = (segments & 0xffff | 3, segments >> 48 | 3);
    // Code of 64 bits runs with any stack segment; old programs have written anything there.
    let is_lenient = flags & UC_STRICT_RESTORE_SS == 0 && code == CODE_SEGMENT;
    let mends = is_lenient && stack_segment != DATA_SEGMENT && !is_stack_segment(stack_segment);
    frame.set_segments(code, if mends { DATA_SEGMENT } else { stack_segment });
    match registers[at::FPU / 8] {
        0 => task.thread().fpu_reset(),
        address => restore_fpu(task, address)?,
    }
    // As Linux does, errors of the alternate stack do not matter here.
    let _ = calls::change_alternate_stack(task, frame.stack_pointer(), stack);
    Ok(())
}
