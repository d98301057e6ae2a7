//! `lstar syscalls`: the kernel's system-call table as the kernel itself declares it.
mod source;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use kernel::syscall::reference;
use source::Sources;
use std::fmt::Write as _;
use std::io::Write as _;

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AbiChoice {
    #[value(name = "x86-64")]
    X86_64,
    X32,
    I386,
}

/// How much of a call is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StateChoice {
    Full,
    Partial,
    Missing,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Before what a pointer points to, `const` says that the kernel reads it, `out` that it writes it, `inout` that it does both;
in JSON, `target` and `access` say so.")]
pub struct SyscallsOptions {
    /// Calls whose names contain this [default: all]
    pub name: Option<String>,
    /// Only calls with a number in this ABI
    #[arg(long, value_enum)]
    pub abi: Option<AbiChoice>,
    /// Only calls of this family (process, file, memory, device, information, communication, protection)
    #[arg(long)]
    pub family: Option<String>,
    /// Only calls in this state
    #[arg(long, value_enum)]
    pub state: Option<StateChoice>,
    /// Say below each call which function serves it, and where that is
    #[arg(long, short, conflicts_with_all = ["json", "markdown"])]
    pub long: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// Print docs/syscalls.md
    #[arg(long)]
    pub markdown: bool,
}

/// Prints the table.
pub fn run(options: &SyscallsOptions) -> Result<i32> {
    let families = kernel::syscall::table::FAMILY_NAMES;
    if let Some(family) = &options.family
        && !families.contains(&family.as_str())
    {
        bail!("no family `{family}`; the families are: {}", families.join(" "));
    }
    let mut text = String::new();
    if options.markdown {
        reference::write_markdown(&mut text)?;
    } else {
        let mut rows = reference::rows();
        rows.retain(|(family, row)| {
            options.name.as_ref().is_none_or(|name| row.name.contains(name.as_str()))
                && options.family.as_ref().is_none_or(|wanted| wanted == family)
                && options.abi.is_none_or(|abi| row.numbers.get(abi as usize).is_some_and(Option::is_some))
                && options.state.is_none_or(|state| {
                    state.to_possible_value().is_some_and(|value| value.get_name() == row.state.word())
                })
        });
        let sources = crate::artifacts::home().map(|home| Sources::read(&home)).ok();
        let source = |handler: &str| sources.as_ref().and_then(|sources| sources.of(handler));
        if options.json {
            text.push_str("[\n");
            for (index, (family, row)) in rows.iter().enumerate() {
                text.push_str(if index > 0 { ",\n" } else { "" });
                reference::write_json(family, row, source(row.handler), &mut text)?;
            }
            text.push_str("\n]\n");
        } else {
            writeln!(text, "{:>6} {:>5} {:>5}  {:<8} {:<14} call", "x86-64", "x32", "i386", "state", "family")?;
            for (family, row) in &rows {
                reference::write_line(family, row, &mut text)?;
                if options.long && !row.handler.is_empty() {
                    writeln!(text, "{:>37}{}  {}", "", row.handler, source(row.handler).unwrap_or("?"))?;
                }
            }
        }
    }
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(0)
}
