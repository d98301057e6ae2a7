//! `lstar-test`: builds the guest programs, runs them on Debian's Linux (the oracle) and on Lstar, and compares case by case.
//!
//! Dependencies point one way: main -> oracle -> batch -> {guest, machine, record, archive}; compare and expectations stand alone.
#![forbid(unsafe_code)]

mod archive;
mod batch;
mod compare;
mod expectations;
mod guest;
mod machine;
mod oracle;
mod record;

use anyhow::{Context, Result, ensure};
use batch::{Job, Places, run_booted, run_here};
use clap::Parser;
use compare::{Judgement, judge};
use expectations::Expectations;
use guest::Program;
use machine::Configuration;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs Lstar's tests: guest programs whose oracle is Linux.
#[derive(Parser)]
#[command(name = "lstar-test")]
struct Options {
    /// Only cases whose name (topic/program/case) contains this text; may be given more than once
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
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
    #[arg(long, default_value_t = 2)]
    cpus: u32,
    /// Memory of the virtual machine in MiB
    #[arg(long, default_value_t = 512)]
    mem: u32,
    /// microvm or q35
    #[arg(long, default_value = "microvm")]
    machine: String,
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
    let programs = guest::build_all(&workspace)?;
    let places = Places { runner: guest::build_runner(&workspace)?, workspace };
    let jobs = select(&programs, &options.filter);
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
    let chosen: Vec<Program> = jobs.iter().map(|job| job.program.clone()).collect();
    let subject_is_linux = options.kernel == "linux";
    let oracle = if options.no_oracle || options.kernel == "host" {
        None
    } else {
        let linux = linux(options)?;
        Some(oracle::transcripts(&places, &linux, &chosen, options.refresh_oracle || subject_is_linux)?)
    };
    let subject = match options.kernel.as_str() {
        "host" => run_here(&places, &jobs)?,
        "linux" if oracle.is_some() => oracle.clone().unwrap_or_default(),
        "linux" => run_booted(&places, &linux(options)?, &jobs)?,
        kernel => run_booted(&places, &lstar(options, &places.workspace, kernel)?, &jobs)?,
    };
    let is_lstar = !matches!(options.kernel.as_str(), "host" | "linux");
    Ok(report(options, &jobs, &subject, oracle.as_ref(), is_lstar.then_some(&expectations)))
}

/// Prints a line per case and the totals; true when nothing failed.
fn report(
    options: &Options,
    jobs: &[Job],
    subject: &BTreeMap<String, record::Transcript>,
    oracle: Option<&BTreeMap<String, record::Transcript>>,
    expectations: Option<&Expectations>,
) -> bool {
    let (mut passed, mut failed, mut skipped, mut known) = (0, 0, 0, 0);
    for job in jobs {
        let name = &job.program.name;
        let got = subject.get(name).map(|t| t.cases(&job.cases)).unwrap_or_default();
        let want = oracle.and_then(|o| o.get(name)).map(|t| t.cases(&job.program.cases));
        let names = if job.cases.is_empty() { vec![String::new()] } else { job.cases.clone() };
        for case in names {
            let full = full_name(name, &case);
            let judgement = match &want {
                Some(want) => judge(got.get(&case), want.get(&case)),
                None => judge(got.get(&case), None),
            };
            let reason = expectations.and_then(|e| e.reason(&full));
            match (judgement, reason) {
                (Judgement::Passed, None) => {
                    passed += 1;
                    println!("ok    {full}");
                }
                (Judgement::Passed, Some(reason)) => {
                    failed += 1;
                    println!("FAIL  {full}: unexpectedly passed (listed: {reason})");
                }
                (Judgement::Skipped(why), _) => {
                    skipped += 1;
                    println!("skip  {full}: {why}");
                }
                (Judgement::Failed(why), Some(reason)) => {
                    known += 1;
                    println!("known {full}: {reason} ({why})");
                }
                (Judgement::Failed(why), None) => {
                    failed += 1;
                    println!("FAIL  {full}: {why}");
                    if options.verbose {
                        for line in got.get(&case).map(|c| [&c.observed[..], &c.notes[..]].concat()).unwrap_or_default()
                        {
                            println!("      {line}");
                        }
                    }
                }
            }
        }
    }
    if skipped + known > 0 {
        println!("{skipped} skipped, {known} known to fail");
    }
    println!("{passed} passed, {failed} failed");
    failed == 0
}

fn full_name(program: &str, case: &str) -> String {
    if case.is_empty() { program.to_owned() } else { format!("{program}/{case}") }
}

fn case_names(job: &Job) -> Vec<String> {
    let names = if job.cases.is_empty() { vec![String::new()] } else { job.cases.clone() };
    names.iter().map(|case| full_name(&job.program.name, case)).collect()
}

fn select(programs: &[Program], filter: &[String]) -> Vec<Job> {
    let wanted = |name: &str| filter.is_empty() || filter.iter().any(|text| name.contains(text.as_str()));
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

fn lstar(options: &Options, workspace: &Path, kernel: &str) -> Result<Configuration> {
    let kernel = match kernel {
        "lstar" => workspace.join("target/kernel/x86_64-unknown-none/release/lstar-kernel"),
        path => PathBuf::from(path),
    };
    ensure!(kernel.exists(), "no kernel image at {}", kernel.display());
    Ok(Configuration {
        kernel,
        is_linux: false,
        machine: options.machine.clone(),
        cpus: options.cpus,
        memory: options.mem,
    })
}

fn linux(options: &Options) -> Result<Configuration> {
    let kernel = match &options.linux_image {
        Some(path) => path.clone(),
        None => lstar::linux::Linux::fetched()?.image(),
    };
    ensure!(kernel.exists(), "no Linux image at {}", kernel.display());
    Ok(Configuration { kernel, is_linux: true, machine: "q35".to_owned(), cpus: options.cpus, memory: options.mem })
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
