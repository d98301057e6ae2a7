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
    /// How many bytes the entries have that are whole within the first `length`, and the position behind them; none if there are none.
    fn whole(self, bytes: &[u8], length: usize) -> Option<(usize, u64)> {
        let narrow = self == Layout::Narrow;
        let mut found = None;
        let mut end = 0;
        while let Some((_, rest)) = bytes.split_at_checked(end) {
            let field = |at: usize, size: usize| {
                let mut word = [0; 8];
                word.get_mut(..size)?.copy_from_slice(rest.get(at..at + size)?);
                Some(u64::from_ne_bytes(word))
            };
            let (next, size) = if narrow { (field(4, 4), field(8, 2)) } else { (field(8, 8), field(16, 2)) };
            end += size.unwrap_or(0) as usize;
            match next {
                Some(next) if size.is_some() && end <= length => found = Some((end, next)),
                _ => break,
            }
        }
        found
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

/// Gives a directory's entries from a position on to `emit` until that says no; those that every directory has come first. ENOENT
/// when it is removed.
fn iterate(file: &File, position: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
    let inode = file.inode();
    let _guard = inode.lock.read();
    if inode.is_dead() {
        return Err(ENOENT);
    }
    let kind = super::attributes::FileType::Directory;
    if position == 0 && !emit(DirectoryEntry { inode: inode.number(), kind, name: b".", next: 1 }) {
        return Ok(());
    }
    if position <= 1 {
        let parent = file.path().dentry.parent();
        let number = parent.as_ref().and_then(|parent| parent.inode()).map_or(inode.number(), |parent| parent.number());
        if !emit(DirectoryEntry { inode: number, kind, name: b"..", next: 2 }) {
            return Ok(());
        }
    }
    inode.operations().iterate(inode, position.max(2), emit)
}

/// Fills a user buffer with entries from the file's position on.
fn list(file: &File, buffer: UserBytes, count: usize, layout: Layout) -> Result<usize> {
    if file.mode() & mode::DIRECTORY == 0 {
        return Err(ENOTDIR);
    }
    file.with_position(|position| {
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
        let result = iterate(file, *position, &mut emit);
        if !matches!(result, Err(ENOENT)) {
            super::notify::accessed(file);
        }
        if bytes.is_empty() {
            result?;
            return if full.get() { Err(EINVAL.because("the buffer holds no entry")) } else { Ok(0) };
        }
        file.path().touch_accessed();
        super::buffer::check_user_range(buffer.0, bytes.len())?;
        let left = machine::user::copy_to_user(buffer.0, &bytes);
        if left == 0 {
            *position = after.get();
            return Ok(bytes.len());
        }
        // The entries that are there whole count.
        let (count, next) = layout.whole(&bytes, bytes.len() - left).ok_or(EFAULT)?;
        *position = next;
        Ok(count)
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

/// readdir(2), i386's: one entry as number, position, length and name. 1, or 0 at the end.
pub fn readdir(task: &Task, fd: Fd, entry: UserBytes, _count: u32) -> Result<usize> {
    let file = task.file(fd)?;
    if file.mode() & mode::DIRECTORY == 0 {
        return Err(ENOTDIR);
    }
    file.with_position(|position| {
        let mut bytes = Vec::new();
        let mut next = *position;
        let mut is_found = Ok(false);
        iterate(&file, *position, &mut |found| {
            next = found.next;
            is_found = bytes.try_reserve_exact(found.name.len() + 11).map(|()| true);
            if is_found.is_ok() {
                bytes.extend_from_slice([found.inode as u32, *position as u32].map(u32::to_ne_bytes).as_flattened());
                bytes.extend_from_slice(&(found.name.len() as u16).to_ne_bytes());
                bytes.extend_from_slice(found.name);
                bytes.push(0);
            }
            false
        })?;
        file.path().touch_accessed();
        if !is_found? {
            return Ok(0);
        }
        UserSlice::new(entry.0, bytes.len()).write(&bytes)?;
        *position = next;
        Ok(1)
    })
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
    if !task.with_credentials(|own| own.capable_at_home(Capability::SysChroot)) {
        return Err(EPERM);
    }
    task.context().change(|places| places.root = place)
}
/// umask(2): the old mask.
pub fn umask(task: &Task, mask: u32) -> Result<u32> {
    Ok(task.context().set_umask(mask))
}
