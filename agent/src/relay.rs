//! Starts the command and carries its streams between pipes (or a pseudo-terminal) and the ports, one poll loop for
//! everything.

use crate::{Result, setup, stage, while_doing};
use agent::config::{Config, WindowSize};
use agent::frame::{Decoder, Message, Status, ToGuest, ToHost};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

/// Bytes carried at once.
const BUFFER: usize = 128 * 1024;
/// Output still taken from a pipe after the command ended, so that a surviving writer cannot hold the machine.
const LAST_OUTPUT: usize = 1 << 20;
/// What the end-of-file character is on a fresh terminal (^D).
const END_OF_FILE: u8 = 4;
/// How often the tracer's records are fetched: it calls by itself only when there are many.
const TRACE_PERIOD: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
/// How often a command without open outputs is looked at, should its SIGCHLD be late.
const REAP_PERIOD: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// One direction of one stream, with the bytes under way.
struct Pump {
    source: Option<File>,
    sink: Option<File>,
    /// Zeroed once by the allocator, so that only what was ever filled takes memory.
    buffer: Vec<u8>,
    /// What is in the buffer and not yet given.
    start: usize,
    filled: usize,
    /// Bytes taken from the source so far.
    taken: u64,
    /// The source ends after this many bytes.
    end: Option<u64>,
    /// Written to the sink at the end, before it is closed.
    epilogue: Option<u8>,
}

impl Pump {
    fn new(source: File, sink: File) -> Self {
        Self {
            source: Some(source),
            sink: Some(sink),
            buffer: vec![0; BUFFER],
            start: 0,
            filled: 0,
            taken: 0,
            end: None,
            epilogue: None,
        }
    }

    fn pending(&self) -> bool {
        self.start < self.filled
    }

    /// Neither takes nor gives anything any more.
    fn finished(&self) -> bool {
        self.source.is_none() && !self.pending()
    }

    /// The descriptor to wait for, and what for.
    fn interest(&self) -> Option<PollFd<'_>> {
        if self.pending() {
            return self.sink.as_ref().map(|sink| PollFd::new(sink, PollFlags::OUT));
        }
        self.source.as_ref().map(|source| PollFd::new(source, PollFlags::IN))
    }

    /// Takes and gives what goes without waiting; returns how much it took.
    fn advance(&mut self) -> usize {
        let taken = self.fill();
        self.flush();
        if !self.pending() && self.end.is_some_and(|end| self.taken >= end) {
            self.source = None;
        }
        if self.source.is_none() && !self.pending() {
            if let Some(byte) = self.epilogue.take() {
                (self.start, self.filled) = (0, 1);
                self.buffer[0] = byte;
                self.flush();
            }
            if !self.pending() {
                self.sink = None;
            }
        }
        taken
    }

    fn fill(&mut self) -> usize {
        if self.pending() || self.end.is_some_and(|end| self.taken >= end) {
            return 0;
        }
        let mut filled = 0;
        // A port gives a page at a time: take several for one write, poll and wake-up.
        while let (Some(source), Some(space @ [_, ..])) = (&self.source, self.buffer.get_mut(filled..)) {
            match rustix::io::read(source, space) {
                Ok(0) => self.source = None,
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => self.source = None,
            }
        }
        (self.start, self.filled) = (0, filled);
        self.taken = self.taken.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        filled
    }

    fn flush(&mut self) {
        while let Some(sink) = self.sink.as_ref().filter(|_| self.start < self.filled) {
            match rustix::io::write(sink, &self.buffer[self.start..self.filled]) {
                Ok(count) => self.start += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // Nobody reads any more. The source learns of it by the pipe being closed.
                Err(_) => self.close(),
            }
        }
        if self.sink.is_none() {
            self.start = self.filled;
        }
    }

    fn close(&mut self) {
        self.source = None;
        self.sink = None;
        self.epilogue = None;
        self.start = self.filled;
    }
}

/// The streams of the command on the agent's side, and those for the child.
struct Streams {
    stdin: Pump,
    stdout: Pump,
    stderr: Option<Pump>,
    /// The tracer's records.
    trace: Option<Pump>,
    /// The terminal's master, to set its size.
    terminal: Option<File>,
}

/// Runs the configured command to its end and tells the host how it ended.
pub fn run_command(
    config: &Config,
    [stdin, stdout, stderr]: [File; 3],
    trace: Option<File>,
    control: &mut File,
) -> Result<()> {
    // A pipe rather than a socket, so that a kernel without sockets will do.
    let (wake_receiver, wake_sender) =
        pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(while_doing("wake-up pipe"))?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGCHLD, wake_sender)
        .map_err(while_doing("SIGCHLD"))?;

    let trace = match (&config.trace, trace) {
        (Some(settings), Some(port)) => Some(Pump::new(open_tracer(settings.as_bytes())?, port)),
        _ => None,
    };
    let mut command = Command::new(agent::AGENT_PATH);
    command.arg(stage::ARGUMENT).env_clear();
    let mut keep_open = None;
    let mut streams = match config.terminal {
        Some(size) => {
            let (master, slave) = open_terminal(size).map_err(while_doing("pseudo-terminal"))?;
            let copy = || slave.try_clone().map(Stdio::from).map_err(while_doing("pseudo-terminal"));
            command.stdin(copy()?).stdout(copy()?).stderr(copy()?);
            // While the slave is open here, the master reads no error between two programs.
            keep_open = Some(slave);
            let master = || master.try_clone().map(File::from).map_err(while_doing("pseudo-terminal"));
            let mut stdin = Pump::new(stdin, master()?);
            stdin.epilogue = Some(END_OF_FILE);
            Streams { stdin, stdout: Pump::new(master()?, stdout), stderr: None, trace, terminal: Some(master()?) }
        }
        None => {
            let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(while_doing("pipe"));
            let ours = |end: OwnedFd| {
                fcntl_setfl(&end, OFlags::NONBLOCK).map_err(while_doing("pipe"))?;
                Ok::<_, String>(File::from(end))
            };
            let (input, our_input) = pipe()?;
            let (our_output, output) = pipe()?;
            let (our_error, error) = pipe()?;
            command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::from(error));
            Streams {
                stdin: Pump::new(stdin, ours(our_input)?),
                stdout: Pump::new(ours(our_output)?, stdout),
                stderr: Some(Pump::new(ours(our_error)?, stderr)),
                trace,
                terminal: None,
            }
        }
    };
    let child = command.spawn().map_err(while_doing(agent::AGENT_PATH))?;
    // The child's ends of the pipes must not stay open here.
    drop(command);
    let child = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or("a child without a pid")?;
    send(control, &ToHost::Started)?;
    let mut decoder = Decoder::default();
    let status = carry(&mut streams, child, control, &mut decoder, &wake_receiver)?;
    drop(keep_open);
    drain(&mut streams, control, &mut decoder)?;
    let taken = |pump: &Option<Pump>| pump.as_ref().map_or(0, |pump| pump.taken);
    let (stderr, trace) = (taken(&streams.stderr), taken(&streams.trace));
    send(control, &ToHost::Ended { status, stdout: streams.stdout.taken, stderr, trace })?;
    wait_for_finish_from(control, &mut decoder);
    Ok(())
}

/// Carries streams and messages until the command has ended.
fn carry(
    streams: &mut Streams,
    child: Pid,
    control: &mut File,
    decoder: &mut Decoder,
    wake: &OwnedFd,
) -> Result<Status> {
    loop {
        if let Some(status) = reap(child)? {
            return Ok(status);
        }
        let outputs_open = !streams.stdout.finished() || streams.stderr.as_ref().is_some_and(|pump| !pump.finished());
        let mut waiting = vec![PollFd::new(wake, PollFlags::IN), PollFd::new(&*control, PollFlags::IN)];
        waiting.extend(streams.stdin.interest());
        waiting.extend(streams.stdout.interest());
        waiting.extend(streams.stderr.as_ref().and_then(Pump::interest));
        waiting.extend(streams.trace.as_ref().and_then(Pump::interest));
        let period = match (&streams.trace, outputs_open) {
            (Some(_), _) => Some(&TRACE_PERIOD),
            (None, true) => None,
            (None, false) => Some(&REAP_PERIOD),
        };
        match poll(&mut waiting, period) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(format!("poll: {error}")),
        }
        let woken = !waiting[0].revents().is_empty();
        let told = !waiting[1].revents().is_empty();
        drop(waiting);
        if woken {
            let mut bytes = [0; 64];
            let _ = rustix::io::read(wake, &mut bytes);
        }
        if told {
            obey(streams, Some(child), control, decoder)?;
        }
        streams.stdin.advance();
        streams.stdout.advance();
        for pump in [&mut streams.stderr, &mut streams.trace].into_iter().flatten() {
            pump.advance();
        }
    }
}

/// Sends on what the command had written before it ended. Processes it left behind may go on writing: only what is
/// there now counts.
fn drain(streams: &mut Streams, control: &mut File, decoder: &mut Decoder) -> Result<()> {
    streams.stdin.close();
    for which in 0..3 {
        let mut taken = 0;
        loop {
            let pump = match which {
                0 => Some(&mut streams.stdout),
                1 => streams.stderr.as_mut(),
                _ => streams.trace.as_mut(),
            };
            let Some(pump) = pump else { break };
            let advanced = pump.advance();
            taken += advanced;
            if pump.pending() {
                let mut waiting = vec![PollFd::new(&*control, PollFlags::IN)];
                waiting.extend(pump.interest());
                match poll(&mut waiting, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(format!("poll: {error}")),
                }
                if !waiting[0].revents().is_empty() {
                    drop(waiting);
                    obey(streams, None, control, decoder)?;
                }
            } else if advanced == 0 || taken > LAST_OUTPUT {
                pump.close();
                break;
            }
        }
    }
    Ok(())
}

/// Reads the control port and does what the host says.
fn obey(streams: &mut Streams, child: Option<Pid>, control: &mut File, decoder: &mut Decoder) -> Result<()> {
    receive(control, decoder)?;
    while let Some(message) = decoder.take::<ToGuest>().map_err(|error| error.to_string())? {
        match message {
            ToGuest::StdinEnd(total) => streams.stdin.end = Some(total),
            ToGuest::Window { rows, columns } => {
                if let Some(terminal) = &streams.terminal {
                    set_size(terminal, WindowSize { rows, columns });
                }
            }
            ToGuest::Signal(number) => {
                if let Some(child) = child {
                    forward_signal(child, streams.terminal.as_ref(), number);
                }
            }
            ToGuest::StdoutClosed => streams.stdout.close(),
            ToGuest::StderrClosed => {
                if let Some(stderr) = &mut streams.stderr {
                    stderr.close();
                }
            }
            ToGuest::Finish => return Err("the host ends the machine".into()),
        }
    }
    Ok(())
}

/// Reads what is on the control port. The host is gone when it ends.
fn receive(control: &File, decoder: &mut Decoder) -> Result<()> {
    let mut bytes = [0; 1024];
    match rustix::io::read(control, &mut bytes) {
        Ok(0) => Err("the host closed the control port".into()),
        Ok(count) => {
            decoder.push(&bytes[..count]);
            Ok(())
        }
        Err(Errno::AGAIN | Errno::INTR) => Ok(()),
        Err(error) => Err(format!("control port: {error}")),
    }
}

/// Waits until the host has everything, or is gone.
pub fn wait_for_finish(control: &mut File) {
    wait_for_finish_from(control, &mut Decoder::default());
}

fn wait_for_finish_from(control: &mut File, decoder: &mut Decoder) {
    loop {
        while let Ok(Some(message)) = decoder.take::<ToGuest>() {
            if message == ToGuest::Finish {
                return;
            }
        }
        let waited = poll(&mut [PollFd::new(&*control, PollFlags::IN)], None);
        if !matches!(waited, Ok(_) | Err(Errno::INTR)) || receive(control, decoder).is_err() {
            return;
        }
    }
}

/// Reaps everything that ended; returns the command's status when it is among them.
fn reap(child: Pid) -> Result<Option<Status>> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == child => {
                if let Some(signal) = status.terminating_signal() {
                    return Ok(Some(Status::Signal(u8::try_from(signal).unwrap_or(u8::MAX))));
                }
                if let Some(code) = status.exit_status() {
                    return Ok(Some(Status::Code(u8::try_from(code).unwrap_or(u8::MAX))));
                }
            }
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Ok(None),
            Err(error) => return Err(format!("wait4: {error}")),
        }
    }
}

/// Sends a signal to the terminal's foreground job, or to the command's process group.
fn forward_signal(child: Pid, terminal: Option<&File>, number: u32) {
    let Some(signal) = i32::try_from(number).ok().and_then(Signal::from_named_raw) else { return };
    let foreground = terminal.and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok());
    // The group may have ended meanwhile; then there is nobody to tell.
    let _ = kill_process_group(foreground.unwrap_or(child), signal);
}

/// Opens the kernel's tracer and gives it the settings.
fn open_tracer(settings: &[u8]) -> Result<File> {
    // As for the terminal, the name is taken from the command's root.
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut tracer = File::from(open(setup::TRACER, flags, Mode::empty()).map_err(while_doing(setup::TRACER))?);
    tracer.write_all(settings).map_err(while_doing("the tracer's settings"))?;
    Ok(tracer)
}

fn open_terminal(size: WindowSize) -> std::result::Result<(OwnedFd, OwnedFd), Errno> {
    use rustix::pty::{ptsname, unlockpt};
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    // The agent's root may be the initramfs, below the command's: names are taken from the working directory, which
    // is the command's root.
    let master = open("dev/ptmx", flags | OFlags::NONBLOCK, Mode::empty())?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let relative = name.to_bytes().strip_prefix(b"/").unwrap_or(name.to_bytes());
    let slave = open(relative, flags, Mode::empty())?;
    set_size(&master, size);
    Ok((master, slave))
}

fn set_size(terminal: impl AsFd, size: WindowSize) {
    let size = rustix::termios::Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // A kernel without window sizes still has terminals.
    let _ = rustix::termios::tcsetwinsize(terminal, size);
}

/// Sends a message whole; the control port is nonblocking, the messages are small.
fn send(control: &mut File, message: &ToHost) -> Result<()> {
    let bytes = message.encode();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        match control.write(rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(&*control, PollFlags::OUT)], None).map_err(while_doing("poll"))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("control port: {error}")),
        }
    }
    Ok(())
}
