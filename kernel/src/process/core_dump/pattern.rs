//! The name of the file: /proc/sys/kernel/core_pattern and core_uses_pid (core(5)).
use crate::error::*;
use crate::process::Task;
use crate::signal::SignalInfo;
use crate::sync::{SpinLock, rank};
use alloc::vec::Vec;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, Ordering};

/// Bytes of the pattern, with the NUL that ends it in Linux.
const SIZE: usize = 128;
/// Longest name of a file.
const LONGEST: usize = 4096;

/// The pattern: its bytes, and how many of them count.
static PATTERN: SpinLock<([u8; SIZE], usize)> = SpinLock::new(rank::LEAF, {
    let mut bytes = [0; SIZE];
    (bytes[0], bytes[1], bytes[2], bytes[3]) = (b'c', b'o', b'r', b'e');
    (bytes, 4)
});
/// Whether a name without the process's number gets it at its end.
pub static USES_PID: AtomicBool = AtomicBool::new(false);

/// Calls `look` with the pattern.
pub fn with<R>(look: impl FnOnce(&[u8]) -> R) -> R {
    let (bytes, length) = *PATTERN.lock();
    look(bytes.get(..length).unwrap_or_default())
}

/// Sets the pattern: up to a line's end, cut to what there is room for.
pub fn set(text: &[u8]) {
    let end = text.iter().position(|byte| matches!(byte, b'\n' | 0)).unwrap_or(text.len()).min(SIZE - 1);
    let mut bytes = [0; SIZE];
    bytes.iter_mut().zip(text.get(..end).unwrap_or_default()).for_each(|(to, from)| *to = *from);
    *PATTERN.lock() = (bytes, end);
}

struct Name(Vec<u8>);
impl Name {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if self.0.len() + bytes.len() >= LONGEST {
            return Err(ENAMETOOLONG);
        }
        self.0.try_reserve(bytes.len())?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }
    /// A value that must not lead to another folder.
    fn put_escaped(&mut self, bytes: &[u8]) -> Result<()> {
        match bytes {
            b"." => return self.put(b"!"),
            b".." => return self.put(b"!."),
            _ => {}
        }
        bytes.iter().try_for_each(|byte| self.put(&[if *byte == b'/' { b'!' } else { *byte }]))
    }
}
impl Write for Name {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.put(text.as_bytes()).map_err(|_| core::fmt::Error)
    }
}

fn before_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The name of the file for a process that `info` ends. Patterns that name a program to pipe the dump to are not followed:
/// ENOEXEC.
pub fn file_name(task: &Task, info: &SignalInfo) -> Result<Vec<u8>> {
    let (pattern, length) = *PATTERN.lock();
    let pattern = pattern.get(..length).unwrap_or_default();
    if pattern.starts_with(b"|") {
        return Err(ENOEXEC);
    }
    let process = task.group();
    let mut name = Name(Vec::new());
    let mut has_pid = false;
    let mut letters = pattern.iter();
    while let Some(letter) = letters.next() {
        if *letter != b'%' {
            name.put(&[*letter])?;
            continue;
        }
        match letters.next() {
            Some(b'%') => name.put(b"%")?,
            Some(b'p') => {
                has_pid = true;
                write!(name, "{}", process.id_in_own_namespace())?;
            }
            Some(b'P') => write!(name, "{}", process.id())?,
            Some(b'i') => write!(name, "{}", task.id_in_own_namespace())?,
            Some(b'I') => write!(name, "{}", task.id())?,
            Some(b'u') => write!(name, "{}", task.with_credentials(|own| own.user))?,
            Some(b'g') => write!(name, "{}", task.with_credentials(|own| own.group))?,
            Some(b'd') => write!(name, "{}", process.dumpable.load(Ordering::Relaxed))?,
            Some(b's') => write!(name, "{}", info.signal)?,
            Some(b't') => write!(name, "{}", crate::time::clock::realtime() / crate::time::NANOSECONDS)?,
            Some(b'h') => name.put_escaped(before_nul(&task.namespaces().uts.host_name()))?,
            Some(b'e') => name.put_escaped(before_nul(&task.name()))?,
            Some(b'f') => {
                let path = executable(task)?;
                name.put_escaped(path.rsplit(|byte| *byte == b'/').next().unwrap_or_default())?;
            }
            Some(b'E') => {
                let path = executable(task)?;
                name.put_escaped(&path)?;
            }
            Some(b'c') => write!(name, "{}", process.limit(crate::process::thread_group::Resource::Core))?,
            Some(_) => {}
            None => break,
        }
    }
    if !has_pid && USES_PID.load(Ordering::Relaxed) {
        write!(name, ".{}", process.id_in_own_namespace())?;
    }
    Ok(name.0)
}

fn executable(task: &Task) -> Result<Vec<u8>> {
    let memory = task.memory().ok_or(ESRCH)?;
    let path = memory.with_layout(|layout| layout.executable.as_ref().map(|file| file.file().path().clone()));
    path.ok_or(ENOENT)?.to_bytes(&task.context().root())
}
