//! /dev/kmsg: the kernel log, a record per read; a write adds one.
use crate::error::*;
use crate::file::open_file::{SeekFrom, open_flag};
use crate::file::{File, FileOperations, IoBuffer, PollEvents, PollTable};
use crate::log::{self, Reader};
use crate::process::Task;
use crate::sync::{Mutex, rank};
use crate::wait::Sleep;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;
use machine::memory::try_box;

/// Longest record that can be written.
const LONGEST_WRITE: usize = 1024;
/// Facility of records that user space writes, and its default level.
const FACILITY_USER: u32 = 1;
const DEFAULT_LEVEL: u32 = 4;

struct LogFile(Mutex<Reader>);

/// Opens the device: a reader starts at the oldest record. EPERM for one who may not read the log.
pub fn open(flags: u32) -> Result<Box<dyn FileOperations>> {
    if flags & open_flag::ACCESS_MODE != open_flag::WRITE_ONLY {
        log::check_reader(Task::current())?;
    }
    Ok(try_box(LogFile(Mutex::new(rank::FILE_POSITION, Reader::oldest())))?)
}

/// A record as the device gives it; unprintable bytes are escaped.
fn format(record: &log::Record, text: &[u8]) -> Result<Vec<u8>> {
    let mut prefix = crate::file::text::Line::<64>::new();
    let (priority, sequence, time) = (record.priority, record.sequence, record.time / 1000);
    let _ = core::fmt::Write::write_fmt(&mut prefix, format_args!("{priority},{sequence},{time},-;"));
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(prefix.as_bytes().len() + text.len() * 4 + 1)?;
    bytes.extend_from_slice(prefix.as_bytes());
    for byte in text {
        if matches!(byte, b' '..=b'~') && *byte != b'\\' {
            bytes.push(*byte);
        } else {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().unwrap_or(b'0');
            bytes.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(*byte)]);
        }
    }
    bytes.push(b'\n');
    Ok(bytes)
}

/// Splits "<N>text" into N and the text.
fn split_priority(text: &[u8]) -> (Option<u32>, &[u8]) {
    let Some(rest) = text.strip_prefix(b"<") else { return (None, text) };
    let Some(end) = rest.iter().position(|byte| *byte == b'>') else { return (None, text) };
    let number = rest.get(..end).and_then(|digits| core::str::from_utf8(digits).ok()?.parse().ok());
    match number {
        Some(number) => (Some(number), rest.get(end + 1..).unwrap_or_default()),
        None => (None, text),
    }
}

impl FileOperations for LogFile {
    fn read(&self, file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        let mut reader = self.0.lock();
        if !reader.has_more() {
            if file.is_nonblocking() {
                return Err(EAGAIN);
            }
            let more = || reader.has_more().then_some(());
            log::readers().wait_until(Sleep::Interruptible, None, more).map_err(|_| ERESTARTSYS)?;
        }
        if reader.was_overtaken() {
            *reader = Reader::oldest();
            return Err(EPIPE);
        }
        let mut next = reader.clone();
        let Some((record, text)) = next.next() else { return Ok(0) };
        let bytes = format(&record, &text)?;
        if bytes.len() > into.remaining() {
            return Err(EINVAL.because("a record does not fit"));
        }
        *reader = next;
        if into.put(&bytes)? < bytes.len() { Err(EFAULT) } else { Ok(bytes.len()) }
    }
    fn write(&self, _file: &File, from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        let bytes = from.take_all(LONGEST_WRITE)?;
        let (number, text) = split_priority(&bytes);
        let level = number.map_or(DEFAULT_LEVEL, |number| number & 7);
        let facility = number.map(|number| number >> 3).filter(|facility| *facility != 0).unwrap_or(FACILITY_USER);
        log::add((facility << 3 | level) as u8, text.strip_suffix(b"\n").unwrap_or(text));
        Ok(bytes.len())
    }
    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(log::readers());
        }
        // A reader that waits holds the lock; then there is nothing to read.
        let Some(reader) = self.0.try_lock() else { return PollEvents::NONE };
        match (reader.has_more(), reader.was_overtaken()) {
            (_, true) => PollEvents::IN | PollEvents::RDNORM | PollEvents::ERR | PollEvents::PRI,
            (true, false) => PollEvents::IN | PollEvents::RDNORM,
            (false, false) => PollEvents::NONE,
        }
    }
    fn is_pollable(&self) -> bool {
        true
    }
    fn seek(&self, _file: &File, to: SeekFrom) -> Result<u64> {
        *self.0.lock() = match to {
            SeekFrom::Start(0) => Reader::oldest(),
            SeekFrom::Data(0) => Reader::after_clear(),
            SeekFrom::End(0) => Reader::newest(),
            SeekFrom::Start(_) | SeekFrom::Data(_) | SeekFrom::End(_) => return Err(ESPIPE),
            SeekFrom::Current(_) | SeekFrom::Hole(_) => return Err(EINVAL),
        };
        Ok(0)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
