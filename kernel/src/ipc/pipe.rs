//! Pipes and FIFOs.
/// A pipe's buffers and ends.
pub struct Pipe {}
