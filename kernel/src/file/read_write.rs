//! read(2), write(2) and their vector and positioned forms, lseek(2).
use super::FileRef;
use super::buffer::{IoBuffer, IoVector, LARGEST_TRANSFER, check_user_range, read_vector};
use super::notify;
use super::open_file::{File, FlagSupport, SeekFrom, mode};
use crate::error::*;
use crate::process::Task;
use crate::syscall::{Fd, FileOffset, UserBytes, UserPtr, UserSlice};

/// An open file that can be read; EBADF.
#[inline(always)]
fn readable(task: &Task, fd: Fd) -> Result<FileRef> {
    let file = task.borrow_file(fd)?;
    if file.is_readable() { Ok(file) } else { Err(EBADF.because("not open for reading")) }
}
/// An open file that can be written; EBADF.
#[inline(always)]
fn writable(task: &Task, fd: Fd) -> Result<FileRef> {
    let file = task.borrow_file(fd)?;
    if file.is_writable() { Ok(file) } else { Err(EBADF.because("not open for writing")) }
}
/// One user buffer, cut to the largest transfer; EFAULT outside of user memory.
#[inline(always)]
fn one<'a>(buffer: UserBytes, count: usize) -> Result<IoBuffer<'a>> {
    check_user_range(buffer.0, count)?;
    Ok(IoBuffer::user(UserSlice::new(buffer.0, count.min(LARGEST_TRANSFER))))
}
/// An offset that a positioned call may use on a file: EINVAL if negative, ESPIPE for streams, EINVAL past the largest offset.
fn offset_on(file: &File, offset: i64, count: usize) -> Result<u64> {
    if file.mode() & mode::SEEK == 0 {
        return Err(ESPIPE);
    }
    offset.checked_add(count.min(LARGEST_TRANSFER) as i64).ok_or(EINVAL.because("offset overflows"))?;
    Ok(offset as u64)
}

/// Tells who watches a file that bytes were read. It is asked afterwards whether anything is watched, since somebody may begin
/// to watch while the read sleeps.
#[inline(always)]
fn note_read(file: &File, done: Result<usize>) -> Result<usize> {
    if notify::is_used() { tell(file, done, notify::accessed) } else { done }
}
/// Tells who watches a file that bytes were written.
#[inline(always)]
fn note_written(file: &File, done: Result<usize>) -> Result<usize> {
    if notify::is_used() { tell(file, done, notify::modified) } else { done }
}
#[cold]
#[inline(never)]
fn tell(file: &File, done: Result<usize>, what: fn(&File)) -> Result<usize> {
    if let Ok(1..) = done {
        what(file);
    }
    done
}

/// read(2).
#[inline]
pub fn read(task: &Task, fd: Fd, buffer: UserBytes, count: usize) -> Result<usize> {
    let file = readable(task, fd)?;
    note_read(&file, file.read(&mut one(buffer, count)?))
}
/// write(2).
#[inline]
pub fn write(task: &Task, fd: Fd, buffer: UserBytes, count: usize) -> Result<usize> {
    let file = writable(task, fd)?;
    note_written(&file, file.write(&mut one(buffer, count)?))
}
/// pread64(2).
pub fn pread64(task: &Task, fd: Fd, buffer: UserBytes, count: usize, offset: FileOffset) -> Result<usize> {
    let offset = offset.non_negative()? as i64;
    let file = task.borrow_file(fd)?;
    if file.mode() & mode::SEEK == 0 {
        return Err(ESPIPE);
    }
    let file = if file.is_readable() { file } else { return Err(EBADF) };
    let mut into = one(buffer, count)?;
    note_read(&file, file.read_at(&mut into, offset_on(&file, offset, count)?))
}
/// pwrite64(2): on an O_APPEND file it appends, as on Linux.
pub fn pwrite64(task: &Task, fd: Fd, buffer: UserBytes, count: usize, offset: FileOffset) -> Result<usize> {
    let offset = offset.non_negative()? as i64;
    let file = task.borrow_file(fd)?;
    if file.mode() & mode::SEEK == 0 || !file.operations().takes_positioned_writes() {
        return Err(ESPIPE);
    }
    let file = if file.is_writable() { file } else { return Err(EBADF) };
    let mut from = one(buffer, count)?;
    note_written(&file, file.write_at(&mut from, offset_on(&file, offset, count)?))
}
/// readv(2).
pub fn readv(task: &Task, fd: Fd, vector: UserPtr<IoVector>, count: usize) -> Result<usize> {
    let file = readable(task, fd)?;
    let segments = read_vector(task, vector, count)?;
    let done = file.read(&mut IoBuffer::vector(&segments))?;
    // A vector is told of even if nothing came, as on Linux.
    notify::accessed(&file);
    Ok(done)
}
/// writev(2).
pub fn writev(task: &Task, fd: Fd, vector: UserPtr<IoVector>, count: usize) -> Result<usize> {
    let file = writable(task, fd)?;
    let segments = read_vector(task, vector, count)?;
    note_written(&file, file.write(&mut IoBuffer::vector(&segments)))
}

/// Flags of preadv2(2) and pwritev2(2).
mod vector_flag {
    pub const HIGH_PRIORITY: u32 = 1;
    pub const DATA_SYNC: u32 = 2;
    pub const SYNC: u32 = 4;
    pub const NO_WAIT: u32 = 8;
    pub const APPEND: u32 = 16;
    pub const ALL: u32 = HIGH_PRIORITY | DATA_SYNC | SYNC | NO_WAIT | APPEND;
}

/// The 64-bit offset of preadv and pwritev: in one register where a long has 64 bits, else in two.
fn joined_offset(task: &Task, low: u64, high: u64) -> i64 {
    match task.abi() {
        abi::Abi::I386 => (high << 32 | low & 0xffff_ffff) as i64,
        _ => low as i64,
    }
}
/// EOPNOTSUPP for flags that are unknown, or that this kind of file does not take.
fn check_vector_flags(support: FlagSupport, flags: u32, buffer: &mut IoBuffer) -> Result<()> {
    let taken = match support {
        FlagSupport::Absent => return Err(EINVAL),
        FlagSupport::Plain => vector_flag::HIGH_PRIORITY,
        FlagSupport::Waiting => vector_flag::ALL & !vector_flag::NO_WAIT,
        FlagSupport::NotWaiting => vector_flag::ALL,
    };
    if flags & !taken != 0 {
        return Err(EOPNOTSUPP);
    }
    buffer.set_impatient(flags & vector_flag::NO_WAIT != 0);
    Ok(())
}
/// preadv(2).
pub fn preadv(task: &Task, fd: Fd, vector: UserPtr<IoVector>, count: usize, low: u64, high: u64) -> Result<usize> {
    let offset = joined_offset(task, low, high);
    if offset < 0 {
        return Err(EINVAL);
    }
    preadv64v2(task, fd, vector, count, offset, 0)
}
/// preadv2(2): offset -1 means the file's position.
pub fn preadv2(
    task: &Task,
    fd: Fd,
    vector: UserPtr<IoVector>,
    count: usize,
    low: u64,
    high: u64,
    flags: u32,
) -> Result<usize> {
    let offset = joined_offset(task, low, high);
    preadv64v2(task, fd, vector, count, offset, flags)
}
/// preadv2(2) with its offset in one register, as x32 has it: preadv64v2.
pub fn preadv64v2(
    task: &Task,
    fd: Fd,
    vector: UserPtr<IoVector>,
    count: usize,
    offset: i64,
    flags: u32,
) -> Result<usize> {
    if offset < -1 {
        return Err(EINVAL);
    }
    let file = task.borrow_file(fd)?;
    if offset != -1 && file.mode() & mode::SEEK == 0 {
        return Err(ESPIPE);
    }
    if !file.is_readable() {
        return Err(EBADF);
    }
    let segments = read_vector(task, vector, count)?;
    let mut into = IoBuffer::vector(&segments);
    if into.remaining() == 0 {
        notify::accessed(&file);
        return Ok(0);
    }
    if flags != 0 {
        check_vector_flags(file.operations().read_flags(), flags, &mut into)?;
    }
    let done = if offset == -1 {
        file.read(&mut into)?
    } else {
        let offset = offset_on(&file, offset, into.remaining())?;
        file.read_at(&mut into, offset)?
    };
    notify::accessed(&file);
    Ok(done)
}
/// pwritev(2).
pub fn pwritev(task: &Task, fd: Fd, vector: UserPtr<IoVector>, count: usize, low: u64, high: u64) -> Result<usize> {
    let offset = joined_offset(task, low, high);
    if offset < 0 {
        return Err(EINVAL);
    }
    pwritev64v2(task, fd, vector, count, offset, 0)
}
/// pwritev2(2): offset -1 means the file's position.
pub fn pwritev2(
    task: &Task,
    fd: Fd,
    vector: UserPtr<IoVector>,
    count: usize,
    low: u64,
    high: u64,
    flags: u32,
) -> Result<usize> {
    let offset = joined_offset(task, low, high);
    pwritev64v2(task, fd, vector, count, offset, flags)
}
/// pwritev2(2) with its offset in one register, as x32 has it: pwritev64v2.
pub fn pwritev64v2(
    task: &Task,
    fd: Fd,
    vector: UserPtr<IoVector>,
    count: usize,
    offset: i64,
    flags: u32,
) -> Result<usize> {
    if offset < -1 {
        return Err(EINVAL);
    }
    let file = task.borrow_file(fd)?;
    if offset != -1 && (file.mode() & mode::SEEK == 0 || !file.operations().takes_positioned_writes()) {
        return Err(ESPIPE);
    }
    if !file.is_writable() {
        return Err(EBADF);
    }
    let segments = read_vector(task, vector, count)?;
    let mut from = IoBuffer::vector(&segments);
    if from.remaining() == 0 {
        return Ok(0);
    }
    if flags != 0 {
        check_vector_flags(file.operations().write_flags(), flags, &mut from)?;
    }
    let written = if flags & vector_flag::APPEND != 0 && offset != -1 {
        file.operations().append(&file, &mut from)?.0
    } else if flags & vector_flag::APPEND != 0 {
        file.append(&mut from)?
    } else if offset == -1 {
        file.write(&mut from)?
    } else {
        let offset = offset_on(&file, offset, from.remaining())?;
        file.write_at(&mut from, offset)?
    };
    let written = note_written(&file, Ok(written))?;
    if written > 0 && flags & (vector_flag::DATA_SYNC | vector_flag::SYNC) != 0 {
        // What cannot be synchronized has nothing to be written back.
        file.operations().sync(&file, flags & vector_flag::SYNC == 0).or_else(|error| match error {
            EINVAL => Ok(()),
            error => Err(error),
        })?;
    }
    Ok(written)
}

/// lseek(2).
pub fn lseek(task: &Task, fd: Fd, offset: i64, whence: u32) -> Result<u64> {
    let file = task.borrow_file(fd)?;
    let to = match whence {
        0 => SeekFrom::Start(offset),
        1 => SeekFrom::Current(offset),
        2 => SeekFrom::End(offset),
        3 => SeekFrom::Data(offset),
        4 => SeekFrom::Hole(offset),
        _ => return Err(EINVAL.because("unknown whence")),
    };
    if file.mode() & mode::SEEK == 0 {
        return file.operations().seek_nowhere();
    }
    file.lock_position(|| file.operations().seek(&file, to))
}

/// _llseek(2): the offset in two halves, the result in memory.
pub fn llseek(task: &Task, fd: Fd, high: u32, low: u32, result: UserPtr<u64>, whence: u32) -> Result<()> {
    let position = lseek(task, fd, (u64::from(high) << 32 | u64::from(low)) as i64, whence)?;
    result.write(task, &position)
}
