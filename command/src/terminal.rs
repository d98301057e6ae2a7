//! The host's terminal: raw mode while a guest's session uses it, restored whatever happens.

use agent::config::WindowSize;
use anyhow::{Context, Result};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::os::fd::{AsFd, OwnedFd};

/// A terminal in raw mode; dropping it restores the mode.
pub struct RawMode {
    terminal: OwnedFd,
    before: Termios,
}

impl RawMode {
    /// Puts the terminal into raw mode.
    pub fn enter(terminal: impl AsFd) -> Result<Self> {
        let terminal = terminal.as_fd().try_clone_to_owned().context("the terminal")?;
        let before = tcgetattr(&terminal).context("the terminal's mode")?;
        let mut raw = before.clone();
        raw.make_raw();
        let mode = Self { terminal, before };
        tcsetattr(&mode.terminal, OptionalActions::Drain, &raw).context("the terminal's raw mode")?;
        Ok(mode)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that has gone needs no restoring.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// The terminal's size; 24 lines of 80 when it does not know.
pub fn size(terminal: impl AsFd) -> WindowSize {
    match tcgetwinsize(terminal) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => WindowSize { rows: size.ws_row, columns: size.ws_col },
        _ => WindowSize { rows: 24, columns: 80 },
    }
}
