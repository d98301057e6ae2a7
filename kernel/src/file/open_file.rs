//! Open file descriptions.
use super::attributes::FileType;
use super::inode::Inode;
use super::notify;
use super::path::Path;
use super::signal_driven::{self, SignalOwner};
use super::{IoBuffer, PollEvents, PollTable, anonymous};
use crate::sync::{Mutex, OnceArc, rank};
use crate::{
    error::*,
    process::{Credentials, Task},
};
use alloc::{boxed::Box, sync::Arc};
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// O_* flags of open(2), x86's values.
#[allow(missing_docs)]
pub mod open_flag {
    pub const ACCESS_MODE: u32 = 3;
    pub const READ_ONLY: u32 = 0;
    pub const WRITE_ONLY: u32 = 1;
    pub const READ_WRITE: u32 = 2;
    pub const CREATE: u32 = 0o100;
    pub const EXCLUSIVE: u32 = 0o200;
    pub const NO_CONTROLLING_TERMINAL: u32 = 0o400;
    pub const TRUNCATE: u32 = 0o1000;
    pub const APPEND: u32 = 0o2000;
    pub const NON_BLOCKING: u32 = 0o4000;
    pub const DATA_SYNC: u32 = 0o10000;
    pub const ASYNC: u32 = 0o20000;
    pub const DIRECT: u32 = 0o40000;
    pub const LARGE_FILE: u32 = 0o100000;
    pub const DIRECTORY: u32 = 0o200000;
    pub const NO_FOLLOW: u32 = 0o400000;
    pub const NO_ACCESS_TIME: u32 = 0o1000000;
    pub const CLOSE_ON_EXEC: u32 = 0o2000000;
    pub const SYNC: u32 = 0o4010000;
    pub const PATH: u32 = 0o10000000;
    pub const TEMPORARY: u32 = 0o20200000;
}

/// The largest size and offset of a file that is open without O_LARGEFILE (MAX_NON_LFS).
pub const LARGEST_WITHOUT_FLAG: u64 = i32::MAX as u64;
use open_flag as flag;

/// Whence of lseek(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum SeekFrom {
    Start(i64),
    Current(i64),
    End(i64),
    Data(i64),
    Hole(i64),
}

/// Which flags of preadv2(2) and pwritev2(2) a kind of file takes, for one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagSupport {
    /// It is not read, or not written, at all: EINVAL.
    Absent,
    /// RWF_HIPRI only, which asks for nothing.
    Plain,
    /// All but RWF_NOWAIT.
    Waiting,
    /// All: it looks at [`IoBuffer::is_impatient`] before it waits.
    NotWaiting,
}

/// What a kind of file does. Every method gets the open file, for its flags and position.
#[allow(unused_variables)]
pub trait FileOperations: Any + Send + Sync {
    /// Reads at `offset` (ignored by streams). Returns bytes moved into the buffer; EAGAIN if it would block and the file is
    /// non-blocking.
    fn read(&self, file: &File, into: &mut IoBuffer, offset: u64) -> Result<usize> {
        Err(EINVAL)
    }
    /// Writes at `offset` (ignored by streams).
    /// Returns bytes taken from the buffer.
    fn write(&self, file: &File, from: &mut IoBuffer, offset: u64) -> Result<usize> {
        Err(EINVAL)
    }
    /// Writes at the end (O_APPEND); bytes taken and the position after them.
    fn append(&self, file: &File, from: &mut IoBuffer) -> Result<(usize, u64)> {
        let end = file.inode().size();
        self.write(file, from, end).map(|count| (count, end.saturating_add(count as u64)))
    }
    /// Ready events now; registers with the wait queues when a table is given.
    fn poll(&self, file: &File, table: Option<&mut PollTable>) -> PollEvents {
        PollEvents::IN | PollEvents::OUT | PollEvents::RDNORM | PollEvents::WRNORM
    }
    /// Whether `poll` means something: epoll refuses files that are always ready (EPERM). Streams are, files with offsets are not.
    fn is_pollable(&self) -> bool {
        !self.is_seekable()
    }
    /// Device control; ENOTTY for a command this file does not know. FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX, and FIONREAD of
    /// regular files are served before it is asked.
    fn ioctl(&self, file: &File, task: &Task, command: u32, argument: u64) -> Result<usize> {
        Err(ENOTTY)
    }
    /// The page cache that mmap(2) maps, ENODEV if the file cannot be mapped.
    fn mapping(&self, file: &File) -> Result<Arc<crate::memory::Mapping>> {
        Err(ENODEV)
    }
    /// The System V shared memory segment that it is, if it is one. Asked once for each mapping.
    fn segment(&self) -> Option<&Arc<crate::ipc::system_v::shared_memory::Attachments>> {
        None
    }
    /// Whether lseek, pread and pwrite work on it (else ESPIPE). Asked once, at open.
    fn is_seekable(&self) -> bool {
        true
    }
    /// Whether its reads and writes move one position that threads share, one at a time (regular files, directories). Devices
    /// without a position that matters say no, which is faster. Asked once, at open.
    fn is_positioned(&self) -> bool {
        false
    }
    /// Whether reads and writes go by the offset they get, and move it.
    fn has_offset(&self) -> bool {
        self.is_positioned()
    }
    /// Whether pwrite(2) works on it (else ESPIPE), given that it is seekable.
    fn takes_positioned_writes(&self) -> bool {
        true
    }
    /// Which flags preadv2(2) takes.
    fn read_flags(&self) -> FlagSupport {
        FlagSupport::Waiting
    }
    /// Which flags pwritev2(2) takes.
    fn write_flags(&self) -> FlagSupport {
        FlagSupport::Waiting
    }
    /// Moves the position; the new one. The default knows no end (SEEK_END is relative to the inode's size).
    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        file.seek_in(to, file.inode().size())
    }
    /// lseek(2) on a file without an offset: ESPIPE, or where it is, which never changes.
    fn seek_nowhere(&self) -> Result<u64> {
        Err(ESPIPE)
    }
    /// O_* status flags are about to change by F_SETFL; EINVAL refuses.
    fn check_flags(&self, file: &File, flags: u32) -> Result<()> {
        if flags & flag::DIRECT != 0 { Err(EINVAL) } else { Ok(()) }
    }
    /// F_SETPIPE_SZ and F_GETPIPE_SZ, which are for pipes: EBADF.
    fn control(&self, file: &File, task: &Task, command: u32, argument: u64) -> Result<u64> {
        Err(EBADF)
    }
    /// fsync(2) and fdatasync(2); EINVAL for what cannot be synchronized.
    fn sync(&self, file: &File, data_only: bool) -> Result<()> {
        Err(EINVAL)
    }
    /// A line per property for /proc/PID/fdinfo, after the common ones.
    fn show_information(&self, file: &File, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        Ok(())
    }
    /// The lists of those who get signals when it becomes ready (O_ASYNC); none where there are no such signals.
    fn signal_lists<'a>(&'a self, file: &'a File) -> signal_driven::Lists<'a> {
        [None, None]
    }
    /// Whether signals may be asked for now, or no longer be: ENOTTY.
    fn check_signals(&self) -> Result<()> {
        Ok(())
    }
    /// Signals were asked for: a chance to say who gets them if nobody did.
    fn signals_requested(&self, owner: &Arc<SignalOwner>) {}
    /// It is now known who gets the file's signals; told once.
    fn signal_owner_made(&self, owner: &Arc<SignalOwner>) {}
    /// The socket behind the file, if it is one.
    fn socket(&self) -> Option<&dyn crate::net::SocketOperations> {
        None
    }
    /// The last descriptor of one process's table was closed (close(2)'s error).
    fn flush(&self, file: &File) -> Result<()> {
        Ok(())
    }
    /// The last reference is gone.
    fn release(&self, file: &File) {}
    /// For downcasts.
    fn as_any(&self) -> &dyn Any;
}

/// What an open file may do, fixed at open.
pub mod mode {
    /// Opened for reading.
    pub const READ: u32 = 1;
    /// Opened for writing.
    pub const WRITE: u32 = 2;
    /// lseek works.
    pub const SEEK: u32 = 4;
    /// The position is kept under its lock.
    pub const POSITION: u32 = 8;
    /// O_PATH: names a place only.
    pub const PATH: u32 = 16;
    /// Counted as a writer of its inode and mount.
    pub const WRITER: u32 = 32;
    /// Being a directory, for getdents.
    pub const DIRECTORY: u32 = 64;
    /// There is a position to read and write at.
    pub const OFFSET: u32 = 256;
    /// Reads do not change the access time.
    pub const NO_ACCESS_TIME: u32 = 128;
}

/// An open file description: shared by dup(2) and fork(2).
pub struct File {
    operations: Box<dyn FileOperations>,
    inode: Arc<Inode>,
    path: Path,
    mode: u16,
    pub(super) has_locks: AtomicBool,
    /// It never became open: nobody hears of its end.
    is_stillborn: AtomicBool,
    flags: AtomicU32,
    position: AtomicU64,
    position_lock: Mutex<()>,
    credentials: Arc<Credentials>,
    /// Who gets its signals, once somebody said so or asked for them.
    signal_owner: OnceArc<SignalOwner>,
    watches: super::epoll::Watches,
}
// With its counts it fits a block of 160 bytes: programs have a hundred thousand of them.
#[cfg(not(debug_assertions))]
const _: () = assert!(size_of::<File>() <= 144);

impl File {
    /// A file without a path of its own (pipes, epoll, anonymous inodes); `name` as in /proc/PID/fd ("anon_inode:[eventpoll]").
    pub fn anonymous(operations: Box<dyn FileOperations>, name: &'static str, flags: u32) -> Result<Arc<File>> {
        let path = anonymous::path(name)?;
        File::new(path, operations, flags, Task::current().credentials())
    }
    /// An open file. Write access to inode and mount has been got by the caller; the file gives it back when it ends.
    pub fn new(
        path: Path,
        operations: Box<dyn FileOperations>,
        flags: u32,
        credentials: Arc<Credentials>,
    ) -> Result<Arc<File>> {
        Self::build(path, operations, flags, credentials, true)
    }
    /// As `new`, of a file that was never opened by a name, which does not count as a writer of its inode (memfd_create(2)).
    pub fn unopened(
        path: Path,
        operations: Box<dyn FileOperations>,
        flags: u32,
        credentials: Arc<Credentials>,
    ) -> Result<Arc<File>> {
        Self::build(path, operations, flags, credentials, false)
    }
    fn build(
        path: Path,
        operations: Box<dyn FileOperations>,
        flags: u32,
        credentials: Arc<Credentials>,
        counts_writer: bool,
    ) -> Result<Arc<File>> {
        let inode = path.inode()?.clone();
        path.mount.keep();
        let mut bits = match flags & flag::ACCESS_MODE {
            flag::READ_ONLY => mode::READ,
            flag::WRITE_ONLY => mode::WRITE,
            flag::READ_WRITE => mode::READ | mode::WRITE,
            _ => 0,
        };
        if flags & flag::PATH != 0 {
            bits = mode::PATH;
        } else {
            if operations.is_seekable() {
                bits |= mode::SEEK;
            }
            if operations.is_positioned() {
                bits |= mode::POSITION;
            }
            if operations.has_offset() {
                bits |= mode::OFFSET;
            }
            if inode.is_directory() {
                bits |= mode::DIRECTORY | mode::POSITION | mode::OFFSET;
            }
            if bits & mode::WRITE != 0 && inode.kind() == FileType::Regular && counts_writer {
                bits |= mode::WRITER;
                path.mount.add_writer();
            }
            if flags & flag::NO_ACCESS_TIME != 0 || path.mount.flags() & super::mount::mount_flag::NO_ACCESS_TIME != 0 {
                bits |= mode::NO_ACCESS_TIME;
            }
        }
        if bits & mode::PATH == 0 {
            // Taken back when it ends, even where there is no memory for it.
            inode.add_open();
        }
        let kept = flags & !(flag::CREATE | flag::EXCLUSIVE | flag::NO_CONTROLLING_TERMINAL | flag::TRUNCATE);
        Ok(machine::memory::try_arc(File {
            operations,
            inode,
            path,
            mode: bits as u16,
            has_locks: AtomicBool::new(false),
            is_stillborn: AtomicBool::new(false),
            flags: AtomicU32::new(kept & !flag::CLOSE_ON_EXEC),
            position: AtomicU64::new(0),
            position_lock: Mutex::new(rank::FILE_POSITION, ()),
            credentials,
            signal_owner: OnceArc::new(),
            watches: super::epoll::Watches::new(),
        })?)
    }
    /// The operations.
    #[inline(always)]
    pub fn operations(&self) -> &dyn FileOperations {
        &*self.operations
    }
    /// The operations as a concrete type.
    pub fn downcast<T: 'static>(&self) -> Option<&T> {
        (&*self.operations as &dyn Any).downcast_ref()
    }
    /// O_* flags now.
    #[inline(always)]
    pub fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }
    /// Sets and clears status flags.
    pub fn change_flags(&self, clear: u32, set: u32) {
        let _ = self.flags.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |flags| Some(flags & !clear | set));
    }
    /// Whether O_NONBLOCK is set.
    #[inline(always)]
    pub fn is_nonblocking(&self) -> bool {
        self.flags() & flag::NON_BLOCKING != 0
    }
    /// Whether every write goes to the end.
    #[inline(always)]
    pub fn is_appending(&self) -> bool {
        self.flags() & flag::APPEND != 0
    }
    /// The bits of [`mode`].
    #[inline(always)]
    pub fn mode(&self) -> u32 {
        self.mode.into()
    }
    /// Whether it is open for reading.
    #[inline(always)]
    pub fn is_readable(&self) -> bool {
        self.mode() & mode::READ != 0
    }
    /// Whether it is open for writing.
    #[inline(always)]
    pub fn is_writable(&self) -> bool {
        self.mode() & mode::WRITE != 0
    }
    /// Whether it only names a place (O_PATH).
    #[inline(always)]
    pub fn is_path(&self) -> bool {
        self.mode() & mode::PATH != 0
    }
    /// Notes that it has locks, or a lease, which end with it.
    pub(super) fn note_locks(&self) {
        self.has_locks.store(true, Ordering::Relaxed);
    }
    /// Notes that it is dropped without ever having been open for anybody.
    pub(crate) fn note_stillborn(&self) {
        self.is_stillborn.store(true, Ordering::Relaxed);
    }
    /// The epoll items that watch it.
    pub fn watches(&self) -> &super::epoll::Watches {
        &self.watches
    }
    /// The inode.
    #[inline(always)]
    pub fn inode(&self) -> &Arc<Inode> {
        &self.inode
    }
    /// The place it was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Who opened it.
    pub fn credentials(&self) -> &Arc<Credentials> {
        &self.credentials
    }
    /// Whom its signals go to, if anybody said so.
    pub fn signal_owner(&self) -> Option<&SignalOwner> {
        self.signal_owner.get()
    }
    /// As `signal_owner`, made where nobody said so yet. ENOMEM.
    pub fn signal_owner_made(&self) -> Result<Arc<SignalOwner>> {
        if let Some(owner) = self.signal_owner.get_arc() {
            return Ok(owner);
        }
        let owner = machine::memory::try_arc(SignalOwner::new())?;
        match self.signal_owner.set(owner.clone()) {
            Ok(()) => {
                self.operations.signal_owner_made(&owner);
                Ok(owner)
            }
            // Another thread was faster.
            Err(_) => self.signal_owner.get_arc().ok_or(ENOMEM),
        }
    }
    /// The position now.
    #[inline(always)]
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }
    /// Moves the position.
    #[inline(always)]
    pub fn set_position(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }
    /// Runs `body` with the position, under its lock if the kind of file needs that; stores the position it gives back.
    #[inline(always)]
    pub fn with_position<R>(&self, body: impl FnOnce(&mut u64) -> R) -> R {
        let _guard = (self.mode() & mode::POSITION != 0).then(|| self.position_lock.lock());
        let before = self.position();
        let mut position = before;
        let result = body(&mut position);
        if position != before {
            self.set_position(position);
        }
        result
    }
    /// read(2) on the position of the file.
    #[inline(always)]
    pub fn read(&self, into: &mut IoBuffer) -> Result<usize> {
        if self.mode() & mode::OFFSET == 0 {
            return self.operations.read(self, into, 0);
        }
        self.read_on(into)
    }
    #[inline(never)]
    fn read_on(&self, into: &mut IoBuffer) -> Result<usize> {
        self.with_position(|position| {
            let count = self.operations.read(self, into, *position)?;
            *position = position.wrapping_add(count as u64);
            Ok(count)
        })
    }
    /// write(2) on the position of the file.
    #[inline(always)]
    pub fn write(&self, from: &mut IoBuffer) -> Result<usize> {
        if self.mode() & mode::OFFSET == 0 && !self.is_appending() {
            return self.operations.write(self, from, 0);
        }
        self.write_on(from)
    }
    #[inline(never)]
    fn write_on(&self, from: &mut IoBuffer) -> Result<usize> {
        self.with_position(|position| {
            if self.is_appending() {
                let (count, after) = self.operations.append(self, from)?;
                *position = after;
                return Ok(count);
            }
            let count = self.operations.write(self, from, *position)?;
            *position = position.wrapping_add(count as u64);
            Ok(count)
        })
    }
    /// Appends whatever the flags (RWF_APPEND); the position follows.
    pub fn append(&self, from: &mut IoBuffer) -> Result<usize> {
        self.with_position(|position| {
            let (count, after) = self.operations.append(self, from)?;
            *position = after;
            Ok(count)
        })
    }
    /// Runs `body` with the position's lock held if the kind of file needs that.
    pub fn lock_position<R>(&self, body: impl FnOnce() -> R) -> R {
        let _guard = (self.mode() & mode::POSITION != 0).then(|| self.position_lock.lock());
        body()
    }
    /// Reads at an offset of the caller's, leaving the position alone.
    pub fn read_at(&self, into: &mut IoBuffer, offset: u64) -> Result<usize> {
        self.operations.read(self, into, offset)
    }
    /// Writes at an offset of the caller's (at the end if the file appends), leaving the position alone.
    pub fn write_at(&self, from: &mut IoBuffer, offset: u64) -> Result<usize> {
        if self.is_appending() {
            return self.operations.append(self, from).map(|(count, _)| count);
        }
        self.operations.write(self, from, offset)
    }
    /// lseek(2)'s arithmetic for a file of a given size, without holes; sets the position. EINVAL, ENXIO, EOVERFLOW.
    pub fn seek_in(&self, to: SeekFrom, size: u64) -> Result<u64> {
        let largest = self.inode.superblock().options().largest_file;
        let position = match to {
            SeekFrom::Start(offset) => offset,
            SeekFrom::Current(offset) => (self.position() as i64).checked_add(offset).ok_or(EOVERFLOW)?,
            SeekFrom::End(offset) => (size as i64).checked_add(offset).ok_or(EOVERFLOW)?,
            SeekFrom::Data(offset) | SeekFrom::Hole(offset) if offset < 0 || offset as u64 >= size => {
                return Err(ENXIO);
            }
            SeekFrom::Data(offset) => offset,
            SeekFrom::Hole(_) => size as i64,
        };
        let position = u64::try_from(position).map_err(|_| EINVAL)?;
        if position > largest {
            return Err(EINVAL);
        }
        self.set_position(position);
        Ok(position)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.mode() & mode::PATH != 0 {
            return;
        }
        if !self.is_stillborn.load(Ordering::Relaxed) {
            notify::closed(self);
        }
        if self.has_locks.load(Ordering::Relaxed) {
            super::lock::release_file(self);
            notify::directory::release(self);
        }
        if self.flags() & flag::ASYNC != 0 {
            // What never was on a list is on none.
            signal_driven::forget(self);
        }
        self.watches.release();
        self.operations.release(self);
        if self.inode.remove_open() && self.inode.is_watched() {
            notify::gone_if_unused(&self.inode);
        }
        if self.mode() & mode::WRITER != 0 {
            self.inode.put_write_access();
            self.path.mount.remove_writer();
        }
    }
}
