//! What cgroup.events shows: whether there are tasks in a group or below it, and whether all of them are frozen.
//!
//! Both follow from counts. Whoever changed a count calls [`settle`], which works out what follows from the counts as they are by
//! then, for the group and those above; it does not matter who is first. Who watches is told when the lock has been given back.
use super::ControlGroup;
use crate::file::cgroupfs;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Guards every [`State`]; taken only as a group comes to have tasks, loses its last one, or as tasks freeze.
static STATES: SpinLock<()> = SpinLock::new(rank::CONTROL_GROUP_STATES, ());

/// What is shown of a group.
pub struct State {
    populated: AtomicBool,
    frozen: AtomicBool,
    /// Domains in it that are populated, and threaded groups.
    populated_domains: AtomicU32,
    populated_threaded: AtomicU32,
    children: AtomicU32,
    frozen_children: AtomicU32,
    /// Who watches is to be told.
    changed: AtomicBool,
}

impl State {
    /// Of an empty group.
    pub fn new(frozen: bool) -> State {
        State {
            populated: AtomicBool::new(false),
            frozen: AtomicBool::new(frozen),
            populated_domains: AtomicU32::new(0),
            populated_threaded: AtomicU32::new(0),
            children: AtomicU32::new(0),
            frozen_children: AtomicU32::new(0),
            changed: AtomicBool::new(false),
        }
    }
    /// Whether there are tasks in it or below it.
    pub fn is_populated(&self) -> bool {
        self.populated.load(Ordering::Relaxed)
    }
    /// Whether there are tasks in or below a group in it that is a domain.
    pub fn has_populated_domains(&self) -> bool {
        self.populated_domains.load(Ordering::Relaxed) != 0
    }
}

impl ControlGroup {
    /// Whether there are tasks in it or below it.
    pub fn is_populated(&self) -> bool {
        self.state.is_populated()
    }
    /// Whether all tasks in it and below it are frozen, as was asked for.
    pub fn is_frozen(&self) -> bool {
        self.state.frozen.load(Ordering::Relaxed)
    }
}

fn change(count: &AtomicU32, up: bool) {
    if up {
        count.fetch_add(1, Ordering::Relaxed);
    } else {
        count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A group was added to another.
pub(super) fn add_child(parent: &Arc<ControlGroup>, child: &ControlGroup) {
    let states = STATES.lock();
    change(&parent.state.children, true);
    if child.is_frozen() {
        change(&parent.state.frozen_children, true);
    }
    drop(states);
    settle(parent);
}

/// A group was taken out of another.
pub(super) fn remove_child(parent: &Arc<ControlGroup>, child: &ControlGroup) {
    let states = STATES.lock();
    change(&parent.state.children, false);
    if child.is_frozen() {
        change(&parent.state.frozen_children, false);
    }
    drop(states);
    settle(parent);
}

/// Brings the states of a group and of those above it up to date with their counts, and tells who watches them. May sleep.
pub fn settle(group: &Arc<ControlGroup>) {
    let states = STATES.lock();
    settle_populated(group);
    settle_frozen(group);
    drop(states);
    for above in group.line() {
        if above.state.changed.swap(false, Ordering::AcqRel) {
            announce(above);
        }
    }
}

fn settle_populated(group: &Arc<ControlGroup>) {
    for at in group.line() {
        let Some(parent) = at.parent() else { return };
        let state = &at.state;
        let below = state.populated_domains.load(Ordering::Relaxed) + state.populated_threaded.load(Ordering::Relaxed);
        let now = at.tasks.load(Ordering::SeqCst) != 0 || below != 0;
        if state.populated.swap(now, Ordering::Relaxed) == now {
            return;
        }
        state.changed.store(true, Ordering::Relaxed);
        let threaded = at.is_threaded();
        change(if threaded { &parent.state.populated_threaded } else { &parent.state.populated_domains }, now);
    }
}

fn settle_frozen(group: &Arc<ControlGroup>) {
    for at in group.line() {
        let Some(parent) = at.parent() else { return };
        let state = &at.state;
        let now = at.freezes()
            && at.frozen_tasks.load(Ordering::SeqCst) == at.tasks.load(Ordering::SeqCst)
            && state.frozen_children.load(Ordering::Relaxed) == state.children.load(Ordering::Relaxed);
        if state.frozen.swap(now, Ordering::Relaxed) == now {
            return;
        }
        state.changed.store(true, Ordering::Relaxed);
        if !at.is_dead() {
            change(&parent.state.frozen_children, now);
        }
    }
}

/// Tells who polls or watches cgroup.events that it has changed. May sleep.
pub(super) fn announce(group: &Arc<ControlGroup>) {
    group.events.fetch_add(1, Ordering::SeqCst);
    group.watchers.wake_all();
    cgroupfs::tell_of_events(group);
}
