//! Scripts that run in a Debian root made by mmdebstrap and kept in the cache: `tests/debian/*.sh`, all in one boot.

use crate::batch::{Job, Places};
use crate::guest::{Program, ProgramAbi};
use crate::record::Transcript;
use anyhow::{Context, Result, bail, ensure};
use lstar::debian;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const TOPIC: &str = "debian/";
/// Seconds a script may take, and seconds a machine may take for all.
const SCRIPT_LIMIT: u32 = 180;
const MACHINE_LIMIT: &str = "900s";

/// The scripts, as programs without cases.
pub fn scripts(workspace: &Path) -> Result<Vec<Program>> {
    let folder = workspace.join("tests/debian");
    let mut programs = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let executable = entry?.path();
        let Some(name) = executable.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let mut hasher = DefaultHasher::new();
        fs::read(&executable)?.hash(&mut hasher);
        debian::PACKAGES.hash(&mut hasher);
        programs.push(Program {
            name: format!("{TOPIC}{name}"),
            abi: ProgramAbi::X86_64,
            cases: Vec::new(),
            hash: hasher.finish(),
            executable: executable.clone(),
        });
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

/// Whether this is one of the scripts.
pub fn is_script(job: &Job) -> bool {
    job.program.name.starts_with(TOPIC)
}

/// Runs the scripts on a kernel (as `lstar run --kernel` names it). After a boot that ended early the rest goes on in another.
pub fn run(places: &Places, kernel: &str, options: &[String], jobs: &[Job]) -> Result<BTreeMap<String, Transcript>> {
    let mut transcripts: BTreeMap<String, Transcript> = BTreeMap::new();
    if jobs.is_empty() {
        return Ok(transcripts);
    }
    let root = debian::root()?;
    for boot in 0.. {
        let rest: Vec<&Job> = jobs.iter().filter(|job| !transcripts.contains_key(&job.program.name)).collect();
        let Some(first) = rest.first() else { return Ok(transcripts) };
        let log = places.logs().join(format!("debian-{}-{boot}.log", kernel.replace('/', "_")));
        let (found, failure) = run_once(places, kernel, options, &root, &rest, &log)?;
        if found.is_empty() {
            // Not even the first one began: it is the culprit, so that the loop ends.
            let end = Some(failure.clone());
            transcripts.insert(first.program.name.clone(), Transcript { lines: Vec::new(), end });
        }
        for (name, mut transcript) in found {
            transcript.end.get_or_insert_with(|| failure.clone());
            transcripts.insert(name, transcript);
        }
    }
    bail!("no boot")
}

/// Gives what the scripts said, and why the machine ended before they did, if it did.
fn run_once(
    places: &Places,
    kernel: &str,
    options: &[String],
    root: &Path,
    jobs: &[&Job],
    log: &Path,
) -> Result<(BTreeMap<String, Transcript>, String)> {
    let lstar = places.workspace.join("target/release/lstar");
    ensure!(lstar.exists(), "the command is not built ({}); ./lstar build builds it", lstar.display());
    fs::create_dir_all(places.logs())?;
    let mut child = Command::new(lstar)
        .env("LSTAR_HOME", &places.workspace)
        .args(["run", "--kernel", kernel, "--accel", "tcg", "--mem", "1G", "--timeout", MACHINE_LIMIT])
        .args(options)
        .arg("--root")
        .arg(root)
        .args(["--", "/bin/bash", "-s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("lstar")?;
    let batch = batch(jobs)?;
    let mut input = child.stdin.take().context("no stdin")?;
    let writer = std::thread::spawn(move || input.write_all(batch.as_bytes()));
    let errors = child.stderr.take().context("no stderr")?;
    let complaints = std::thread::spawn(move || {
        let lines = BufReader::new(errors).split(b'\n').map_while(Result::ok);
        lines.map(|line| String::from_utf8_lossy(&line).into_owned()).collect::<Vec<_>>()
    });
    let mut transcripts = BTreeMap::new();
    let mut current: Option<String> = None;
    let mut kept = fs::File::create(log).with_context(|| log.display().to_string())?;
    for line in BufReader::new(child.stdout.take().context("no stdout")?).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        writeln!(kept, "{line}")?;
        if let Some(name) = line.strip_prefix("@@begin ") {
            transcripts.insert(name.to_owned(), Transcript::default());
            current = Some(name.to_owned());
        } else if let Some(status) = line.strip_prefix("@@end ") {
            if let Some(transcript) = current.take().and_then(|name| transcripts.get_mut(&name)) {
                transcript.end = Some(format!("exit {status}"));
            }
        } else if let Some(transcript) = current.as_ref().and_then(|name| transcripts.get_mut(name)) {
            transcript.lines.push(line);
        }
    }
    let status = child.wait()?;
    // It fails when the machine ended before it had read everything, which the status tells.
    let _ = writer.join();
    let complaints = complaints.join().unwrap_or_default();
    for line in &complaints {
        writeln!(kept, "stderr: {line}")?;
    }
    // The command has symbolized it already.
    if let Some(at) = complaints.iter().position(|line| line.starts_with("kernel panic: ")) {
        let (first, all) = crate::panic::shorten(&complaints[at..].join("\n"));
        println!("{all}");
        return Ok((transcripts, first));
    }
    let status = status.code().map_or_else(|| "unknown".to_owned(), |code| code.to_string());
    Ok((transcripts, format!("the machine ended early with status {status}")))
}

/// One script that runs them all, each in a shell of its own with a time limit and both outputs joined.
fn batch(jobs: &[&Job]) -> Result<String> {
    let mut batch =
        "export LC_ALL=C PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/tmp TMPDIR=/tmp\n".to_owned();
    for job in jobs {
        let script = fs::read_to_string(&job.program.executable)?;
        let name = &job.program.name;
        let quoted = script.replace('\'', r"'\''");
        batch += &format!("echo '@@begin {name}'\n");
        batch += &format!("timeout {SCRIPT_LIMIT} bash -c '{quoted}' script < /dev/null 2>&1\n");
        batch += "status=$?\necho\necho \"@@end $status\"\n";
    }
    Ok(batch)
}
