//! What the file side needs before the first program runs.
use super::attributes::{DeviceNumber, FileType, NewInode};
use super::mount::{self, MountNamespace};
use super::path::Path;
use super::superblock::{InternalType, register_file_system};
use super::tmpfs::{Options, Tmpfs, TmpfsType};
use super::{anonymous, dentry, devtmpfs, ninep, nsfs, procfs, sysfs};
use crate::error::*;
use alloc::sync::Arc;

/// Makes the caches, the internal mounts, the known file system types and the first root. Before any driver starts.
pub fn initialize() -> Result<Arc<MountNamespace>> {
    dentry::initialize()?;
    anonymous::initialize()?;
    nsfs::initialize()?;
    devtmpfs::initialize()?;
    register_file_system(&TmpfsType)?;
    register_file_system(&devtmpfs::DevtmpfsType)?;
    register_file_system(&InternalType("sockfs"))?;
    register_file_system(&InternalType("pipefs"))?;
    procfs::initialize()?;
    sysfs::initialize()?;
    crate::net::sysfs::initialize()?;
    ninep::initialize()?;
    let options = Options { mode: Some(0o755), ..Options::default() };
    let namespace = mount::initialize(&Tmpfs::create("rootfs", options)?)?;
    populate(&namespace)?;
    Ok(namespace)
}

/// Fills the root with what every Linux has there before the initramfs is unpacked: /dev, /dev/console, /root.
fn populate(namespace: &Arc<MountNamespace>) -> Result<()> {
    let root = namespace.root_path();
    let directory = FileType::Directory as u32;
    add(&root, b"dev", directory | 0o755, DeviceNumber::default())?;
    let dev = super::walk::resolve_in_kernel(b"/dev", 0)?;
    add(&dev, b"console", FileType::CharacterDevice as u32 | 0o600, DeviceNumber::new(5, 1))?;
    add(&root, b"root", directory | 0o700, DeviceNumber::default())
}

fn add(at: &Path, name: &[u8], mode: u32, device: DeviceNumber) -> Result<()> {
    let directory = at.inode()?;
    let _guard = directory.lock.write();
    let new = NewInode { mode, user: 0, group: 0, device };
    let inode = directory.operations().create(directory, name, &new)?;
    dentry::publish(&at.dentry, name, Some(inode)).map(|_| ())
}
