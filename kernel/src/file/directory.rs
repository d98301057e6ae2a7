//! Listing directories and moving among them: getdents(2), getcwd(2), chdir(2), chroot(2), umask(2).
use super::attributes::Access;
use super::inode::DirectoryEntry;
use super::open_file::{File, mode};
use super::path::Path;
use super::walk::{self, walk_flag};
use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::{Fd, UserBytes, UserPath, UserSlice};
use alloc::vec::Vec;
use core::cell::Cell;

/// How entries are laid out in user memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// struct linux_dirent: the type is the last byte.
    Old,
    /// struct linux_dirent64: the type comes before the name.
    New,
    /// i386's struct linux_dirent: 32-bit numbers, the type is the last byte.
    Narrow,
}
impl Layout {
    fn header(self) -> usize {
        if self == Layout::Narrow { 10 } else { 18 }
    }
    fn length(self, name: &[u8]) -> usize {
        let type_byte = 1;
        let alignment = if self == Layout::Narrow { 4 } else { 8 };
        (self.header() + name.len() + 1 + type_byte).next_multiple_of(alignment)
    }
    #[inline]
    fn push(self, into: &mut Vec<u8>, entry: &DirectoryEntry, length: usize) {
        let kind = entry.kind.directory_entry_type();
        if self == Layout::New {
            return Self::push_new(into, entry, kind, length);
        }
        let narrow = [entry.inode as u32 as u64 | entry.next << 32, length as u64, 0];
        let wide = [entry.inode, entry.next, length as u64];
        let header = if self == Layout::Narrow { narrow } else { wide }.map(u64::to_ne_bytes);
        let size = self.header();
        into.extend_from_slice(header.as_flattened().get(..size).unwrap_or(&[]));
        into.extend_from_slice(entry.name);
        let mut rest = [0; 16];
        let rest = rest.get_mut(..length.saturating_sub(size + entry.name.len())).unwrap_or(&mut []);
        if let Some(last) = rest.last_mut() {
            *last = kind;
        }
        into.extend_from_slice(rest);
    }
    /// The usual layout in few steps.
    #[inline]
    fn push_new(into: &mut Vec<u8>, entry: &DirectoryEntry, kind: u8, length: usize) {
        const HEADER: usize = 19;
        let mut header = [0; HEADER];
        let (words, rest) = header.split_at_mut(16);
        words.copy_from_slice([entry.inode.to_ne_bytes(), entry.next.to_ne_bytes()].as_flattened());
        rest.copy_from_slice(&[length as u8, (length >> 8) as u8, kind]);
        into.extend_from_slice(&header);
        into.extend_from_slice(entry.name);
        // At most a word: whole, then cut to what belongs to the entry.
        let end = into.len() - entry.name.len() - HEADER + length;
        into.extend_from_slice(&[0; 8]);
        into.truncate(end);
    }
}

/// Most bytes gathered before they are copied out.
const BUFFER: usize = 32 << 10;

/// Fills a user buffer with entries from the file's position on.
fn list(file: &File, buffer: UserBytes, count: usize, layout: Layout) -> Result<usize> {
    if file.mode() & mode::DIRECTORY == 0 {
        return Err(ENOTDIR);
    }
    file.with_position(|position| {
        let inode = file.inode();
        let mut bytes = Vec::new();
        let room = count.min(BUFFER);
        // With room for the zeros that are cut off behind the last entry.
        bytes.try_reserve_exact(room + 8)?;
        let full = Cell::new(false);
        let after = Cell::new(*position);
        let mut emit = |entry: DirectoryEntry| {
            let length = layout.length(entry.name);
            if bytes.len() + length > room {
                full.set(true);
                return false;
            }
            after.set(entry.next);
            layout.push(&mut bytes, &entry, length);
            true
        };
        let guard = inode.lock.read();
        if inode.is_dead() {
            return Err(ENOENT);
        }
        let kind = super::attributes::FileType::Directory;
        if *position == 0 {
            emit(DirectoryEntry { inode: inode.number(), kind, name: b".", next: 1 });
        }
        if *position <= 1 && after.get() == 1 {
            let parent = file.path().dentry.parent();
            let number =
                parent.as_ref().and_then(|parent| parent.inode()).map_or(inode.number(), |parent| parent.number());
            emit(DirectoryEntry { inode: number, kind, name: b"..", next: 2 });
        }
        let result = if after.get() >= 2 { inode.operations().iterate(inode, after.get(), &mut emit) } else { Ok(()) };
        drop(guard);
        if bytes.is_empty() {
            result?;
            return if full.get() { Err(EINVAL.because("the buffer holds no entry")) } else { Ok(0) };
        }
        file.path().touch_accessed();
        super::buffer::check_user_range(buffer.0, bytes.len())?;
        UserSlice::new(buffer.0, bytes.len()).write(&bytes)?;
        *position = after.get();
        Ok(bytes.len())
    })
}

/// getdents(2).
pub fn getdents(task: &Task, fd: Fd, buffer: UserBytes, count: u32) -> Result<usize> {
    list(&*task.borrow_file(fd)?, buffer, count as usize, Layout::Old)
}
/// getdents(2) of i386.
pub fn getdents_narrow(task: &Task, fd: Fd, buffer: UserBytes, count: u32) -> Result<usize> {
    list(&*task.file(fd)?, buffer, count as usize, Layout::Narrow)
}
/// getdents64(2).
pub fn getdents64(task: &Task, fd: Fd, buffer: UserBytes, count: u32) -> Result<usize> {
    list(&*task.borrow_file(fd)?, buffer, count as usize, Layout::New)
}

/// getcwd(2): the length with the NUL; ENOENT in a removed directory, ERANGE.
pub fn getcwd(task: &Task, buffer: UserBytes, size: usize) -> Result<usize> {
    let places = task.context().places();
    let directory = &places.working_directory;
    if directory.dentry.is_deleted() {
        return Err(ENOENT);
    }
    let (mut text, reached) = directory.walk_up(&places.root)?;
    if !reached {
        text.try_reserve(16)?;
        text.splice(0..0, *b"(unreachable)");
    }
    text.try_reserve(1)?;
    text.push(0);
    if text.len() > size {
        return Err(ERANGE);
    }
    UserSlice::new(buffer.0, text.len()).write(&text)?;
    Ok(text.len())
}

/// A directory that the task may search.
fn searchable(task: &Task, place: &Path) -> Result<()> {
    let inode = place.inode()?;
    inode.operations().permission(inode, &task.credentials(), Access::EXECUTE)
}

/// chdir(2).
pub fn chdir(task: &Task, path: UserPath) -> Result<()> {
    let path = path.read()?;
    let place = walk::resolve(task, Fd::WORKING_DIRECTORY, &path, walk_flag::FOLLOW | walk_flag::DIRECTORY)?;
    searchable(task, &place)?;
    task.context().change(|places| places.working_directory = place)
}
/// fchdir(2): O_PATH descriptors serve too.
pub fn fchdir(task: &Task, fd: Fd) -> Result<()> {
    let file = task.files().get(fd)?;
    if !file.inode().is_directory() {
        return Err(ENOTDIR);
    }
    searchable(task, file.path())?;
    let place = file.path().clone();
    task.context().change(|places| places.working_directory = place)
}
/// chroot(2).
pub fn chroot(task: &Task, path: UserPath) -> Result<()> {
    let path = path.read()?;
    let place = walk::resolve(task, Fd::WORKING_DIRECTORY, &path, walk_flag::FOLLOW | walk_flag::DIRECTORY)?;
    searchable(task, &place)?;
    if !task.capable(Capability::SysChroot) {
        return Err(EPERM);
    }
    task.context().change(|places| places.root = place)
}
/// umask(2): the old mask.
pub fn umask(task: &Task, mask: u32) -> Result<u32> {
    Ok(task.context().set_umask(mask))
}
