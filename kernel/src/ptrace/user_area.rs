//! `struct user`, as PTRACE_PEEKUSER and PTRACE_POKEUSER reach into it: registers at its beginning, debug registers at its end,
//! and between them what reads as 0. A tracer of x32 has the structure of 64 bits, of which it reaches what its words of 32 bits can
//! hold: the registers from `cs` on.
use super::debug;
use super::registers::{COUNT, COUNT_32};
use super::regset::{self, Set};
use crate::error::*;
use crate::process::Task;
use crate::syscall::UserPtr;
use crate::syscall::user::UserWord;
use abi::Abi;
use alloc::sync::Arc;

/// The places of the structure in a tracer's layout.
struct Layout {
    word: u64,
    /// What comes before is out of reach.
    start: u64,
    registers_end: u64,
    debug: u64,
    size: u64,
    general: Set,
}
const LAYOUT: Layout =
    Layout { word: 8, start: 0, registers_end: COUNT as u64 * 8, debug: 848, size: 928, general: Set::General };
const LAYOUT_X32: Layout = Layout { start: 17 * 8, ..LAYOUT };
const LAYOUT_32: Layout =
    Layout { word: 4, start: 0, registers_end: COUNT_32 as u64 * 4, debug: 252, size: 284, general: Set::General32 };

/// What an address in the structure is.
enum Place {
    /// A word of the registers.
    Register(usize),
    /// A debug register.
    Debug(usize),
    /// Nothing.
    Other,
}

impl Layout {
    fn of(task: &Task) -> &'static Layout {
        match task.abi() {
            Abi::X86_64 => &LAYOUT,
            Abi::X32 => &LAYOUT_X32,
            Abi::I386 => &LAYOUT_32,
        }
    }
    /// EIO for what is no word of it.
    fn place(&self, address: u64) -> Result<Place> {
        // In the 32-bit layout any byte of a debug register stands for it, and what follows the last word is a word, too.
        if self.word == 4 && (self.debug..=self.debug + 7 * 4).contains(&address) {
            return Ok(Place::Debug(((address - self.debug) / 4) as usize));
        }
        if self.word == 4 && address == self.size {
            return Ok(Place::Other);
        }
        if !address.is_multiple_of(self.word) || !(self.start..self.size).contains(&address) {
            return Err(EIO);
        }
        if address < self.registers_end {
            return Ok(Place::Register((address / self.word) as usize));
        }
        match address.checked_sub(self.debug).map(|offset| offset / self.word) {
            Some(number @ 0..8) => Ok(Place::Debug(number as usize)),
            _ => Ok(Place::Other),
        }
    }
}

/// PTRACE_PEEKUSER.
pub(super) fn peek(task: &Task, tracee: &Arc<Task>, address: u64, data: u64) -> Result<()> {
    let layout = Layout::of(task);
    let value = match layout.place(address)? {
        Place::Register(index) => {
            let all = regset::read(tracee, layout.general)?;
            let mut word = [0; 8];
            let size = layout.word as usize;
            let from = all.get(index * size..(index + 1) * size).unwrap_or_default();
            word.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            u64::from_ne_bytes(word)
        }
        Place::Debug(number) => debug::read(tracee, number)?,
        Place::Other => 0,
    };
    UserPtr::<UserWord>::new(data).write(task, &UserWord(value))
}

/// PTRACE_POKEUSER. What is neither takes nothing: EIO, but in the 32-bit layout it is as if it did.
pub(super) fn poke(task: &Task, tracee: &Arc<Task>, address: u64, data: u64) -> Result<()> {
    let layout = Layout::of(task);
    match (layout.place(address)?, layout.word) {
        (Place::Register(index), 4) => regset::write_word_32(tracee, index, data as u32),
        (Place::Register(index), _) => regset::write_word(tracee, index, data),
        (Place::Debug(number), _) => debug::write(tracee, number, data),
        (Place::Other, 4) => Ok(()),
        (Place::Other, _) => Err(EIO),
    }
}
