//! Reading from the input queue.
use crate::discipline::LineDiscipline;
use crate::queue::DISABLED;
use abi::termios::{Termios, character, local};

/// What a step of a read gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// Nothing is there to be read.
    Empty,
    /// So many bytes were moved; a canonical read is complete (0: end of file).
    Line(usize),
    /// So many bytes were moved; whether a raw read is complete depends on VMIN and VTIME.
    Bytes(usize),
}

fn is_canonical(termios: &Termios) -> bool {
    termios.local & local::ICANON != 0 && termios.local & local::EXTPROC == 0
}

impl LineDiscipline {
    /// Whether a read would find something.
    pub fn has_input(&self, termios: &Termios) -> bool {
        if is_canonical(termios) { self.queue.line_end != self.queue.tail } else { self.queue.count() > 0 }
    }
    /// Whether poll(2) reports input: a raw terminal without VTIME waits for VMIN bytes.
    pub fn is_readable(&self, termios: &Termios) -> bool {
        if is_canonical(termios) {
            return self.has_input(termios);
        }
        let least = usize::from(termios.character(character::MIN));
        let wanted = if termios.character(character::TIME) == 0 { least.max(1) } else { 1 };
        self.queue.count() >= wanted
    }
    /// Bytes a read could get now (FIONREAD).
    pub fn input_length(&self, termios: &Termios) -> usize {
        if !is_canonical(termios) {
            return self.queue.count();
        }
        let lines = self.queue.tail..self.queue.line_end;
        lines.filter(|position| !(self.queue.is_marked(*position) && self.queue.get(*position) == DISABLED)).count()
    }

    /// Moves bytes to `into`: of one line at most if canonical, else whatever is there.
    pub fn read(&mut self, termios: &Termios, into: &mut [u8]) -> Reading {
        if !self.has_input(termios) {
            return Reading::Empty;
        }
        if is_canonical(termios) { Reading::Line(self.read_line(into)) } else { Reading::Bytes(self.read_raw(into)) }
    }

    fn read_line(&mut self, into: &mut [u8]) -> usize {
        let mut count = 0;
        while self.queue.tail != self.queue.line_end {
            let position = self.queue.tail;
            let marked = self.queue.is_marked(position);
            let byte = self.queue.get(position);
            let is_end_of_file = marked && byte == DISABLED;
            if !is_end_of_file {
                let Some(place) = into.get_mut(count) else { break };
                *place = byte;
                count += 1;
            }
            // An end of file right behind a full buffer is taken with it, lest it end the next read.
            self.queue.set_mark(position, false);
            self.queue.tail += 1;
            if marked {
                break;
            }
        }
        count
    }

    fn read_raw(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.queue.count());
        for (place, position) in into.iter_mut().zip(self.queue.tail..).take(count) {
            *place = self.queue.get(position);
        }
        self.queue.tail += count as u64;
        self.queue.line_end = self.queue.line_end.max(self.queue.tail);
        count
    }
}
