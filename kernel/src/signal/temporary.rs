//! A signal mask for the length of one call: ppoll(2), pselect6(2), epoll_pwait(2).
use super::SignalSet;
use crate::error::*;
use crate::process::Task;
use crate::syscall::{UserAddress, UserPtr};

/// Size of a signal set in user memory.
pub const SET_SIZE: usize = 8;

/// The caller's own mask was put aside.
#[must_use]
pub struct TemporaryMask(Option<SignalSet>);

impl TemporaryMask {
    /// Replaces the mask by the one at `mask`, if that is not null: EINVAL if `size` is not that of a set, EFAULT.
    pub fn set(task: &Task, mask: UserAddress, size: usize) -> Result<TemporaryMask> {
        if mask.is_null() {
            return Ok(TemporaryMask(None));
        }
        if size != SET_SIZE {
            return Err(EINVAL);
        }
        let mask = UserPtr::<u64>::new(mask.0).read(task)?;
        let own = task.signals.blocked();
        task.set_blocked(mask);
        Ok(TemporaryMask(Some(own)))
    }
    /// Puts the caller's mask back: at once, or, if the call was interrupted, after the signal's handler (so that the signal
    /// which interrupted it is delivered under the temporary mask).
    pub fn end(self, task: &Task, interrupted: bool) {
        let Some(own) = self.0 else { return };
        if interrupted {
            task.signals.save(own);
            task.thread().set_work(machine::thread::work::SIGNAL);
        } else {
            task.set_blocked(own);
        }
    }
}
