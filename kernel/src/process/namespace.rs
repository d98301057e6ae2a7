//! Namespaces a task is in (namespaces(7)), and the UTS namespace's calls (uname(2), sethostname(2)).
//!
//! Each kind is an object from the start, even where only the first one of its kind can exist yet. Mount namespaces belong to
//! the file system context, pid namespaces to [`super::pid`].
use super::pid::PidNamespace;
use super::{Capability, Task};
use crate::error::*;
use crate::sync::{SpinLock, rank};
use crate::syscall::user::plain_layout;
use crate::syscall::{UserBytes, UserPtr, UserSlice};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Length of each field of `struct new_utsname`, with its NUL.
const FIELD: usize = 65;
/// The kernel's name and release as uname(2) and /proc/version show them.
pub const SYSTEM_NAME: &str = "Linux";
/// Linux release whose behaviour is followed.
pub const RELEASE: &str = "6.1.0-lstar";
/// Build description.
pub const VERSION: &str = concat!("#1 SMP PREEMPT_DYNAMIC Lstar ", env!("CARGO_PKG_VERSION"));
/// Machine name of the 64-bit personality.
pub const MACHINE: &str = "x86_64";

/// A namespace without behaviour of its own yet: user, IPC, network, cgroup, time.
pub struct PlainNamespace {
    /// Number of its file in /proc/PID/ns.
    pub inode: u64,
}

/// Host and domain name.
#[derive(Clone, Copy)]
struct Names {
    host: [u8; FIELD],
    domain: [u8; FIELD],
}
/// A UTS namespace.
pub struct UtsNamespace {
    /// Number of its file in /proc/PID/ns.
    pub inode: u64,
    names: SpinLock<Names>,
}

/// The namespaces of a task but for mounts. Immutable; a change replaces the set.
#[derive(Clone)]
pub struct NamespaceSet {
    /// Host name.
    pub uts: Arc<UtsNamespace>,
    /// Where children get their numbers.
    pub pid_for_children: Arc<PidNamespace>,
    /// System V IPC and POSIX message queues.
    pub ipc: Arc<PlainNamespace>,
    /// Network.
    pub network: Arc<PlainNamespace>,
    /// Cgroup root.
    pub cgroup: Arc<PlainNamespace>,
    /// Clock offsets.
    pub time: Arc<PlainNamespace>,
    /// User and group ids.
    pub user: Arc<PlainNamespace>,
}

/// Numbers of the first namespaces' files, as Linux has them.
mod first {
    pub const IPC: u64 = 0xefff_ffff;
    pub const UTS: u64 = 0xefff_fffe;
    pub const USER: u64 = 0xefff_fffd;
    pub const CGROUP: u64 = 0xefff_fffb;
    pub const TIME: u64 = 0xefff_fffa;
    pub const NETWORK: u64 = 0xf000_0000;
    pub const NEXT: u64 = 0xf000_0001;
}
static NEXT_INODE: AtomicU64 = AtomicU64::new(first::NEXT);

impl NamespaceSet {
    /// The first namespace of each kind.
    pub fn first(pid: Arc<PidNamespace>) -> Result<NamespaceSet> {
        let plain = |inode| machine::memory::try_arc(PlainNamespace { inode });
        let mut names = Names { host: [0; FIELD], domain: [0; FIELD] };
        fill(&mut names.host, b"(none)");
        fill(&mut names.domain, b"(none)");
        let uts = UtsNamespace { inode: first::UTS, names: SpinLock::new(rank::LEAF, names) };
        Ok(NamespaceSet {
            uts: machine::memory::try_arc(uts)?,
            pid_for_children: pid,
            ipc: plain(first::IPC)?,
            network: plain(first::NETWORK)?,
            cgroup: plain(first::CGROUP)?,
            time: plain(first::TIME)?,
            user: plain(first::USER)?,
        })
    }
}

fn fill(field: &mut [u8; FIELD], name: &[u8]) {
    field.fill(0);
    field.iter_mut().zip(name.iter().take(FIELD - 1)).for_each(|(to, from)| *to = *from);
}

impl UtsNamespace {
    /// A copy (CLONE_NEWUTS).
    pub fn copy(&self) -> Result<Arc<UtsNamespace>> {
        let names = *self.names.lock();
        let inode = NEXT_INODE.fetch_add(1, Ordering::Relaxed);
        Ok(machine::memory::try_arc(UtsNamespace { inode, names: SpinLock::new(rank::LEAF, names) })?)
    }
    /// The host name with its NUL padding.
    pub fn host_name(&self) -> [u8; FIELD] {
        self.names.lock().host
    }
    /// The domain name with its NUL padding.
    pub fn domain_name(&self) -> [u8; FIELD] {
        self.names.lock().domain
    }
    /// Sets the host name.
    pub fn set_host_name(&self, name: &[u8]) {
        fill(&mut self.names.lock().host, name);
    }
    /// Sets the domain name.
    pub fn set_domain_name(&self, name: &[u8]) {
        fill(&mut self.names.lock().domain, name);
    }
}

/// `struct new_utsname`.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct UtsName {
    system: [u8; FIELD],
    node: [u8; FIELD],
    release: [u8; FIELD],
    version: [u8; FIELD],
    machine: [u8; FIELD],
    domain: [u8; FIELD],
}
plain_layout!(UtsName);

/// PER_LINUX32: uname shows a 32-bit machine.
const PERSONALITY_LINUX32: u32 = 8;
/// UNAME26: the release looks like 2.6.
const PERSONALITY_UNAME26: u32 = 0x0020000;

/// uname(2).
pub fn uname(task: &Task, buffer: UserPtr<UtsName>) -> Result<()> {
    buffer.write(task, &current_names(task))
}

/// The names as a task sees them.
fn current_names(task: &Task) -> UtsName {
    let uts = task.namespaces().uts.clone();
    let mut name = UtsName {
        system: [0; FIELD],
        node: uts.host_name(),
        release: [0; FIELD],
        version: [0; FIELD],
        machine: [0; FIELD],
        domain: uts.domain_name(),
    };
    let personality = task.personality();
    fill(&mut name.system, SYSTEM_NAME.as_bytes());
    fill(&mut name.release, if personality & PERSONALITY_UNAME26 != 0 { b"2.6.61-lstar" } else { RELEASE.as_bytes() });
    fill(&mut name.version, VERSION.as_bytes());
    fill(&mut name.machine, if personality & 0xff == PERSONALITY_LINUX32 { b"i686" } else { MACHINE.as_bytes() });
    name
}

/// Writes the first five names, each in `field` bytes of which the last is NUL.
fn write_short_names(task: &Task, buffer: UserBytes, field: usize) -> Result<()> {
    let UtsName { system, node, release, version, machine, .. } = current_names(task);
    let mut out = UserSlice::new(buffer.0, 5 * field);
    for name in [system, node, release, version, machine] {
        let mut cut = name;
        if let Some(last) = cut.get_mut(field - 1) {
            *last = 0;
        }
        out.write(cut.get(..field).unwrap_or_default())?;
    }
    Ok(())
}

/// olduname(2): five names of 65 bytes. EFAULT for a null pointer.
pub fn olduname(task: &Task, buffer: UserBytes) -> Result<()> {
    write_short_names(task, buffer, FIELD)
}

/// oldolduname(2): five names of 9 bytes.
pub fn oldolduname(task: &Task, buffer: UserBytes) -> Result<()> {
    const SHORT: usize = 9;
    write_short_names(task, buffer, SHORT)
}

/// Checks and reads a new name: EPERM, EINVAL, EFAULT in this order.
fn new_name<'a>(task: &Task, name: UserBytes, length: i32, room: &'a mut [u8; FIELD]) -> Result<&'a [u8]> {
    if !task.capable(Capability::SysAdmin) {
        return Err(EPERM);
    }
    let length = usize::try_from(length).ok().filter(|length| *length < FIELD).ok_or(EINVAL)?;
    let room = room.get_mut(..length).ok_or(EINVAL)?;
    UserSlice::new(name.0, length).read(room)?;
    Ok(room)
}

/// sethostname(2).
pub fn sethostname(task: &Task, name: UserBytes, length: i32) -> Result<()> {
    let mut room = [0; FIELD];
    let name = new_name(task, name, length, &mut room)?;
    task.namespaces().uts.set_host_name(name);
    Ok(())
}

/// setdomainname(2).
pub fn setdomainname(task: &Task, name: UserBytes, length: i32) -> Result<()> {
    let mut room = [0; FIELD];
    let name = new_name(task, name, length, &mut room)?;
    task.namespaces().uts.set_domain_name(name);
    Ok(())
}
