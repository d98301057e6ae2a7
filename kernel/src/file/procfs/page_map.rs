//! /proc/PID/pagemap: eight bytes for each page of the address space (proc(5)).
use super::Subject;
use crate::error::*;
use crate::file::open_file::{FlagSupport, SeekFrom};
use crate::file::{File, FileOperations, IoBuffer};
use crate::memory::AddressSpace;
use crate::process::{Capability, Task};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use machine::memory::try_box;

/// Bytes of an entry.
const ENTRY: u64 = 8;
/// Pages that are looked at in one step.
const STEP: usize = 64;

struct PageMap {
    /// Nothing for a process that had ended.
    memory: Option<Arc<AddressSpace>>,
    /// The opener may know where pages are in the machine's memory.
    shows_frames: bool,
}

/// Opens it, which only those may who may look into the process.
pub fn open(subject: &Subject) -> Result<Box<dyn FileOperations>> {
    subject.check_access()?;
    let shows_frames = Task::current().holds(Capability::SysAdmin);
    Ok(try_box(PageMap { memory: subject.task()?.memory(), shows_frames })?)
}

impl FileOperations for PageMap {
    fn read(&self, _file: &File, into: &mut IoBuffer, offset: u64) -> Result<usize> {
        let Some(memory) = &self.memory else { return Ok(0) };
        let wanted = into.remaining() as u64;
        if !offset.is_multiple_of(ENTRY) || !wanted.is_multiple_of(ENTRY) {
            return Err(EINVAL);
        }
        let (mut page, last) = (offset / ENTRY, memory.end() >> 12);
        let mut done = 0;
        while page < last && into.remaining() > 0 {
            let mut entries = [0; STEP];
            let count = (last - page).min(into.remaining() as u64 / ENTRY).min(STEP as u64) as usize;
            let Some(part) = entries.get_mut(..count) else { break };
            memory.page_entries(page << 12, part, self.shows_frames);
            let mut bytes = [0; STEP * ENTRY as usize];
            for (place, entry) in bytes.chunks_exact_mut(ENTRY as usize).zip(part.iter()) {
                place.copy_from_slice(&entry.to_ne_bytes());
            }
            let size = count * ENTRY as usize;
            let given = into.put(bytes.get(..size).unwrap_or_default());
            match given {
                Ok(given) => done += given,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            if given.is_ok_and(|given| given < size) {
                break;
            }
            page += count as u64;
        }
        Ok(done)
    }
    fn is_positioned(&self) -> bool {
        true
    }
    fn is_pollable(&self) -> bool {
        false
    }
    fn read_flags(&self) -> FlagSupport {
        FlagSupport::Plain
    }
    fn write_flags(&self) -> FlagSupport {
        FlagSupport::Absent
    }
    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        super::text::seek(file, to)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
