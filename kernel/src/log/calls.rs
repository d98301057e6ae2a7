//! syslog(2), and the text both it and /dev/kmsg give.
use super::reader::Reader;
use super::ring::{CAPACITY, Cursor, Record};
use super::{LEVEL_LEAST, RING, Stamp, console_level, readers, set_console_level};
use crate::error::*;
use crate::process::{Capability, Task};
use crate::sync::{SpinLock, rank};
use crate::syscall::{UserBytes, UserSlice};
use crate::wait::Sleep;
use alloc::vec::Vec;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const CLOSE: u32 = 0;
const OPEN: u32 = 1;
const READ: u32 = 2;
const READ_ALL: u32 = 3;
const READ_CLEAR: u32 = 4;
const CLEAR: u32 = 5;
const CONSOLE_OFF: u32 = 6;
const CONSOLE_ON: u32 = 7;
const CONSOLE_LEVEL: u32 = 8;
const SIZE_UNREAD: u32 = 9;
const SIZE_BUFFER: u32 = 10;

/// Where SYSLOG_ACTION_READ goes on, with bytes of that record's text already given; and where READ_ALL starts.
struct Places {
    read: Cursor,
    read_offset: usize,
    cleared: Cursor,
}
static PLACES: SpinLock<Places> =
    SpinLock::new(rank::LOG_PLACES, Places { read: Cursor::FIRST, read_offset: 0, cleared: Cursor::FIRST });
/// The level to return to after CONSOLE_OFF; `u32::MAX` if it is on.
static SAVED_LEVEL: AtomicU32 = AtomicU32::new(u32::MAX);

/// /proc/sys/kernel/dmesg_restrict: only who has the right to may read the log or ask for its size, too. As Debian has it.
static RESTRICTED: AtomicBool = AtomicBool::new(true);

/// Whether everybody is kept from reading.
pub fn is_restricted() -> bool {
    RESTRICTED.load(Ordering::Relaxed)
}
/// Restricts reading, or opens it to all; EINVAL.
pub fn restrict(value: i64) -> Result<()> {
    RESTRICTED.store(
        match value {
            0 => false,
            1 => true,
            _ => return Err(EINVAL),
        },
        Ordering::Relaxed,
    );
    Ok(())
}
fn check_right(task: &Task) -> Result<()> {
    // CAP_SYS_ADMIN was the right for it once, and still is.
    if task.capable(Capability::Syslog) || task.capable(Capability::SysAdmin) { Ok(()) } else { Err(EPERM) }
}
/// Whether a task may read all of the log; EPERM.
pub fn check_reader(task: &Task) -> Result<()> {
    if is_restricted() { check_right(task) } else { Ok(()) }
}

/// Reads and controls the kernel log.
pub fn syslog(task: &Task, action: i32, buffer: UserBytes, length: i32) -> Result<usize> {
    let action = u32::try_from(action).map_err(|_| EINVAL)?;
    if !matches!(action, READ_ALL | SIZE_BUFFER) || is_restricted() {
        check_right(task)?;
    }
    match action {
        CLOSE | OPEN => Ok(0),
        READ | READ_ALL | READ_CLEAR => {
            let length = usize::try_from(length).map_err(|_| EINVAL)?;
            if buffer.0 == 0 {
                return Err(EINVAL);
            }
            if length == 0 {
                return Ok(0);
            }
            let user = UserSlice::new(buffer.0, length);
            if action == READ { read(user) } else { read_all(user, action == READ_CLEAR) }
        }
        CLEAR => {
            PLACES.lock().cleared = RING.lock().newest();
            Ok(0)
        }
        CONSOLE_OFF => {
            let _ = SAVED_LEVEL.compare_exchange(u32::MAX, console_level(), Ordering::Relaxed, Ordering::Relaxed);
            set_console_level(LEVEL_LEAST);
            Ok(0)
        }
        CONSOLE_ON => {
            let saved = SAVED_LEVEL.swap(u32::MAX, Ordering::Relaxed);
            if saved != u32::MAX {
                set_console_level(saved);
            }
            Ok(0)
        }
        CONSOLE_LEVEL => {
            let level = u32::try_from(length).ok().filter(|level| (1..=8).contains(level)).ok_or(EINVAL)?;
            set_console_level(level.max(LEVEL_LEAST));
            SAVED_LEVEL.store(u32::MAX, Ordering::Relaxed);
            Ok(0)
        }
        SIZE_UNREAD => Ok(unread()),
        SIZE_BUFFER => Ok(CAPACITY),
        _ => Err(EINVAL),
    }
}

/// A record as syslog(2) gives it, each line with its prefix.
fn format(record: &Record, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let mut prefix = alloc::string::String::new();
        let _ = write!(prefix, "<{}>{}", record.priority, Stamp(record.time));
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out
}

/// Where READ_ALL starts.
pub(super) fn cleared() -> Cursor {
    PLACES.lock().cleared
}

fn unread() -> usize {
    let (mut reader, offset) = {
        let places = PLACES.lock();
        (Reader(places.read), places.read_offset)
    };
    let mut total = 0usize;
    while let Some((record, text)) = reader.next() {
        total = total.saturating_add(format(&record, &text).len());
    }
    total.saturating_sub(offset)
}

/// Gives what was not read yet and waits for the first of it.
fn read(mut user: UserSlice) -> Result<usize> {
    let something = || (PLACES.lock().read.sequence < RING.lock().newest().sequence).then_some(());
    readers().wait_until(Sleep::Interruptible, None, something).map_err(|_| ERESTARTSYS)?;
    let mut total = 0;
    while user.length > 0 {
        let (start, offset) = {
            let places = PLACES.lock();
            (places.read, places.read_offset)
        };
        let mut reader = Reader(start);
        let Some((record, text)) = reader.next() else { break };
        let bytes = format(&record, &text);
        let rest = bytes.get(offset..).unwrap_or_default();
        let count = rest.len().min(user.length);
        if user.write(rest.get(..count).unwrap_or_default()).is_err() {
            return if total == 0 { Err(EFAULT) } else { Ok(total) };
        }
        total += count;
        let mut places = PLACES.lock();
        // Another reader may have been here meanwhile; then both got the text, as with Linux.
        if places.read == start {
            (places.read, places.read_offset) =
                if count == rest.len() { (reader.0, 0) } else { (start, offset.saturating_add(count)) };
        }
    }
    Ok(total)
}

/// Gives the newest records that fit, oldest first.
fn read_all(mut user: UserSlice, clear: bool) -> Result<usize> {
    let mut reader = Reader(cleared());
    let mut records = alloc::collections::VecDeque::new();
    let mut size = 0usize;
    while let Some((record, text)) = reader.next() {
        let bytes = format(&record, &text);
        size = size.saturating_add(bytes.len());
        records.push_back(bytes);
        while size > user.length {
            let Some(dropped) = records.pop_front() else { break };
            size -= dropped.len();
        }
    }
    for bytes in &records {
        user.write(bytes)?;
    }
    if clear {
        PLACES.lock().cleared = reader.0;
    }
    Ok(size)
}
