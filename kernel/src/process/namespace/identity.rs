//! What namespaces of all kinds have in common.
use super::count::Charge;
use super::{TimeNamespace, UserNamespace, UtsNamespace};
use crate::error::*;
use crate::file::MountNamespace;
use crate::ipc::system_v::IpcNamespace;
use crate::net::NetworkNamespace;
use crate::process::Credentials;
use crate::process::clone::flags;
use crate::process::control_group::CgroupNamespace;
use crate::process::pid::PidNamespace;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

/// The kinds of namespaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
#[allow(missing_docs)]
pub enum Kind {
    User,
    Pid,
    Uts,
    Ipc,
    Network,
    Mount,
    Cgroup,
    Time,
}
/// How many kinds there are.
pub const KINDS: usize = 8;

/// Numbers of the first namespaces' files, as Linux has them.
pub mod first {
    #![allow(missing_docs)]
    pub const IPC: u64 = 0xefff_ffff;
    pub const UTS: u64 = 0xefff_fffe;
    pub const USER: u64 = 0xefff_fffd;
    pub const PID: u64 = 0xefff_fffc;
    pub const CGROUP: u64 = 0xefff_fffb;
    pub const TIME: u64 = 0xefff_fffa;
    pub const NETWORK: u64 = 0xf000_0000;
    pub const MOUNT: u64 = 0xf000_0001;
}
/// How many numbers have been given out behind those.
static GIVEN: AtomicU32 = AtomicU32::new(0);

/// A new number: from where Linux takes them, so that they fit 32 bits.
pub(super) fn next_inode() -> u64 {
    const FIRST: u64 = first::MOUNT + 1;
    FIRST + u64::from(GIVEN.fetch_add(1, Ordering::Relaxed)) % ((1 << 32) - FIRST)
}

/// Who makes namespaces: the user namespace that is to own them, and the user in it that they are counted for.
pub struct Owner {
    /// The owner.
    pub namespace: Arc<UserNamespace>,
    /// The effective user of the maker, as the kernel counts users.
    pub user: u32,
}

impl Owner {
    /// Who has these credentials.
    pub fn of(credentials: &Credentials) -> Owner {
        Owner { namespace: credentials.namespace.clone(), user: credentials.effective_user }
    }
}

/// The number of a namespace's file in /proc/PID/ns, and its owner.
pub struct Identity {
    /// Inode number.
    pub inode: u64,
    /// The user namespace that owns it: who has capabilities there has them over this namespace.
    pub owner: Arc<UserNamespace>,
    _charge: Option<Charge>,
}
impl Identity {
    /// Of one of the first namespaces.
    pub fn first(inode: u64) -> Result<Identity> {
        Ok(Identity { inode, owner: UserNamespace::initial()?, _charge: None })
    }
    /// Of a new namespace. ENOSPC where its owner may have no more of the kind.
    pub fn new(owner: &Owner, kind: Kind) -> Result<Identity> {
        let charge = Charge::take(&owner.namespace, owner.user, kind)?;
        Ok(Identity { inode: next_inode(), owner: owner.namespace.clone(), _charge: Some(charge) })
    }
}

/// A namespace of any kind: what a descriptor can name.
#[derive(Clone)]
#[allow(missing_docs)]
pub enum Namespace {
    User(Arc<UserNamespace>),
    Pid(Arc<PidNamespace>),
    Uts(Arc<UtsNamespace>),
    Ipc(Arc<IpcNamespace>),
    Network(Arc<NetworkNamespace>),
    Mount(Arc<MountNamespace>),
    Cgroup(Arc<CgroupNamespace>),
    Time(Arc<TimeNamespace>),
}
impl Namespace {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Namespace::User(_) => Kind::User,
            Namespace::Pid(_) => Kind::Pid,
            Namespace::Uts(_) => Kind::Uts,
            Namespace::Ipc(_) => Kind::Ipc,
            Namespace::Network(_) => Kind::Network,
            Namespace::Mount(_) => Kind::Mount,
            Namespace::Cgroup(_) => Kind::Cgroup,
            Namespace::Time(_) => Kind::Time,
        }
    }
    /// Its identity, which user namespaces have otherwise.
    fn identity(&self) -> Option<&Identity> {
        match self {
            Namespace::User(_) => None,
            Namespace::Pid(namespace) => Some(&namespace.identity),
            Namespace::Uts(namespace) => Some(&namespace.identity),
            Namespace::Ipc(namespace) => Some(&namespace.identity),
            Namespace::Network(namespace) => Some(&namespace.identity),
            Namespace::Mount(namespace) => Some(namespace.identity()),
            Namespace::Cgroup(namespace) => Some(&namespace.identity),
            Namespace::Time(namespace) => Some(&namespace.identity),
        }
    }
    /// The number of its file.
    pub fn inode(&self) -> u64 {
        match self {
            Namespace::User(namespace) => namespace.inode(),
            other => other.identity().map_or(0, |identity| identity.inode),
        }
    }
    /// The user namespace that owns it; for a user namespace its parent, which the first one has not.
    pub fn owner(&self) -> Option<Arc<UserNamespace>> {
        match self {
            Namespace::User(namespace) => namespace.parent().cloned(),
            other => other.identity().map(|identity| identity.owner.clone()),
        }
    }
}

impl Kind {
    /// The CLONE_NEW* flag.
    pub fn flag(self) -> u64 {
        match self {
            Kind::User => flags::NEWUSER,
            Kind::Pid => flags::NEWPID,
            Kind::Uts => flags::NEWUTS,
            Kind::Ipc => flags::NEWIPC,
            Kind::Network => flags::NEWNET,
            Kind::Mount => flags::NEWNS,
            Kind::Cgroup => flags::NEWCGROUP,
            Kind::Time => flags::NEWTIME,
        }
    }
    /// The name in the text of its links.
    pub fn name(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Pid => "pid",
            Kind::Uts => "uts",
            Kind::Ipc => "ipc",
            Kind::Network => "net",
            Kind::Mount => "mnt",
            Kind::Cgroup => "cgroup",
            Kind::Time => "time",
        }
    }
}
