//! Files without a path: pipes, epoll, eventfd and the like live on mounts of the kernel's own.
use super::attributes::{DeviceNumber, FileType, Timestamp};
use super::dentry::Dentry;
use super::inode::{Inode, InodeAttributes, InodeOperations};
use super::mount::Mount;
use super::path::Path;
use super::superblock::{Superblock, SuperblockOperations, SuperblockOptions};
use crate::error::*;
use crate::sync::Once;
use alloc::sync::Arc;
use core::any::Any;
use machine::memory::try_box;

struct NoOperations;
impl SuperblockOperations for NoOperations {
    fn as_any(&self) -> &dyn Any {
        self
    }
}
impl InodeOperations for NoOperations {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A file system of anonymous inodes.
struct Internal {
    mount: Arc<Mount>,
    /// The one inode of files that have none of their own.
    shared: Arc<Inode>,
}

fn make(type_name: &'static str, magic: u64) -> Result<Internal> {
    let options = SuperblockOptions { magic, ..SuperblockOptions::default() };
    let superblock = Superblock::new(type_name, options, try_box(NoOperations)?)?;
    superblock.set_root(inode(&superblock, FileType::Directory as u32 | 0o555, 0, 0)?);
    let shared = inode(&superblock, 0o600, 0, 0)?;
    Ok(Internal { mount: Mount::internal(&superblock)?, shared })
}

fn inode(superblock: &Arc<Superblock>, mode: u32, user: u32, group: u32) -> Result<Arc<Inode>> {
    let attributes = InodeAttributes {
        number: superblock.next_inode_number(),
        mode,
        user,
        group,
        links: 1,
        size: 0,
        device: DeviceNumber::default(),
        time: Timestamp::now(),
    };
    Inode::new(superblock.clone(), &attributes, try_box(NoOperations)?, None)
}

static ANONYMOUS: Once<Internal> = Once::new();
static PIPES: Once<Internal> = Once::new();
static SOCKETS: Once<Internal> = Once::new();

/// Makes the internal mounts; once, at boot.
pub fn initialize() -> Result<()> {
    let _ = ANONYMOUS.set(make("anon_inodefs", 0x0904_1934)?);
    let _ = PIPES.set(make("pipefs", 0x5049_5045)?);
    let _ = SOCKETS.set(make("sockfs", 0x534f_434b)?);
    Ok(())
}

/// A path for a file that shares the one anonymous inode.
pub fn path(name: &str) -> Result<Path> {
    let internal = ANONYMOUS.get().ok_or(ENODEV)?;
    let dentry = Dentry::root(internal.shared.clone(), name.as_bytes())?;
    Ok(Path { mount: internal.mount.clone(), dentry })
}

fn numbered(
    internal: Option<&Internal>,
    kind: FileType,
    mode: u32,
    prefix: &str,
    user: u32,
    group: u32,
) -> Result<Path> {
    let internal = internal.ok_or(ENODEV)?;
    let inode = inode(internal.mount.superblock(), kind as u32 | mode, user, group)?;
    let mut name = super::text::Line::<40>::new();
    let _ = core::fmt::Write::write_fmt(&mut name, format_args!("{prefix}:[{}]", inode.number()));
    let dentry = Dentry::root(inode, name.as_bytes())?;
    Ok(Path { mount: internal.mount.clone(), dentry })
}

/// A path with an inode of its own for a new pipe ("pipe:[12]").
pub fn pipe_path(user: u32, group: u32) -> Result<Path> {
    numbered(PIPES.get(), FileType::Fifo, 0o600, "pipe", user, group)
}

/// A path with an inode of its own for a new socket ("socket:[12]").
pub fn socket_path(user: u32, group: u32) -> Result<Path> {
    numbered(SOCKETS.get(), FileType::Socket, 0o777, "socket", user, group)
}
