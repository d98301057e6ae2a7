//! Stops at the beginning and at the end of system calls.
use super::state::{mode, option};
use super::stop::notify;
use super::tracee::refresh;
use crate::process::Task;
use crate::process::task::LastFault;
use crate::signal::{self, SIGKILL, SIGTRAP, SignalInfo, TRAP_BRKPT};
use crate::syscall::watched::Verdict;
use machine::entry::UserFrame;
use machine::thread::work;

/// PTRACE_EVENTMSG_SYSCALL_ENTRY.
pub(super) const ENTRY: u64 = 1;
/// PTRACE_EVENTMSG_SYSCALL_EXIT.
pub(super) const EXIT: u64 = 2;
/// Marks stops of system calls (PTRACE_O_TRACESYSGOOD).
pub(super) const CALL_MARK: u32 = 0x80;

/// Stops for the tracer; whether the task is about to die.
fn report(task: &Task, frame: &mut UserFrame, message: u64) -> bool {
    if !task.trace.is_attached() {
        return false;
    }
    let mark = if task.trace.has_option(option::TRACESYSGOOD) { CALL_MARK } else { 0 };
    refresh(frame);
    let signal = notify(task, SIGTRAP | mark, message);
    refresh(frame);
    if signal != 0 {
        let _ = signal::send_to_thread(&Task::current_arc(), SignalInfo::kernel(signal));
    }
    task.signals.has_private(SIGKILL)
}

/// A call of a task with `work::TRACE_CALLS` or `EMULATE_CALLS` begins.
pub fn call_begins(task: &Task, frame: &mut UserFrame) -> Verdict {
    let mode = task.trace.mode();
    let dies = mode & (mode::CALLS | mode::EMULATE) != 0 && report(task, frame, ENTRY);
    task.thread().set_work(work::CALL_END);
    if dies || mode & mode::EMULATE != 0 { Verdict::Skip } else { Verdict::Serve }
}

/// A call has ended in which the task was watched; its result is in the frame.
pub fn call_ends(task: &Task, frame: &mut UserFrame) {
    let mode = task.trace.mode();
    if mode & (mode::STEP | mode::EMULATE) == mode::STEP {
        task.note_fault(LastFault { vector: 1, error_code: 0, address: task.last_fault().address });
        signal::force(task, SignalInfo::fault(SIGTRAP, TRAP_BRKPT, frame.instruction_pointer()));
    } else if mode & mode::CALLS != 0 {
        report(task, frame, EXIT);
    }
}
