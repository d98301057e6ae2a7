//! Clocks and timers.
//!
//! `timer` is the mechanism (one-shot timers per CPU), `clock` says what time it is on each clock, `value` holds the
//! structures user space passes, `counted` the timers of processor time, `discipline` how
//! the clock is kept in step with others; the calls sit in `calls`, `sleep`, `adjust`, `interval` and `posix_timer`.
pub mod adjust;
pub mod calls;
pub mod clock;
pub mod counted;
pub mod cpu_clock;
pub mod discipline;
pub mod interval;
pub mod posix_timer;
pub mod setting;
pub mod signalling;
pub mod sleep;
pub mod timer;
pub mod value;

pub use clock::Clock;
pub use value::{NANOSECONDS, TimeLayout, Timespec, Timespec32, Timeval, Timeval32};
