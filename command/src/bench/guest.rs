//! The benchmark program: how it is built, the rows it knows, and the roots it runs in.

use super::boots::Boot;
use super::programs;
use super::table::Name;
use crate::artifacts;
use crate::cpio::{Metadata, Writer, kind};
use crate::roots::Root;
use anyhow::{Context, Result, bail};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Sources of programs without a library, and what each is compiled with besides.
const BARE: [&str; 5] = ["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-Wl,--build-id=none"];
const NARROW: [&str; 3] = ["-m32", "-fno-pie", "-no-pie"];

/// By what a row can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Counted,
    Timed,
    Both,
}

/// A row that can be measured.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: Name,
    pub mode: Mode,
    pub boot: Boot,
}

impl Row {
    fn new(family: &str, row: &str, mode: Mode, boot: Boot) -> Row {
        Row { name: Name::new(family, row), mode, boot }
    }
    /// Whether it is measured by the wall clock, or by counting.
    pub fn is_measured(&self, wall: bool) -> bool {
        self.mode == Mode::Both || self.mode == if wall { Mode::Timed } else { Mode::Counted }
    }
}

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

    /// All rows in order.
    pub fn rows(&self) -> Result<Vec<Row>> {
        let output =
            Command::new(&self.program).arg("-l").output().with_context(|| self.program.display().to_string())?;
        let text = String::from_utf8(output.stdout).context("the benchmark's rows")?;
        let mut rows = vec![
            Row::new("boot", "boot-to-first-instruction", Mode::Counted, Boot::First),
            Row::new("boot", "boot-to-prompt", Mode::Counted, Boot::Prompt),
            Row::new("sizes and sleep", "memory-at-prompt-kib", Mode::Counted, Boot::Memory),
        ];
        for line in text.lines() {
            let mut fields = line.split('\t');
            let mut field = || fields.next().with_context(|| format!("the benchmark's row `{line}`"));
            let (family, row, mode) = (field()?, field()?, field()?);
            let mode = match mode {
                "counted" => Mode::Counted,
                "timed" => Mode::Timed,
                _ => Mode::Both,
            };
            let boot = match row {
                // Only there the machine is large enough.
                "fork-among-10000" | "fork-among-100000" => Boot::Crowd,
                // Only there is a program with an interpreter.
                "exec-dynamic-wait" => Boot::Debian,
                _ => Boot::Rows,
            };
            rows.push(Row::new(family, row, mode, boot));
            if row == "getppid-int80" {
                rows.push(Row::new(family, "getppid-sysenter", Mode::Counted, Boot::Sysenter));
            }
        }
        rows.extend(programs::ROWS.iter().map(|(row, _)| Row::new("programs", row, Mode::Both, Boot::Debian)));
        // Families stay together.
        let families: Vec<String> = rows.iter().map(|row| row.name.family.clone()).collect();
        rows.sort_by_key(|row| families.iter().rposition(|family| *family == row.name.family));
        Ok(rows)
    }

    /// The root of a boot.
    pub fn root(&self, boot: Boot) -> Result<Root> {
        match boot {
            Boot::First => archive("first", &self.first, false),
            Boot::Memory => Ok(Root::BuiltIn),
            Boot::Sysenter => archive("sysenter", &self.sysenter, true),
            Boot::Prompt | Boot::Rows | Boot::Crowd => archive("lstar-bench", &self.program, true),
            Boot::Debian => programs::root(&self.program),
        }
    }
}

/// A root with one more program, on top of the built-in one where that is asked for.
fn archive(name: &str, program: &Path, built_in: bool) -> Result<Root> {
    let mut bytes = Cursor::new(Vec::new());
    if built_in {
        Root::BuiltIn.write_archive(&mut bytes)?;
        let end = bytes.position();
        bytes.write_all(&vec![0; end.next_multiple_of(4) as usize - end as usize])?;
    }
    let mut archive = Writer::new(&mut bytes);
    if !built_in {
        archive.add(b"dev", Metadata::directory(), &[])?;
        let console = Metadata { mode: kind::CHARACTER | 0o600, device: (5, 1), ..Metadata::default() };
        archive.add(b"dev/console", console, &[])?;
    }
    archive.add(name.as_bytes(), Metadata::file(0o755), &std::fs::read(program)?)?;
    archive.finish()?;
    Ok(Root::Memory(bytes.into_inner()))
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
        .context("no C compiler; on Debian: apt-get install gcc libc6-dev")?;
    if !status.success() {
        bail!("the benchmark program does not compile");
    }
    Ok(())
}
