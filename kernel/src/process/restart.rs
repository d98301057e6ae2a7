//! Calls that resume after a signal (restart_syscall(2)): nanosleep, poll, futex with a time-out.
use super::Task;
use crate::error::{EINTR, ERESTART_RESTARTBLOCK, Error, Result};
use crate::sync::{SpinLock, rank};
use alloc::boxed::Box;

/// How an interrupted call goes on: with what is left of its time.
pub type Resume = Box<dyn FnOnce(&Task) -> Result<usize> + Send>;

/// A task's place for the call to resume; a new interrupted call replaces it.
pub struct RestartSlot(SpinLock<Option<Resume>>);

impl RestartSlot {
    /// Nothing to resume.
    pub const fn new() -> Self {
        RestartSlot(SpinLock::new(rank::LEAF, None))
    }
}

impl Default for RestartSlot {
    fn default() -> Self {
        Self::new()
    }
}

/// Notes how the current call resumes and gives the error that makes it so: `return Err(restart::later(task, ...))`.
pub fn later(task: &Task, resume: impl FnOnce(&Task) -> Result<usize> + Send + 'static) -> Error {
    match machine::memory::try_box(resume) {
        Ok(resume) => {
            let resume: Resume = resume;
            let replaced = task.restart.0.lock().replace(resume);
            drop(replaced);
            ERESTART_RESTARTBLOCK
        }
        Err(_) => EINTR,
    }
}

/// restart_syscall(2): resumes the interrupted call; EINTR when there is none.
pub fn restart_syscall(task: &Task) -> Result<usize> {
    let resume = task.restart.0.lock().take();
    resume.map_or(Err(EINTR), |resume| resume(task))
}
