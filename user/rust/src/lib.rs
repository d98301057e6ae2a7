//! System calls from Rust without a library, for the three ABIs: x86-64, x32 and i386.
//!
//! [`syscall0`] to [`syscall6`] make a call and give what the kernel gives; [`result`] splits that into a value or an error
//! number. The functions are unsafe, since a system call can do anything to the caller's memory: this crate and the kernel's
//! `machine` are the only places of the project with unsafe code.
//!
//! ```
//! // SAFETY: getpid(2) takes no arguments and touches no memory.
//! let pid = lstar_user::result(unsafe { lstar_user::syscall0(lstar_user::number(39)) });
//! # #[cfg(target_arch = "x86_64")]
//! assert_eq!(pid, Ok(std::process::id() as usize));
//! ```
#![no_std]
#![deny(missing_docs)]

use core::arch::asm;

/// A register's worth of argument or result.
#[cfg(target_arch = "x86_64")]
pub type Word = u64;
/// A register's worth of argument or result.
#[cfg(target_arch = "x86")]
pub type Word = u32;

/// The number of a call as the ABI wants it: x32's have bit 30 set.
pub const fn number(number: Word) -> Word {
    if cfg!(all(target_arch = "x86_64", target_pointer_width = "32")) { number | 1 << 30 } else { number }
}

/// Splits what the kernel gave: a value, or an error number (-4095 to -1).
pub const fn result(word: Word) -> Result<usize, u16> {
    let negated = word.wrapping_neg();
    if negated != 0 && negated <= 4095 { Err(negated as u16) } else { Ok(word as usize) }
}

/// Makes a call with six arguments.
///
/// # Safety
/// What the call does to the caller's memory and registers must be what the caller expects: see the call's manual page.
#[cfg(target_arch = "x86_64")]
#[inline]
pub unsafe fn syscall6(number: Word, arguments: [Word; 6]) -> Word {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let mut word = number;
    // SAFETY: by the caller's promise; the instruction itself changes rax, rcx and r11 only.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") word,
            in("rdi") first, in("rsi") second, in("rdx") third, in("r10") fourth, in("r8") fifth, in("r9") sixth,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    word
}

/// Makes a call with six arguments.
///
/// # Safety
/// What the call does to the caller's memory and registers must be what the caller expects: see the call's manual page.
#[cfg(target_arch = "x86")]
#[inline]
pub unsafe fn syscall6(number: Word, arguments: [Word; 6]) -> Word {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    // The compiler keeps esi and ebp to itself: they are fetched from memory once they are saved.
    let words = [number, fourth, sixth];
    let mut word = words.as_ptr() as Word;
    // SAFETY: by the caller's promise; esi and ebp are put back.
    unsafe {
        asm!(
            "push esi", "push ebp",
            "mov esi, [eax + 4]", "mov ebp, [eax + 8]", "mov eax, [eax]",
            "int 0x80",
            "pop ebp", "pop esi",
            inlateout("eax") word,
            in("ebx") first, in("ecx") second, in("edx") third, in("edi") fifth,
        );
    }
    word
}

macro_rules! shorter { ($($name:ident $count:literal $($argument:ident)*;)*) => { $(
    #[doc = concat!("Makes a call with ", $count, " arguments.")]
    ///
    /// # Safety
    /// As for [`syscall6`].
    #[inline]
    pub unsafe fn $name(number: Word, $($argument: Word),*) -> Word {
        let mut arguments = [0; 6];
        for (place, argument) in arguments.iter_mut().zip([$($argument),*]) {
            *place = argument;
        }
        // SAFETY: by the caller's promise.
        unsafe { syscall6(number, arguments) }
    }
)* } }
shorter! {
    syscall1 "1" first;
    syscall2 "2" first second;
    syscall3 "3" first second third;
    syscall4 "4" first second third fourth;
    syscall5 "5" first second third fourth fifth;
}

/// Makes a call without arguments.
///
/// # Safety
/// As for [`syscall6`].
#[inline]
pub unsafe fn syscall0(number: Word) -> Word {
    // SAFETY: by the caller's promise.
    unsafe { syscall6(number, [0; 6]) }
}
