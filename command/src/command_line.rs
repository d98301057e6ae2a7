//! The command line of `lstar`.

use crate::bench::{self, BenchOptions};
use crate::escape::EscapingWriter;
use crate::module::{self, ModuleOptions};
use crate::profile::{self, ProfileOptions};
use crate::run;
use crate::syscalls::{self, SyscallsOptions};
use crate::system_map::{self, SystemMapOptions};
use crate::trace::{self, TraceOptions};
use crate::vm::MachineType;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// The status of lstar's own failures.
pub const FAILED: i32 = 125;

/// Runs Linux programs in a small memory-safe virtual machine.
#[derive(Debug, Parser)]
#[command(name = "lstar", version, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Boot a machine and run a command in it, or an interactive shell
    Run(Box<RunOptions>),
    /// Run a command and print every system call it makes
    Trace(Box<TraceOptions>),
    /// Measure what operations cost, beside Linux
    Bench(BenchOptions),
    /// Count which functions of the kernel and of programs a command's instructions go to
    Profile(Box<ProfileOptions>),
    /// Make, build and sign modules of the kernel
    Module(ModuleOptions),
    /// Print the system-call table
    Syscalls(SyscallsOptions),
    /// Print the kernel's symbols with their addresses
    SystemMap(SystemMapOptions),
}

/// Which kernel to boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AcceleratorChoice {
    /// KVM if it really runs a guest here, else TCG
    Auto,
    Kvm,
    Tcg,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The status is the command's own; 128+N if signal N killed it; 126 or 127 if it cannot be run or found; 125 if lstar
itself failed; 124 after a time-out; 123 after a kernel panic.

On a terminal, Ctrl-A x ends the machine and Ctrl-A a passes Ctrl-A on.

Examples:
  lstar run                                     a shell in the built-in root
  lstar run -- ls -l /                          one command
  lstar run --root debian/ -- python3 -V        a folder of the host as root, read-only
  lstar run --root image.tar.gz                 an archive as root, writable, in memory
  tar c src | lstar run -- tar t                streams pass as they are
  lstar run --kernel linux -- uname -a          the same on Debian's Linux kernel")]
pub struct RunOptions {
    /// Root file system: a folder (live, read-only) or a .tar, .tar.gz, .cpio or .cpio.gz (writable, in memory)
    /// [default: busybox and demo programs]
    #[arg(long, value_name = "PATH")]
    pub root: Option<PathBuf>,
    /// Set an environment variable, or pass the host's value on
    #[arg(long, short, value_name = "NAME[=VALUE]")]
    pub env: Vec<OsString>,
    /// Directory to start in
    #[arg(long, short, value_name = "DIR")]
    pub workdir: Option<OsString>,
    /// User and group to run as, by name or number
    #[arg(long, short, value_name = "USER[:GROUP]")]
    pub user: Option<OsString>,
    /// The guest's host name
    #[arg(long, value_name = "NAME", default_value = "lstar")]
    pub hostname: OsString,
    /// Processors [default: 2, with --icount 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=255))]
    pub cpus: Option<u32>,
    /// Memory, as 512M or 2G
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = parse_size)]
    pub mem: u64,
    /// End the machine after this time, as 10, 1.5s or 2m, with status 124
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub timeout: Option<Duration>,
    /// What runs the guest's instructions
    #[arg(long, value_enum, value_name = "HOW", default_value = "auto")]
    pub accel: AcceleratorChoice,
    /// QEMU's machine type [default: microvm, for Linux q35]
    #[arg(long, value_enum, value_name = "TYPE")]
    pub machine: Option<MachineType>,
    /// Kernel to boot: lstar, linux (Debian's, fetched once) or an image's path
    #[arg(long, value_name = "KERNEL", default_value = "lstar")]
    pub kernel: PathBuf,
    /// Add to the kernel's command line
    #[arg(long, value_name = "WORDS", default_value = "", allow_hyphen_values = true)]
    pub append: String,
    /// Let the guest's time stamp counter count instructions, for exact costs (one processor)
    #[arg(long)]
    pub icount: bool,
    /// Wait for gdb on this port before the kernel's first instruction
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "1234", require_equals = true)]
    pub gdb: Option<u16>,
    /// Give the command a terminal even if lstar itself has none
    #[arg(long, short)]
    pub tty: bool,
    /// Show the kernel's log on standard error
    #[arg(long, short)]
    pub verbose: bool,
    /// The command and its arguments [default: a login shell]
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// The command line's grammar. `lstar trace` takes the options of `lstar run`, whose short forms -e and -t have there the
/// meaning they have for strace.
fn grammar() -> clap::Command {
    CommandLine::command().mut_subcommand("trace", |trace| {
        trace.mut_arg("env", |option| option.short(None)).mut_arg("tty", |option| option.short(None))
    })
}

/// Runs the process's command line; returns its status.
pub fn main() -> i32 {
    let parsed = grammar().try_get_matches().and_then(|matches| CommandLine::from_arg_matches(&matches));
    match parsed {
        Ok(CommandLine { action }) => {
            let status = match &action {
                Action::Run(options) => run::run(options),
                Action::Trace(options) => trace::run(options),
                Action::Bench(options) => bench::run(options),
                Action::Profile(options) => profile::run(options),
                Action::Module(options) => module::run(options),
                Action::Syscalls(options) => syscalls::run(options),
                Action::SystemMap(options) => system_map::run(options),
            };
            status.unwrap_or_else(|error| {
                // The text may hold what a guest or a file name says.
                let mut stderr = EscapingWriter::new(std::io::stderr(), false);
                let line = format!("{error:#}").replace('\n', " ");
                let _ = writeln!(stderr, "lstar: {line}").and_then(|()| stderr.flush());
                FAILED
            })
        }
        Err(help) if help.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{help}");
            FAILED
        }
        Err(error) if error.use_stderr() => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            eprintln!("lstar: {}; see lstar run --help", line.trim_start_matches("error: "));
            FAILED
        }
        Err(help) => {
            // Help that nobody reads is no failure.
            let _ = help.print();
            0
        }
    }
}

/// Reads `512M`, `2G`, `65536K`; a bare number is in MiB.
fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.trim_end_matches(['b', 'B']).trim_end_matches(['i']) {
        text if text.ends_with(['K', 'k']) => (text.trim_end_matches(['K', 'k']), 10),
        text if text.ends_with(['M', 'm']) => (text.trim_end_matches(['M', 'm']), 20),
        text if text.ends_with(['G', 'g']) => (text.trim_end_matches(['G', 'g']), 30),
        text => (text, 20),
    };
    let number: u64 = digits.parse().map_err(|_| "not a size like 512M or 2G".to_string())?;
    let size = number.checked_mul(1 << shift).ok_or("too large")?;
    if size < 16 << 20 {
        return Err("less than 16M".into());
    }
    Ok(size)
}

/// Reads `10`, `1.5s`, `2m`, `1h`, `300ms`.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let end = text.find(|character: char| character != '.' && !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("not a time like 10, 1.5s or 2m".into()),
    };
    let number: f64 = digits.parse().map_err(|_| "not a time like 10, 1.5s or 2m".to_string())?;
    let time = Duration::try_from_secs_f64(number * scale).map_err(|error| error.to_string())?;
    if time.is_zero() {
        return Err("no time at all".into());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        grammar().debug_assert();
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("512M"), Ok(512 << 20));
        assert_eq!(parse_size("64"), Ok(64 << 20));
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        assert_eq!(parse_size("65536k"), Ok(64 << 20));
        for bad in ["", "M", "-5M", "1T", "15M", "1.5G", "99999999999999999999", "18446744073709551615G"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(parse_time("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_time("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_time("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_time("300ms"), Ok(Duration::from_millis(300)));
        for bad in ["", "s", "0", "1d", "-1", "1.2.3", "1e400"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }
}
