//! open(2), openat(2), openat2(2), creat(2): from a path to an open file.
use super::attributes::*;
use super::inode::Inode;
use super::mount::mount_flag;
use super::notify;
use super::open_file::{File, FileOperations, open_flag as flag};
use super::path::Path;
use super::walk::{Last, Parent, Walker, lookup_locked, walk_flag};
use super::{dentry, dentry::Dentry, fast_walk};
use crate::error::*;
use crate::process::{Credentials, Task};
use crate::syscall::{Fd, UserPath, UserPtr, user::UserLayout};
use abi::Abi;
use alloc::{boxed::Box, sync::Arc};
use machine::user;

/// __O_TMPFILE alone, without O_DIRECTORY.
const TEMPORARY_BIT: u32 = flag::TEMPORARY & !flag::DIRECTORY;
/// __O_SYNC alone, without O_DSYNC.
const SYNC_BIT: u32 = flag::SYNC & !flag::DATA_SYNC;
const PATH_FLAGS: u32 = flag::DIRECTORY | flag::NO_FOLLOW | flag::PATH | flag::CLOSE_ON_EXEC;
const VALID: u32 = flag::ACCESS_MODE
    | flag::CREATE
    | flag::EXCLUSIVE
    | flag::NO_CONTROLLING_TERMINAL
    | flag::TRUNCATE
    | flag::APPEND
    | flag::NON_BLOCKING
    | flag::SYNC
    | flag::ASYNC
    | flag::DIRECT
    | flag::LARGE_FILE
    | flag::DIRECTORY
    | flag::NO_FOLLOW
    | flag::NO_ACCESS_TIME
    | flag::CLOSE_ON_EXEC
    | flag::PATH
    | TEMPORARY_BIT;

/// What to open and how, checked.
#[derive(Clone, Copy, Debug)]
pub struct OpenHow {
    /// O_* flags.
    flags: u32,
    /// Mode of a new file.
    mode: u32,
    /// Flags of [`walk_flag`].
    walk: u32,
}

impl OpenHow {
    /// As open(2) and openat(2) take it: unknown flags are ignored.
    pub fn classic(flags: u32, mode: u32) -> Result<OpenHow> {
        let mut flags = flags & VALID;
        if flags & flag::PATH != 0 {
            flags &= PATH_FLAGS;
        }
        let creates = flags & (flag::CREATE | TEMPORARY_BIT) != 0;
        Self::build(flags, if creates { mode & MODE_BITS } else { 0 }, 0)
    }
    /// As openat2(2) takes it: everything unknown is refused.
    fn strict(how: &UserOpenHow) -> Result<OpenHow> {
        const RESOLVE: [(u64, u32); 6] = [
            (1, walk_flag::NO_CROSSING),
            (2, walk_flag::NO_MAGIC_LINKS),
            (4, walk_flag::NO_LINKS | walk_flag::NO_MAGIC_LINKS),
            (8, walk_flag::BENEATH),
            (16, walk_flag::IN_ROOT),
            (32, walk_flag::CACHED),
        ];
        if how.flags & !u64::from(VALID) != 0 || how.resolve & !63 != 0 {
            return Err(EINVAL.because("unknown flag"));
        }
        if how.resolve & 24 == 24 {
            return Err(EINVAL.because("RESOLVE_BENEATH and RESOLVE_IN_ROOT exclude each other"));
        }
        let flags = how.flags as u32;
        let creates = flags & (flag::CREATE | TEMPORARY_BIT) != 0;
        if how.mode & !u64::from(MODE_BITS) != 0 || !creates && how.mode != 0 {
            return Err(EINVAL.because("mode without a file to create"));
        }
        let walk = RESOLVE.iter().filter(|(bit, _)| how.resolve & bit != 0).fold(0, |all, (_, walk)| all | walk);
        if walk & walk_flag::CACHED != 0 && flags & (flag::TRUNCATE | flag::CREATE | TEMPORARY_BIT) != 0 {
            return Err(EAGAIN);
        }
        Self::build(flags, how.mode as u32, walk)
    }
    fn build(mut flags: u32, mode: u32, mut walk: u32) -> Result<OpenHow> {
        if flags & SYNC_BIT != 0 {
            flags |= flag::DATA_SYNC;
        }
        if flags & TEMPORARY_BIT != 0 {
            if flags & (TEMPORARY_BIT | flag::DIRECTORY | flag::CREATE) != flag::TEMPORARY {
                return Err(EINVAL.because("O_TMPFILE with O_CREAT"));
            }
            if !access_of(flags).has(Access::WRITE) {
                return Err(EINVAL.because("O_TMPFILE without writing"));
            }
        }
        if flags & flag::PATH != 0 && flags & !PATH_FLAGS != 0 {
            return Err(EINVAL.because("O_PATH with other flags"));
        }
        if flags & (flag::CREATE | flag::EXCLUSIVE) == flag::CREATE | flag::EXCLUSIVE {
            flags |= flag::NO_FOLLOW;
        }
        if flags & flag::DIRECTORY != 0 {
            walk |= walk_flag::DIRECTORY;
        }
        if flags & flag::NO_FOLLOW == 0 {
            walk |= walk_flag::FOLLOW;
        }
        Ok(OpenHow { flags, mode, walk })
    }
}

/// The access that open flags ask for.
fn access_of(flags: u32) -> Access {
    let access = match flags & flag::ACCESS_MODE {
        flag::READ_ONLY => Access::READ,
        flag::WRITE_ONLY => Access::WRITE,
        _ => Access::READ.and(Access::WRITE),
    };
    if flags & flag::TRUNCATE != 0 { access.and(Access::WRITE) } else { access }
}

/// Opens what a path names.
pub fn open_at(task: &Task, directory: Fd, path: &[u8], how: &OpenHow) -> Result<Arc<File>> {
    if how.flags & (flag::CREATE | TEMPORARY_BIT) == 0 {
        let simple = walk_flag::FOLLOW | walk_flag::DIRECTORY;
        if how.walk & !simple == 0
            && let Some(found) = fast_walk::resolve(task, directory, path, how.walk)
        {
            return finish(task.credentials(), &found?, how, false);
        }
    }
    let credentials = task.credentials();
    let mut walker = Walker::start(task, &credentials, directory, path, how.walk)?;
    if how.flags & TEMPORARY_BIT != 0 {
        let directory = walker.to_end()?;
        let path = create_temporary(&credentials, &directory, how, task.context().umask())?;
        return finish(credentials, &path, how, true);
    }
    if how.flags & flag::PATH != 0 {
        let path = walker.to_end()?;
        return File::new(path, Box::new(super::regular::PathFile), how.flags, credentials);
    }
    let (path, created) = walk_to_file(task, &mut walker, how)?;
    drop(walker);
    finish(credentials, &path, how, created)
}

/// Opens a path from the root with the kernel's own credentials (the first program, the console).
pub fn open_in_kernel(path: &[u8], flags: u32) -> Result<Arc<File>> {
    let how = OpenHow::classic(flags, 0)?;
    let place = super::walk::resolve_in_kernel(path, how.walk)?;
    finish(machine::memory::try_arc(Credentials::kernel())?, &place, &how, false)
}

/// Opens what is at a place with the caller's credentials.
pub fn open_place(task: &Task, place: &Path, flags: u32) -> Result<Arc<File>> {
    finish(task.credentials(), place, &OpenHow::classic(flags, 0)?, false)
}

fn walk_to_file(task: &Task, walker: &mut Walker, how: &OpenHow) -> Result<(Path, bool)> {
    let creates = how.flags & flag::CREATE != 0;
    loop {
        let parent = walker.to_parent()?;
        let (reached, created) = match parent.last {
            Last::Root | Last::Dot => (walker.at().clone(), false),
            Last::DotDot => {
                walker.go_up()?;
                (walker.at().clone(), false)
            }
            Last::Name if creates && parent.trailing_slash => {
                return Err(EISDIR.because("a name with a trailing slash"));
            }
            Last::Name => {
                let child = walker.child(&parent.name)?;
                match child.dentry.inode() {
                    None if creates => match create_file(task, walker.credentials(), &parent, how)? {
                        Some(created) => (created, true),
                        None => (walker.child(&parent.name)?, false),
                    },
                    _ => (child, false),
                }
            }
        };
        let kind = reached.inode()?.kind();
        if kind == FileType::SymbolicLink
            && parent.last == Last::Name
            && (how.walk & walk_flag::FOLLOW != 0 || parent.trailing_slash)
        {
            walker.follow_last(&reached, parent.trailing_slash)?;
            continue;
        }
        if parent.trailing_slash && kind != FileType::Directory {
            return Err(ENOTDIR);
        }
        walker.check_scope(&reached)?;
        return Ok((reached, created));
    }
}

/// Makes a regular file, unless somebody else was faster (`None`).
fn create_file(task: &Task, credentials: &Credentials, parent: &Parent, how: &OpenHow) -> Result<Option<Path>> {
    let directory = parent.directory.inode()?;
    let _guard = directory.lock.write();
    if directory.is_dead() {
        return Err(ENOENT);
    }
    if lookup_locked(directory, &parent.directory.dentry, &parent.name)?.inode().is_some() {
        return Ok(None);
    }
    parent.directory.check_writable()?;
    directory.operations().permission(directory, credentials, Access::WRITE.and(Access::EXECUTE))?;
    let mode = FileType::Regular as u32 | how.mode & !task.context().umask();
    let new = super::entry::new_inode(credentials, directory, mode, DeviceNumber::default());
    let inode = match directory.operations().create(directory, &parent.name, &new) {
        Err(EPERM) => return Err(EACCES.because("files cannot be made here")),
        result => result?,
    };
    let dentry = dentry::publish(&parent.directory.dentry, &parent.name, Some(inode.clone()))?;
    notify::created(directory, &parent.name, &inode);
    Ok(Some(Path { mount: parent.directory.mount.clone(), dentry }))
}

fn create_temporary(credentials: &Credentials, directory: &Path, how: &OpenHow, umask: u32) -> Result<Path> {
    directory.check_writable()?;
    let inode = directory.inode()?;
    inode.operations().permission(inode, credentials, Access::WRITE.and(Access::EXECUTE))?;
    let mode = FileType::Regular as u32 | how.mode & !umask;
    let new = super::entry::new_inode(credentials, inode, mode, DeviceNumber::default());
    let file = inode.operations().create_unnamed(inode, &new)?;
    if how.flags & flag::EXCLUSIVE == 0 {
        file.set_linkable();
    }
    let mut name = super::text::Line::<32>::new();
    let _ = core::fmt::Write::write_fmt(&mut name, format_args!("#{}", file.number()));
    let dentry = Dentry::unnamed(&directory.dentry, file, name.as_bytes())?;
    Ok(Path { mount: directory.mount.clone(), dentry })
}

/// Checks permissions and makes the open file (do_open).
fn finish(credentials: Arc<Credentials>, path: &Path, how: &OpenHow, created: bool) -> Result<Arc<File>> {
    let inode = path.inode()?;
    let kind = inode.kind();
    let mut flags = how.flags;
    if flags & flag::PATH != 0 {
        return File::new(path.clone(), Box::new(super::regular::PathFile), flags, credentials);
    }
    if flags & flag::CREATE != 0 && !created {
        if flags & flag::EXCLUSIVE != 0 {
            return Err(EEXIST);
        }
        if kind == FileType::Directory {
            return Err(EISDIR);
        }
    }
    if flags & flag::DIRECTORY != 0 && flags & TEMPORARY_BIT == 0 && kind != FileType::Directory {
        return Err(ENOTDIR);
    }
    let mut access = access_of(flags);
    if created {
        flags &= !flag::TRUNCATE;
        access = Access::NONE;
    }
    let truncates = flags & flag::TRUNCATE != 0 && kind == FileType::Regular;
    if truncates {
        path.check_writable()?;
    }
    match kind {
        FileType::SymbolicLink => return Err(ELOOP.because("the last component is a link")),
        FileType::Directory if access.has(Access::WRITE) => return Err(EISDIR),
        kind if kind.is_device() && path.mount.flags() & mount_flag::NO_DEVICES != 0 => {
            return Err(EACCES.because("the mount is nodev"));
        }
        _ => {}
    }
    if access != Access::NONE {
        if access.has(Access::WRITE) && kind == FileType::Regular && inode.superblock().is_read_only() {
            return Err(EROFS);
        }
        inode.operations().permission(inode, &credentials, access)?;
    }
    let opens_to_write = flags & flag::ACCESS_MODE != flag::READ_ONLY;
    if inode.is_append_only() && (opens_to_write && flags & flag::APPEND == 0 || flags & flag::TRUNCATE != 0) {
        return Err(EPERM.because("the file only grows"));
    }
    if flags & flag::NO_ACCESS_TIME != 0 && !inode.owner_or_capable(&credentials) {
        return Err(EPERM.because("O_NOATIME on a file of somebody else"));
    }
    open_inode(credentials, path, inode, flags, truncates)
}

/// Opens an inode; permissions have been checked (do_dentry_open).
pub(crate) fn open_inode(
    credentials: Arc<Credentials>,
    path: &Path,
    inode: &Arc<Inode>,
    flags: u32,
    truncates: bool,
) -> Result<Arc<File>> {
    let writes = flags & flag::ACCESS_MODE == flag::WRITE_ONLY || flags & flag::ACCESS_MODE == flag::READ_WRITE;
    let counts = writes && inode.kind() == FileType::Regular;
    if counts {
        inode.get_write_access()?;
    }
    let operations = open_operations(inode, flags).inspect_err(|_| {
        if counts {
            inode.put_write_access();
        }
    })?;
    // From here on the file gives it back when it ends, even where there is no memory for it.
    let opened = File::new(path.clone(), operations, flags, credentials)?;
    if counts {
        path.check_writable().inspect_err(|_| opened.note_stillborn())?;
    }
    super::lease::break_for(inode, flags).inspect_err(|_| opened.note_stillborn())?;
    if flags & flag::DIRECT != 0 {
        opened.operations().check_flags(&opened, flags)?;
    }
    if truncates {
        inode.get_write_access()?;
        let result = super::resize::truncate_inode(inode, 0, true);
        inode.put_write_access();
        result?;
        notify::changed_path(path, notify::event::MODIFY);
    }
    Ok(opened)
}

fn open_operations(inode: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>> {
    match inode.kind() {
        FileType::CharacterDevice => crate::device::registry::open_character(inode, flags),
        FileType::BlockDevice => Err(ENXIO.because("no such block device")),
        FileType::Socket => Err(ENXIO.because("sockets are not opened by name")),
        FileType::Fifo => crate::ipc::pipe::open_fifo(inode, flags),
        _ => inode.operations().open(inode, flags),
    }
}

/// struct open_how.
#[derive(Clone, Copy, Debug)]
struct UserOpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}
impl UserLayout for UserOpenHow {
    fn size(_: Abi) -> usize {
        24
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let word = |index: usize| bytes.get(index * 8..index * 8 + 8).map_or(0, |bytes| u64::decode(abi, bytes));
        UserOpenHow { flags: word(0), mode: word(1), resolve: word(2) }
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        for (chunk, word) in bytes.chunks_exact_mut(8).zip([self.flags, self.mode, self.resolve]) {
            word.encode(abi, chunk);
        }
    }
}

fn open_descriptor(task: &Task, directory: Fd, path: UserPath, how: &OpenHow) -> Result<Fd> {
    let path = path.read_buffered()?;
    let files = task.files();
    if path.is_empty() {
        return Err(ENOENT);
    }
    let reserved = files.reserve(0, how.flags & flag::CLOSE_ON_EXEC != 0)?;
    let file = open_at(task, directory, &path, how)?;
    notify::opened(&file);
    Ok(reserved.install(file))
}

/// open(2).
pub fn open(task: &Task, path: UserPath, flags: u32, mode: u32) -> Result<Fd> {
    openat(task, Fd::WORKING_DIRECTORY, path, flags, mode)
}

/// openat(2).
pub fn openat(task: &Task, directory: Fd, path: UserPath, flags: u32, mode: u32) -> Result<Fd> {
    let how = OpenHow::classic(flags | flag::LARGE_FILE, mode)?;
    open_descriptor(task, directory, path, &how)
}

/// open(2) of i386, where O_LARGEFILE is the caller's to say.
pub fn open_narrow(task: &Task, path: UserPath, flags: u32, mode: u32) -> Result<Fd> {
    openat_narrow(task, Fd::WORKING_DIRECTORY, path, flags, mode)
}

/// openat(2) of i386, where O_LARGEFILE is the caller's to say.
pub fn openat_narrow(task: &Task, directory: Fd, path: UserPath, flags: u32, mode: u32) -> Result<Fd> {
    open_descriptor(task, directory, path, &OpenHow::classic(flags, mode)?)
}

/// creat(2).
pub fn creat(task: &Task, path: UserPath, mode: u32) -> Result<Fd> {
    openat(task, Fd::WORKING_DIRECTORY, path, flag::CREATE | flag::WRITE_ONLY | flag::TRUNCATE, mode)
}

/// openat2(2): the structure may be longer than ours if the rest is zero (E2BIG).
pub fn openat2(task: &Task, directory: Fd, path: UserPath, how: u64, size: usize) -> Result<Fd> {
    const KNOWN: usize = 24;
    if size < KNOWN {
        return Err(EINVAL.because("structure too short"));
    }
    if size > 4096 {
        return Err(E2BIG);
    }
    let mut at = KNOWN;
    while at < size {
        let mut bytes = [0; 64];
        let part = bytes.get_mut(..(size - at).min(64)).ok_or(EINVAL)?;
        if user::copy_from_user(part, how.wrapping_add(at as u64)) != 0 {
            return Err(EFAULT);
        }
        if part.iter().any(|byte| *byte != 0) {
            return Err(E2BIG);
        }
        at += part.len();
    }
    let mut how = UserPtr::<UserOpenHow>::new(how).read(task)?;
    if how.flags & u64::from(flag::PATH) == 0 {
        how.flags |= u64::from(flag::LARGE_FILE);
    }
    let how = OpenHow::strict(&how)?;
    open_descriptor(task, directory, path, &how)
}

/// close(2): the descriptor is gone whatever the answer.
pub fn close(task: &Task, fd: Fd) -> Result<()> {
    task.files().close(fd).map_err(|error| if error.is_restart() { EINTR } else { error })
}
