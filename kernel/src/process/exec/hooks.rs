//! What exec asks of files, threads, signals and credentials.
use super::credentials::FilePrivileges;
use crate::error::Result;
use crate::file::File;
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
/// Opens a program file: ENOENT, EACCES, ELOOP, ENOTDIR and the like as execve(2) gives them.
pub fn open_program(_task: &Task, _directory: Fd, _path: &[u8], _no_follow: bool) -> Result<Arc<File>> {
    todo!()
}
/// The set-user-ID and set-group-ID bits and capabilities of a file, as far as its mount lets them count.
pub fn file_privileges(_file: &File) -> FilePrivileges {
    FilePrivileges::default()
}
/// Whether nobody else could use privileges that the task gains.
pub fn may_gain_privileges(_task: &Task) -> bool {
    true
}
/// Whether these credentials may read the file.
pub fn is_readable(_credentials: &Credentials, _file: &File) -> bool {
    true
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
    2
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
