//! Typed arguments. A type for every word a user supplies: an allegation, not yet a fact.
use crate::process::Task;
use abi::Abi;
use core::fmt::{self, Write};
use core::marker::PhantomData;

/// Hands out argument registers in ABI order.
pub struct ArgumentReader {
    abi: Abi,
    registers: [u64; 6],
    next: usize,
}

impl ArgumentReader {
    /// Starts with the first register.
    #[inline(always)]
    pub fn new(abi: Abi, registers: [u64; 6]) -> Self {
        Self { abi, registers, next: 0 }
    }

    /// The next register's value. Rows of more than six registers are a mistake that the first call shows.
    #[inline(always)]
    pub fn register(&mut self) -> u64 {
        let value = self.registers.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        value
    }

    /// The ABI being decoded.
    #[inline(always)]
    pub fn abi(&self) -> Abi {
        self.abi
    }
}

/// A value passed in registers.
///
/// Taking one never fails and never touches user memory: Linux defines the order in which bad arguments are reported, so
/// checking belongs to handlers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a system-call argument",
    note = "implement `Argument` for it in `syscall/argument.rs`"
)]
pub trait Argument: Copy {
    /// Its C type, for documentation.
    const TYPE: &'static str = "unsigned long";
    /// Decodes it.
    fn take(reader: &mut ArgumentReader) -> Self;
    /// Prints it as strace would.
    fn show(&self, task: &Task, out: &mut dyn Write) -> fmt::Result;
}

/// A file descriptor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fd(pub i32);
/// An address in user space, unchecked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserAddress(pub u64);
/// A file offset or length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOffset(pub i64);
/// A process, thread or group id as a caller names it (in the caller's namespace).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pid(pub i32);

impl Fd {
    /// `AT_FDCWD`: the working directory.
    pub const WORKING_DIRECTORY: Fd = Fd(-100);
}

impl UserAddress {
    /// Whether it is the null pointer.
    pub fn is_null(self) -> bool {
        self.0 == 0
    }
}

impl FileOffset {
    /// The offset as unsigned, EINVAL if negative.
    pub fn non_negative(self) -> crate::error::Result<u64> {
        u64::try_from(self.0).map_err(|_| crate::error::EINVAL)
    }
}

macro_rules! integer_arguments { ($($T:ty, $c:literal, $format:literal;)*) => { $(impl Argument for $T {
    const TYPE: &'static str = $c;
    #[inline(always)]
    fn take(reader: &mut ArgumentReader) -> Self { reader.register() as $T }
    fn show(&self, _: &Task, out: &mut dyn Write) -> fmt::Result { write!(out, $format, self) }
})* } }
integer_arguments! { i32, "int", "{}"; u32, "unsigned int", "{}"; usize, "size_t", "{}"; u64, "unsigned long", "{:#x}"; }

impl Argument for i64 {
    const TYPE: &'static str = "long";
    /// A C `long`: sign-extended from 32 bits where the ABI's long has 32.
    #[inline(always)]
    fn take(reader: &mut ArgumentReader) -> Self {
        let value = reader.register();
        if matches!(reader.abi(), Abi::I386) { i64::from(value as i32) } else { value as i64 }
    }
    fn show(&self, _: &Task, out: &mut dyn Write) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl Argument for Fd {
    const TYPE: &'static str = "int";
    #[inline(always)]
    fn take(reader: &mut ArgumentReader) -> Self {
        Fd(reader.register() as i32)
    }
    fn show(&self, _: &Task, out: &mut dyn Write) -> fmt::Result {
        if *self == Fd::WORKING_DIRECTORY { out.write_str("AT_FDCWD") } else { write!(out, "{}", self.0) }
    }
}

impl Argument for Pid {
    const TYPE: &'static str = "pid_t";
    #[inline(always)]
    fn take(reader: &mut ArgumentReader) -> Self {
        Pid(reader.register() as i32)
    }
    fn show(&self, _: &Task, out: &mut dyn Write) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

impl Argument for UserAddress {
    const TYPE: &'static str = "void *";
    #[inline(always)]
    fn take(reader: &mut ArgumentReader) -> Self {
        UserAddress(reader.register())
    }
    fn show(&self, _: &Task, out: &mut dyn Write) -> fmt::Result {
        if self.is_null() { out.write_str("NULL") } else { write!(out, "{:#x}", self.0) }
    }
}

impl Argument for FileOffset {
    const TYPE: &'static str = "loff_t";
    /// i386 splits a 64-bit offset over two registers, low half first.
    #[inline(always)]
    fn take(reader: &mut ArgumentReader) -> Self {
        let low = reader.register();
        match reader.abi() {
            Abi::I386 => FileOffset((reader.register() << 32 | low & 0xffff_ffff) as i64),
            _ => FileOffset(low as i64),
        }
    }
    fn show(&self, _: &Task, out: &mut dyn Write) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// The names of a flag word's bits, for checks and for the trace.
pub trait FlagNames: Copy + 'static {
    /// Bits and names, in the order strace prints them.
    const NAMES: &'static [(u32, &'static str)];
}

/// A flag word as passed, known or unknown bits alike.
#[derive(Clone, Copy, Debug)]
pub struct Flags<F: FlagNames>(pub u32, PhantomData<F>);

impl<F: FlagNames> Flags<F> {
    /// A flag word made inside the kernel.
    pub const fn new(bits: u32) -> Self {
        Flags(bits, PhantomData)
    }

    /// All bits, if every one of them is known; EINVAL otherwise.
    pub fn known(self) -> crate::error::Result<u32> {
        let all = F::NAMES.iter().fold(0, |bits, (bit, _)| bits | bit);
        if self.0 & !all == 0 { Ok(self.0) } else { Err(crate::error::EINVAL.because("unknown flag")) }
    }

    /// Whether any of these bits is set.
    pub fn has(self, bits: u32) -> bool {
        self.0 & bits != 0
    }
}

impl<F: FlagNames> Argument for Flags<F> {
    const TYPE: &'static str = "unsigned int";
    #[inline(always)]
    fn take(reader: &mut ArgumentReader) -> Self {
        Flags(reader.register() as u32, PhantomData)
    }
    fn show(&self, _: &Task, out: &mut dyn Write) -> fmt::Result {
        let mut left = self.0;
        let mut separator = "";
        for (bit, name) in F::NAMES {
            if *bit != 0 && left & bit == *bit {
                write!(out, "{separator}{name}")?;
                separator = "|";
                left &= !bit;
            }
        }
        if left != 0 || self.0 == 0 {
            write!(out, "{separator}{left:#x}")?;
        }
        Ok(())
    }
}

/// Declares a set of flag names: `flag_names!(pub MemfdFlags { MFD_CLOEXEC = 1, ... });`
macro_rules! flag_names {
    ($(#[$meta:meta])* $visibility:vis $set:ident { $($name:ident = $bit:expr),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $visibility enum $set {}
        #[allow(missing_docs, dead_code)]
        impl $set { $(pub const $name: u32 = $bit;)* }
        impl $crate::syscall::argument::FlagNames for $set {
            const NAMES: &'static [(u32, &'static str)] = &[$(($bit, stringify!($name))),*];
        }
    };
}
pub(crate) use flag_names;
