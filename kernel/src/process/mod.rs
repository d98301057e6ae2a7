//! Processes: tasks and thread groups, their birth and end, scheduling, identity.
pub mod credentials;
pub mod exception;
pub mod exit_work;
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
