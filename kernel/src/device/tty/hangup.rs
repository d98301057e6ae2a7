//! Hang-up: the terminal's files die, its session loses it.
use super::Tty;
use super::job_control::{SIGCONT, SIGHUP, signal_group, signal_session_leader};
use crate::error::*;
use crate::process::{Capability, Task};
use core::sync::atomic::Ordering;

impl Tty {
    /// Hangs the terminal up (vhangup(2), the master being closed, the console's session leader having ended).
    pub fn hang_up(&self) {
        let control = core::mem::take(&mut *self.control.lock());
        {
            let mut state = self.state.lock();
            let old = state.termios;
            state.termios = self.kind.initial_settings();
            let new = state.termios;
            state.line.settings_changed(&old, &new);
            state.line.flush_input();
            state.line.discard_echo();
            state.line.set_stopped(false);
            state.pending.clear();
            state.opens = 0;
            state.exclusive = false;
            self.hangups.fetch_add(1, Ordering::AcqRel);
        }
        self.signals.clear();
        if let Some(session) = &control.session {
            session.set_terminal(None);
            signal_session_leader(session, SIGHUP);
            signal_session_leader(session, SIGCONT);
        }
        // Linux remembers this group for the moment the leader ends, which it does of SIGHUP unless it handles it.
        if let Some(group) = &control.foreground {
            signal_group(group, SIGHUP);
            signal_group(group, SIGCONT);
        }
        for queue in [&self.readers, &self.writers, &self.master_readers, &self.master_writers] {
            queue.wake_all();
        }
    }
}

/// vhangup(2): hangs up the caller's terminal, if it has one. EPERM without CAP_SYS_TTY_CONFIG.
pub fn vhangup(task: &Task) -> Result<()> {
    if !task.capable(Capability::SysTtyConfig) {
        return Err(EPERM);
    }
    if let Some(tty) = super::job_control::terminal_of(task) {
        tty.hang_up();
    }
    Ok(())
}
