//! Carries a running machine's streams, messages and signals, and says how it ended.

use crate::console::Log;
use crate::vm::{Machine, Vm};
use agent::config::{Config, WindowSize};
use agent::frame::{Decoder, Message, Status, ToGuest, ToHost};
use anyhow::{Context, Result, bail};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// Bytes carried at once.
const BUFFER: usize = 256 * 1024;
/// How long a guest may take to power off after everything was said.
const POWER_OFF_PATIENCE: Duration = Duration::from_secs(10);
/// How long a command may take to end after a signal that asks it to.
const SIGNAL_PATIENCE: Duration = Duration::from_secs(3);
/// How long a hung kernel may take to print its state.
const DUMP_PATIENCE: Duration = Duration::from_secs(2);
/// The status by which a panicking kernel ends its machine.
const PANIC_STATUS: i32 = 123;

/// Where a session's streams come from and go to.
pub struct Streams {
    pub stdin: Box<dyn Read + Send>,
    pub stdout: Box<dyn Write + Send>,
    pub stderr: Box<dyn Write + Send>,
    /// The records of the kernel's tracer, if the configuration asks for them.
    pub trace: Box<dyn Write + Send>,
    /// The kernel's console, as it is written.
    pub log: Box<dyn Write + Send>,
}

/// What a session minds beside its streams.
#[derive(Default)]
pub struct Limits {
    /// The machine is ended after this time.
    pub timeout: Option<Duration>,
    /// On a time-out the kernel is asked (by a non-maskable interrupt) to print every CPU's and task's state.
    pub dump_on_timeout: bool,
    /// The machine boots something else than the agent: powering off is its ordinary end.
    pub without_agent: bool,
}

/// What people do to a running session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A signal for the command; the machine is ended if a second one comes or the command does not end.
    Signal(i32),
    /// The terminal's size changed.
    Window(WindowSize),
    /// End the machine.
    End,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The command ended.
    Ended(Status),
    /// The guest powered the machine off before its command ended.
    PoweredOff,
    /// The kernel panicked.
    Panicked,
    /// Time ran out.
    TimedOut,
    /// [`Request::End`].
    Interrupted,
    /// This signal was requested and the command did not end by it.
    Signalled(i32),
}

/// The end of a session with what the kernel had said.
pub struct Report {
    pub outcome: Outcome,
    pub log: Log,
    /// The guest had to be killed though it had nothing left to do.
    pub stuck: bool,
    /// The image that ran.
    pub image: std::path::PathBuf,
}

/// Lets others act on a running session.
#[derive(Clone)]
pub struct Handle(Sender<Event>);

impl Handle {
    /// Asks the session for something; it may have ended already, then nothing happens.
    pub fn request(&self, request: Request) {
        let _ = self.0.send(Event::Request(request));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Console,
    Control,
    Stdout,
    Stderr,
    Trace,
}

impl Channel {
    /// Its place among the outputs whose bytes are counted, and its name for people.
    fn output(self) -> (usize, &'static str) {
        match self {
            Channel::Stderr => (1, "standard error"),
            Channel::Trace => (2, "the trace"),
            Channel::Console | Channel::Control | Channel::Stdout => (0, "standard output"),
        }
    }
}

enum Event {
    Message(ToHost),
    Wrote(Channel, u64),
    OutputFailed(Channel, std::io::Error),
    InputFailed(std::io::Error),
    Closed(Channel),
    Monitor(String),
    Request(Request),
}

/// Boots a machine, runs the configured command in it and returns when it is gone.
///
/// `prepare` gets the session's handle before anything can happen, and `started` is called when the command runs.
///
/// # Errors
/// The machine could not be started or broke, or a stream of the host failed.
pub fn run(
    machine: &Machine,
    config: &Config,
    streams: Streams,
    limits: &Limits,
    prepare: impl FnOnce(Handle),
    mut started: impl FnMut(),
) -> Result<Report> {
    let begun = Instant::now();
    let (events, received) = channel();
    prepare(Handle(events.clone()));
    let vm = Vm::start(machine, config)?;
    let log = Arc::new(Mutex::new(Log::default()));
    let control = Arc::new(Mutex::new(vm.control.try_clone().context("the control channel")?));
    carry_streams(&vm, streams, &events, &log, &control)?;
    let mut session = Session {
        deadline: limits.timeout.map(|timeout| begun + timeout),
        dump_on_timeout: limits.dump_on_timeout,
        dumping: None,
        vm,
        control,
        outcome: None,
        running: limits.without_agent,
        wrote: [0; 3],
        expected: None,
        finishing: None,
        stuck: false,
        signal: None,
        guest_reset: false,
        abandoned: false,
        failure: None,
    };
    session.say_to_monitor(r#"{"execute":"qmp_capabilities"}"#);
    session.serve(&received, &mut started);
    session.close();
    session.conclude(log)
}

struct Session {
    vm: Vm,
    control: Arc<Mutex<UnixStream>>,
    deadline: Option<Instant>,
    dump_on_timeout: bool,
    /// The kernel prints its state until then.
    dumping: Option<Instant>,
    outcome: Option<Outcome>,
    /// The command was started, or what the machine boots instead.
    running: bool,
    /// Bytes of standard output, standard error and trace that arrived.
    wrote: [u64; 3],
    /// How the command ended, and how many bytes it wrote.
    expected: Option<(Status, [u64; 3])>,
    /// The guest was told to power off, and is killed then.
    finishing: Option<Instant>,
    stuck: bool,
    /// A signal the command was sent, and when the machine is ended for it.
    signal: Option<(i32, Option<Instant>)>,
    guest_reset: bool,
    /// Asked to end a second time: something of the host's does not let go of a stream.
    abandoned: bool,
    failure: Option<anyhow::Error>,
}

impl Session {
    /// Handles events until all channels are closed, as QEMU's end closes them.
    fn serve(&mut self, received: &Receiver<Event>, started: &mut impl FnMut()) {
        let mut open = vec![Channel::Console, Channel::Control, Channel::Stdout, Channel::Stderr];
        open.extend(self.vm.trace.as_ref().map(|_| Channel::Trace));
        while !open.is_empty() && !self.abandoned {
            let next = [
                self.deadline.filter(|_| self.finishing.is_none()),
                self.dumping,
                self.finishing,
                self.signal.and_then(|(_, end)| end),
            ];
            let event = match next.into_iter().flatten().min() {
                Some(time) => received.recv_timeout(time.saturating_duration_since(Instant::now())),
                None => received.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Message(ToHost::Started)) => {
                    self.running = true;
                    started();
                }
                Ok(Event::Closed(channel)) => open.retain(|other| *other != channel),
                Ok(event) => self.handle(event),
                Err(RecvTimeoutError::Timeout) => self.mind_the_time(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    /// Nothing more is to be expected; lets the threads of the host's streams end.
    fn close(&mut self) {
        for stream in
            [&self.vm.stdin, &self.vm.stdout, &self.vm.stderr, &self.vm.control].into_iter().chain(&self.vm.trace)
        {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Message(ToHost::Started) | Event::Closed(_) => {}
            Event::Message(ToHost::Ended { status, stdout, stderr, trace }) => {
                self.expected = Some((status, [stdout, stderr, trace]));
                self.signal = self.signal.map(|(number, _)| (number, None));
                self.finish_if_complete();
            }
            Event::Message(ToHost::Failed(text)) => {
                self.fail(anyhow::anyhow!("the guest could not start the command: {text}"));
            }
            Event::Wrote(channel, total) => {
                self.wrote[channel.output().0] = total;
                self.finish_if_complete();
            }
            Event::OutputFailed(channel, error) => {
                self.fail(anyhow::Error::new(error).context(format!("writing {}", channel.output().1)));
            }
            Event::InputFailed(error) => self.fail(anyhow::Error::new(error).context("reading standard input")),
            Event::Monitor(line) => {
                if line.contains(r#""event": "SHUTDOWN""#) && line.contains(r#""reason": "guest-reset""#) {
                    self.guest_reset = true;
                }
            }
            Event::Request(Request::End) => self.end(Outcome::Interrupted),
            Event::Request(Request::Window(WindowSize { rows, columns })) => {
                self.tell(ToGuest::Window { rows, columns });
            }
            Event::Request(Request::Signal(number)) => match self.signal {
                None if self.running => {
                    let patient = matches!(number, signal_hook::consts::SIGINT | signal_hook::consts::SIGQUIT);
                    self.signal = Some((number, (!patient).then(|| Instant::now() + SIGNAL_PATIENCE)));
                    self.tell(ToGuest::Signal(number.unsigned_abs()));
                }
                _ => self.end(Outcome::Signalled(number)),
            },
        }
    }

    fn mind_the_time(&mut self) {
        let now = Instant::now();
        let due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if due(self.finishing) {
            self.finishing = None;
            self.stuck = true;
            self.kill();
        } else if due(self.dumping) {
            self.dumping = None;
            self.end(Outcome::TimedOut);
        } else if let Some((number, end)) = self.signal
            && due(end)
        {
            self.end(Outcome::Signalled(number));
        } else if due(self.deadline) {
            self.deadline = None;
            if self.dump_on_timeout {
                self.outcome.get_or_insert(Outcome::TimedOut);
                self.say_to_monitor(r#"{"execute":"inject-nmi"}"#);
                self.dumping = Some(now + DUMP_PATIENCE);
            } else {
                self.end(Outcome::TimedOut);
            }
        }
    }

    /// Lets the guest power off once all of the command's output arrived.
    fn finish_if_complete(&mut self) {
        let Some((status, expected)) = self.expected else { return };
        let complete = self.wrote.iter().zip(&expected).all(|(wrote, expected)| wrote >= expected);
        if complete && self.finishing.is_none() {
            self.outcome.get_or_insert(Outcome::Ended(status));
            self.tell(ToGuest::Finish);
            self.finishing = Some(Instant::now() + POWER_OFF_PATIENCE);
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.abandoned = self.outcome.is_some() && outcome != Outcome::TimedOut;
        self.outcome.get_or_insert(outcome);
        self.kill();
    }

    fn fail(&mut self, error: anyhow::Error) {
        self.failure.get_or_insert(error);
        self.kill();
    }

    fn kill(&mut self) {
        // It may have ended by itself meanwhile.
        let _ = self.vm.child.kill();
    }

    fn tell(&self, message: ToGuest) {
        tell(&self.control, &message);
    }

    fn say_to_monitor(&self, line: &str) {
        // A machine that has gone needs no telling.
        let _ = (&self.vm.monitor).write_all(format!("{line}\n").as_bytes());
    }

    fn conclude(mut self, log: Arc<Mutex<Log>>) -> Result<Report> {
        let status = self.vm.child.wait().context("QEMU")?;
        let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let outcome = match self.outcome.take() {
            Some(outcome) => outcome,
            None => self.explain(status, &log)?,
        };
        Ok(Report { outcome, log, stuck: self.stuck, image: self.vm.image.clone() })
    }

    /// What ended a machine that nobody here ended.
    fn explain(&mut self, status: ExitStatus, log: &Log) -> Result<Outcome> {
        if status.code() == Some(PANIC_STATUS) || log.has_panic() {
            return Ok(Outcome::Panicked);
        }
        if let Some(signal) = status.signal() {
            bail!("QEMU was killed by signal {signal}");
        }
        if status.success() && self.guest_reset {
            bail!("the guest reset the machine (a triple fault, or reboot); -v shows the kernel's log");
        }
        if status.success() && self.running {
            return Ok(Outcome::PoweredOff);
        }
        if status.success() {
            bail!("the guest powered the machine off before its agent started; -v shows the kernel's log");
        }
        match self.vm.last_complaint() {
            Some(complaint) => bail!("{complaint}"),
            None => bail!("QEMU ended with {status}"),
        }
    }
}

fn tell(control: &Mutex<UnixStream>, message: &ToGuest) {
    let control = control.lock().unwrap_or_else(PoisonError::into_inner);
    // A machine that has gone needs no telling.
    let _ = (&*control).write_all(&message.encode());
}

/// Starts a thread for each channel. They end when the machine closes its ends.
fn carry_streams(
    vm: &Vm,
    streams: Streams,
    events: &Sender<Event>,
    log: &Arc<Mutex<Log>>,
    control: &Arc<Mutex<UnixStream>>,
) -> Result<()> {
    let clone = |stream: &UnixStream| stream.try_clone().context("a channel of the machine");
    carry_output(Channel::Stdout, clone(&vm.stdout)?, streams.stdout, events, control);
    carry_output(Channel::Stderr, clone(&vm.stderr)?, streams.stderr, events, control);
    if let Some(trace) = &vm.trace {
        carry_output(Channel::Trace, clone(trace)?, streams.trace, events, control);
    }
    carry_input(clone(&vm.stdin)?, streams.stdin, events, control);

    let (mut console, mut sink, log, sender) = (clone(&vm.console)?, streams.log, Arc::clone(log), events.clone());
    spawn(move || {
        let mut buffer = vec![0; BUFFER];
        while let Ok(count @ 1..) = console.read(&mut buffer) {
            let bytes = buffer.get(..count).unwrap_or_default();
            log.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
            // A log that nobody reads is no reason to stop.
            let _ = sink.write_all(bytes).and_then(|()| sink.flush());
        }
        let _ = sender.send(Event::Closed(Channel::Console));
    });

    let (mut port, sender) = (clone(&vm.control)?, events.clone());
    spawn(move || {
        let mut decoder = Decoder::default();
        let mut buffer = [0; 4096];
        'read: while let Ok(count @ 1..) = port.read(&mut buffer) {
            decoder.push(buffer.get(..count).unwrap_or_default());
            loop {
                match decoder.take() {
                    Ok(Some(message)) => drop(sender.send(Event::Message(message))),
                    Ok(None) => break,
                    Err(error) => {
                        let _ = sender.send(Event::Message(ToHost::Failed(error.to_string())));
                        break 'read;
                    }
                }
            }
        }
        let _ = sender.send(Event::Closed(Channel::Control));
    });

    let (monitor, sender) = (clone(&vm.monitor)?, events.clone());
    spawn(move || {
        for line in std::io::BufRead::lines(std::io::BufReader::new(monitor)).map_while(std::io::Result::ok) {
            let _ = sender.send(Event::Monitor(line));
        }
    });
    Ok(())
}

fn carry_output(
    channel: Channel,
    mut port: UnixStream,
    mut sink: Box<dyn Write + Send>,
    events: &Sender<Event>,
    control: &Arc<Mutex<UnixStream>>,
) -> JoinHandle<()> {
    let (events, control) = (events.clone(), Arc::clone(control));
    spawn(move || {
        let mut buffer = vec![0; BUFFER];
        let mut total = 0_u64;
        let mut wanted = true;
        while let Ok(count @ 1..) = port.read(&mut buffer) {
            if wanted && let Err(error) = sink.write_all(buffer.get(..count).unwrap_or_default()) {
                wanted = false;
                if error.kind() == ErrorKind::BrokenPipe && channel != Channel::Trace {
                    let closed = if channel == Channel::Stderr { ToGuest::StderrClosed } else { ToGuest::StdoutClosed };
                    tell(&control, &closed);
                } else {
                    let _ = events.send(Event::OutputFailed(channel, error));
                }
            }
            total = total.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            let _ = events.send(Event::Wrote(channel, total));
        }
        let _ = sink.flush();
        let _ = events.send(Event::Closed(channel));
    })
}

fn carry_input(
    mut port: UnixStream,
    mut source: Box<dyn Read + Send>,
    events: &Sender<Event>,
    control: &Arc<Mutex<UnixStream>>,
) -> JoinHandle<()> {
    let (events, control) = (events.clone(), Arc::clone(control));
    spawn(move || {
        let mut buffer = vec![0; BUFFER];
        let mut total = 0_u64;
        loop {
            match source.read(&mut buffer) {
                Ok(0) => break tell(&control, &ToGuest::StdinEnd(total)),
                Ok(count) => {
                    total = total.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
                    if port.write_all(buffer.get(..count).unwrap_or_default()).is_err() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    // A terminal that hung up has simply ended.
                    let hung_up = error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error());
                    tell(&control, &ToGuest::StdinEnd(total));
                    if !hung_up {
                        let _ = events.send(Event::InputFailed(error));
                    }
                    break;
                }
            }
        }
    })
}
