//! The core file: an ELF header, a program header for the notes and one for each area, the notes, the memory.
use super::filter;
use super::notes::{self, Bytes, Thread};
use crate::error::*;
use crate::file::{File, IoBuffer};
use crate::memory::AddressSpace;
use crate::memory::address_space::AreaReport;
use crate::memory::area::AreaFlags;
use crate::process::Task;
use crate::signal::{SIGKILL, SignalInfo, set_of};
use abi::elf::*;
use alloc::vec::Vec;
use core::ops::Range;

const PAGE: u64 = 4096;

/// Where everything goes.
pub struct Image {
    /// Headers and notes.
    head: Vec<u8>,
    /// What memory is written, and where.
    parts: Vec<Part>,
    /// Bytes of the whole file.
    size: u64,
}

struct Part {
    memory: Range<u64>,
    at: u64,
    /// Pages that are not present may still be read from a file.
    has_file: bool,
}

/// Bytes of the headers, for programs with pointers of 64 and of 32 bits.
const fn header_sizes(narrow: bool) -> (usize, usize) {
    if narrow { (52, 32) } else { (64, 56) }
}

impl Image {
    /// Decides what is written.
    pub fn plan(
        task: &Task,
        memory: &AddressSpace,
        threads: &[Thread],
        info: &SignalInfo,
        narrow: bool,
    ) -> Result<Image> {
        let areas = memory.area_reports()?;
        let notes = notes::all(task, memory, threads, &areas, info, narrow)?;
        let (header, program_header) = header_sizes(narrow);
        let notes_at = header + program_header * (areas.len() + 1);
        let is_long_mode = threads.first().is_some_and(Thread::is_long_mode);
        let mut head = Bytes::new(narrow);
        put_header(&mut head, if is_long_mode { EM_X86_64 } else { EM_386 }, areas.len() + 1, narrow)?;
        let notes_size = notes.len() as u64;
        put_program_header(&mut head, PT_NOTE, 0, 0, notes_at as u64..notes_at as u64 + notes_size, 0, narrow)?;
        let mut at = (notes_at as u64 + notes_size).next_multiple_of(PAGE);
        let wanted = memory.with_layout(|layout| layout.dump_filter);
        let mut parts = Vec::new();
        parts.try_reserve_exact(areas.len())?;
        for area in &areas {
            let written = written_size(memory, area, wanted);
            put_program_header(
                &mut head,
                PT_LOAD,
                protection(area.flags),
                area.range.start,
                at..at + written,
                area.range.end - area.range.start,
                narrow,
            )?;
            let range = area.range.start..area.range.start + written;
            parts.push(Part { memory: range, at, has_file: area.file.is_some() || area.name.is_some() });
            at += written;
        }
        head.put(&notes)?;
        Ok(Image { head: head.all.into_bytes(), parts, size: at })
    }
    /// Writes it, leaving holes where there is nothing; EFBIG if more than `limit` bytes would be written, EINTR when
    /// SIGKILL comes.
    pub fn write(&self, file: &File, memory: &AddressSpace, limit: u64) -> Result<()> {
        let mut out = Writer { file, left: limit, end: 0 };
        out.put(&self.head, 0)?;
        let mut page = [0; PAGE as usize];
        for part in &self.parts {
            if part.has_file {
                for address in part.memory.clone().step_by(PAGE as usize) {
                    if memory.read_remote(address, &mut page, true) == page.len() {
                        out.put(&page, part.at + (address - part.memory.start))?;
                    }
                }
                continue;
            }
            let mut result = Ok(());
            memory.tables().for_each(part.memory.clone(), &mut |address, present| {
                if result.is_ok() && !present.frame.is_zero_page() {
                    present.frame.read(0, &mut page);
                    result = out.put(&page, part.at + (address - part.memory.start));
                }
            });
            result?;
        }
        // The file is as long as its headers say, though it may end with a hole.
        if out.end < self.size { out.put(&[0], self.size - 1) } else { Ok(()) }
    }
}

/// Writes up to a limit.
struct Writer<'a> {
    file: &'a File,
    left: u64,
    end: u64,
}
impl Writer<'_> {
    fn put(&mut self, bytes: &[u8], at: u64) -> Result<()> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(EFBIG)?;
        let mut from = IoBuffer::kernel(bytes);
        let mut position = at;
        while from.remaining() > 0 {
            let task = Task::current();
            let killed = (task.group().signals.shared_pending() | task.pending_signals()) & set_of(SIGKILL) != 0;
            if killed {
                return Err(EINTR);
            }
            match self.file.write_at(&mut from, position)? {
                0 => return Err(ENOSPC),
                count => position += count as u64,
            }
        }
        self.end = position;
        Ok(())
    }
}

fn put_header(out: &mut Bytes, machine: u16, program_headers: usize, narrow: bool) -> Result<()> {
    const CURRENT: u32 = 1;
    let (header, program_header) = header_sizes(narrow);
    out.put(&ELF_MAGIC)?;
    out.put(&[if narrow { 1 } else { 2 }, 1, CURRENT as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
    out.half(ET_CORE)?;
    out.half(machine)?;
    out.int(CURRENT)?;
    out.word(0)?;
    out.word(header as u64)?;
    out.word(0)?;
    out.int(0)?;
    for size in [header, program_header, program_headers, 0, 0, 0] {
        out.half(size as u16)?;
    }
    Ok(())
}

fn put_program_header(
    out: &mut Bytes,
    kind: u32,
    flags: u32,
    address: u64,
    file: Range<u64>,
    memory_size: u64,
    narrow: bool,
) -> Result<()> {
    let align = if kind == PT_LOAD { PAGE } else { 0 };
    out.int(kind)?;
    if !narrow {
        out.int(flags)?;
    }
    for word in [file.start, address, 0, file.end - file.start, memory_size] {
        out.word(word)?;
    }
    if narrow {
        out.int(flags)?;
    }
    out.word(align)
}

fn protection(flags: AreaFlags) -> u32 {
    [(AreaFlags::READ, PF_R), (AreaFlags::WRITE, PF_W), (AreaFlags::EXECUTE, PF_X)]
        .iter()
        .filter(|(own, _)| flags.contains(*own))
        .fold(0, |all, (_, shown)| all | shown)
}

/// Bytes of an area that are written: all of it, its first page, or nothing.
fn written_size(memory: &AddressSpace, area: &AreaReport, wanted: u32) -> u64 {
    let has = |bit: u32| wanted & bit != 0;
    let whole = area.range.end - area.range.start;
    let is_lent = area.name.is_some_and(|name| name == "[vdso]" || name == "[vvar]");
    if is_lent {
        return whole;
    }
    if area.flags.intersects(AreaFlags::DONT_DUMP) || area.flags.intersects(AreaFlags::IO) {
        return 0;
    }
    if area.flags.contains(AreaFlags::SHARED) {
        let is_nameless = area.file.as_ref().is_none_or(|file| file.inode().links() == 0);
        return if has(if is_nameless { filter::SHARED } else { filter::SHARED_FILES }) { whole } else { 0 };
    }
    if area.has_private_pages && has(filter::PRIVATE) {
        return whole;
    }
    let Some(file) = &area.file else { return 0 };
    if has(filter::PRIVATE_FILES) {
        return whole;
    }
    let is_header = has(filter::ELF_HEADERS) && area.offset == 0 && area.flags.contains(AreaFlags::READ);
    let is_elf = || {
        let mut start = [0; 4];
        memory.read_remote(area.range.start, &mut start, true) == start.len() && start == ELF_MAGIC
    };
    if is_header && (file.inode().mode() & 0o111 != 0 || is_elf()) { PAGE.min(whole) } else { 0 }
}
