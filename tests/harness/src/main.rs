//! `lstar-test`: builds the guest programs, runs them on Debian's Linux (the oracle) and on Lstar, and compares case by case.
//!
//! Dependencies point one way: main -> oracle -> batch -> {guest, machine, record, libraries, archive}; main -> tally -> {compare, expectations}; rounds
//! stands alone.
#![forbid(unsafe_code)]

mod archive;
mod batch;
mod compare;
mod debian;
mod expectations;
mod guest;
mod libraries;
mod machine;
mod oracle;
mod panic;
mod record;
mod rounds;
mod tally;

use anyhow::{Context, Result, ensure};
use batch::{Job, Places, run_booted, run_here};
use clap::Parser;
use expectations::Expectations;
use guest::{Program, ProgramAbi};
use machine::Configuration;
use rounds::Round;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tally::{Judge, Tally};

/// Runs Lstar's tests: guest programs whose oracle is Linux.
#[derive(Parser)]
#[command(name = "lstar-test")]
struct Options {
    /// Only cases whose name (topic/program/case) contains this text; may be given more than once
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Only programs built for this ABI; may be given more than once
    #[arg(long, value_enum)]
    abi: Vec<ProgramAbi>,
    /// Print the names of the cases and stop
    #[arg(long)]
    list: bool,
    /// The kernel to test: lstar, linux, host (this machine's own, no QEMU), or the path of an image
    #[arg(long, default_value = "lstar")]
    kernel: String,
    /// Linux's image for the oracle (default: Debian's, fetched once into the cache)
    #[arg(long, value_name = "FILE")]
    linux_image: Option<PathBuf>,
    /// Judge cases by themselves only, without asking Linux
    #[arg(long)]
    no_oracle: bool,
    /// Ask Linux again, even where its answer is known
    #[arg(long)]
    refresh_oracle: bool,
    /// Run every case on every machine, not only short lists on those other than microvm with 2 CPUs
    #[arg(long)]
    full: bool,
    /// Only this many CPUs, and only the machine and CPU of --machine and --cpu
    #[arg(long)]
    cpus: Option<u32>,
    /// The virtual machine's CPU as QEMU names it ("max,vendor=GenuineIntel" has sysenter for 32-bit programs)
    #[arg(long)]
    cpu: Option<String>,
    /// Memory of the virtual machine in MiB
    #[arg(long, default_value_t = 512)]
    mem: u32,
    /// Only this machine (microvm or q35), and only --cpus CPUs (default 2) of the kind --cpu (default max)
    #[arg(long, value_parser = ["microvm", "q35"])]
    machine: Option<String>,
    /// Print what every failed case said
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lstar-test: {error:#}");
            ExitCode::from(125)
        }
    }
}

fn run(options: &Options) -> Result<bool> {
    let workspace = workspace()?;
    let rounds = rounds::chosen(options);
    let mut programs = Vec::new();
    for abi in rounds::abis(&rounds) {
        programs.extend(guest::build_all(&workspace, abi)?);
        if abi == ProgramAbi::X86_64 && options.kernel != "host" {
            programs.extend(debian::scripts(&workspace)?);
        }
    }
    let places = Places { runner: guest::build_runner(&workspace)?, workspace };
    let mut jobs = select(&programs, &[], &options.filter);
    jobs.retain(|job| rounds.iter().any(|round| round.runs(&job.program)));
    if options.list {
        for job in &jobs {
            for name in case_names(job) {
                println!("{name}");
            }
        }
        return Ok(true);
    }
    ensure!(!jobs.is_empty(), "no case matches the filter");
    let expectations = Expectations::read(&places.workspace.join("tests/expectations.toml"))?;
    let chosen = oracle::programs(&places.workspace, &jobs)?;
    let subject_is_linux = options.kernel == "linux";
    let oracle = if options.no_oracle || options.kernel == "host" {
        None
    } else {
        let linux = linux(options)?;
        Some(oracle::transcripts(&places, &linux, &chosen, options.refresh_oracle || subject_is_linux)?)
    };
    let mut tally = Tally::default();
    match options.kernel.as_str() {
        "host" => tally.report(options, "", &jobs, &run_here(&places, &jobs)?.into(), &Judge::default()),
        "linux" => {
            let subject = match &oracle {
                Some(oracle) => oracle.clone(),
                None => run_all(&places, &linux(options)?, "linux", &jobs)?,
            };
            tally.report(options, "", &jobs, &subject.into(), &Judge { oracle: oracle.as_ref(), expectations: None });
        }
        kernel => {
            for round in &rounds {
                let configuration = lstar(options, &places.workspace, kernel, round)?;
                let mut jobs = select(&jobs_programs(&jobs), round.cases, &options.filter);
                jobs.retain(|job| round.runs(&job.program));
                if jobs.is_empty() {
                    continue;
                }
                eprintln!("lstar-test: {} programs on {}", jobs.len(), configuration.label());
                let mut subject = run_all(&places, &configuration, kernel, &jobs)?.into();
                let judge = Judge { oracle: oracle.as_ref(), expectations: Some(&expectations) };
                let doubtful = judge.doubtful(&jobs, &subject);
                if !doubtful.is_empty() {
                    // Some measure time on a machine that others share.
                    eprintln!("lstar-test: what failed is tried once more, by itself");
                    let second = run_all(&places, &configuration, kernel, &doubtful)?.into();
                    judge.take_better(&doubtful, &mut subject, &second);
                }
                tally.report(options, &round.suffix, &jobs, &subject, &judge);
            }
        }
    }
    Ok(tally.close())
}

/// Runs guest programs by the batch runner and the Debian scripts by the command.
fn run_all(
    places: &Places,
    configuration: &Configuration,
    kernel: &str,
    jobs: &[Job],
) -> Result<BTreeMap<String, record::Transcript>> {
    let (scripts, programs): (Vec<Job>, Vec<Job>) = jobs.iter().cloned().partition(debian::is_script);
    let mut transcripts = run_booted(places, configuration, &programs)?;
    let options =
        ["--machine".to_owned(), configuration.machine.clone(), "--cpus".to_owned(), configuration.cpus.to_string()];
    transcripts.extend(debian::run(places, kernel, &options, &scripts)?);
    Ok(transcripts)
}

fn jobs_programs(jobs: &[Job]) -> Vec<Program> {
    jobs.iter().map(|job| job.program.clone()).collect()
}

fn full_name(program: &str, case: &str) -> String {
    if case.is_empty() { program.to_owned() } else { format!("{program}/{case}") }
}

fn case_names(job: &Job) -> Vec<String> {
    let names = if job.cases.is_empty() { vec![String::new()] } else { job.cases.clone() };
    names.iter().map(|case| full_name(&job.program.name, case)).collect()
}

/// The cases whose names contain one of `texts` and one of `filter`; an empty list lets all pass.
fn select(programs: &[Program], texts: &[&str], filter: &[String]) -> Vec<Job> {
    let wanted = |name: &str| {
        (texts.is_empty() || texts.iter().any(|text| name.contains(text)))
            && (filter.is_empty() || filter.iter().any(|text| name.contains(text.as_str())))
    };
    let mut jobs = Vec::new();
    for program in programs {
        let cases: Vec<String> =
            program.cases.iter().filter(|case| wanted(&full_name(&program.name, case))).cloned().collect();
        if !cases.is_empty() || (program.cases.is_empty() && wanted(&program.name)) {
            jobs.push(Job { program: program.clone(), cases });
        }
    }
    jobs
}

fn lstar(options: &Options, workspace: &Path, kernel: &str, round: &Round) -> Result<Configuration> {
    let kernel = match kernel {
        "lstar" => workspace.join("target/kernel/x86_64-unknown-none/release/lstar-kernel"),
        path => PathBuf::from(path),
    };
    ensure!(kernel.exists(), "no kernel image at {}", kernel.display());
    Ok(Configuration {
        kernel,
        is_linux: false,
        machine: round.machine.clone(),
        cpus: round.cpus,
        memory: options.mem,
        cpu: round.cpu.clone(),
        variant: round.variant(),
    })
}

fn linux(options: &Options) -> Result<Configuration> {
    let kernel = match &options.linux_image {
        Some(path) => path.clone(),
        None => lstar::linux::Linux::fetched()?.image(),
    };
    ensure!(kernel.exists(), "no Linux image at {}", kernel.display());
    let cpu = options.cpu.clone().unwrap_or_else(|| rounds::USUAL_CPU.to_owned());
    let (machine, variant) = ("q35".to_owned(), String::new());
    Ok(Configuration { kernel, is_linux: true, machine, cpus: 2, memory: options.mem, cpu, variant })
}

/// The root of the source tree: the nearest folder above the current one that holds `tests/guest`.
fn workspace() -> Result<PathBuf> {
    let mut folder = std::env::current_dir()?;
    loop {
        if folder.join("tests/guest/check.h").exists() {
            return Ok(folder);
        }
        folder = folder.parent().context("run this inside Lstar's source tree")?.to_owned();
    }
}
