//! devtmpfs: a tmpfs in which drivers make their nodes.
use super::attributes::{DeviceNumber, FileType, NewInode};
use super::dentry;
use super::inode::Inode;
use super::mount::Mount;
use super::path::Path;
use super::superblock::{FileSystemType, MountRequest, Superblock};
use super::tmpfs::{Options, Tmpfs};
use super::walk::{lookup_locked, next_component};
use crate::error::*;
use crate::sync::{Mutex, Once, rank};
use alloc::sync::Arc;

/// The one instance, kept alive by a mount of the kernel's own.
static MOUNT: Once<Arc<Mount>> = Once::new();
/// Nodes are made and removed one at a time.
static NODES: Mutex<()> = Mutex::new(rank::DEVICE_REGISTRY, ());

/// The type that mount(2) knows: every mount shows the same instance.
pub struct DevtmpfsType;
impl FileSystemType for DevtmpfsType {
    fn name(&self) -> &'static str {
        "devtmpfs"
    }
    fn takes_flags_as_options(&self) -> bool {
        true
    }
    fn check_options(&self, data: &[u8]) -> Result<()> {
        Options::parse(data).map(|_| ())
    }
    fn mount(&self, _: &MountRequest) -> Result<Arc<Superblock>> {
        Ok(MOUNT.get().ok_or(ENODEV)?.superblock().clone())
    }
}

/// Makes the instance; once, at boot, before the drivers start.
pub fn initialize() -> Result<()> {
    let options = Options { mode: Some(0o755), ..Options::default() };
    let superblock = Tmpfs::create("devtmpfs", options)?;
    MOUNT.set(Mount::internal(&superblock)?).map_err(|_| EBUSY)
}

/// Calls `act` with the directory of the last name in `path` (made with those above it if missing) and that name.
fn within<R>(path: &str, act: impl FnOnce(&Path, &Arc<Inode>, &[u8]) -> Result<R>) -> Result<R> {
    let mount = MOUNT.get().ok_or(ENODEV)?;
    let _nodes = NODES.lock();
    let mut at = Path { mount: mount.clone(), dentry: mount.root().clone() };
    let mut rest = path.as_bytes();
    loop {
        let (name, after) = next_component(rest);
        let directory = at.inode()?.clone();
        if next_component(after).0.is_empty() {
            let _guard = directory.lock.write();
            return act(&at, &directory, name);
        }
        let guard = directory.lock.write();
        let mut child = lookup_locked(&directory, &at.dentry, name)?;
        if child.inode().is_none() {
            let new = NewInode {
                mode: FileType::Directory as u32 | 0o755,
                user: 0,
                group: 0,
                device: DeviceNumber::default(),
            };
            let inode = directory.operations().create(&directory, name, &new)?;
            child = dentry::publish(&at.dentry, name, Some(inode))?;
        }
        drop(guard);
        at.dentry = child;
        rest = after;
    }
}

/// Makes a node such as "null" or "pts/ptmx" (directories on the way are made); `mode` with type bits. EEXIST.
pub fn add_node(path: &str, mode: u32, device: DeviceNumber) -> Result<()> {
    within(path, |at, directory, name| {
        if lookup_locked(directory, &at.dentry, name)?.inode().is_some() {
            return Err(EEXIST);
        }
        let new = NewInode { mode, user: 0, group: 0, device };
        let inode = directory.operations().create(directory, name, &new)?;
        dentry::publish(&at.dentry, name, Some(inode)).map(|_| ())
    })
}
/// Makes a symbolic link such as "fd" to "/proc/self/fd". EEXIST.
pub fn add_link(path: &str, target: &str) -> Result<()> {
    within(path, |at, directory, name| {
        if lookup_locked(directory, &at.dentry, name)?.inode().is_some() {
            return Err(EEXIST);
        }
        let mode = FileType::SymbolicLink as u32 | 0o777;
        let new = NewInode { mode, user: 0, group: 0, device: DeviceNumber::default() };
        let inode = directory.operations().create_link(directory, name, target.as_bytes(), &new)?;
        dentry::publish(&at.dentry, name, Some(inode)).map(|_| ())
    })
}
/// Removes a node; ENOENT.
pub fn remove_node(path: &str) -> Result<()> {
    within(path, |at, directory, name| {
        let victim = lookup_locked(directory, &at.dentry, name)?;
        let inode = victim.inode().ok_or(ENOENT)?;
        directory.operations().unlink(directory, name, inode)?;
        dentry::remove(&victim, true);
        Ok(())
    })
}
