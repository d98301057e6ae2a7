//! The benchmark program and the machines it runs in.

use super::options::BenchOptions;
use super::programs;
use super::table::{Figure, Figures};
use crate::artifacts;
use crate::cpio::{Metadata, Writer};
use crate::roots::Root;
use crate::session::{self, Limits, Outcome, Streams};
use crate::vm::{Kernel, Machine};
use agent::config::Config;
use agent::frame::Status;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io::{Cursor, Write, empty, sink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Memory of the measured machines.
const MEMORY: u64 = 512 << 20;
const PATIENCE: Duration = Duration::from_secs(900);
/// The row that is measured by a boot of its own.
const FIRST: &str = "boot-to-first-instruction";
/// The row that is measured by a boot to a command of the built-in root's shell.
const PROMPT: &str = "boot-to-prompt";
/// The row that is read from /proc/meminfo, on a boot of its own.
const MEMORY_ROW: &str = "memory-at-prompt-kib";
/// The row of a 32-bit program, on a processor that has sysenter.
const SYSENTER: &str = "getppid-sysenter";
const INTEL: &str = "max,vendor=GenuineIntel";
/// Rows with boots of their own.
const OWN_BOOTS: [&str; 4] = [FIRST, PROMPT, MEMORY_ROW, SYSENTER];
/// Sources of programs without a library, and what each is compiled with besides.
const BARE: [&str; 5] = ["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-Wl,--build-id=none"];
const NARROW: [&str; 3] = ["-m32", "-fno-pie", "-no-pie"];

/// The built benchmark.
pub struct Guest {
    program: PathBuf,
    first: PathBuf,
    sysenter: PathBuf,
}

impl Guest {
    /// Compiles what is not up to date.
    pub fn build() -> Result<Self> {
        let home = artifacts::home()?;
        let (source, target) = (home.join("bench/guest"), home.join("target/bench"));
        std::fs::create_dir_all(&target).with_context(|| target.display().to_string())?;
        let mut sources = Vec::new();
        for entry in std::fs::read_dir(&source).with_context(|| source.display().to_string())? {
            sources.push(entry?.path());
        }
        sources.sort();
        let guest = Guest {
            program: target.join("lstar-bench"),
            first: target.join("first"),
            sysenter: target.join("sysenter"),
        };
        let bare = ["first.c", "sysenter.c"].map(|name| source.join(name));
        let own: Vec<_> = sources.iter().filter(|path| !bare.contains(path)).collect();
        if is_older(&guest.program, own.iter().copied()) {
            let files = own.iter().filter(|path| path.extension().is_some_and(|extension| extension == "c"));
            compile(&guest.program, &["-static", "-pthread"], files.map(|path| path.as_path()))?;
        }
        for (product, source, flags) in [(&guest.first, &bare[0], &[][..]), (&guest.sysenter, &bare[1], &NARROW)] {
            if is_older(product, [source]) {
                compile(product, &[&BARE, flags].concat(), [source.as_path()])?;
            }
        }
        Ok(guest)
    }

    /// The names of all rows in order.
    pub fn rows(&self) -> Result<Vec<String>> {
        let output =
            Command::new(&self.program).arg("-l").output().with_context(|| self.program.display().to_string())?;
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        let programs = programs::ROWS.iter().map(|(name, _)| *name);
        Ok(OWN_BOOTS.into_iter().chain(names.lines()).chain(programs).map(str::to_owned).collect())
    }

    /// Measures the wanted rows on a kernel.
    pub fn measure(&self, kernel: Kernel, options: &BenchOptions) -> Result<Figures> {
        let wants = |name: &str| {
            options.rows.is_empty()
                || options
                    .rows
                    .iter()
                    .any(|row| row.strip_suffix('*').map_or(row == name, |prefix| name.starts_with(prefix)))
        };
        let mut figures = Figures::new();
        if !options.wall && wants(FIRST) {
            figures.insert(FIRST.into(), self.first_instruction(kernel.clone()));
        }
        if !options.wall && wants(MEMORY_ROW) {
            figures.insert(MEMORY_ROW.into(), self.memory_at_prompt(kernel.clone(), options));
        }
        if !options.wall && wants(PROMPT) {
            let root = self.root("lstar-bench", &self.program, true)?;
            let output = self.boot(kernel.clone(), options, root, MEMORY, &format!("exec /lstar-bench -t {PROMPT}"))?;
            figures.extend(output.lines().filter_map(Figure::parse));
        }
        if !options.wall && wants(SYSENTER) {
            let root = self.root("sysenter", &self.sysenter, true)?;
            let machine = Machine { root, processor: INTEL, ..Self::machine(kernel.clone(), options) };
            figures.extend(self.run(&machine, options, "exec /sysenter")?.lines().filter_map(Figure::parse));
        }
        let wanted: Vec<_> = programs::ROWS.iter().filter(|(name, _)| wants(name)).collect();
        // All programs cost more than all other rows together: without being named they are left to the report.
        if !wanted.is_empty() && (!options.rows.is_empty() || options.report.is_some()) && !options.wall {
            let root = programs::root(&self.program)?;
            let output = self.boot(kernel.clone(), options, root, programs::MEMORY, &programs::script(&wanted))?;
            figures.extend(output.lines().filter_map(Figure::parse));
        }
        let own = |name: &String| OWN_BOOTS.contains(&name.as_str()) || programs::ROWS.iter().any(|row| row.0 == name);
        if !options.rows.is_empty() && !self.rows()?.iter().any(|name| wants(name) && !own(name)) {
            return Ok(figures);
        }
        let mut script = String::from("exec /lstar-bench");
        script.push_str(if options.wall { " -w" } else { "" });
        for row in options.rows.iter().filter(|row| !own(row)) {
            script.push_str(&format!(" '{row}'"));
        }
        let root = self.root("lstar-bench", &self.program, true)?;
        let output = self.boot(kernel, options, root, MEMORY, &script)?;
        figures.extend(output.lines().filter_map(Figure::parse));
        Ok(figures)
    }

    /// KiB of the machine's memory that are not free when the built-in root's shell reads its first command.
    fn memory_at_prompt(&self, kernel: Kernel, options: &BenchOptions) -> Figure {
        let read = || -> Result<f64> {
            let output = self.boot(kernel, options, Root::BuiltIn, MEMORY, "grep MemFree /proc/meminfo")?;
            let free = output.trim().strip_prefix("MemFree:").context("/proc/meminfo has no MemFree")?;
            let free: f64 = free.trim().trim_end_matches("kB").trim().parse().context("MemFree")?;
            Ok((MEMORY >> 10) as f64 - free)
        };
        read().map_or_else(|error| Figure::failed(format!("{error:#}")), Figure::exact)
    }

    /// Boots a kernel with a shell command; what it wrote.
    fn boot(&self, kernel: Kernel, options: &BenchOptions, root: Root, memory: u64, script: &str) -> Result<String> {
        let machine = Machine { memory, root, ..Self::machine(kernel, options) };
        self.run(&machine, options, script)
    }
    fn machine(kernel: Kernel, options: &BenchOptions) -> Machine {
        let cpus = if options.wall { options.cpus } else { 1 };
        Machine { kernel, cpus, icount: !options.wall, memory: MEMORY, ..Machine::default() }
    }
    fn run(&self, machine: &Machine, options: &BenchOptions, script: &str) -> Result<String> {
        if !options.wall && options.cpus != 1 {
            bail!("instructions are counted with one CPU; use --wall with --cpus {}", options.cpus);
        }
        let arguments = ["/bin/sh", "-c", script].map(OsString::from).to_vec();
        let config = Config { arguments, ..Config::default() };
        let (output, report) = run_machine(machine, &config, false)?;
        match report.outcome {
            Outcome::Ended(Status::Code(0)) => Ok(output),
            Outcome::Panicked => bail!("the kernel panicked:\n{}", report.log.last_words(&report.image)),
            outcome => bail!("the benchmark did not finish: {outcome:?}; so far it said:\n{output}"),
        }
    }

    /// Instructions from reset to the first one of the first program.
    fn first_instruction(&self, kernel: Kernel) -> Figure {
        let boot = || -> Result<f64> {
            let machine = Machine {
                kernel,
                cpus: 1,
                icount: true,
                memory: MEMORY,
                root: self.root("first", &self.first, false)?,
                append: "rdinit=/first".into(),
                ..Machine::default()
            };
            let (_, report) = run_machine(&machine, &Config::default(), true)?;
            let log = String::from_utf8_lossy(report.log.bytes()).into_owned();
            let count = log.lines().find_map(|line| line.split_once("first-instruction ")?.1.trim().parse().ok());
            count.context("the first program did not run")
        };
        boot().map_or_else(|error| Figure::failed(format!("{error:#}")), Figure::exact)
    }

    /// A root with one more program, on top of the built-in one where that is asked for.
    fn root(&self, name: &str, program: &Path, built_in: bool) -> Result<Root> {
        let mut bytes = Cursor::new(Vec::new());
        if built_in {
            Root::BuiltIn.write_archive(&mut bytes)?;
            let end = bytes.position();
            bytes.write_all(&vec![0; end.next_multiple_of(4) as usize - end as usize])?;
        }
        let mut archive = Writer::new(&mut bytes);
        if !built_in {
            archive.add(b"dev", Metadata::directory(), &[])?;
            let console =
                Metadata { mode: crate::cpio::kind::CHARACTER | 0o600, device: (5, 1), ..Metadata::default() };
            archive.add(b"dev/console", console, &[])?;
        }
        archive.add(name.as_bytes(), Metadata::file(0o755), &std::fs::read(program)?)?;
        archive.finish()?;
        Ok(Root::Memory(bytes.into_inner()))
    }
}

/// Boots a machine without input; its output and how it ended.
fn run_machine(machine: &Machine, config: &Config, without_agent: bool) -> Result<(String, session::Report)> {
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

fn is_older<'a>(product: &Path, sources: impl IntoIterator<Item = &'a PathBuf>) -> bool {
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let made = time(product);
    made.is_none() || sources.into_iter().any(|source| time(source) > made)
}

fn compile<'a>(product: &Path, flags: &[&str], sources: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let status = Command::new("cc")
        .args(["-O1", "-Wall", "-Wextra", "-Wno-missing-field-initializers"])
        .args(flags)
        .arg("-o")
        .arg(product)
        .args(sources)
        .status()
        .context("the C compiler; on Debian: apt-get install gcc libc6-dev")?;
    if !status.success() {
        bail!("the benchmark program does not compile");
    }
    Ok(())
}
