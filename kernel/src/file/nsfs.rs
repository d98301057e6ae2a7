//! The files of namespaces (/proc/PID/ns): an internal file system whose inodes hold the namespaces.
use super::attributes::{Access, DeviceNumber, FileType, Timestamp};
use super::dentry::Dentry;
use super::inode::{Inode, InodeAttributes, InodeOperations};
use super::mount::Mount;
use super::path::Path;
use super::superblock::{Superblock, SuperblockOperations, SuperblockOptions};
use super::text::Line;
use super::{File, FileOperations};
use crate::error::*;
use crate::process::namespace::{Kind, Namespace, UserNamespace};
use crate::process::{Credentials, Task};
use crate::sync::Once;
use crate::syscall::UserPtr;
use abi::Abi;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt::Write;
use machine::memory::try_box;

/// NSFS_MAGIC.
const MAGIC: u64 = 0x6e73_6673;
/// NS_GET_USERNS and the others (ioctl_ns(2)).
mod request {
    pub const USER: u32 = 0xb701;
    pub const PARENT: u32 = 0xb702;
    pub const KIND: u32 = 0xb703;
    pub const OWNER: u32 = 0xb704;
}

struct Nsfs;
impl SuperblockOperations for Nsfs {
    fn as_any(&self) -> &dyn Any {
        self
    }
}
impl InodeOperations for Nsfs {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

static MOUNT: Once<Arc<Mount>> = Once::new();

fn attributes(number: u64, mode: u32) -> InodeAttributes {
    InodeAttributes {
        number,
        mode,
        user: 0,
        group: 0,
        links: 1,
        size: 0,
        device: DeviceNumber::default(),
        time: Timestamp::now(),
    }
}

/// Makes the internal mount; once, at boot.
pub fn initialize() -> Result<()> {
    let options = SuperblockOptions { magic: MAGIC, ..SuperblockOptions::default() };
    let superblock = Superblock::new("nsfs", options, try_box(Nsfs)?)?;
    let root = attributes(superblock.next_inode_number(), FileType::Directory as u32 | 0o555);
    superblock.set_root(Inode::new(superblock.clone(), &root, try_box(Nsfs)?, None)?);
    let _ = MOUNT.set(Mount::internal(&superblock)?);
    Ok(())
}

/// A namespace's inode: it keeps the namespace while it is open or mounted.
struct NamespaceInode(Namespace);
impl InodeOperations for NamespaceInode {
    fn open(&self, _inode: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
        Ok(try_box(NamespaceFile(self.0.clone()))?)
    }
    /// Immutable: nobody may write.
    fn permission(&self, inode: &Inode, credentials: &Credentials, access: Access) -> Result<()> {
        if access.has(Access::WRITE) { Err(EPERM) } else { inode.check_mode(credentials, access) }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An open file of a namespace.
struct NamespaceFile(Namespace);
impl FileOperations for NamespaceFile {
    fn is_seekable(&self) -> bool {
        false
    }
    fn is_pollable(&self) -> bool {
        false
    }
    fn ioctl(&self, _file: &File, task: &Task, command: u32, argument: u64) -> Result<usize> {
        // Linux has no such calls for 32-bit programs.
        if task.abi() == Abi::I386 {
            return Err(ENOTTY);
        }
        match command {
            request::USER => open(task, visible_owner(task, &self.0).map(Namespace::User)?),
            request::PARENT => match &self.0 {
                Namespace::Pid(namespace) => {
                    let parent = namespace.parent().filter(|parent| parent.is_within(task.pid_namespace()));
                    open(task, Namespace::Pid(parent.cloned().ok_or(EPERM)?))
                }
                Namespace::User(_) => open(task, visible_owner(task, &self.0).map(Namespace::User)?),
                _ => Err(EINVAL),
            },
            request::KIND => Ok(self.0.kind().flag() as usize),
            request::OWNER => match &self.0 {
                Namespace::User(namespace) => {
                    let user = task.with_credentials(|own| own.namespace.user(namespace.owner_user()));
                    UserPtr::<u32>::new(argument).write(task, &user).map(|()| 0)
                }
                _ => Err(EINVAL),
            },
            _ => Err(ENOTTY),
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The owner, if it is the caller's user namespace or below. EPERM.
fn visible_owner(task: &Task, namespace: &Namespace) -> Result<Arc<UserNamespace>> {
    let own = task.credentials().namespace.clone();
    namespace.owner().filter(|owner| owner.is_within(&own)).ok_or(EPERM)
}

/// A descriptor of a namespace.
fn open(task: &Task, namespace: Namespace) -> Result<usize> {
    let path = path(namespace)?;
    let file = super::open::open_place(task, &path, 0)?;
    Ok(task.files().install(file, 0, true)?.0 as usize)
}

/// The place of a namespace's file.
pub fn path(namespace: Namespace) -> Result<Path> {
    let mount = MOUNT.get().ok_or(ENODEV)?;
    let mut name = Line::<40>::new();
    let _ = write!(name, "{}:[{}]", namespace.kind().name(), namespace.inode());
    let attributes = attributes(namespace.inode(), FileType::Regular as u32 | 0o444);
    let inode = Inode::new(mount.superblock().clone(), &attributes, try_box(NamespaceInode(namespace))?, None)?;
    Ok(Path { mount: mount.clone(), dentry: Dentry::root(inode, name.as_bytes())? })
}

/// The namespace that a place is the file of.
pub fn namespace_at(path: &Path) -> Option<Namespace> {
    path.dentry.inode()?.downcast::<NamespaceInode>().map(|inode| inode.0.clone())
}

/// The namespace that an open file is the file of.
pub fn namespace_of(file: &File) -> Option<Namespace> {
    file.downcast::<NamespaceFile>().map(|file| file.0.clone())
}

/// The namespace of a kind that a task is in, as a place. ENOENT once it has left it.
pub fn path_of(task: &Task, kind: Kind) -> Result<Path> {
    path(crate::process::namespace::enter::namespace_of(task, kind).ok_or(ENOENT)?)
}
