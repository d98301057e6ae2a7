//! What exec asks of files, threads, signals and credentials.
use super::credentials::FilePrivileges;
use crate::error::{EACCES, ELOOP, Result};
use crate::file::File;
use crate::file::attributes::{Access, FileType, SET_GROUP_ID, SET_USER_ID};
use crate::file::mount::mount_flag;
use crate::file::open_file::open_flag;
use crate::file::walk::{self, walk_flag};
use crate::memory::AddressSpace;
use crate::process::{Credentials, Task};
use crate::syscall::Fd;
use alloc::sync::Arc;

/// EAGAIN if a setuid(2) went over RLIMIT_NPROC and the caller still is.
pub fn check_process_limit(_task: &Task) -> Result<()> {
    Ok(())
}
/// Keeps others (ptrace) from seeing half-changed credentials; EINTR.
pub fn lock_credentials(_task: &Task) -> Result<()> {
    Ok(())
}
/// Opens a program file: ENOENT, ENOTDIR, ELOOP for a path that leads nowhere, EACCES for what is not a regular file or may
/// not be executed, here or by its mount.
pub fn open_program(task: &Task, directory: Fd, path: &[u8], no_follow: bool) -> Result<Arc<File>> {
    let follow = if no_follow { 0 } else { walk_flag::FOLLOW };
    let place = walk::resolve(task, directory, path, follow | walk_flag::EMPTY)?;
    let inode = place.inode()?.clone();
    match inode.kind() {
        FileType::SymbolicLink => return Err(ELOOP),
        FileType::Regular if place.mount.flags() & mount_flag::NO_EXECUTE == 0 => (),
        _ => return Err(EACCES),
    }
    let credentials = task.credentials();
    inode.operations().permission(&inode, &credentials, Access::EXECUTE)?;
    let flags = open_flag::READ_ONLY | open_flag::LARGE_FILE;
    let operations = inode.operations().open(&inode, flags)?;
    File::new(place, operations, flags, credentials)
}
/// The set-user-ID and set-group-ID bits and capabilities of a file, as far as its mount lets them count.
pub fn file_privileges(file: &File) -> FilePrivileges {
    let inode = file.inode();
    if file.path().mount.flags() & mount_flag::NO_SET_ID != 0 {
        return FilePrivileges::default();
    }
    let mode = inode.mode();
    let group_executes = mode & 0o10 != 0;
    FilePrivileges {
        set_user: (mode & SET_USER_ID != 0).then(|| inode.user()),
        set_group: (mode & SET_GROUP_ID != 0 && group_executes).then(|| inode.group()),
        capabilities: inode
            .operations()
            .extended_attribute(inode, b"security.capability")
            .ok()
            .and_then(|value| file_capabilities(&value)),
    }
}
/// Reads `struct vfs_cap_data` of version 2 or 3 (capabilities(7)): permitted, inheritable, effective.
fn file_capabilities(value: &[u8]) -> Option<(u64, u64, bool)> {
    let word = |at: usize| Some(u64::from(u32::from_le_bytes(value.get(at..at + 4)?.try_into().ok()?)));
    let magic = word(0)?;
    let is_known = matches!((magic >> 24, value.len()), (2, 20) | (3, 24));
    let permitted = word(4)? | word(12)? << 32;
    let inheritable = word(8)? | word(16)? << 32;
    is_known.then_some((permitted, inheritable, magic & 1 != 0))
}
/// Whether nobody else could use privileges that the task gains.
pub fn may_gain_privileges(_task: &Task) -> bool {
    true
}
/// Whether these credentials may read the file.
pub fn is_readable(credentials: &Credentials, file: &File) -> bool {
    file.inode().operations().permission(file.inode(), credentials, Access::READ).is_ok()
}
/// Ends all other threads of the process, and takes over the process id; EAGAIN when the process is dying already.
pub fn end_other_threads(_task: &Task) -> Result<()> {
    todo!()
}
/// Ends the process by a signal that cannot be caught.
pub fn kill(_task: &Task, _signal: i32) {
    todo!()
}
/// Personality bits.
pub fn personality(_task: &Task) -> u32 {
    0
}
/// The least size of a signal stack: the frame with all FPU state (AT_MINSIGSTKSZ).
pub fn minimum_signal_stack() -> u64 {
    2048
}
/// AT_HWCAP2: bit 1 says that user mode may use the FSGSBASE instructions.
pub fn hardware_capabilities_2() -> u64 {
    u64::from(machine::cpu::hardware_capabilities_2())
}

/// What becomes of the task when the new program is loaded.
pub struct Commit<'a> {
    /// Its memory.
    pub space: Arc<AddressSpace>,
    /// Who it is.
    pub credentials: Arc<Credentials>,
    /// It runs with more privileges than its caller has.
    pub is_secure: bool,
    /// It may be dumped and traced.
    pub is_dumpable: bool,
    /// Personality bits.
    pub personality: u32,
    /// /proc/PID/comm.
    pub name: &'a [u8],
}
/// Makes the task the new program: memory, signal handlers, descriptors, name, credentials.
pub fn commit(_task: &Task, _commit: Commit<'_>) -> Result<()> {
    todo!()
}
