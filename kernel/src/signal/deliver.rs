//! Delivery: what a thread does about its signals on the way to user mode.
use super::frame;
use super::group::Dropped;
use super::*;
use crate::error::Restart;
use crate::process::{Task, task::flag};
use crate::process::{control_group, core_dump, exit};
use core::sync::atomic::Ordering;
use machine::entry::UserFrame;
use machine::thread::work;

/// What is to be done.
enum Next {
    /// Nothing is pending.
    Nothing,
    /// Run the handler.
    Handle(Action),
    /// End the whole process with this wait status.
    End(i32),
    /// End the whole process for a signal that nothing else is done about.
    Fatal,
    /// End this thread: another one executes a program and goes on alone.
    EndThread,
}

/// Delivers one signal, or settles the interrupted call if none is to be handled. Called again until the work flag is clear.
pub fn run(task: &Task, frame: &mut UserFrame) {
    let mut info = SignalInfo::default();
    let next = next(task, &mut info);
    // A tracer may have changed them.
    crate::ptrace::refresh(frame);
    match next {
        Next::End(status) => {
            task.set_flag(flag::SIGNALED);
            exit::request_group_exit(task, status);
        }
        // As if it had ended by itself: no signal was sent to the process.
        Next::Fatal => {
            task.set_flag(flag::SIGNALED);
            let status = core_dump::before_end(task, frame, &info);
            exit::request_group_exit(task, status);
        }
        // As if it had ended by itself: no signal was sent to the process.
        Next::EndThread => {
            task.set_flag(flag::SIGNALED);
            exit::request_exit(task, 0);
        }
        Next::Handle(action) => handle(task, frame, &info, &action),
        Next::Nothing => {
            settle_call(task, frame, None);
            if let Some(mask) = task.signals.take_saved() {
                task.set_blocked(mask);
            }
        }
    }
}

/// Whether the frame holds an interrupted call's restart code; the way out must pass through [`run`] then.
fn interrupted_call(frame: &UserFrame) -> Option<Restart> {
    if (frame.original_rax as i64) < 0 {
        return None;
    }
    Restart::from_register(frame.rax as i64)
}

/// `syscall` and `int 0x80` are both two bytes long.
const CALL_LENGTH: u64 = 2;
/// Number of restart_syscall.
const RESTART_SYSCALL: u64 = 219;

/// Decides what becomes of an interrupted call: it fails with EINTR if the handler that runs does not restart it, else it is
/// made again.
fn settle_call(task: &Task, frame: &mut UserFrame, handler: Option<&Action>) {
    let Some(restart) = interrupted_call(frame) else { return };
    let again = match (restart, handler) {
        (_, None) | (Restart::Always, _) => true,
        (Restart::System, Some(action)) => action.flags & SA_RESTART != 0,
        (Restart::NoHandler | Restart::Block, Some(_)) => false,
    };
    if !again {
        frame.rax = (-(abi::Errno::EINTR.number() as i64)) as u64;
        return;
    }
    let block = restart == Restart::Block && handler.is_none();
    frame.rax = match (block, task.abi()) {
        (false, _) => frame.original_rax,
        (true, abi::Abi::X86_64) => RESTART_SYSCALL,
        (true, abi::Abi::X32) => RESTART_SYSCALL | crate::syscall::dispatch::X32_BIT,
        (true, abi::Abi::I386) => 0,
    };
    frame.set_instruction_pointer(frame.instruction_pointer().wrapping_sub(CALL_LENGTH));
}

/// Sets up the handler's frame; a stack that cannot take it ends the process by SIGSEGV.
fn handle(task: &Task, frame: &mut UserFrame, info: &SignalInfo, action: &Action) {
    settle_call(task, frame, Some(action));
    crate::ptrace::enter_handler(task, frame);
    let mask = task.signals.mask_for_frame();
    if !crate::process::rseq::before_signal(task, frame) || frame::push(task, frame, info, action, mask).is_err() {
        if info.signal == SIGSEGV {
            force_fatal(task, SIGSEGV);
        } else {
            force(task, SignalInfo::kernel(SIGSEGV));
        }
        return;
    }
    let mut blocked = task.signals.blocked() | action.mask;
    if action.flags & SA_NODEFER == 0 {
        blocked |= set_of(info.signal);
    }
    if !task.set_blocked(blocked) {
        // Another signal may wait.
        let group = task.group().signals.lock();
        task.recalculate_pending();
        drop(group);
    }
    crate::ptrace::handler_entered(task);
    crate::ptrace::refresh(frame);
}

/// Takes signals until one needs a handler or ends the process, and leaves what came with it in `info`.
fn next(task: &Task, info: &mut SignalInfo) -> Next {
    let process = task.group();
    loop {
        if stop::tell_pending(process) {
            continue;
        }
        let mut state = process.signals.lock();
        if process.signals.is_exiting() || task.signals.has_private(SIGKILL) {
            let outlived = !process.signals.is_exiting() && state.is_outlived(task);
            drop(state);
            if outlived {
                return Next::EndThread;
            }
            return Next::End(process.exit_begun().unwrap_or(SIGKILL as i32));
        }
        if task.signals.stop_pending.load(Ordering::Relaxed) {
            if !task.trace.is_attached() {
                drop(state);
                stop::take_part(task);
                continue;
            }
            task.trace.trap_for_group_stop();
        }
        if task.trace.is_attached() && task.trace.has_trap() {
            drop(state);
            crate::ptrace::trap(task);
            continue;
        }
        if task.signals.is_to_freeze() {
            drop(state);
            control_group::stay_frozen(task);
            continue;
        }
        let blocked = task.signals.blocked();
        let mut queue = task.signals.queue.lock();
        let mut taken = queue.take(blocked, info);
        task.signals.pending.store(queue.bits(), Ordering::Relaxed);
        drop(queue);
        if taken.is_none() {
            taken = state.queue.take(blocked, info);
            process.signals.note_pending(&state);
        }
        let Some(taken) = taken else {
            task.recalculate_pending();
            drop(state);
            return Next::Nothing;
        };
        if STOP_SIGNALS & set_of(info.signal) != 0 {
            task.signals.note_dequeued();
        }
        let taken = state.kept.put(taken);
        drop(state);
        drop(taken);
        crate::time::posix_timer::note_taken(process, info);
        crate::trace::signal(task, info);
        let action_of = |signal: u32| process.with_actions(|actions| actions.get(signal));
        let traced = task.trace.is_attached() && info.signal != SIGKILL;
        if traced && action_of(info.signal).flags & SA_IMMUTABLE == 0 {
            match crate::ptrace::signal_stop(task, *info) {
                Some(chosen) => *info = chosen,
                None => continue,
            }
        }
        let action = action_of(info.signal);
        if action.handler > SIG_IGN && action.flags & SA_RESETHAND != 0 {
            process.with_actions(|actions| actions.set(info.signal, Action { handler: SIG_DFL, ..action }));
        }
        match action.handler {
            SIG_IGN => continue,
            SIG_DFL => {}
            _ => return Next::Handle(action),
        }
        let bit = set_of(info.signal);
        if IGNORED_BY_DEFAULT & bit != 0 {
            continue;
        }
        if process.signals.is_protected() && bit & UNBLOCKABLE == 0 {
            continue;
        }
        if STOP_SIGNALS & bit != 0 {
            if info.signal != SIGSTOP && process.process_group().is_orphaned() {
                continue;
            }
            stop::stop_group(task, info.signal);
            continue;
        }
        return Next::Fatal;
    }
}

/// Forgets a signal's pending instances, as its action has become to ignore it.
#[inline(always)]
pub(super) fn discard(task: &Task, signal: u32) {
    let process = task.group();
    let bit = set_of(signal);
    // What is sent meanwhile may as well be sent afterwards: then it stays pending only where it is blocked.
    if task.pending_signals() & bit != 0 || process.thread_count() > 1 {
        discard_pending(task, signal);
    }
}
#[cold]
fn discard_pending(task: &Task, signal: u32) {
    let process = task.group();
    let mut dropped = Dropped::new();
    let mut state = process.signals.lock();
    state.queue.forget(set_of(signal), &mut dropped);
    process.signals.note_pending(&state);
    for thread in state.threads() {
        let mut queue = thread.signals.queue.lock();
        queue.forget(set_of(signal), &mut dropped);
        thread.signals.pending.store(queue.bits(), Ordering::Relaxed);
    }
    drop(state);
    drop(dropped);
}

/// Makes sure that the way to user mode settles an interrupted call even where no signal is pending any more.
pub fn note_restart(task: &Task, frame: &UserFrame) {
    if interrupted_call(frame).is_some() {
        task.thread().set_work(work::SIGNAL);
    }
}
