//! Signals.
pub mod temporary;

/// A task's own signal state.
pub struct TaskSignals {}
