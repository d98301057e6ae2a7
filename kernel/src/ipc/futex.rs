//! Futexes (futex(2)): waiting on a word of user memory.
use crate::error::Result;
use crate::process::Task;

/// Wakes up to `count` waiters on a shared futex at `address` in the task's address space (clear_child_tid, robust lists).
/// Returns how many were woken.
pub fn wake_address(_task: &Task, _address: u64, _count: usize) -> Result<usize> {
    todo!()
}
