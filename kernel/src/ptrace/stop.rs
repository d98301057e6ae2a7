//! Stops: how a tracee waits for its tracer, and what for.
use super::state::{mode, trap as traps};
use crate::process::schedule::state;
use crate::process::{Task, control_group, usage};
use crate::signal::{
    self, CLD_STOPPED, CLD_TRAPPED, SA_NOCLDSTOP, SI_USER, SIG_IGN, SIGCHLD, SIGKILL, SIGTRAP, SignalInfo,
};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::thread::work;

/// The event of a stop that is no system call's and no signal's.
pub(super) const EVENT_STOP: u32 = 128;

/// Stops the current task for its tracer until that resumes it, detaches or ends, or SIGKILL comes; with the code it goes on
/// with, and the information, which the tracer may have changed. Without a tracer, or about to die, it goes on at once.
///
/// Whoever calls this with the user registers in a reference passes them through [`super::refresh`] afterwards: the tracer may
/// have changed them.
pub(super) fn stop(
    task: &Task,
    code: u32,
    why: i32,
    message: u64,
    info: Option<SignalInfo>,
) -> (u32, Option<SignalInfo>) {
    let process = task.group();
    let tracee = &task.trace;
    let mut group = process.signals.lock();
    if !tracee.is_attached() || task.signals.has_private(SIGKILL) {
        return (code, info);
    }
    let completes = why == CLD_STOPPED && signal::stop::participate(task, &mut group);
    *tracee.stop.lock() = super::state::Stop { active: true, code, info };
    tracee.message.store(message, Ordering::Relaxed);
    tracee.clear_traps(traps::STOP | traps::TRAPPING);
    if info.is_some_and(|info| info.code as u32 >> 8 == EVENT_STOP) {
        tracee.clear_traps(traps::NOTIFY);
    }
    let mut seen = task.wakes();
    task.schedule.set_state(state::TRACED);
    drop(group);
    tell_tracer(task, why, code);
    if completes && is_reparented(task) {
        signal::stop::tell_parent(process, CLD_STOPPED);
    }
    control_group::enter_frozen(task);
    loop {
        task.sleep(state::TRACED, seen);
        let group = process.signals.lock();
        seen = task.wakes();
        let mut stop = tracee.stop.lock();
        if stop.active && !task.signals.has_private(SIGKILL) {
            continue;
        }
        let ended = core::mem::take(&mut *stop);
        drop(stop);
        tracee.message.store(0, Ordering::Relaxed);
        tracee.clear_traps(traps::LISTENING);
        // What came meanwhile did not wake the task.
        task.recalculate_pending();
        drop(group);
        control_group::leave_frozen(task);
        return (ended.code, ended.info);
    }
}

/// Whether the tracer is not of the parent's process.
pub(crate) fn is_reparented(task: &Task) -> bool {
    let Some(tracer) = task.trace.tracer() else { return false };
    task.group().parent().is_none_or(|parent| !Arc::ptr_eq(&parent, tracer.group()))
}

/// SIGCHLD to the tracer, unless it said SA_NOCLDSTOP; its wait4(2) callers look again.
pub(crate) fn tell_tracer(task: &Task, why: i32, code: u32) {
    let Some(tracer) = task.trace.tracer() else { return };
    let process = tracer.group();
    let action = process.with_actions(|actions| actions.get(SIGCHLD));
    if action.handler != SIG_IGN && action.flags & SA_NOCLDSTOP == 0 {
        let status = match why {
            CLD_TRAPPED => code & 0x7f,
            CLD_STOPPED => task.group().signals.lock().stop_signal() & 0x7f,
            _ => signal::SIGCONT,
        };
        let user = task.with_credentials(|credentials| credentials.user);
        let sum = task.usage();
        let times = (usage::ticks(sum.user_time), usage::ticks(sum.system_time));
        // Without memory for the information the signal is pending all the same.
        let _ = signal::send_to_group(
            process,
            SignalInfo::child(SIGCHLD, why, task.id_in(process.pid().namespace()), user, status as i32, times),
        );
    }
    process.child_events.wake_all();
}

/// What PTRACE_GETSIGINFO shows of a stop that no signal caused.
fn own_info(task: &Task, signal: u32, code: u32) -> SignalInfo {
    SignalInfo::from_thread(signal, code as i32, task)
}

/// A stop of the kernel's making (an event, a system call): SIGTRAP with `code` in all; the signal the tracer chose.
pub(super) fn notify(task: &Task, code: u32, message: u64) -> u32 {
    stop(task, code, CLD_TRAPPED, message, Some(own_info(task, SIGTRAP, code))).0
}

/// A stop before a signal is delivered: what is to be delivered instead, if anything.
pub(crate) fn signal_stop(task: &Task, info: SignalInfo) -> Option<SignalInfo> {
    task.signals.note_dequeued();
    let (signal, left) = stop(task, info.signal, CLD_TRAPPED, 0, Some(info));
    let mut info = left.unwrap_or(info);
    if signal == 0 {
        return None;
    }
    if signal != info.signal {
        let sender = task.trace.tracer();
        info = match &sender {
            Some(tracer) => SignalInfo::from_thread(signal, SI_USER, tracer),
            None => SignalInfo { signal, ..SignalInfo::default() },
        };
    }
    let blocked = task.signals.blocked() & signal::set_of(signal) != 0;
    if blocked || task.signals.has_private(SIGKILL) {
        // Blocked in the meantime: it waits again.
        let _ = signal::send_to_thread(&Task::current_arc(), info);
        return None;
    }
    Some(info)
}

/// A stop that job control or the tracer asked for.
pub(crate) fn trap(task: &Task) {
    let group = task.group().signals.lock();
    let stopping = task.group().is_stopped() || group.is_stopping();
    let number = group.stop_signal();
    drop(group);
    if !task.trace.is_seized() {
        stop(task, number, CLD_STOPPED, 0, None);
        return;
    }
    let number = if stopping { number } else { SIGTRAP };
    let code = number | EVENT_STOP << 8;
    stop(task, code, CLD_STOPPED, 0, Some(own_info(task, number, code)));
}

/// Tells a seized tracee that job control has changed; one that listens stops anew. The lock of the process's signals is held.
pub(crate) fn trap_notify(thread: &Arc<Task>) {
    thread.trace.set_traps(traps::NOTIFY);
    wake(thread, thread.trace.has_traps(traps::LISTENING));
}

/// Makes a tracee look at its traps. With `resume`, a stop it is in ends.
pub(super) fn wake(thread: &Arc<Task>, resume: bool) {
    thread.thread().set_work(work::SIGNAL);
    let mut states = state::INTERRUPTIBLE;
    if resume {
        thread.trace.stop.lock().active = false;
        states |= state::TRACED;
    }
    if !thread.wake_from(states) && thread.thread().is_on_cpu() {
        machine::cpu::interrupt_for_work(thread.schedule.cpu());
    }
}

/// A handler's frame has been made while the tracer single-steps: it sees the handler's first instruction.
pub(crate) fn handler_entered(task: &Task) {
    if task.trace.mode() & mode::STEP != 0 {
        task.trace.set_mode(task.trace.mode() & !(mode::STEP | mode::BLOCK | mode::FORCED_FLAG));
        notify(task, SIGTRAP, 0);
    }
}

impl super::Tracee {
    /// Takes the stop that wait(2) has not reported yet (the signal, the event above it); `keep` leaves it to be reported again (WNOWAIT).
    pub fn take_report(&self, keep: bool) -> Option<u32> {
        let mut stop = self.stop.lock();
        if !stop.active || stop.code == 0 || self.has_traps(traps::LISTENING) {
            return None;
        }
        let code = stop.code;
        if !keep {
            stop.code = 0;
        }
        Some(code)
    }
}
