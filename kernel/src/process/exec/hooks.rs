//! What exec asks of files, threads, signals and credentials.
use super::credentials::FilePrivileges;
use crate::error::{EACCES, EAGAIN, ELOOP, Result};
use crate::file::File;
use crate::file::attributes::{Access, FileType, SET_GROUP_ID, SET_USER_ID};
use crate::file::mount::mount_flag;
use crate::file::open_file::open_flag;
use crate::file::walk::{self, walk_flag};
use crate::memory::AddressSpace;
use crate::process::limits::Resource;
use crate::process::task::flag;
use crate::process::{Credentials, Task};
use crate::signal::SIGCHLD;
use crate::syscall::Fd;
use abi::Abi;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::thread::{Selectors, work};

/// EAGAIN if a setuid(2) went over RLIMIT_NPROC and the caller still is.
pub fn check_process_limit(task: &Task) -> Result<()> {
    let limit = task.group().limit(Resource::Processes);
    let over = task.clear_flag(flag::OVER_PROCESS_LIMIT)
        && task.with_credentials(|own| u64::from(own.record.processes.load(Ordering::Relaxed)) > limit);
    if over {
        task.set_flag(flag::OVER_PROCESS_LIMIT);
        return Err(EAGAIN.because("RLIMIT_NPROC"));
    }
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
    let file = File::new(place, operations, flags, credentials)?;
    crate::file::lease::break_for(&inode, flags).inspect_err(|_| file.note_stillborn())?;
    crate::file::notify::opened_for_execution(&file);
    Ok(file)
}
/// Whether a program's privileges count: not on a mount that says otherwise, nor one of another mount namespace, nor on a file
/// system that another user namespace made.
fn is_trusted(file: &File) -> bool {
    let mount = &file.path().mount;
    if mount.flags() & mount_flag::NO_SET_ID != 0 {
        return false;
    }
    let task = Task::current();
    let is_own = mount.namespace().is_some_and(|namespace| Arc::ptr_eq(&namespace, &task.context().namespace()));
    let owner = mount.superblock().owner();
    is_own && owner.is_none_or(|owner| task.with_credentials(|own| own.namespace.is_within(owner)))
}
/// The set-user-ID and set-group-ID bits and capabilities of a file, as far as its mount lets them count.
pub fn file_privileges(file: &File) -> FilePrivileges {
    let inode = file.inode();
    if !is_trusted(file) {
        return FilePrivileges::default();
    }
    let mode = inode.mode();
    let group_executes = mode & 0o10 != 0;
    FilePrivileges {
        set_user: (mode & SET_USER_ID != 0).then(|| inode.user()),
        set_group: (mode & SET_GROUP_ID != 0 && group_executes).then(|| inode.group()),
        capabilities: inode
            .operations()
            .extended_attribute(inode, crate::file::extended::CAPABILITIES)
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
pub fn may_gain_privileges(task: &Task) -> bool {
    // A root shared with somebody else's process could be changed under the program.
    !task.has_no_new_privileges() && !crate::ptrace::is_traced_by_unprivileged(task)
}
/// Whether these credentials may read the file.
pub fn is_readable(credentials: &Credentials, file: &File) -> bool {
    file.inode().operations().permission(file.inode(), credentials, Access::READ).is_ok()
}
/// Ends all other threads of the process, and takes over the process id; EAGAIN when the process is dying already.
pub fn end_other_threads(task: &Task) -> Result<()> {
    task.end_other_threads()
}
/// Ends the process by a signal that cannot be caught.
pub fn kill(task: &Task, signal: i32) {
    crate::signal::force_fatal(task, signal as u32);
}
/// Personality bits.
pub fn personality(task: &Task) -> u32 {
    task.personality()
}
/// The least size of a signal stack: the frame with all FPU state (AT_MINSIGSTKSZ).
pub fn minimum_signal_stack() -> u64 {
    const FRAME_AND_PADDING: u64 = 440 + 64 + 16 + 8;
    (FRAME_AND_PADDING + machine::thread::fpu_state_size() as u64 + 4).next_multiple_of(16)
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
    /// The ABI it is written for.
    pub abi: Abi,
    /// Where its calls by `sysenter` and `syscall` go on, if they have 32 bits.
    pub fast_call_landing: u32,
}
/// Makes the task the new program: memory, signal handlers, descriptors, name, credentials.
pub fn commit(task: &Task, commit: Commit<'_>) -> Result<()> {
    let process = task.group();
    // What needs memory comes first.
    task.reset_signals_for_exec()?;
    let files = task.files();
    if files.users() > 1 {
        task.set_files(files.copy()?);
    }
    drop(files);
    if task.memory().is_some_and(|memory| memory.with_layout(|layout| layout.no_huge_pages)) {
        commit.space.with_layout_mut(|layout| layout.no_huge_pages = true);
    }
    crate::process::exit::leave_memory(task);
    crate::ipc::futex::inheritance::leave(task, false);
    drop(task.replace_memory(Some(commit.space)));
    task.release_vfork_parent();
    task.forget_user_addresses();
    let thread = task.thread();
    thread.fpu_reset();
    // The selectors of data that Linux starts programs with.
    const DATA: u16 = 0x2b;
    let data = if commit.abi.has_narrow_pointers() { DATA } else { 0 };
    thread.reset_segments(Selectors { ds: data, es: data, ..Selectors::default() });
    thread.set_fast_call_landing(commit.fast_call_landing);
    thread.clear_breakpoints();
    task.set_personality(commit.personality);
    task.set_name(commit.name);
    let hides = task.with_credentials(|old| old.hides_from(&commit.credentials));
    task.set_credentials(commit.credentials);
    if commit.is_secure || hides {
        task.parent_death_signal.store(0, Ordering::Relaxed);
    }
    process.dumpable.store(u32::from(commit.is_dumpable), Ordering::Relaxed);
    process.set_exit_signal(SIGCHLD);
    process.set_executed();
    task.clear_flag(flag::FORKED);
    task.thread().clear_work(work::DISPATCH_TO_USER);
    task.files().close_for_exec();
    crate::perf::executed(task, !commit.is_dumpable);
    Ok(())
}
