//! Processes: tasks and thread groups, their birth and end, scheduling, identity.
pub mod accounting;
pub mod capability;
pub mod choice;
pub mod clone;
pub mod compare;
pub mod control_group;
pub mod core_dump;
pub mod credentials;
pub mod exception;
pub mod exec;
pub mod exit;
pub mod exit_work;
pub mod identity;
pub mod identity16;
pub mod ids;
pub mod io_priority;
pub mod kernel_thread;
pub mod limits;
pub mod login;
pub mod membarrier;
mod memory_places;
pub mod namespace;
pub mod namespace_calls;
pub mod pid;
pub mod pidfd;
pub mod ports;
pub mod prctl;
pub mod priority;
pub mod processor_limit;
pub mod report;
pub mod restart;
pub mod rseq;
pub mod schedule;
pub mod segments;
pub mod session;
pub mod single;
pub mod sysinfo;
pub mod task;
pub mod thread_group;
pub mod tree;
pub mod usage;
pub mod wait_child;

pub use credentials::{Capability, Credentials};
pub use report::report;
pub use task::Task;
pub use thread_group::ThreadGroup;

use alloc::sync::Arc;

/// Init, once it exists.
pub fn init_process() -> Option<Arc<ThreadGroup>> {
    crate::start::shared().namespaces.pid_for_children.find_group(1)
}

/// User and system time in nanoseconds of the thread `id` in the caller's own thread group (0: the caller); `None` if there is
/// no such thread.
pub fn thread_cpu_time(task: &Task, id: u32) -> Option<(u64, u64)> {
    if id == 0 || id == task.id_in_own_namespace() {
        return Some(task.processor_time());
    }
    let thread = task.pid_namespace().find_task(id)?;
    Arc::ptr_eq(thread.group(), task.group()).then(|| thread.processor_time())
}

/// User and system time in nanoseconds of the process `id` (0: the caller's), ended threads included; `None` if there is none.
pub fn group_cpu_time(task: &Task, id: u32) -> Option<(u64, u64)> {
    let usage = match id {
        0 => task.group().own_usage(),
        id => task.pid_namespace().find_group(id)?.own_usage(),
    };
    Some((usage.user_time, usage.system_time))
}
