//! Groups: events that count only while their leader is enabled, and that can be read at once.
use super::attribute::{Attribute, flag, format};
use super::event::Event;
use crate::error::*;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

/// Bytes of a group that can be read at once.
const LARGEST_READ: usize = 16 * 1024;

/// Bytes that read(2) gives of an event, of a group with so many members besides its leader.
pub(super) fn read_size(attribute: &Attribute, members: usize) -> usize {
    let word = |bit: u64| if attribute.gives(bit) { 8 } else { 0 };
    let entry = 8 + word(format::ID) + word(format::LOST);
    let times = word(format::TIME_ENABLED) + word(format::TIME_RUNNING);
    match attribute.gives(format::GROUP) {
        true => 8 + times + entry * (members + 1),
        false => times + entry,
    }
}

/// Whether an event may be grouped with this leader: of the same task or CPU, both with the same clock, and no leader itself.
/// EINVAL. [`super::EVENTS`] is held.
pub(super) fn check(leader: &Event, event: &Event) -> Result<()> {
    if leader.state().leader.is_some() || leader.attribute.clock != event.attribute.clock || leader.cpu != event.cpu {
        return Err(EINVAL);
    }
    let (theirs, own) = (leader.state().target.clone(), event.state().target.clone());
    let is_same = theirs.as_ref().zip(own.as_ref()).is_some_and(|(theirs, own)| theirs.is(own));
    if !is_same || event.attribute.has(flag::PINNED | flag::EXCLUSIVE) {
        return Err(EINVAL);
    }
    Ok(())
}

/// Whether what could be read of the group that an event is to join is not too large, by its own format and that of each of the
/// others: E2BIG. [`super::EVENTS`] is held.
pub(super) fn check_size(leader: &Event, event: &Event) -> Result<()> {
    let state = leader.state();
    let members = state.members.len() + 1;
    let fits = |event: &Event| read_size(&event.attribute, members) <= LARGEST_READ;
    let others = || state.members.iter().filter_map(Weak::upgrade);
    if fits(event) && fits(leader) && others().all(|member| fits(&member)) { Ok(()) } else { Err(E2BIG) }
}

/// Groups an event that is in no group yet. ENOMEM. [`super::EVENTS`] is held.
pub(super) fn join(leader: &Arc<Event>, event: &Arc<Event>) -> Result<()> {
    let mut state = leader.state();
    state.members.try_reserve(1)?;
    state.members.push(Arc::downgrade(event));
    drop(state);
    event.state().leader = Some(Arc::downgrade(leader));
    Ok(())
}

/// The events grouped with a leader. ENOMEM. [`super::EVENTS`] is held.
pub(super) fn members(leader: &Event) -> Result<Vec<Arc<Event>>> {
    let state = leader.state();
    let mut members = Vec::new();
    members.try_reserve_exact(state.members.len())?;
    members.extend(state.members.iter().filter_map(Weak::upgrade));
    Ok(members)
}

/// An event leaves its group; where it led, each of the others is on its own from now on. [`super::EVENTS`] is held.
pub(super) fn leave(event: &Arc<Event>) {
    let (leader, members) = {
        let mut state = event.state();
        (state.leader.take(), core::mem::take(&mut state.members))
    };
    if let Some(leader) = leader.and_then(|leader| leader.upgrade()) {
        leader.state().members.retain(|member| !core::ptr::eq(member.as_ptr(), Arc::as_ptr(event)));
    }
    for member in members.iter().filter_map(Weak::upgrade) {
        member.state().leader = None;
        member.settle(true);
    }
}
