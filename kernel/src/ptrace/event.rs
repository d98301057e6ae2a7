//! Events: stops in which a tracer learns of forks, execve(2), exits and filters' wishes.
use super::stop::notify;
use crate::process::Task;
use crate::process::clone::flags;
use crate::signal::{self, SI_USER, SIGCHLD, SIGTRAP, SignalInfo};
use machine::thread::work;

/// What happened (PTRACE_EVENT_*); each has an option of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Event {
    Fork = 1,
    Vfork = 2,
    Clone = 3,
    Exec = 4,
    VforkDone = 5,
    Exit = 6,
    Seccomp = 7,
}

impl Event {
    /// Whether the current tracer wants to know.
    pub fn is_wanted(self, task: &Task) -> bool {
        task.trace.is_attached() && task.trace.has_option(1 << self as u32)
    }
}

/// Stops for the tracer if it wants to know of this. Within a system call: the tracer may ask for its end here.
pub fn event(task: &Task, event: Event, message: u64) {
    if event.is_wanted(task) {
        notify(task, SIGTRAP | (event as u32) << 8, message);
        task.thread().set_work(work::CALL_END);
    }
}

/// The event of a clone with these flags and exit signal, if the tracer wants to know of it.
pub fn of_clone(task: &Task, bits: u64, exit_signal: u32) -> Option<Event> {
    if bits & flags::UNTRACED != 0 {
        return None;
    }
    let event = match (bits & flags::VFORK != 0, exit_signal) {
        (true, _) => Event::Vfork,
        (false, SIGCHLD) => Event::Fork,
        _ => Event::Clone,
    };
    event.is_wanted(task).then_some(event)
}

/// execve(2) has succeeded; `former` is the thread's number before. Tracers that did not ask for the event get SIGTRAP.
pub fn exec_done(task: &Task, former: u32) {
    if Event::Exec.is_wanted(task) {
        event(task, Event::Exec, former.into());
    } else if task.trace.is_attached() && !task.trace.is_seized() {
        let _ = signal::send_to_thread(&Task::current_arc(), SignalInfo::sent(SIGTRAP, SI_USER, task));
    }
}

/// The task ends with this wait status.
pub fn exit_stop(task: &Task, status: i32) {
    if Event::Exit.is_wanted(task) {
        // What kills the task does not end this stop.
        task.signals.forget_private_kill();
        notify(task, SIGTRAP | (Event::Exit as u32) << 8, status as u32 as u64);
    }
}
