//! The machines that rows are measured in: some rows share a boot, some need one of their own.

use super::counter::Counter;
use super::guest::{Guest, Row};
use super::options::BenchOptions;
use super::programs;
use super::table::{Figure, Figures, Line};
use crate::session::{self, Limits, Outcome, Streams};
use crate::vm::{Kernel, Machine};
use agent::config::Config;
use agent::frame::Status;
use anyhow::{Context, Result, anyhow};
use std::ffi::OsString;
use std::io::{Write, empty, sink};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Memory of most machines, which `memory-at-prompt-kib` is of.
const MEMORY: u64 = 512 << 20;
/// Memory that carries 100,000 processes on both kernels.
const CROWD_MEMORY: u64 = 8 << 30;
/// How long a boot may take on a busy host.
const PATIENCE: Duration = Duration::from_secs(3600);
/// A processor that has sysenter in its 64-bit mode too.
const INTEL: &str = "max,vendor=GenuineIntel";

/// A machine with what is run in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Boot {
    /// A first program without any library says how many instructions there were before it.
    First,
    /// The first command of the built-in root's shell does.
    Prompt,
    /// /proc/meminfo at the prompt of the built-in root.
    Memory,
    /// A 32-bit program, on a processor that has sysenter.
    Sysenter,
    /// The benchmark program on the built-in root.
    Rows,
    /// The same with much memory.
    Crowd,
    /// The benchmark program and whole programs on a Debian root.
    Debian,
}

impl Boot {
    /// Measures rows of this boot on a kernel. Each of them has a figure or has failed.
    ///
    /// # Errors
    /// The machine could not be started, or what it told cannot be understood.
    pub fn measure(self, guest: &Guest, rows: &[&Row], kernel: Kernel, options: &BenchOptions) -> Result<Figures> {
        let machine = Machine {
            kernel,
            cpus: options.cpus,
            processor: if self == Boot::Sysenter { INTEL } else { Machine::default().processor },
            icount: !options.wall,
            repeatable: !options.wall,
            memory: match self {
                Boot::Crowd => CROWD_MEMORY,
                Boot::Debian => programs::MEMORY,
                _ => MEMORY,
            },
            root: guest.root(self)?,
            append: if self == Boot::First { "rdinit=/first".into() } else { String::new() },
            ..Machine::default()
        };
        let (mut figures, end) = match self {
            Boot::First => first_instruction(&machine)?,
            Boot::Memory => memory_at_prompt(&machine)?,
            _ => program(&machine, &self.script(rows, options), options)?,
        };
        for row in rows {
            figures.entry(row.name.row.clone()).or_insert_with(|| Figure::failed(end.clone()));
        }
        Ok(figures)
    }

    /// The shell's commands that measure some rows.
    fn script(self, rows: &[&Row], options: &BenchOptions) -> String {
        let wall = if options.wall { " -w" } else { "" };
        let names: Vec<&str> = rows.iter().map(|row| &*row.name.row).collect();
        let commands = match self {
            Boot::Prompt => return format!("exec /lstar-bench -t {}", names.join(" ")),
            Boot::Sysenter => return "exec /sysenter".into(),
            Boot::Debian => programs::script(&names, wall),
            _ => format!("/lstar-bench{wall} {}\n", names.join(" ")),
        };
        if options.wall { commands } else { Self::undisturbed(&commands) }
    }

    /// Commands to which the host does nothing while they run: it answers at its own speed, which a count would show. The
    /// input has ended before, and what they print is kept until all have.
    fn undisturbed(commands: &str) -> String {
        format!("cat >/dev/null\n{{ {commands}}} >/tmp/figures\nstatus=$?\ncat /tmp/figures\nexit $status")
    }
}

/// Figures, and why there is none of the others.
type Told = (Figures, String);

/// Runs the benchmark program; user mode's instructions are counted beside all of them.
fn program(machine: &Machine, script: &str, options: &BenchOptions) -> Result<Told> {
    let counter = if options.wall { None } else { Some(Counter::build()?) };
    let machine = Machine { plugin: counter.as_ref().map(|counter| counter.plugin.clone()), ..machine.clone() };
    let (output, end) = run(&machine, script)?;
    let figures = counter.map_or_else(|| Ok(Line::all(&output)), |counter| counter.figures(&output))?;
    Ok((figures, end))
}

/// KiB of the machine's memory that are not free when the built-in root's shell reads its first command.
fn memory_at_prompt(machine: &Machine) -> Result<Told> {
    let (output, end) = run(machine, "grep MemFree /proc/meminfo")?;
    let free =
        output.trim().strip_prefix("MemFree:").and_then(|text| text.trim().trim_end_matches("kB").trim().parse().ok());
    let used = free.map(|free: f64| ((MEMORY >> 10) as f64) - free);
    Ok((used.map(|used| ("memory-at-prompt-kib".into(), Figure::exact(used))).into_iter().collect(), end))
}

/// Instructions from reset to the first one of the first program.
fn first_instruction(machine: &Machine) -> Result<Told> {
    let (_, report) = boot(machine, &Config::default(), true)?;
    let log = String::from_utf8_lossy(report.log.bytes()).into_owned();
    let count = log.lines().find_map(|line| line.split_once("first-instruction ")?.1.trim().parse().ok());
    let figures = count.map(|count| ("boot-to-first-instruction".into(), Figure::exact(count))).into_iter().collect();
    Ok((figures, "the first program did not run".into()))
}

/// Boots with a shell command: what it wrote, and what to say of rows that it did not get to.
fn run(machine: &Machine, script: &str) -> Result<(String, String)> {
    let arguments = ["/bin/sh", "-c", script].map(OsString::from).to_vec();
    let config = Config { arguments, ..Config::default() };
    match boot(machine, &config, false) {
        Ok((output, report)) => {
            let end = match report.outcome {
                Outcome::Ended(Status::Code(0)) => "the benchmark program said nothing of it".into(),
                Outcome::Panicked => {
                    eprintln!("{}", report.log.last_words(&report.image));
                    "the kernel panicked".into()
                }
                Outcome::TimedOut => "the machine did not end in time".into(),
                outcome => format!("the benchmark program ended with {outcome:?}"),
            };
            Ok((output, end))
        }
        // The guest's doing, not the host's.
        Err(error) if error.to_string().starts_with("the guest ") => Ok((String::new(), format!("{error:#}"))),
        Err(error) => Err(explain(error, machine)),
    }
}

/// Says what to do where QEMU cannot count.
fn explain(error: anyhow::Error, machine: &Machine) -> anyhow::Error {
    let text = format!("{error:#}");
    let remedy = if !machine.icount || !text.starts_with("QEMU: ") {
        return error;
    } else if text.contains("plugin") {
        "this QEMU loads no plugins, which count user instructions"
    } else if text.contains("icount") || text.contains("tcg") {
        "this QEMU counts no instructions"
    } else {
        return error;
    };
    anyhow!("{text}; {remedy}: use Debian's (apt-get install qemu-system-x86), or time rows with --wall")
}

/// Boots a machine without input; its output and how it ended.
fn boot(machine: &Machine, config: &Config, without_agent: bool) -> Result<(String, session::Report)> {
    #[derive(Clone, Default)]
    struct Collected(Arc<Mutex<Vec<u8>>>);
    impl Write for Collected {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let output = Collected::default();
    let streams = Streams {
        stdin: Box::new(empty()),
        stdout: Box::new(output.clone()),
        stderr: Box::new(sink()),
        trace: Box::new(sink()),
        log: Box::new(sink()),
    };
    let limits = Limits { timeout: Some(PATIENCE), without_agent, ..Limits::default() };
    let report = session::run(machine, config, streams, &limits, |_| {}, || {})?;
    let text = String::from_utf8_lossy(&output.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    Ok((text, report))
}

/// Measures rows on a kernel, a boot after the other where time is measured, else two at once.
pub fn measure(guest: &Guest, rows: &[Row], kernel: &Kernel, options: &BenchOptions) -> Result<Figures> {
    let mut boots: Vec<(Boot, Vec<&Row>)> = Vec::new();
    for row in rows {
        match boots.iter_mut().find(|(boot, _)| *boot == row.boot) {
            Some((_, rows)) => rows.push(row),
            None => boots.push((row.boot, vec![row])),
        }
    }
    // The longest first.
    boots.sort_by_key(|(boot, _)| std::cmp::Reverse(*boot));
    let workers = if options.wall { 1 } else { WORKERS.min(boots.len()) };
    let (left, done) = (Mutex::new(boots.into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((boot, rows)) = next else { break };
                    let figures = boot.measure(guest, &rows, kernel.clone(), options);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(figures);
                }
            });
        }
    });
    let mut all = Figures::new();
    for figures in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        all.extend(
            figures.with_context(|| {
                format!("measuring on {}", if *kernel == Kernel::Linux { "Linux" } else { "Lstar" })
            })?,
        );
    }
    Ok(all)
}

/// Machines at once where instructions are counted: how fast they run does not matter.
const WORKERS: usize = 2;
