//! A signal mask for the length of one call: ppoll(2), pselect6(2), epoll_pwait(2).
use crate::error::*;
use crate::process::Task;
use crate::syscall::UserAddress;

/// The caller's own mask was put aside.
#[must_use]
pub struct TemporaryMask(());

impl TemporaryMask {
    /// Replaces the mask by the one at `mask`, if that is not null: EINVAL if `size` is not that of a set, EFAULT.
    pub fn set(_task: &Task, _mask: UserAddress, _size: usize) -> Result<TemporaryMask> {
        todo!()
    }
    /// Puts the caller's mask back: at once, or, if the call was interrupted, after the signal's handler (so that the signal
    /// which interrupted it is delivered under the temporary mask).
    pub fn end(self, _task: &Task, _interrupted: bool) {
        todo!()
    }
}
