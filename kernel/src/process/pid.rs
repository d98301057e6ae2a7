//! Process identifiers: numbers in pid namespaces, and what bears them (threads, process groups, sessions).
//!
//! A number is in use as long as a thread, a process group or a session bears it. Tables are looked up under a spin lock that
//! is held for a few instructions; nobody needs one to know his own numbers.
use super::namespace::{Identity, first};
use super::session::{ProcessGroup, Session};
use super::{Task, ThreadGroup};
use crate::error::{EAGAIN, EEXIST, Result};
use crate::sync::{SpinLock, rank};
use crate::wait::WaitQueue;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

/// Numbers below this are given out only once, before the first wrap.
const RESERVED: u32 = 300;
/// Entries of one chunk of the table.
const CHUNK: usize = 256;
/// Highest possible limit of numbers (PID_MAX_LIMIT).
pub const LIMIT: u32 = 4 * 1024 * 1024;

/// What bears a number.
pub struct PidEntry {
    /// The number in the root namespace.
    number: AtomicU32,
    namespace: Arc<PidNamespace>,
    /// How many of thread, process group and session bear it.
    bearers: AtomicU32,
    task: SpinLock<Option<Arc<Task>>>,
    group: SpinLock<Option<Arc<ProcessGroup>>>,
    session: SpinLock<Option<Arc<Session>>>,
    /// Woken when the process of this number ends (pidfds).
    pub ended: Arc<WaitQueue>,
}

/// A pid namespace: an own space of numbers (pid_namespaces(7)).
pub struct PidNamespace {
    /// Depth: 0 is the root.
    pub level: u32,
    parent: Option<Arc<PidNamespace>>,
    /// Its file's number and its owner.
    pub identity: Identity,
    /// One more than the highest number given out.
    maximum: AtomicU32,
    table: SpinLock<Table>,
}

struct Table {
    chunks: Vec<Option<Box<Chunk>>>,
    last: u32,
    used: u32,
}
type Chunk = [Option<Arc<PidEntry>>; CHUNK];

/// What to do before a number can be found.
enum Missing {
    Room(usize),
    Chunk(usize),
}

impl Table {
    fn slot(&mut self, number: u32) -> Option<&mut Option<Arc<PidEntry>>> {
        let (chunk, index) = (number as usize / CHUNK, number as usize % CHUNK);
        self.chunks.get_mut(chunk)?.as_mut()?.get_mut(index)
    }
    /// The next free number after the last one, or what the table lacks; `None` if all are taken.
    fn next_free(&mut self, maximum: u32) -> Option<core::result::Result<u32, Missing>> {
        let (mut number, mut wrapped) = (self.last.saturating_add(1), false);
        loop {
            if number >= maximum {
                if wrapped {
                    return None;
                }
                (number, wrapped) = (RESERVED.min(maximum.saturating_sub(1)).max(1), true);
            }
            let chunk = number as usize / CHUNK;
            match self.chunks.get(chunk) {
                None => return Some(Err(Missing::Room(chunk))),
                Some(None) => return Some(Err(Missing::Chunk(chunk))),
                Some(Some(entries)) if entries.get(number as usize % CHUNK).is_some_and(Option::is_none) => {
                    return Some(Ok(number));
                }
                _ => number = number.saturating_add(1),
            }
        }
    }
}

impl PidNamespace {
    /// The root namespace, with no numbers in use.
    pub fn new_root() -> Result<Arc<PidNamespace>> {
        Ok(machine::memory::try_arc(PidNamespace {
            level: 0,
            parent: None,
            identity: Identity::first(first::PID)?,
            maximum: AtomicU32::new(32_768),
            table: SpinLock::new(rank::NAMESPACE, Table { chunks: Vec::new(), last: 0, used: 0 }),
        })?)
    }
    /// The namespace it was made in; `None` for the root.
    pub fn parent(&self) -> Option<&Arc<PidNamespace>> {
        self.parent.as_ref()
    }
    /// Whether it is `other` or was made in it, at whatever depth.
    pub fn is_within(self: &Arc<Self>, other: &Arc<PidNamespace>) -> bool {
        let mut at = self;
        while at.level > other.level {
            let Some(parent) = &at.parent else { return false };
            at = parent;
        }
        Arc::ptr_eq(at, other)
    }
    /// Whether its first process has been made.
    pub fn has_begun(&self) -> bool {
        self.last() != 0
    }
    /// pid_max: one more than the highest number.
    pub fn maximum(&self) -> u32 {
        self.maximum.load(Ordering::Relaxed)
    }
    /// Changes pid_max (bounded to what Linux allows).
    pub fn set_maximum(&self, maximum: u32) {
        self.maximum.store(maximum.clamp(RESERVED + 1, LIMIT), Ordering::Relaxed);
    }
    /// The number given out last (/proc/loadavg).
    pub fn last(&self) -> u32 {
        self.table.lock().last
    }
    /// How many numbers are in use.
    pub fn used(&self) -> u32 {
        self.table.lock().used
    }
    /// The entry of tasks that have no number: 0, in no table.
    pub fn zero(self: &Arc<Self>) -> Result<Arc<PidEntry>> {
        Ok(machine::memory::try_arc(PidEntry::new(self)?)?)
    }
    /// Gives a new entry the next free number; EAGAIN when there is none.
    pub fn allocate(self: &Arc<Self>) -> Result<Arc<PidEntry>> {
        let entry = self.zero()?;
        loop {
            let mut table = self.table.lock();
            let missing = match table.next_free(self.maximum()) {
                None => return Err(EAGAIN.because("no process id is free")),
                Some(Ok(number)) => {
                    entry.number.store(number, Ordering::Relaxed);
                    if let Some(slot) = table.slot(number) {
                        *slot = Some(entry.clone());
                    }
                    table.last = number;
                    table.used += 1;
                    return Ok(entry);
                }
                Some(Err(missing)) => missing,
            };
            drop(table);
            self.extend(missing)?;
        }
    }
    /// Gives a new entry this number. EEXIST if it is in use.
    pub fn allocate_chosen(self: &Arc<Self>, number: u32) -> Result<Arc<PidEntry>> {
        let entry = self.zero()?;
        entry.number.store(number, Ordering::Relaxed);
        let chunk = number as usize / CHUNK;
        loop {
            let mut table = self.table.lock();
            let missing = match table.chunks.get(chunk) {
                None => Missing::Room(chunk),
                Some(None) => Missing::Chunk(chunk),
                Some(Some(_)) => {
                    let slot = table.slot(number).filter(|slot| slot.is_none()).ok_or(EEXIST)?;
                    *slot = Some(entry.clone());
                    table.used += 1;
                    return Ok(entry);
                }
            };
            drop(table);
            self.extend(missing)?;
        }
    }
    /// Makes room in the table; memory is allocated outside its lock.
    fn extend(&self, missing: Missing) -> Result<()> {
        match missing {
            Missing::Room(chunk) => {
                let mut chunks = Vec::new();
                chunks.try_reserve_exact((chunk + 1).next_power_of_two())?;
                let mut table = self.table.lock();
                if table.chunks.len() <= chunk && table.chunks.len() < chunks.capacity() {
                    chunks.append(&mut table.chunks);
                    while chunks.len() < chunks.capacity() {
                        chunks.push(None);
                    }
                    core::mem::swap(&mut table.chunks, &mut chunks);
                }
                drop(table);
                drop(chunks);
            }
            Missing::Chunk(chunk) => {
                let mut fresh = Some(machine::memory::try_box::<Chunk>([const { None }; CHUNK])?);
                let mut table = self.table.lock();
                if let Some(place @ None) = table.chunks.get_mut(chunk) {
                    *place = fresh.take();
                }
                drop(table);
                drop(fresh);
            }
        }
        Ok(())
    }
    /// The entry with this number.
    pub fn find(&self, number: u32) -> Option<Arc<PidEntry>> {
        self.table.lock().slot(number)?.clone()
    }
    /// The first entry with this number or a higher one (directory listings).
    pub fn find_from(&self, number: u32) -> Option<Arc<PidEntry>> {
        let table = self.table.lock();
        let (first, mut skip) = (number as usize / CHUNK, number as usize % CHUNK);
        for chunk in table.chunks.iter().skip(first) {
            if let Some(entries) = chunk
                && let Some(entry) = entries.iter().skip(skip).flatten().next()
            {
                return Some(entry.clone());
            }
            skip = 0;
        }
        None
    }
    /// The thread with this number.
    pub fn find_task(&self, number: u32) -> Option<Arc<Task>> {
        self.find(number)?.task()
    }
    /// The process whose leader has this number.
    pub fn find_group(&self, number: u32) -> Option<Arc<ThreadGroup>> {
        let task = self.find_task(number)?;
        task.is_leader().then(|| task.group().clone())
    }
    fn free(&self, entry: &PidEntry) {
        let mut table = self.table.lock();
        let freed = table.slot(entry.number()).and_then(Option::take);
        if freed.is_some() {
            table.used -= 1;
        }
        drop(table);
        drop(freed);
    }
}

impl PidEntry {
    fn new(namespace: &Arc<PidNamespace>) -> Result<PidEntry> {
        Ok(PidEntry {
            number: AtomicU32::new(0),
            namespace: namespace.clone(),
            bearers: AtomicU32::new(0),
            task: SpinLock::new(rank::PID_ENTRY, None),
            group: SpinLock::new(rank::PID_ENTRY, None),
            session: SpinLock::new(rank::PID_ENTRY, None),
            ended: machine::memory::try_arc(WaitQueue::new())?,
        })
    }
    /// The number in the root namespace.
    #[inline(always)]
    pub fn number(&self) -> u32 {
        self.number.load(Ordering::Relaxed)
    }
    /// The number as seen from a namespace, 0 where it is not visible.
    pub fn number_in(&self, namespace: &PidNamespace) -> u32 {
        if namespace.level <= self.namespace.level { self.number() } else { 0 }
    }
    /// The namespace the number was made in.
    pub fn namespace(&self) -> &Arc<PidNamespace> {
        &self.namespace
    }
    /// The thread that bears the number.
    pub fn task(&self) -> Option<Arc<Task>> {
        self.task.lock().clone()
    }
    /// The process group that bears it.
    pub fn process_group(&self) -> Option<Arc<ProcessGroup>> {
        self.group.lock().clone()
    }
    /// The session that bears it.
    pub fn session(&self) -> Option<Arc<Session>> {
        self.session.lock().clone()
    }
    fn attach<T>(&self, place: &SpinLock<Option<Arc<T>>>, bearer: Arc<T>) {
        let previous = place.lock().replace(bearer);
        if previous.is_none() {
            self.bearers.fetch_add(1, Ordering::AcqRel);
        }
        drop(previous);
    }
    fn detach<T>(&self, place: &SpinLock<Option<Arc<T>>>, bearer: &T) {
        let mut held = place.lock();
        let is_bearer = held.as_deref().is_some_and(|held| core::ptr::eq(held, bearer));
        let previous = if is_bearer { held.take() } else { None };
        drop(held);
        if previous.is_some() && self.bearers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.namespace.free(self);
        }
        drop(previous);
    }
    /// Makes the thread bear the number.
    pub fn attach_task(&self, task: Arc<Task>) {
        self.attach(&self.task, task);
    }
    /// The thread is gone. No lock of the process tree may be held, for this and the next ones.
    pub fn detach_task(&self, task: &Task) {
        self.detach(&self.task, task);
    }
    /// Makes the process group bear the number.
    pub fn attach_group(&self, group: Arc<ProcessGroup>) {
        self.attach(&self.group, group);
    }
    /// The process group is gone.
    pub fn detach_group(&self, group: &ProcessGroup) {
        self.detach(&self.group, group);
    }
    /// Makes the session bear the number.
    pub fn attach_session(&self, session: Arc<Session>) {
        self.attach(&self.session, session);
    }
    /// The session is gone.
    pub fn detach_session(&self, session: &Session) {
        self.detach(&self.session, session);
    }
    /// Frees a number that nobody came to bear.
    pub fn abandon(&self) {
        if self.bearers.load(Ordering::Acquire) == 0 {
            self.namespace.free(self);
        }
    }
}
