//! Pipes, futexes, System V and POSIX IPC.
pub mod futex;
pub mod pipe;
pub mod splice;
pub mod system_v;
