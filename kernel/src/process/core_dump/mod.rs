//! Core dumps (core(5)): what a process looked like when a signal ended it.
//!
//! The thread that takes the signal writes the file. The others are killed first, and wait on their way out
//! ([`take_part`]) so that their registers can be written too; they end when the file is closed.
mod image;
mod notes;
pub mod pattern;

use super::task::flag;
use super::thread_group::Resource;
use super::{Task, ThreadGroup};
use crate::error::*;
use crate::file::open::{OpenHow, open_at};
use crate::file::open_file::open_flag;
use crate::file::{File, FileType, entry};
use crate::signal::{CORE_SIGNALS, SIGKILL, SignalInfo, set_of};
use crate::syscall::Fd;
use crate::wait::Sleep;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use machine::entry::UserFrame;

/// Bytes a limit must allow for a dump to be begun: one page.
const LEAST: u64 = 4096;
/// Mode of the file.
const MODE: u32 = 0o600;
/// The wait status's bit for "a core was dumped".
const DUMPED: i32 = 0x80;

/// What is dumped of areas (/proc/PID/coredump_filter); memory that is a program's own, and the headers of ELF files.
pub mod filter {
    /// Private memory, and private pages of mapped files.
    pub const PRIVATE: u32 = 1 << 0;
    /// Shared memory without a name in a file system.
    pub const SHARED: u32 = 1 << 1;
    /// Files mapped privately.
    pub const PRIVATE_FILES: u32 = 1 << 2;
    /// Files mapped shared.
    pub const SHARED_FILES: u32 = 1 << 3;
    /// First pages of ELF files.
    pub const ELF_HEADERS: u32 = 1 << 4;
    /// Private huge pages.
    pub const PRIVATE_HUGE: u32 = 1 << 5;
    /// Everything that can be asked for: files of persistent memory too.
    pub const ALL: u32 = 0x1ff;
    /// What a new program has.
    pub const DEFAULT: u32 = PRIVATE | SHARED | ELF_HEADERS | PRIVATE_HUGE;
}

/// A signal without a handler ends the process: dumps core if that is the signal's default, wanted and allowed. The wait status
/// to end with. Sleeps; `frame` has the thread's user registers.
pub fn before_end(task: &Task, frame: &mut UserFrame, info: &SignalInfo) -> i32 {
    let status = info.signal as i32;
    let process = task.group();
    if CORE_SIGNALS & set_of(info.signal) == 0 || process.dumpable.load(Ordering::Relaxed) == 0 {
        return status;
    }
    if !is_wanted(task) {
        // It counts as one that dumps core, if it is the first to end the process.
        if process.exit_begun().is_none() {
            task.set_flag(flag::DUMPED_CORE);
        }
        return status;
    }
    if !process.begin_dump(status, task) {
        return status;
    }
    task.set_flag(flag::DUMPED_CORE);
    let others = || process.others_wait(task).then_some(());
    // Not interrupted: they have been killed, and end or wait soon.
    let _ = process.thread_ended.wait_until(Sleep::Uninterruptible, None, others);
    let written = write(task, frame, info);
    process.end_dump(written.is_ok().then_some(status | DUMPED));
    process.exit_begun().unwrap_or(status)
}

/// What can be said before anybody is stopped.
fn is_wanted(task: &Task) -> bool {
    let process = task.group();
    process.dumpable.load(Ordering::Relaxed) == 1 && process.limit(Resource::Core) >= LEAST
}

/// A thread of a process that dumps core waits here on its way out, until its registers have been written.
pub fn take_part(task: &Task) {
    let process = task.group();
    if process.join_dump(task) {
        process.thread_ended.wake_all();
        let written = || (!process.is_dumping()).then_some(());
        let _ = process.thread_ended.wait_until(Sleep::Uninterruptible, None, written);
    }
}

/// Writes the file; it counts as written once it is clear what goes into it.
fn write(task: &Task, frame: &mut UserFrame, info: &SignalInfo) -> Result<()> {
    let memory = task.memory().ok_or(ESRCH)?;
    let file = open(task, &pattern::file_name(task, info)?)?;
    let mut threads = Vec::new();
    threads.try_reserve_exact(1)?;
    threads.push(notes::Thread::current(task, frame)?);
    for thread in task.group().threads()? {
        if thread.has_flag(flag::WAITS_FOR_DUMP) {
            threads.try_reserve(1)?;
            threads.push(notes::Thread::waiting(&thread)?);
        }
    }
    let narrow = memory.with_layout(|layout| layout.end) <= 1 << 32;
    let limit = task.group().limit(Resource::Core);
    let image = image::Image::plan(task, &memory, &threads, info, narrow)?;
    // A file that is cut short, by the limit or a full disk, is a core dump to Linux as well.
    let _ = image.write(&file, &memory, limit);
    Ok(())
}

/// Makes the file anew; it must be a plain one that is the user's alone.
fn open(task: &Task, name: &[u8]) -> Result<Arc<File>> {
    match entry::remove_file(task, Fd::WORKING_DIRECTORY, name) {
        Ok(()) | Err(_) => {}
    }
    let flags =
        open_flag::CREATE | open_flag::EXCLUSIVE | open_flag::WRITE_ONLY | open_flag::NO_FOLLOW | open_flag::LARGE_FILE;
    let file = open_at(task, Fd::WORKING_DIRECTORY, name, &OpenHow::classic(flags, MODE)?)?;
    let inode = file.inode();
    let own = task.with_credentials(|credentials| credentials.file_system_user) == inode.user();
    let plain = inode.kind() == FileType::Regular && inode.links() == 1 && inode.mode() & 0o677 == MODE;
    if own && plain { Ok(file) } else { Err(EPERM) }
}

impl ThreadGroup {
    /// Begins the end of the process, unless it has begun: the other threads are killed, and wait for the dump.
    fn begin_dump(&self, status: i32, task: &Task) -> bool {
        let mut state = self.signals.lock();
        if self.signals.is_exiting() || task.signals.has_private(SIGKILL) {
            return false;
        }
        self.dumping.store(true, Ordering::Relaxed);
        self.signals.begin_end(&mut state, status, Some(task));
        true
    }
    /// Lets the other threads go on; the process ends with `status`, if there is one.
    fn end_dump(&self, status: Option<i32>) {
        let mut state = self.signals.lock();
        if let Some(status) = status {
            state.set_exit_status(status);
        }
        self.dumping.store(false, Ordering::Relaxed);
        drop(state);
        self.thread_ended.wake_all();
    }
    /// Whether a thread writes a core dump.
    pub fn is_dumping(&self) -> bool {
        self.dumping.load(Ordering::Relaxed)
    }
    /// A thread is about to end: whether it has to wait for a dump.
    fn join_dump(&self, task: &Task) -> bool {
        let state = self.signals.lock();
        let joins = self.is_dumping() && !task.has_flag(flag::DUMPED_CORE);
        task.set_flag(if joins { flag::WAITS_FOR_DUMP } else { flag::PAST_DUMP });
        drop(state);
        joins
    }
    /// Whether every other thread waits for the dump, or is beyond it.
    fn others_wait(&self, task: &Task) -> bool {
        let state = self.signals.lock();
        let mut others = state.threads().filter(|thread| !core::ptr::eq(&***thread, task));
        others.all(|thread| thread.has_flag(flag::WAITS_FOR_DUMP) || thread.has_flag(flag::PAST_DUMP))
    }
}
