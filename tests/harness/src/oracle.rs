//! What Linux says: transcripts of every program, kept until the program changes.

use crate::batch::{Job, Places, run_booted};
use crate::debian;
use crate::guest::{self, Program, ProgramAbi};
use crate::machine::Configuration;
use crate::record::{Transcript, Verdict};
use anyhow::{Result, anyhow};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the program whose behaviour on Linux is what this one's must be: itself, but for x32 the 64-bit program.
pub fn name(program: &Program) -> String {
    match program.abi {
        ProgramAbi::X32 => program.usual_name().to_owned(),
        _ => program.name.clone(),
    }
}

/// The programs to ask Linux about.
pub fn programs(workspace: &Path, jobs: &[Job]) -> Result<Vec<Program>> {
    let mut chosen: Vec<Program> = Vec::new();
    let usual = match jobs.iter().any(|job| job.program.abi == ProgramAbi::X32) {
        true => guest::build_all(workspace, ProgramAbi::X86_64)?,
        false => Vec::new(),
    };
    for job in jobs {
        let name = name(&job.program);
        let program = usual.iter().find(|program| program.name == name).unwrap_or(&job.program);
        if !chosen.iter().any(|known| known.name == name) {
            chosen.push(program.clone());
        }
    }
    Ok(chosen)
}

/// Gives the transcripts of these programs on Linux, running those that are not known yet.
pub fn transcripts(
    places: &Places,
    linux: &Configuration,
    programs: &[Program],
    refresh: bool,
) -> Result<BTreeMap<String, Transcript>> {
    let mut known = BTreeMap::new();
    let mut jobs = Vec::new();
    for program in programs {
        match load(places, program) {
            Some(transcript) if !refresh => {
                known.insert(program.name.clone(), transcript);
            }
            _ => jobs.push(Job { program: program.clone(), cases: program.cases.clone() }),
        }
    }
    if !jobs.is_empty() {
        eprintln!("lstar-test: asking Linux about {} programs", jobs.len());
        let (scripts, programs): (Vec<Job>, Vec<Job>) = jobs.iter().cloned().partition(debian::is_script);
        // Beside each other: each keeps one processor busy for minutes.
        let (fresh, answers) = std::thread::scope(|scope| {
            let answers = scope.spawn(|| debian::run(places, "linux", &[], &scripts));
            (run_booted(places, linux, &programs), answers.join())
        });
        let mut fresh = fresh?;
        fresh.extend(answers.map_err(|_| anyhow!("a thread of the harness panicked"))??);
        let failed: Vec<Job> = programs.into_iter().filter(|job| has_failed(job, &fresh)).collect();
        if !failed.is_empty() {
            // Some measure time on a machine that others share.
            eprintln!("lstar-test: Linux fails {} programs; they are tried once more, by themselves", failed.len());
            fresh.extend(run_booted(places, linux, &failed)?);
        }
        for job in &jobs {
            let Some(transcript) = fresh.get(&job.program.name) else { continue };
            // A program that Linux never came to has no answer; it is asked again next time.
            if !transcript.end.as_deref().is_some_and(|end| end.starts_with("not run")) {
                save(places, &job.program, transcript)?;
            }
            known.insert(job.program.name.clone(), transcript.clone());
        }
    }
    Ok(known)
}

/// Whether a case of a program failed that must not: those of other ABIs than the usual one may.
fn has_failed(job: &Job, transcripts: &BTreeMap<String, Transcript>) -> bool {
    let cases = transcripts.get(&job.program.name).map(|transcript| transcript.cases(&job.cases)).unwrap_or_default();
    job.program.abi == ProgramAbi::X86_64 && cases.values().any(|case| matches!(case.verdict, Some(Verdict::Fail(_))))
}

fn path(places: &Places, program: &Program) -> PathBuf {
    places.workspace.join("target/oracle").join(format!("{}-{:016x}", program.name.replace('/', "-"), program.hash))
}

fn load(places: &Places, program: &Program) -> Option<Transcript> {
    let text = fs::read_to_string(path(places, program)).ok()?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let end = lines.pop()?;
    Some(Transcript { lines, end: Some(end) })
}

fn save(places: &Places, program: &Program, transcript: &Transcript) -> Result<()> {
    let path = path(places, program);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut text = transcript.lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text += transcript.end.as_deref().unwrap_or("no end");
    fs::write(path, text + "\n")?;
    Ok(())
}
