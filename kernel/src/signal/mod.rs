//! Signals.
pub mod temporary;

/// A task's own signal state.
pub struct TaskSignals {}

/// Broken pipe.
pub const SIGPIPE: u32 = 13;
/// File size limit exceeded.
pub const SIGXFSZ: u32 = 25;

/// Sends a signal that the kernel itself raises to the calling thread (SI_KERNEL).
pub fn send_to_current(_signal: u32) {
    todo!()
}
