//! splice(2), tee(2), vmsplice(2): data between pipes and files without a detour through user memory.
use super::pipe::{Piece, Pipe, PipeFile};
use crate::error::*;
use crate::file::buffer::{IoVector, LARGEST_TRANSFER, read_vector};
use crate::file::open_file::{File, mode};
use crate::file::{FileType, IoBuffer};
use crate::process::Task;
use crate::syscall::{Fd, UserPtr, UserSlice};
use alloc::{sync::Arc, vec::Vec};
use machine::memory::Frame;
use machine::paging::Access;

const NON_BLOCKING: u32 = 2;
/// SPLICE_F_MOVE, NONBLOCK, MORE, GIFT.
const KNOWN: u32 = 15;
const PAGE: usize = machine::memory::PAGE_SIZE;

/// The last two registers of splice: length and flags.
#[derive(Clone, Copy, Debug)]
pub struct SpliceTail {
    length: usize,
    flags: u32,
}
impl crate::syscall::Argument for SpliceTail {
    fn take(reader: &mut crate::syscall::argument::ArgumentReader) -> Self {
        SpliceTail { length: reader.register() as usize, flags: reader.register() as u32 }
    }
    fn show(&self, _: &Task, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        write!(out, "{}, {:#x}", self.length, self.flags)
    }
}

fn pipe_of(file: &File) -> Option<&Arc<Pipe>> {
    file.downcast::<PipeFile>().map(PipeFile::pipe)
}

/// splice(2).
pub fn splice(
    task: &Task,
    input: Fd,
    input_offset: UserPtr<i64>,
    output: Fd,
    output_offset: UserPtr<i64>,
    last: SpliceTail,
) -> Result<usize> {
    let SpliceTail { length, flags } = last;
    if length == 0 {
        return Ok(0);
    }
    if flags & !KNOWN != 0 {
        return Err(EINVAL);
    }
    // Borrowed: what a module's code that fails leaves behind must not keep a pipe open.
    let (from, to) = (task.borrow_file(input)?, task.borrow_file(output)?);
    let (from_pipe, to_pipe) = (pipe_of(&from), pipe_of(&to));
    if from_pipe.is_some() && !input_offset.is_null() || to_pipe.is_some() && !output_offset.is_null() {
        return Err(ESPIPE);
    }
    let from_start = input_offset.read_optional(task)?;
    let to_start = output_offset.read_optional(task)?;
    if !from.is_readable() || !to.is_writable() {
        return Err(EBADF);
    }
    let length = length.min(LARGEST_TRANSFER);
    let waits_not = |file: &File| flags & NON_BLOCKING != 0 || file.is_nonblocking();
    match (from_pipe, to_pipe) {
        (Some(source), Some(target)) => {
            if Arc::ptr_eq(source, target) {
                return Err(EINVAL);
            }
            between(source, target, length, waits_not(&from) || waits_not(&to))
        }
        (Some(source), None) => {
            if to_start.is_some() && to.mode() & mode::SEEK == 0
                || to.is_appending()
                || to_start.is_some_and(|at| at < 0)
            {
                return Err(EINVAL);
            }
            let mut at = to_start.map(|at| at as u64);
            let result = to_file(source, &to, &mut at, length, waits_not(&from));
            if let Some(at) = at {
                output_offset.write(task, &(at as i64))?;
            }
            result
        }
        (None, Some(target)) => {
            if from_start.is_some() && from.mode() & mode::SEEK == 0 || from_start.is_some_and(|at| at < 0) {
                return Err(EINVAL);
            }
            if from.inode().is_directory() {
                return Err(EINVAL);
            }
            let mut at = from_start.map(|at| at as u64);
            let result = from_file(&from, &mut at, target, length, waits_not(&to));
            if let Some(at) = at {
                input_offset.write(task, &(at as i64))?;
            }
            result
        }
        (None, None) => Err(EINVAL),
    }
}

/// Moves buffers from a pipe to another.
fn between(source: &Pipe, target: &Pipe, length: usize, nonblocking: bool) -> Result<usize> {
    if !source.wait_for_data(nonblocking)? {
        return Ok(0);
    }
    target.wait_for_room(nonblocking)?;
    let mut done = 0;
    while done < length {
        let Some(piece) = source.pop(length - done) else { break };
        let count = piece.len();
        if let Err(piece) = target.push(piece) {
            source.put_back(piece);
            break;
        }
        done += count;
    }
    Ok(done)
}

/// Writes a pipe's buffers to a file.
fn to_file(source: &Pipe, to: &File, at: &mut Option<u64>, length: usize, nonblocking: bool) -> Result<usize> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(PAGE)?;
    bytes.resize(PAGE, 0);
    let mut done = 0;
    while done < length {
        match source.wait_for_data(nonblocking || done > 0) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
        let Some(mut piece) = source.pop(length - done) else { continue };
        let count = piece.read(&mut bytes);
        let mut buffer = IoBuffer::kernel(bytes.get(..count).unwrap_or(&[]));
        let result = match at {
            None => to.write(&mut buffer),
            Some(offset) => to.write_at(&mut buffer, *offset).inspect(|written| *offset += *written as u64),
        };
        let written = *result.as_ref().unwrap_or(&0);
        piece.advance(written);
        done += written;
        let all = piece.len() == 0;
        source.put_back(piece);
        match result {
            Err(error) if done == 0 => return Err(error),
            Ok(_) if all => {}
            _ => break,
        }
    }
    if done > 0 && to.inode().kind() == FileType::Regular {
        crate::file::notify::modified(to);
    }
    Ok(done)
}

/// Reads from a file into a pipe's buffers, as far as there is room.
fn from_file(from: &File, at: &mut Option<u64>, target: &Pipe, length: usize, nonblocking: bool) -> Result<usize> {
    target.wait_for_room(nonblocking)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(PAGE)?;
    bytes.resize(PAGE, 0);
    let mut done = 0;
    while done < length && (done == 0 || target.wait_for_room(true).is_ok()) {
        let room = bytes.get_mut(..(length - done).min(PAGE)).unwrap_or(&mut []);
        let wanted = room.len();
        let mut buffer = IoBuffer::kernel_mut(room);
        let result = match at {
            None => from.read(&mut buffer),
            Some(offset) => from.read_at(&mut buffer, *offset).inspect(|read| *offset += *read as u64),
        };
        let read = match result {
            Ok(0) => break,
            Ok(read) => read,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        };
        let mut piece = Piece::new(bytes.get(..read).unwrap_or(&[]))?;
        // Others may have filled the pipe meanwhile: what was read must not be lost.
        while let Err(back) = target.push(piece) {
            piece = back;
            target.wait_for_room(false)?;
        }
        done += read;
        if read < wanted {
            break;
        }
    }
    Ok(done)
}

/// tee(2).
pub fn tee(task: &Task, input: Fd, output: Fd, length: usize, flags: u32) -> Result<usize> {
    if flags & !KNOWN != 0 {
        return Err(EINVAL);
    }
    if length == 0 {
        return Ok(0);
    }
    let (from, to) = (task.file(input)?, task.file(output)?);
    if !from.is_readable() || !to.is_writable() {
        return Err(EBADF);
    }
    let (Some(source), Some(target)) = (pipe_of(&from), pipe_of(&to)) else { return Err(EINVAL) };
    if Arc::ptr_eq(source, target) {
        return Err(EINVAL);
    }
    let nonblocking = flags & NON_BLOCKING != 0 || from.is_nonblocking() || to.is_nonblocking();
    if !source.wait_for_data(nonblocking)? {
        return Ok(0);
    }
    target.wait_for_room(nonblocking)?;
    let (mut done, mut index) = (0, 0);
    while done < length {
        let Some(piece) = source.share(index, length - done) else { break };
        let count = piece.len();
        if target.push(piece).is_err() {
            break;
        }
        done += count;
        index += 1;
    }
    Ok(done)
}

/// Puts user memory into a pipe page by page, until the pipe is full or a page cannot be read: EFAULT if it is the first. The pages
/// themselves: what is written to them later is read from the pipe.
fn give_pages(task: &Task, pipe: &Pipe, segments: &[UserSlice]) -> Result<usize> {
    let mut done = 0usize;
    for segment in segments {
        let mut rest = *segment;
        while rest.length > 0 {
            let offset = rest.address as usize % PAGE;
            let length = rest.length.min(PAGE - offset);
            let given = page_at(task, rest.address)
                .and_then(|frame| pipe.push(Piece::of_page(frame, offset, length)).map_err(|_| EAGAIN));
            match given {
                Err(error) if done == 0 => return Err(error),
                Err(_) => return Ok(done),
                Ok(()) => done = done.saturating_add(length),
            }
            rest.advance(length);
        }
    }
    Ok(done)
}

/// The page at an address of the caller's, which it may read. EFAULT.
fn page_at(task: &Task, address: u64) -> Result<Frame> {
    let memory = task.memory().ok_or(EFAULT)?;
    loop {
        if task.fatal_signal_pending() || !memory.copy_fault(address, Access::Read) {
            return Err(EFAULT);
        }
        // Unless it is gone again.
        if memory.tables().is_accessible(address)
            && let Some(mapping) = memory.tables().lookup(address)
        {
            return Ok(mapping.frame);
        }
    }
}

/// vmsplice(2): pages of memory into the pipe, or as readv(2) out of it.
pub fn vmsplice(task: &Task, fd: Fd, vector: UserPtr<IoVector>, count: usize, flags: u32) -> Result<usize> {
    if flags & !KNOWN != 0 {
        return Err(EINVAL);
    }
    let file = task.file(fd)?;
    if !file.is_readable() && !file.is_writable() {
        return Err(EBADF);
    }
    let segments = read_vector(task, vector, count)?;
    let mut buffer = IoBuffer::vector(&segments);
    if buffer.remaining() == 0 {
        return Ok(0);
    }
    let Some(pipe) = pipe_of(&file) else { return Err(EBADF) };
    let nonblocking = flags & NON_BLOCKING != 0 || file.is_nonblocking();
    if file.is_writable() {
        pipe.wait_for_room(nonblocking)?;
        return give_pages(task, pipe, &segments);
    }
    if !pipe.wait_for_data(nonblocking)? {
        return Ok(0);
    }
    file.read(&mut buffer)
}
