//! The events of a task: what becomes of them as it forks, executes a program and ends.
use super::EVENTS;
use super::attribute::flag;
use super::event::Event;
use super::group;
use super::source::Target;
use crate::error::*;
use crate::process::Task;
use crate::process::clone::flags::THREAD;
use crate::sync::{Mutex, Once, rank};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

/// A task's place for its events; empty for one that no event has ever watched and that has opened none.
#[derive(Default)]
pub struct Slot(Once<Box<Mutex<Lists>>>);

/// The events of a task. Those that were closed may stay listed until there is no room.
#[derive(Default)]
struct Lists {
    /// Those that watch it.
    watching: Vec<Weak<Event>>,
    /// Those that it has opened.
    opened: Vec<Weak<Event>>,
}

impl Slot {
    /// Nobody watches it.
    pub const fn new() -> Slot {
        Slot(Once::new())
    }
    fn get_or_init(&self) -> Result<&Mutex<Lists>> {
        if let Some(lists) = self.0.get() {
            return Ok(lists);
        }
        let made = machine::memory::try_box(Mutex::new(rank::PERFORMANCE_EVENT, Lists::default()))?;
        Ok(self.0.get_or_init(|| made))
    }
}

/// Lists an event. ENOMEM.
fn add(list: &mut Vec<Weak<Event>>, event: &Arc<Event>) -> Result<()> {
    if list.len() == list.capacity() {
        list.retain(|other| other.strong_count() != 0);
        list.try_reserve(1)?;
    }
    list.push(Arc::downgrade(event));
    Ok(())
}
fn living(list: &[Weak<Event>]) -> Result<Vec<Arc<Event>>> {
    let mut living = Vec::new();
    living.try_reserve_exact(list.len())?;
    living.extend(list.iter().filter_map(Weak::upgrade));
    Ok(living)
}

/// An event of `task` begins. ESRCH if the task ends, ENOMEM. [`EVENTS`] is held.
pub(super) fn watch(task: &Task, event: &Arc<Event>) -> Result<()> {
    let lists = task.performance_events.get_or_init()?;
    // Whoever ends looks for lists after it has said so.
    core::sync::atomic::fence(Ordering::SeqCst);
    if task.has_flag(crate::process::task::flag::EXITING) {
        return Err(ESRCH);
    }
    add(&mut lists.lock().watching, event)
}
/// `task` has opened an event. ENOMEM. [`EVENTS`] is held.
pub(super) fn note_opened(task: &Task, event: &Arc<Event>) -> Result<()> {
    add(&mut task.performance_events.get_or_init()?.lock().opened, event)
}
/// The events that a task has opened. ENOMEM. [`EVENTS`] is held.
pub(super) fn opened_by(task: &Task) -> Result<Vec<Arc<Event>>> {
    task.performance_events.0.get().map_or(Ok(Vec::new()), |lists| living(&lists.lock().opened))
}

/// A new task, which nobody knows yet, gets the like of its parent's events that are inherited. ENOMEM.
#[inline]
pub fn inherit(parent: &Task, child: &Arc<Task>, clone_flags: u64) -> Result<()> {
    match parent.performance_events.0.get() {
        None => Ok(()),
        Some(lists) => inherit_listed(lists, child, clone_flags),
    }
}
#[cold]
fn inherit_listed(lists: &Mutex<Lists>, child: &Arc<Task>, clone_flags: u64) -> Result<()> {
    let guard = EVENTS.lock();
    let events = living(&lists.lock().watching)?;
    for event in &events {
        let attribute = &event.attribute;
        let is_wanted = attribute.has(flag::INHERIT)
            && (!attribute.has(flag::INHERIT_THREAD) || clone_flags & THREAD != 0)
            && !attribute.has(flag::SIGNAL_TRAP);
        if !is_wanted || event.state().leader.is_some() {
            continue;
        }
        let Some(leader) = inherit_one(event, child)? else { continue };
        for member in &group::members(event)? {
            if let Some(member) = inherit_one(member, child)? {
                group::join(&leader, &member)?;
            }
        }
        leader.settle_group();
    }
    // What was closed meanwhile goes with this.
    drop(guard);
    drop(events);
    Ok(())
}

/// The like of an event on another task; it belongs to the one that was opened, and is not wanted where that was closed.
fn inherit_one(event: &Arc<Event>, child: &Arc<Task>) -> Result<Option<Arc<Event>>> {
    let origin = match &event.origin {
        None => event.clone(),
        Some(origin) => match origin.upgrade() {
            Some(origin) => origin,
            None => return Ok(None),
        },
    };
    let made = Event::new(event.attribute, event.cpu, Target::Task(child.clone()), Some(Arc::downgrade(&origin)))?;
    {
        let state = event.state();
        let mut own = made.state();
        (own.is_enabled, own.enables_on_exec) = (state.is_enabled, state.enables_on_exec);
    }
    watch(child, &made)?;
    let mut state = origin.state();
    state.children.try_reserve(1)?;
    state.children.push(made.clone());
    Ok(Some(made))
}

/// The task has become another program, which may be one that its events must not see.
#[inline]
pub fn executed(task: &Task, is_hidden: bool) {
    if let Some(lists) = task.performance_events.0.get() {
        executed_listed(lists, is_hidden);
    }
}
#[cold]
fn executed_listed(lists: &Mutex<Lists>, is_hidden: bool) {
    let guard = EVENTS.lock();
    let mut list = lists.lock();
    // Moved to and fro, so that no memory is needed.
    let mut watching = core::mem::take(&mut list.watching);
    drop(list);
    watching.retain(|event| {
        let Some(event) = event.upgrade() else { return false };
        if core::mem::take(&mut event.state().enables_on_exec) {
            event.set_enabled(true);
        }
        if !is_hidden && !event.attribute.has(flag::REMOVE_ON_EXEC) {
            return true;
        }
        // The task runs: no last reference to it goes here.
        let _ = event.end();
        false
    });
    lists.lock().watching = watching;
    drop(guard);
}

/// The task ends, or was never started: its events keep what they have counted.
#[inline]
pub fn leave(task: &Task) {
    if let Some(lists) = task.performance_events.0.get() {
        leave_listed(lists);
    }
}
#[cold]
fn leave_listed(lists: &Mutex<Lists>) {
    let guard = EVENTS.lock();
    let Lists { watching, opened } = core::mem::take(&mut *lists.lock());
    for event in watching.iter().filter_map(Weak::upgrade) {
        // Whoever calls holds a reference to the task.
        let _ = event.end();
    }
    drop(guard);
    drop((watching, opened));
}
