//! Clocks and timers.
pub mod timer;
