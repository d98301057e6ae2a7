//! How each call's arguments are written: strace's notation, as data.
//!
//! Types of handlers say how registers are decoded; they cannot say which words are flags of what, which pointers the kernel
//! reads and which it writes, or how much of a structure people want to see. That is here, by the call's name, since rows of
//! one call share it: a row finds its own as the kernel is built (`of_row`), by name and number of arguments, and a row with a
//! handler and without a description stops the build (`syscall/table/mod.rs`). Examples and what modules add are written by
//! their types.
mod descriptions;
mod file;
mod ipc;
mod memory;
mod names;
mod poll;
mod process;
mod signal;
mod socket;
mod system;
mod time;
mod tools;

pub use signal::{frame_mask as show_frame_mask, show_information, signal_name};
pub use tools::{Access, Pointee};

use super::show::{Names, Show, Shower};
use super::text::SEPARATOR;
use abi::Abi;
use descriptions::DESCRIPTIONS;

/// How one argument is written.
#[derive(Clone, Copy)]
pub enum Notation {
    /// A C int.
    Int,
    /// An unsigned int.
    Unsigned,
    /// A long, or a 64-bit number with sign.
    Long,
    /// A size.
    Size,
    /// A number in hexadecimal.
    Hex,
    /// A 32-bit number in hexadecimal.
    Hex32,
    /// An address.
    Address,
    /// Permission bits.
    Permissions,
    /// A file's type and permissions.
    Mode,
    /// A descriptor.
    Descriptor,
    /// A descriptor of a directory, or AT_FDCWD.
    Directory,
    /// A user or group id, -1 for none.
    Id,
    /// A signal's number.
    Signal,
    /// A path.
    Path,
    /// Another string.
    Text,
    /// An offset in a file: two registers on i386.
    Offset,
    /// One of several numbers.
    Choice(Names, &'static str),
    /// Bits.
    Bits(Names, &'static str),
    /// A number with a way of its own, known as the call begins.
    Word(Shower),
    /// A structure the kernel reads: what it is in C, and how it is shown.
    In(&'static str, Shower),
    /// A structure the kernel writes, shown as the call ends; its address after a failure.
    Out(&'static str, Shower),
    /// Something of the caller's that is shown as the call ends, whatever the result: the argument's C type, with its `*` if it is a
    /// pointer; empty if the handler's type says all.
    Late(&'static str, Shower),
    /// A pointer that the trace does not follow, to something the kernel writes.
    Pointer(&'static str),
    /// A buffer the kernel reads, as long as this argument says.
    Buffer(usize),
    /// A buffer the kernel writes, as long as the result says.
    Filled,
    /// The argument in this register, out of turn.
    Register(usize, &'static Notation),
    /// As `Register`, with another register on i386.
    Swapped([usize; 2], &'static Notation),
    /// `name=`, then the argument.
    Named(&'static str, &'static Notation),
    /// Shown only if the condition holds.
    If(fn(&Show<'_>) -> bool, &'static Notation),
}

/// How a result is written.
#[derive(Clone, Copy)]
pub enum Answer {
    /// Decimal.
    Decimal,
    /// Hexadecimal.
    Hex,
    /// Octal.
    Octal,
    /// Decimal, then something of its own.
    Also(fn(&mut Show<'_>)),
    /// In a way of its own.
    Own(fn(&mut Show<'_>)),
}

/// How a call is written.
pub struct Description {
    /// The call.
    pub name: &'static str,
    /// Its arguments.
    pub arguments: &'static [Notation],
    /// How many of them are known as the call begins.
    early: usize,
    /// Its result.
    pub answer: Answer,
}

/// The description of a row: that of its name, unless the row takes other arguments (i386's own mmap takes a structure). A call
/// of i386's with times of 64 bits is written as the one it widens.
pub const fn of_row(name: &str, arguments: &[&str]) -> Option<&'static Description> {
    // A row's "tail" stands for several words.
    let mut any = arguments.is_empty();
    let mut index = 0;
    while index < arguments.len() {
        any |= is_word(arguments[index].as_bytes(), b"tail", b"");
        index += 1;
    }
    let mut family = 0;
    while family < DESCRIPTIONS.len() {
        let descriptions: &'static [Description] = DESCRIPTIONS[family];
        let mut place = 0;
        while place < descriptions.len() {
            let description = &descriptions[place];
            let count = arguments.len();
            let fits = description.arguments.len() == count || last_register(description) == count;
            if (any || fits) && is_named(description.name, name) {
                return Some(description);
            }
            place += 1;
        }
        family += 1;
    }
    None
}
/// How many registers a call has whose last argument is told by its register.
const fn last_register(description: &Description) -> usize {
    match description.arguments {
        [.., Notation::Register(register, _)] => *register + 1,
        arguments => arguments.len(),
    }
}
/// The description of a call, by name only.
pub fn of(name: &str) -> Option<&'static Description> {
    of_row(name, &[])
}
const fn is_named(described: &str, name: &str) -> bool {
    let (described, name) = (described.as_bytes(), name.as_bytes());
    is_word(name, described, b"")
        || is_word(name, described, b"_time64")
        || (is_word(name, described, b"64") && ends_with(name, b"time64"))
}
/// Whether a word is made of these two parts.
const fn is_word(word: &[u8], start: &[u8], end: &[u8]) -> bool {
    if word.len() != start.len() + end.len() {
        return false;
    }
    let mut at = 0;
    while at < start.len() {
        if word[at] != start[at] {
            return false;
        }
        at += 1;
    }
    ends_with(word, end)
}
const fn ends_with(word: &[u8], end: &[u8]) -> bool {
    let mut at = 0;
    while at < end.len() {
        if word.len() < end.len() || word[word.len() - end.len() + at] != end[at] {
            return false;
        }
        at += 1;
    }
    true
}

impl Notation {
    /// Whether it is shown only as the call ends.
    pub const fn is_late(&self) -> bool {
        match self {
            Notation::Out(..) | Notation::Late(..) | Notation::Filled => true,
            Notation::Named(_, inner) | Notation::If(_, inner) => inner.is_late(),
            Notation::Register(_, inner) | Notation::Swapped(_, inner) => inner.is_late(),
            _ => false,
        }
    }
    /// The registers it takes.
    fn registers(&self, abi: Abi) -> usize {
        if matches!((self, abi), (Notation::Offset, Abi::I386)) { 2 } else { 1 }
    }
    /// Whether it is shown at all.
    #[inline]
    fn is_shown(&self, show: &Show<'_>) -> bool {
        let is_plain =
            !matches!(self, Notation::If(..) | Notation::Named(..) | Notation::Register(..) | Notation::Swapped(..));
        is_plain || self.has_condition_met(show)
    }
    fn has_condition_met(&self, show: &Show<'_>) -> bool {
        match self {
            Notation::If(condition, inner) => condition(show) && inner.is_shown(show),
            Notation::Named(_, inner) | Notation::Register(_, inner) | Notation::Swapped(_, inner) => {
                inner.is_shown(show)
            }
            _ => true,
        }
    }
    fn write(&self, show: &mut Show<'_>, word: u64, high: u64) {
        let abi = show.abi;
        let failed = show.failed();
        let text = &mut *show.text;
        match *self {
            Notation::Int => text.signed(word as i32 as i64),
            Notation::Unsigned => text.unsigned(u64::from(word as u32)),
            Notation::Long if matches!(abi, Abi::I386) => text.signed(word as i32 as i64),
            Notation::Long => text.signed(word as i64),
            Notation::Size => text.unsigned(word),
            Notation::Hex => text.hex(word),
            Notation::Hex32 => text.hex(u64::from(word as u32)),
            Notation::Address | Notation::Pointer(_) => text.address(word),
            Notation::Permissions => text.octal(word & 0xffff_ffff),
            Notation::Mode => file::show_mode(show, word),
            Notation::Descriptor => text.signed(word as i32 as i64),
            Notation::Directory if word as i32 == -100 => text.put("AT_FDCWD"),
            Notation::Directory => text.signed(word as i32 as i64),
            Notation::Id if word as u32 == u32::MAX => text.put("-1"),
            Notation::Id => text.unsigned(u64::from(word as u32)),
            Notation::Signal => signal::show_signal(show, word),
            Notation::Path => show.string(word, true),
            Notation::Text => show.string(word, false),
            Notation::Offset if matches!(abi, Abi::I386) => text.signed((high << 32 | word & 0xffff_ffff) as i64),
            Notation::Offset => text.signed(word as i64),
            Notation::Choice(names, remark) => show.choice(u64::from(word as u32), names, remark),
            Notation::Bits(names, remark) => show.bits(u64::from(word as u32), names, remark),
            Notation::Word(write) | Notation::In(_, write) | Notation::Late(_, write) => write(show, word),
            Notation::Out(..) if failed => text.address(word),
            Notation::Out(_, write) => write(show, word),
            Notation::Buffer(length) => show.buffer(word, show.word(length)),
            Notation::Filled if failed => text.address(word),
            Notation::Filled => show.buffer(word, show.result.unwrap_or(0) as u64),
            Notation::Named(name, inner) => {
                text.put(name);
                text.byte(b'=');
                inner.write(show, word, high);
            }
            Notation::If(_, inner) => inner.write(show, word, high),
            Notation::Register(register, inner) => inner.write(show, show.word(register), 0),
            Notation::Swapped([wide, narrow], inner) => {
                let register = if matches!(abi, Abi::I386) { narrow } else { wide };
                inner.write(show, show.word(register), 0);
            }
        }
    }
}

/// How many arguments are known as the call begins.
const fn early(arguments: &[Notation]) -> usize {
    let mut count = 0;
    while count < arguments.len() && !arguments[count].is_late() {
        count += 1;
    }
    count
}

/// How far a call's arguments have been written.
#[derive(Clone, Copy, Default)]
pub struct Progress {
    /// The next argument's register.
    register: usize,
    /// An argument is shown before it.
    after_another: bool,
}

impl Description {
    /// Whether it is certain at entry that more arguments follow as the call ends.
    pub fn has_late(&self) -> bool {
        self.arguments
            .get(self.early)
            .is_some_and(|next| !matches!(next, Notation::If(..) | Notation::Register(..) | Notation::Swapped(..)))
    }
    /// Writes the arguments that are known as the call begins.
    pub fn begin(&self, show: &mut Show<'_>) -> Progress {
        let mut progress = Progress::default();
        write_arguments(self.arguments.get(..self.early).unwrap_or_default(), show, &mut progress);
        progress
    }
    /// Writes the other arguments.
    pub fn end(&self, show: &mut Show<'_>, mut progress: Progress) {
        write_arguments(self.arguments.get(self.early..).unwrap_or_default(), show, &mut progress);
    }
    /// Writes a result that is no error.
    pub fn answer(&self, show: &mut Show<'_>) {
        let value = show.result.unwrap_or(0);
        match self.answer {
            Answer::Decimal => show.text.signed(value),
            Answer::Hex => show.text.hex(value as u64),
            Answer::Octal => show.text.plain_octal(value as u64),
            Answer::Also(write) => {
                show.text.signed(value);
                write(show);
            }
            Answer::Own(write) => write(show),
        }
    }
}

fn write_arguments(arguments: &[Notation], show: &mut Show<'_>, progress: &mut Progress) {
    for notation in arguments {
        let (word, high) = (show.word(progress.register), show.word(progress.register + 1));
        progress.register += notation.registers(show.abi);
        if !notation.is_shown(show) {
            continue;
        }
        if core::mem::replace(&mut progress.after_another, true) {
            show.text.byte(SEPARATOR);
        }
        notation.write(show, word, high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::reference;

    #[test]
    fn descriptions_have_the_arguments_of_their_rows() {
        for description in DESCRIPTIONS.iter().copied().flatten() {
            let mut rows = reference::rows().into_iter().filter(|(_, row)| row.name == description.name);
            let fits = rows
                .any(|(_, row)| row.notation.is_some_and(|found| found.arguments.len() == description.arguments.len()));
            assert!(fits, "no row of {} takes these arguments", description.name);
        }
    }

    #[test]
    fn a_call_is_described_once() {
        let calls = DESCRIPTIONS.iter().copied().flatten();
        let mut names: alloc::vec::Vec<_> = calls.map(|call| (call.name, call.arguments.len())).collect();
        crate::sort::by_key(&mut names, |name| *name);
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
