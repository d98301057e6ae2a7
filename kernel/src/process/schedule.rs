//! The scheduler.
use super::Task;
use alloc::sync::Arc;
/// Reschedules because the running task's time is up or a better one woke.
pub fn preempt() {
    todo!()
}
/// The previous task's context is saved.
pub fn switched_from(_previous: Arc<Task>) {
    todo!()
}
