//! The system calls on directory entries: mkdir, mknod, link, symlink, unlink, rmdir, rename, readlink.
use super::attributes::*;
use super::buffer::check_user_range;
use super::entry;
use super::walk::{self, walk_flag};
use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::{Fd, UserBytes, UserPath, UserSlice};

const HERE: Fd = Fd::WORKING_DIRECTORY;
const AT_SYMLINK_FOLLOW: u32 = 0x400;
const AT_REMOVEDIR: u32 = 0x200;
const AT_EMPTY_PATH: u32 = 0x1000;

/// mkdir(2).
pub fn mkdir(task: &Task, path: UserPath, mode: u32) -> Result<()> {
    mkdirat(task, HERE, path, mode)
}
/// mkdirat(2).
pub fn mkdirat(task: &Task, directory: Fd, path: UserPath, mode: u32) -> Result<()> {
    entry::make_directory(task, directory, &path.read()?, mode)
}
/// mknod(2).
pub fn mknod(task: &Task, path: UserPath, mode: u32, device: u32) -> Result<()> {
    mknodat(task, HERE, path, mode, device)
}
/// mknodat(2): no type means a regular file.
pub fn mknodat(task: &Task, directory: Fd, path: UserPath, mode: u32, device: u32) -> Result<()> {
    // mode_t has 16 bits.
    let mode = mode & 0xffff;
    let mode = match (mode & 0o170000, FileType::of_mode(mode)) {
        (0, _) => mode | FileType::Regular as u32,
        (_, FileType::Directory) => return Err(EPERM),
        (_, FileType::SymbolicLink | FileType::None) => return Err(EINVAL),
        _ => mode,
    };
    entry::make_node(task, directory, &path.read()?, mode, DeviceNumber::decode(device))
}
/// symlink(2).
pub fn symlink(task: &Task, target: UserPath, path: UserPath) -> Result<()> {
    symlinkat(task, target, HERE, path)
}
/// symlinkat(2).
pub fn symlinkat(task: &Task, target: UserPath, directory: Fd, path: UserPath) -> Result<()> {
    let target = target.read()?;
    if target.is_empty() {
        return Err(ENOENT);
    }
    entry::make_link(task, &target, directory, &path.read()?)
}
/// link(2): a link in the last place is itself linked.
pub fn link(task: &Task, old: UserPath, new: UserPath) -> Result<()> {
    linkat(task, HERE, old, HERE, new, 0)
}
/// linkat(2).
pub fn linkat(
    task: &Task,
    old_directory: Fd,
    old: UserPath,
    new_directory: Fd,
    new: UserPath,
    flags: u32,
) -> Result<()> {
    if flags & !(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(EINVAL);
    }
    let mut walk = 0;
    if flags & AT_EMPTY_PATH != 0 {
        if !task.capable(Capability::DacReadSearch) {
            return Err(ENOENT);
        }
        walk |= walk_flag::EMPTY;
    }
    if flags & AT_SYMLINK_FOLLOW != 0 {
        walk |= walk_flag::FOLLOW;
    }
    let old = walk::resolve(task, old_directory, &old.read()?, walk)?;
    entry::add_name(task, &old, new_directory, &new.read()?)
}
/// unlink(2).
pub fn unlink(task: &Task, path: UserPath) -> Result<()> {
    entry::remove_file(task, HERE, &path.read()?)
}
/// unlinkat(2).
pub fn unlinkat(task: &Task, directory: Fd, path: UserPath, flags: u32) -> Result<()> {
    match flags {
        0 => entry::remove_file(task, directory, &path.read()?),
        AT_REMOVEDIR => entry::remove_directory(task, directory, &path.read()?),
        _ => Err(EINVAL),
    }
}
/// rmdir(2).
pub fn rmdir(task: &Task, path: UserPath) -> Result<()> {
    entry::remove_directory(task, HERE, &path.read()?)
}
/// rename(2).
pub fn rename(task: &Task, old: UserPath, new: UserPath) -> Result<()> {
    renameat2(task, HERE, old, HERE, new, 0)
}
/// renameat(2).
pub fn renameat(task: &Task, old_directory: Fd, old: UserPath, new_directory: Fd, new: UserPath) -> Result<()> {
    renameat2(task, old_directory, old, new_directory, new, 0)
}
/// renameat2(2).
pub fn renameat2(
    task: &Task,
    old_directory: Fd,
    old: UserPath,
    new_directory: Fd,
    new: UserPath,
    flags: u32,
) -> Result<()> {
    let all = entry::NO_REPLACE | entry::EXCHANGE | entry::WHITEOUT;
    if flags & !all != 0 || flags & entry::EXCHANGE != 0 && flags & (entry::NO_REPLACE | entry::WHITEOUT) != 0 {
        return Err(EINVAL);
    }
    entry::rename(task, (old_directory, &old.read()?), (new_directory, &new.read()?), flags)
}
/// readlink(2).
pub fn readlink(task: &Task, path: UserPath, buffer: UserBytes, size: i32) -> Result<usize> {
    readlinkat(task, HERE, path, buffer, size)
}
/// readlinkat(2): an empty path means the descriptor itself.
pub fn readlinkat(task: &Task, directory: Fd, path: UserPath, buffer: UserBytes, size: i32) -> Result<usize> {
    let size = usize::try_from(size).ok().filter(|size| *size > 0).ok_or(EINVAL)?;
    let path = path.read()?;
    let place = walk::resolve(task, directory, &path, walk_flag::EMPTY)?;
    let inode = place.inode()?;
    if inode.kind() != FileType::SymbolicLink {
        return Err(if path.is_empty() { ENOENT } else { EINVAL });
    }
    let copied;
    let text = match inode.operations().link_in_memory() {
        Some(text) => text,
        None => {
            copied = inode.operations().read_link(inode)?;
            &copied
        }
    };
    place.touch_accessed();
    let text = text.get(..size.min(text.len())).unwrap_or(text);
    check_user_range(buffer.0, text.len())?;
    UserSlice::new(buffer.0, text.len()).write(text)?;
    Ok(text.len())
}
