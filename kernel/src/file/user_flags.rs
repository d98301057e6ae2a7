//! ioctl_iflags(2): the flags that users set on files, in both forms.
use super::File;
use super::inode::{Inode, UserFlags};
use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::{UserAddress, UserPtr};

const GET_FLAGS: u32 = 0x8008_6601;
const SET_FLAGS: u32 = 0x4008_6602;
/// The same where a long has 32 bits.
const GET_FLAGS_NARROW: u32 = 0x8004_6601;
const SET_FLAGS_NARROW: u32 = 0x4004_6602;
const GET_EXTENDED: u32 = 0x801c_581f;
const SET_EXTENDED: u32 = 0x401c_5820;

/// FS_XFLAG_*: the flags of struct fsxattr, where they have a twin among FS_*_FL.
const TWINS: [(u32, u32); 7] = [
    (0x08, UserFlags::IMMUTABLE),
    (0x10, UserFlags::APPEND_ONLY),
    (0x20, 0x08), // SYNC
    (0x40, UserFlags::NO_ACCESS_TIME),
    (0x80, UserFlags::NO_DUMP),
    (0x200, 0x2000_0000),  // PROJINHERIT
    (0x8000, 0x0200_0000), // DAX
];
/// Words of struct fsxattr: flags, size of extents, their number, project, size of copied extents, two unused ones.
const WORDS: usize = 7;

/// Does one of these requests; ENOTTY for all others, and for files whose file system keeps no flags.
pub fn ioctl(task: &Task, file: &File, command: u32, argument: UserAddress) -> Result<()> {
    let narrow = task.abi().has_narrow_pointers();
    let words = UserPtr::<u32>::new(argument.0);
    let operations = file.inode().operations();
    match command {
        GET_FLAGS | GET_FLAGS_NARROW if command == GET_FLAGS || narrow => {
            words.write(task, &operations.user_flags(file.inode())?.0)
        }
        SET_FLAGS | SET_FLAGS_NARROW if command == SET_FLAGS || narrow => {
            let flags = words.read(task)?;
            set(task, file, UserFlags(flags), Ok(()))
        }
        GET_EXTENDED => {
            let flags = operations.user_flags(file.inode())?.0;
            let extended: u32 = TWINS.iter().filter(|(_, flag)| flags & flag != 0).map(|(twin, _)| twin).sum();
            for (index, word) in [extended, 0, 0, 0, 0, 0, 0].iter().enumerate() {
                words.element(task, index).write(task, word)?;
            }
            Ok(())
        }
        SET_EXTENDED => {
            let mut given = [0; WORDS];
            for (index, word) in given.iter_mut().enumerate() {
                *word = words.element(task, index).read(task)?;
            }
            let (flags, extent_flags) = of_extended(given[0]);
            set(task, file, flags, check_extended(file.inode(), extent_flags, &given))
        }
        _ => Err(ENOTTY),
    }
}

/// The flags that struct fsxattr asks for, and those that it alone has.
fn of_extended(extended: u32) -> (UserFlags, u32) {
    let known: u32 = TWINS.iter().map(|(twin, _)| twin).sum();
    (UserFlags(TWINS.iter().filter(|(twin, _)| extended & twin != 0).map(|(_, flag)| flag).sum()), extended & !known)
}

/// Refuses what no file system here can do: sizes of extents, projects.
fn check_extended(inode: &Inode, others: u32, [_, extent, _, project, copied_extent, ..]: &[u32; WORDS]) -> Result<()> {
    const EXTENT_SIZE: u32 = 0x800;
    const EXTENT_SIZE_INHERITED: u32 = 0x1000;
    const COPIED_EXTENT_SIZE: u32 = 0x1_0000;
    let misplaced = if inode.is_directory() { EXTENT_SIZE } else { EXTENT_SIZE_INHERITED };
    if others & misplaced != 0 {
        return Err(EINVAL);
    }
    // A size of none turns its flag off.
    let mut idle = if *extent == 0 { EXTENT_SIZE | EXTENT_SIZE_INHERITED } else { 0 };
    idle |= if *copied_extent == 0 { COPIED_EXTENT_SIZE } else { 0 };
    let sizes = [*extent, *project, *copied_extent];
    if others & !idle != 0 || sizes != [0; 3] { Err(EOPNOTSUPP) } else { Ok(()) }
}

/// Sets flags (vfs_fileattr_set), unless `refusal` holds: the owner's right; two of them take a capability to change.
fn set(task: &Task, file: &File, wanted: UserFlags, refusal: Result<()>) -> Result<()> {
    let inode = file.inode();
    file.path().check_writable()?;
    let credentials = task.credentials();
    // Whether the file system keeps flags comes first.
    inode.operations().user_flags(inode)?;
    if !inode.owner_or_capable(&credentials) {
        return Err(EPERM);
    }
    let _guard = inode.lock.write();
    let changed = wanted.0 ^ inode.operations().user_flags(inode)?.0;
    let guarded = UserFlags::IMMUTABLE | UserFlags::APPEND_ONLY;
    if changed & guarded != 0 && !credentials.capable(Capability::LinuxImmutable) {
        return Err(EPERM.because("immutable and append-only take CAP_LINUX_IMMUTABLE"));
    }
    refusal?;
    inode.operations().set_user_flags(inode, wanted)
}
