//! Which tasks are in which group.
use super::{ControlGroup, root, settle};
use crate::error::Result;
use crate::process::clone::flags;
use crate::process::schedule::state;
use crate::process::{Task, task::flag};
use crate::signal::{self, SignalInfo};
use crate::sync::{IrqLock, rank};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// The group of a task; none is the root. Changes under the lock of the process's signals, with the flag GROUPED. It stays as the
/// task ends, though it is not counted any more.
pub struct Membership(IrqLock<Option<Arc<ControlGroup>>>);

impl Membership {
    /// In the root.
    pub fn none() -> Membership {
        Membership(IrqLock::new(rank::LEAF, None))
    }
}

impl Task {
    /// The group that it is in, or was as it ended.
    pub fn control_group(&self) -> Arc<ControlGroup> {
        self.own_control_group().unwrap_or_else(root)
    }
    /// The group that it is in, if that is not the root.
    pub(super) fn own_control_group(&self) -> Option<Arc<ControlGroup>> {
        if self.has_flag(flag::GROUPED) { self.membership.0.lock().clone() } else { None }
    }
    /// Counts the task out of its group and into another. The process's signals are locked, or nobody knows the task yet.
    pub(super) fn change_control_group(&self, to: &Arc<ControlGroup>) {
        let new = to.parent().is_some().then(|| to.clone());
        let counted = u32::from(self.signals.is_frozen());
        // What stopped in the root was not counted.
        let stopped = self.schedule.state() & (state::STOPPED | state::TRACED) != 0;
        let frozen = u32::from(new.is_some() && (stopped || counted != 0));
        self.signals.set_frozen(frozen != 0);
        if let Some(new) = &new {
            new.tasks.fetch_add(1, Ordering::SeqCst);
            new.frozen_tasks.fetch_add(frozen, Ordering::SeqCst);
            self.set_flag(flag::GROUPED);
        } else {
            self.clear_flag(flag::GROUPED);
        }
        let old = core::mem::replace(&mut *self.membership.0.lock(), new);
        if let Some(old) = &old {
            old.tasks.fetch_sub(1, Ordering::SeqCst);
            old.frozen_tasks.fetch_sub(counted, Ordering::SeqCst);
        }
        // A group with tasks has other references: it does not end here.
        drop(old);
    }
}

/// What a fork has still to see to once others can find the new task.
pub struct Joined {
    group: Arc<ControlGroup>,
    kills: u32,
    /// It was not the group of the task that forks.
    chosen: bool,
}

/// Puts a new task into the group of the one that makes it, or into `chosen`. The signals of the maker's process are locked:
/// whoever moves that process moves it before or afterwards.
#[inline(always)]
pub fn join(task: &Task, child: &Task, chosen: Option<&Arc<ControlGroup>>) -> Option<Joined> {
    if chosen.is_none() && !task.has_flag(flag::GROUPED) { None } else { join_group(task, child, chosen) }
}
#[cold]
fn join_group(task: &Task, child: &Task, chosen: Option<&Arc<ControlGroup>>) -> Option<Joined> {
    let group = chosen.cloned().or_else(|| task.own_control_group())?;
    // Before the task can be found: who kills all in the group finds it, or is noticed.
    let kills = group.kills.load(Ordering::SeqCst);
    child.change_control_group(&group);
    Some(Joined { group, kills, chosen: chosen.is_some() })
}

impl Joined {
    /// Others can find the new task, which has not begun: it is killed or frozen if all of its group are.
    #[cold]
    pub fn finish(self, child: &Arc<Task>, clone_flags: u64) {
        if clone_flags & flags::NEWCGROUP != 0 {
            child.namespaces().cgroup.set_root(self.group.clone());
        }
        if self.kills & 1 != 0 || self.group.kills.load(Ordering::SeqCst) != self.kills {
            // SIGKILL needs no memory to be pending.
            let _ = signal::send_to_group(child.group(), SignalInfo::kernel(signal::SIGKILL));
        }
        super::freezer::tell(child);
        if self.chosen || self.group.freezes() {
            settle(&self.group);
        }
    }
    /// The new task is not to be after all.
    #[cold]
    pub fn undo(self, child: &Task) {
        leave(child);
    }
}

/// A task ends: it is not counted any more. Nobody moves one that has the flag EXITING.
#[inline(always)]
pub fn leave(task: &Task) {
    if task.has_flag(flag::GROUPED) {
        leave_group(task);
    }
}
#[cold]
fn leave_group(task: &Task) {
    let state = task.group().signals.lock();
    // One that never was does not end: nobody moves it all the same.
    task.set_flag(flag::EXITING);
    let Some(group) = task.own_control_group() else { return };
    if task.signals.set_frozen(false) {
        group.frozen_tasks.fetch_sub(1, Ordering::SeqCst);
    }
    let last = group.tasks.fetch_sub(1, Ordering::SeqCst) == 1;
    drop(state);
    if last || group.freezes() {
        settle(&group);
    }
}

/// Calls `visit` for every task that there is, ended ones that nobody has waited for included.
pub fn for_each_task(mut visit: impl FnMut(&Arc<Task>) -> Result<()>) -> Result<()> {
    let everybody = &crate::start::shared().namespaces.pid_for_children;
    let mut number = 1;
    while let Some(entry) = everybody.find_from(number) {
        number = entry.number().saturating_add(1);
        if let Some(task) = entry.task() {
            visit(&task)?;
        }
    }
    Ok(())
}
