//! i386's structures of stat(2) and statfs(2), three and two of them, and the calls that give them.
use super::attributes::{DeviceNumber, Status, Timestamp};
use super::path::Path;
use super::status::{AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW, statistics, status, status_at};
use super::walk::{self, walk_flag};
use crate::error::*;
use crate::process::Task;
use crate::process::identity16::narrowed;
use crate::syscall::user::plain_layout;
use crate::syscall::{Fd, UserPath, UserPtr};
use abi::stat::Statfs;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const HERE: Fd = Fd::WORKING_DIRECTORY;
/// Largest size that 32-bit programs are told without asking for more.
const LARGEST: u64 = i32::MAX as u64;

/// A structure that shows what a file is; EOVERFLOW where it has no room.
pub trait StatLayout: crate::syscall::UserLayout {
    /// The structure.
    fn of(status: &Status) -> Result<Self>;
}

/// `struct stat`.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Stat32 {
    device: u32,
    inode: u32,
    mode: u16,
    links: u16,
    user: u16,
    group: u16,
    special_device: u32,
    size: u32,
    block_size: u32,
    blocks: u32,
    times: [u32; 6],
    unused: [u32; 2],
}
/// `struct stat64`.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Stat64 {
    device: [u32; 2],
    padding: u32,
    inode_low: u32,
    mode: u32,
    links: u32,
    user: u32,
    group: u32,
    special_device: [u32; 2],
    padding_2: u32,
    size: [u32; 2],
    block_size: u32,
    blocks: [u32; 2],
    times: [u32; 6],
    inode: [u32; 2],
}
/// `struct __old_kernel_stat`.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct OldStat {
    device: u16,
    inode: u16,
    mode: u16,
    links: u16,
    user: u16,
    group: u16,
    special_device: u16,
    padding: u16,
    size: u32,
    times: [u32; 3],
}
plain_layout!(Stat32, Stat64, OldStat);

fn pair(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}
fn fits<T: TryFrom<u64>>(value: u64) -> Result<T> {
    T::try_from(value).map_err(|_| EOVERFLOW)
}
/// Seconds and nanoseconds; seconds wrap, as the structures have it.
fn all_times(status: &Status) -> [u32; 6] {
    let parts = |time: Timestamp| (time.seconds as u32, time.nanoseconds);
    let (a, b) = parts(status.access_time);
    let (c, d) = parts(status.modification_time);
    let (e, f) = parts(status.change_time);
    [a, b, c, d, e, f]
}

impl StatLayout for Stat32 {
    fn of(status: &Status) -> Result<Self> {
        let (inode, links) = (fits(status.inode)?, fits(status.links.into())?);
        if status.size > LARGEST {
            return Err(EOVERFLOW);
        }
        Ok(Stat32 {
            device: status.device.encode(),
            inode,
            mode: status.mode as u16,
            links,
            user: narrowed(status.user),
            group: narrowed(status.group),
            special_device: status.special_device.encode(),
            size: status.size as u32,
            block_size: status.block_size,
            blocks: status.blocks as u32,
            times: all_times(status),
            unused: [0; 2],
        })
    }
}
impl StatLayout for Stat64 {
    fn of(status: &Status) -> Result<Self> {
        Ok(Stat64 {
            device: [status.device.encode(), 0],
            inode_low: status.inode as u32,
            mode: status.mode,
            links: status.links,
            user: status.user,
            group: status.group,
            special_device: [status.special_device.encode(), 0],
            size: pair(status.size),
            block_size: status.block_size,
            blocks: pair(status.blocks),
            times: all_times(status),
            inode: pair(status.inode),
            ..Stat64::default()
        })
    }
}
impl StatLayout for OldStat {
    fn of(status: &Status) -> Result<Self> {
        let device = |device: DeviceNumber| (device.major << 8 | device.minor & 0xff) as u16;
        Ok(OldStat {
            device: device(status.device),
            inode: fits(status.inode)?,
            mode: status.mode as u16,
            links: fits(status.links.into())?,
            user: narrowed(status.user),
            group: narrowed(status.group),
            special_device: device(status.special_device),
            padding: 0,
            size: status.size as u32,
            times: [status.access_time, status.modification_time, status.change_time].map(|time| time.seconds as u32),
        })
    }
}

/// stat(2).
pub fn stat<L: StatLayout>(task: &Task, path: UserPath, buffer: UserPtr<L>) -> Result<()> {
    buffer.write(task, &L::of(&status_at(task, HERE, path, 0)?)?)
}
/// lstat(2).
pub fn lstat<L: StatLayout>(task: &Task, path: UserPath, buffer: UserPtr<L>) -> Result<()> {
    buffer.write(task, &L::of(&status_at(task, HERE, path, AT_SYMLINK_NOFOLLOW)?)?)
}
/// fstat(2).
pub fn fstat<L: StatLayout>(task: &Task, fd: Fd, buffer: UserPtr<L>) -> Result<()> {
    let file = task.files().get(fd)?;
    buffer.write(task, &L::of(&status(file.inode())?)?)
}
/// fstatat64(2).
pub fn fstatat64(task: &Task, directory: Fd, path: UserPath, buffer: UserPtr<Stat64>, flags: u32) -> Result<()> {
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH) != 0 {
        return Err(EINVAL);
    }
    buffer.write(task, &Stat64::of(&status_at(task, directory, path, flags)?)?)
}

/// `struct statfs`.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Statfs32 {
    words: [u32; 7],
    id: [u32; 2],
    longest_name: u32,
    fragment_size: u32,
    flags: u32,
    spare: [u32; 4],
}
/// `struct statfs64`.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Statfs64 {
    magic: u32,
    block_size: u32,
    counts: [[u32; 2]; 5],
    id: [u32; 2],
    longest_name: u32,
    fragment_size: u32,
    flags: u32,
    spare: [u32; 4],
}
plain_layout!(Statfs32, Statfs64);

impl Statfs32 {
    /// EOVERFLOW where a count has no room; inodes that cannot be counted are -1.
    fn of(of: &Statfs) -> Result<Self> {
        let inodes = |count: u64| if count == u64::MAX { Ok(u32::MAX) } else { fits(count) };
        let (blocks, free, available) = (fits(of.blocks)?, fits(of.free)?, fits(of.available)?);
        let words = [
            of.magic as u32,
            fits(of.block_size)?,
            blocks,
            free,
            available,
            inodes(of.inodes)?,
            inodes(of.free_inodes)?,
        ];
        Ok(Statfs32 {
            words,
            id: pair(of.id),
            longest_name: of.longest_name as u32,
            fragment_size: fits(of.fragment_size)?,
            flags: of.flags as u32,
            spare: [0; 4],
        })
    }
}
impl Statfs64 {
    fn of(of: &Statfs) -> Self {
        Statfs64 {
            magic: of.magic as u32,
            block_size: of.block_size as u32,
            counts: [of.blocks, of.free, of.available, of.inodes, of.free_inodes].map(pair),
            id: pair(of.id),
            longest_name: of.longest_name as u32,
            fragment_size: of.fragment_size as u32,
            flags: of.flags as u32,
            spare: [0; 4],
        }
    }
}

fn place_of(task: &Task, path: UserPath) -> Result<Path> {
    walk::resolve(task, HERE, &path.read()?, walk_flag::FOLLOW)
}
/// The size of the structure as the caller knows it; EINVAL.
fn check_size(size: usize) -> Result<()> {
    if size == size_of::<Statfs64>() { Ok(()) } else { Err(EINVAL) }
}
/// statfs(2).
pub fn statfs(task: &Task, path: UserPath, buffer: UserPtr<Statfs32>) -> Result<()> {
    buffer.write(task, &Statfs32::of(&statistics(&place_of(task, path)?)?)?)
}
/// fstatfs(2).
pub fn fstatfs(task: &Task, fd: Fd, buffer: UserPtr<Statfs32>) -> Result<()> {
    buffer.write(task, &Statfs32::of(&statistics(task.files().get(fd)?.path())?)?)
}
/// statfs64(2).
pub fn statfs64(task: &Task, path: UserPath, size: usize, buffer: UserPtr<Statfs64>) -> Result<()> {
    check_size(size)?;
    buffer.write(task, &Statfs64::of(&statistics(&place_of(task, path)?)?))
}
/// fstatfs64(2).
pub fn fstatfs64(task: &Task, fd: Fd, size: usize, buffer: UserPtr<Statfs64>) -> Result<()> {
    check_size(size)?;
    buffer.write(task, &Statfs64::of(&statistics(task.files().get(fd)?.path())?))
}
