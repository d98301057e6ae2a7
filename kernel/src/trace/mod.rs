//! Seeing what programs ask of the kernel.

/// Notes why the current call is about to fail. The trace prints it beside the errno.
#[cold]
pub fn note_reason(_reason: &'static str) {}
