//! Job control: stopping all threads of a process, and telling its parent.
use super::group::{GroupState, mark};
use super::*;
use crate::process::schedule::state;
use crate::process::tree::TREE;
use crate::process::{Task, ThreadGroup, control_group};
use core::sync::atomic::Ordering;
use machine::thread::work;

/// Begins a group stop by `signal` and stops the current thread; returns when it is to go on. False if SIGCONT or SIGKILL came
/// in between.
pub(super) fn stop_group(task: &Task, signal: u32) {
    let process = task.group();
    let mut group = process.signals.lock();
    if process.signals.is_exiting() || task.signals.has_private(SIGKILL) {
        return;
    }
    // SIGCONT has come since the signal was taken.
    if !task.signals.stop_dequeued.swap(false, Ordering::Relaxed) {
        return;
    }
    // A tracee may run while its process is stopped, and stop it again.
    if !task.signals.stop_pending.load(Ordering::Relaxed) {
        if !process.signals.is_stopped() {
            group.stop_signal = signal;
        }
        let mut count = 0;
        for thread in group.threads() {
            let ending = thread.has_flag(crate::process::task::flag::EXITING);
            let stopped = thread.schedule.state() & state::STOPPED != 0;
            if ending || stopped {
                continue;
            }
            count += 1;
            thread.signals.stop_counted.store(true, Ordering::Relaxed);
            if !core::ptr::eq(&**thread, task) {
                thread.signals.stop_pending.store(true, Ordering::Relaxed);
                if thread.trace.is_seized() {
                    crate::ptrace::trap_notify(thread);
                } else {
                    super::group::wake_thread(thread, false);
                }
            }
        }
        group.stop_left = count;
    }
    task.signals.stop_pending.store(true, Ordering::Relaxed);
    drop(group);
    // A tracee's part is a stop for its tracer.
    if !task.trace.is_attached() {
        take_part(task);
    }
}

/// The current thread counts as stopped; whether that completes a group stop, of which the parent is to be told.
pub(crate) fn participate(task: &Task, group: &mut GroupState) -> bool {
    if !task.signals.stop_pending.swap(false, Ordering::Relaxed) {
        return false;
    }
    let signals = &task.group().signals;
    let last = task.signals.stop_counted.swap(false, Ordering::Relaxed) && {
        group.stop_left = group.stop_left.saturating_sub(1);
        group.stop_left == 0
    };
    if last && signals.is_stopped() {
        // It was stopped before a tracee stopped it again.
        return false;
    }
    if last {
        signals.set_mark(mark::STOPPED | mark::STOP_UNREPORTED);
        signals.clear_mark(mark::CONTINUE_UNREPORTED);
    }
    last
}

/// A tracee that its tracer lets go takes part in the group stop that is in effect; whether there is one.
pub(crate) fn rejoin(task: &Task, group: &GroupState) -> bool {
    let ending = task.has_flag(crate::process::task::flag::EXITING);
    let stops = !ending && (task.group().signals.is_stopped() || group.stop_left > 0);
    if stops {
        task.signals.stop_pending.store(true, Ordering::Relaxed);
    }
    stops
}

/// Stops the current thread as part of a group stop.
pub(super) fn take_part(task: &Task) {
    let process = task.group();
    let mut group = process.signals.lock();
    if !task.signals.stop_pending.load(Ordering::Relaxed)
        || process.signals.is_exiting()
        || task.signals.has_private(SIGKILL)
    {
        task.signals.stop_pending.store(false, Ordering::Relaxed);
        task.recalculate_pending();
        return;
    }
    let last = participate(task, &mut group);
    // Set under the lock: a SIGCONT from now on finds and ends it.
    let seen = task.wakes();
    task.schedule.set_state(state::STOPPED);
    drop(group);
    if last {
        tell_parent(process, CLD_STOPPED);
    }
    control_group::enter_frozen(task);
    stay(task, seen);
    control_group::leave_frozen(task);
    let group = process.signals.lock();
    task.recalculate_pending();
    drop(group);
}

/// Sleeps in the stopped state until woken. Telling the parent may have slept or been preempted: the state is set again unless
/// a wake-up has come.
fn stay(task: &Task, mut seen: u32) {
    loop {
        task.sleep(state::STOPPED, seen);
        let group = task.group().signals.lock();
        let goes_on = task.group().signals.is_exiting()
            || task.signals.has_private(SIGKILL)
            || task.trace.has_trap()
            || !(task.group().signals.is_stopped() || group.stop_left > 0);
        seen = task.wakes();
        drop(group);
        if goes_on {
            return;
        }
    }
}

/// A thread that ends does not stop any more: if it was the last one a group stop waited for, the stop is complete.
pub(crate) fn leave(task: &Task) {
    let process = task.group();
    let mut group = process.signals.lock();
    task.signals.stop_pending.store(false, Ordering::Relaxed);
    let last = task.signals.stop_counted.swap(false, Ordering::Relaxed) && group.stop_left > 0 && {
        group.stop_left -= 1;
        group.stop_left == 0
    };
    if last {
        process.signals.set_mark(mark::STOPPED | mark::STOP_UNREPORTED);
    }
    drop(group);
    if last {
        tell_parent(process, CLD_STOPPED);
    }
}

/// A thread that joins a process which is being stopped stops too.
pub(crate) fn join(task: &Task) {
    let process = task.group();
    let group = process.signals.lock();
    if process.signals.is_stopped() || group.stop_left > 0 {
        task.signals.stop_pending.store(true, Ordering::Relaxed);
        task.thread().set_work(work::SIGNAL);
    }
    drop(group);
}

/// Tells the parent what SIGCONT has left to tell. True if there was something.
pub(super) fn tell_pending(process: &ThreadGroup) -> bool {
    match process.signals.clear_mark(mark::TELL_CONTINUED | mark::TELL_STOPPED) {
        0 => false,
        marks => {
            let code = if marks & mark::TELL_CONTINUED != 0 { CLD_CONTINUED } else { CLD_STOPPED };
            tell_parent(process, code);
            if let Some(leader) = process.leader().filter(|leader| crate::ptrace::is_reparented(leader)) {
                crate::ptrace::tell_tracer(&leader, code, 0);
            }
            true
        }
    }
}

/// SIGCHLD to the parent for a stop or continuation, unless it said SA_NOCLDSTOP; its wait4(2) callers look again.
pub(crate) fn tell_parent(process: &ThreadGroup, code: i32) {
    let tree = TREE.lock();
    let parent = process.parent();
    drop(tree);
    let Some(parent) = parent else { return };
    let action = parent.with_actions(|actions| actions.get(SIGCHLD));
    if action.handler != SIG_IGN && action.flags & SA_NOCLDSTOP == 0 {
        let status = match code {
            CLD_STOPPED => process.signals.lock().stop_signal as i32,
            _ => SIGCONT as i32,
        };
        let user = process.leader().map_or(0, |leader| leader.with_credentials(|credentials| credentials.user));
        let user = user_for(&parent, user);
        let usage = process.own_usage();
        let times = (crate::process::usage::ticks(usage.user_time), crate::process::usage::ticks(usage.system_time));
        // Without memory for the information the signal is pending all the same.
        let _ = send_to_group(
            &parent,
            SignalInfo::child(SIGCHLD, code, process.pid().number_in(parent.pid().namespace()), user, status, times),
        );
    }
    parent.child_events.wake_all();
}
