//! Pipes, futexes, System V and POSIX IPC.
