//! Processes: tasks and thread groups, their birth and end, scheduling, identity.
pub mod credentials;
pub mod exception;
pub mod exec;
pub mod exit_work;
pub mod kernel_thread;
pub mod restart;
pub mod schedule;
pub mod task;
pub mod thread_group;

pub use credentials::{Capability, Credentials};
pub use task::Task;
pub use thread_group::ThreadGroup;

/// Writes every task with state and kernel stack (panic and NMI reports).
pub fn report(_out: &mut dyn core::fmt::Write) {
    todo!()
}

/// User and system time in nanoseconds of the thread `id` in the caller's own thread group (0: the caller); `None` if there is
/// no such thread.
pub fn thread_cpu_time(_task: &Task, _id: u32) -> Option<(u64, u64)> {
    todo!()
}

/// User and system time in nanoseconds of the process `id` (0: the caller's), ended threads included; `None` if there is none.
pub fn group_cpu_time(_task: &Task, _id: u32) -> Option<(u64, u64)> {
    todo!()
}
