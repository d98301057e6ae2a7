//! epoll(7).
//!
//! An instance holds an item per watched file. A wake-up of the file's wait queues puts the item on the instance's ready list;
//! epoll_wait polls only what is on it. Level-triggered items go back to the end of the list as long as they are ready.
//!
//! Locks: `NESTING` (only when instances watch one another), an instance's interest list (sleeping), then from wake-ups the
//! file's wait queue, the ready list; an instance's own wait queue is woken with the file's still locked, never the ready list.
mod calls;
mod item;

pub use calls::{EpollEvent, epoll_create, epoll_create1, epoll_ctl, epoll_pwait, epoll_pwait2, epoll_wait};
pub use item::{Item, Watches};

use super::{File, FileOperations, PollEvents, PollTable};
use crate::error::*;
use crate::sync::{IrqLock, Mutex, SpinLock, rank};
use crate::wait::WaitQueue;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use machine::collections::List;

/// Event bits that are not poll(2) events.
pub mod flag {
    #![allow(missing_docs)]
    pub const EXCLUSIVE: u32 = 1 << 28;
    pub const WAKEUP: u32 = 1 << 29;
    pub const ONESHOT: u32 = 1 << 30;
    pub const EDGE_TRIGGERED: u32 = 1 << 31;
    /// What stays of an item's events after a one-shot delivery.
    pub const PRIVATE: u32 = EXCLUSIVE | WAKEUP | ONESHOT | EDGE_TRIGGERED;
}
/// Most instances that may watch one another in a chain.
const DEEPEST: usize = 5;
/// Held while an instance is added to another, so that two such changes cannot close a loop together.
static NESTING: Mutex<()> = Mutex::new(rank::EPOLL_NESTING, ());

/// What an item is found by: the open file and the descriptor it was added under.
type Key = (usize, i32);

/// An epoll instance.
pub struct EventPoll {
    items: Mutex<BTreeMap<Key, Arc<Item>>>,
    ready: IrqLock<List<Item>>,
    /// Tasks in epoll_wait.
    waiting: Arc<WaitQueue>,
    /// Those who poll the instance itself.
    polled: Arc<WaitQueue>,
    /// Instances that watch this one.
    watched_by: SpinLock<Vec<Weak<EventPoll>>>,
}

/// Files whose last reference came to be held under the lock on an interest list: they take that lock when they end, so they
/// are kept until it is free. Declared before the lock's guard.
#[derive(Default)]
struct Orphans(Option<Vec<File>>);
impl Orphans {
    #[inline(always)]
    fn release(&mut self, file: Option<Arc<File>>) {
        if let Some(last) = file.and_then(Arc::into_inner) {
            self.keep(last);
        }
    }
    #[cold]
    fn keep(&mut self, last: File) {
        let kept = self.0.get_or_insert_default();
        match kept.try_reserve(1) {
            Ok(()) => kept.push(last),
            // Better never ended than waiting for itself.
            Err(_) => core::mem::forget(last),
        }
    }
}
impl Drop for Orphans {
    // There are none, as good as always: only that is looked at on the way.
    #[inline(always)]
    fn drop(&mut self) {
        #[cold]
        fn end(files: Vec<File>) {
            drop(files);
        }
        if let Some(files) = self.0.take() {
            end(files);
        }
    }
}

fn key_of(file: &Arc<File>, fd: i32) -> Key {
    (Arc::as_ptr(file).addr(), fd)
}

impl EventPoll {
    fn new() -> Result<Arc<Self>> {
        Ok(machine::memory::try_arc(EventPoll {
            items: Mutex::new(rank::EPOLL, BTreeMap::new()),
            ready: IrqLock::new(rank::EPOLL_READY, List::new()),
            waiting: machine::memory::try_arc(WaitQueue::new())?,
            polled: machine::memory::try_arc(WaitQueue::new())?,
            watched_by: SpinLock::new(rank::LEAF, Vec::new()),
        })?)
    }

    /// Puts an item on the ready list and wakes those who wait. Any context; the caller may hold a wait queue's lock.
    fn make_ready(&self, item: &Arc<Item>) {
        // An item that is on the list already stays where it is.
        let _ = self.ready.lock().push_back(item.clone());
        self.waiting.wake_nested(PollEvents::IN.0);
        self.polled.wake_nested((PollEvents::IN | PollEvents::RDNORM).0);
    }

    fn has_ready(&self) -> bool {
        !self.ready.lock().is_empty()
    }

    /// Adds a file. EEXIST if it is there under this descriptor; ELOOP and EINVAL for chains of instances.
    fn add(self: &Arc<Self>, file: &Arc<File>, fd: i32, events: u32, data: u64) -> Result<()> {
        let nested = file.downcast::<EpollFile>().map(|other| other.0.clone());
        let nesting = nested.as_ref().map(|_| NESTING.lock());
        if let Some(other) = &nested {
            if Arc::ptr_eq(other, self) || other.reaches(self, DEEPEST) {
                return Err(ELOOP);
            }
            if self.height(DEEPEST).saturating_add(other.depth(DEEPEST)) >= DEEPEST {
                return Err(EINVAL.because("too long a chain of epoll instances"));
            }
        }
        let mut items = self.items.lock();
        if items.contains_key(&key_of(file, fd)) {
            return Err(EEXIST);
        }
        let item = Item::new(self, file, fd, events, data)?;
        file.watches().add(&item)?;
        if let Some(other) = &nested {
            let mut watchers = other.watched_by.lock();
            watchers.retain(|watcher| watcher.strong_count() > 0);
            watchers.push(Arc::downgrade(self));
        }
        items.insert(key_of(file, fd), item.clone());
        let result = item.attach(file);
        if result.is_err() {
            items.remove(&key_of(file, fd));
            file.watches().remove(&item);
            item.detach();
            return result.map(|_| ());
        }
        if result.is_ok_and(|ready| ready.0 != 0) {
            self.make_ready(&item);
        }
        drop(items);
        drop(nesting);
        Ok(())
    }

    /// Changes what is waited for; ENOENT, and EINVAL for exclusive items.
    fn modify(&self, file: &Arc<File>, fd: i32, events: u32, data: u64) -> Result<()> {
        let items = self.items.lock();
        let item = items.get(&key_of(file, fd)).ok_or(ENOENT)?;
        if item.events() & flag::EXCLUSIVE != 0 {
            return Err(EINVAL);
        }
        item.set(events, data);
        if item.ready_events(file).0 != 0 {
            self.make_ready(item);
        }
        Ok(())
    }

    /// Takes a file off; ENOENT.
    fn delete(&self, file: &Arc<File>, fd: i32) -> Result<()> {
        let item = self.items.lock().remove(&key_of(file, fd)).ok_or(ENOENT)?;
        file.watches().remove(&item);
        self.forget(&item);
        Ok(())
    }

    /// An item is off the interest list: off the wait queues and the ready list with it.
    fn forget(&self, item: &Arc<Item>) {
        item.detach();
        let removed = self.ready.lock().remove(item);
        drop(removed);
    }

    /// The last reference to a watched file goes away.
    fn file_closed(&self, item: &Arc<Item>) {
        let removed = {
            let mut items = self.items.lock();
            let key = item.key();
            if items.get(&key).is_some_and(|found| Arc::ptr_eq(found, item)) { items.remove(&key) } else { None }
        };
        drop(removed);
        self.forget(item);
    }

    /// The usual case of [`EventPoll::collect`]: one item is ready, level-triggered, and stays on the list. None, with nothing
    /// done, where it is another case or `deliver` fails.
    #[inline(never)]
    fn collect_only(&self, deliver: &mut impl FnMut(u32, u64) -> Result<()>) -> Option<usize> {
        let mut orphans = Orphans::default();
        let _items = self.items.lock();
        let item = {
            let ready = self.ready.lock();
            if ready.len() == 1 { ready.front().cloned() } else { None }
        }?;
        if item.events() & (flag::ONESHOT | flag::EDGE_TRIGGERED) != 0 {
            return None;
        }
        let file = item.file()?;
        let events = item.ready_events(&file).0;
        let delivered = events != 0 && deliver(events, item.data()).is_ok();
        orphans.release(Some(file));
        delivered.then(|| {
            self.waiting.wake(PollEvents::IN.0);
            1
        })
    }

    /// Hands ready events to `deliver` until it fails or the list was gone through once; how many were taken.
    fn collect(&self, most: usize, deliver: &mut impl FnMut(u32, u64) -> Result<()>) -> Result<usize> {
        let mut orphans = Orphans::default();
        let _items = self.items.lock();
        let mut count = 0;
        let mut failure = None;
        let mut ready = self.ready.lock();
        let turns = ready.len();
        for _ in 0..turns {
            if count >= most {
                break;
            }
            // Level-triggered items mostly stay on the list; the others leave it before they are looked at, so that what happens
            // meanwhile puts them on it again.
            let Some(item) = ready.front().cloned() else { break };
            let stays = item.events() & (flag::ONESHOT | flag::EDGE_TRIGGERED) == 0;
            let taken = if stays { None } else { ready.remove(&item) };
            drop(ready);
            drop(taken);
            let file = item.file();
            let mut events = file.as_ref().map_or(0, |file| item.ready_events(file).0);
            if events == 0 && stays {
                let taken = self.ready.lock().remove(&item);
                drop(taken);
                events = file.as_ref().map_or(0, |file| item.ready_events(file).0);
                if events != 0 {
                    let _ = self.ready.lock().push_back(item.clone());
                }
            }
            let delivered = if events == 0 { Ok(()) } else { deliver(events, item.data()) };
            orphans.release(file);
            ready = self.ready.lock();
            if let Err(error) = delivered {
                // Where it stays it is on the list already.
                let _ = ready.push_front(item);
                failure = Some(error);
                break;
            }
            if events == 0 {
                continue;
            }
            count += 1;
            if item.events() & flag::ONESHOT != 0 {
                item.disarm();
            } else if stays && ready.len() > 1 {
                ready.move_to_back(&item);
            }
        }
        let more = !ready.is_empty();
        drop(ready);
        if more {
            self.waiting.wake(PollEvents::IN.0);
        }
        match failure {
            Some(error) if count == 0 => Err(error),
            _ => Ok(count),
        }
    }

    /// The file that was added under a descriptor; of several the one with this number, in an order of their own.
    fn watched(&self, fd: i32, number: u32) -> Option<Arc<File>> {
        let item = self.items.lock().values().filter(|item| item.key().1 == fd).nth(number as usize).cloned();
        item?.file()
    }

    /// Whether some watched file is ready now; stale items leave the ready list.
    fn is_ready(&self) -> bool {
        let mut orphans = Orphans::default();
        let _items = self.items.lock();
        let turns = self.ready.lock().len();
        for _ in 0..turns {
            let Some(item) = self.ready.lock().pop_front() else { return false };
            let file = item.file();
            let is_ready = file.as_ref().is_some_and(|file| item.ready_events(file).0 != 0);
            orphans.release(file);
            if is_ready {
                let _ = self.ready.lock().push_front(item);
                return true;
            }
        }
        false
    }

    /// The instances watched by this one.
    fn children(&self) -> Vec<Arc<EventPoll>> {
        let items = self.items.lock();
        let nested = items.values().filter_map(|item| item.file());
        nested.filter_map(|file| file.downcast::<EpollFile>().map(|other| other.0.clone())).collect()
    }
    /// Whether `other` can be reached from here within `left` steps.
    fn reaches(&self, other: &Arc<EventPoll>, left: usize) -> bool {
        left > 0 && self.children().iter().any(|child| Arc::ptr_eq(child, other) || child.reaches(other, left - 1))
    }
    /// Length of the longest chain below, counted up to `left`.
    fn depth(&self, left: usize) -> usize {
        if left == 0 {
            return 0;
        }
        self.children().iter().map(|child| 1 + child.depth(left - 1)).max().unwrap_or(0)
    }
    /// Length of the longest chain of instances that watch this one, counted up to `left`.
    fn height(&self, left: usize) -> usize {
        if left == 0 {
            return 0;
        }
        let parents: Vec<_> = self.watched_by.lock().iter().filter_map(Weak::upgrade).collect();
        parents.iter().map(|parent| 1 + parent.height(left - 1)).max().unwrap_or(0)
    }
}

/// The open file of an instance.
pub struct EpollFile(Arc<EventPoll>);
impl FileOperations for EpollFile {
    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.0.polled);
        }
        if self.0.is_ready() { PollEvents::IN | PollEvents::RDNORM } else { PollEvents::NONE }
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn release(&self, _file: &File) {
        let items = core::mem::take(&mut *self.0.items.lock());
        for item in items.values() {
            if let Some(file) = item.file() {
                file.watches().remove(item);
            }
            self.0.forget(item);
        }
    }
    fn show_information(&self, _file: &File, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        let items = self.0.items.lock();
        for item in items.values() {
            let (events, data) = (item.events(), item.data());
            writeln!(out, "tfd: {:8} events: {events:8x} data: {data:16x}", item.key().1)?;
        }
        Ok(())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The file that an epoll instance watches under a descriptor, for kcmp(2): EINVAL if it is no instance, ENOENT.
pub fn watched_file(instance: &Arc<File>, fd: i32, number: u32) -> Result<Arc<File>> {
    instance.downcast::<EpollFile>().ok_or(EINVAL)?.0.watched(fd, number).ok_or(ENOENT)
}
