//! /dev/lstar-trace: who opens it for reading has a session; a write is settings, a line each, `start` last. Who opens it for
//! writing only takes part in that session: `start` traces the writer from its next program's first instruction.
use super::Tracee;
use super::session::Session;
use crate::device::{add_character_node, register_character};
use crate::error::*;
use crate::file::open_file::open_flag;
use crate::file::{File, FileOperations, Inode, IoBuffer, PollEvents, PollTable};
use crate::process::{Capability, Task};
use crate::sync::{Mutex, rank};
use crate::wait::Sleep;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use machine::memory::try_box;

/// Major number of miscellaneous devices, and a minor number that Linux leaves to local use.
const MAJOR: u32 = 10;
const MINOR: u32 = 250;
/// Longest write.
const LONGEST: usize = 64 * 1024;
/// Bytes copied at once.
const PIECE: usize = 4096;
/// How long a reader waits for more than a few records, in nanoseconds.
const PATIENCE: u64 = 10_000_000;

/// The session there is.
static SESSION: Mutex<Option<Arc<Session>>> = Mutex::new(rank::FILE_POSITION, None);

/// Registers the device and makes its node.
pub fn initialize() -> Result<()> {
    register_character(MAJOR, MINOR..MINOR + 1, "misc", open)?;
    add_character_node("lstar-trace", 0o600, MAJOR, MINOR)
}

fn open(_node: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>> {
    if !Task::current().capable(Capability::SysAdmin) {
        return Err(EPERM);
    }
    let mut current = SESSION.lock();
    let owns = flags & open_flag::ACCESS_MODE != open_flag::WRITE_ONLY;
    let session = match (&*current, owns) {
        (Some(_), true) => return Err(EBUSY),
        (Some(session), false) => session.clone(),
        (None, false) => return Err(ENXIO),
        (None, true) => Session::new()?,
    };
    let file = try_box(TraceFile { session: session.clone(), owns, reading: Mutex::new(rank::FILE_POSITION, ()) })?;
    if owns {
        *current = Some(session);
    }
    Ok(file)
}

struct TraceFile {
    session: Arc<Session>,
    owns: bool,
    reading: Mutex<()>,
}

impl TraceFile {
    fn apply(&self, line: &str) -> Result<()> {
        match (line.trim(), self.owns) {
            ("", _) => Ok(()),
            ("start", false) => {
                self.session.start();
                super::attach(Task::current(), Tracee::armed(self.session.clone())?);
                Ok(())
            }
            (line, true) => self.session.configure(line),
            _ => Err(EINVAL.because("settings are the reader's")),
        }
    }
}

impl FileOperations for TraceFile {
    fn read(&self, file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        let only_one = self.reading.lock();
        let ring = &self.session.ring;
        let mut piece = Vec::new();
        piece.try_reserve_exact(PIECE)?;
        piece.resize(PIECE, 0);
        let mut total = 0;
        while into.remaining() > 0 {
            let room = piece.len().min(into.remaining());
            let count = ring.take(piece.get_mut(..room).unwrap_or_default());
            if count == 0 {
                if total > 0 {
                    break;
                }
                if file.is_nonblocking() {
                    return Err(EAGAIN);
                }
                let deadline = machine::time::monotonic().saturating_add(PATIENCE);
                let much = || ring.has_much().then_some(());
                // Few records are fetched by the time.
                let _ = ring.readers.wait_until(Sleep::Interruptible, Some(deadline), much);
                if Task::current().signal_pending() {
                    return Err(ERESTARTSYS);
                }
                continue;
            }
            let moved = into.put(piece.get(..count).unwrap_or_default())?;
            total += moved;
            if moved < count {
                return Err(EFAULT);
            }
        }
        drop(only_one);
        Ok(total)
    }
    fn write(&self, _file: &File, from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        let bytes = from.take_all(LONGEST)?;
        let text = core::str::from_utf8(&bytes).map_err(|_| EINVAL)?;
        text.lines().try_for_each(|line| self.apply(line))?;
        Ok(bytes.len())
    }
    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.session.ring.readers);
        }
        let ready = PollEvents::OUT | PollEvents::WRNORM;
        if self.owns && self.session.ring.has_much() { ready | PollEvents::IN | PollEvents::RDNORM } else { ready }
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn release(&self, _file: &File) {
        if self.owns {
            self.session.close();
            let ended = SESSION.lock().take();
            drop(ended);
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
