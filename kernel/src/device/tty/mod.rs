//! Terminals: the serial console and pseudo-terminals, with job control.
//!
//! A terminal's settings, line discipline and queues are under one sleeping lock; session and foreground group under a spin
//! lock of their own, because the process side asks for them. Signals are sent with neither held.
pub mod console;
pub mod devpts;
mod file;
mod hangup;
mod ioctl;
mod job_control;
pub mod master;
mod settings;

pub use file::TerminalFile;
pub use hangup::vhangup;
pub use job_control::terminal_of;

use crate::error::*;
use crate::file::signal_driven::{OwnerKind, Reason, SignalList, SignalOwner};
use crate::file::{DeviceNumber, PollEvents};
use crate::process::Task;
use crate::process::session::{ProcessGroup, Session};
use crate::sync::{Mutex, SpinLock, rank};
use crate::wait::WaitQueue;
use abi::termios::{Termios, WindowSize, local, packet};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use machine::memory::try_arc;
use terminal::{Event, LineDiscipline};

/// Bytes a pseudo-terminal keeps for its master.
pub(super) const OUTPUT_LIMIT: usize = 8192;
/// Received bytes kept while the line discipline has no room.
pub(super) const PENDING_LIMIT: usize = 8192;
/// Bytes that the master may leave unread when writers learn that there is room.
const FEW_LEFT: usize = 128;
/// Output room below which poll(2) does not report a terminal as writable.
const WRITABLE_ROOM: usize = 256;

/// Registers the terminals' drivers. Once, at boot.
pub fn initialize() -> Result<()> {
    console::initialize()?;
    master::initialize()?;
    devpts::initialize()
}

/// What is at the other end of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The machine's serial port.
    Console,
    /// A pseudo-terminal's master.
    Pty,
}

impl Kind {
    fn initial_settings(self) -> Termios {
        match self {
            Kind::Console => Termios::STANDARD,
            Kind::Pty => Termios::PSEUDO,
        }
    }
}

/// A terminal (for pseudo-terminals: the pair, seen from the slave).
pub struct Tty {
    kind: Kind,
    device: DeviceNumber,
    /// The terminal itself, for its session.
    own: alloc::sync::Weak<Tty>,
    state: Mutex<State>,
    control: SpinLock<Control>,
    /// Readers and writers of the terminal.
    readers: Arc<WaitQueue>,
    writers: Arc<WaitQueue>,
    /// Readers and writers of the master.
    master_readers: Arc<WaitQueue>,
    master_writers: Arc<WaitQueue>,
    /// Who gets signals, of the terminal's files and of the master's.
    signals: SignalList,
    master_signals: SignalList,
    /// A write of a file that asked for signals found no room.
    wants_room: AtomicBool,
    /// Counts hang-ups: files opened before one are dead.
    hangups: AtomicU32,
}

/// Session and foreground group.
#[derive(Default)]
struct Control {
    session: Option<Arc<Session>>,
    foreground: Option<Arc<ProcessGroup>>,
}

/// What the terminal's lock protects.
struct State {
    termios: Termios,
    /// What cannot be changed of them (TIOCSLCKTRMIOS).
    locked_settings: Termios,
    window: WindowSize,
    line: LineDiscipline,
    /// Received, but not yet taken by the line discipline.
    pending: VecDeque<u8>,
    /// Written by the slave's side, for the master.
    output: VecDeque<u8>,
    /// Open files of the slave's side.
    opens: u32,
    /// TIOCEXCL.
    exclusive: bool,
    /// Packet mode of the master, and what it is to be told.
    packet: bool,
    packet_status: u8,
    /// TIOCSPTLCK: the slave cannot be opened.
    locked: bool,
    /// The slave was open and all its files are closed.
    slave_closed: bool,
    /// The master is closed.
    master_closed: bool,
}

/// What is to be done once the lock is free.
#[derive(Default)]
struct Aftermath {
    signals: [u8; 4],
    count: usize,
    started: bool,
    echoed: bool,
    input: bool,
    /// Lines that were completed, or 1 for bytes of a terminal that knows no lines.
    lines: u32,
}
impl Aftermath {
    fn note(&mut self, event: Event) {
        match event {
            Event::Signal(signal) => {
                if let Some(place) = self.signals.get_mut(self.count) {
                    *place = signal;
                    self.count += 1;
                }
            }
            Event::Start => self.started = true,
            Event::Line => self.lines += 1,
            Event::Stop | Event::Flush => {}
        }
    }
}

impl State {
    /// Room for output: a pseudo-terminal's master may be slow, the serial port always takes it.
    fn output_room(&self, kind: Kind) -> usize {
        match kind {
            Kind::Console => usize::MAX,
            Kind::Pty => OUTPUT_LIMIT.saturating_sub(self.output.len()),
        }
    }
    /// Moves echoed bytes to the output. True if there were some.
    fn show_echo(&mut self, kind: Kind) -> bool {
        if self.line.echo_length() == 0 {
            return false;
        }
        match kind {
            Kind::Pty => {
                let room = self.output_room(kind);
                let output = &mut self.output;
                self.line.take_echo(room, |byte| output.push_back(byte));
            }
            Kind::Console => {
                let mut bytes = [0; 64];
                while self.line.echo_length() > 0 && !self.line.is_stopped() {
                    let mut count = 0;
                    self.line.take_echo(bytes.len(), |byte| {
                        if let Some(place) = bytes.get_mut(count) {
                            *place = byte;
                            count += 1;
                        }
                    });
                    machine::console::write(bytes.get(..count).unwrap_or_default());
                }
            }
        }
        true
    }
    /// Tells a packet-mode master; opposite bits go.
    fn tell_master(&mut self, set: u8, clear: u8) {
        if self.packet {
            self.packet_status = self.packet_status & !clear | set;
        }
    }
    /// Gives pending bytes to the line discipline.
    fn take_pending(&mut self, aftermath: &mut Aftermath) {
        while !self.pending.is_empty() {
            let (front, _) = self.pending.as_slices();
            let (termios, packet) = (self.termios, self.packet);
            let mut status = (0, 0);
            let taken = self.line.receive(&termios, front, |event| {
                aftermath.note(event);
                match event {
                    Event::Flush => status.0 |= packet::FLUSHREAD | packet::FLUSHWRITE,
                    Event::Stop => status = (status.0 & !packet::START | packet::STOP, packet::START),
                    Event::Start => status = (status.0 & !packet::STOP | packet::START, packet::STOP),
                    Event::Signal(_) | Event::Line => {}
                }
            });
            if packet {
                self.tell_master(status.0, status.1);
            }
            if taken == 0 {
                break;
            }
            if status.0 & packet::FLUSHWRITE != 0 {
                self.output.clear();
            }
            self.pending.drain(..taken);
            aftermath.input = true;
        }
        if aftermath.input && self.termios.local & local::ICANON == 0 && self.line.has_input(&self.termios) {
            aftermath.lines = 1;
        }
    }
}

impl Tty {
    /// A terminal nobody has opened.
    fn new(kind: Kind, device: DeviceNumber) -> Result<Arc<Tty>> {
        let mut pending = VecDeque::new();
        let mut output = VecDeque::new();
        pending.try_reserve_exact(if kind == Kind::Pty { PENDING_LIMIT } else { 1024 })?;
        if kind == Kind::Pty {
            output.try_reserve_exact(OUTPUT_LIMIT)?;
        }
        let queue = || try_arc(WaitQueue::new());
        let (readers, writers, master_readers, master_writers) = (queue()?, queue()?, queue()?, queue()?);
        let state = State {
            termios: kind.initial_settings(),
            locked_settings: Termios::default(),
            window: WindowSize::default(),
            line: LineDiscipline::new(),
            pending,
            output,
            opens: 0,
            exclusive: false,
            packet: false,
            packet_status: 0,
            locked: kind == Kind::Pty,
            slave_closed: false,
            master_closed: false,
        };
        Ok(Arc::new_cyclic(|own| Tty {
            kind,
            device,
            own: own.clone(),
            state: Mutex::new(rank::TTY_DATA, state),
            control: SpinLock::new(rank::TTY_CONTROL, Control::default()),
            readers,
            writers,
            master_readers,
            master_writers,
            signals: SignalList::new(),
            master_signals: SignalList::new(),
            wants_room: AtomicBool::new(false),
            hangups: AtomicU32::new(0),
        }))
    }

    /// The device number.
    pub fn device(&self) -> DeviceNumber {
        self.device
    }
    /// A counted reference.
    fn counted(&self) -> Option<Arc<Tty>> {
        self.own.upgrade()
    }

    /// Takes bytes that were typed (or written to the master): as many as there is room for.
    fn receive(&self, bytes: &[u8]) -> usize {
        let mut aftermath = Aftermath::default();
        let mut taken = 0;
        while taken < bytes.len() {
            let mut state = self.state.lock();
            let room = PENDING_LIMIT.min(state.pending.capacity()).saturating_sub(state.pending.len());
            let rest = bytes.get(taken..).unwrap_or_default();
            let step = rest.len().min(room);
            if step == 0 {
                break;
            }
            state.pending.extend(rest.get(..step).unwrap_or_default());
            taken += step;
            state.take_pending(&mut aftermath);
            aftermath.echoed |= state.show_echo(self.kind);
            let full = aftermath.count == aftermath.signals.len();
            drop(state);
            if full {
                self.finish(core::mem::take(&mut aftermath));
            }
        }
        self.finish(aftermath);
        taken
    }

    /// Sends signals and wakes whom the received bytes concern. No lock is held.
    fn finish(&self, aftermath: Aftermath) {
        for signal in aftermath.signals.into_iter().take(aftermath.count) {
            self.signal_foreground(signal);
        }
        if aftermath.input {
            self.readers.wake_all_for((PollEvents::IN | PollEvents::RDNORM).0);
            (0..aftermath.lines).for_each(|_| self.signals.notify(Reason::Input));
        }
        if aftermath.started {
            self.writers.wake_all_for((PollEvents::OUT | PollEvents::WRNORM).0);
        }
        if aftermath.echoed || aftermath.started || aftermath.count > 0 {
            self.master_readers.wake_all_for((PollEvents::IN | PollEvents::RDNORM | PollEvents::PRI).0);
        }
        if aftermath.echoed {
            self.master_signals.notify(Reason::Input);
        }
    }

    /// After something was read: room in the line discipline is used for what waits, and the master may write on.
    fn unthrottle(&self) {
        let mut aftermath = Aftermath::default();
        let mut state = self.state.lock();
        if state.pending.is_empty() {
            return;
        }
        state.take_pending(&mut aftermath);
        aftermath.echoed = state.show_echo(self.kind);
        drop(state);
        self.finish(aftermath);
        self.master_writers.wake_all_for((PollEvents::OUT | PollEvents::WRNORM).0);
    }

    /// Takes bytes written to the terminal, as many as the other end has room for.
    fn transmit(&self, state: &mut State, bytes: &[u8]) -> usize {
        if state.line.is_stopped() {
            return 0;
        }
        let termios = state.termios;
        match self.kind {
            Kind::Console => {
                let mut out = [0; 128];
                let mut count = 0;
                for byte in bytes {
                    state.line.output(&termios, core::slice::from_ref(byte), |byte| {
                        if let Some(place) = out.get_mut(count) {
                            *place = byte;
                            count += 1;
                        }
                    });
                    if count + LineDiscipline::LARGEST_OUTPUT > out.len() {
                        machine::console::write(out.get(..count).unwrap_or_default());
                        count = 0;
                    }
                }
                machine::console::write(out.get(..count).unwrap_or_default());
                bytes.len()
            }
            Kind::Pty => {
                let mut taken = 0;
                for byte in bytes {
                    if state.output.len() + LineDiscipline::LARGEST_OUTPUT > OUTPUT_LIMIT {
                        break;
                    }
                    let output = &mut state.output;
                    state.line.output(&termios, core::slice::from_ref(byte), |byte| output.push_back(byte));
                    taken += 1;
                }
                taken
            }
        }
    }

    /// Whom the signals of one of its files go to, if nobody was named: the foreground group, else the caller's process.
    fn name_signal_owner(&self, owner: &SignalOwner) {
        let task = Task::current();
        let foreground = self.control.lock().foreground.clone();
        match foreground {
            Some(group) => owner.name(task, Some(group.id().clone()), OwnerKind::Group, true),
            None => owner.name_caller(task),
        }
    }

    fn hangups(&self) -> u32 {
        self.hangups.load(Ordering::Acquire)
    }
}
