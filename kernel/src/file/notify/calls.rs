//! inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2).
use super::event;
use super::instance::{InotifyFile, Instance};
use crate::error::*;
use crate::file::attributes::Access;
use crate::file::open_file::open_flag;
use crate::file::walk::{self, walk_flag};
use crate::file::{File, FileOperations};
use crate::process::Task;
use crate::syscall::argument::{Flags, flag_names};
use crate::syscall::{Fd, UserPath};
use alloc::boxed::Box;
use machine::memory::try_box;

flag_names! {
    /// Flags of inotify_init1(2).
    pub InotifyFlags { IN_NONBLOCK = 0o4000, IN_CLOEXEC = 0o2000000 }
}

/// inotify_init1(2).
pub fn inotify_init1(task: &Task, flags: Flags<InotifyFlags>) -> Result<Fd> {
    let bits = flags.known()?;
    let operations: Box<dyn FileOperations> = try_box(InotifyFile(Instance::new(task)?))?;
    let status = open_flag::READ_ONLY | bits & InotifyFlags::IN_NONBLOCK;
    let file = File::anonymous(operations, "anon_inode:inotify", status)?;
    task.files().install(file, 0, bits & InotifyFlags::IN_CLOEXEC != 0)
}
/// inotify_init(2).
pub fn inotify_init(task: &Task) -> Result<Fd> {
    inotify_init1(task, Flags::new(0))
}

/// inotify_add_watch(2).
pub fn inotify_add_watch(task: &Task, fd: Fd, path: UserPath, mask: u32) -> Result<i32> {
    if mask & !event::KNOWN != 0 || mask & event::KNOWN == 0 {
        return Err(EINVAL);
    }
    let file = task.file(fd)?;
    if mask & event::MASK_ADD != 0 && mask & event::MASK_CREATE != 0 {
        return Err(EINVAL);
    }
    let instance = &file.downcast::<InotifyFile>().ok_or(EINVAL)?.0;
    let follow = if mask & event::DO_NOT_FOLLOW == 0 { walk_flag::FOLLOW } else { 0 };
    let directory = if mask & event::ONLY_DIRECTORY != 0 { walk_flag::DIRECTORY } else { 0 };
    let place = walk::resolve(task, Fd::WORKING_DIRECTORY, &path.read()?, follow | directory)?;
    let inode = place.inode()?;
    inode.operations().permission(inode, &task.credentials(), Access::READ)?;
    instance.watch(inode, mask)
}

/// inotify_rm_watch(2).
pub fn inotify_rm_watch(task: &Task, fd: Fd, watch: i32) -> Result<()> {
    let file = task.file(fd)?;
    file.downcast::<InotifyFile>().ok_or(EINVAL)?.0.unwatch(watch)
}
