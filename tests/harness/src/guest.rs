//! The guest programs: which there are, and how each is built.

use anyhow::{Context, Result, bail, ensure};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// One guest program, built.
#[derive(Debug, Clone)]
pub struct Program {
    /// `topic/name`.
    pub name: String,
    /// The built executable on this machine.
    pub executable: PathBuf,
    /// The names of its cases; none when the whole program is one case.
    pub cases: Vec<String>,
    /// A hash of the executable's bytes.
    pub hash: u64,
}

const FLAGS: &[&str] = &[
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    // The programs do on purpose what these warn of.
    "-Wno-stringop-overflow",
    "-Wno-stringop-overread",
    "-Wno-nonnull",
    "-Wno-infinite-recursion",
    "-O1",
    "-static",
    "-pthread",
    "-s",
];

/// Builds what has changed and gives all programs in the order of their names.
pub fn build_all(workspace: &Path) -> Result<Vec<Program>> {
    let sources = workspace.join("tests/guest");
    let target = workspace.join("target/guest/x86-64");
    let header = modified(&sources.join("check.h"));
    let mut programs = Vec::new();
    let mut topics = entries(&sources)?;
    topics.retain(|path| path.is_dir());
    topics.push(workspace.join("demo"));
    for topic in topics {
        for source in entries(&topic)? {
            let is_source = source.extension().is_some_and(|e| e == "c" || e == "S");
            if !is_source {
                continue;
            }
            let name = format!("{}/{}", stem(&topic), stem(&source));
            let executable = target.join(&name);
            compile(&source, &executable, header).with_context(|| format!("building {name}"))?;
            let bytes = fs::read(&executable)?;
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            let text = fs::read_to_string(&source)?;
            let cases = if text.contains("#include \"../check.h\"") { list(&executable)? } else { Vec::new() };
            programs.push(Program { name, executable, cases, hash: hasher.finish() });
        }
    }
    ensure!(!programs.is_empty(), "no guest program under {}", sources.display());
    Ok(programs)
}

/// Builds the batch runner and gives its path.
pub fn build_runner(workspace: &Path) -> Result<PathBuf> {
    let executable = workspace.join("target/guest/x86-64/runner");
    compile(&workspace.join("tests/guest/runner.c"), &executable, None).context("building the runner")?;
    Ok(executable)
}

fn compile(source: &Path, executable: &Path, header: Option<SystemTime>) -> Result<()> {
    let built = modified(executable);
    if built.is_some() && built > modified(source) && built > header {
        return Ok(());
    }
    fs::create_dir_all(executable.parent().context("no folder")?)?;
    let mut command = Command::new("gcc");
    command.args(FLAGS).arg("-o").arg(executable).arg(source);
    if source.extension().is_some_and(|e| e == "S") {
        command.arg("-nostdlib");
    }
    let status = command.status().context("cannot run gcc (apt-get install gcc libc6-dev)")?;
    ensure!(status.success(), "gcc failed for {}", source.display());
    Ok(())
}

fn list(executable: &Path) -> Result<Vec<String>> {
    let output = Command::new(executable).arg("--list").output()?;
    if !output.status.success() {
        bail!("{} --list: {}", executable.display(), output.status);
    }
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|m| m.modified()).ok()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = read.map(|e| e.map(|e| e.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}
