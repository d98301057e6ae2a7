//! `lstar system-map`: the kernel's symbols as Linux's `System.map` lists them. The build keeps the list beside the kernel.

use crate::vm::Kernel;
use anyhow::{Context, Result};
use clap::Args;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// What programs know the tables of calls by, in /proc/kallsyms too.
const TABLES: [(&str, &str); 3] = [
    ("lstar_kernel::syscall::dispatch::X86_64_TABLE", "sys_call_table"),
    ("lstar_kernel::syscall::dispatch::X32_TABLE", "x32_sys_call_table"),
    ("lstar_kernel::syscall::dispatch::I386_TABLE", "ia32_sys_call_table"),
];

#[derive(Debug, Args)]
#[command(after_help = "\
A line for each symbol, by address: the address, a letter as nm(1) has it (T code, R read-only data, D data, B data that is
zero at first; small ones are local), and the name.")]
pub struct SystemMapOptions {
    /// The kernel's image [default: the one that was built]
    pub image: Option<PathBuf>,
}

/// Prints the list.
pub fn run(options: &SystemMapOptions) -> Result<i32> {
    let image = options.image.clone().map_or_else(|| Kernel::Lstar.image(), Ok)?;
    let bytes = std::fs::read(&image).with_context(|| image.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| format!("{}: no kernel with symbols", image.display()))?;
    let text = list(&file);
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(0)
}

fn list(file: &object::File<'_>) -> String {
    let mut symbols: Vec<(u64, char, String)> = file
        .symbols()
        .filter_map(|symbol| {
            let section = file.section_by_index(symbol.section_index()?).ok()?;
            let letter = match section.kind() {
                SectionKind::Text => 't',
                SectionKind::ReadOnlyData | SectionKind::ReadOnlyString => 'r',
                SectionKind::Data => 'd',
                SectionKind::UninitializedData => 'b',
                _ => return None,
            };
            let letter = if symbol.is_global() { letter.to_ascii_uppercase() } else { letter };
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name().ok()?));
            let known = TABLES.iter().find(|(own, _)| *own == name).map(|(_, known)| (*known).to_string());
            Some((symbol.address(), letter, known.unwrap_or(name)))
        })
        // Labels within functions.
        .filter(|(_, _, name)| !name.is_empty() && !name.starts_with(['.', '$']))
        .collect();
    symbols.sort();
    let mut text = String::new();
    for (address, letter, name) in symbols {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{address:016x} {letter} {name}");
    }
    text
}
