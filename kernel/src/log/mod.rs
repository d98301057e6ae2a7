//! The kernel log: kept in a ring for syslog(2) and /dev/kmsg, printed on the console up to a level.
pub mod calls;
mod reader;
pub mod ring;

use crate::sync::{IrqLock, Once, rank};
use crate::wait::WaitQueue;
use alloc::sync::Arc;
pub use calls::{check_reader, is_restricted, restrict};
use core::fmt::Write;
use core::sync::atomic::{AtomicU32, Ordering};
pub use reader::Reader;
pub use ring::{Record, Ring};

/// Logs a line: `info!("...")`.
#[macro_export]
macro_rules! info {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Info, format_args!($($argument)*)) };
}
/// Logs a warning.
#[macro_export]
macro_rules! warn {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Warning, format_args!($($argument)*)) };
}
/// Severity, as in syslog(2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs)]
pub enum Level {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Info,
    Debug,
}

/// Longest text of a record; the rest of a line is cut off.
pub const LONGEST: usize = 512;
/// Console level when the command line says nothing, with `quiet`, and with `debug`.
const LEVEL_DEFAULT: u32 = 7;
const LEVEL_QUIET: u32 = 4;
const LEVEL_DEBUG: u32 = 10;
/// Lowest level that syslog(2) can set.
pub const LEVEL_LEAST: u32 = 1;

static RING: IrqLock<Ring> = IrqLock::new(rank::LOG, Ring::new());
/// Records less severe than this are not printed.
static CONSOLE_LEVEL: AtomicU32 = AtomicU32::new(LEVEL_DEFAULT);
/// Readers of /dev/kmsg and syslog(2) that wait; made when the first one comes.
static READERS: Once<Arc<WaitQueue>> = Once::new();

/// Adds a line to the log. From any context; wakes readers where that is allowed.
pub fn line(level: Level, text: core::fmt::Arguments) {
    let mut cut = Cut { bytes: [0; LONGEST], length: 0 };
    // A line that is too long is cut, not lost.
    let _ = cut.write_fmt(text);
    add(level as u8, cut.as_bytes());
}

/// Adds a record. The low three bits of `priority` are the level, the rest the facility (0 for the kernel).
pub fn add(priority: u8, text: &[u8]) {
    let now = machine::time::monotonic();
    RING.lock().push(priority, now, text);
    if u32::from(priority & 7) < CONSOLE_LEVEL.load(Ordering::Relaxed) {
        let stamp = Stamp(now);
        for line in text.split(|byte| *byte == b'\n') {
            machine::console::print(format_args!("{stamp}{}\n", Lossy(line)));
        }
    }
    if let Some(readers) = READERS.get() {
        readers.wake_all();
    }
}

/// The queue on which readers wait for records.
pub fn readers() -> &'static Arc<WaitQueue> {
    READERS.get_or_init(|| Arc::new(WaitQueue::new()))
}

/// Sets the console level from the kernel command line: `quiet`, `debug`, `loglevel=N`.
pub fn configure(command_line: &str) {
    for word in command_line.split_ascii_whitespace() {
        match word {
            "quiet" => set_console_level(LEVEL_QUIET),
            "debug" => set_console_level(LEVEL_DEBUG),
            _ => {
                if let Some(level) = word.strip_prefix("loglevel=").and_then(|value| value.parse().ok()) {
                    set_console_level(level);
                }
            }
        }
    }
}

/// The console level now.
pub fn console_level() -> u32 {
    CONSOLE_LEVEL.load(Ordering::Relaxed)
}
/// Sets the console level.
pub fn set_console_level(level: u32) {
    CONSOLE_LEVEL.store(level, Ordering::Relaxed);
}
/// The four numbers of /proc/sys/kernel/printk.
pub fn levels() -> [u32; 4] {
    [console_level(), LEVEL_QUIET, LEVEL_LEAST, LEVEL_DEFAULT]
}

/// A record's time as the console shows it: seconds and microseconds since boot.
pub struct Stamp(pub u64);
impl core::fmt::Display for Stamp {
    fn fmt(&self, out: &mut core::fmt::Formatter) -> core::fmt::Result {
        let microseconds = self.0 / 1000;
        write!(out, "[{:5}.{:06}] ", microseconds / 1_000_000, microseconds % 1_000_000)
    }
}

/// Bytes as text; what is not printable ASCII becomes `?`.
struct Lossy<'a>(&'a [u8]);
impl core::fmt::Display for Lossy<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter) -> core::fmt::Result {
        if let Ok(text) = core::str::from_utf8(self.0) {
            return out.write_str(text);
        }
        self.0.iter().try_for_each(|byte| {
            let shown = if matches!(byte, b' '..=b'~' | b'\t') { char::from(*byte) } else { '?' };
            out.write_char(shown)
        })
    }
}

/// Collects a line, dropping what does not fit.
struct Cut {
    bytes: [u8; LONGEST],
    length: usize,
}
impl Cut {
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
impl core::fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        let count = room.len().min(text.len());
        room.iter_mut().zip(text.as_bytes()).for_each(|(to, from)| *to = *from);
        self.length += count;
        Ok(())
    }
}
