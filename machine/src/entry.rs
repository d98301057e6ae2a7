//! Entry from user mode: the register frame, system-call and exception stubs.
use abi::Abi;

/// The complete user registers at the top of the kernel stack; Linux's `pt_regs` in layout.
///
/// General registers are free to change. Segment selectors, flags and addresses are sanitized by their setters, so that no
/// frame can lead anywhere but to user mode.
#[repr(C)]
#[derive(Clone, Default, Debug)]
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
    ss: u64,
}
impl UserFrame {
    /// A frame that starts 64-bit user code with all registers zero and interrupts on.
    pub fn new(_abi: Abi, _instruction_pointer: u64, _stack_pointer: u64) -> Self {
        todo!()
    }
    /// Instruction pointer.
    pub fn instruction_pointer(&self) -> u64 {
        self.rip
    }
    /// Sets the instruction pointer; a non-canonical one faults in user mode, never in the kernel.
    pub fn set_instruction_pointer(&mut self, _value: u64) {
        todo!()
    }
    /// Stack pointer.
    pub fn stack_pointer(&self) -> u64 {
        self.rsp
    }
    /// Sets the stack pointer.
    pub fn set_stack_pointer(&mut self, _value: u64) {
        todo!()
    }
    /// Flags.
    pub fn flags(&self) -> u64 {
        self.rflags
    }
    /// Sets the flags user mode may choose (as sigreturn and ptrace may on Linux); others are kept.
    pub fn set_flags(&mut self, _value: u64) {
        todo!()
    }
    /// Code segment selector.
    pub fn code_segment(&self) -> u64 {
        self.cs
    }
    /// Stack segment selector.
    pub fn stack_segment(&self) -> u64 {
        self.ss
    }
    /// Sets both selectors if they are user selectors of this kernel.
    pub fn set_segments(&mut self, _code: u64, _stack: u64) -> bool {
        todo!()
    }
    /// Whether the code runs in 64-bit mode.
    pub fn is_64_bit(&self) -> bool {
        todo!()
    }
    /// The way the system call came in (fixed by the entry stub; x32 is decided by bit 30 of the number).
    pub fn entry(&self) -> EntryKind {
        todo!()
    }
    /// The six argument registers of the ABI in order.
    pub fn arguments(&self, abi: Abi) -> [u64; 6] {
        match abi {
            Abi::X86_64 | Abi::X32 => [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9],
            Abi::I386 => {
                [self.rbx, self.rcx, self.rdx, self.rsi, self.rdi, self.rbp].map(|register| register & 0xffff_ffff)
            }
        }
    }
}

/// How user mode came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// 64-bit `syscall`.
    Syscall,
    /// `int 0x80`.
    Int80,
    /// `sysenter`.
    Sysenter,
    /// 32-bit `syscall`.
    Syscall32,
    /// An exception or interrupt, not a call.
    Exception,
}

/// An exception raised in user mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exception {
    /// Vector, 0 to 31.
    pub vector: u8,
    /// Error code pushed by the CPU, 0 if none.
    pub error_code: u32,
    /// The faulting address for page faults (cr2), the DR6 value for debug exceptions.
    pub address: u64,
}
