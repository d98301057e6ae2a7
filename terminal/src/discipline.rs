//! Receiving bytes: special characters, signals, flow control, and what goes to the input queue.
use crate::queue::{DISABLED, Queue, SIZE};
use abi::termios::{Termios, character, input, local, output};
use alloc::collections::VecDeque;

/// Echoed bytes kept until the driver takes them; more are dropped.
pub(crate) const ECHO_LIMIT: usize = 4096;

/// What the terminal is to do after bytes were received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Send SIGINT, SIGQUIT or SIGTSTP (the number) to the foreground group.
    Signal(u8),
    /// Input and output were discarded for a signal.
    Flush,
    /// Output stops (^S) or goes on (^Q).
    Stop,
    /// See `Stop`.
    Start,
    /// A line is complete, of a canonical terminal.
    Line,
}

const SIGINT: u8 = 2;
const SIGQUIT: u8 = 3;
const SIGTSTP: u8 = 20;

/// The state of a terminal's line discipline.
pub struct LineDiscipline {
    pub(crate) queue: Queue,
    pub(crate) echo: VecDeque<u8>,
    /// Column of the output, and at the beginning of the line being edited.
    pub(crate) column: u32,
    pub(crate) canonical_column: u32,
    /// The next byte is taken literally.
    literal_next: bool,
    /// Within `\.../` of ECHOPRT.
    pub(crate) erasing: bool,
    /// Output is stopped by ^S.
    stopped: bool,
}

impl Default for LineDiscipline {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) fn is_control(byte: u8) -> bool {
    byte < 32 || byte == 127
}
pub(crate) fn is_continuation(termios: &Termios, byte: u8) -> bool {
    termios.input & input::IUTF8 != 0 && byte & 0xc0 == 0x80
}

impl LineDiscipline {
    /// A fresh one.
    pub fn new() -> Self {
        LineDiscipline {
            queue: Queue::new(),
            echo: VecDeque::new(),
            column: 0,
            canonical_column: 0,
            literal_next: false,
            erasing: false,
            stopped: false,
        }
    }

    /// Whether output is stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }
    /// Stops or restarts output by ioctl (TCXONC).
    pub fn set_stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
    }

    /// Bytes that can be received now without loss. A canonical terminal whose queue is full of one unfinished line takes
    /// more, so that the line can be ended.
    pub fn room(&self, termios: &Termios) -> usize {
        let mut room = SIZE.saturating_sub(self.queue.count());
        if termios.input & input::PARMRK != 0 {
            room = room.div_ceil(3);
        }
        let room = room.saturating_sub(1);
        if room == 0 && termios.local & local::ICANON != 0 && self.queue.line_end == self.queue.tail {
            return 1;
        }
        room
    }

    /// Takes received bytes, as many as there is room for; events go to `event`. How many were taken.
    pub fn receive(&mut self, termios: &Termios, bytes: &[u8], mut event: impl FnMut(Event)) -> usize {
        let raw = is_raw(termios);
        let mut taken = 0;
        for &byte in bytes {
            if self.room(termios) == 0 {
                break;
            }
            taken += 1;
            if raw {
                self.queue.put(byte);
            } else {
                self.receive_byte(termios, byte, &mut event);
            }
        }
        taken
    }

    fn receive_byte(&mut self, termios: &Termios, mut byte: u8, event: &mut dyn FnMut(Event)) {
        let literal = core::mem::take(&mut self.literal_next);
        if termios.input & input::ISTRIP != 0 {
            byte &= 0x7f;
        }
        if termios.input & input::IUCLC != 0 && termios.local & local::IEXTEN != 0 {
            byte = byte.to_ascii_lowercase();
        }
        if literal {
            self.receive_ordinary(termios, byte, event);
        } else if termios.local & local::EXTPROC != 0 {
            self.put(termios, byte);
        } else if byte != DISABLED {
            self.receive_special(termios, byte, event);
        } else {
            self.receive_ordinary(termios, byte, event);
        }
    }

    /// Puts a byte into the queue; the last one of an overlong line is replaced.
    fn put(&mut self, termios: &Termios, byte: u8) {
        if self.queue.count() >= SIZE - 1 && self.queue.head > self.queue.line_end {
            self.queue.head -= 1;
        }
        if byte == 0xff && termios.input & input::PARMRK != 0 && termios.input & input::ISTRIP == 0 {
            self.queue.put(byte);
        }
        self.queue.put(byte);
    }

    fn restart_on_any(&mut self, termios: &Termios, event: &mut dyn FnMut(Event)) {
        let any = input::IXON | input::IXANY;
        if self.stopped && termios.input & any == any {
            self.stopped = false;
            event(Event::Start);
        }
    }

    fn receive_ordinary(&mut self, termios: &Termios, byte: u8, event: &mut dyn FnMut(Event)) {
        self.restart_on_any(termios, event);
        if termios.local & local::ECHO != 0 {
            self.finish_erasing(termios);
            if self.queue.line_end == self.queue.head {
                self.canonical_column = self.column;
            }
            self.echo_byte(termios, byte);
        }
        self.put(termios, byte);
    }

    fn receive_special(&mut self, termios: &Termios, mut byte: u8, event: &mut dyn FnMut(Event)) {
        let is = |index: usize, byte: u8| termios.character(index) == byte;
        let local = |flag: u32| termios.local & flag != 0;
        let given = |flag: u32| termios.input & flag != 0;
        if given(input::IXON) {
            if is(character::START, byte) {
                self.stopped = false;
                return event(Event::Start);
            }
            if is(character::STOP, byte) {
                self.stopped = true;
                return event(Event::Stop);
            }
        }
        if local(local::ISIG) {
            for (index, signal) in [(character::INTR, SIGINT), (character::QUIT, SIGQUIT), (character::SUSP, SIGTSTP)] {
                if is(index, byte) {
                    return self.receive_signal(termios, byte, signal, event);
                }
            }
        }
        self.restart_on_any(termios, event);
        if byte == b'\r' {
            if given(input::IGNCR) {
                return;
            }
            if given(input::ICRNL) {
                byte = b'\n';
            }
        } else if byte == b'\n' && given(input::INLCR) {
            byte = b'\r';
        }
        let extended = local(local::IEXTEN);
        if local(local::ICANON) {
            if is(character::ERASE, byte) || is(character::KILL, byte) || extended && is(character::WERASE, byte) {
                return self.erase(termios, byte);
            }
            if extended && is(character::LNEXT, byte) {
                self.literal_next = true;
                if local(local::ECHO) {
                    self.finish_erasing(termios);
                    if local(local::ECHOCTL) {
                        self.echo_raw(termios, b'^');
                        self.echo_raw(termios, 8);
                    }
                }
                return;
            }
            if extended && local(local::ECHO) && is(character::REPRINT, byte) {
                return self.reprint(termios, byte);
            }
            if byte == b'\n' {
                if local(local::ECHO) || local(local::ECHONL) {
                    self.echo_raw(termios, b'\n');
                }
                return self.end_line(byte, event);
            }
            if is(character::EOF, byte) {
                return self.end_line(DISABLED, event);
            }
            if is(character::EOL, byte) || extended && is(character::EOL2, byte) {
                if local(local::ECHO) {
                    if self.queue.line_end == self.queue.head {
                        self.canonical_column = self.column;
                    }
                    self.echo_byte(termios, byte);
                }
                if byte == 0xff && given(input::PARMRK) {
                    self.put(termios, byte);
                }
                return self.end_line(byte, event);
            }
        }
        if local(local::ECHO) {
            self.finish_erasing(termios);
            if byte == b'\n' {
                self.echo_raw(termios, b'\n');
            } else {
                if self.queue.line_end == self.queue.head {
                    self.canonical_column = self.column;
                }
                self.echo_byte(termios, byte);
            }
        }
        self.put(termios, byte);
    }

    fn end_line(&mut self, byte: u8, event: &mut dyn FnMut(Event)) {
        if self.queue.count() >= SIZE {
            self.queue.head -= 1;
        }
        self.queue.put_line_end(byte);
        event(Event::Line);
    }

    fn receive_signal(&mut self, termios: &Termios, byte: u8, signal: u8, event: &mut dyn FnMut(Event)) {
        event(Event::Signal(signal));
        if termios.local & local::NOFLSH == 0 {
            self.echo.clear();
            self.queue.clear();
            self.erasing = false;
            event(Event::Flush);
        }
        if termios.input & input::IXON != 0 && self.stopped {
            self.stopped = false;
            event(Event::Start);
        }
        if termios.local & local::ECHO != 0 {
            self.echo_byte(termios, byte);
        }
    }

    /// Adapts to new settings: a change of mode turns what is queued into a line or lines into plain bytes. True if output
    /// that was stopped goes on.
    pub fn settings_changed(&mut self, old: &Termios, new: &Termios) -> bool {
        if (old.local ^ new.local) & (local::ICANON | local::EXTPROC) != 0 {
            self.queue.clear_marks();
            if new.local & local::ICANON == 0 || self.queue.count() == 0 {
                self.queue.line_end = self.queue.tail;
            } else {
                self.queue.set_mark(self.queue.head - 1, true);
                self.queue.line_end = self.queue.head;
            }
            self.erasing = false;
            self.literal_next = false;
        }
        let released = self.stopped && new.input & input::IXON == 0 && old.input & input::IXON != 0;
        if released {
            self.stopped = false;
        }
        released
    }

    /// Discards input (TCIFLUSH).
    pub fn flush_input(&mut self) {
        self.queue.clear();
        self.literal_next = false;
        self.erasing = false;
    }

    /// Processes bytes on their way out (OPOST): each gives up to eight bytes to `put`.
    pub fn output(&mut self, termios: &Termios, bytes: &[u8], mut put: impl FnMut(u8)) {
        if termios.output & output::OPOST == 0 {
            bytes.iter().for_each(|byte| put(*byte));
            return;
        }
        for byte in bytes {
            self.output_byte(termios, *byte, &mut put);
        }
    }

    /// Most bytes that one byte of output can become.
    pub const LARGEST_OUTPUT: usize = 8;

    pub(crate) fn output_byte(&mut self, termios: &Termios, mut byte: u8, put: &mut dyn FnMut(u8)) {
        let has = |flag: u32| termios.output & flag != 0;
        match byte {
            b'\n' => {
                if has(output::ONLRET) {
                    self.column = 0;
                }
                if has(output::ONLCR) {
                    self.column = 0;
                    self.canonical_column = 0;
                    put(b'\r');
                    return put(b'\n');
                }
                self.canonical_column = self.column;
            }
            b'\r' => {
                if has(output::ONOCR) && self.column == 0 {
                    return;
                }
                if has(output::OCRNL) {
                    byte = b'\n';
                    if has(output::ONLRET) {
                        self.column = 0;
                        self.canonical_column = 0;
                    }
                } else {
                    self.column = 0;
                    self.canonical_column = 0;
                }
            }
            b'\t' => {
                let spaces = 8 - (self.column & 7);
                self.column = self.column.wrapping_add(spaces);
                if termios.output & output::TABDLY == output::XTABS {
                    (0..spaces).for_each(|_| put(b' '));
                    return;
                }
            }
            8 => self.column = self.column.saturating_sub(1),
            _ if !is_control(byte) => {
                if has(output::OLCUC) {
                    byte = byte.to_ascii_uppercase();
                }
                if !is_continuation(termios, byte) {
                    self.column = self.column.wrapping_add(1);
                }
            }
            _ => {}
        }
        put(byte);
    }
}

/// Whether bytes go to the queue as they are.
fn is_raw(termios: &Termios) -> bool {
    let inputs =
        input::ISTRIP | input::IUCLC | input::IGNCR | input::ICRNL | input::INLCR | input::IXON | input::PARMRK;
    termios.input & inputs == 0 && termios.local & (local::ICANON | local::ISIG | local::ECHO) == 0
}
