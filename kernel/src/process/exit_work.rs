//! Work on the way back to user mode: first steps of a new task, exit, signals, restartable sequences.
use super::task::flag;
use super::{Task, exit, rseq};
use crate::syscall::UserPtr;
use core::sync::atomic::Ordering;
use machine::entry::UserFrame;
use machine::thread::work;

/// Runs everything the work flags ask for.
pub fn run(task: &Task, frame: &mut UserFrame) {
    let flags = task.thread().work();
    if flags & work::CALL_END != 0 {
        task.thread().clear_work(work::CALL_END);
        if !task.has_flag(flag::EXIT_REQUESTED) {
            crate::ptrace::call_ends(task, frame);
        }
    }
    if flags & work::RESCHEDULE != 0 {
        task.thread().clear_work(work::RESCHEDULE);
        super::schedule::preempt();
    }
    if flags & work::NOTIFY != 0 {
        task.thread().clear_work(work::NOTIFY);
        notified(task, frame);
    }
    if flags & work::SIGNAL != 0 {
        crate::signal::deliver::run(task, frame);
        if task.has_flag(flag::EXIT_REQUESTED) {
            exit::finish(task);
        }
    }
    rseq::before_user(task, frame);
}

fn notified(task: &Task, frame: &mut UserFrame) {
    if task.has_flag(flag::EXIT_REQUESTED) {
        exit::finish(task);
    }
    super::schedule::drop_ended();
    if task.clear_flag(flag::STARTING) {
        crate::start::first_steps(task, frame);
    }
    task.group().timers.send_due(task.group());
    let word = task.set_child_tid.swap(0, Ordering::Relaxed);
    if word != 0 {
        // Linux ignores a fault here.
        let _ = UserPtr::<u32>::new(word).write(task, &task.id_in_own_namespace());
    }
}
