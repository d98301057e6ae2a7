//! Files that show a process's memory: its arguments, environment, auxiliary vector, and all of it.
use super::{Output, Subject};
use crate::error::*;
use crate::file::open_file::SeekFrom;
use crate::file::{File, FileOperations, IoBuffer};
use crate::memory::AddressSpace;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::ops::Range;
use machine::memory::try_box;

/// Bytes copied at once.
const STEP: usize = 512;

/// Copies a range of a process's memory, up to what can be read.
fn copy(memory: &AddressSpace, range: Range<u64>, out: &mut Output) -> Result<()> {
    let mut bytes = [0; STEP];
    let mut at = range.start;
    while at < range.end {
        let step = usize::try_from(range.end - at).unwrap_or(STEP).min(STEP);
        let Some(room) = bytes.get_mut(..step) else { break };
        let count = memory.read_remote(at, room, true);
        out.put(room.get(..count).unwrap_or_default())?;
        if count < step {
            break;
        }
        at += step as u64;
    }
    Ok(())
}

/// The arguments. A program that overwrote the last one's end (setproctitle) is shown up to the first NUL, into the
/// environment if need be.
pub fn command_line(subject: &Subject, out: &mut Output) -> Result<()> {
    let Some(memory) = subject.task()?.memory() else { return Ok(()) };
    let (arguments, environment) = memory.with_layout(|layout| (layout.arguments.clone(), layout.environment.clone()));
    if arguments.is_empty() {
        return Ok(());
    }
    let mut last = [0];
    if memory.read_remote(arguments.end - 1, &mut last, true) != 1 {
        return Ok(());
    }
    if last == [0] {
        return copy(&memory, arguments, out);
    }
    let end = if environment.start == arguments.end { environment.end } else { arguments.end };
    let mut whole = Output::new();
    copy(&memory, arguments.start..end, &mut whole)?;
    let bytes = whole.as_bytes();
    let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    out.put(bytes.get(..length).unwrap_or_default())?;
    out.put(b"\0")
}

pub fn environment(subject: &Subject, out: &mut Output) -> Result<()> {
    subject.check_access()?;
    let Some(memory) = subject.task()?.memory() else { return Ok(()) };
    let environment = memory.with_layout(|layout| layout.environment.clone());
    copy(&memory, environment, out)
}

pub fn auxiliary_vector(subject: &Subject, out: &mut Output) -> Result<()> {
    subject.check_access()?;
    let Some(memory) = subject.task()?.memory() else { return Ok(()) };
    let (pairs, narrow) = memory.with_layout(|layout| {
        let mut copy = alloc::vec::Vec::new();
        copy.try_reserve_exact(layout.auxiliary.len())?;
        copy.extend_from_slice(&layout.auxiliary);
        Ok::<_, Error>((copy, layout.has_narrow_words()))
    })?;
    // Linux looks for the end by words of 64 bits: a vector of narrow ones has an even number of pairs, then two of zeros.
    let ends = if narrow { 2 + pairs.len() % 2 } else { 1 };
    for (key, value) in pairs.into_iter().chain(core::iter::repeat_n((0, 0), ends)) {
        for word in [key, value] {
            match narrow {
                true => out.put(&(word as u32).to_ne_bytes())?,
                false => out.put(&word.to_ne_bytes())?,
            }
        }
    }
    Ok(())
}

/// /proc/PID/mem: the position is the address.
struct MemoryFile(Option<Arc<AddressSpace>>);

pub fn open_memory(subject: &Subject) -> Result<Box<dyn FileOperations>> {
    subject.check_access()?;
    Ok(try_box(MemoryFile(subject.task()?.memory()))?)
}

impl MemoryFile {
    fn transfer(
        &self,
        mut length: usize,
        mut address: u64,
        mut step: impl FnMut(&AddressSpace, u64, usize) -> Result<usize>,
    ) -> Result<usize> {
        let Some(memory) = &self.0 else { return Ok(0) };
        let mut total = 0usize;
        while length > 0 {
            let part = length.min(STEP);
            match step(memory, address, part) {
                Ok(0) if total == 0 => return Err(EIO),
                Ok(0) => break,
                Ok(count) => {
                    total = total.saturating_add(count);
                    if count < part {
                        break;
                    }
                }
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
            length -= part;
            address = address.wrapping_add(part as u64);
        }
        Ok(total)
    }
}
impl FileOperations for MemoryFile {
    fn read(&self, _file: &File, into: &mut IoBuffer, offset: u64) -> Result<usize> {
        let mut bytes = [0; STEP];
        self.transfer(into.remaining(), offset, |memory, address, length| {
            let room = bytes.get_mut(..length).unwrap_or_default();
            let count = memory.read_remote(address, room, true);
            into.put(room.get(..count).unwrap_or_default())
        })
    }
    fn write(&self, _file: &File, from: &mut IoBuffer, offset: u64) -> Result<usize> {
        let mut bytes = [0; STEP];
        self.transfer(from.remaining(), offset, |memory, address, length| {
            let room = bytes.get_mut(..length).unwrap_or_default();
            let count = from.take(room)?;
            Ok(memory.write_remote(address, room.get(..count).unwrap_or_default(), true))
        })
    }
    fn is_positioned(&self) -> bool {
        true
    }
    fn is_pollable(&self) -> bool {
        false
    }
    /// Any address can be sought, even those that are negative offsets.
    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => offset as u64,
            SeekFrom::Current(offset) => file.position().wrapping_add_signed(offset),
            _ => return Err(EINVAL),
        };
        file.set_position(position);
        Ok(position)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
