//! Moving bytes between files inside the kernel: sendfile(2), copy_file_range(2); advice: readahead(2), fadvise64(2).
use super::attributes::FileType;
use super::notify;
use super::open_file::{File, mode};
use super::{IoBuffer, buffer::LARGEST_TRANSFER};
use crate::error::*;
use crate::process::Task;
use crate::syscall::{Fd, FileOffset, UserLayout, UserPtr};
use alloc::{sync::Arc, vec::Vec};

/// Bytes moved at once.
const PIECE: usize = 64 << 10;

/// Where one side of a transfer reads or writes.
enum Position {
    /// At the file's own position.
    Own,
    /// Here; moved along.
    At(u64),
}

/// Copies up to `count` bytes; stops at the end of the input or a short write. What was read but not written is not counted.
fn copy(from: &File, from_at: &mut u64, to: &File, to_at: &mut Position, count: usize) -> Result<usize> {
    let mut piece = Vec::new();
    piece.try_reserve_exact(count.min(PIECE))?;
    piece.resize(count.min(PIECE), 0);
    let mut done = 0;
    while done < count {
        let room = piece.get_mut(..(count - done).min(PIECE)).unwrap_or(&mut []);
        let read = match from.read_at(&mut IoBuffer::kernel_mut(room), *from_at) {
            Ok(0) => break,
            Ok(read) => read,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        };
        let mut source = IoBuffer::kernel(room.get(..read).unwrap_or(&[]));
        let written = match to_at {
            Position::Own => to.write(&mut source),
            Position::At(offset) => to.write_at(&mut source, *offset).inspect(|written| *offset += *written as u64),
        };
        let written = match written {
            Ok(written) => written,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        };
        *from_at += written as u64;
        done += written;
        if written < read || Task::current().signal_pending() {
            break;
        }
    }
    Ok(done)
}

/// A file offset in memory.
pub trait Offset: UserLayout + Into<i64> {
    /// The low bits of an offset.
    fn truncated(offset: u64) -> Self;
}
impl Offset for i64 {
    fn truncated(offset: u64) -> Self {
        offset as i64
    }
}
impl Offset for i32 {
    fn truncated(offset: u64) -> Self {
        offset as i32
    }
}

/// Tells who watches the two files of bytes that were moved.
fn note(from: &File, to: &File, result: Result<usize>) -> Result<usize> {
    if result.as_ref().is_ok_and(|count| *count > 0) {
        if to.inode().kind() == FileType::Regular {
            // Once by what writes the file, then by the call.
            notify::modified(to);
        }
        notify::accessed(from);
        notify::modified(to);
    }
    result
}

/// sendfile(2). The files are borrowed: what a module's code that fails leaves behind must not keep a pipe open.
pub fn sendfile<T: Offset>(task: &Task, out: Fd, input: Fd, offset: UserPtr<T>, count: usize) -> Result<usize> {
    let start = offset.read_optional(task)?.map(Into::into);
    let from = task.borrow_file(input)?;
    if !from.is_readable() {
        return Err(EBADF);
    }
    if start.is_some() && from.mode() & mode::SEEK == 0 {
        return Err(ESPIPE);
    }
    let to = task.borrow_file(out)?;
    if !to.is_writable() {
        return Err(EBADF);
    }
    if start.is_some_and(|start: i64| start < 0) || count as isize <= -1 {
        return Err(EINVAL);
    }
    if from.mode() & mode::SEEK == 0 || from.inode().is_directory() || to.is_appending() {
        return Err(EINVAL);
    }
    let count = count.min(LARGEST_TRANSFER);
    let result = match start {
        Some(start) => {
            let mut at = start as u64;
            let result = copy(&from, &mut at, &to, &mut Position::Own, count);
            offset.write(task, &T::truncated(at))?;
            result
        }
        None if core::ptr::eq(&*from, &*to) => Err(EINVAL),
        None => from.with_position(|at| copy(&from, at, &to, &mut Position::Own, count)),
    };
    note(&from, &to, result)
}

/// copy_file_range(2).
pub fn copy_file_range(
    task: &Task,
    input: Fd,
    input_offset: UserPtr<i64>,
    output: Fd,
    output_offset: UserPtr<i64>,
    last: RangeTail,
) -> Result<usize> {
    let (from, to) = (task.file(input)?, task.file(output)?);
    let from_start = input_offset.read_optional(task)?;
    let to_start = output_offset.read_optional(task)?;
    if last.flags != 0 {
        return Err(EINVAL);
    }
    let from_at = from_start.unwrap_or(from.position() as i64);
    let to_at = to_start.unwrap_or(to.position() as i64);
    if from.inode().is_directory() || to.inode().is_directory() {
        return Err(EISDIR);
    }
    if from.inode().kind() != FileType::Regular || to.inode().kind() != FileType::Regular {
        return Err(EINVAL);
    }
    if !from.is_readable() || !to.is_writable() || to.is_appending() {
        return Err(EBADF);
    }
    let count = i64::try_from(last.length).map_err(|_| EOVERFLOW)?;
    if from_at < 0 || to_at < 0 {
        return Err(EINVAL);
    }
    let from_end = from_at.checked_add(count).ok_or(EOVERFLOW)?;
    let to_end = to_at.checked_add(count).ok_or(EOVERFLOW)?;
    if !Arc::ptr_eq(from.inode().superblock(), to.inode().superblock()) {
        return Err(EXDEV);
    }
    if to.inode().is_immutable() {
        return Err(EPERM);
    }
    let left = from.inode().size().saturating_sub(from_at as u64);
    let count = usize::try_from(left.min(count as u64)).unwrap_or(usize::MAX).min(LARGEST_TRANSFER);
    if Arc::ptr_eq(from.inode(), to.inode()) && from_at < to_end && to_at < from_end {
        return Err(EINVAL.because("the ranges overlap"));
    }
    let mut read_at = from_at as u64;
    let mut write_at = Position::At(to_at as u64);
    let done = note(&from, &to, copy(&from, &mut read_at, &to, &mut write_at, count))?;
    match from_start {
        Some(_) => input_offset.write(task, &(from_at + done as i64))?,
        None => from.set_position(from_at as u64 + done as u64),
    }
    match to_start {
        Some(_) => output_offset.write(task, &(to_at + done as i64))?,
        None => to.set_position(to_at as u64 + done as u64),
    }
    Ok(done)
}

/// The last two registers of copy_file_range: length and flags.
#[derive(Clone, Copy, Debug)]
pub struct RangeTail {
    length: u64,
    flags: u32,
}
impl crate::syscall::Argument for RangeTail {
    fn take(reader: &mut crate::syscall::argument::ArgumentReader) -> Self {
        RangeTail { length: reader.register(), flags: reader.register() as u32 }
    }
    fn show(&self, _: &Task, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        write!(out, "{}, {:#x}", self.length, self.flags)
    }
}

/// fadvise64(2).
pub fn fadvise64(task: &Task, fd: Fd, offset: FileOffset, length: FileOffset, advice: u32) -> Result<()> {
    const DONT_NEED: u32 = 4;
    const LAST: u32 = 5;
    let file = task.file(fd)?;
    if file.inode().kind() == FileType::Fifo {
        return Err(ESPIPE);
    }
    let (offset, length) = (offset.0, length.0);
    if length < 0 || advice > LAST {
        return Err(EINVAL);
    }
    let whole = offset <= 0 && (length == 0 || length as u64 >= file.inode().size());
    if let Some(mapping) = file.inode().mapping().filter(|_| advice == DONT_NEED && whole) {
        mapping.drop_clean();
    }
    Ok(())
}

/// fadvise64(2) of i386, whose length has 32 bits.
pub fn fadvise64_short(task: &Task, fd: Fd, offset: FileOffset, length: u32, advice: u32) -> Result<()> {
    fadvise64(task, fd, offset, FileOffset(length.into()), advice)
}

/// readahead(2).
pub fn readahead(task: &Task, fd: Fd, offset: FileOffset, count: usize) -> Result<()> {
    let file = task.file(fd)?;
    if !file.is_readable() {
        return Err(EBADF);
    }
    if file.inode().kind() != FileType::Regular {
        return Err(EINVAL);
    }
    let Some(mapping) = file.inode().mapping().filter(|mapping| mapping.has_source()) else { return Ok(()) };
    let start = offset.non_negative()?;
    let end = start.saturating_add(count.min(2 << 20) as u64).min(mapping.size());
    for index in start / 4096..end.div_ceil(4096) {
        if mapping.page(index).is_err() {
            break;
        }
    }
    Ok(())
}
