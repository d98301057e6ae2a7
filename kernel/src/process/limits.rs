//! Resource limits (getrlimit(2), prlimit(2)).
use super::credentials::may_access_limits;
use super::{Capability, Task};
use crate::error::*;
use crate::syscall::user::plain_layout;
use crate::syscall::{Pid, UserPtr};
use core::sync::atomic::{AtomicU64, Ordering};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Resource numbers of getrlimit(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Resource {
    Cpu,
    FileSize,
    Data,
    Stack,
    Core,
    ResidentSet,
    Processes,
    OpenFiles,
    LockedMemory,
    AddressSpace,
    Locks,
    PendingSignals,
    MessageQueues,
    Nice,
    RealTimePriority,
    RealTimeTime,
}
impl Resource {
    const ALL: [Resource; 16] = [
        Resource::Cpu,
        Resource::FileSize,
        Resource::Data,
        Resource::Stack,
        Resource::Core,
        Resource::ResidentSet,
        Resource::Processes,
        Resource::OpenFiles,
        Resource::LockedMemory,
        Resource::AddressSpace,
        Resource::Locks,
        Resource::PendingSignals,
        Resource::MessageQueues,
        Resource::Nice,
        Resource::RealTimePriority,
        Resource::RealTimeTime,
    ];
    /// The resource with this number; EINVAL.
    pub fn from_number(number: u32) -> Result<Resource> {
        usize::try_from(number).ok().and_then(|number| Self::ALL.get(number)).copied().ok_or(EINVAL)
    }
}

/// No limit.
pub const UNLIMITED: u64 = u64::MAX;
/// Highest possible RLIMIT_NOFILE (fs.nr_open).
pub const OPEN_FILES_MAXIMUM: u64 = 1 << 20;

/// `struct rlimit64`.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Debug)]
pub struct Limit {
    /// Enforced.
    pub soft: u64,
    /// Ceiling of the soft limit.
    pub hard: u64,
}
plain_layout!(Limit);

/// The limits of a process.
pub struct Limits([(AtomicU64, AtomicU64); 16]);

impl Limits {
    /// The limits init starts with; `processes` is what memory allows.
    pub fn initial(processes: u64) -> Limits {
        let limits = Limits([const { (AtomicU64::new(UNLIMITED), AtomicU64::new(UNLIMITED)) }; 16]);
        let set = |resource, soft, hard| limits.set(resource, Limit { soft, hard });
        set(Resource::Stack, 8 << 20, UNLIMITED);
        set(Resource::Core, 0, UNLIMITED);
        set(Resource::Processes, processes, processes);
        set(Resource::OpenFiles, 1024, 4096);
        set(Resource::LockedMemory, 8 << 20, 8 << 20);
        set(Resource::PendingSignals, processes, processes);
        set(Resource::MessageQueues, 819_200, 819_200);
        set(Resource::Nice, 0, 0);
        set(Resource::RealTimePriority, 0, 0);
        limits
    }
    /// A child's limits.
    pub fn copy(&self) -> Limits {
        let copy = Limits([const { (AtomicU64::new(0), AtomicU64::new(0)) }; 16]);
        for resource in Resource::ALL {
            copy.set(resource, self.get(resource));
        }
        copy
    }
    fn pair(&self, resource: Resource) -> &(AtomicU64, AtomicU64) {
        let [first, ..] = &self.0;
        self.0.get(resource as usize).unwrap_or(first)
    }
    /// Soft limit.
    pub fn soft(&self, resource: Resource) -> u64 {
        self.pair(resource).0.load(Ordering::Relaxed)
    }
    /// Both limits.
    pub fn get(&self, resource: Resource) -> Limit {
        let (soft, hard) = self.pair(resource);
        Limit { soft: soft.load(Ordering::Relaxed), hard: hard.load(Ordering::Relaxed) }
    }
    /// Sets both limits.
    pub fn set(&self, resource: Resource, limit: Limit) {
        let (soft, hard) = self.pair(resource);
        soft.store(limit.soft, Ordering::Relaxed);
        hard.store(limit.hard, Ordering::Relaxed);
    }
}

/// Changes and reads a limit with Linux's checks.
fn change(caller: &Task, target: &Task, resource: Resource, new: Option<Limit>) -> Result<Limit> {
    let limits = &target.group().limits;
    let old = limits.get(resource);
    if let Some(new) = new {
        if new.soft > new.hard {
            return Err(EINVAL);
        }
        if resource == Resource::OpenFiles && new.hard > OPEN_FILES_MAXIMUM {
            return Err(EPERM);
        }
        if new.hard > old.hard && !caller.capable(Capability::SysResource) {
            return Err(EPERM);
        }
        limits.set(resource, new);
        if resource == Resource::Cpu {
            target.group().watch_processor_limit();
        }
    }
    Ok(old)
}

/// getrlimit(2).
pub fn getrlimit(task: &Task, resource: u32, limit: UserPtr<Limit>) -> Result<()> {
    let value = task.group().limits.get(Resource::from_number(resource)?);
    limit.write(task, &value)
}

/// setrlimit(2).
pub fn setrlimit(task: &Task, resource: u32, limit: UserPtr<Limit>) -> Result<()> {
    let new = limit.read(task)?;
    change(task, task, Resource::from_number(resource)?, Some(new)).map(|_| ())
}

/// prlimit64(2).
pub fn prlimit64(task: &Task, pid: Pid, resource: u32, new: UserPtr<Limit>, old: UserPtr<Limit>) -> Result<()> {
    let wanted = new.read_optional(task)?;
    let other = match pid.0 {
        0 => None,
        number => {
            let number = u32::try_from(number).map_err(|_| ESRCH)?;
            Some(task.pid_namespace().find_task(number).ok_or(ESRCH)?)
        }
    };
    let target = other.as_deref().unwrap_or(task);
    may_access_limits(task, target)?;
    let previous = change(task, target, Resource::from_number(resource)?, wanted)?;
    old.write_optional(task, &previous)
}

/// `struct rlimit` of i386.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Debug)]
pub struct NarrowLimit {
    soft: u32,
    hard: u32,
}
plain_layout!(NarrowLimit);

/// Limits as they show where the largest number is `most`.
fn narrowed(limit: Limit, most: u32) -> NarrowLimit {
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).min(most);
    NarrowLimit { soft: narrow(limit.soft), hard: narrow(limit.hard) }
}

/// ugetrlimit(2) of i386.
pub fn ugetrlimit(task: &Task, resource: u32, limit: UserPtr<NarrowLimit>) -> Result<()> {
    let value = task.group().limits.get(Resource::from_number(resource)?);
    limit.write(task, &narrowed(value, u32::MAX))
}

/// The old getrlimit(2) of i386, to which the largest number is that of a signed one.
pub fn old_getrlimit(task: &Task, resource: u32, limit: UserPtr<NarrowLimit>) -> Result<()> {
    let value = task.group().limits.get(Resource::from_number(resource)?);
    limit.write(task, &narrowed(value, i32::MAX as u32))
}

/// setrlimit(2) of i386.
pub fn setrlimit_narrow(task: &Task, resource: u32, limit: UserPtr<NarrowLimit>) -> Result<()> {
    let wide = |value: u32| if value == u32::MAX { UNLIMITED } else { value.into() };
    let NarrowLimit { soft, hard } = limit.read(task)?;
    let new = Limit { soft: wide(soft), hard: wide(hard) };
    change(task, task, Resource::from_number(resource)?, Some(new)).map(|_| ())
}
