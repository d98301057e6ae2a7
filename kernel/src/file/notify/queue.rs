//! The events that an inotify instance has not handed out yet.
use super::event;
use super::marks::Told;
use crate::sync::{SpinLock, rank};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::collections::{Linked, Links, List};

/// `struct inotify_event` without its name.
pub const HEADER: usize = 16;

/// An event.
pub struct Event {
    links: Links,
    watch: i32,
    mask: u32,
    cookie: u32,
    name: Box<[u8]>,
}
impl Linked for Event {
    fn links(&self) -> &Links {
        &self.links
    }
}

impl Event {
    /// `None` without memory.
    pub fn new(watch: i32, told: Told) -> Option<Arc<Event>> {
        let mut mask = told.mask;
        if mask & (event::MOVE_SELF | event::DELETE_SELF) != 0 {
            mask &= !event::IS_DIRECTORY;
        }
        let mut name = Vec::new();
        let given = told.name.unwrap_or_default();
        name.try_reserve_exact(given.len()).ok()?;
        name.extend_from_slice(given);
        let event = Event { links: Links::new(), watch, mask, cookie: told.cookie, name: name.into_boxed_slice() };
        machine::memory::try_arc(event).ok()
    }
    /// Bytes of its name with the zeros behind it.
    fn name_room(&self) -> usize {
        match self.name.len() {
            0 => 0,
            length => (length + 1).next_multiple_of(HEADER),
        }
    }
    /// Bytes that it takes.
    pub fn size(&self) -> usize {
        HEADER + self.name_room()
    }
    /// As read(2) hands it out. `None` without memory.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(self.size()).ok()?;
        for word in [self.watch as u32, self.mask, self.cookie, self.name_room() as u32] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        bytes.extend_from_slice(&self.name);
        bytes.resize(self.size(), 0);
        Some(bytes)
    }
    /// Whether a reader would learn nothing from the second of the two.
    fn is_repeated_by(&self, next: &Event) -> bool {
        self.mask & event::IGNORED == 0 && (self.mask, self.watch) == (next.mask, next.watch) && self.name == next.name
    }
}

/// Events in the order in which they happened.
pub struct Queue {
    events: SpinLock<List<Event>>,
    /// Most of them.
    limit: usize,
    /// The event that tells of an overflow, while it is not in the queue.
    overflow: Arc<Event>,
}

impl Queue {
    /// An empty queue; `None` without memory.
    pub fn new(limit: usize) -> Option<Queue> {
        let overflow = Event::new(-1, Told { mask: event::OVERFLOW, name: None, cookie: 0, unlinked: false })?;
        Some(Queue { events: SpinLock::new(rank::LEAF, List::new()), limit, overflow })
    }
    /// Adds an event; one that could not be made (`None`) is an overflow. Whether there is something new.
    pub fn push(&self, event: Option<Arc<Event>>) -> bool {
        let mut events = self.events.lock();
        let event = match event.filter(|_| events.len() < self.limit) {
            Some(event) => event,
            None if self.overflow.links.is_linked() => return false,
            None => self.overflow.clone(),
        };
        let is_repeated = events.back().is_some_and(|last| last.is_repeated_by(&event));
        if is_repeated && !Arc::ptr_eq(&event, &self.overflow) {
            drop(events);
            return false;
        }
        let refused = events.push_back(event);
        drop(events);
        refused.is_ok()
    }
    /// Takes the first event, if it fits into so many bytes; `Err` if it does not.
    pub fn pop(&self, room: usize) -> Result<Option<Arc<Event>>, ()> {
        let mut events = self.events.lock();
        match events.front() {
            Some(event) if event.size() > room => Err(()),
            Some(_) => Ok(events.pop_front()),
            None => Ok(None),
        }
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.events.lock().is_empty()
    }
    /// Bytes that all of them take (FIONREAD).
    pub fn bytes(&self) -> usize {
        self.events.lock().iter().map(Event::size).sum()
    }
    /// Throws all away.
    pub fn clear(&self) {
        let events = core::mem::take(&mut *self.events.lock());
        drop(events);
    }
}
