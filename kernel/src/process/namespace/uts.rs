//! UTS namespaces: host and domain name (uts_namespaces(7), uname(2), sethostname(2)).
use super::Owner;
use super::identity::{Identity, Kind, first};
use crate::error::*;
use crate::process::{Capability, Task};
use crate::sync::{SpinLock, rank};
use crate::syscall::user::plain_layout;
use crate::syscall::{UserBytes, UserPtr, UserSlice};
use alloc::sync::Arc;
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

/// Host and domain name.
#[derive(Clone, Copy)]
struct Names {
    host: [u8; FIELD],
    domain: [u8; FIELD],
}
/// A UTS namespace.
pub struct UtsNamespace {
    /// Its file's number and its owner.
    pub identity: Identity,
    names: SpinLock<Names>,
}

fn fill(field: &mut [u8; FIELD], name: &[u8]) {
    field.fill(0);
    field.iter_mut().zip(name.iter().take(FIELD - 1)).for_each(|(to, from)| *to = *from);
}

impl UtsNamespace {
    /// The first one.
    pub fn first() -> Result<Arc<UtsNamespace>> {
        let mut names = Names { host: [0; FIELD], domain: [0; FIELD] };
        fill(&mut names.host, b"(none)");
        fill(&mut names.domain, b"(none)");
        let identity = Identity::first(first::UTS)?;
        Ok(machine::memory::try_arc(UtsNamespace { identity, names: SpinLock::new(rank::LEAF, names) })?)
    }
    /// A copy (CLONE_NEWUTS). ENOSPC.
    pub fn copy(&self, owner: &Owner) -> Result<Arc<UtsNamespace>> {
        let identity = Identity::new(owner, Kind::Uts)?;
        let names = *self.names.lock();
        Ok(machine::memory::try_arc(UtsNamespace { identity, names: SpinLock::new(rank::LEAF, names) })?)
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
    if !task.capable_in(&task.namespaces().uts.identity.owner, Capability::SysAdmin) {
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
