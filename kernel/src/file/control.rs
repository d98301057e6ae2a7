//! Calls on descriptors: dup(2), fcntl(2), flock(2), ioctl(2), close_range(2), the sync family.
use super::attributes::FileType;
use super::lease;
use super::lock;
use super::lock_range::{Kind, Owner as LockOwner, Range};
use super::open_file::{File, open_flag};
use super::{notify, signal_driven, user_flags};
use crate::error::*;
use crate::process::{Task, thread_group::Resource};
use crate::syscall::{Fd, FileOffset, UserAddress, UserPtr, user::UserLayout};
use abi::Abi;
use alloc::sync::Arc;

/// dup(2).
pub fn dup(task: &Task, fd: Fd) -> Result<Fd> {
    let files = task.files();
    let file = files.get(fd)?;
    files.install(file, 0, false)
}
/// dup2(2): nothing happens if both are the same.
pub fn dup2(task: &Task, old: Fd, new: Fd) -> Result<Fd> {
    let files = task.files();
    if old == new {
        return files.get(old).map(|_| old);
    }
    duplicate_to(task, old, new, false)
}
/// dup3(2).
pub fn dup3(task: &Task, old: Fd, new: Fd, flags: u32) -> Result<Fd> {
    if flags & !open_flag::CLOSE_ON_EXEC != 0 || old == new {
        return Err(EINVAL);
    }
    duplicate_to(task, old, new, flags != 0)
}
fn duplicate_to(task: &Task, old: Fd, new: Fd, close_on_exec: bool) -> Result<Fd> {
    if u64::from(new.0 as u32) >= task.group().limit(Resource::OpenFiles) {
        return Err(EBADF);
    }
    let files = task.files();
    let file = files.get(old)?;
    files.replace(new, file, close_on_exec)?;
    Ok(new)
}

/// close_range(2).
pub fn close_range(task: &Task, first: u32, last: u32, flags: u32) -> Result<()> {
    const UNSHARE: u32 = 2;
    const CLOSE_ON_EXEC: u32 = 4;
    if flags & !(UNSHARE | CLOSE_ON_EXEC) != 0 || first > last {
        return Err(EINVAL);
    }
    let mut files = task.files();
    if flags & UNSHARE != 0 && files.users() > 1 {
        // What would be closed at once need not be copied.
        let own = match (flags & CLOSE_ON_EXEC, last) {
            (0, u32::MAX) => files.copy_below(first)?,
            _ => files.copy()?,
        };
        task.set_files(own.clone());
        files = own;
    }
    if flags & CLOSE_ON_EXEC != 0 {
        files.mark_range(first, last);
    } else {
        files.close_range(first, last);
    }
    Ok(())
}

/// struct flock: l_type, l_whence, l_start, l_len, l_pid.
#[derive(Clone, Copy, Debug)]
pub struct UserLock {
    kind: i16,
    whence: i16,
    start: i64,
    length: i64,
    process: i32,
}
impl UserLayout for UserLock {
    fn size(abi: Abi) -> usize {
        if matches!(abi, Abi::I386) { 16 } else { 32 }
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let small = |at: usize| bytes.get(at..at + 2).map_or(0, |raw| i16::from_le_bytes([raw[0], raw[1]]));
        let word = |at: usize| bytes.get(at..at + 4).map_or(0, |raw| i32::decode(abi, raw));
        let long = |at: usize| bytes.get(at..at + 8).map_or(0, |raw| i64::decode(abi, raw));
        let (start, length, process) = match abi {
            Abi::I386 => (word(4).into(), word(8).into(), word(12)),
            _ => (long(8), long(16), word(24)),
        };
        UserLock { kind: small(0), whence: small(2), start, length, process }
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        let mut put = |at: usize, raw: &[u8]| {
            if let Some(field) = bytes.get_mut(at..at + raw.len()) {
                field.copy_from_slice(raw);
            }
        };
        put(0, &self.kind.to_le_bytes());
        put(2, &self.whence.to_le_bytes());
        match abi {
            Abi::I386 => {
                put(4, &(self.start as i32).to_le_bytes());
                put(8, &(self.length as i32).to_le_bytes());
                put(12, &self.process.to_le_bytes());
            }
            _ => {
                put(8, &self.start.to_le_bytes());
                put(16, &self.length.to_le_bytes());
                put(24, &self.process.to_le_bytes());
            }
        }
    }
}

/// A lock's description as one of the ABIs has it.
pub trait LockLayout: UserLayout {
    /// What it says.
    fn lock(self) -> UserLock;
    /// The structure for a lock found; EOVERFLOW if its start has no room. A length that has none shows as the largest.
    fn found(lock: UserLock, abi: Abi) -> Result<Self>;
}
impl LockLayout for UserLock {
    fn lock(self) -> UserLock {
        self
    }
    fn found(mut lock: UserLock, abi: Abi) -> Result<Self> {
        const LARGEST: i64 = i32::MAX as i64;
        if matches!(abi, Abi::I386) {
            if lock.start > LARGEST {
                return Err(EOVERFLOW);
            }
            lock.length = lock.length.min(LARGEST);
        }
        Ok(lock)
    }
}

/// `struct flock64` of i386.
#[derive(Clone, Copy, Debug)]
pub struct UserLock64(UserLock);
impl UserLayout for UserLock64 {
    fn size(_: Abi) -> usize {
        24
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let long = |at: usize| bytes.get(at..at + 8).map_or(0, |raw| i64::decode(abi, raw));
        let word = |at: usize| bytes.get(at..at + 4).map_or(0, |raw| i32::decode(abi, raw));
        let (kind, whence) = (word(0) as i16, (word(0) >> 16) as i16);
        UserLock64(UserLock { kind, whence, start: long(4), length: long(12), process: word(20) })
    }
    fn encode(&self, _: Abi, bytes: &mut [u8]) {
        let UserLock { kind, whence, start, length, process } = self.0;
        let mut put = |at: usize, raw: &[u8]| {
            if let Some(field) = bytes.get_mut(at..at + raw.len()) {
                field.copy_from_slice(raw);
            }
        };
        put(0, &kind.to_le_bytes());
        put(2, &whence.to_le_bytes());
        put(4, &start.to_le_bytes());
        put(12, &length.to_le_bytes());
        put(20, &process.to_le_bytes());
    }
}
impl LockLayout for UserLock64 {
    fn lock(self) -> UserLock {
        self.0
    }
    fn found(lock: UserLock, _: Abi) -> Result<Self> {
        Ok(UserLock64(lock))
    }
}

const F_RDLCK: i16 = 0;
const F_WRLCK: i16 = 1;
const F_UNLCK: i16 = 2;

impl UserLock {
    /// The bytes it means, with a position and a size to count from.
    fn range(&self, position: u64, size: u64) -> Result<Range> {
        let base = match self.whence {
            0 => 0,
            1 => position as i64,
            2 => size as i64,
            _ => return Err(EINVAL),
        };
        let start = base.checked_add(self.start).ok_or(EOVERFLOW)?;
        if start < 0 {
            return Err(EINVAL);
        }
        let (first, last) = match self.length {
            0 => (start, i64::MAX),
            length if length > 0 => (start, start.checked_add(length - 1).ok_or(EOVERFLOW)?),
            length => (start.checked_add(length).filter(|first| *first >= 0).ok_or(EINVAL)?, start - 1),
        };
        Ok(Range { first: first as u64, last: last as u64 })
    }
    fn kind(&self) -> Result<Option<Kind>> {
        match self.kind {
            F_RDLCK => Ok(Some(Kind::Read)),
            F_WRLCK => Ok(Some(Kind::Write)),
            F_UNLCK => Ok(None),
            _ => Err(EINVAL),
        }
    }
}

/// F_GETLK and F_OFD_GETLK.
fn get_lock<L: LockLayout>(task: &Task, file: &File, pointer: UserPtr<L>, whole_file: bool) -> Result<()> {
    let mut user = pointer.read(task)?.lock();
    let kind = user.kind()?.ok_or(EINVAL)?;
    let range = user.range(file.position(), file.inode().size())?;
    if whole_file && user.process != 0 {
        return Err(EINVAL);
    }
    let owner = if whole_file { lock::file_owner(file) } else { lock::posix_owner(task) };
    match lock::find_conflict(file, owner, kind, range) {
        None => user.kind = F_UNLCK,
        Some(conflict) => {
            user.kind = if conflict.kind == Kind::Read { F_RDLCK } else { F_WRLCK };
            user.whence = 0;
            user.start = conflict.range.first as i64;
            let open_ended = conflict.range.last == i64::MAX as u64;
            user.length = if open_ended { 0 } else { (conflict.range.last - conflict.range.first + 1) as i64 };
            let everybody = &crate::start::shared().namespaces.pid_for_children;
            let holder = u32::try_from(conflict.id).ok().and_then(|number| everybody.find(number));
            user.process = match holder {
                Some(holder) => holder.number_in(task.pid_namespace()) as i32,
                None => conflict.id,
            };
        }
    }
    pointer.write(task, &L::found(user, task.abi())?)
}
/// F_SETLK, F_SETLKW and their OFD forms.
fn set_lock<L: LockLayout>(
    task: &Task,
    fd: Fd,
    file: &Arc<File>,
    pointer: UserPtr<L>,
    whole_file: bool,
    wait: bool,
) -> Result<()> {
    let user = pointer.read(task)?.lock();
    let range = user.range(file.position(), file.inode().size())?;
    let kind = user.kind()?;
    match kind {
        Some(Kind::Read) if !file.is_readable() => return Err(EBADF),
        Some(Kind::Write) if !file.is_writable() => return Err(EBADF),
        _ => {}
    }
    if whole_file && user.process != 0 {
        return Err(EINVAL);
    }
    let (owner, id) = match whole_file {
        true => (lock::file_owner(file), -1),
        false => (lock::posix_owner(task), task.group().id() as i32),
    };
    lock::set_range(file, owner, kind, range, id, wait)?;
    // Somebody closed the descriptor meanwhile: the lock would never be dropped.
    let gone = !task.files().get(fd).is_ok_and(|now| Arc::ptr_eq(&now, file));
    if gone && kind.is_some() && matches!(owner, LockOwner::Table(_)) {
        lock::set_range(file, owner, None, range, id, false)?;
        return Err(EBADF);
    }
    Ok(())
}

/// Flags that F_SETFL changes.
const SETTABLE: u32 = open_flag::APPEND | open_flag::NON_BLOCKING | open_flag::DIRECT | open_flag::NO_ACCESS_TIME;

/// F_SETFL.
fn set_flags(file: &File, fd: Fd, flags: u32) -> Result<()> {
    if (flags ^ file.flags()) & open_flag::APPEND != 0 {
        file.inode().check_not_append_only()?;
    }
    if flags & open_flag::NO_ACCESS_TIME != 0
        && file.flags() & open_flag::NO_ACCESS_TIME == 0
        && !file.inode().owner_or_capable(file.credentials())
    {
        return Err(EPERM);
    }
    let wanted = flags & SETTABLE;
    file.operations().check_flags(file, wanted)?;
    if (flags ^ file.flags()) & open_flag::ASYNC != 0 {
        // Ignored where there are no signals.
        signal_driven::request(file, fd, flags & open_flag::ASYNC != 0)?;
    }
    file.change_flags(SETTABLE, wanted);
    Ok(())
}

/// fcntl(2).
pub fn fcntl(task: &Task, fd: Fd, command: u32, argument: u64) -> Result<u64> {
    const F_DUPFD: u32 = 0;
    const F_GETFD: u32 = 1;
    const F_SETFD: u32 = 2;
    const F_GETFL: u32 = 3;
    const F_SETFL: u32 = 4;
    const F_GETLK: u32 = 5;
    const F_SETLK: u32 = 6;
    const F_SETLKW: u32 = 7;
    const F_SETOWN: u32 = 8;
    const F_GETOWN: u32 = 9;
    const F_SETSIG: u32 = 10;
    const F_GETSIG: u32 = 11;
    const F_SETOWN_EX: u32 = 15;
    const F_GETOWN_EX: u32 = 16;
    const F_GETOWNER_UIDS: u32 = 17;
    const F_OFD_GETLK: u32 = 36;
    const F_OFD_SETLK: u32 = 37;
    const F_OFD_SETLKW: u32 = 38;
    const F_DUPFD_CLOEXEC: u32 = 1030;
    const F_SETLEASE: u32 = 1024;
    const F_GETLEASE: u32 = 1025;
    const F_NOTIFY: u32 = 1026;
    const F_SETPIPE_SZ: u32 = 1031;
    const F_GETPIPE_SZ: u32 = 1032;
    const F_ADD_SEALS: u32 = 1033;
    const F_GET_SEALS: u32 = 1034;
    const F_GET_RW_HINT: u32 = 1035;
    const F_SET_RW_HINT: u32 = 1036;
    let files = task.files();
    if matches!(command, F_DUPFD | F_DUPFD_CLOEXEC) {
        return Ok(files.duplicate(fd, argument, command == F_DUPFD_CLOEXEC)?.0 as u64);
    }
    let file = files.get(fd)?;
    if file.is_path() && !matches!(command, F_GETFD | F_SETFD | F_GETFL) {
        return Err(EBADF);
    }
    let lock = UserPtr::<UserLock>::new(argument);
    match command {
        F_GETFD => files.close_on_exec(fd).map(u64::from),
        F_SETFD => files.set_close_on_exec(fd, argument & 1 != 0).map(|()| 0),
        F_GETFL => Ok(file.flags().into()),
        F_SETFL => set_flags(&file, fd, argument as u32).map(|()| 0),
        F_GETLK => get_lock(task, &file, lock, false).map(|()| 0),
        F_SETLK | F_SETLKW => set_lock(task, fd, &file, lock, false, command == F_SETLKW).map(|()| 0),
        F_OFD_GETLK => get_lock(task, &file, lock, true).map(|()| 0),
        F_OFD_SETLK | F_OFD_SETLKW => set_lock(task, fd, &file, lock, true, command == F_OFD_SETLKW).map(|()| 0),
        F_GETOWN => Ok(i64::from(signal_driven::get_owner(task, &file)) as u64),
        F_SETOWN => signal_driven::set_owner(task, &file, argument as i32).map(|()| 0),
        F_GETOWN_EX => signal_driven::get_owner_extended(task, &file, UserPtr::new(argument)).map(|()| 0),
        F_SETOWN_EX => signal_driven::set_owner_extended(task, &file, UserPtr::new(argument)).map(|()| 0),
        F_GETOWNER_UIDS => signal_driven::get_owner_users(task, &file, UserPtr::new(argument)).map(|()| 0),
        F_GETSIG => Ok(signal_driven::get_signal(&file).into()),
        F_SETSIG => signal_driven::set_signal(&file, argument).map(|()| 0),
        F_SETLEASE => lease::set(task, &file, fd, argument).map(|()| 0),
        F_GETLEASE => Ok(lease::get(&file)),
        F_NOTIFY => notify::directory::request(task, &file, fd, argument).map(|()| 0),
        F_GET_SEALS => sealable(&file).map(|mapping| mapping.seals().into()),
        F_ADD_SEALS => {
            let seals = u32::try_from(argument).map_err(|_| EINVAL)?;
            if !file.is_writable() {
                return Err(EPERM);
            }
            let mapping = sealable(&file)?;
            let _guard = file.inode().lock.write();
            mapping.add_seals(seals).map(|()| 0)
        }
        F_GET_RW_HINT => UserPtr::new(argument).write(task, &u64::from(file.inode().write_hint())).map(|()| 0),
        F_SET_RW_HINT => {
            let hint = u32::try_from(UserPtr::<u64>::new(argument).read(task)?).map_err(|_| EINVAL)?;
            file.inode().set_write_hint(hint).map(|()| 0)
        }
        F_SETPIPE_SZ | F_GETPIPE_SZ => file.operations().control(&file, task, command, argument),
        _ => Err(EINVAL),
    }
}
/// The page cache of a file in memory: only those have seals. EINVAL.
fn sealable(file: &File) -> Result<&Arc<crate::memory::Mapping>> {
    let in_memory = file.inode().downcast::<super::tmpfs::Node>().is_some();
    file.inode().mapping().filter(|_| in_memory).ok_or(EINVAL)
}

/// fcntl(2) and fcntl64(2) of i386, which are one: with locks of 64-bit ranges besides.
pub fn fcntl64(task: &Task, fd: Fd, command: u32, argument: u64) -> Result<u64> {
    const F_GETLK64: u32 = 12;
    const F_SETLK64: u32 = 13;
    const F_SETLKW64: u32 = 14;
    const F_OFD_GETLK: u32 = 36;
    const F_OFD_SETLK: u32 = 37;
    const F_OFD_SETLKW: u32 = 38;
    let lock = UserPtr::<UserLock64>::new(argument);
    let is_open_file = command >= F_OFD_GETLK;
    match command {
        F_GETLK64 | F_OFD_GETLK => get_lock(task, &*task.file(fd)?, lock, is_open_file)?,
        F_SETLK64 | F_SETLKW64 | F_OFD_SETLK | F_OFD_SETLKW => {
            let wait = matches!(command, F_SETLKW64 | F_OFD_SETLKW);
            set_lock(task, fd, &task.file(fd)?, lock, is_open_file, wait)?;
        }
        _ => return fcntl(task, fd, command, argument),
    }
    Ok(0)
}

/// flock(2).
pub fn flock(task: &Task, fd: Fd, operation: u32) -> Result<()> {
    const SHARED: u32 = 1;
    const EXCLUSIVE: u32 = 2;
    const NON_BLOCKING: u32 = 4;
    const UNLOCK: u32 = 8;
    let file = task.file(fd)?;
    let wanted = match operation & !NON_BLOCKING {
        SHARED => Some(false),
        EXCLUSIVE => Some(true),
        UNLOCK => None,
        _ => return Err(EINVAL),
    };
    if wanted.is_some() && !file.is_readable() && !file.is_writable() {
        return Err(EBADF);
    }
    lock::flock(&file, wanted, operation & NON_BLOCKING == 0)
}

/// ioctl(2).
pub fn ioctl(task: &Task, fd: Fd, command: u32, argument: UserAddress) -> Result<usize> {
    const FIONCLEX: u32 = 0x5450;
    const FIOCLEX: u32 = 0x5451;
    const FIONBIO: u32 = 0x5421;
    const FIOASYNC: u32 = 0x5452;
    const FIOQSIZE: u32 = 0x5460;
    const FIGETBSZ: u32 = 2;
    const FIONREAD: u32 = 0x541b;
    let file = task.file(fd)?;
    let pointer = UserPtr::<i32>::new(argument.0);
    let kind = file.inode().kind();
    match command {
        FIOCLEX | FIONCLEX => task.files().set_close_on_exec(fd, command == FIOCLEX)?,
        FIONBIO => {
            let bit = open_flag::NON_BLOCKING;
            file.change_flags(bit, if pointer.read(task)? != 0 { bit } else { 0 });
        }
        FIOASYNC => {
            let on = pointer.read(task)? != 0;
            let changes = on != (file.flags() & open_flag::ASYNC != 0);
            if changes && !signal_driven::request(&file, fd, on)? {
                return Err(ENOTTY.because("no SIGIO from this file"));
            }
        }
        FIOQSIZE => match kind {
            FileType::Regular | FileType::Directory | FileType::SymbolicLink => {
                UserPtr::<i64>::new(argument.0).write(task, &(file.inode().size() as i64))?;
            }
            _ => return Err(ENOTTY),
        },
        FIGETBSZ => pointer.write(task, &(file.inode().superblock().block_size() as i32))?,
        FIONREAD if kind == FileType::Regular => {
            let left = file.inode().size().wrapping_sub(file.position()) as i32;
            pointer.write(task, &left)?;
        }
        _ => match user_flags::ioctl(task, &file, command, argument) {
            Err(ENOTTY) => return file.operations().ioctl(&file, task, command, argument.0),
            result => result?,
        },
    }
    Ok(0)
}

/// fsync(2).
pub fn fsync(task: &Task, fd: Fd) -> Result<()> {
    let file = task.file(fd)?;
    file.operations().sync(&file, false)
}
/// fdatasync(2).
pub fn fdatasync(task: &Task, fd: Fd) -> Result<()> {
    let file = task.file(fd)?;
    file.operations().sync(&file, true)
}
/// sync(2).
pub fn sync(task: &Task) -> Result<()> {
    for mount in task.context().namespace().mounts()? {
        let _ = mount.superblock().operations().sync();
    }
    Ok(())
}
/// syncfs(2).
pub fn syncfs(task: &Task, fd: Fd) -> Result<()> {
    task.file(fd)?.inode().superblock().operations().sync()
}
/// sync_file_range(2).
pub fn sync_file_range(task: &Task, fd: Fd, offset: FileOffset, length: FileOffset, flags: u32) -> Result<()> {
    let (offset, length) = (offset.0, length.0);
    let file = task.file(fd)?;
    let end = offset.checked_add(length).ok_or(EINVAL)?;
    if flags & !7 != 0 || offset < 0 || end < offset {
        return Err(EINVAL);
    }
    match file.inode().kind() {
        FileType::Regular | FileType::BlockDevice | FileType::Directory | FileType::SymbolicLink => {}
        _ => return Err(ESPIPE),
    }
    match file.inode().mapping() {
        Some(mapping) if flags != 0 => {
            let last = if length == 0 { u64::MAX } else { (end as u64).div_ceil(4096) };
            mapping.sync_range(offset as u64 / 4096..last)
        }
        _ => Ok(()),
    }
}
