//! Rows that are whole programs, in a Debian root unpacked into memory.

use crate::artifacts;
use crate::debian;
use crate::roots::Root;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Memory of the machine that they run in.
pub const MEMORY: u64 = 2 << 30;

/// Rows, and what is run.
pub const ROWS: [(&str, &str); 7] = [
    // fork, execve with the dynamic linker, exit, wait.
    ("program-true", "true"),
    (
        "program-script",
        "busybox sh -c 'i=0; while [ $i -lt 300 ]; do i=$((i + 1)); cat /etc/passwd | wc -l >/tmp/n; done'",
    ),
    ("program-ls", "ls -lR /usr/include /usr/lib/python3"),
    ("program-python", "python3 -c pass"),
    ("program-gcc", "gcc -o /tmp/hello /tmp/hello.c"),
    ("program-tar", "tar cf /tmp/all.tar -C /tmp files"),
    ("program-sort", "sort -o /tmp/sorted /tmp/lines"),
];
/// What they need, made before anything is measured.
const BEFORE: &str = r#"
printf '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n' >/tmp/hello.c
mkdir -p /tmp/files
for i in $(seq 2000); do echo $i >/tmp/files/$i; done
awk 'BEGIN { for (i = 0; i < 1000000; i++) print i * 7919 % 1000003 }' >/tmp/lines
"#;
/// Large parts of Debian that none of them uses.
const LEFT_OUT: [&str; 14] = [
    "./usr/share",
    "./var",
    "./boot",
    "./usr/bin/gdb",
    "./usr/bin/perl*",
    "*/perl",
    "*/perl-base",
    "*/lto1",
    "*-lto-dump-12",
    "*/libicudata*",
    "*/gconv",
    "*san.*",
    "./dev/*",
    "./proc/*",
];

/// The shell's commands that measure some rows: programs, and rows of the benchmark program itself.
pub fn script(rows: &[&str], flags: &str) -> String {
    let mut text = format!("export PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C; {BEFORE}");
    for row in rows {
        match ROWS.iter().find(|(name, _)| name == row) {
            Some((name, command)) => text.push_str(&format!("/lstar-bench{flags} -x {name} {command}\n")),
            None => text.push_str(&format!("/lstar-bench{flags} {row}\n")),
        }
    }
    text
}

/// Debian without what is not used, and the benchmark program.
pub fn root(program: &Path) -> Result<Root> {
    let archive = artifacts::cache()?.join(format!("debian-bench-{}.tar", std::process::id()));
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(debian::root()?).args(["--numeric-owner", "-cf"]).arg(&archive);
    tar.args(LEFT_OUT.map(|name| format!("--exclude={name}"))).arg(".");
    let folder = program.parent().context("the benchmark's folder")?;
    tar.arg("-C").arg(folder).arg(program.file_name().context("the benchmark's name")?);
    if !tar.status().context("tar; on Debian: apt-get install tar")?.success() {
        bail!("tar cannot pack the Debian root");
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    let packed = Root::Archive(archive.clone()).write_archive(&mut bytes);
    std::fs::remove_file(&archive).with_context(|| archive.display().to_string())?;
    packed?;
    Ok(Root::Memory(bytes.into_inner()))
}
