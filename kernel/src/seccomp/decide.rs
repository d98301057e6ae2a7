//! What becomes of a judged call.
use super::filter::{Filter, action};
use super::notification::CallData;
use super::{Mode, log};
use crate::error::Error;
use crate::process::{Task, exit};
use crate::ptrace::{self, Event};
use crate::signal::{self, SIGKILL, SIGSYS, SignalInfo};
use crate::syscall::watched::{Verdict, abi_of};
use abi::{Abi, Errno};
use machine::entry::UserFrame;

/// A call of a task with `work::FILTER_CALLS` begins.
pub fn call_begins(task: &Task, frame: &mut UserFrame) -> Verdict {
    if task.trace.suspends_filters() {
        return Verdict::Serve;
    }
    match task.seccomp.mode() {
        Mode::Disabled => Verdict::Serve,
        Mode::Strict => strict(task, frame),
        Mode::Filter => filtered(task, frame, false),
    }
}

/// read, write, exit and sigreturn; anything else ends the thread by SIGKILL.
fn strict(task: &Task, frame: &mut UserFrame) -> Verdict {
    const CALLS: [i32; 4] = [0, 1, 60, 15];
    const CALLS_32: [i32; 4] = [3, 4, 1, 119];
    let number = frame.original_rax as i32;
    let calls = if abi_of(frame) == Abi::X86_64 { CALLS } else { CALLS_32 };
    if calls.contains(&number) {
        return Verdict::Serve;
    }
    log::line(task, &CallData::of(frame, abi_of(frame)), SIGKILL, action::KILL_THREAD);
    exit::request_exit(task, SIGKILL as i32);
    Verdict::Skip
}

/// The call fails, or gives a value.
fn answer(frame: &mut UserFrame, value: i64) -> Verdict {
    frame.rax = value as u64;
    Verdict::Skip
}

/// Asks the filters; `again` after a tracer has changed the call.
fn filtered(task: &Task, frame: &mut UserFrame, again: bool) -> Verdict {
    let Some(filters) = task.seccomp.filter() else { return Verdict::Serve };
    let data = CallData::of(frame, abi_of(frame));
    let (value, filter) = filters.judge(&data);
    let more = value & action::DATA;
    let logs = |signal| {
        if filter.is_some_and(|filter| filter.logs) {
            log::line(task, &data, signal, value);
        }
    };
    let verdict = match value & action::MASK {
        action::ALLOW => return Verdict::Serve,
        action::LOG => {
            log::line(task, &data, 0, value);
            return Verdict::Serve;
        }
        action::ERRNO => answer(frame, -i64::from(more.min(4095))),
        action::TRAP => {
            roll_back(frame);
            signal::force(task, information(&data, more));
            Verdict::Skip
        }
        action::TRACE if again => return Verdict::Serve,
        action::TRACE => match traced(task, frame, more) {
            Verdict::Serve => return Verdict::Serve,
            Verdict::Skip => Verdict::Skip,
        },
        action::USER_NOTIFICATION => match notified(frame, &data, filter) {
            Verdict::Serve => return Verdict::Serve,
            Verdict::Skip => Verdict::Skip,
        },
        other => {
            log::line(task, &data, SIGSYS, value);
            if other == action::KILL_THREAD && task.group().thread_count() > 1 {
                exit::request_exit(task, SIGSYS as i32);
            } else {
                roll_back(frame);
                signal::force_fatal_with(task, information(&data, more));
            }
            return Verdict::Skip;
        }
    };
    logs(0);
    verdict
}

/// The registers are as they were before the call.
fn roll_back(frame: &mut UserFrame) {
    frame.rax = frame.original_rax;
}

/// SIGSYS's information.
fn information(data: &CallData, reason: u32) -> SignalInfo {
    const SYS_SECCOMP: i32 = 1;
    data.signal(SYS_SECCOMP, reason as i32)
}

/// The tracer decides; without one that wants to, the call is not there.
fn traced(task: &Task, frame: &mut UserFrame, message: u32) -> Verdict {
    if !Event::Seccomp.is_wanted(task) {
        return answer(frame, -i64::from(Errno::ENOSYS.number()));
    }
    ptrace::refresh(frame);
    ptrace::event(task, Event::Seccomp, message.into());
    ptrace::refresh(frame);
    // A task that is about to die may not have been seen by its tracer.
    if task.signals.has_private(SIGKILL) || (frame.original_rax as i32) < 0 {
        return Verdict::Skip;
    }
    filtered(task, frame, true)
}

/// A listener decides.
fn notified(frame: &mut UserFrame, data: &CallData, filter: Option<&Filter>) -> Verdict {
    let listener = filter.and_then(|filter| Some((filter.listener.as_ref()?, filter.waits_killable)));
    let answered = match listener {
        Some((listener, killable)) => listener.ask(*data, killable),
        None => Err(Error::from(Errno::ENOSYS)),
    };
    match answered {
        Ok(given) if given.goes_on => Verdict::Serve,
        Ok(given) if given.error != 0 => answer(frame, given.error.into()),
        Ok(given) => answer(frame, given.value),
        Err(error) => answer(frame, error.into_register()),
    }
}
