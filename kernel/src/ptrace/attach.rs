//! The beginning and the end of tracing.
use super::resume;
use super::state::{bit, mode, option, trap};
use super::{end, stop};
use crate::error::*;
use crate::process::credentials::may_inspect;
use crate::process::schedule::state;
use crate::process::tree::TREE;
use crate::process::{Capability, Task, ThreadGroup};
use crate::seccomp::Mode;
use crate::signal::{self, SIGSTOP, SignalInfo};
use crate::wait::Sleep;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::thread::work;

/// PTRACE_SETOPTIONS's checks: EINVAL for unknown options, EPERM for suspending filters without CAP_SYS_ADMIN or under filters.
pub(super) fn check_options(task: &Task, options: u64) -> Result<u32> {
    if options & !u64::from(option::ALL) != 0 {
        return Err(EINVAL);
    }
    let options = options as u32;
    if options & option::SUSPEND_SECCOMP != 0
        && (!task.capable(Capability::SysAdmin)
            || task.seccomp.mode() != Mode::Disabled
            || task.trace.suspends_filters())
    {
        return Err(EPERM);
    }
    Ok(options)
}

/// Makes `tracee` a tracee of `tracer`. The tree lock is held and nobody traces it yet.
fn link(tracee: &Arc<Task>, tracer: Arc<Task>, bits: u32) {
    // On no other tracer's list.
    let _ = tracer.group().family().lock().tracees.push_back(tracee.clone());
    let none = tracee.trace.set_tracer(Some(tracer));
    debug_assert!(none.is_none());
    tracee.trace.set_bits(bits | bit::ATTACHED);
}

/// References to be dropped once the tree lock is not held any more.
#[must_use]
pub struct Unlinked(#[allow(dead_code)] Option<Arc<Task>>, #[allow(dead_code)] Option<Arc<Task>>);

/// Ends the tracing of `tracee`, if it is traced: it goes on, or stays stopped as job control says. The tree lock is held.
pub fn unlink(tracee: &Arc<Task>) -> Unlinked {
    let tracer = tracee.trace.set_tracer(None);
    let Some(tracer) = tracer else { return Unlinked(None, None) };
    let listed = tracer.group().family().lock().tracees.remove(tracee);
    let group = tracee.group().signals.lock();
    tracee.trace.set_bits(0);
    tracee.trace.clear_traps(trap::ANY | trap::LISTENING | trap::TRAPPING);
    // A step that nobody waits for any more still ends in SIGTRAP.
    tracee.trace.set_mode(tracee.trace.mode() & (mode::STEP | mode::FORCED_FLAG));
    tracee.thread().clear_work(work::TRACE_CALLS | work::EMULATE_CALLS);
    let stops = signal::stop::rejoin(tracee, &group);
    let stopped = tracee.trace.is_stopped();
    if stops || stopped {
        stop::wake(tracee, true);
    }
    drop(group);
    Unlinked(Some(tracer), listed)
}

/// PTRACE_TRACEME: the parent traces the caller. EPERM if somebody does already, or the parent could not.
pub(super) fn trace_me(task: &Task) -> Result<()> {
    let this = Task::current_arc();
    loop {
        let (parent, thread) = task.group().parent_and_thread();
        let parent = parent.ok_or(EPERM)?;
        let tracer = crate::start::shared()
            .namespaces
            .pid_for_children
            .find_task(thread)
            .or_else(|| parent.leader())
            .ok_or(EPERM)?;
        if task.trace.is_attached() {
            return Err(EPERM);
        }
        let own = task.with_credentials(|own| own.permitted);
        let allowed =
            tracer.with_credentials(|other| own & !other.permitted == 0 || other.capable(Capability::SysPtrace));
        if !allowed {
            return Err(EPERM);
        }
        let tree = TREE.lock();
        if task.trace.is_attached() {
            return Err(EPERM);
        }
        if !task.group().parent().is_some_and(|now| Arc::ptr_eq(&now, &parent)) {
            drop(tree);
            continue;
        }
        // A parent that is ending would let go of the caller at once.
        if !tracer.has_flag(crate::process::task::flag::EXITING) {
            link(&this, tracer.clone(), 0);
        }
        drop(tree);
        return Ok(());
    }
}

/// PTRACE_ATTACH and PTRACE_SEIZE.
pub(super) fn attach(task: &Task, target: &Arc<Task>, seize: bool, address: u64, options: u64) -> Result<()> {
    let mut bits = 0;
    if seize {
        // The error of unknown options differs from PTRACE_SETOPTIONS's.
        if address != 0 || options & !u64::from(option::ALL) != 0 {
            return Err(EIO);
        }
        bits = bit::SEIZED | check_options(task, options)?;
    }
    if target.is_kernel_thread() || Arc::ptr_eq(target.group(), task.group()) {
        return Err(EPERM);
    }
    attach_checked(task, target, bits)?;
    if !seize {
        // The tracee's first stop.
        let _ = signal::send_to_thread(target, SignalInfo::kernel(SIGSTOP));
    }
    trap_if_stopped(task, target);
    Ok(())
}

/// Links under the check of access, while no execve(2) decides what the target may gain.
fn attach_checked(task: &Task, target: &Arc<Task>, bits: u32) -> Result<()> {
    let this = Task::current_arc();
    loop {
        target.group().wait_for_exec().map_err(|_| ERESTARTNOINTR)?;
        if !may_inspect(task, target, true) {
            return Err(EPERM);
        }
        let tree = TREE.lock();
        if target.group().is_executing() {
            drop(tree);
            continue;
        }
        if target.has_ended() || target.trace.is_attached() {
            return Err(EPERM);
        }
        link(target, this, bits);
        drop(tree);
        return Ok(());
    }
}

/// A thread that job control has stopped moves to a stop for its new tracer at once: the caller's next wait(2) finds it.
fn trap_if_stopped(task: &Task, target: &Arc<Task>) {
    let group = target.group().signals.lock();
    let stopped = target.schedule.state() & state::STOPPED != 0 && !group.is_outlived(target);
    if stopped {
        target.trace.set_traps(trap::STOP | trap::TRAPPING);
        target.thread().set_work(work::SIGNAL);
        target.wake_from(state::STOPPED);
    }
    drop(group);
    if stopped {
        let dies = || target.has_ended() || target.signals.has_private(signal::SIGKILL);
        let done = || (!target.trace.has_traps(trap::TRAPPING) || dies()).then_some(());
        let _ = task.group().child_events.wait_until(Sleep::Killable, None, done);
    }
}

/// PTRACE_DETACH: the tracee goes on with the signal `data`.
pub(super) fn detach(target: &Arc<Task>, data: u64) -> Result<()> {
    let signal = super::resume::signal_of(data)?;
    resume::prepare(target, 0)?;
    let tree = TREE.lock();
    target.trace.stop.lock().code = signal;
    let unlinked = unlink(target);
    drop(tree);
    drop(unlinked);
    end::settle(target);
    Ok(())
}

/// A new task made by a tracee, with an event or CLONE_PTRACE, is traced by the same thread, with the same options. The tree
/// lock is held, the child has not run.
pub fn inherit(task: &Task, child: &Arc<Task>) {
    let Some(tracer) = task.trace.tracer() else { return };
    link(child, tracer, task.trace.bits());
    // As Linux: read back, though the child watches nothing.
    let control = task.trace.debug_control.load(Ordering::Relaxed);
    child.trace.debug_control.store(control, Ordering::Relaxed);
    let group = child.group().signals.lock();
    if child.trace.is_seized() {
        child.trace.set_traps(trap::STOP);
    } else {
        child.signals.add_private(SIGSTOP);
    }
    child.recalculate_pending();
    drop(group);
}

/// Whether the tracer is of this process.
pub fn attached_by(tracee: &Task, process: &ThreadGroup) -> bool {
    tracee.trace.tracer().is_some_and(|tracer| core::ptr::eq(&**tracer.group(), process))
}

/// Whether somebody without CAP_SYS_PTRACE traces the task: a program must not give it privileges then.
pub fn is_traced_by_unprivileged(task: &Task) -> bool {
    task.trace.tracer().is_some_and(|tracer| !tracer.capable(Capability::SysPtrace))
}
