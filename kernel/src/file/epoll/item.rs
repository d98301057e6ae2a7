//! A watched file.
use super::{EventPoll, Key, flag, key_of};
use crate::error::*;
use crate::file::{File, PollEntries, PollEvents, PollTable};
use crate::sync::{Mutex, SpinLock, rank};
use crate::wait::{Notify, Target, WaitQueue};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use machine::collections::{Linked, Links};

/// One file on the interest list of one instance.
pub struct Item {
    links: Links,
    owner: Weak<EventPoll>,
    /// The item itself, for the wait queues and the ready list.
    own: Weak<Item>,
    file: Weak<File>,
    key: Key,
    events: AtomicU32,
    data: AtomicU64,
    entries: Mutex<PollEntries>,
}
impl Linked for Item {
    fn links(&self) -> &Links {
        &self.links
    }
}

impl Item {
    pub(super) fn new(owner: &Arc<EventPoll>, file: &Arc<File>, fd: i32, events: u32, data: u64) -> Result<Arc<Item>> {
        // Small and of fixed size; the map's node that follows cannot be had fallibly either.
        Ok(Arc::new_cyclic(|own| Item {
            links: Links::new(),
            owner: Arc::downgrade(owner),
            own: own.clone(),
            file: Arc::downgrade(file),
            key: key_of(file, fd),
            events: AtomicU32::new(events),
            data: AtomicU64::new(data),
            entries: Mutex::new(rank::EPOLL_ITEM, PollEntries::new()),
        }))
    }
    pub(super) fn key(&self) -> Key {
        self.key
    }
    /// The file, unless its last reference is gone.
    pub(super) fn file(&self) -> Option<Arc<File>> {
        self.file.upgrade()
    }
    pub(super) fn events(&self) -> u32 {
        self.events.load(Ordering::Acquire)
    }
    pub(super) fn data(&self) -> u64 {
        self.data.load(Ordering::Relaxed)
    }
    pub(super) fn set(&self, events: u32, data: u64) {
        self.data.store(data, Ordering::Relaxed);
        self.events.store(events, Ordering::Release);
    }
    /// After a one-shot delivery: nothing is reported until it is modified.
    pub(super) fn disarm(&self) {
        self.events.fetch_and(flag::PRIVATE, Ordering::AcqRel);
    }

    /// Puts entries on the file's wait queues; the wanted events that are ready now.
    pub(super) fn attach(self: &Arc<Self>, file: &Arc<File>) -> Result<PollEvents> {
        let mut entries = self.entries.lock();
        let exclusive = self.events() & flag::EXCLUSIVE != 0;
        let target: Arc<dyn Notify> = self.clone();
        let mut register = |queue: &Arc<WaitQueue>| entries.add(queue, Target::Notify(target.clone()), exclusive);
        let ready = file.operations().poll(file, Some(&mut PollTable::new(&mut register)));
        if entries.has_failed() {
            return Err(ENOMEM);
        }
        Ok(ready & PollEvents(self.events()))
    }
    /// Takes the entries off.
    pub(super) fn detach(&self) {
        let entries = core::mem::take(&mut *self.entries.lock());
        drop(entries);
    }
    /// The wanted events that are ready now.
    pub(super) fn ready_events(&self, file: &Arc<File>) -> PollEvents {
        file.operations().poll(file, None) & PollEvents(self.events() & !flag::PRIVATE)
    }
}

impl Notify for Item {
    fn notify(&self, happened: u32) -> bool {
        let wanted = self.events() & !flag::PRIVATE;
        if wanted == 0 || happened & wanted == 0 {
            return false;
        }
        let (Some(owner), Some(item)) = (self.owner.upgrade(), self.own.upgrade()) else { return false };
        let was_waited_for = !owner.waiting.is_empty();
        owner.make_ready(&item);
        was_waited_for
    }
}

/// The items that watch one open file, so that they go when it does. Most files have none, and no memory for them.
pub struct Watches(SpinLock<Option<Box<Watching>>>);
struct Watching(Vec<Weak<Item>>);
impl Watches {
    /// Nobody watches.
    pub const fn new() -> Self {
        Watches(SpinLock::new(rank::LEAF, None))
    }
    /// Notes an item. ENOMEM.
    pub(super) fn add(&self, item: &Arc<Item>) -> Result<()> {
        loop {
            // Room is made outside the lock: nothing allocates under a spin lock.
            let wanted = match &mut *self.0.lock() {
                Some(watches) if watches.0.len() < watches.0.capacity() => {
                    watches.0.push(Arc::downgrade(item));
                    return Ok(());
                }
                Some(watches) => watches.0.capacity().saturating_mul(2),
                None => 1,
            };
            let mut larger = Vec::new();
            larger.try_reserve_exact(wanted)?;
            let mut larger = Some(machine::memory::try_box(Watching(larger))?);
            let mut place = self.0.lock();
            match (&mut *place, &mut larger) {
                (Some(watches), Some(larger)) if larger.0.capacity() > watches.0.len() => {
                    larger.0.append(&mut watches.0);
                    core::mem::swap(watches, larger);
                }
                (None, larger) => *place = larger.take(),
                _ => {}
            }
            drop(place);
            drop(larger);
        }
    }
    /// Forgets an item.
    pub(super) fn remove(&self, item: &Arc<Item>) {
        if let Some(watches) = &mut *self.0.lock() {
            watches.0.retain(|watch| watch.as_ptr() != Arc::as_ptr(item));
        }
    }
    /// The file's last reference goes away: every item leaves its instance. May sleep.
    pub fn release(&self) {
        loop {
            let Some(watch) = self.0.lock().as_mut().and_then(|watches| watches.0.pop()) else { return };
            if let Some(item) = watch.upgrade()
                && let Some(owner) = item.owner.upgrade()
            {
                owner.file_closed(&item);
            }
        }
    }
}
impl Default for Watches {
    fn default() -> Self {
        Self::new()
    }
}
