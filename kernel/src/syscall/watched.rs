//! System calls that somebody watches: tracers, filters, the kernel's own trace.
//!
//! The way in has an order that programs can see: calls that a program serves itself, then the tracer's stop, then the filters (which judge the number the tracer left),
//! then the kernel's own trace, which shows what is served. Each may change the number and the arguments in the frame, or give
//! the result itself. On the way out the kernel's trace sees the result first, then the tracer ([`work::CALL_END`], served by
//! `process/exit_work.rs`).
use super::dispatch::{X32_BIT, serve};
use super::user_dispatch;
use crate::process::Task;
use crate::{ptrace, seccomp, trace};
use abi::Abi;
use machine::entry::{EntryKind, UserFrame};
use machine::thread::work;

/// What becomes of a call that is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is served, with the number and arguments now in the frame.
    Serve,
    /// It is not: its result is in the frame's `rax`.
    Skip,
}

/// The number that says that a call is not to be made.
const NO_CALL: u32 = u32::MAX;

/// The ABI of the call in the frame.
pub fn abi_of(frame: &UserFrame) -> Abi {
    match frame.entry() {
        EntryKind::Syscall if frame.original_rax & X32_BIT != 0 && (frame.original_rax as i32) > 0 => Abi::X32,
        EntryKind::Syscall | EntryKind::Exception => Abi::X86_64,
        EntryKind::Int80 | EntryKind::Sysenter | EntryKind::Syscall32 => Abi::I386,
    }
}

/// As [`super::dispatch`], for threads that are watched.
#[cold]
pub(super) fn dispatch(task: &Task, frame: &mut UserFrame) {
    task.set_abi(abi_of(frame));
    if way_in(task, frame) == Verdict::Skip {
        return;
    }
    if task.thread().work() & work::KERNEL_TRACE == 0 {
        return serve_unless_cancelled(task, frame);
    }
    // sigreturn(2) forgets the number.
    let call = trace::Call::of(frame);
    if trace::begin(task, frame, &call) == Verdict::Serve {
        serve_unless_cancelled(task, frame);
    }
    trace::end(task, frame, &call);
}

/// Tracers and filters may have made the number -1: the result is what the frame says.
fn serve_unless_cancelled(task: &Task, frame: &mut UserFrame) {
    if frame.original_rax as u32 != NO_CALL {
        serve(task, frame);
    }
}

/// Who comes before the kernel's own trace.
fn way_in(task: &Task, frame: &mut UserFrame) -> Verdict {
    if task.thread().work() & work::DISPATCH_TO_USER != 0 && user_dispatch::call_begins(task, frame) == Verdict::Skip {
        return Verdict::Skip;
    }
    if task.thread().work() & (work::TRACE_CALLS | work::EMULATE_CALLS) != 0
        && ptrace::call_begins(task, frame) == Verdict::Skip
    {
        return Verdict::Skip;
    }
    match task.thread().work() & work::FILTER_CALLS {
        0 => Verdict::Serve,
        _ => seccomp::call_begins(task, frame),
    }
}
