//! Who logged in and which login that was (/proc/PID/loginuid, /proc/PID/sessionid), as audit(7) has it: set once by login
//! programs, inherited by all that is started from there.
use super::{Capability, Task};
use crate::error::{EPERM, Result};
use core::sync::atomic::{AtomicU32, Ordering};

/// What both read as when there was no login.
pub const NOBODY: u32 = u32::MAX;

/// A task's login.
pub struct Login {
    user: AtomicU32,
    session: AtomicU32,
}

static NEXT_SESSION: AtomicU32 = AtomicU32::new(1);

impl Login {
    /// Nobody has logged in.
    pub const fn new() -> Self {
        Login { user: AtomicU32::new(NOBODY), session: AtomicU32::new(NOBODY) }
    }
    /// The user.
    pub fn user(&self) -> u32 {
        self.user.load(Ordering::Relaxed)
    }
    /// The number of the login.
    pub fn session(&self) -> u32 {
        self.session.load(Ordering::Relaxed)
    }
    /// Takes over the parent's.
    pub fn inherit(&self, parent: &Login) {
        self.user.store(parent.user(), Ordering::Relaxed);
        self.session.store(parent.session(), Ordering::Relaxed);
    }
}
impl Default for Login {
    fn default() -> Self {
        Self::new()
    }
}

/// Notes who has logged in. EPERM if somebody had and the caller has no CAP_AUDIT_CONTROL.
pub fn log_in(task: &Task, user: u32) -> Result<()> {
    if task.login.user() != NOBODY && !task.capable(Capability::AuditControl) {
        return Err(EPERM);
    }
    let session = if user == NOBODY { NOBODY } else { NEXT_SESSION.fetch_add(1, Ordering::Relaxed) };
    task.login.session.store(session, Ordering::Relaxed);
    task.login.user.store(user, Ordering::Relaxed);
    Ok(())
}
