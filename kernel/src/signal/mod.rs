//! Signals.
/// A task's own signal state.
pub struct TaskSignals {}
