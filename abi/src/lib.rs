//! What Linux promises user space on x86: system-call numbers, structure layouts, flags, errnos. No behaviour.
//! Depends on nothing; tested on the host against its headers.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod elf;
mod errno;
pub mod mman;
pub mod signal;
pub mod stat;
pub mod termios;
pub use errno::Errno;

/// The three system-call interfaces of x86.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Abi {
    /// 64-bit `syscall`.
    #[default]
    X86_64,
    /// 64-bit `syscall` with bit 30 of the number set: 32-bit pointers, 64-bit `time_t` and `off_t`.
    X32,
    /// `int 0x80`, `sysenter`, 32-bit `syscall`.
    I386,
}

impl Abi {
    /// Whether pointers have 32 bits.
    #[inline(always)]
    pub const fn has_narrow_pointers(self) -> bool {
        !matches!(self, Abi::X86_64)
    }
}
