//! Files of many records, made as they are read (Linux's seq_file): a reader of the first bytes pays for no more than those,
//! and nothing of the whole stays in memory.
use super::text;
use super::{Output, Records, Subject};
use crate::error::*;
use crate::file::open_file::{FlagSupport, SeekFrom};
use crate::file::{File, FileOperations, IoBuffer};
use crate::sync::{Mutex, rank};
use core::any::Any;

/// Most bytes that a read gives, unless one record is longer: what Linux's buffer has room for.
const PIECE: usize = 4096;

/// An open file.
pub struct RecordFile {
    subject: Subject,
    records: Records,
    state: Mutex<State>,
}

/// How far it was read.
struct State {
    /// Where in the file the next unread byte is.
    position: u64,
    /// Records that were made; the bytes from `read` on were not read yet.
    made: Output,
    read: usize,
    /// Where the record after them is to be looked for; `None` behind the last.
    next: Option<u64>,
}
const BEGINNING: State = State { position: 0, made: Output::new(), read: 0, next: Some(0) };

impl RecordFile {
    /// Text made by `records`.
    pub fn new(subject: Subject, records: Records) -> Self {
        RecordFile { subject, records, state: Mutex::new(rank::FILE_POSITION, BEGINNING) }
    }

    /// Makes another record; false behind the last one.
    fn make(&self, state: &mut State) -> Result<bool> {
        let Some(next) = state.next else { return Ok(false) };
        let before = state.made.len();
        state.next =
            (self.records)(&self.subject, next, &mut state.made).inspect_err(|_| state.made.truncate(before))?;
        Ok(true)
    }

    /// Makes records again from the first one, up to that with the byte at `offset`.
    fn go_to(&self, state: &mut State, offset: u64) -> Result<()> {
        *state = BEGINNING;
        while self.make(state)? {
            let length = state.made.len() as u64;
            if state.position + length > offset {
                state.read = (offset - state.position) as usize;
                break;
            }
            state.position += length;
            state.made.truncate(0);
        }
        state.position = offset;
        Ok(())
    }

    /// Makes as many whole records as go into a piece, and no more than are asked for, once those made are read.
    fn fill(&self, state: &mut State, wanted: usize) -> Result<()> {
        (state.read, _) = (0, state.made.truncate(0));
        while state.made.len() < wanted {
            let (before, next) = (state.made.len(), state.next);
            if !self.make(state)? {
                break;
            }
            if state.made.len() > PIECE && before != 0 {
                state.made.truncate(before);
                state.next = next;
                break;
            }
        }
        Ok(())
    }

    /// Hands out what was made; how much that was.
    fn give(state: &mut State, into: &mut IoBuffer) -> Result<usize> {
        let rest = state.made.as_bytes().get(state.read..).unwrap_or_default();
        let given = into.put(rest.get(..rest.len().min(into.remaining())).unwrap_or_default())?;
        state.read += given;
        state.position += given as u64;
        Ok(given)
    }
}

impl FileOperations for RecordFile {
    fn read(&self, _file: &File, into: &mut IoBuffer, offset: u64) -> Result<usize> {
        let mut state = self.state.lock();
        if offset != state.position {
            self.go_to(&mut state, offset)?;
        }
        let left = if state.read < state.made.len() { Self::give(&mut state, into)? } else { 0 };
        if state.read < state.made.len() || into.remaining() == 0 {
            return Ok(left);
        }
        let more = self.fill(&mut state, into.remaining()).and_then(|()| Self::give(&mut state, into));
        match more {
            Ok(more) => Ok(left + more),
            Err(_) if left != 0 => Ok(left),
            Err(error) => Err(error),
        }
    }
    fn is_positioned(&self) -> bool {
        true
    }
    fn takes_positioned_writes(&self) -> bool {
        false
    }
    fn write_flags(&self) -> FlagSupport {
        FlagSupport::Absent
    }
    fn is_pollable(&self) -> bool {
        false
    }
    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        text::seek(file, to)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
