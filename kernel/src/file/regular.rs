//! Regular files read and written through the page cache, and opened directories.
use super::attributes::{FileType, SET_GROUP_ID, SET_USER_ID};
use super::inode::Inode;
use super::open_file::{File, FileOperations, LARGEST_WITHOUT_FLAG, SeekFrom, mode, open_flag};
use super::{IoBuffer, PollEvents, PollTable};
use crate::error::*;
use crate::memory::Mapping;
use crate::process::{Capability, Task, thread_group::Resource};
use alloc::{boxed::Box, sync::Arc};
use core::any::Any;
use machine::memory::PAGE_SIZE;

const PAGE: u64 = PAGE_SIZE as u64;
/// F_SEAL_GROW, and the two seals that forbid writing.
const SEALED_GROWTH: u32 = 4;
const SEALED_WRITING: u32 = 8 | 16;

/// The operations of an opened regular file or directory.
pub fn open(inode: &Arc<Inode>) -> Result<Box<dyn FileOperations>> {
    // Neither has a size, so neither is allocated.
    match inode.kind() {
        FileType::Directory => Ok(Box::new(DirectoryFile)),
        FileType::Regular if inode.mapping().is_some() => Ok(Box::new(RegularFile)),
        _ => Err(ENXIO),
    }
}

/// A regular file with a page cache.
pub struct RegularFile;

/// Where a write starts.
enum Start {
    At(u64),
    End,
}

impl RegularFile {
    fn mapping(file: &File) -> Result<&Arc<Mapping>> {
        file.inode().mapping().ok_or(EINVAL)
    }
    /// Writes; returns the bytes written and the offset after them.
    fn write_from(file: &File, from: &mut IoBuffer, start: Start) -> Result<(usize, u64)> {
        let inode = file.inode();
        let mapping = Self::mapping(file)?;
        let _guard = inode.lock.write();
        let start = match start {
            Start::At(offset) => offset,
            Start::End => inode.size(),
        };
        if from.remaining() == 0 {
            return Ok((0, start));
        }
        limit_length(file, from, start)?;
        let seals = mapping.seals();
        if seals & SEALED_WRITING != 0 || seals & SEALED_GROWTH != 0 && start + from.remaining() as u64 > inode.size() {
            return Err(EPERM.because("the file is sealed"));
        }
        remove_privileges(inode);
        let (mut offset, mut result) = (start, Ok(0));
        let mut added = false;
        while from.remaining() > 0 {
            let (index, within) = (offset / PAGE, (offset % PAGE) as usize);
            let wanted = (PAGE_SIZE - within).min(from.remaining());
            let frame = match mapping.cached(index) {
                Some(frame) => frame,
                None => {
                    added = true;
                    match inode.operations().reserve(inode, 1).and_then(|()| mapping.page(index)) {
                        Ok(frame) => frame,
                        Err(error) => {
                            result = Err(error);
                            break;
                        }
                    }
                }
            };
            match from.take_frame(&frame, within, wanted) {
                Ok(count) => {
                    offset += count as u64;
                    mapping.set_dirty(index);
                    mapping.extend(offset);
                    if added {
                        inode.operations().settle(inode);
                    }
                    if count < wanted {
                        break;
                    }
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        let written = (offset - start) as usize;
        if written == 0 {
            inode.operations().settle(inode);
            return result.map(|_: usize| (0, start));
        }
        inode.touch_modified();
        drop(_guard);
        if file.flags() & open_flag::DATA_SYNC != 0 {
            inode.operations().sync(inode, file.flags() & open_flag::SYNC != open_flag::SYNC)?;
        }
        Ok((written, offset))
    }
}

/// Cuts a write to RLIMIT_FSIZE (SIGXFSZ and EFBIG at the limit) and to the file system's largest file (EFBIG).
pub fn limit_length(file: &File, from: &mut IoBuffer, start: u64) -> Result<()> {
    let task = Task::current();
    let limit = task.group().limit(Resource::FileSize);
    if limit != u64::MAX {
        if start >= limit {
            crate::signal::send_to_current(crate::signal::SIGXFSZ);
            return Err(EFBIG);
        }
        from.truncate(usize::try_from(limit - start).unwrap_or(usize::MAX));
    }
    let mut largest = file.inode().superblock().options().largest_file;
    if file.flags() & open_flag::LARGE_FILE == 0 {
        largest = largest.min(LARGEST_WITHOUT_FLAG);
    }
    if start >= largest {
        return Err(EFBIG);
    }
    from.truncate(usize::try_from(largest - start).unwrap_or(usize::MAX));
    Ok(())
}

/// Takes its capabilities away from a file that is changed, and the set-id bits if somebody without CAP_FSETID does it.
pub fn remove_privileges(inode: &Inode) {
    inode.remove_capabilities();
    let mode = inode.mode();
    let mut gone = mode & SET_USER_ID;
    if mode & (SET_GROUP_ID | 0o010) == SET_GROUP_ID | 0o010 {
        gone |= SET_GROUP_ID;
    }
    if gone != 0 && !Task::current().with_credentials(|own| inode.is_governed_by(own, Capability::Fsetid)) {
        inode.set_mode(mode & !gone);
    }
}

impl FileOperations for RegularFile {
    fn read(&self, file: &File, into: &mut IoBuffer, offset: u64) -> Result<usize> {
        let mapping = Self::mapping(file)?;
        let (mut at, mut done) = (offset, 0usize);
        while into.remaining() > 0 {
            let size = mapping.size();
            if at >= size {
                break;
            }
            let within = (at % PAGE) as usize;
            let wanted =
                (PAGE_SIZE - within).min(into.remaining()).min(usize::try_from(size - at).unwrap_or(usize::MAX));
            let frame = match mapping.cached(at / PAGE) {
                Some(frame) => Ok(Some(frame)),
                // A hole of a file in memory stays one.
                None if !mapping.has_source() => Ok(None),
                None => mapping.page(at / PAGE).map(Some),
            };
            let moved = match frame {
                Ok(Some(frame)) => into.put_frame(&frame, within, wanted),
                Ok(None) => into.put_zeros(wanted),
                Err(error) => Err(error),
            };
            match moved {
                Ok(count) => {
                    at += count as u64;
                    done += count;
                    if count < wanted {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        if file.mode() & mode::NO_ACCESS_TIME == 0 {
            file.path().touch_accessed();
        }
        Ok(done)
    }
    fn write(&self, file: &File, from: &mut IoBuffer, offset: u64) -> Result<usize> {
        Self::write_from(file, from, Start::At(offset)).map(|(count, _)| count)
    }
    fn append(&self, file: &File, from: &mut IoBuffer) -> Result<(usize, u64)> {
        Self::write_from(file, from, Start::End)
    }
    fn poll(&self, _: &File, _: Option<&mut PollTable>) -> PollEvents {
        PollEvents::IN | PollEvents::OUT | PollEvents::RDNORM | PollEvents::WRNORM
    }
    fn mapping(&self, file: &File) -> Result<Arc<Mapping>> {
        file.inode().mapping().cloned().ok_or(ENODEV)
    }
    fn is_positioned(&self) -> bool {
        true
    }
    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        let mapping = Self::mapping(file)?;
        let size = mapping.size();
        let (from, data) = match to {
            SeekFrom::Data(from) => (from, true),
            SeekFrom::Hole(from) => (from, false),
            _ => return file.seek_in(to, size),
        };
        if from < 0 || from as u64 >= size {
            return Err(ENXIO);
        }
        if mapping.has_source() {
            return file.seek_in(to, size);
        }
        let mut at = from as u64;
        if data {
            let page =
                mapping.next_page(at / PAGE).map(|index| index * PAGE).filter(|start| *start < size).ok_or(ENXIO)?;
            at = at.max(page);
        } else {
            while at < size && mapping.next_page(at / PAGE) == Some(at / PAGE) {
                at = (at / PAGE + 1) * PAGE;
            }
            at = at.min(size);
        }
        file.set_position(at);
        Ok(at)
    }
    fn sync(&self, file: &File, data_only: bool) -> Result<()> {
        file.inode().operations().sync(file.inode(), data_only)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An opened directory.
pub struct DirectoryFile;

impl FileOperations for DirectoryFile {
    fn read(&self, _: &File, _: &mut IoBuffer, _: u64) -> Result<usize> {
        Err(EISDIR)
    }
    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        match to {
            SeekFrom::Start(_) | SeekFrom::Current(_) => file.seek_in(to, 0),
            _ => Err(EINVAL),
        }
    }
    fn check_flags(&self, _: &File, flags: u32) -> Result<()> {
        if flags & open_flag::DIRECT != 0 { Err(EINVAL) } else { Ok(()) }
    }
    fn sync(&self, file: &File, data_only: bool) -> Result<()> {
        file.inode().operations().sync(file.inode(), data_only)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A file opened with O_PATH: nothing can be done with it.
pub struct PathFile;

impl FileOperations for PathFile {
    fn read(&self, _: &File, _: &mut IoBuffer, _: u64) -> Result<usize> {
        Err(EBADF)
    }
    fn write(&self, _: &File, _: &mut IoBuffer, _: u64) -> Result<usize> {
        Err(EBADF)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
