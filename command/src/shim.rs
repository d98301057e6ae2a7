//! Child processes that die with this one.
//!
//! The kernel can kill a child when its parent's thread ends (PR_SET_PDEATHSIG), whatever ended it, but only the
//! child itself can ask for that. So a child starts as this very program under another name, asks, and then becomes
//! what it should be.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;

const NAME: &str = "lstar-shim";

/// Becomes the child's real program if this process was started as a shim. Every program that starts virtual
/// machines calls this first.
pub fn enter_if_asked() {
    let mut arguments = std::env::args_os();
    if arguments.next().is_some_and(|name| name == NAME) {
        let Err(error) = enter(arguments);
        eprintln!("{error:#}");
        std::process::exit(127);
    }
}

fn enter(mut arguments: impl Iterator<Item = OsString>) -> Result<std::convert::Infallible> {
    let parent = arguments.next().and_then(|text| text.to_str()?.parse().ok()).and_then(Pid::from_raw);
    let program = arguments.next().context("a shim without a program")?;
    set_parent_process_death_signal(Some(Signal::KILL)).context("PR_SET_PDEATHSIG")?;
    if getppid() != parent {
        bail!("the parent ended already");
    }
    Err(Command::new(&program).args(arguments).exec()).with_context(|| program.display().to_string())
}

/// A command that runs `program` and is killed when the calling thread ends. It has a process group of its own, so
/// that the terminal's signals do not reach it.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(NAME).arg(std::process::id().to_string()).arg(program).process_group(0);
    command
}
