//! cgroup.freeze: tasks that stop on their way to user mode. They show as sleeping, and can be killed, traced and moved.
use super::{ControlGroup, HIERARCHY, event, for_each_task, settle};
use crate::error::*;
use crate::process::schedule::state;
use crate::process::{Task, task::flag};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

impl ControlGroup {
    /// Whether its tasks are to freeze, because of it or of a group above.
    pub fn freezes(&self) -> bool {
        self.freezes.load(Ordering::SeqCst)
    }
}

/// Freezes a group with all below it, or lets them go on where no group above is frozen. ENOENT for a group that was removed.
pub fn set_freeze(group: &Arc<ControlGroup>, freeze: bool) -> Result<()> {
    let _tree = HIERARCHY.lock();
    if group.is_dead() {
        return Err(ENOENT);
    }
    if group.freeze.swap(freeze, Ordering::Relaxed) == freeze {
        return Ok(());
    }
    let mut changed = false;
    group.for_each_within(|below| {
        let above = below.parent().is_some_and(|above| above.freezes());
        let freezes = above || below.freeze.load(Ordering::Relaxed);
        changed |= below.freezes.swap(freezes, Ordering::SeqCst) != freezes;
    });
    if !changed {
        // It is told all the same.
        event::announce(group);
        return Ok(());
    }
    let told = for_each_task(|task| {
        if let Some(own) = task.own_control_group()
            && own.is_within(group)
        {
            tell(task);
        }
        Ok(())
    });
    group.for_each_within(settle);
    told
}

/// Tells a task whether its group freezes; it looks on its way to user mode.
pub(super) fn tell(task: &Arc<Task>) {
    let state = task.group().signals.lock();
    let freeze = task.own_control_group().is_some_and(|group| group.freezes());
    if !task.has_flag(flag::EXITING | flag::KERNEL) && task.signals.set_freeze(freeze) != freeze {
        crate::signal::look_again(task);
    }
    drop(state);
}

/// The current task stops, by job control, for its tracer, or to wait for a child of vfork(2): for its group that is as good as
/// frozen.
#[inline]
pub fn enter_frozen(task: &Task) {
    if task.has_flag(flag::GROUPED) {
        enter(task);
    }
}
#[cold]
fn enter(task: &Task) {
    let state = task.group().signals.lock();
    // In the root nobody counts.
    let group = task.own_control_group().filter(|_| !task.signals.set_frozen(true));
    if let Some(group) = &group {
        group.frozen_tasks.fetch_add(1, Ordering::SeqCst);
    }
    drop(state);
    if let Some(group) = group.filter(|group| group.freezes()) {
        settle(&group);
    }
}

/// The current task goes on; a task that is to freeze counts as frozen all along.
#[inline]
pub fn leave_frozen(task: &Task) {
    if task.has_flag(flag::GROUPED) {
        leave(task);
    }
}
#[cold]
fn leave(task: &Task) {
    let state = task.group().signals.lock();
    let ends = !task.signals.is_to_freeze() && task.signals.set_frozen(false);
    let group = task.own_control_group().filter(|_| ends);
    if let Some(group) = &group {
        group.frozen_tasks.fetch_sub(1, Ordering::SeqCst);
    }
    drop(state);
    if let Some(group) = group {
        settle(&group);
    }
}

/// Stays in the freezer until the task is let go, is to end, or has to stop for other reasons. It counts as frozen as long as it is
/// to freeze.
#[cold]
pub fn stay_frozen(task: &Task) {
    enter_frozen(task);
    loop {
        let process = task.group();
        let group = process.signals.lock();
        let goes_on = !task.signals.is_to_freeze()
            || process.signals.is_exiting()
            || task.signals.has_private(crate::signal::SIGKILL)
            || task.signals.is_to_stop()
            || task.trace.is_attached() && task.trace.has_trap();
        let seen = task.wakes();
        drop(group);
        if goes_on {
            return leave_frozen(task);
        }
        task.sleep(state::INTERRUPTIBLE, seen);
    }
}
