//! Ends: of tracees, which their tracers see first, and of tracers.
use super::attach::unlink;
use super::state::option;
use crate::process::exit::{self, decode_status, status_of};
use crate::process::tree::TREE;
use crate::process::{Task, usage};
use crate::signal::{self, SIG_IGN, SIGCHLD, SIGKILL, SignalInfo};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// Tells the tracer of the end of a thread that is not a leader.
pub fn tell_end(task: &Task) {
    let Some(tracer) = task.trace.tracer() else { return };
    let process = tracer.group();
    if process.with_actions(|actions| actions.get(SIGCHLD)).handler != SIG_IGN {
        let (code, status) = decode_status(status_of(task));
        let user = task.with_credentials(|credentials| credentials.user);
        let sum = task.usage();
        let times = (usage::ticks(sum.user_time), usage::ticks(sum.system_time));
        let _ = signal::send_to_group(
            process,
            SignalInfo::child(SIGCHLD, code, task.id_in(process.pid().namespace()), user, status, times),
        );
    }
    process.child_events.wake_all();
}

/// What wait(2) tells a tracer of its tracee's end: the status of a thread that has ended, or of a process of which nothing is
/// left and whose parent is another process. Unless `keep`, the tracing ends: the thread is gone, the parent learns of the
/// process. For one caller only.
pub fn collect(tracee: &Arc<Task>, keep: bool) -> Option<i32> {
    let ended = tracee.trace.ended.load(Ordering::Acquire);
    if !(ended || tracee.is_leader() && tracee.group().is_zombie()) {
        return None;
    }
    let status = match ended {
        true => status_of(tracee),
        false => tracee.group().exit_status(),
    };
    if keep {
        return Some(status);
    }
    let tree = TREE.lock();
    if !tracee.trace.is_attached() {
        return None;
    }
    let unlinked = unlink(tracee);
    drop(tree);
    drop(unlinked);
    settle(tracee);
    Some(status)
}

/// A former tracee that has ended already: its end is told to whoever is to know it now.
pub(super) fn settle(tracee: &Arc<Task>) {
    if tracee.trace.ended.swap(false, Ordering::AcqRel) {
        release_ended(tracee);
    } else if tracee.is_leader() && tracee.group().is_zombie() {
        exit::tell_end(tracee.group());
    }
}

/// A thread that is not a leader and has ended is gone for good.
pub fn release_ended(task: &Arc<Task>) {
    exit::forget_thread(task);
    exit::thread_done(task.group());
}

/// As the current thread ends: its tracees go on without it, or die if it asked for that.
pub fn end_tracer(task: &Task) {
    loop {
        let tree = TREE.lock();
        let family = task.group().family().lock();
        let mine = |tracee: &&Arc<Task>| super::tracee::is_own(task, tracee);
        let tracee = family.tracees.iter_arcs().find(mine).cloned();
        drop(family);
        let Some(tracee) = tracee else { return };
        let kills = tracee.trace.has_option(option::EXITKILL);
        let unlinked = unlink(&tracee);
        drop(tree);
        drop(unlinked);
        if kills {
            let _ = signal::send_to_thread(&tracee, SignalInfo::kernel(SIGKILL));
        }
        settle(&tracee);
    }
}

/// execve(2) by another thread: the former leader vanishes without anybody having seen its end. The tree lock is held.
pub fn forget_former_leader(former: &Arc<Task>) -> super::attach::Unlinked {
    if let Some(tracer) = former.trace.tracer() {
        tracer.group().child_events.wake_all();
    }
    unlink(former)
}
