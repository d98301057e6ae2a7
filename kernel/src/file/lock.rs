//! Advisory locks: flock(2), POSIX record locks and open-file-description locks (fcntl(2)).
//!
//! Each inode has two lists: whole-file locks of open files (flock), and byte ranges of owners, where an owner is a process's
//! descriptor table (POSIX) or an open file (OFD).
use super::descriptor::FileTable;
use super::inode::Inode;
use super::lease::{self, Lease};
use super::lock_range::{Conflict, Kind, Owner, Range, RangeLocks};
use super::lock_report;
use super::open_file::File;
use crate::error::*;
use crate::process::Task;
use crate::sync::{Mutex, rank};
use crate::wait::{Sleep, WaitError, WaitQueue};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::sync::atomic::Ordering;
use machine::memory::try_box;

/// The locks of one inode.
pub struct InodeLocks {
    lists: Mutex<Lists>,
    /// Woken when a lock goes.
    released: WaitQueue,
    pub(super) leases: Mutex<Vec<Lease>>,
    /// Woken when a lease goes or becomes weaker.
    pub(super) broken: WaitQueue,
}
#[derive(Default)]
struct Lists {
    /// flock: address of the open file, whether it is exclusive, and the process that took it.
    whole: Vec<(usize, bool, i32)>,
    ranges: RangeLocks,
}

/// Who waits for whom among POSIX owners: a request that would close a cycle gets EDEADLK.
static WAITING: Mutex<Vec<(Owner, Owner)>> = Mutex::new(rank::FILE_LOCKS, Vec::new());

fn address<T>(object: &T) -> usize {
    core::ptr::from_ref(object).addr()
}

/// The locks of an inode, made when they are first used. ENOMEM.
pub(super) fn locks(inode: &Arc<Inode>) -> Result<&InodeLocks> {
    if let Some(locks) = inode.locks.get() {
        return Ok(locks);
    }
    let fresh = InodeLocks {
        lists: Mutex::new(rank::FILE_LOCKS, Lists::default()),
        released: WaitQueue::new(),
        leases: Mutex::new(rank::FILE_LOCKS, Vec::new()),
        broken: WaitQueue::new(),
    };
    if inode.locks.set(try_box(fresh)?).is_ok() {
        lock_report::LOCKED.add(inode)?;
    }
    inode.locks.get().map(|locks| &**locks).ok_or(ENOMEM)
}

/// Sleeps for a lock, interruptibly.
fn interrupted(error: WaitError) -> Error {
    match error {
        WaitError::Interrupted => ERESTARTSYS,
        WaitError::TimedOut => EAGAIN,
    }
}

/// flock(2): takes (`Some(exclusive)`) or drops the lock of an open file. EWOULDBLOCK if it must not wait.
pub fn flock(file: &File, wanted: Option<bool>, wait: bool) -> Result<()> {
    let locks = locks(file.inode())?;
    let own = address(file);
    let Some(exclusive) = wanted else {
        locks.lists.lock().whole.retain(|(owner, ..)| *owner != own);
        locks.released.wake_all();
        return Ok(());
    };
    file.has_locks.store(true, Ordering::Relaxed);
    {
        // A conversion drops the old lock first, as in Linux.
        let mut lists = locks.lists.lock();
        if lists.whole.iter().any(|(owner, kind, _)| *owner == own && *kind == exclusive) {
            return Ok(());
        }
        let before = lists.whole.len();
        lists.whole.retain(|(owner, ..)| *owner != own);
        if lists.whole.len() != before {
            drop(lists);
            locks.released.wake_all();
        }
    }
    let attempt = || -> Option<Result<()>> {
        let mut lists = locks.lists.lock();
        if lists.whole.iter().any(|(owner, other, _)| *owner != own && (exclusive || *other)) {
            return None;
        }
        if lists.whole.try_reserve(1).is_err() {
            return Some(Err(ENOLCK));
        }
        lists.whole.push((own, exclusive, Task::current().group().id() as i32));
        Some(Ok(()))
    };
    if !wait {
        return attempt().unwrap_or(Err(EAGAIN));
    }
    locks.released.wait_until(Sleep::Interruptible, None, attempt).map_err(interrupted)?
}

/// The conflict that F_GETLK reports for a lock, if any.
pub fn find_conflict(file: &File, owner: Owner, kind: Kind, range: Range) -> Option<Conflict> {
    let locks = file.inode().locks.get()?;
    locks.lists.lock().ranges.conflict(owner, kind, range)
}

/// F_SETLK and F_SETLKW: takes (`Some`) or drops locks on a range. EAGAIN, EDEADLK, ENOLCK.
pub fn set_range(file: &File, owner: Owner, kind: Option<Kind>, range: Range, id: i32, wait: bool) -> Result<()> {
    let Some(kind) = kind else {
        let Some(locks) = file.inode().locks.get() else { return Ok(()) };
        locks.lists.lock().ranges.unlock(owner, range)?;
        locks.released.wake_all();
        return Ok(());
    };
    let locks = locks(file.inode())?;
    if matches!(owner, Owner::File(_)) {
        file.has_locks.store(true, Ordering::Relaxed);
    }
    let attempt = || -> Option<Result<()>> {
        let mut lists = locks.lists.lock();
        match lists.ranges.conflict(owner, kind, range) {
            None => {
                let result = lists.ranges.lock(owner, kind, range, id);
                drop(lists);
                // A lock that became weaker may let others in.
                locks.released.wake_all();
                Some(result)
            }
            Some(conflict) => {
                if wait && let Owner::Table(_) = owner {
                    let mut waiting = WAITING.lock();
                    waiting.retain(|(who, _)| *who != owner);
                    if closes_cycle(&waiting, owner, conflict.owner) {
                        return Some(Err(EDEADLK));
                    }
                    if waiting.try_reserve(1).is_err() {
                        return Some(Err(ENOLCK));
                    }
                    waiting.push((owner, conflict.owner));
                }
                None
            }
        }
    };
    if !wait {
        return attempt().unwrap_or(Err(EAGAIN));
    }
    let result = locks.released.wait_until(Sleep::Interruptible, None, attempt);
    WAITING.lock().retain(|(who, _)| *who != owner);
    result.map_err(interrupted)?
}

/// Whether `owner` waiting for `holder` would wait for itself in the end.
fn closes_cycle(waiting: &[(Owner, Owner)], owner: Owner, holder: Owner) -> bool {
    let mut at = holder;
    for _ in 0..=waiting.len() {
        if at == owner {
            return true;
        }
        match waiting.iter().find(|(who, _)| *who == at) {
            Some((_, next)) => at = *next,
            None => return false,
        }
    }
    false
}

/// A descriptor of a process was closed: its POSIX locks on the file end, whatever descriptor took them.
pub(super) fn release_posix(file: &Arc<File>, table: &FileTable) {
    let Some(locks) = file.inode().locks.get() else { return };
    let gone = locks.lists.lock().ranges.remove_owner(Owner::Table(address(table)));
    if gone {
        locks.released.wake_all();
    }
}

/// The last reference to an open file is gone: its flock and OFD locks end.
pub(super) fn release_file(file: &File) {
    let Some(locks) = file.inode().locks.get() else { return };
    let own = address(file);
    lease::release(file, locks);
    let mut lists = locks.lists.lock();
    lists.whole.retain(|(owner, ..)| *owner != own);
    lists.ranges.remove_owner(Owner::File(own));
    drop(lists);
    locks.released.wake_all();
}

/// Runs `show` on every lock of an inode, leases among them.
pub(super) fn for_each(inode: &Inode, mut show: impl FnMut(Shown)) {
    let Some(locks) = inode.locks.get() else { return };
    let lists = locks.lists.lock();
    for (file, exclusive, id) in &lists.whole {
        let kind = if *exclusive { Kind::Write } else { Kind::Read };
        show(Shown { what: "FLOCK  ADVISORY ", kind: Some(kind), owner: Owner::File(*file), id: *id, range: None });
    }
    lists.ranges.for_each(|lock| {
        let what = if matches!(lock.owner, Owner::File(_)) { "OFDLCK ADVISORY " } else { "POSIX  ADVISORY " };
        show(Shown { what, kind: Some(lock.kind), owner: lock.owner, id: lock.id, range: Some(lock.range) });
    });
    drop(lists);
    lease::for_each(locks, |is_breaking, kind, id, file| {
        let what = if is_breaking { "LEASE  BREAKING " } else { "LEASE  ACTIVE   " };
        show(Shown { what, kind, owner: Owner::File(file), id, range: None });
    });
}

/// A lock as /proc shows it.
pub(super) struct Shown {
    /// Its sort, and how it stands.
    pub(super) what: &'static str,
    /// `None`: a lease that is to be given up.
    pub(super) kind: Option<Kind>,
    pub(super) owner: Owner,
    /// The process that took it, -1 for locks of open files.
    pub(super) id: i32,
    /// `None`: all of the file.
    pub(super) range: Option<Range>,
}

/// The owner of a task's POSIX locks.
pub fn posix_owner(task: &Task) -> Owner {
    Owner::Table(address(&*task.files()))
}

/// The owner of an open file's OFD locks.
pub fn file_owner(file: &File) -> Owner {
    Owner::File(address(file))
}

/// Boxed, since most inodes never have one.
pub type Slot = crate::sync::Once<Box<InodeLocks>>;
