//! Changing a file's length: truncate(2), ftruncate(2), fallocate(2).
use super::attributes::*;
use super::inode::Inode;
use super::notify;
use super::open_file::File;
use super::walk::{self, walk_flag};
use crate::error::*;
use crate::process::{Task, thread_group::Resource};
use crate::syscall::{Fd, FileOffset, UserPath};
use alloc::sync::Arc;

/// Sets a regular file's length with all that goes with it: times, set-id bits, SIGXFSZ at RLIMIT_FSIZE.
pub fn truncate_inode(inode: &Arc<Inode>, length: u64, always_touch: bool) -> Result<()> {
    let _guard = inode.lock.write();
    let old = inode.size();
    if length > old {
        let limit = Task::current().group().limit(Resource::FileSize);
        if length > limit {
            crate::signal::send_to_current(crate::signal::SIGXFSZ);
            return Err(EFBIG);
        }
        if length > inode.superblock().options().largest_file {
            return Err(EFBIG);
        }
    }
    let now = (length != old || always_touch).then(Timestamp::now);
    super::regular::remove_privileges(inode);
    let changes = AttributeChanges {
        size: Some(length),
        modification_time: now,
        change_time: now,
        ..AttributeChanges::default()
    };
    inode.operations().set_attributes(inode, &changes)
}

/// truncate(2).
pub fn truncate(task: &Task, path: UserPath, length: i64) -> Result<()> {
    if length < 0 {
        return Err(EINVAL);
    }
    let path = walk::resolve(task, Fd::WORKING_DIRECTORY, &path.read()?, walk_flag::FOLLOW)?;
    let inode = path.inode()?;
    match inode.kind() {
        FileType::Directory => return Err(EISDIR),
        FileType::Regular => {}
        _ => return Err(EINVAL),
    }
    path.check_writable()?;
    inode.operations().permission(inode, &task.credentials(), Access::WRITE)?;
    inode.check_not_append_only()?;
    inode.get_write_access()?;
    let result = super::lease::break_for(inode, super::open_file::open_flag::WRITE_ONLY)
        .and_then(|()| truncate_inode(inode, length as u64, true));
    inode.put_write_access();
    if result.is_ok() {
        notify::changed_path(&path, notify::event::MODIFY);
    }
    result
}

/// truncate64(2).
pub fn truncate64(task: &Task, path: UserPath, length: FileOffset) -> Result<()> {
    truncate(task, path, length.0)
}
/// ftruncate64(2).
pub fn ftruncate64(task: &Task, fd: Fd, length: FileOffset) -> Result<()> {
    ftruncate(task, fd, length.0)
}

/// ftruncate(2).
pub fn ftruncate(task: &Task, fd: Fd, length: i64) -> Result<()> {
    if length < 0 {
        return Err(EINVAL);
    }
    let file = task.file(fd)?;
    if file.inode().kind() != FileType::Regular || !file.is_writable() {
        return Err(EINVAL);
    }
    file.inode().check_not_append_only()?;
    truncate_inode(file.inode(), length as u64, true)?;
    notify::changed_path(file.path(), notify::event::MODIFY);
    Ok(())
}

/// fallocate(2).
pub fn fallocate(task: &Task, fd: Fd, mode: u32, offset: FileOffset, length: FileOffset) -> Result<()> {
    let file = task.file(fd)?;
    allocate(&file, mode, offset.0, length.0)
}

fn allocate(file: &File, mode: u32, offset: i64, length: i64) -> Result<()> {
    const KEEP_SIZE: u32 = 1;
    const PUNCH_HOLE: u32 = 2;
    const KNOWN: u32 = 0x7b;
    if offset < 0 || length <= 0 {
        return Err(EINVAL);
    }
    if mode & !KNOWN != 0 || mode & PUNCH_HOLE != 0 && mode & KEEP_SIZE == 0 {
        return Err(EOPNOTSUPP);
    }
    if !file.is_writable() {
        return Err(EBADF);
    }
    let inode = file.inode();
    if mode & !KEEP_SIZE != 0 {
        inode.check_not_append_only()?;
    }
    if inode.is_immutable() {
        return Err(EPERM);
    }
    match inode.kind() {
        FileType::Fifo => return Err(ESPIPE),
        FileType::Directory => return Err(EISDIR),
        FileType::Regular | FileType::BlockDevice => {}
        _ => return Err(ENODEV),
    }
    let end = offset.checked_add(length).ok_or(EFBIG)?;
    if end as u64 > inode.superblock().options().largest_file {
        return Err(EFBIG);
    }
    let guard = inode.lock.write();
    if mode & KEEP_SIZE == 0 && end as u64 > inode.size() {
        let limit = Task::current().group().limit(Resource::FileSize);
        if end as u64 > limit {
            crate::signal::send_to_current(crate::signal::SIGXFSZ);
            return Err(EFBIG);
        }
    }
    inode.operations().allocate(inode, mode, offset as u64, length as u64)?;
    drop(guard);
    notify::modified(file);
    Ok(())
}
