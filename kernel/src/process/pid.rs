//! Process identifiers: numbers in pid namespaces, and what bears them (threads, process groups, sessions).
//!
//! What bears a number in one namespace bears another in each namespace above it.
//! A number is in use as long as a thread, a process group or a session bears it. Tables are looked up under a spin lock that
//! is held for a few instructions; nobody needs one to know his own numbers.
use super::accounting::Accounting;
use super::namespace::{Identity, Kind, Owner, first};
use super::session::{ProcessGroup, Session};
use super::{Task, ThreadGroup};
use crate::error::*;
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
    /// The numbers in the namespaces from the root's child down to `namespace`; none in the root.
    below: Vec<AtomicU32>,
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
    table: SpinLock<Table>,
    /// Woken when a number comes back after the namespace has ended.
    emptied: WaitQueue,
    /// What its first process is told to have ended by (reboot(2)), 0 for nothing.
    pub reboot_signal: AtomicU32,
    /// Where the records of its processes go.
    pub accounting: Accounting,
}
/// One more than the highest number given out (pid_max).
static MAXIMUM: AtomicU32 = AtomicU32::new(32_768);
/// Most levels below the root.
pub const LEVELS_MAXIMUM: u32 = 32;

struct Table {
    chunks: Vec<Chunk>,
    last: u32,
    used: u32,
    /// The first process has ended: no number is given out any more.
    closed: bool,
    /// The first process has been made.
    begun: bool,
}
type Entries = [Option<Arc<PidEntry>>; CHUNK];
/// So many numbers in a row: the memory is there while one of them is in use, and where the last one was given out.
#[derive(Default)]
struct Chunk {
    entries: Option<Box<Entries>>,
    used: u32,
}

/// What to do before a number can be found.
enum Missing {
    Room(usize),
    Chunk(usize),
}

impl Table {
    const EMPTY: Table = Table { chunks: Vec::new(), last: 0, used: 0, closed: false, begun: false };
    fn slot(&mut self, number: u32) -> Option<&mut Option<Arc<PidEntry>>> {
        let (chunk, index) = (number as usize / CHUNK, number as usize % CHUNK);
        self.chunks.get_mut(chunk)?.entries.as_mut()?.get_mut(index)
    }
    /// Counts a number that was put into the table.
    fn note_taken(&mut self, number: u32) {
        self.used += 1;
        if let Some(chunk) = self.chunks.get_mut(number as usize / CHUNK) {
            chunk.used += 1;
        }
    }
    /// Counts a number that was taken out; the memory around it, if nobody needs it now.
    fn note_freed(&mut self, number: u32) -> Option<Box<Entries>> {
        self.used -= 1;
        let is_next = self.last as usize / CHUNK == number as usize / CHUNK;
        let chunk = self.chunks.get_mut(number as usize / CHUNK)?;
        chunk.used -= 1;
        if chunk.used == 0 && !is_next { chunk.entries.take() } else { None }
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
            match self.chunks.get(chunk).map(|chunk| &chunk.entries) {
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
            table: SpinLock::new(rank::NAMESPACE, Table::EMPTY),
            emptied: WaitQueue::new(),
            reboot_signal: AtomicU32::new(0),
            accounting: Accounting::off(),
        })?)
    }
    /// A namespace in this one (CLONE_NEWPID). EINVAL for an owner that does not lie within this one's, ENOSPC.
    pub fn make_child(self: &Arc<Self>, owner: &Owner) -> Result<Arc<PidNamespace>> {
        if !owner.namespace.is_within(&self.identity.owner) {
            return Err(EINVAL);
        }
        if self.level >= LEVELS_MAXIMUM {
            return Err(ENOSPC.because("too many levels of pid namespaces"));
        }
        Ok(machine::memory::try_arc(PidNamespace {
            level: self.level + 1,
            parent: Some(self.clone()),
            identity: Identity::new(owner, Kind::Pid)?,
            table: SpinLock::new(rank::NAMESPACE, Table::EMPTY),
            emptied: WaitQueue::new(),
            reboot_signal: AtomicU32::new(0),
            accounting: Accounting::off(),
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
        self.table.lock().begun
    }
    /// pid_max: one more than the highest number.
    pub fn maximum(&self) -> u32 {
        MAXIMUM.load(Ordering::Relaxed)
    }
    /// Changes pid_max (bounded to what Linux allows).
    pub fn set_maximum(&self, maximum: u32) {
        MAXIMUM.store(maximum.clamp(RESERVED + 1, LIMIT), Ordering::Relaxed);
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
    /// Its first process, which its orphans are given to.
    pub fn first_process(&self) -> Option<Arc<ThreadGroup>> {
        self.find_group(1)
    }
    /// Gives out no more numbers: the first process ends.
    pub fn close(&self) {
        self.table.lock().closed = true;
    }
    /// Whether it gives out no more numbers.
    pub fn is_closed(&self) -> bool {
        self.table.lock().closed
    }
    /// Waits until no more than so many numbers are in use. The namespace is closed.
    pub fn wait_for_end(&self, left: u32) {
        let done = || (self.used() <= left).then_some(());
        // Nothing ends the wait before.
        let _ = self.emptied.wait_until(crate::wait::Sleep::Uninterruptible, None, done);
    }
    /// Gives a new entry the next free number here and in every namespace above; EAGAIN when there is none, ENOMEM once the first
    /// process has ended.
    pub fn allocate(self: &Arc<Self>) -> Result<Arc<PidEntry>> {
        self.allocate_chosen(&[])
    }
    /// As `allocate`, with these numbers from this namespace outwards. EEXIST if one is in use.
    pub fn allocate_chosen(self: &Arc<Self>, chosen: &[u32]) -> Result<Arc<PidEntry>> {
        let entry = self.zero()?;
        let (mut at, mut chosen) = (self, chosen.iter().copied());
        loop {
            at.place(&entry, chosen.next()).inspect_err(|_| entry.free(at.level + 1))?;
            match &at.parent {
                Some(parent) => at = parent,
                None => return Ok(entry),
            }
        }
    }
    /// Puts an entry into the table.
    fn place(&self, entry: &Arc<PidEntry>, chosen: Option<u32>) -> Result<()> {
        loop {
            let mut table = self.table.lock();
            if table.closed {
                return Err(ENOMEM.because("the first process of the pid namespace has ended"));
            }
            let next = match chosen {
                None => table.next_free(self.maximum()),
                Some(number) => match table.chunks.get(number as usize / CHUNK).map(|chunk| &chunk.entries) {
                    None => Some(Err(Missing::Room(number as usize / CHUNK))),
                    Some(None) => Some(Err(Missing::Chunk(number as usize / CHUNK))),
                    Some(Some(_)) => Some(Ok(number)),
                },
            };
            let missing = match next {
                None => return Err(EAGAIN.because("no process id is free")),
                Some(Ok(number)) => {
                    // A number asked for may be taken; others are free.
                    let slot = table.slot(number).filter(|slot| slot.is_none()).ok_or(EEXIST)?;
                    entry.set_number(self.level, number);
                    *slot = Some(entry.clone());
                    if chosen.is_none() {
                        table.last = number;
                    }
                    table.note_taken(number);
                    table.begun |= number == 1;
                    return Ok(());
                }
                Some(Err(missing)) => missing,
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
                        chunks.push(Chunk::default());
                    }
                    core::mem::swap(&mut table.chunks, &mut chunks);
                }
                drop(table);
                drop(chunks);
            }
            Missing::Chunk(chunk) => {
                let mut fresh = Some(machine::memory::try_box::<Entries>([const { None }; CHUNK])?);
                let mut table = self.table.lock();
                if let Some(Chunk { entries: entries @ None, .. }) = table.chunks.get_mut(chunk) {
                    *entries = fresh.take();
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
            if let Some(entries) = &chunk.entries
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
    /// Gives back the number of an entry, if it still is this entry's.
    fn free(&self, entry: &PidEntry) {
        let mut table = self.table.lock();
        let is_it = |held: &mut Arc<PidEntry>| core::ptr::eq(&**held, entry);
        let number = entry.number_in(self);
        let freed = table.slot(number).and_then(|slot| slot.take_if(is_it));
        let mut unused = None;
        if freed.is_some() {
            unused = table.note_freed(number);
            if table.used == 0 && !table.closed {
                // The first process never came to be: the next one is.
                (table.last, table.begun) = (0, false);
            }
        }
        let closed = table.closed;
        drop(table);
        drop((freed, unused));
        if closed {
            self.emptied.wake_all();
        }
    }
}

impl PidEntry {
    fn new(namespace: &Arc<PidNamespace>) -> Result<PidEntry> {
        let mut below = Vec::new();
        below.try_reserve_exact(namespace.level as usize)?;
        below.extend((0..namespace.level).map(|_| AtomicU32::new(0)));
        Ok(PidEntry {
            number: AtomicU32::new(0),
            below,
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
    /// The number in the namespace that it was made in.
    pub fn own_number(&self) -> u32 {
        self.below.last().unwrap_or(&self.number).load(Ordering::Relaxed)
    }
    /// The number as seen from a namespace, 0 where it is not visible.
    pub fn number_in(&self, namespace: &PidNamespace) -> u32 {
        if namespace.level == 0 {
            return self.number();
        }
        let mut at = &self.namespace;
        while at.level > namespace.level
            && let Some(parent) = &at.parent
        {
            at = parent;
        }
        let number = self.below.get(namespace.level as usize - 1);
        let seen = number.filter(|_| core::ptr::eq(&**at, namespace));
        seen.map_or(0, |number| number.load(Ordering::Relaxed))
    }
    /// The numbers in a namespace and those below it, down to the one it was made in; none where it is not visible.
    pub fn numbers_from(&self, namespace: &PidNamespace) -> impl Iterator<Item = u32> {
        let visible = self.number_in(namespace) != 0;
        let all = core::iter::once(&self.number).chain(&self.below).skip(namespace.level as usize);
        all.take(if visible { usize::MAX } else { 0 }).map(|number| number.load(Ordering::Relaxed))
    }
    fn set_number(&self, level: u32, number: u32) {
        let place = match level {
            0 => Some(&self.number),
            level => self.below.get(level as usize - 1),
        };
        if let Some(place) = place {
            place.store(number, Ordering::Relaxed);
        }
    }
    /// Gives the numbers back in the namespaces from its own up to the one of the level `end`.
    fn free(&self, end: u32) {
        let mut at = Some(&self.namespace);
        while let Some(namespace) = at.filter(|namespace| namespace.level >= end) {
            namespace.free(self);
            at = namespace.parent.as_ref();
        }
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
            self.free(0);
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
            self.free(0);
        }
    }
}
