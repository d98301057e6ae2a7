//! Credentials: user and group ids, capabilities, securebits. Immutable; a change replaces them whole.
use super::Task;
use super::namespace::UserNamespace;
use crate::error::*;
use crate::sync::{Once, SpinLock, rank};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A capability number (capabilities(7)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Capability {
    Chown = 0,
    DacOverride,
    DacReadSearch,
    Fowner,
    Fsetid,
    Kill,
    Setgid,
    Setuid,
    Setpcap,
    LinuxImmutable,
    NetBindService,
    NetBroadcast,
    NetAdmin,
    NetRaw,
    IpcLock,
    IpcOwner,
    SysModule,
    SysRawio,
    SysChroot,
    SysPtrace,
    SysPacct,
    SysAdmin,
    SysBoot,
    SysNice,
    SysResource,
    SysTime,
    SysTtyConfig,
    Mknod,
    Lease,
    AuditWrite,
    AuditControl,
    Setfcap,
    MacOverride,
    MacAdmin,
    Syslog,
    WakeAlarm,
    BlockSuspend,
    AuditRead,
    Perfmon,
    Bpf,
    CheckpointRestore,
}

impl Capability {
    /// The highest number.
    pub const LAST: u32 = Capability::CheckpointRestore as u32;
    /// The set of one capability.
    pub const fn bit(self) -> u64 {
        1 << self as u8
    }
}
/// Every capability.
pub const ALL_CAPABILITIES: u64 = (1 << (Capability::LAST + 1)) - 1;

/// Bits of securebits (capabilities(7)); each has a lock bit above it.
pub mod securebit {
    /// Root gets no capabilities by execve(2) or set-user-ID programs.
    pub const NO_ROOT: u32 = 1 << 0;
    /// Changes of user ids leave capabilities alone.
    pub const NO_SETUID_FIXUP: u32 = 1 << 2;
    /// Permitted capabilities stay when the last root id goes.
    pub const KEEP_CAPABILITIES: u32 = 1 << 4;
    /// The ambient set cannot grow.
    pub const NO_AMBIENT_RAISE: u32 = 1 << 6;
    /// All bits but the locks.
    pub const ALL: u32 = NO_ROOT | NO_SETUID_FIXUP | KEEP_CAPABILITIES | NO_AMBIENT_RAISE;
    /// The lock bits.
    pub const LOCKS: u32 = ALL << 1;
}

/// What is counted for each real user id.
pub struct UserRecord {
    user: u32,
    /// Tasks (RLIMIT_NPROC).
    pub processes: AtomicU32,
    /// Queued signals (RLIMIT_SIGPENDING).
    pub pending_signals: AtomicU32,
    /// Files in messages that nobody has received yet.
    pub files_in_flight: AtomicU32,
    /// inotify instances, and their watches.
    pub notify_instances: AtomicU32,
    /// See `notify_instances`.
    pub notify_watches: AtomicU32,
    /// Pages of shared memory segments that it has locked (RLIMIT_MEMLOCK).
    pub locked_pages: AtomicU64,
}
static KERNEL: Once<Arc<Credentials>> = Once::new();
static USERS: SpinLock<Vec<Weak<UserRecord>>> = SpinLock::new(rank::NAMESPACE, Vec::new());

impl UserRecord {
    /// The record of a user, made if there is none.
    pub fn of(user: u32) -> Result<Arc<UserRecord>> {
        let fresh = machine::memory::try_arc(UserRecord {
            user,
            processes: AtomicU32::new(0),
            pending_signals: AtomicU32::new(0),
            files_in_flight: AtomicU32::new(0),
            notify_instances: AtomicU32::new(0),
            notify_watches: AtomicU32::new(0),
            locked_pages: AtomicU64::new(0),
        })?;
        let mut room: Vec<Weak<UserRecord>> = Vec::new();
        loop {
            let mut users = USERS.lock();
            if let Some(record) = users.iter().filter_map(Weak::upgrade).find(|record| record.user == user) {
                return Ok(record);
            }
            if let Some(place) = users.iter_mut().find(|record| record.strong_count() == 0) {
                let old = core::mem::replace(place, Arc::downgrade(&fresh));
                drop(users);
                drop(old);
                return Ok(fresh);
            }
            if users.len() < users.capacity() {
                users.push(Arc::downgrade(&fresh));
                return Ok(fresh);
            }
            if room.capacity() > users.len() {
                room.append(&mut users);
                core::mem::swap(&mut *users, &mut room);
                continue;
            }
            let wanted = users.len().saturating_mul(2).max(16);
            drop(users);
            room.try_reserve_exact(wanted)?;
        }
    }
}

/// Who a task is.
#[derive(Clone)]
#[allow(missing_docs)]
pub struct Credentials {
    pub user: u32,
    pub effective_user: u32,
    pub saved_user: u32,
    pub file_system_user: u32,
    pub group: u32,
    pub effective_group: u32,
    pub saved_group: u32,
    pub file_system_group: u32,
    pub groups: Vec<u32>,
    pub permitted: u64,
    pub effective: u64,
    pub inheritable: u64,
    pub bounding: u64,
    pub ambient: u64,
    pub securebits: u32,
    pub no_new_privileges: bool,
    /// Counts of the real user.
    pub record: Arc<UserRecord>,
    /// Where the capabilities count.
    pub namespace: Arc<UserNamespace>,
}
impl Credentials {
    /// The superuser with every capability; the first call makes the kernel's own.
    pub fn root() -> Result<Arc<Credentials>> {
        let root = machine::memory::try_arc(Credentials {
            user: 0,
            effective_user: 0,
            saved_user: 0,
            file_system_user: 0,
            group: 0,
            effective_group: 0,
            saved_group: 0,
            file_system_group: 0,
            groups: Vec::new(),
            permitted: ALL_CAPABILITIES,
            effective: ALL_CAPABILITIES,
            inheritable: 0,
            bounding: ALL_CAPABILITIES,
            ambient: 0,
            securebits: 0,
            no_new_privileges: false,
            record: UserRecord::of(0)?,
            namespace: UserNamespace::initial()?,
        })?;
        // Later calls find it set.
        let _ = KERNEL.set(root.clone());
        Ok(root)
    }
    /// The kernel's own: user and group 0 with every capability.
    pub fn kernel() -> Credentials {
        // Set at the start of the kernel; host tests, which start nothing, make them here.
        match KERNEL.get() {
            Some(root) => (**root).clone(),
            None => (*Self::root().expect("memory for the first credentials")).clone(),
        }
    }
    /// A copy to be changed; ENOMEM.
    pub fn try_copy(&self) -> Result<Credentials> {
        let mut groups = Vec::new();
        groups.try_reserve_exact(self.groups.len())?;
        groups.extend_from_slice(&self.groups);
        Ok(Credentials {
            user: self.user,
            effective_user: self.effective_user,
            saved_user: self.saved_user,
            file_system_user: self.file_system_user,
            group: self.group,
            effective_group: self.effective_group,
            saved_group: self.saved_group,
            file_system_group: self.file_system_group,
            groups,
            record: self.record.clone(),
            namespace: self.namespace.clone(),
            ..*self
        })
    }
    /// Whether the effective set holds the capability, in the first user namespace.
    #[inline]
    pub fn capable(&self, capability: Capability) -> bool {
        noted(self.holds(capability))
    }
    /// As `capable`, of what may not be needed in the end: it does not count as used.
    #[inline]
    pub fn holds(&self, capability: Capability) -> bool {
        self.effective & capability.bit() != 0 && self.namespace.level() == 0
    }
    /// Whether a process that becomes `new` may not be looked into by those who may look into this one.
    pub fn hides_from(&self, new: &Credentials) -> bool {
        new.effective_user != self.effective_user
            || new.effective_group != self.effective_group
            || new.file_system_user != self.file_system_user
            || new.file_system_group != self.file_system_group
            || match Arc::ptr_eq(&self.namespace, &new.namespace) {
                true => new.permitted & !self.permitted != 0,
                false => !self.covers(new),
            }
    }
    /// Whether the file-system group or a supplementary group is this one.
    pub fn in_group(&self, group: u32) -> bool {
        self.file_system_group == group || self.groups.contains(&group)
    }
    /// As `in_group`, for the effective group.
    pub fn in_effective_group(&self, group: u32) -> bool {
        self.effective_group == group || self.groups.contains(&group)
    }
}

/// A capability was asked for: who has it has used it (acct(2), /proc/PID/stat).
#[inline]
pub(in crate::process) fn noted(held: bool) -> bool {
    #[cfg(target_os = "none")]
    if held && !Task::current().has_flag(super::task::flag::SUPERUSER) {
        Task::current().set_flag(super::task::flag::SUPERUSER);
    }
    held
}

impl Task {
    /// Changes the current task's credentials: `change` works on a copy, which is published if it succeeds.
    pub fn change_credentials<R>(&self, change: impl FnOnce(&mut Credentials) -> Result<R>) -> Result<R> {
        let old = self.credentials();
        let mut new = old.try_copy()?;
        let result = change(&mut new)?;
        if new.user != old.user {
            let record = UserRecord::of(new.user)?;
            record.processes.fetch_add(1, Ordering::Relaxed);
            old.record.processes.fetch_sub(1, Ordering::Relaxed);
            let limit = self.group().limit(super::limits::Resource::Processes);
            let over = u64::from(record.processes.load(Ordering::Relaxed)) > limit && new.user != 0;
            if over {
                self.set_flag(super::task::flag::OVER_PROCESS_LIMIT);
            } else {
                self.clear_flag(super::task::flag::OVER_PROCESS_LIMIT);
            }
            new.record = record;
        }
        let identity_changed = old.hides_from(&new);
        self.set_credentials(machine::memory::try_arc(new)?);
        if identity_changed {
            self.group().dumpable.store(0, Ordering::Relaxed);
            self.parent_death_signal.store(0, Ordering::Relaxed);
        }
        Ok(result)
    }
}

/// May the caller read or change the target's limits (prlimit(2))?
pub fn may_access_limits(caller: &Task, target: &Task) -> Result<()> {
    if core::ptr::eq(caller, target) {
        return Ok(());
    }
    let own = caller.credentials();
    let other = target.credentials();
    let same = [other.user, other.effective_user, other.saved_user].iter().all(|user| *user == own.user)
        && [other.group, other.effective_group, other.saved_group].iter().all(|group| *group == own.group);
    if same || own.capable_in(&other.namespace, Capability::SysResource) { Ok(()) } else { Err(EPERM) }
}

/// Whether the caller may look into the target as ptrace(2) does (PTRACE_MODE_READ with file-system ids, or `attach` with real
/// ones): /proc/PID files, process_vm_readv(2), get_robust_list(2), kcmp(2).
pub fn may_inspect(caller: &Task, target: &Task, real_ids: bool) -> bool {
    if Arc::ptr_eq(caller.group(), target.group()) {
        return true;
    }
    let own = caller.credentials();
    let other = target.credentials();
    let (user, group) = if real_ids { (own.user, own.group) } else { (own.file_system_user, own.file_system_group) };
    let same = [other.user, other.effective_user, other.saved_user].iter().all(|id| *id == user)
        && [other.group, other.effective_group, other.saved_group].iter().all(|id| *id == group);
    let privileged = || own.capable_in(&other.namespace, Capability::SysPtrace);
    if !same && !privileged() {
        return false;
    }
    if target.group().dumpable.load(Ordering::Relaxed) != 1 && !privileged() {
        return false;
    }
    let capabilities = if real_ids { own.permitted } else { own.effective };
    Arc::ptr_eq(&own.namespace, &other.namespace) && other.permitted & !capabilities == 0 || privileged()
}
