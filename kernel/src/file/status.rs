//! stat(2), statx(2), statfs(2), access(2): what a file is.
use super::attributes::*;
use super::inode::{Inode, UserFlags};
use super::mount::{Mount, mount_flag};
use super::path::Path;
use super::superblock::superblock_flag;
use super::walk::{self, walk_flag};
use crate::error::*;
use crate::process::{Credentials, Task};
use crate::syscall::{Fd, UserBytes, UserPath};
use abi::stat::{Stat, Statfs, Statx};
use alloc::sync::Arc;
use machine::user;
use zerocopy::IntoBytes;

const HERE: Fd = Fd::WORKING_DIRECTORY;
pub(super) const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const AT_EACCESS: u32 = 0x200;
pub(super) const AT_NO_AUTOMOUNT: u32 = 0x800;
pub(super) const AT_EMPTY_PATH: u32 = 0x1000;
const AT_STATX_SYNC_TYPE: u32 = 0x6000;

fn encode_device(device: DeviceNumber) -> u64 {
    device.encode().into()
}
fn encode_time(time: Timestamp) -> [i64; 2] {
    [time.seconds, time.nanoseconds.into()]
}
fn copy_out(buffer: UserBytes, bytes: &[u8]) -> Result<()> {
    if user::copy_to_user(buffer.0, bytes) != 0 { Err(EFAULT) } else { Ok(()) }
}

/// The attributes of an inode now.
pub fn status(inode: &Arc<Inode>) -> Result<Status> {
    inode.operations().refresh(inode)?;
    let mut status = inode.status();
    Task::current().with_credentials(|own| {
        status.user = own.namespace.user(status.user);
        status.group = own.namespace.group(status.group);
    });
    Ok(status)
}

fn write_stat(status: &Status, buffer: UserBytes) -> Result<()> {
    let stat = Stat {
        device: encode_device(status.device),
        inode: status.inode,
        links: status.links.into(),
        mode: status.mode,
        user: status.user,
        group: status.group,
        pad: 0,
        special_device: encode_device(status.special_device),
        size: status.size as i64,
        block_size: status.block_size.into(),
        blocks: status.blocks as i64,
        access_time: encode_time(status.access_time),
        modification_time: encode_time(status.modification_time),
        change_time: encode_time(status.change_time),
    };
    copy_out(buffer, stat.words().as_bytes())
}

/// The place that (directory, path, AT_* flags) names. An empty path with AT_EMPTY_PATH is the descriptor itself.
pub fn place_at(task: &Task, directory: Fd, path: &[u8], flags: u32) -> Result<Path> {
    if path.is_empty() && flags & AT_EMPTY_PATH != 0 && directory != HERE {
        return Ok(task.files().get(directory)?.path().clone());
    }
    let mut walk = if flags & AT_SYMLINK_NOFOLLOW == 0 { walk_flag::FOLLOW } else { 0 };
    if flags & AT_EMPTY_PATH != 0 {
        walk |= walk_flag::EMPTY;
    }
    walk::resolve(task, directory, path, walk)
}

/// The attributes of what (directory, path, AT_* flags) names.
pub(super) fn status_at(task: &Task, directory: Fd, path: UserPath, flags: u32) -> Result<Status> {
    let path = path.read_buffered()?;
    status(place_at(task, directory, &path, flags)?.inode()?)
}

fn stat_at(task: &Task, directory: Fd, path: UserPath, buffer: UserBytes, flags: u32) -> Result<()> {
    let path = path.read_buffered()?;
    if path.is_empty() && flags & AT_EMPTY_PATH != 0 && directory != HERE {
        return fstat(task, directory, buffer);
    }
    let place = place_at(task, directory, &path, flags)?;
    write_stat(&status(place.inode()?)?, buffer)
}

/// stat(2).
pub fn stat(task: &Task, path: UserPath, buffer: UserBytes) -> Result<()> {
    stat_at(task, HERE, path, buffer, 0)
}
/// lstat(2).
pub fn lstat(task: &Task, path: UserPath, buffer: UserBytes) -> Result<()> {
    stat_at(task, HERE, path, buffer, AT_SYMLINK_NOFOLLOW)
}
/// fstat(2): O_PATH descriptors serve too.
pub fn fstat(task: &Task, fd: Fd, buffer: UserBytes) -> Result<()> {
    let file = task.files().get(fd)?;
    write_stat(&status(file.inode())?, buffer)
}
/// newfstatat(2).
pub fn newfstatat(task: &Task, directory: Fd, path: UserPath, buffer: UserBytes, flags: u32) -> Result<()> {
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH) != 0 {
        return Err(EINVAL);
    }
    stat_at(task, directory, path, buffer, flags)
}

/// statx(2): everything known is given, whatever the mask asks for.
pub fn statx(task: &Task, directory: Fd, path: UserPath, flags: u32, mask: u32, buffer: UserBytes) -> Result<()> {
    const BASIC: u32 = 0x7ff;
    const BIRTH_TIME: u32 = 0x800;
    const MOUNT_ID: u32 = 0x1000;
    const RESERVED: u32 = 1 << 31;
    const IS_MOUNT_ROOT: u64 = 0x2000;
    /// STATX_ATTR_AUTOMOUNT and STATX_ATTR_DAX: known, and never set.
    const ALWAYS_KNOWN: u64 = 0x1000 | 0x20_0000;
    if mask & RESERVED != 0 {
        return Err(EINVAL);
    }
    if flags & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE {
        return Err(EINVAL);
    }
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE) != 0 {
        return Err(EINVAL);
    }
    let path = path.read_buffered()?;
    let place = place_at(task, directory, &path, flags)?;
    let status = status(place.inode()?)?;
    let mut out = Statx::new();
    let known = BASIC | MOUNT_ID | if status.birth_time.is_some() { BIRTH_TIME } else { 0 };
    out.set(Statx::MASK, &known.to_le_bytes());
    out.set(Statx::BLOCK_SIZE, &status.block_size.to_le_bytes());
    let root = Arc::ptr_eq(place.mount.root(), &place.dentry);
    // Those of STATX_ATTR_* that are flags of inodes have the same numbers.
    const FLAGS: u32 = UserFlags::IMMUTABLE | UserFlags::APPEND_ONLY | UserFlags::NO_DUMP;
    let flags = place.inode()?.operations().user_flags(place.inode()?).ok();
    let (set, known) = flags.map_or((0, 0), |flags| (u64::from(flags.0 & FLAGS), u64::from(FLAGS)));
    out.set(Statx::ATTRIBUTES, &(if root { IS_MOUNT_ROOT } else { 0 } | set).to_le_bytes());
    out.set(Statx::ATTRIBUTES_MASK, &(IS_MOUNT_ROOT | ALWAYS_KNOWN | known).to_le_bytes());
    out.set(Statx::LINKS, &status.links.to_le_bytes());
    out.set(Statx::USER, &status.user.to_le_bytes());
    out.set(Statx::GROUP, &status.group.to_le_bytes());
    out.set(Statx::MODE, &(status.mode as u16).to_le_bytes());
    out.set(Statx::INODE, &status.inode.to_le_bytes());
    out.set(Statx::LENGTH, &status.size.to_le_bytes());
    out.set(Statx::BLOCKS, &status.blocks.to_le_bytes());
    let times = [
        (Statx::ACCESS_TIME, Some(status.access_time)),
        (Statx::MODIFICATION_TIME, Some(status.modification_time)),
        (Statx::CHANGE_TIME, Some(status.change_time)),
        (Statx::BIRTH_TIME, status.birth_time),
    ];
    for (offset, time) in times {
        let time = time.unwrap_or_default();
        out.set(offset, &time.seconds.to_le_bytes());
        out.set(offset + 8, &time.nanoseconds.to_le_bytes());
    }
    out.set(Statx::SPECIAL_MAJOR, &status.special_device.major.to_le_bytes());
    out.set(Statx::SPECIAL_MINOR, &status.special_device.minor.to_le_bytes());
    out.set(Statx::DEVICE_MAJOR, &status.device.major.to_le_bytes());
    out.set(Statx::DEVICE_MINOR, &status.device.minor.to_le_bytes());
    out.set(Statx::MOUNT, &u64::from(place.mount.id()).to_le_bytes());
    copy_out(buffer, out.as_bytes())
}

/// ST_* flags of statfs(2).
fn statfs_flags(mount: &Mount) -> u64 {
    const VALID: u64 = 0x20;
    let pairs = [
        (mount_flag::READ_ONLY, 1),
        (mount_flag::NO_SET_ID, 2),
        (mount_flag::NO_DEVICES, 4),
        (mount_flag::NO_EXECUTE, 8),
        (mount_flag::NO_ACCESS_TIME, 1024),
        (mount_flag::NO_DIRECTORY_ACCESS_TIME, 2048),
        (mount_flag::RELATIVE_ACCESS_TIME, 4096),
        (mount_flag::NO_LINKS, 8192),
    ];
    let flags = mount.flags();
    let mut shown = pairs.iter().filter(|(flag, _)| flags & flag != 0).fold(VALID, |all, (_, bit)| all | bit);
    let superblock = mount.superblock().flags();
    shown |= u64::from(superblock & (superblock_flag::READ_ONLY | superblock_flag::SYNCHRONOUS));
    shown
}

/// What statfs(2) says of the file system at a place.
pub(super) fn statistics(place: &Path) -> Result<Statfs> {
    let superblock = place.dentry.superblock();
    let counts = superblock.operations().statistics(superblock)?;
    let options = superblock.options();
    // What lies in memory is counted in pages, whatever st_blksize is.
    let unit = options.block_size.max(4096).into();
    Ok(Statfs {
        magic: options.magic,
        block_size: unit,
        blocks: counts.blocks,
        free: counts.free,
        available: counts.available,
        inodes: counts.inodes,
        free_inodes: counts.free_inodes,
        id: encode_device(superblock.device()),
        longest_name: options.longest_name.into(),
        fragment_size: unit,
        flags: statfs_flags(&place.mount),
    })
}
fn write_statfs(place: &Path, buffer: UserBytes) -> Result<()> {
    copy_out(buffer, &statistics(place)?.to_bytes())
}
/// statfs(2).
pub fn statfs(task: &Task, path: UserPath, buffer: UserBytes) -> Result<()> {
    write_statfs(&walk::resolve(task, HERE, &path.read()?, walk_flag::FOLLOW)?, buffer)
}
/// fstatfs(2).
pub fn fstatfs(task: &Task, fd: Fd, buffer: UserBytes) -> Result<()> {
    write_statfs(task.files().get(fd)?.path(), buffer)
}

/// access(2).
pub fn access(task: &Task, path: UserPath, mode: u32) -> Result<()> {
    faccessat2(task, HERE, path, mode, 0)
}
/// faccessat(2).
pub fn faccessat(task: &Task, directory: Fd, path: UserPath, mode: u32) -> Result<()> {
    faccessat2(task, directory, path, mode, 0)
}
/// faccessat2(2): asks with the real ids unless AT_EACCESS is set.
pub fn faccessat2(task: &Task, directory: Fd, path: UserPath, mode: u32, flags: u32) -> Result<()> {
    if mode & !7 != 0 || flags & !(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(EINVAL);
    }
    let current = task.credentials();
    let credentials = if flags & AT_EACCESS == 0 { real(&current)? } else { current };
    let path = path.read_buffered()?;
    let mut walk = if flags & AT_SYMLINK_NOFOLLOW == 0 { walk_flag::FOLLOW } else { 0 };
    if flags & AT_EMPTY_PATH != 0 {
        walk |= walk_flag::EMPTY;
    }
    let place = walk::Walker::start(task, &credentials, directory, &path, walk)?.to_end()?;
    let inode = place.inode()?;
    if mode & 1 != 0 && inode.kind() == FileType::Regular && place.mount.flags() & mount_flag::NO_EXECUTE != 0 {
        return Err(EACCES.because("the mount is noexec"));
    }
    let writes_data = matches!(inode.kind(), FileType::Regular | FileType::Directory | FileType::SymbolicLink);
    if mode & 2 != 0 && writes_data && inode.superblock().is_read_only() {
        return Err(EROFS);
    }
    inode.operations().permission(inode, &credentials, Access(mode))?;
    if mode & 2 != 0 && writes_data { place.check_writable() } else { Ok(()) }
}

/// The credentials that access(2) asks with: real ids for the file system's, and root's capabilities only for root.
fn real(current: &Arc<Credentials>) -> Result<Arc<Credentials>> {
    const NO_SETUID_FIXUP: u32 = 1 << 2;
    let mut real = Credentials::clone(current);
    real.file_system_user = real.user;
    real.file_system_group = real.group;
    if real.securebits & NO_SETUID_FIXUP == 0 {
        real.effective = if real.user == real.namespace.root_user() { real.permitted } else { 0 };
    }
    Ok(machine::memory::try_arc(real)?)
}
