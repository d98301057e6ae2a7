//! Leases (F_SETLEASE in fcntl(2)): their holder learns by a signal that somebody is about to open or truncate a file, who waits
//! until the lease is given up, made weaker, or taken away after /proc/sys/fs/lease-break-time.
use super::inode::Inode;
use super::lock::{InodeLocks, locks};
use super::lock_range::Kind;
use super::open_file::{File, open_flag};
use super::signal_driven::{Reason, SignalOwner};
use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::Fd;
use crate::wait::{Sleep, WaitError};
use alloc::{sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Seconds that a holder has to give up a lease (fs.lease-break-time); 0 or less for as long as it likes.
pub static BREAK_SECONDS: AtomicI32 = AtomicI32::new(45);
/// Whether leases are given (fs.leases-enable).
pub static ENABLED: AtomicBool = AtomicBool::new(true);

/// A lease of an open file.
pub struct Lease {
    /// The open file, by its address.
    file: usize,
    kind: Kind,
    /// The process that took it.
    id: i32,
    descriptor: Fd,
    owner: Arc<SignalOwner>,
    /// It is to be given up, or to become one for reading: by when, in nanoseconds of the monotonic clock.
    unlock_by: Option<u64>,
    downgrade_by: Option<u64>,
}

/// As long as the holder likes.
const NEVER: u64 = u64::MAX;

impl Lease {
    /// Whether somebody waits for it to be given up or made weaker.
    fn is_breaking(&self) -> bool {
        self.unlock_by.is_some() || self.downgrade_by.is_some()
    }
    /// What it is to become: F_GETLEASE's answer.
    fn target(&self) -> Option<Kind> {
        match (self.unlock_by, self.downgrade_by) {
            (Some(_), _) => None,
            (None, Some(_)) => Some(Kind::Read),
            (None, None) => Some(self.kind),
        }
    }
    fn conflicts(&self, writes: bool) -> bool {
        writes || self.kind == Kind::Write
    }
    /// When the wait for it ends whatever its holder does.
    fn deadline(&self) -> u64 {
        self.unlock_by.unwrap_or(NEVER).min(self.downgrade_by.unwrap_or(NEVER))
    }
    fn downgrade(&mut self) {
        self.kind = Kind::Read;
        self.downgrade_by = None;
    }
}

fn address(file: &File) -> usize {
    core::ptr::from_ref(file).addr()
}

/// Makes leases weaker, and takes those away, whose time is up.
fn time_out(inode: &Inode, leases: &mut Vec<Lease>) {
    let now = machine::time::monotonic();
    for lease in leases.iter_mut().filter(|lease| lease.downgrade_by.is_some_and(|end| end <= now)) {
        lease.downgrade();
    }
    leases.retain(|lease| {
        let gone = lease.unlock_by.is_some_and(|end| end <= now);
        if gone {
            lease.owner.forget();
        }
        !gone
    });
    inode.set_leased(!leases.is_empty());
}

/// Why no lease can be had: EAGAIN where the file is open in a way that the lease is to tell of.
fn check_open(file: &File, kind: Kind) -> Result<()> {
    let inode = file.inode();
    let (opens, writers) = inode.users();
    let free = match kind {
        Kind::Read => writers <= 0,
        Kind::Write => opens == 1 && writers == i32::from(file.is_writable()),
    };
    if free { Ok(()) } else { Err(EAGAIN) }
}

/// F_SETLEASE: EINVAL for unknown kinds and for what is no regular file, EACCES for the file of somebody else without CAP_LEASE,
/// EAGAIN where it is open elsewhere or there is no lease to give up.
pub fn set(task: &Task, file: &Arc<File>, fd: Fd, argument: u64) -> Result<()> {
    let kind = match argument {
        0 => Some(Kind::Read),
        1 => Some(Kind::Write),
        2 => None,
        _ => return Err(EINVAL),
    };
    let inode = file.inode();
    let credentials = task.credentials();
    if credentials.file_system_user != inode.user() && !credentials.capable(Capability::Lease) {
        return Err(EACCES);
    }
    if inode.kind() != super::FileType::Regular {
        return Err(EINVAL);
    }
    let Some(kind) = kind else { return give_up(file) };
    let locks = locks(inode)?;
    let owner = file.signal_owner_made()?;
    let mut leases = locks.leases.lock();
    time_out(inode, &mut leases);
    check_open(file, kind)?;
    let own = address(file);
    if leases.iter().any(|lease| lease.file != own && (kind == Kind::Write || lease.unlock_by.is_some())) {
        return Err(EAGAIN);
    }
    if let Some(lease) = leases.iter_mut().find(|lease| lease.file == own) {
        lease.kind = kind;
        lease.descriptor = fd;
        if kind == Kind::Read {
            lease.downgrade_by = None;
        }
    } else {
        if !ENABLED.load(Ordering::Relaxed) {
            return Err(EINVAL);
        }
        leases.try_reserve(1)?;
        leases.push(Lease {
            file: own,
            kind,
            id: task.group().id() as i32,
            descriptor: fd,
            owner: owner.clone(),
            unlock_by: None,
            downgrade_by: None,
        });
        // Who opens the file counts itself, then looks for leases; the other way round here: one of the two sees the other.
        inode.set_leased(true);
        if let Err(error) = check_open(file, kind) {
            leases.pop();
            inode.set_leased(!leases.is_empty());
            return Err(error);
        }
        file.note_locks();
    }
    owner.name_caller(task);
    drop(leases);
    locks.broken.wake_all();
    Ok(())
}

/// F_SETLEASE with F_UNLCK: EAGAIN where there is none.
fn give_up(file: &File) -> Result<()> {
    let locks = file.inode().locks.get().ok_or(EAGAIN)?;
    if remove(file.inode(), locks, address(file)) { Ok(()) } else { Err(EAGAIN) }
}

fn remove(inode: &Inode, locks: &InodeLocks, file: usize) -> bool {
    let mut leases = locks.leases.lock();
    let Some(place) = leases.iter().position(|lease| lease.file == file) else { return false };
    let lease = leases.remove(place);
    inode.set_leased(!leases.is_empty());
    drop(leases);
    lease.owner.forget();
    locks.broken.wake_all();
    true
}

/// The last reference to an open file is gone: so is its lease.
pub(super) fn release(file: &File, locks: &InodeLocks) {
    if file.inode().is_leased() {
        remove(file.inode(), locks, address(file));
    }
}

/// F_GETLEASE: what the lease is, or is to become.
pub fn get(file: &File) -> u64 {
    const F_UNLCK: u64 = 2;
    let inode = file.inode();
    let Some(locks) = inode.locks.get() else { return F_UNLCK };
    let mut leases = locks.leases.lock();
    time_out(inode, &mut leases);
    let own = leases.iter().find(|lease| lease.file == address(file));
    match own.and_then(Lease::target) {
        Some(Kind::Read) => 0,
        Some(Kind::Write) => 1,
        None => F_UNLCK,
    }
}

/// A file is opened with these flags (or truncated: O_WRONLY): tells the holders of leases in the way and waits for them. EAGAIN
/// with O_NONBLOCK. Who opens it is counted among the inode's users already.
#[inline(always)]
pub fn break_for(inode: &Inode, flags: u32) -> Result<()> {
    if inode.is_leased() { break_leases(inode, flags) } else { Ok(()) }
}

#[cold]
fn break_leases(inode: &Inode, flags: u32) -> Result<()> {
    let Some(locks) = inode.locks.get() else { return Ok(()) };
    let writes = flags & open_flag::ACCESS_MODE != open_flag::READ_ONLY;
    {
        let mut leases = locks.leases.lock();
        time_out(inode, &mut leases);
        if !leases.iter().any(|lease| lease.conflicts(writes)) {
            return Ok(());
        }
        let end = match BREAK_SECONDS.load(Ordering::Relaxed) {
            ..=0 => NEVER,
            seconds => machine::time::monotonic().saturating_add(seconds as u64 * 1_000_000_000),
        };
        for lease in leases.iter_mut().filter(|lease| lease.conflicts(writes)) {
            let is_told = if writes { lease.unlock_by.is_some() } else { lease.is_breaking() };
            if is_told {
                continue;
            }
            *(if writes { &mut lease.unlock_by } else { &mut lease.downgrade_by }) = Some(end);
            lease.owner.send(lease.descriptor, Reason::Message);
        }
        if flags & open_flag::NON_BLOCKING != 0 {
            return Err(EAGAIN);
        }
    }
    loop {
        let mut deadline = NEVER;
        let waited = {
            let leases = locks.leases.lock();
            let conflicting = leases.iter().filter(|lease| lease.conflicts(writes));
            conflicting.for_each(|lease| deadline = deadline.min(lease.deadline()));
            drop(leases);
            let free = || {
                let mut leases = locks.leases.lock();
                time_out(inode, &mut leases);
                (!leases.iter().any(|lease| lease.conflicts(writes))).then_some(())
            };
            locks.broken.wait_until(Sleep::Interruptible, (deadline != NEVER).then_some(deadline), free)
        };
        match waited {
            Ok(()) => return Ok(()),
            Err(WaitError::Interrupted) => return Err(ERESTARTSYS),
            // The leases whose time was up are gone at the next look.
            Err(WaitError::TimedOut) => {}
        }
    }
}

/// Runs `show` on every lease of an inode: how it stands, what it is to become, and the process that took it.
pub fn for_each(locks: &InodeLocks, mut show: impl FnMut(bool, Option<Kind>, i32, usize)) {
    for lease in locks.leases.lock().iter() {
        show(lease.is_breaking(), lease.target(), lease.id, lease.file);
    }
}
