//! Editing the unfinished line: erase, word erase, kill, reprint.
use crate::discipline::{LineDiscipline, is_continuation, is_control};
use abi::termios::{Termios, character, local};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Character,
    Word,
    Line,
}

/// Letters and digits as the kernel's Latin-1 table has them.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0xc0 && byte != 0xd7 && byte != 0xf7
}

impl LineDiscipline {
    /// VERASE, VWERASE or VKILL was typed.
    pub(crate) fn erase(&mut self, termios: &Termios, typed: u8) {
        let has = |flag: u32| termios.local & flag != 0;
        let queue = &mut self.queue;
        if queue.head == queue.line_end {
            return;
        }
        let kind = if typed == termios.character(character::ERASE) {
            Kind::Character
        } else if typed == termios.character(character::WERASE) {
            Kind::Word
        } else {
            Kind::Line
        };
        if kind == Kind::Line {
            if !has(local::ECHO) {
                queue.head = queue.line_end;
                return;
            }
            if !has(local::ECHOK) || !has(local::ECHOKE) || !has(local::ECHOE) {
                queue.head = queue.line_end;
                self.finish_erasing(termios);
                self.echo_byte(termios, termios.character(character::KILL));
                // The line is given up: the cursor goes to the next one.
                if has(local::ECHOK) {
                    self.echo_raw(termios, b'\n');
                }
                return;
            }
        }
        let mut in_word = false;
        while self.queue.head != self.queue.line_end {
            let mut start = self.queue.head;
            let mut byte;
            loop {
                start -= 1;
                byte = self.queue.get(start);
                if !is_continuation(termios, byte) || start == self.queue.line_end {
                    break;
                }
            }
            // Part of a character is never erased.
            if is_continuation(termios, byte) {
                break;
            }
            if kind == Kind::Word {
                if is_word(byte) {
                    in_word = true;
                } else if in_word {
                    break;
                }
            }
            let end = self.queue.head;
            self.queue.head = start;
            if has(local::ECHO) {
                self.show_erasure(termios, kind, byte, start, end);
            }
            if kind == Kind::Character {
                break;
            }
        }
        if self.queue.head == self.queue.line_end && has(local::ECHO) {
            self.finish_erasing(termios);
        }
    }

    fn show_erasure(&mut self, termios: &Termios, kind: Kind, byte: u8, start: u64, end: u64) {
        let has = |flag: u32| termios.local & flag != 0;
        if has(local::ECHOPRT) {
            if !self.erasing {
                self.echo_raw(termios, b'\\');
                self.erasing = true;
            }
            self.echo_byte(termios, byte);
            for position in start + 1..end {
                let byte = self.queue.get(position);
                self.echo_raw(termios, byte);
                self.column = self.column.saturating_sub(1);
            }
        } else if kind == Kind::Character && !has(local::ECHOE) {
            self.echo_byte(termios, termios.character(character::ERASE));
        } else if byte == b'\t' {
            self.erase_tab(termios);
        } else {
            let width = match (is_control(byte), has(local::ECHOCTL)) {
                (true, true) => 2,
                (true, false) => 0,
                (false, _) => 1,
            };
            for _ in 0..width {
                self.echo_raw(termios, 8);
                self.echo_raw(termios, b' ');
                self.echo_raw(termios, 8);
            }
        }
    }

    /// How wide a tab was shows from the columns since the one before it, or since the beginning of the line.
    fn erase_tab(&mut self, termios: &Termios) {
        let mut columns = 0u32;
        let mut after_tab = false;
        let mut position = self.queue.head;
        while position != self.queue.line_end {
            position -= 1;
            let byte = self.queue.get(position);
            if byte == b'\t' {
                after_tab = true;
                break;
            }
            if is_control(byte) {
                if termios.local & local::ECHOCTL != 0 {
                    columns += 2;
                }
            } else if !is_continuation(termios, byte) {
                columns += 1;
            }
        }
        self.echo_erase_tab(columns, after_tab);
    }

    /// VREPRINT was typed: shows the unfinished line again.
    pub(crate) fn reprint(&mut self, termios: &Termios, typed: u8) {
        self.finish_erasing(termios);
        self.echo_byte(termios, typed);
        self.echo_raw(termios, b'\n');
        for position in self.queue.line_end..self.queue.head {
            let byte = self.queue.get(position);
            self.echo_byte(termios, byte);
        }
    }
}
