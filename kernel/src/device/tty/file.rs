//! An open terminal: reading, writing, polling (the slave's side of pseudo-terminals, and the console).
use super::{Kind, OUTPUT_LIMIT, Tty, WRITABLE_ROOM};
use crate::error::*;
use crate::file::open_file::open_flag;
use crate::file::signal_driven::{Lists, Reason, SignalOwner};
use crate::file::{File, FileOperations, IoBuffer, PollEvents, PollTable};
use crate::process::{Capability, Task};
use crate::wait::{Sleep, WaitError};
use abi::termios::{character, local};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::Ordering;
use machine::memory::try_box;
use terminal::{LineDiscipline, Reading};

/// Bytes processed at once.
const STEP: usize = 2048;
/// Nanoseconds in a unit of VTIME.
const DECISECOND: u64 = 100_000_000;

/// One open of a terminal.
pub struct TerminalFile {
    tty: Arc<Tty>,
    /// The terminal's hang-ups when it was opened.
    hangups: u32,
}

impl Tty {
    /// Opens the terminal. It becomes the controlling terminal of a session leader without one, unless told not to.
    pub fn open(self: &Arc<Self>, flags: u32, may_control: bool) -> Result<Box<dyn FileOperations>> {
        let task = Task::current();
        let file = try_box(TerminalFile { tty: self.clone(), hangups: self.hangups() })?;
        {
            let mut state = self.state.lock();
            if self.kind == Kind::Pty && (state.locked || state.master_closed) {
                return Err(EIO);
            }
            if state.exclusive && !task.capable(Capability::SysAdmin) {
                return Err(EBUSY);
            }
            state.opens += 1;
            state.slave_closed = false;
        }
        let readable = flags & open_flag::ACCESS_MODE != open_flag::WRITE_ONLY;
        if may_control && readable && flags & open_flag::NO_CONTROLLING_TERMINAL == 0 {
            self.offer_control(task);
        }
        Ok(file)
    }
}

impl TerminalFile {
    /// The terminal.
    pub fn tty(&self) -> &Arc<Tty> {
        &self.tty
    }
    /// Whether the terminal was hung up since the file was opened.
    pub fn is_hung_up(&self) -> bool {
        self.hangups != self.tty.hangups()
    }

    /// One step of a read.
    fn read_some(&self, bytes: &mut [u8]) -> Step {
        let mut state = self.tty.state.lock();
        let termios = state.termios;
        let reading = state.line.read(&termios, bytes);
        let others_gone = state.master_closed;
        let throttled = !state.pending.is_empty();
        drop(state);
        if throttled {
            self.tty.unthrottle();
        }
        match reading {
            Reading::Line(count) => Step::Line(count),
            Reading::Bytes(count) => Step::Bytes(count),
            Reading::Empty if self.is_hung_up() => Step::HungUp,
            Reading::Empty if others_gone => Step::OthersGone,
            Reading::Empty => Step::Empty,
        }
    }
}

enum Step {
    Line(usize),
    Bytes(usize),
    Empty,
    HungUp,
    OthersGone,
}

impl FileOperations for TerminalFile {
    fn read(&self, file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        if self.is_hung_up() {
            return Ok(0);
        }
        self.tty.check_background_read()?;
        if into.remaining() == 0 {
            return Ok(0);
        }
        let termios = self.tty.state.lock().termios;
        let (mut least, time) = if termios.local & local::ICANON != 0 {
            (1, 0)
        } else {
            let time = u64::from(termios.character(character::TIME)) * DECISECOND;
            (usize::from(termios.character(character::MIN)), time)
        };
        // Without a minimum the time counts from the beginning, else from each byte on.
        let after = |time: u64| Some(machine::time::monotonic().saturating_add(time));
        let mut deadline = None;
        let mut at_once = false;
        let between_bytes = least > 0 && time > 0;
        if least == 0 {
            least = 1;
            deadline = after(time);
            at_once = time == 0;
        }
        let mut bytes = Vec::new();
        let room = into.remaining().min(STEP * 2);
        bytes.try_reserve_exact(room)?;
        bytes.resize(room, 0);
        let mut total = 0usize;
        let result = loop {
            let step = into.remaining().min(room);
            let Some(piece) = bytes.get_mut(..step) else { break Ok(()) };
            match self.read_some(piece) {
                Step::Line(count) => {
                    total = total.saturating_add(count);
                    if into.put(piece.get(..count).unwrap_or_default())? < count {
                        return Err(EFAULT);
                    }
                    return Ok(total);
                }
                Step::Bytes(count) => {
                    total = total.saturating_add(count);
                    if into.put(piece.get(..count).unwrap_or_default())? < count {
                        return Err(EFAULT);
                    }
                    if total >= least && count < step || into.remaining() == 0 {
                        break Ok(());
                    }
                    if between_bytes {
                        deadline = after(time);
                    }
                    continue;
                }
                Step::HungUp => break Ok(()),
                Step::OthersGone => break Err(EIO),
                Step::Empty => {}
            }
            if total >= least || at_once {
                break Ok(());
            }
            if file.is_nonblocking() {
                break Err(EAGAIN);
            }
            let ready = || {
                let state = self.tty.state.lock();
                let ready = state.line.has_input(&state.termios) || state.master_closed || self.is_hung_up();
                ready.then_some(())
            };
            match self.tty.readers.wait_until(Sleep::Interruptible, deadline, ready) {
                Ok(()) => {}
                Err(WaitError::TimedOut) => break Ok(()),
                Err(WaitError::Interrupted) => break Err(ERESTARTSYS),
            }
            self.tty.check_background_read()?;
        };
        match result {
            Err(error) if total == 0 => Err(error),
            _ => Ok(total),
        }
    }

    fn write(&self, file: &File, from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        if self.is_hung_up() {
            return Err(EIO);
        }
        if self.tty.state.lock().termios.local & local::TOSTOP != 0 {
            self.tty.check_background_change()?;
        }
        let mut bytes = Vec::new();
        let room = from.remaining().min(STEP);
        bytes.try_reserve_exact(room)?;
        bytes.resize(room, 0);
        let mut total = 0usize;
        while from.remaining() > 0 {
            let step = from.remaining().min(room);
            let Some(piece) = bytes.get_mut(..step) else { break };
            // All of a step or nothing of it, as on Linux.
            let taken = match from.take(piece) {
                Ok(taken) if taken == step => taken,
                _ if total == 0 => return Err(EFAULT),
                _ => break,
            };
            let mut sent = 0;
            while sent < taken {
                let rest = piece.get(sent..taken).unwrap_or_default();
                match self.write_some(rest) {
                    Ok(0) if file.is_nonblocking() => {
                        self.tty.note_want_of_room();
                        let total = total.saturating_add(sent);
                        return if total == 0 { Err(EAGAIN) } else { Ok(total) };
                    }
                    Ok(0) => {
                        let ready = || {
                            let state = self.tty.state.lock();
                            let room = state.output_room(self.tty.kind) >= LineDiscipline::LARGEST_OUTPUT;
                            let writable = room && !state.line.is_stopped();
                            (writable || state.master_closed || self.is_hung_up()).then_some(())
                        };
                        if self.tty.writers.wait_until(Sleep::Interruptible, None, ready).is_err() {
                            let total = total.saturating_add(sent);
                            return if total == 0 { Err(ERESTARTSYS) } else { Ok(total) };
                        }
                    }
                    Ok(count) => sent += count,
                    Err(error) => {
                        let total = total.saturating_add(sent);
                        return if total == 0 { Err(error) } else { Ok(total) };
                    }
                }
            }
            total = total.saturating_add(sent);
            if taken < step {
                break;
            }
        }
        Ok(total)
    }

    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.tty.readers);
            table.wait_on(&self.tty.writers);
        }
        let input = PollEvents::IN | PollEvents::RDNORM;
        let output = PollEvents::OUT | PollEvents::WRNORM;
        if self.is_hung_up() {
            return input | output | PollEvents::ERR | PollEvents::HUP;
        }
        let state = self.tty.state.lock();
        let mut events = PollEvents::NONE;
        if state.line.is_readable(&state.termios) {
            events |= input;
        }
        if state.master_closed {
            events |= PollEvents::HUP;
        }
        let queued = OUTPUT_LIMIT.saturating_sub(state.output_room(self.tty.kind).min(OUTPUT_LIMIT));
        if queued < WRITABLE_ROOM && !state.line.is_stopped() {
            events |= output;
        }
        events
    }

    fn ioctl(&self, file: &File, task: &Task, command: u32, argument: u64) -> Result<usize> {
        if self.is_hung_up() {
            return Err(if command == abi::termios::request::TIOCSPGRP { ENOTTY } else { EIO });
        }
        self.tty.slave_ioctl(file, task, command, argument)
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn signal_lists<'a>(&'a self, _: &'a File) -> Lists<'a> {
        [Some(&self.tty.signals), None]
    }
    fn check_signals(&self) -> Result<()> {
        if self.is_hung_up() { Err(ENOTTY) } else { Ok(()) }
    }
    fn signals_requested(&self, owner: &Arc<SignalOwner>) {
        self.tty.name_signal_owner(owner);
    }
    fn release(&self, _file: &File) {
        let closed = {
            let mut state = self.tty.state.lock();
            if self.is_hung_up() {
                // The hang-up has closed it already.
                return;
            }
            state.opens = state.opens.saturating_sub(1);
            state.slave_closed = state.opens == 0;
            if state.opens == 0 {
                state.exclusive = false;
            }
            state.slave_closed
        };
        if closed && self.tty.kind == Kind::Pty {
            self.tty.master_readers.wake_all();
            self.tty.master_writers.wake_all();
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl TerminalFile {
    /// Writes what there is room for; EIO when the other end is gone.
    fn write_some(&self, bytes: &[u8]) -> Result<usize> {
        self.tty.write_unless(bytes, || self.is_hung_up())
    }
}

impl Tty {
    /// A write found no room: there is a signal when there is some, if anybody asks.
    fn note_want_of_room(&self) {
        if self.signals.is_used() {
            self.wants_room.store(true, Ordering::Relaxed);
        }
    }
    /// Shows a text as far as there is room, without waiting; how many bytes. EIO when nobody sees the terminal.
    pub fn show(&self, text: &[u8]) -> Result<usize> {
        self.write_unless(text, || false)
    }
    fn write_unless(&self, bytes: &[u8], is_hung_up: impl FnOnce() -> bool) -> Result<usize> {
        let mut state = self.state.lock();
        if state.master_closed || is_hung_up() {
            return Err(EIO);
        }
        // Echo that waits goes first.
        state.show_echo(self.kind);
        let taken = self.transmit(&mut state, bytes);
        drop(state);
        if taken > 0 && self.kind == Kind::Pty {
            self.master_readers.wake_all_for((PollEvents::IN | PollEvents::RDNORM).0);
            self.master_signals.notify(Reason::Input);
        }
        Ok(taken)
    }
}
