//! The line discipline of terminals (termios(3)) as a state machine: bytes in, bytes and events out. It neither sleeps nor
//! locks; the kernel's terminals wrap it, and it is tested on the host.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;

mod discipline;
mod echo;
mod edit;
mod queue;
mod read;

pub use discipline::{Event, LineDiscipline};
pub use read::Reading;

#[cfg(test)]
mod tests;
