//! Runs many programs on one kernel: in one boot if it survives, in as many as it takes if it does not.

use crate::archive::Archive;
use crate::guest::Program;
use crate::libraries;
use crate::machine::{Configuration, Event, Machine};
use crate::record::{Record, Transcript, parse};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::RangeFrom;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program and those of its cases that are wanted (all when `cases` is the program's own list).
#[derive(Debug, Clone)]
pub struct Job {
    pub program: Program,
    pub cases: Vec<String>,
}

/// Time from one line to the next that a booting kernel, or a program that names no limit, may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time a program may take in all, in seconds.
const PROGRAM_LIMIT: u32 = 600;
/// Boots without progress after which the rest is given up.
const MOST_IDLE_BOOTS: u32 = 3;
/// Bytes of programs that one boot is given. They are in memory twice while a kernel unpacks them, and Linux's root file
/// system takes no more than half of what the archive leaves.
const MOST_BYTES: u64 = 96 << 20;

/// Where the harness keeps things.
pub struct Places {
    pub workspace: PathBuf,
    pub runner: PathBuf,
}

impl Places {
    pub fn logs(&self) -> PathBuf {
        self.workspace.join("target/test-logs")
    }
}

/// Runs the jobs on this machine's own kernel, without any isolation.
pub fn run_here(places: &Places, jobs: &[Job]) -> Result<BTreeMap<String, Transcript>> {
    let list = places.workspace.join("target/test-logs/host.list");
    fs::create_dir_all(places.logs())?;
    fs::write(&list, job_list(jobs, |program| program.executable.display().to_string()))?;
    let mut child = Command::new(&places.runner)
        .arg(&list)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("runner")?;
    let mut transcripts = BTreeMap::new();
    for line in BufReader::new(child.stdout.take().context("no stdout")?).lines() {
        note(&mut transcripts, jobs, &line?);
    }
    child.wait()?;
    Ok(transcripts)
}

/// Runs the jobs on booted kernels, as many in one boot as its memory takes.
pub fn run_booted(
    places: &Places,
    configuration: &Configuration,
    jobs: &[Job],
) -> Result<BTreeMap<String, Transcript>> {
    let mut transcripts: BTreeMap<String, Transcript> = BTreeMap::new();
    let mut boots = 0..;
    for part in parts(jobs)? {
        run_part(places, configuration, part, &mut boots, &mut transcripts)?;
    }
    Ok(transcripts)
}

/// The jobs in their order, cut where the next program would make a part larger than `MOST_BYTES`.
fn parts(jobs: &[Job]) -> Result<Vec<Vec<Job>>> {
    let mut parts: Vec<Vec<Job>> = Vec::new();
    let mut bytes = 0;
    for job in jobs {
        let size = fs::metadata(&job.program.executable).with_context(|| job.program.name.clone())?.len();
        match parts.last_mut() {
            Some(part) if bytes + size <= MOST_BYTES => part.push(job.clone()),
            _ => {
                parts.push(vec![job.clone()]);
                bytes = 0;
            }
        }
        bytes += size;
    }
    Ok(parts)
}

/// Runs jobs in one boot. When the kernel hangs or panics, the running case is marked and the rest goes on after a new boot.
fn run_part(
    places: &Places,
    configuration: &Configuration,
    mut rest: Vec<Job>,
    boots: &mut RangeFrom<u32>,
    transcripts: &mut BTreeMap<String, Transcript>,
) -> Result<()> {
    let mut idle_boots = 0;
    for boot in boots {
        let log = places.logs().join(format!("{}-{boot}.log", configuration.label()));
        let before = rest.len() + rest.iter().map(|job| job.cases.len()).sum::<usize>();
        let outcome = run_once(places, configuration, &rest, &log)?;
        for (name, transcript) in outcome.transcripts {
            let known = transcripts.entry(name).or_default();
            known.lines.extend(transcript.lines);
            known.end = transcript.end;
        }
        let Some(failure) = outcome.failure else { return Ok(()) };
        eprintln!("lstar-test: {failure}; see {}", log.display());
        rest = what_is_left(transcripts, rest, &failure);
        let after = rest.len() + rest.iter().map(|job| job.cases.len()).sum::<usize>();
        if after == 0 {
            return Ok(());
        }
        idle_boots = if after < before { 0 } else { idle_boots + 1 };
        if idle_boots == MOST_IDLE_BOOTS {
            eprintln!("lstar-test: giving up on the rest: {idle_boots} boots brought nothing");
            for job in rest {
                let transcript = transcripts.entry(job.program.name).or_default();
                transcript.end.get_or_insert_with(|| format!("not run: {failure}"));
            }
            return Ok(());
        }
    }
    bail!("no boot")
}

struct Outcome {
    transcripts: BTreeMap<String, Transcript>,
    /// Why the kernel did not come to the end of the list.
    failure: Option<String>,
}

fn run_once(places: &Places, configuration: &Configuration, jobs: &[Job], log: &Path) -> Result<Outcome> {
    let initrd = log.with_extension("cpio");
    fs::create_dir_all(places.logs())?;
    fs::write(&initrd, root(places, jobs)?)?;
    let mut machine = Machine::boot(configuration, &initrd, log)?;
    let mut transcripts = BTreeMap::new();
    let mut limit = PATIENCE;
    let mut hung = false;
    let mut done = false;
    loop {
        match machine.next(limit)? {
            Event::Line(line) => {
                if line == "@done" {
                    done = true;
                    break;
                }
                if let Some(text) = note(&mut transcripts, jobs, &line) {
                    limit = case_limit(&text).unwrap_or(limit);
                }
            }
            Event::Silence => {
                hung = true;
                machine.interrogate()?;
                break;
            }
            Event::End => break,
        }
    }
    let status = machine.finish(if hung { Duration::ZERO } else { Duration::from_secs(10) })?;
    let _ = fs::remove_file(&initrd);
    let failure = match (done, hung, status) {
        (true, _, Some(0)) => None,
        (true, _, Some(status)) => Some(format!("the machine ended with status {status} after the last program")),
        (true, _, None) => Some("the machine did not switch itself off after the last program".to_owned()),
        (false, true, _) => Some(format!("the kernel was silent for {} s", limit.as_secs())),
        (false, false, Some(123)) => Some(panicked(log, &configuration.kernel)),
        (false, false, Some(status)) => Some(format!("the machine ended early with status {status}")),
        (false, false, None) => Some("QEMU did not end".to_owned()),
    };
    Ok(Outcome { transcripts, failure })
}

/// What the log says of a panic, in a line; the rest is shown at once.
fn panicked(log: &Path, image: &Path) -> String {
    match fs::read(log).ok().and_then(|console| crate::panic::find(&console, image)) {
        Some((first, all)) => {
            println!("{all}");
            first
        }
        None => "the kernel panicked".to_owned(),
    }
}

/// Takes in one line of the stream; gives the program's own text when it is that.
fn note(transcripts: &mut BTreeMap<String, Transcript>, jobs: &[Job], line: &str) -> Option<String> {
    let (index, record) = parse(line)?;
    let job = jobs.get(index)?;
    let transcript = transcripts.entry(job.program.name.clone()).or_default();
    match record {
        Record::Line(text) => {
            transcript.lines.push(text.to_owned());
            return Some(text.to_owned());
        }
        Record::End(end) => transcript.end = Some(end.to_owned()),
        Record::Begin | Record::Done => {}
    }
    None
}

/// After `run NAME SECONDS` the next line may take that long and a little more.
fn case_limit(line: &str) -> Option<Duration> {
    let seconds: u64 = line.strip_prefix("run ")?.rsplit(' ').next()?.parse().ok()?;
    Some(Duration::from_secs(seconds + 30))
}

/// Marks the case that was running and gives the jobs that have not been run.
fn what_is_left(transcripts: &mut BTreeMap<String, Transcript>, jobs: Vec<Job>, failure: &str) -> Vec<Job> {
    let mut rest = Vec::new();
    for job in jobs {
        let Some(transcript) = transcripts.get_mut(&job.program.name) else {
            rest.push(job);
            continue;
        };
        if transcript.end.is_some() {
            continue;
        }
        match transcript.running_case() {
            Some(case) => transcript.lines.push(format!("case {case}: FAIL {failure}")),
            None if job.cases.is_empty() => transcript.end = Some(failure.to_owned()),
            None => {}
        }
        let undecided = |case: &String| {
            let decided = format!("case {case}: ");
            !transcript.lines.iter().any(|line| line.starts_with(&decided))
        };
        let cases: Vec<String> = job.cases.iter().filter(|case| undecided(case)).cloned().collect();
        if !cases.is_empty() {
            rest.push(Job { program: job.program, cases });
        }
    }
    rest
}

fn job_list(jobs: &[Job], path: impl Fn(&Program) -> String) -> String {
    let mut list = String::new();
    for job in jobs {
        list += &format!("{PROGRAM_LIMIT} {}", path(&job.program));
        if job.cases.len() < job.program.cases.len() {
            for case in &job.cases {
                list += &format!(" {case}");
            }
        }
        list.push('\n');
    }
    list
}

/// The root file system: the runner as init, the programs, the list.
fn root(places: &Places, jobs: &[Job]) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for folder in ["dev", "proc", "sys", "run", "root", "etc", "var", "test"] {
        archive.folder(folder, 0o755);
    }
    archive.folder("tmp", 0o1777);
    archive.device("dev/console", 0o600, 5, 1);
    archive.device("dev/null", 0o666, 1, 3);
    archive.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n");
    archive.file("etc/group", 0o644, b"root:x:0:\ntty:x:5:\nnogroup:x:65534:\n");
    archive.file("init", 0o755, &fs::read(&places.runner)?);
    let mut topics = Vec::new();
    for job in jobs {
        let topic = job.program.name.split('/').next().unwrap_or_default();
        if !topics.contains(&topic) {
            topics.push(topic);
            archive.folder(&format!("test/{topic}"), 0o755);
        }
        archive.file(&format!("test/{}", job.program.name), 0o755, &fs::read(&job.program.executable)?);
    }
    libraries::add(&mut archive, jobs.iter().map(|job| &job.program).filter(|program| program.is_dynamic()))?;
    let list = job_list(jobs, |program| format!("/test/{}", program.name));
    archive.file("test/list", 0o644, list.as_bytes());
    Ok(archive.finish())
}
