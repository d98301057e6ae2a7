//! The kernel: system calls, processes, memory, files, devices, all in safe Rust on top of the machine crate.
//!
//! Dependencies point one way: `syscall` (the table) names handlers in the subsystems; subsystems use one another's objects
//! through their public methods: `process` and `signal` know `memory` and `file` by the objects a task holds; `file` knows
//! `memory` for the page cache; `device` implements `file`'s traits; everything waits on `wait` and locks by `sync`.
// Whether a task can be sent to another thread is asked through all that it refers to.
#![recursion_limit = "256"]
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod chunked;
pub mod device;
pub mod error;
pub mod example;
pub mod extended_bpf;
pub mod file;
pub mod ipc;
pub mod log;
pub mod memory;
pub mod module;
pub mod net;
pub mod output;
pub mod perf;
pub mod power;
pub mod process;
pub mod ptrace;
pub mod random;
pub mod seccomp;
pub mod signal;
pub mod sort;
pub mod start;
pub mod sync;
pub mod syscall;
pub mod time;
pub mod trace;
pub mod wait;

pub use start::Lstar;
