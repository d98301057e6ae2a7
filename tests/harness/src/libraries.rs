//! The C library that dynamic programs find in the machine: this host's own, for each ABI where its loader looks for it.

use crate::archive::Archive;
use crate::guest::{Program, ProgramAbi};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;

/// What programs need, and what they or the C library open by name.
const LIBRARIES: &[&str] = &["libc.so.6", "libm.so.6", "libgcc_s.so.1"];

/// The locale that every Debian has.
const LOCALE: &str = "usr/lib/locale/C.utf8/LC_CTYPE";

/// The loader's path, and the folder of its libraries.
fn places(abi: ProgramAbi) -> (&'static str, &'static str) {
    match abi {
        ProgramAbi::X86_64 => ("lib64/ld-linux-x86-64.so.2", "lib/x86_64-linux-gnu"),
        ProgramAbi::I386 => ("lib/ld-linux.so.2", "lib32"),
        ProgramAbi::X32 => ("libx32/ld-linux-x32.so.2", "libx32"),
    }
}

/// Adds what these programs need.
pub fn add<'a>(archive: &mut Archive, programs: impl Iterator<Item = &'a Program>) -> Result<()> {
    let mut folders = BTreeSet::new();
    let mut known = BTreeSet::new();
    for abi in programs.map(|program| program.abi).collect::<BTreeSet<_>>() {
        let (loader, folder) = places(abi);
        let files = LIBRARIES.iter().map(|name| format!("{folder}/{name}")).chain([loader, LOCALE].map(str::to_owned));
        for file in files {
            if !known.insert(file.clone()) {
                continue;
            }
            for (end, _) in file.match_indices('/') {
                if folders.insert(file[..end].to_owned()) {
                    archive.folder(&file[..end], 0o755);
                }
            }
            let contents = fs::read(format!("/{file}")).with_context(|| format!("reading /{file} (gcc-multilib)"))?;
            archive.file(&file, 0o755, &contents);
        }
    }
    Ok(())
}
