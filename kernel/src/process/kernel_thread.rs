//! Kernel threads: children of kthreadd (pid 2).
use super::Task;
use crate::error::Result;
use alloc::sync::Arc;

/// Starts a kernel thread of that name (as /proc/PID/comm shows it) which runs `body` and ends.
pub fn spawn(_name: &'static str, _body: impl FnOnce() + Send + 'static) -> Result<Arc<Task>> {
    todo!()
}
