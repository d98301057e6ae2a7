//! The guest programs: which there are, and how each is built.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// What a program is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum ProgramAbi {
    /// 64-bit programs.
    #[value(name = "x86-64")]
    X86_64,
    /// 32-bit programs.
    I386,
    /// 64-bit programs with pointers of 32 bits. Linux as Debian has it does not run them: they must do what the 64-bit ones do.
    X32,
}

impl Program {
    /// The name of the same program built for the usual ABI.
    pub fn usual_name(&self) -> &str {
        self.name.strip_suffix(self.abi.suffix()).unwrap_or(&self.name)
    }

    /// Whether it is linked against the C library that it finds in the machine: those of one topic are.
    pub fn is_dynamic(&self) -> bool {
        is_dynamic(&self.executable)
    }
}

fn is_dynamic(executable: &Path) -> bool {
    executable.parent().is_some_and(|topic| topic.ends_with("dynamic"))
}

impl ProgramAbi {
    /// Its name.
    pub fn folder(self) -> &'static str {
        match self {
            ProgramAbi::X86_64 => "x86-64",
            ProgramAbi::I386 => "i386",
            ProgramAbi::X32 => "x32",
        }
    }
    fn compiler_flag(self) -> &'static str {
        match self {
            ProgramAbi::X86_64 => "-m64",
            ProgramAbi::I386 => "-m32",
            ProgramAbi::X32 => "-mx32",
        }
    }
    /// What the names of its programs end in.
    fn suffix(self) -> &'static str {
        match self {
            ProgramAbi::X86_64 => "",
            ProgramAbi::I386 => ".i386",
            ProgramAbi::X32 => ".x32",
        }
    }
}

/// One guest program, built.
#[derive(Debug, Clone)]
pub struct Program {
    /// `topic/name`, with the ABI if it is not the usual one: `topic/name.i386`.
    pub name: String,
    /// What it is built for.
    pub abi: ProgramAbi,
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
    "-pthread",
    "-s",
];

/// What a program of many cases has in its source.
const CASES: &[&str] = &["#include \"../check.h\"", "\nCASE("];

/// Builds what has changed and gives all programs of an ABI in the order of their names. Programs that do not build for another
/// ABI than the usual one are not meant for it.
pub fn build_all(workspace: &Path, abi: ProgramAbi) -> Result<Vec<Program>> {
    let sources = sources(workspace, abi)?;
    let header = modified(&workspace.join("tests/guest/check.h"));
    let target = workspace.join("target/guest").join(abi.folder());
    let next = AtomicUsize::new(0);
    let built = Mutex::new(BTreeMap::new());
    // The compiler takes most of the time: one for each processor.
    let worker = || {
        while let Some(source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
            let program = build(source, &target, header, abi);
            built.lock().unwrap_or_else(PoisonError::into_inner).insert(source, program);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(worker);
        }
    });
    let built = built.into_inner().unwrap_or_else(PoisonError::into_inner);
    let programs: Vec<Program> = built.into_values().filter_map(Result::transpose).collect::<Result<_>>()?;
    ensure!(!programs.is_empty(), "no guest program under {}", workspace.join("tests/guest").display());
    Ok(programs)
}

/// The sources of the programs that an ABI may have.
fn sources(workspace: &Path, abi: ProgramAbi) -> Result<Vec<PathBuf>> {
    let mut topics = entries(&workspace.join("tests/guest"))?;
    topics.retain(|path| path.is_dir());
    if abi == ProgramAbi::X86_64 {
        topics.push(workspace.join("demo"));
    }
    let mut sources = Vec::new();
    for topic in topics {
        sources.extend(entries(&topic)?);
    }
    let is_assembly = |path: &Path| path.extension().is_some_and(|e| e == "S");
    sources.retain(|path| path.extension().is_some_and(|e| e == "c") || abi == ProgramAbi::X86_64 && is_assembly(path));
    Ok(sources)
}

/// Builds one program if it has changed; none if it is not meant for this ABI.
fn build(source: &Path, target: &Path, header: Option<SystemTime>, abi: ProgramAbi) -> Result<Option<Program>> {
    let folder = source.parent().context("no folder")?;
    let headers = entries(folder)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "h"));
    let header = headers.map(|path| modified(&path)).max().flatten().max(header);
    let topic = stem(folder);
    let name = format!("{topic}/{}{}", stem(source), abi.suffix());
    let executable = target.join(&name);
    match compile(source, &executable, header, abi) {
        Err(_) if abi != ProgramAbi::X86_64 => return Ok(None),
        built => built.with_context(|| format!("building {name}"))?,
    }
    let bytes = fs::read(&executable)?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let text = fs::read_to_string(source)?;
    let has_cases = CASES.iter().any(|sign| text.contains(sign));
    let cases = if has_cases { list(source, &executable, abi)? } else { Vec::new() };
    if has_cases && cases.is_empty() {
        return Ok(None);
    }
    Ok(Some(Program { name, abi, executable, cases, hash: hasher.finish() }))
}

/// Builds the batch runner and gives its path.
pub fn build_runner(workspace: &Path) -> Result<PathBuf> {
    let executable = workspace.join("target/guest/x86-64/runner");
    compile(&workspace.join("tests/guest/runner.c"), &executable, None, ProgramAbi::X86_64)
        .context("building the runner")?;
    Ok(executable)
}

fn compile(source: &Path, executable: &Path, header: Option<SystemTime>, abi: ProgramAbi) -> Result<()> {
    let built = modified(executable);
    if built.is_some() && built > modified(source) && built > header {
        return Ok(());
    }
    fs::create_dir_all(executable.parent().context("no folder")?)?;
    let mut command = Command::new("gcc");
    let linking = if is_dynamic(executable) { "-rdynamic" } else { "-static" };
    command.args(FLAGS).args([abi.compiler_flag(), linking]).arg("-o").arg(executable).arg(source);
    if source.extension().is_some_and(|e| e == "S") {
        command.arg("-nostdlib");
    }
    if abi != ProgramAbi::X86_64 {
        // The programs are written for 64 bits: what the compiler says of the other ABIs is known.
        command.arg("-w").stderr(Stdio::null());
    }
    let status = command.status().context("cannot run gcc (apt-get install gcc libc6-dev)")?;
    ensure!(status.success(), "gcc failed for {}", source.display());
    Ok(())
}

/// The names of a program's cases. This machine may not run the other ABIs' programs: there the source says them.
fn list(source: &Path, executable: &Path, abi: ProgramAbi) -> Result<Vec<String>> {
    if abi != ProgramAbi::X86_64 {
        let known = PathBuf::from(format!("{}.cases", executable.display()));
        if modified(&known) < modified(executable) {
            fs::write(&known, list_by_source(source, abi)?.join("\n"))?;
        }
        return Ok(fs::read_to_string(&known)?.lines().map(str::to_owned).collect());
    }
    let output = Command::new(executable).arg("--list").output()?;
    if !output.status.success() {
        bail!("{} --list: {}", executable.display(), output.status);
    }
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// Each case is a `static struct check_case entry_NAME = {"NAME", ...`.
fn list_by_source(source: &Path, abi: ProgramAbi) -> Result<Vec<String>> {
    let output = Command::new("gcc").args(FLAGS).args([abi.compiler_flag(), "-E", "-P", "-w"]).arg(source).output()?;
    ensure!(output.status.success(), "gcc -E failed for {}", source.display());
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.split("struct check_case entry_").skip(1);
    Ok(names.filter_map(|rest| rest.split(" = ").next().map(str::to_owned)).collect())
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
