//! Shared memory segments: shmget(2), shmat(2), shmdt(2), shmctl(2).
//!
//! A segment is a file in memory without a name; attaching it maps that file, opened anew each time. What it counts (who has it attached,
//! since when) changes where areas of address spaces come and go, so it is an object of its own that the open files hold: [`Attachments`].
mod attach;
mod attachments;
mod control;

pub use attach::{shmat, shmdt};
pub use attachments::Attachments;
pub use control::{control, shmctl};

use super::get::{Room, get};
use super::permissions::{PermissionValues, Permissions};
use super::table::Object;
use super::{IpcNamespace, namespace, now};
use crate::error::*;
use crate::file::tmpfs::Tmpfs;
use crate::file::{Dentry, Path};
use crate::memory::{commit, memfd};
use crate::output::Output;
use crate::process::Task;
use crate::process::credentials::UserRecord;
use crate::process::pid::PidEntry;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use core::fmt::Write;
use core::sync::atomic::{AtomicI64, Ordering};
use machine::collections::{TreeLinked, TreeLinks};

/// Flags of shmget(2).
mod flag {
    pub const HUGE_PAGES: u32 = 0o4000;
    pub const NO_RESERVE: u32 = 0o10000;
}
/// Bits beside the permissions of a segment's mode.
mod mark {
    /// SHM_DEST: it goes once nobody has it attached.
    pub const DESTROYED: u32 = 0o1000;
    /// SHM_LOCKED.
    pub const LOCKED: u32 = 0o2000;
}

/// A segment.
pub struct Segment {
    permissions: Permissions,
    links: TreeLinks,
    /// Bytes, as they were asked for.
    size: u64,
    path: Path,
    attachments: Arc<Attachments>,
    creator: Arc<PidEntry>,
    /// The thread that made it, whose end makes an orphan of it.
    creator_thread: Arc<PidEntry>,
    change_time: AtomicI64,
    /// Whose memory it counts as while it is locked (SHM_LOCK).
    locker: SpinLock<Option<Arc<UserRecord>>>,
}
impl TreeLinked for Segment {
    fn tree_links(&self) -> &TreeLinks {
        &self.links
    }
}
impl Object for Segment {
    fn permissions(&self) -> &Permissions {
        &self.permissions
    }
    fn weight(&self) -> u64 {
        pages(self.size)
    }
}
impl Drop for Segment {
    fn drop(&mut self) {
        self.unlock();
    }
}

/// What shmctl(2) tells of a segment; numbers of processes as the asking task sees them.
#[allow(missing_docs)]
pub struct Status {
    pub permissions: PermissionValues,
    pub size: u64,
    pub attach_time: i64,
    pub detach_time: i64,
    pub change_time: i64,
    pub creator: u32,
    pub last: u32,
    pub attached: u64,
}

fn pages(size: u64) -> u64 {
    size.div_ceil(crate::memory::PAGE_BYTES)
}

impl Segment {
    fn new(task: &Task, space: &Arc<IpcNamespace>, key: i32, size: u64, flags: u32) -> Result<Arc<Segment>> {
        let charged = match flags & flag::NO_RESERVE != 0 && commit::MODE.load(Ordering::Relaxed) != 2 {
            true => 0,
            false => pages(size),
        };
        if size > i64::MAX as u64 {
            return Err(EINVAL);
        }
        let attachments = Attachments::new(space, charged, task)?;
        let mount = memfd::mount()?;
        let (user, group) = task.with_credentials(|own| (own.file_system_user, own.file_system_group));
        let inode = Tmpfs::unnamed_file(mount.superblock(), 0o777, user, group)?;
        inode.set_size(size);
        let mut name = Output::new();
        write!(name, "/SYSV{key:08x} (deleted)")?;
        let path = Path { mount, dentry: Dentry::root(inode, name.as_bytes())? };
        Ok(machine::memory::try_arc(Segment {
            permissions: Permissions::new(task, key, flags),
            links: TreeLinks::new(),
            size,
            path,
            attachments,
            creator: task.group().pid().clone(),
            creator_thread: task.pid(),
            change_time: AtomicI64::new(now()),
            locker: SpinLock::new(rank::LEAF, None),
        })?)
    }
    /// Its id.
    pub fn id(&self) -> i32 {
        self.permissions.id()
    }
    /// Pages of it that are there.
    pub fn resident_pages(&self) -> u64 {
        self.path.inode().ok().and_then(|inode| inode.mapping()).map_or(0, |mapping| mapping.pages() as u64)
    }
    /// What it is now.
    pub fn status(&self, task: &Task) -> Status {
        let state = self.attachments.state();
        Status {
            permissions: self.permissions.values(),
            size: self.size,
            attach_time: state.attach_time,
            detach_time: state.detach_time,
            change_time: self.change_time.load(Ordering::Relaxed),
            creator: self.creator.number_in(task.pid_namespace()),
            last: super::number(&state.last, task),
            attached: state.attached,
        }
    }
    /// Takes it away: at once if nobody has it attached, else it only loses its key.
    fn remove(&self, space: &IpcNamespace) {
        match self.attachments.end_if_unused(true) {
            true => {
                space.segments.remove(self);
            }
            false => {
                self.permissions.mark(mark::DESTROYED, true);
                space.segments.hide(self);
            }
        }
    }
    /// Whether the thread that made it has ended.
    fn is_orphan(&self) -> bool {
        self.creator_thread.task().is_none_or(|task| task.has_flag(crate::process::task::flag::EXITING))
    }
    /// Counts it as locked memory no more.
    fn unlock(&self) {
        let locker = self.locker.lock().take();
        if let Some(locker) = locker {
            locker.locked_pages.fetch_sub(self.weight(), Ordering::Relaxed);
        }
    }
}

/// shmget(2).
pub fn shmget(task: &Task, key: i32, size: usize, flags: u32) -> Result<i32> {
    let space = namespace(task);
    let size = size as u64;
    let limits = &space.limits;
    let most_pages = limits.segment_pages.load(Ordering::Relaxed);
    let room = Room { objects: limits.segments.load(Ordering::Relaxed), weight: most_pages };
    let is_large_enough = |found: &Segment| if found.size < size { Err(EINVAL) } else { Ok(()) };
    get(&space.segments, task, key, flags, room, is_large_enough, || {
        if size < 1 || size > limits.segment_bytes.load(Ordering::Relaxed) {
            return Err(EINVAL);
        }
        let total = space.segments.usage().total;
        if total.checked_add(pages(size)).is_none_or(|total| total > most_pages) {
            return Err(ENOSPC);
        }
        if flags & flag::HUGE_PAGES != 0 {
            // There is no pool of huge pages; Linux knows two sizes.
            return Err(match flags >> 26 & 0x3f {
                0 | 21 | 30 if may_use_huge_pages(task) => ENOMEM,
                0 | 21 | 30 => EPERM,
                _ => EINVAL,
            });
        }
        Segment::new(task, &space, key, size, flags)
    })
}

/// Group 0 may, as vm.hugetlb_shm_group says.
fn may_use_huge_pages(task: &Task) -> bool {
    task.capable(crate::process::Capability::IpcLock) || task.with_credentials(|own| own.in_group(0))
}

/// The end of a thread where segments go with their last user (shm_rmid_forced): those that it made and nobody has attached.
pub fn leave(task: &Task) {
    let space = namespace(task);
    if space.limits.removal_forced.load(Ordering::Relaxed) != 0 {
        remove_unused(&space, |segment| core::ptr::eq(&raw const *segment.creator_thread, &raw const *task.pid()));
    }
}
/// shm_rmid_forced was set: segments that nobody has attached, and whose makers have ended, go.
pub fn remove_orphans(space: &IpcNamespace) {
    remove_unused(space, Segment::is_orphan);
}
fn remove_unused(space: &IpcNamespace, choose: impl Fn(&Segment) -> bool) {
    let mut at = 0;
    while let Some((place, segment)) = space.segments.at_or_after(at) {
        at = place + 1;
        if choose(&segment) && segment.attachments.end_if_unused(false) {
            space.segments.remove(&segment);
        }
    }
}
