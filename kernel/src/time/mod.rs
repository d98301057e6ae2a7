//! Clocks and timers.
//!
//! `timer` is the mechanism (one-shot timers per CPU), `clock` says what time it is on each clock, `value` holds the
//! structures user space passes, `counted` and `cpu_timer` the timers of processor time, `clock_set` who is told as the wall clock is set, `discipline` how
//! the clock is kept in step with others; the calls sit in `calls`, `sleep`, `adjust`, `interval` and `posix_timer`.
pub mod adjust;
pub mod calls;
pub mod clock;
pub mod clock_set;
pub mod counted;
pub mod cpu_clock;
pub mod cpu_timer;
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
