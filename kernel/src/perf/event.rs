//! A performance event, and the file behind its descriptor.
use super::attribute::{Attribute, flag, format};
use super::source::{self, FaultWatch, Reading, Source, Target};
use super::{EVENTS, control, group};
use crate::error::*;
use crate::file::{File, FileOperations, IoBuffer, PollEvents, PollTable};
use crate::process::Task;
use crate::sync::{Mutex, MutexGuard, rank};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};

/// The number of the event made last.
static LAST_ID: AtomicU64 = AtomicU64::new(0);

/// A performance event: one that was opened, or its like on a task that has inherited it.
pub(super) struct Event {
    /// Unique, from 1 on.
    pub id: u64,
    /// What was asked for.
    pub attribute: Attribute,
    /// The CPU it is for, -1 for all.
    pub cpu: i32,
    /// The opened one that an inherited one adds to.
    pub origin: Option<Weak<Event>>,
    source: Source,
    /// Looked at while [`EVENTS`] is held.
    state: Mutex<State>,
    _watch: Option<FaultWatch>,
}

/// What of an event changes.
pub(super) struct State {
    /// Whom it watches, until that has ended.
    pub target: Option<Target>,
    /// It counts where its group does.
    pub is_enabled: bool,
    /// It is enabled when its task executes a program.
    pub enables_on_exec: bool,
    /// What the source showed when it began to count; none while it does not.
    since: Option<Reading>,
    /// What was counted before.
    own: Reading,
    /// What was counted by inherited ones that have ended.
    ended: Reading,
    /// Inherited ones.
    pub children: Vec<Arc<Event>>,
    /// The one it is grouped with, unless it leads.
    pub leader: Option<Weak<Event>>,
    /// Those grouped with it.
    pub members: Vec<Weak<Event>>,
}

impl Event {
    /// An event that does not count yet. ENOMEM.
    pub fn new(attribute: Attribute, cpu: i32, target: Target, origin: Option<Weak<Event>>) -> Result<Arc<Event>> {
        let source = Source::of(attribute.config).ok_or(ENOENT)?;
        let watches = matches!((&target, source), (Target::Cpu(_), Source::Faults(_)));
        let state = State {
            target: Some(target),
            is_enabled: !attribute.has(flag::DISABLED),
            enables_on_exec: attribute.has(flag::ENABLE_ON_EXEC),
            since: None,
            own: Reading::default(),
            ended: Reading::default(),
            children: Vec::new(),
            leader: None,
            members: Vec::new(),
        };
        Ok(machine::memory::try_arc(Event {
            id: LAST_ID.fetch_add(1, Ordering::Relaxed) + 1,
            attribute,
            cpu,
            origin,
            source,
            state: Mutex::new(rank::PERFORMANCE_EVENT, state),
            _watch: watches.then(FaultWatch::new),
        })?)
    }
    /// What changes. [`EVENTS`] is held; a group's leader comes before its members, an opened event before inherited ones.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
    /// What it is grouped with.
    pub fn leader(&self) -> Option<Arc<Event>> {
        self.state().leader.as_ref().and_then(Weak::upgrade)
    }
    fn look(&self, target: &Target) -> Reading {
        let has = |bit| self.attribute.has(bit);
        source::read(target, self.source, !has(flag::EXCLUDE_USER), !has(flag::EXCLUDE_KERNEL))
    }
    /// Begins or ends to count, as its state says; `allowed` where its group counts.
    pub fn settle(&self, allowed: bool) {
        self.settle_state(&mut self.state(), allowed);
    }
    fn settle_state(&self, state: &mut State, allowed: bool) {
        let Some(target) = &state.target else { return };
        match state.since {
            None if allowed && state.is_enabled => state.since = Some(self.look(target)),
            Some(since) if !allowed || !state.is_enabled => {
                state.own = state.own.and(self.look(target).since(since));
                state.since = None;
            }
            _ => {}
        }
    }
    /// As `settle`, for an event that leads, with those grouped with it.
    pub fn settle_group(&self) {
        let mut state = self.state();
        let is_enabled = state.is_enabled;
        self.settle_state(&mut state, true);
        for member in state.members.iter().filter_map(Weak::upgrade) {
            member.settle(is_enabled);
        }
    }
    /// Enables or disables it, without those inherited from it.
    pub fn set_enabled(&self, is_enabled: bool) {
        {
            let mut state = self.state();
            if state.target.is_none() {
                return;
            }
            state.is_enabled = is_enabled;
        }
        match self.leader() {
            None => self.settle_group(),
            Some(leader) => {
                let allowed = leader.state().is_enabled;
                self.settle(allowed);
            }
        }
    }
    /// Counts from 0 again; the times stay.
    pub fn reset(&self) {
        let mut state = self.state();
        let now = self.counted(&state);
        state.own = Reading { count: 0, time: now.time };
        if state.since.is_some() {
            state.since = state.target.as_ref().map(|target| self.look(target));
        }
    }
    /// What it has counted itself.
    fn counted(&self, state: &State) -> Reading {
        match (&state.target, state.since) {
            (Some(target), Some(since)) => state.own.and(self.look(target).since(since)),
            _ => state.own,
        }
    }
    /// What it and those inherited from it have counted.
    pub fn total(&self) -> Reading {
        let state = self.state();
        let counted = self.counted(&state).and(state.ended);
        state.children.iter().fold(counted, |sum, child| sum.and(child.counted(&child.state())))
    }
    /// What it watches has ended: what it has counted stays, and goes to the event it was inherited from. What it gives back is to
    /// be dropped once [`EVENTS`] is free.
    pub fn end(&self) -> (Option<Target>, Option<Arc<Event>>) {
        let (counted, target) = {
            let mut state = self.state();
            state.own = self.counted(&state);
            state.since = None;
            (state.own, state.target.take())
        };
        let origin = self.origin.as_ref().and_then(Weak::upgrade);
        let Some(origin) = origin.filter(|_| target.is_some()) else { return (target, None) };
        let mut state = origin.state();
        state.ended = state.ended.and(counted);
        let place = state.children.iter().position(|child| core::ptr::eq(&**child, self));
        let own = place.map(|place| state.children.swap_remove(place));
        drop(state);
        (target, own)
    }
}

/// The file of an opened event.
pub(super) struct EventFile(pub Arc<Event>);

impl Drop for EventFile {
    fn drop(&mut self) {
        let guard = EVENTS.lock();
        group::leave(&self.0);
        let children = core::mem::take(&mut self.0.state().children);
        children.iter().for_each(group::leave);
        let target = self.0.state().target.take();
        drop(guard);
        // The last reference to a task may go with these.
        drop((children, target));
    }
}

impl FileOperations for EventFile {
    fn read(&self, _file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        let event = &self.0;
        let guard = EVENTS.lock();
        let leader = event.leader().unwrap_or_else(|| event.clone());
        let counted = if event.attribute.gives(format::GROUP) { &leader } else { event };
        let size = group::read_size(&event.attribute, leader.state().members.len());
        if into.segment_room() < size {
            return Err(ENOSPC);
        }
        let mut words: Vec<u64> = Vec::new();
        words.try_reserve_exact(size / 8)?;
        let entry = |words: &mut Vec<u64>, event: &Event, count: u64| {
            // There is room for all.
            words.push(count);
            let wanted = [(format::ID, event.id), (format::LOST, 0)];
            words.extend(wanted.iter().filter(|(bit, _)| self.0.attribute.gives(*bit)).map(|(_, word)| word));
        };
        let times = |words: &mut Vec<u64>, time: u64| {
            // Software events count whenever they are enabled.
            let wanted = [format::TIME_ENABLED, format::TIME_RUNNING];
            words.extend(wanted.iter().filter(|bit| event.attribute.gives(**bit)).map(|_| time));
        };
        let total = counted.total();
        if event.attribute.gives(format::GROUP) {
            let members = group::members(&leader)?;
            words.push(members.len() as u64 + 1);
            times(&mut words, total.time);
            entry(&mut words, &leader, total.count);
            for member in &members {
                entry(&mut words, member, member.total().count);
            }
        } else {
            words.push(total.count);
            times(&mut words, total.time);
            let wanted = [(format::ID, event.id), (format::LOST, 0)];
            words.extend(wanted.iter().filter(|(bit, _)| event.attribute.gives(*bit)).map(|(_, word)| word));
        }
        drop(guard);
        let bytes = zerocopy::IntoBytes::as_bytes(words.as_slice());
        if into.put(bytes)? < bytes.len() { Err(EFAULT) } else { Ok(bytes.len()) }
    }
    fn poll(&self, _file: &File, _table: Option<&mut PollTable>) -> PollEvents {
        // Without a buffer for samples there is nothing to wait for.
        PollEvents::HUP
    }
    fn ioctl(&self, _file: &File, task: &Task, command: u32, argument: u64) -> Result<usize> {
        control::ioctl(&self.0, task, command, argument).map(|()| 0)
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
