//! The host's terminal: raw mode while a guest's session uses it, restored whatever happens.

use agent::config::WindowSize;
use anyhow::{Context, Result};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

const GUARD_NAME: &str = "lstar-terminal-guard";
/// What this process and its guard say to each other: the guard that it knows the mode, this process that it restored it.
const WORD: [u8; 1] = [b'.'];

/// A terminal in raw mode; dropping it restores the mode. Should this process die before that, a guard does it.
pub struct RawMode {
    terminal: OwnedFd,
    before: Termios,
    guard: Child,
    guard_channel: UnixStream,
}

impl RawMode {
    /// Puts the terminal into raw mode.
    pub fn enter(terminal: impl AsFd) -> Result<Self> {
        let terminal = terminal.as_fd().try_clone_to_owned().context("the terminal")?;
        let before = tcgetattr(&terminal).context("the terminal's mode")?;
        let (mut ours, theirs) = UnixStream::pair().context("the terminal's guard")?;
        let guard = Command::new("/proc/self/exe")
            .arg0(GUARD_NAME)
            .stdin(OwnedFd::from(theirs))
            .stdout(terminal.try_clone().context("the terminal")?)
            .stderr(Stdio::null())
            .spawn()
            .context("the terminal's guard")?;
        ours.read_exact(&mut [0; WORD.len()]).context("the terminal's guard does not start")?;
        let mut raw = before.clone();
        raw.make_raw();
        let mode = Self { terminal, before, guard, guard_channel: ours };
        tcsetattr(&mode.terminal, OptionalActions::Drain, &raw).context("the terminal's raw mode")?;
        Ok(mode)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that has gone needs no restoring; the guard ends when it is told, or when the channel closes.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
        let _ = self.guard_channel.write_all(&WORD);
        let _ = self.guard.wait();
    }
}

/// Becomes a terminal's guard if this process was started as one: waits for its parent's word, and restores the
/// terminal's mode if the parent dies without it.
pub fn guard_if_asked() {
    if std::env::args_os().next().is_none_or(|name| name != GUARD_NAME) {
        return;
    }
    // A session of its own: no signal of the terminal reaches the guard, and none stops it setting the mode.
    let _ = rustix::process::setsid();
    let stdin = std::io::stdin().as_fd().try_clone_to_owned();
    if let (Ok(before), Ok(channel)) = (tcgetattr(std::io::stdout()), stdin) {
        let mut channel = UnixStream::from(channel);
        let told = channel.write_all(&WORD).and_then(|()| channel.read(&mut [0; WORD.len()]));
        if !matches!(told, Ok(1..)) {
            let _ = tcsetattr(std::io::stdout(), OptionalActions::Flush, &before);
        }
    }
    std::process::exit(0);
}

/// The terminal's size; 24 lines of 80 when it does not know.
pub fn size(terminal: impl AsFd) -> WindowSize {
    match tcgetwinsize(terminal) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => WindowSize { rows: size.ws_row, columns: size.ws_col },
        _ => WindowSize { rows: 24, columns: 80 },
    }
}
