//! signalfd(2): pending signals that are read. It shows those of whoever reads or polls it.
use super::open_file::FlagSupport;
use super::{File, FileOperations, IoBuffer, PollEvents, PollTable};
use crate::error::*;
use crate::process::Task;
use crate::signal::wait::take_for_reader;
use crate::signal::{SI_KERNEL, SI_TIMER, SI_TKILL, SI_USER, SIGBUS, SIGCHLD, SIGFPE, SIGILL, SIGIO, SIGSEGV, SIGTRAP};
use crate::signal::{SignalInfo, SignalSet, UNBLOCKABLE};
use crate::syscall::argument::{Flags, flag_names};
use crate::syscall::{Fd, UserPtr};
use crate::wait::{Sleep, WaitQueue};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};
use machine::memory::{try_arc, try_box};

flag_names! {
    /// Flags of signalfd4(2).
    pub SignalfdFlags { SFD_NONBLOCK = 0o4000, SFD_CLOEXEC = 0o2000000 }
}
const O_RDWR: u32 = 2;
/// Bytes of `struct signalfd_siginfo`.
const RECORD: usize = 128;

struct SignalFile {
    set: AtomicU64,
    /// Woken when the set changes.
    changed: Arc<WaitQueue>,
}

/// A signal as `struct signalfd_siginfo`.
fn encode(info: &SignalInfo) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    let mut put = |at: usize, value: &[u8]| {
        if let Some(place) = bytes.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    };
    let [first, second, third, fourth] = info.fields;
    put(0, &info.signal.to_ne_bytes());
    put(4, &info.errno.to_ne_bytes());
    put(8, &info.code.to_ne_bytes());
    let mut sender = || {
        put(12, &info.pid().to_ne_bytes());
        put(16, &info.user().to_ne_bytes());
    };
    match (info.code, info.signal) {
        (SI_USER | SI_TKILL, _) => sender(),
        (SI_TIMER, _) => {
            put(24, &(first as u32).to_ne_bytes());
            put(32, &((first >> 32) as u32).to_ne_bytes());
            put(44, &(second as u32).to_ne_bytes());
            put(48, &second.to_ne_bytes());
        }
        (..0, _) => {
            sender();
            put(44, &(second as u32).to_ne_bytes());
            put(48, &second.to_ne_bytes());
        }
        (SI_KERNEL, _) => {}
        (_, SIGCHLD) => {
            sender();
            put(40, &info.status().to_ne_bytes());
            put(56, &third.to_ne_bytes());
            put(64, &fourth.to_ne_bytes());
        }
        (_, SIGIO) => {
            put(28, &(first as u32).to_ne_bytes());
            put(20, &(second as u32).to_ne_bytes());
        }
        (_, SIGSEGV | SIGBUS | SIGILL | SIGFPE | SIGTRAP) => put(72, &info.address().to_ne_bytes()),
        _ => sender(),
    }
    bytes
}

impl SignalFile {
    fn set(&self) -> SignalSet {
        self.set.load(Ordering::Acquire)
    }
    fn is_ready(&self, task: &Task) -> bool {
        let pending = task.signals.private_pending() | task.group().signals.shared_pending();
        pending & self.set() != 0
    }
}

impl FileOperations for SignalFile {
    fn read(&self, file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        if into.remaining() < RECORD {
            return Err(EINVAL.because("no room for a record"));
        }
        let task = Task::current();
        let mut total = 0usize;
        while into.remaining() >= RECORD {
            let info = match take_for_reader(task, self.set()) {
                Some(info) => info,
                None if total > 0 => break,
                None if file.is_nonblocking() => return Err(EAGAIN),
                None => {
                    let queue = task.group().signals.readers()?;
                    let take = || take_for_reader(task, self.set());
                    queue.wait_until(Sleep::Interruptible, None, take).map_err(|_| ERESTARTSYS)?
                }
            };
            match into.put(&encode(&info)) {
                Ok(RECORD) => total = total.saturating_add(RECORD),
                _ if total > 0 => break,
                _ => return Err(EFAULT),
            }
        }
        Ok(total)
    }
    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        let task = Task::current();
        if let Some(table) = table {
            table.wait_on(&self.changed);
            // Without memory for the queue the poller looks again only for other reasons.
            if let Ok(queue) = task.group().signals.readers() {
                table.wait_on(queue);
            }
        }
        if self.is_ready(task) { PollEvents::IN } else { PollEvents::NONE }
    }
    fn read_flags(&self) -> FlagSupport {
        FlagSupport::Plain
    }
    fn write_flags(&self) -> FlagSupport {
        FlagSupport::Absent
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn show_information(&self, _file: &File, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        writeln!(out, "sigmask:\t{:016x}", self.set())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// signalfd4(2): a new file, or with `fd` other than -1 another set for an old one.
pub fn signalfd4(task: &Task, fd: Fd, mask: UserPtr<u64>, mask_size: usize, flags: Flags<SignalfdFlags>) -> Result<Fd> {
    if mask_size != size_of::<u64>() {
        return Err(EINVAL);
    }
    let set = mask.read(task)? & !UNBLOCKABLE;
    let bits = flags.known()?;
    if fd.0 != -1 {
        let file = task.files().get_io(fd)?;
        let signals = file.downcast::<SignalFile>().ok_or(EINVAL)?;
        signals.set.store(set, Ordering::Release);
        signals.changed.wake_all();
        if let Ok(queue) = task.group().signals.readers() {
            queue.wake_all();
        }
        return Ok(fd);
    }
    let changed = try_arc(WaitQueue::new())?;
    let operations: Box<dyn FileOperations> = try_box(SignalFile { set: AtomicU64::new(set), changed })?;
    let file = File::anonymous(operations, "anon_inode:[signalfd]", O_RDWR | bits & SignalfdFlags::SFD_NONBLOCK)?;
    task.files().install(file, 0, bits & SignalfdFlags::SFD_CLOEXEC != 0)
}

/// signalfd(2).
pub fn signalfd(task: &Task, fd: Fd, mask: UserPtr<u64>, mask_size: usize) -> Result<Fd> {
    signalfd4(task, fd, mask, mask_size, Flags::new(0))
}
