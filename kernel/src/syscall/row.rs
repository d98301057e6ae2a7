//! A row of the table and what makes a function usable as a handler.
use super::argument::{Argument, ArgumentReader};
use crate::{error::Result, process::Task};
use abi::Abi;
use core::fmt::{self, Write};
use machine::entry::UserFrame;

/// How much of a call is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything its manual page says, compared with Linux.
    Full,
    /// Usable; the text says what lacks.
    Partial(&'static str),
    /// Answers ENOSYS.
    Missing,
}

/// A decoder and handler for one ABI: returns the value for the result register.
pub type Entry = fn(&Task, &mut UserFrame) -> i64;
/// Writes a call's arguments in the trace's notation.
pub type Show = fn(&Task, Abi, &[u64; 6], &mut dyn Write) -> fmt::Result;

/// One system call, as declared.
pub struct Row {
    /// The name, as in Linux's headers.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// How much of it is there.
    pub state: State,
    /// Argument names in order.
    pub arguments: &'static [&'static str],
    /// C types of the arguments, empty when missing.
    pub types: &'static [&'static str],
    /// Numbers for x86-64, x32 (without bit 30) and i386.
    pub numbers: [Option<u16>; 3],
    /// Path of the handler in the source, empty when missing.
    pub handler: &'static str,
    /// The file that declares it.
    pub file: &'static str,
    /// Entries per ABI; `None` when missing.
    pub entries: Option<[Entry; 3]>,
    /// Argument printer.
    pub show: Option<Show>,
    /// How traces write it, where its types do not say enough.
    pub notation: Option<&'static crate::trace::notation::Description>,
}

/// The ABI as a type, so that decoding is compiled for each.
pub trait AbiMarker: 'static {
    /// The ABI.
    const ABI: Abi;
}
macro_rules! marker { ($($name:ident)*) => { $(
    #[doc = concat!("[`Abi::", stringify!($name), "`] as a type.")]
    #[allow(non_camel_case_types)]
    pub enum $name {}
    impl AbiMarker for $name { const ABI: Abi = Abi::$name; }
)* } }
marker!(X86_64 X32 I386);

/// A value a handler may return on success.
pub trait Answer {
    /// The value of the result register.
    fn into_register(self) -> i64;
}
impl Answer for () {
    #[inline(always)]
    fn into_register(self) -> i64 {
        0
    }
}
macro_rules! answers { ($($T:ty)*) => { $(impl Answer for $T {
    #[inline(always)]
    fn into_register(self) -> i64 { self as i64 }
})* } }
answers!(usize u64 i64 u32 i32);
impl Answer for super::Fd {
    #[inline(always)]
    fn into_register(self) -> i64 {
        self.0.into()
    }
}
impl Answer for super::UserAddress {
    #[inline(always)]
    fn into_register(self) -> i64 {
        self.0 as i64
    }
}

/// The arguments of one call, as a tuple of up to six.
pub trait Arguments: Sized {
    /// One name per argument, so that a row naming too few or too many does not compile.
    type Names;
    /// C types of the arguments.
    const TYPES: &'static [&'static str];
    /// Decodes all.
    fn take(reader: &mut ArgumentReader) -> Self;
    /// Prints all, separated by commas.
    fn show(&self, task: &Task, out: &mut dyn Write) -> fmt::Result;
}

/// A function usable as a system call: `fn(&Task, arguments...) -> Result<impl Answer>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot serve a system call",
    note = "write it as `fn(&Task, arguments...) -> Result<answer>`, each argument implementing `Argument`"
)]
pub trait Handler<Args> {
    /// Calls the function.
    fn call(self, task: &Task, args: Args) -> i64;
}
/// A handler that also sees and may replace the user registers (`=> frame path`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot serve a system call with the frame",
    note = "write it as `fn(&Task, &mut UserFrame, arguments...) -> Result<answer>`"
)]
pub trait FrameHandler<Args> {
    /// Calls the function.
    fn call(self, task: &Task, frame: &mut UserFrame, args: Args) -> i64;
}

#[inline(always)]
fn answer<R: Answer>(result: Result<R>) -> i64 {
    match result {
        Ok(value) => value.into_register(),
        Err(error) => error.into_register(),
    }
}

macro_rules! support_arity {
    ($count:literal $($T:ident $value:ident)*) => {
        impl<$($T: Argument),*> Arguments for ($($T,)*) {
            type Names = [&'static str; $count];
            const TYPES: &'static [&'static str] = &[$($T::TYPE),*];
            #[allow(unused_variables, clippy::unused_unit)]
            #[inline(always)]
            fn take(reader: &mut ArgumentReader) -> Self { ($($T::take(reader),)*) }
            #[allow(unused_variables, unused_mut, unused_assignments)]
            fn show(&self, task: &Task, out: &mut dyn Write) -> fmt::Result {
                let ($($value,)*) = self;
                let mut separator = "";
                $( out.write_str(separator)?; $value.show(task, out)?; separator = ", "; )*
                Ok(())
            }
        }
        impl<Func, Ret: Answer, $($T: Argument),*> Handler<($($T,)*)> for Func where Func: Fn(&Task, $($T),*) -> Result<Ret> {
            #[inline(always)]
            fn call(self, task: &Task, ($($value,)*): ($($T,)*)) -> i64 { answer(self(task, $($value),*)) }
        }
        impl<Func, Ret: Answer, $($T: Argument),*> FrameHandler<($($T,)*)> for Func where Func: Fn(&Task, &mut UserFrame, $($T),*) -> Result<Ret> {
            #[inline(always)]
            fn call(self, task: &Task, frame: &mut UserFrame, ($($value,)*): ($($T,)*)) -> i64 { answer(self(task, frame, $($value),*)) }
        }
    };
}
support_arity!(0);
support_arity!(1 A a);
support_arity!(2 A a B b);
support_arity!(3 A a B b C c);
support_arity!(4 A a B b C c D d);
support_arity!(5 A a B b C c D d E e);
support_arity!(6 A a B b C c D d E e F f);

/// Decodes and calls; `_names` ties the number of argument names to the handler's parameters.
#[inline(always)]
pub fn run<M: AbiMarker, Args: Arguments>(
    task: &Task,
    frame: &mut UserFrame,
    handler: impl Handler<Args>,
    _names: Args::Names,
) -> i64 {
    let args = Args::take(&mut ArgumentReader::new(M::ABI, frame.arguments(M::ABI)));
    handler.call(task, args)
}
/// As [`run`], for handlers that see the frame.
#[inline(always)]
pub fn run_with_frame<M: AbiMarker, Args: Arguments>(
    task: &Task,
    frame: &mut UserFrame,
    handler: impl FrameHandler<Args>,
    _names: Args::Names,
) -> i64 {
    let args = Args::take(&mut ArgumentReader::new(M::ABI, frame.arguments(M::ABI)));
    handler.call(task, frame, args)
}
/// The C types of a handler's arguments.
pub const fn types<Args: Arguments, H: Handler<Args> + Copy>(_handler: &H) -> &'static [&'static str] {
    Args::TYPES
}
/// As [`types`], for handlers that see the frame.
pub const fn types_with_frame<Args: Arguments, H: FrameHandler<Args> + Copy>(_handler: &H) -> &'static [&'static str] {
    Args::TYPES
}
/// Prints the arguments a handler would get.
pub fn show<Args: Arguments>(
    _handler: impl Handler<Args>,
    task: &Task,
    abi: Abi,
    registers: &[u64; 6],
    out: &mut dyn Write,
) -> fmt::Result {
    Args::take(&mut ArgumentReader::new(abi, *registers)).show(task, out)
}
/// As [`show`], for handlers that see the frame.
pub fn show_with_frame<Args: Arguments>(
    _handler: impl FrameHandler<Args>,
    task: &Task,
    abi: Abi,
    registers: &[u64; 6],
    out: &mut dyn Write,
) -> fmt::Result {
    Args::take(&mut ArgumentReader::new(abi, *registers)).show(task, out)
}

/// Declares rows: `[x86-64 x32 i386] name(arguments) => call handler, State;`, `=> frame handler, State;` for handlers that see
/// the registers, `=> missing;` for calls that are not there yet.
macro_rules! rows {
    ($( $(#[doc = $summary:literal])* [$x86_64:tt $x32:tt $i386:tt] $name:ident($($argument:ident),*) => $kind:ident $($handler:path, $state:ident $(($lacks:literal))?)?; )*) => {
        /// The rows declared here.
        pub const ROWS: &[$crate::syscall::Row] = &[$(
            $crate::syscall::row::row!({ concat!($($summary),*) } [$x86_64 $x32 $i386] $name($($argument),*) $kind $({ $handler } { $state $(($lacks))? })?)
        ),*];
    };
}
pub(crate) use rows;

macro_rules! number {
    (-) => {
        None
    };
    ($n:literal) => {
        Some($n)
    };
}
pub(crate) use number;

macro_rules! row {
    ({ $summary:expr } [$x86_64:tt $x32:tt $i386:tt] $name:ident($($argument:ident),*) missing) => {
        $crate::syscall::Row {
            name: stringify!($name), summary: $summary, state: $crate::syscall::State::Missing,
            arguments: &[$(stringify!($argument)),*],
            numbers: [$crate::syscall::row::number!($x86_64), $crate::syscall::row::number!($x32), $crate::syscall::row::number!($i386)],
            handler: "", file: file!(), types: &[], entries: None, show: None,
            notation: $crate::trace::notation::of_row(stringify!($name), &[$(stringify!($argument)),*]),
        }
    };
    ({ $summary:expr } [$x86_64:tt $x32:tt $i386:tt] $name:ident($($argument:ident),*) frame { $handler:path } { $($state:tt)+ }) => {
        $crate::syscall::Row {
            name: stringify!($name), summary: $summary, state: $crate::syscall::State::$($state)+,
            arguments: &[$(stringify!($argument)),*],
            numbers: [$crate::syscall::row::number!($x86_64), $crate::syscall::row::number!($x32), $crate::syscall::row::number!($i386)],
            handler: stringify!($handler), file: file!(),
            types: $crate::syscall::row::types_with_frame(&$handler),
            entries: Some([
                |task, frame| $crate::syscall::row::run_with_frame::<$crate::syscall::row::X86_64, _>(task, frame, $handler, [$(stringify!($argument)),*]),
                |task, frame| $crate::syscall::row::run_with_frame::<$crate::syscall::row::X32, _>(task, frame, $handler, [$(stringify!($argument)),*]),
                |task, frame| $crate::syscall::row::run_with_frame::<$crate::syscall::row::I386, _>(task, frame, $handler, [$(stringify!($argument)),*]),
            ]),
            show: Some(|task, abi, registers, out| $crate::syscall::row::show_with_frame($handler, task, abi, registers, out)),
            notation: $crate::trace::notation::of_row(stringify!($name), &[$(stringify!($argument)),*]),
        }
    };
    ({ $summary:expr } [$x86_64:tt $x32:tt $i386:tt] $name:ident($($argument:ident),*) call { $handler:path } { $($state:tt)+ }) => {
        $crate::syscall::Row {
            name: stringify!($name), summary: $summary, state: $crate::syscall::State::$($state)+,
            arguments: &[$(stringify!($argument)),*],
            numbers: [$crate::syscall::row::number!($x86_64), $crate::syscall::row::number!($x32), $crate::syscall::row::number!($i386)],
            handler: stringify!($handler), file: file!(),
            types: $crate::syscall::row::types(&$handler),
            entries: Some([
                |task, frame| $crate::syscall::row::run::<$crate::syscall::row::X86_64, _>(task, frame, $handler, [$(stringify!($argument)),*]),
                |task, frame| $crate::syscall::row::run::<$crate::syscall::row::X32, _>(task, frame, $handler, [$(stringify!($argument)),*]),
                |task, frame| $crate::syscall::row::run::<$crate::syscall::row::I386, _>(task, frame, $handler, [$(stringify!($argument)),*]),
            ]),
            show: Some(|task, abi, registers, out| $crate::syscall::row::show($handler, task, abi, registers, out)),
            notation: $crate::trace::notation::of_row(stringify!($name), &[$(stringify!($argument)),*]),
        }
    };
}
pub(crate) use row;
