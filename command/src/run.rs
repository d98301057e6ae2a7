//! `lstar run`: from the options to the status.

use crate::command_line::{AcceleratorChoice, FAILED, RunOptions};
use crate::escape::{EscapingWriter, KeyFilter};
use crate::progress::Progress;
use crate::qemu::{self, Accelerator};
use crate::roots::Root;
use crate::session::{self, Handle, Limits, Outcome, Report, Request, Streams};
use crate::terminal::{self, RawMode};
use crate::vm::{Kernel, Machine};
use agent::config::Config;
use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{IsTerminal, Read, Write, stderr, stdin, stdout};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The statuses of a time-out and of a kernel panic.
const TIMED_OUT: i32 = 124;
const PANICKED: i32 = 123;
/// A boot that takes longer is shown.
const QUIET_BOOT: Duration = Duration::from_secs(2);

/// Runs a command as the options say; returns the status for the shell.
pub fn run(options: &RunOptions) -> Result<i32> {
    run_on(options, &machine(options)?, || ())
}

/// Runs the command of the options on a machine made beforehand; `started` is called when it runs.
pub fn run_on(options: &RunOptions, machine: &Machine, started: impl Fn()) -> Result<i32> {
    run_with(options, machine, started, None, Box::new(std::io::sink()))
}

/// As [`run`], traced by the guest's kernel with these settings; the records go to `trace`.
pub fn run_traced(options: &RunOptions, settings: OsString, trace: Box<dyn Write + Send>) -> Result<i32> {
    let machine = machine(options)?;
    if machine.kernel == Kernel::Linux {
        bail!("Linux has no such tracer; use strace on it");
    }
    run_with(options, &machine, || (), Some(settings), trace)
}

fn run_with(
    options: &RunOptions,
    machine: &Machine,
    started: impl Fn(),
    settings: Option<OsString>,
    trace: Box<dyn Write + Send>,
) -> Result<i32> {
    let on_terminal = stdin().is_terminal() && stdout().is_terminal();
    let terminal = options.tty || on_terminal;
    let config = Config { trace: settings, ..config(options, terminal)? };
    if let Some(port) = machine.gdb {
        announce_gdb(port, &machine.kernel.image()?)?;
    }

    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH]).context("signals")?;
    let watcher = signals.handle();
    let raw = if terminal && stdin().is_terminal() { Some(RawMode::enter(stdin())?) } else { None };
    let (keys, key_handle) = Keys::new(raw.is_some())?;
    let raw_output = raw.is_some();
    let streams = Streams {
        stdin: Box::new(keys),
        stdout: writer(stdout(), terminal, raw_output)?,
        stderr: writer(stderr(), false, raw_output)?,
        trace,
        log: if options.verbose { writer(stderr(), false, raw_output)? } else { Box::new(std::io::sink()) },
    };
    let limits = Limits { timeout: options.timeout, dump_on_timeout: options.verbose, ..Limits::default() };
    let progress = DelayedProgress::start("booting");
    let prepare = |handle: Handle| {
        *key_handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle.clone());
        std::thread::spawn(move || pass_signals_on(signals, &handle));
    };
    let report = session::run(machine, &config, streams, &limits, prepare, || {
        started();
        progress.end();
    });
    progress.end();
    drop(raw);
    watcher.close();
    conclude(&report?, options)
}

/// The machine that the options describe.
pub fn machine(options: &RunOptions) -> Result<Machine> {
    let kernel = match options.kernel.to_str() {
        Some("lstar") => Kernel::Lstar,
        Some("linux") => Kernel::Linux,
        _ => {
            qemu::check_kernel(&options.kernel)?;
            Kernel::At(options.kernel.clone())
        }
    };
    let cpus = match (options.cpus, options.icount) {
        (Some(cpus), true) if cpus != 1 => bail!("--icount counts one processor's instructions; use --cpus 1 with it"),
        (Some(cpus), _) => cpus,
        (None, true) => 1,
        (None, false) => 2,
    };
    Ok(Machine {
        kernel,
        machine: options.machine,
        accelerator: accelerator(options)?,
        cpus,
        memory: options.mem,
        root: options.root.as_deref().map_or(Ok(Root::BuiltIn), Root::at)?,
        append: options.append.clone(),
        icount: options.icount,
        gdb: options.gdb,
        kernel_log: options.verbose,
        ..Machine::default()
    })
}

fn accelerator(options: &RunOptions) -> Result<Accelerator> {
    if options.icount {
        if options.accel == AcceleratorChoice::Kvm {
            bail!("--icount needs --accel tcg: KVM cannot count instructions");
        }
        return Ok(Accelerator::Tcg);
    }
    if options.accel == AcceleratorChoice::Tcg {
        return Ok(Accelerator::Tcg);
    }
    match qemu::prove_kvm()? {
        (Ok(()), _) => Ok(Accelerator::Kvm),
        (Err(reason), _) if options.accel == AcceleratorChoice::Kvm => {
            bail!("KVM does not run guests here ({reason}); use --accel tcg")
        }
        (Err(reason), fresh) => {
            if fresh || options.verbose || stderr().is_terminal() {
                eprintln!("lstar: KVM does not run guests here ({reason}); using TCG, which is slower");
            }
            Ok(Accelerator::Tcg)
        }
    }
}

fn config(options: &RunOptions, terminal: bool) -> Result<Config> {
    let mut environment = Vec::new();
    if terminal {
        let name = std::env::var_os("TERM").unwrap_or_else(|| "xterm".into());
        environment.push(variable(OsStr::new("TERM"), &name));
    }
    for option in &options.env {
        let bytes = option.as_bytes();
        if bytes.is_empty() || bytes.starts_with(b"=") {
            bail!("--env {}: no name; give NAME=VALUE", option.display());
        }
        if bytes.contains(&b'=') {
            environment.push(option.clone());
        } else if let Some(value) = std::env::var_os(option) {
            environment.push(variable(option, &value));
        }
    }
    let hostname = options.hostname.as_bytes();
    if hostname.is_empty() || hostname.len() > 64 {
        bail!("--hostname: a name has 1 to 64 bytes");
    }
    Ok(Config {
        arguments: options.command.clone(),
        environment,
        working_directory: options.workdir.clone(),
        user: options.user.clone(),
        hostname: options.hostname.clone(),
        terminal: terminal.then(|| terminal::size(stdout())),
        ..Config::default()
    })
}

fn variable(name: &OsStr, value: &OsStr) -> OsString {
    OsString::from_vec([name.as_bytes(), b"=", value.as_bytes()].concat())
}

fn announce_gdb(port: u16, image: &Path) -> Result<()> {
    // QEMU would say it less clearly, and only after everything else was set up.
    std::net::TcpListener::bind(("127.0.0.1", port))
        .with_context(|| format!("--gdb={port}: the port cannot be had; give another one"))?;
    eprintln!("lstar: waiting for gdb: gdb -ex 'target remote 127.0.0.1:{port}' {}", image.display());
    Ok(())
}

/// One of the host's streams. What the guest writes reaches a terminal unchanged only if the guest's command has a
/// terminal too.
fn writer(stream: impl AsFd + IsTerminal, terminal: bool, raw: bool) -> Result<Box<dyn Write + Send>> {
    let escape = stream.is_terminal() && !terminal;
    let file = File::from(stream.as_fd().try_clone_to_owned().context("a standard stream")?);
    Ok(if escape { Box::new(EscapingWriter::new(file, raw)) } else { Box::new(file) })
}

/// Standard input, with the keys that end the machine taken out if it is a terminal.
struct Keys {
    source: File,
    filter: Option<KeyFilter>,
    handle: Arc<Mutex<Option<Handle>>>,
}

impl Keys {
    fn new(terminal: bool) -> Result<(Self, Arc<Mutex<Option<Handle>>>)> {
        let source = File::from(stdin().as_fd().try_clone_to_owned().context("standard input")?);
        let handle = Arc::default();
        let keys = Self { source, filter: terminal.then(KeyFilter::default), handle: Arc::clone(&handle) };
        Ok((keys, handle))
    }
}

impl Read for Keys {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let count = self.source.read(buffer)?;
            let Some(filter) = self.filter.as_mut().filter(|_| count > 0) else { return Ok(count) };
            // One byte is kept free: a key held back comes out together with the next.
            let mut keys = buffer.get(..count).unwrap_or_default().to_vec();
            if filter.filter(&mut keys)
                && let Some(handle) = &*self.handle.lock().unwrap_or_else(PoisonError::into_inner)
            {
                handle.request(Request::End);
            }
            if let (false, Some(target)) = (keys.is_empty(), buffer.get_mut(..keys.len())) {
                target.copy_from_slice(&keys);
                return Ok(keys.len());
            }
        }
    }
}

fn pass_signals_on(mut signals: Signals, handle: &Handle) {
    for signal in signals.forever() {
        handle.request(match signal {
            SIGWINCH => Request::Window(terminal::size(stdout())),
            signal => Request::Signal(signal),
        });
    }
}

/// Shows progress only for what takes long.
struct DelayedProgress(Mutex<Option<std::sync::mpsc::Sender<()>>>, Mutex<Option<std::thread::JoinHandle<()>>>);

impl DelayedProgress {
    fn start(text: &'static str) -> Self {
        if !stderr().is_terminal() {
            return Self(Mutex::default(), Mutex::default());
        }
        let (end, ended) = channel::<()>();
        let shower = std::thread::spawn(move || {
            if ended.recv_timeout(QUIET_BOOT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let progress = Progress::start(text);
                // Returns when the sender is dropped.
                let _ = ended.recv();
                drop(progress);
            }
        });
        Self(Mutex::new(Some(end)), Mutex::new(Some(shower)))
    }

    fn end(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(shower) = self.1.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It cannot panic; if it did, nothing is to be done about it here.
            let _ = shower.join();
        }
    }
}

fn conclude(report: &Report, options: &RunOptions) -> Result<i32> {
    if report.stuck {
        eprintln!("lstar: the guest did not power off and was ended");
    }
    Ok(match report.outcome {
        Outcome::Ended(status) => i32::from(status.shell_code()),
        Outcome::PoweredOff => 0,
        Outcome::Panicked => {
            eprint!("{}", report.log.last_words(&report.image));
            PANICKED
        }
        Outcome::TimedOut => {
            let time = options.timeout.unwrap_or_default();
            eprintln!("lstar: ended after {} s (--timeout)", time.as_secs_f64());
            TIMED_OUT
        }
        Outcome::Interrupted => {
            eprintln!("lstar: ended by Ctrl-A x");
            FAILED
        }
        Outcome::Signalled(number) => 128 + number,
    })
}
