//! Process accounting (acct(2), acct(5)): a record of every process that ends, in a file of its pid namespace.
use super::limits::Limit;
use super::pid::PidNamespace;
use super::task::flag;
use super::thread_group::Resource;
use super::usage::{Sum, ticks};
use super::{Capability, Task, ThreadGroup};
use crate::error::*;
use crate::file::attributes::FileType;
use crate::file::open::{OpenHow, open_at, open_inode};
use crate::file::open_file::open_flag;
use crate::file::{File, IoBuffer, Mount, Path};
use crate::log::{Level, line};
use crate::sync::{Mutex, rank};
use crate::syscall::{Fd, UserPath};
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering};
use zerocopy::{Immutable, IntoBytes};

/// Namespaces whose ends are accounted for: while there are none, a process that ends looks no further.
static IN_USE: AtomicU32 = AtomicU32::new(0);

/// /proc/sys/kernel/acct: accounting goes on above so many per cent of free space, pauses below so many, and looks at
/// it in so many seconds.
pub static PARAMETERS: [AtomicU64; 3] = [AtomicU64::new(4), AtomicU64::new(2), AtomicU64::new(30)];

const NANOSECONDS: u64 = 1_000_000_000;

/// Where a pid namespace's records go.
pub struct Accounting {
    account: Mutex<Option<Account>>,
}

struct Account {
    /// Opened through a mount of its own.
    file: Arc<File>,
    /// The one that it was named through: accounting ends with it.
    mount: Weak<Mount>,
    /// There is room for it.
    active: bool,
    /// When the room is looked at again, in monotonic nanoseconds.
    next_look: u64,
}

impl Accounting {
    /// No records are wanted.
    pub const fn off() -> Self {
        Accounting { account: Mutex::new(rank::ACCOUNTING, None) }
    }
    /// Turns it on or off. Who turns it off, or to another file, is the last in the file there was.
    fn set(&self, task: &Task, account: Option<Account>) {
        self.write_last(task, task.pid_namespace());
        self.replace(account);
    }
    /// Turns off that of a namespace, whose file may be of a file system that is gone.
    fn end(&self, task: &Task, namespace: &PidNamespace) {
        self.write_last(task, namespace);
        self.replace(None);
    }
    fn write_last(&self, task: &Task, namespace: &PidNamespace) {
        let file = self.account.lock().as_mut().and_then(Account::file);
        if let Some(file) = file {
            let process = task.group();
            let mut record = record_of(task, process, 0, Sum::default());
            record.name_process(process, namespace);
            append(process, &file, &record);
        }
    }
    fn replace(&self, account: Option<Account>) {
        let on = account.is_some();
        let before = core::mem::replace(&mut *self.account.lock(), account);
        match (before.is_some(), on) {
            (false, true) => IN_USE.fetch_add(1, Ordering::Relaxed),
            (true, false) => IN_USE.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
        // The last reference to the file may sleep on locks that rank before this one.
        drop(before);
    }
    /// The file, if there is room in it.
    fn file(&self) -> Option<Arc<File>> {
        let mut place = self.account.lock();
        let account = place.as_mut()?;
        if account.mount.strong_count() == 0 {
            drop(place);
            self.replace(None);
            return None;
        }
        account.file()
    }
    fn lost_its_mount(&self) -> bool {
        self.account.lock().as_ref().is_some_and(|account| account.mount.strong_count() == 0)
    }
}

impl Drop for Accounting {
    fn drop(&mut self) {
        self.replace(None);
    }
}

impl Account {
    /// The file, if there is room in it.
    fn file(&mut self) -> Option<Arc<File>> {
        self.look_for_room();
        self.active.then(|| self.file.clone())
    }
    fn look_for_room(&mut self) {
        let now = machine::time::monotonic();
        if now < self.next_look {
            return;
        }
        let superblock = self.file.inode().superblock();
        let Ok(room) = superblock.operations().statistics(superblock) else { return };
        let [resume, pause, seconds] = PARAMETERS.each_ref().map(|value| value.load(Ordering::Relaxed));
        let part = |per_cent: u64| room.blocks.saturating_mul(per_cent) / 100;
        if self.active && room.available <= part(pause) {
            self.active = false;
            line(Level::Info, format_args!("Process accounting paused"));
        } else if !self.active && room.available >= part(resume) {
            self.active = true;
            line(Level::Info, format_args!("Process accounting resumed"));
        }
        self.next_look = now.saturating_add(seconds.saturating_mul(NANOSECONDS));
    }
}

/// `struct acct_v3`.
#[repr(C)]
#[derive(Default, IntoBytes, Immutable)]
struct Record {
    flags: u8,
    version: u8,
    terminal: u16,
    exit_code: u32,
    user: u32,
    group: u32,
    pid: u32,
    parent: u32,
    begin: u32,
    elapsed: u32,
    user_time: u16,
    system_time: u16,
    memory: u16,
    characters: u16,
    blocks: u16,
    minor_faults: u16,
    major_faults: u16,
    swaps: u16,
    name: [u8; 16],
}

/// A number as `comp_t`: 13 bits, and an exponent of 3 bits to the base of 8.
fn compressed(mut value: u64) -> u16 {
    const LARGEST: u64 = (1 << 13) - 1;
    let (mut exponent, mut rounds_up) = (0, false);
    while value > LARGEST {
        rounds_up = value & 4 != 0;
        value >>= 3;
        exponent += 1;
    }
    if rounds_up {
        value += 1;
        if value > LARGEST {
            value >>= 3;
            exponent += 1;
        }
    }
    if exponent > 7 { u16::MAX } else { exponent << 13 | value as u16 }
}

/// A number as an IEEE float, cut off.
fn float(value: u64) -> u32 {
    if value == 0 {
        return 0;
    }
    let exponent = 63 - value.leading_zeros();
    let mantissa = value << value.leading_zeros() >> 40;
    (127 + exponent) << 23 | mantissa as u32 & 0x7f_ffff
}

/// What of a process is gone when its record is written: bytes of its memory. To be asked for before that; `None` where no
/// record is wanted.
pub fn memory_in_use(task: &Task) -> Option<u64> {
    if IN_USE.load(Ordering::Relaxed) == 0 {
        return None;
    }
    Some(task.memory().map_or(0, |memory| memory.with_layout(|layout| layout.totals.total) << 12))
}

/// What the ends of its threads add to a process's record.
#[derive(Default)]
pub struct Collected {
    marks: AtomicU8,
    status: AtomicI32,
}

impl Collected {
    /// A thread ends with this wait status: the leader's is the process's.
    pub fn collect(&self, task: &Task, status: i32) {
        let flags = task.flags();
        let mut marks = 0;
        for (flag, mark) in [(flag::SUPERUSER, 2), (flag::DUMPED_CORE, 8), (flag::SIGNALED, 16)] {
            marks |= if flags & flag != 0 { mark } else { 0 };
        }
        if task.is_leader() {
            const FORKED: u8 = 1;
            marks |= if flags & flag::FORKED != 0 { FORKED } else { 0 };
            self.status.store(status, Ordering::Relaxed);
        }
        if marks != 0 {
            self.marks.fetch_or(marks, Ordering::Relaxed);
        }
    }
}

/// Appends a record. Errors are nobody's to see.
fn append(process: &ThreadGroup, file: &File, record: &Record) {
    // The records are not the process's writes: its limit does not hold for them.
    let limit = process.limits.get(Resource::FileSize);
    process.limits.set(Resource::FileSize, Limit { soft: u64::MAX, hard: u64::MAX });
    let _ = file.append(&mut IoBuffer::kernel(record.as_bytes()));
    process.limits.set(Resource::FileSize, limit);
}

/// A mount is gone: accounting that went to a file there is over, with a last record for who has taken the mount away.
pub fn mount_is_gone(task: &Task) {
    if IN_USE.load(Ordering::Relaxed) == 0 {
        return;
    }
    // References to it that were given up may still wait for readers without counts to end.
    crate::wait::until_deferred_is_dropped();
    let mut namespace = Some(task.pid_namespace());
    while let Some(here) = namespace {
        if here.accounting.lost_its_mount() {
            here.accounting.end(task, here);
        }
        namespace = here.parent();
    }
}

/// The last thread of a process ends: writes its record into the files of its namespace and of those above.
pub fn note(task: &Task, process: &ThreadGroup, memory: u64) {
    let mut record = record_of(task, process, memory, process.own_usage());
    let mut namespace: Option<&Arc<PidNamespace>> = Some(process.pid().namespace());
    while let Some(here) = namespace {
        if let Some(file) = here.accounting.file() {
            record.name_process(process, here);
            append(process, &file, &record);
        }
        namespace = here.parent();
    }
}

impl Record {
    /// Its process's number, and its parent's, as a namespace has them.
    fn name_process(&mut self, process: &ThreadGroup, namespace: &PidNamespace) {
        self.pid = process.pid().number_in(namespace);
        self.parent = process.parent().map_or(0, |parent| parent.pid().number_in(namespace));
    }
}

fn record_of(task: &Task, process: &ThreadGroup, memory: u64, usage: Sum) -> Record {
    const VERSION: u8 = 3;
    let run = machine::time::monotonic().saturating_sub(process.start_time);
    let (user, group) = task.with_credentials(|credentials| (credentials.user, credentials.group));
    Record {
        flags: process.account.marks.load(Ordering::Relaxed),
        version: VERSION,
        terminal: process.terminal().map_or(0, |terminal| terminal.device_number()) as u16,
        exit_code: process.account.status.load(Ordering::Relaxed) as u32,
        user,
        group,
        begin: (crate::time::clock::realtime().saturating_sub(run) / NANOSECONDS) as u32,
        elapsed: float(ticks(run)),
        user_time: compressed(ticks(usage.user_time)),
        system_time: compressed(ticks(usage.system_time)),
        memory: compressed(memory / 1024),
        minor_faults: compressed(usage.minor_faults),
        major_faults: compressed(usage.major_faults),
        name: task.name(),
        ..Record::default()
    }
}

/// acct(2): accounting of the caller's pid namespace goes into the file, or ends for a null pointer.
pub fn acct(task: &Task, name: UserPath) -> Result<()> {
    if !task.credentials().capable(Capability::SysPacct) {
        return Err(EPERM);
    }
    let accounting = &task.pid_namespace().accounting;
    if name.0 == 0 {
        accounting.set(task, None);
        return Ok(());
    }
    let how = OpenHow::classic(open_flag::WRITE_ONLY | open_flag::APPEND | open_flag::LARGE_FILE, 0)?;
    let file = open_at(task, Fd::WORKING_DIRECTORY, &name.read()?, &how)?;
    if file.inode().kind() != FileType::Regular {
        return Err(EACCES.because("records go into plain files"));
    }
    // So that it does not keep the mount in use, through one that nobody else knows.
    let named = &file.path().mount;
    let place = Path { mount: Mount::for_kernel(named)?, dentry: file.path().dentry.clone() };
    let mount = Arc::downgrade(named);
    let file = open_inode(task.credentials(), &place, file.inode(), file.flags(), false)?;
    accounting.set(task, Some(Account { file, mount, active: true, next_look: 0 }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compressed_as_acct_5_says() {
        let value = |compressed: u16| u64::from(compressed & 0x1fff) << (3 * (compressed >> 13));
        for number in [0, 1, 8191, 8192, 8200, 65_535, 1 << 20, 123_456_789] {
            let close = value(compressed(number));
            assert!(close.abs_diff(number) * 1000 <= number, "{number} became {close}");
        }
        assert_eq!(compressed(u64::MAX), u16::MAX);
        for number in [1_u32, 2, 3, 100, 8191, 1 << 23, 1 << 30] {
            assert_eq!(float(number.into()), (number as f32).to_bits(), "{number}");
        }
    }
}
