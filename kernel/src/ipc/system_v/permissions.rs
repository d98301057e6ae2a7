//! Who may do what with an object (`struct ipc_perm`).
use super::{PRIVATE, flag, is_capable};
use crate::error::*;
use crate::process::{Capability, Task};
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// Bits of an id that are its place in the table; those above are a sequence number.
pub const PLACE_BITS: u32 = 15;
/// Most objects of a kind (IPCMNI).
pub const MOST_OBJECTS: usize = 1 << PLACE_BITS;

/// Owner, creator and mode of an object, with its id and key. Each is read and changed on its own, as in Linux, whose checks of permission
/// take no lock either.
pub struct Permissions {
    id: AtomicI32,
    key: AtomicI32,
    user: AtomicU32,
    group: AtomicU32,
    creator_user: u32,
    creator_group: u32,
    mode: AtomicU32,
}
/// What `struct ipc64_perm` shows.
#[derive(Clone, Copy, Default)]
#[allow(missing_docs)]
pub struct PermissionValues {
    pub key: i32,
    pub user: u32,
    pub group: u32,
    pub creator_user: u32,
    pub creator_group: u32,
    pub mode: u32,
    pub sequence: u16,
}

impl Permissions {
    /// Those of an object that `task` makes; it has no id yet.
    pub fn new(task: &Task, key: i32, flags: u32) -> Self {
        let (user, group) = task.with_credentials(|own| (own.effective_user, own.effective_group));
        Permissions {
            id: AtomicI32::new(-1),
            key: AtomicI32::new(key),
            user: AtomicU32::new(user),
            group: AtomicU32::new(group),
            creator_user: user,
            creator_group: group,
            mode: AtomicU32::new(flags & flag::MODE),
        }
    }
    /// The id, once it is in a table.
    pub fn id(&self) -> i32 {
        self.id.load(Ordering::Relaxed)
    }
    pub(super) fn set_id(&self, id: i32) {
        self.id.store(id, Ordering::Relaxed);
    }
    /// The key.
    pub fn key(&self) -> i32 {
        self.key.load(Ordering::Relaxed)
    }
    /// Nobody finds it by a key any more.
    pub(super) fn forget_key(&self) {
        self.key.store(PRIVATE, Ordering::Relaxed);
    }
    /// Permissions, and what more the kind keeps in the word.
    pub fn mode(&self) -> u32 {
        self.mode.load(Ordering::Relaxed)
    }
    /// Sets or clears bits of the mode beside the permissions.
    pub fn mark(&self, bits: u32, is_set: bool) {
        match is_set {
            true => self.mode.fetch_or(bits, Ordering::Relaxed),
            false => self.mode.fetch_and(!bits, Ordering::Relaxed),
        };
    }
    /// Whether the caller's effective user owns or has made it.
    pub fn is_owned_by(&self, task: &Task) -> bool {
        let user = task.with_credentials(|own| own.effective_user);
        user == self.creator_user || user == self.user.load(Ordering::Relaxed)
    }
    /// EACCES unless the caller has all of these permissions, each of which may be given for owner, group or others.
    pub fn check(&self, task: &Task, flags: u32) -> Result<()> {
        let requested = flags >> 6 | flags >> 3 | flags;
        let mut granted = self.mode();
        if self.is_owned_by(task) {
            granted >>= 6;
        } else if task.with_credentials(|own| {
            own.in_group(self.creator_group) || own.in_group(self.group.load(Ordering::Relaxed))
        }) {
            granted >>= 3;
        }
        if requested & !granted & 7 != 0 && !is_capable(task, Capability::IpcOwner) {
            return Err(EACCES);
        }
        Ok(())
    }
    /// EPERM unless the caller may change or remove it.
    pub fn check_control(&self, task: &Task) -> Result<()> {
        if self.is_owned_by(task) || is_capable(task, Capability::SysAdmin) { Ok(()) } else { Err(EPERM) }
    }
    /// Takes owner, group and permissions from `new` (IPC_SET); EINVAL for ids that nobody has.
    pub fn change(&self, new: &PermissionValues) -> Result<()> {
        if new.user == u32::MAX || new.group == u32::MAX {
            return Err(EINVAL);
        }
        self.user.store(new.user, Ordering::Relaxed);
        self.group.store(new.group, Ordering::Relaxed);
        let change = |mode: u32| Some(mode & !flag::MODE | new.mode & flag::MODE);
        // The closure always gives a value.
        let _ = self.mode.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
        Ok(())
    }
    /// All of it.
    pub fn values(&self) -> PermissionValues {
        PermissionValues {
            key: self.key(),
            user: self.user.load(Ordering::Relaxed),
            group: self.group.load(Ordering::Relaxed),
            creator_user: self.creator_user,
            creator_group: self.creator_group,
            mode: self.mode(),
            sequence: (self.id() >> PLACE_BITS) as u16,
        }
    }
}
