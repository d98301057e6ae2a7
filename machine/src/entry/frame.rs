//! The saved registers of what was interrupted.
use crate::cpu::tables::{USER_CODE, USER_CODE_32, USER_DATA};
use abi::Abi;

/// The complete user registers at the top of the kernel stack; Linux's `pt_regs` in layout.
///
/// General registers are free to change. Segment selectors, flags and addresses are sanitized by their setters, so that no
/// frame can lead anywhere but to user mode.
#[repr(C)]
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct UserFrame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// The system-call number as entered, or -1 outside a call.
    pub original_rax: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    /// The selector in the low 16 bits; above them [`EntryKind`] and [`TOUCHED`], which the CPU ignores.
    ss: u64,
}

/// The bit of a selector that says that its segment is in the local table.
pub(super) const IN_LOCAL_TABLE: u64 = 1 << 2;
const KIND_SHIFT: u32 = 16;
/// The frame was changed in a way that only `iretq` can honour.
const TOUCHED: u64 = 1 << 20;
/// The stack-segment word of a frame that `sysretq` may restore.
pub(super) const UNTOUCHED_SYSCALL: u64 = entry_stack_segment(EntryKind::Syscall);
/// That of a call by `int 0x80` that nothing but its result has changed.
pub(super) const UNTOUCHED_INT80: u64 = entry_stack_segment(EntryKind::Int80);

/// The stack-segment word of a call that came in this way.
pub(super) const fn entry_stack_segment(kind: EntryKind) -> u64 {
    USER_DATA | (kind as u64) << KIND_SHIFT
}

/// Offsets for the entry stubs.
pub(super) const ORIGINAL_RAX: usize = core::mem::offset_of!(UserFrame, original_rax);
pub(super) const RIP: usize = core::mem::offset_of!(UserFrame, rip);
pub(super) const CS: usize = core::mem::offset_of!(UserFrame, cs);
pub(super) const RFLAGS: usize = core::mem::offset_of!(UserFrame, rflags);
pub(super) const SS: usize = core::mem::offset_of!(UserFrame, ss);

const FLAG_FIXED: u64 = 1 << 1;
const FLAG_INTERRUPT: u64 = 1 << 9;
const FLAG_TRAP: u64 = 1 << 8;
/// CF, PF, AF, ZF, SF, TF, DF, OF, RF, AC: what sigreturn and ptrace may choose on Linux (RF by sigreturn).
const USER_FLAGS: u64 = 0x1 | 0x4 | 0x10 | 0x40 | 0x80 | FLAG_TRAP | 0x400 | 0x800 | 1 << 16 | 1 << 18;

/// How user mode came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum EntryKind {
    /// An exception or interrupt, not a call.
    Exception = 0,
    /// 64-bit `syscall`.
    Syscall = 1,
    /// `int 0x80`.
    Int80 = 2,
    /// `sysenter`.
    Sysenter = 3,
    /// 32-bit `syscall`.
    Syscall32 = 4,
}

impl Default for UserFrame {
    fn default() -> Self {
        UserFrame::new(Abi::X86_64, 0, 0)
    }
}

impl UserFrame {
    /// A frame that starts user code with all registers zero and interrupts on.
    pub fn new(abi: Abi, instruction_pointer: u64, stack_pointer: u64) -> Self {
        UserFrame {
            r15: 0,
            r14: 0,
            r13: 0,
            r12: 0,
            rbp: 0,
            rbx: 0,
            r11: 0,
            r10: 0,
            r9: 0,
            r8: 0,
            rax: 0,
            rcx: 0,
            rdx: 0,
            rsi: 0,
            rdi: 0,
            original_rax: u64::MAX,
            rip: instruction_pointer,
            cs: if abi == Abi::I386 { USER_CODE_32 } else { USER_CODE },
            rflags: FLAG_FIXED | FLAG_INTERRUPT,
            rsp: stack_pointer,
            ss: USER_DATA,
        }
    }
    /// Instruction pointer.
    #[inline(always)]
    pub fn instruction_pointer(&self) -> u64 {
        self.rip
    }
    /// Sets the instruction pointer; a non-canonical one faults in user mode, never in the kernel.
    #[inline(always)]
    pub fn set_instruction_pointer(&mut self, value: u64) {
        self.rip = value;
        self.ss |= TOUCHED;
    }
    /// Stack pointer.
    #[inline(always)]
    pub fn stack_pointer(&self) -> u64 {
        self.rsp
    }
    /// Sets the stack pointer.
    #[inline(always)]
    pub fn set_stack_pointer(&mut self, value: u64) {
        self.rsp = value;
        self.ss |= TOUCHED;
    }
    /// Flags.
    #[inline(always)]
    pub fn flags(&self) -> u64 {
        self.rflags
    }
    /// Sets the flags user mode may choose (as sigreturn and ptrace may on Linux); others are kept.
    #[inline(always)]
    pub fn set_flags(&mut self, value: u64) {
        self.rflags = self.rflags & !USER_FLAGS | value & USER_FLAGS | FLAG_FIXED | FLAG_INTERRUPT;
        self.ss |= TOUCHED;
    }
    /// Code segment selector.
    #[inline(always)]
    pub fn code_segment(&self) -> u64 {
        self.cs & 0xffff
    }
    /// Stack segment selector.
    #[inline(always)]
    pub fn stack_segment(&self) -> u64 {
        self.ss & 0xffff
    }
    /// Sets both selectors if they say ring 3. `iretq` goes there only where the tables have code and a stack for that ring; else it
    /// faults, which becomes an exception of user mode's.
    #[inline(always)]
    pub fn set_segments(&mut self, code: u64, stack: u64) -> bool {
        if code & stack & 3 != 3 || (code | stack) >> 16 != 0 {
            return false;
        }
        self.cs = code;
        self.ss = self.ss & !0xffff | stack | TOUCHED;
        true
    }
    /// Whether the code runs in 64-bit mode.
    #[inline(always)]
    pub fn is_64_bit(&self) -> bool {
        self.code_segment() == USER_CODE
    }
    /// Makes the way back restore every register: needed after changes of registers that a system call does not return
    /// (all but `rax`), if none of the setters was called.
    #[inline(always)]
    pub fn touch(&mut self) {
        self.ss |= TOUCHED;
    }
    /// The way the system call came in (fixed by the entry stub; x32 is decided by bit 30 of the number).
    #[inline(always)]
    pub fn entry(&self) -> EntryKind {
        match self.ss >> KIND_SHIFT & 0xf {
            1 => EntryKind::Syscall,
            2 => EntryKind::Int80,
            3 => EntryKind::Sysenter,
            4 => EntryKind::Syscall32,
            _ => EntryKind::Exception,
        }
    }
    /// The six argument registers of the ABI in order.
    #[inline(always)]
    pub fn arguments(&self, abi: Abi) -> [u64; 6] {
        match abi {
            Abi::X86_64 | Abi::X32 => [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9],
            Abi::I386 => {
                [self.rbx, self.rcx, self.rdx, self.rsi, self.rdi, self.rbp].map(|register| register & 0xffff_ffff)
            }
        }
    }
    /// Takes over the general registers of another frame, outside of a call.
    pub(super) fn take_registers(&mut self, from: &UserFrame) {
        let UserFrame { rip, cs, rflags, rsp, ss, .. } = *self;
        *self = UserFrame { original_rax: u64::MAX, rip, cs, rflags, rsp, ss: ss & 0xffff | TOUCHED, ..from.clone() };
    }
    /// Ends what was left of a call: what follows is an exception.
    pub(super) fn leave_call(&mut self) {
        self.original_rax = u64::MAX;
        self.ss = self.ss & 0xffff | TOUCHED;
    }
    /// Whether the stack segment is one of the local table.
    #[inline(always)]
    pub(super) fn stack_is_in_local_table(&self) -> bool {
        self.ss & IN_LOCAL_TABLE != 0
    }
    /// What `iretq` pops.
    pub(super) fn returned(&self) -> [u64; 5] {
        [self.rip, self.cs, self.rflags, self.rsp, self.ss]
    }
    /// Whether `iretq` would fault on the instruction pointer instead of reaching user mode.
    pub(super) fn has_bad_instruction_pointer(&self) -> bool {
        let is_narrow = self.code_segment() == USER_CODE_32 || self.cs & IN_LOCAL_TABLE != 0;
        ((self.rip as i64) << 16 >> 16) as u64 != self.rip || is_narrow && self.rip >> 32 != 0
    }
}

/// The same registers when it is not known whether user mode or the kernel was interrupted.
#[repr(transparent)]
pub(crate) struct TrapFrame(UserFrame);

impl TrapFrame {
    /// Whether user mode was interrupted.
    pub(crate) fn is_user(&self) -> bool {
        self.0.cs & 3 == 3
    }
    pub(crate) fn instruction_pointer(&self) -> u64 {
        self.0.rip
    }
    /// Makes the interrupted kernel code continue elsewhere.
    ///
    /// # Safety
    /// `landing` is the recovery point of the code interrupted.
    pub(super) unsafe fn set_instruction_pointer(&mut self, landing: u64) {
        self.0.rip = landing;
    }
    /// Makes the interrupted kernel code continue elsewhere, on another stack.
    ///
    /// # Safety
    /// The code at `landing` expects just that stack.
    pub(super) unsafe fn continue_at(&mut self, landing: u64, stack: u64) {
        self.0.rip = landing;
        self.0.rsp = stack;
    }
    pub(crate) fn stack_pointer(&self) -> u64 {
        self.0.rsp
    }
    pub(crate) fn frame_pointer(&self) -> u64 {
        self.0.rbp
    }
    pub(crate) fn interrupts_were_on(&self) -> bool {
        self.0.rflags & FLAG_INTERRUPT != 0
    }
    pub(super) fn clear_trap_flag(&mut self) {
        self.0.rflags &= !FLAG_TRAP;
    }
    /// Prints all registers.
    pub(crate) fn print(&self, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        let f = &self.0;
        writeln!(out, "rip {:016x} cs {:04x} rflags {:08x} rsp {:016x} ss {:04x}", f.rip, f.cs, f.rflags, f.rsp, f.ss)?;
        writeln!(out, "rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}", f.rax, f.rbx, f.rcx, f.rdx)?;
        writeln!(out, "rsi {:016x} rdi {:016x} rbp {:016x} r8  {:016x}", f.rsi, f.rdi, f.rbp, f.r8)?;
        writeln!(out, "r9  {:016x} r10 {:016x} r11 {:016x} r12 {:016x}", f.r9, f.r10, f.r11, f.r12)?;
        writeln!(out, "r13 {:016x} r14 {:016x} r15 {:016x} orig_rax {:x}", f.r13, f.r14, f.r15, f.original_rax)
    }
}
