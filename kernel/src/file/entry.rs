//! Making, removing and renaming directory entries.
use super::attributes::*;
use super::dentry::{self, Dentry};
use super::inode::{Inode, RenameRequest};
use super::notify;
use super::path::Path;
use super::walk::{Last, Parent, Walker, lookup_locked};
use crate::error::*;
use crate::process::{Capability, Credentials, Task};
use crate::syscall::Fd;
use alloc::sync::Arc;

/// Owner, group and mode of an inode that the credentials make in a directory (inode_init_owner).
pub fn new_inode(credentials: &Credentials, directory: &Inode, mode: u32, device: DeviceNumber) -> NewInode {
    let mut mode = mode;
    let group = if directory.mode() & SET_GROUP_ID != 0 {
        let group = directory.group();
        if FileType::of_mode(mode) == FileType::Directory {
            mode |= SET_GROUP_ID;
        } else if mode & (SET_GROUP_ID | 0o010) == SET_GROUP_ID | 0o010
            && !credentials.in_group(group)
            && !directory.is_governed_by(credentials, Capability::Fsetid)
        {
            mode &= !SET_GROUP_ID;
        }
        group
    } else {
        credentials.file_system_group
    };
    NewInode { mode, user: credentials.file_system_user, group, device }
}

/// Whether an entry may be made in a directory (may_create): ENOENT in removed ones, EACCES.
fn may_create(credentials: &Credentials, directory: &Arc<Inode>) -> Result<()> {
    if directory.is_dead() {
        return Err(ENOENT);
    }
    directory.operations().permission(directory, credentials, Access::WRITE.and(Access::EXECUTE))
}

/// Whether an entry may be removed (may_delete): EACCES, EPERM in sticky directories, ENOTDIR or EISDIR for the wrong type.
fn may_delete(credentials: &Credentials, directory: &Arc<Inode>, victim: &Dentry, is_directory: bool) -> Result<()> {
    let inode = victim.inode().ok_or(ENOENT)?;
    directory.operations().permission(directory, credentials, Access::WRITE.and(Access::EXECUTE))?;
    directory.check_not_append_only()?;
    inode.check_changeable()?;
    let own = credentials.file_system_user;
    if directory.mode() & STICKY != 0
        && inode.user() != own
        && directory.user() != own
        && !inode.is_governed_by(credentials, Capability::Fowner)
    {
        return Err(EPERM.because("sticky directory"));
    }
    match (is_directory, inode.is_directory()) {
        (true, false) => return Err(ENOTDIR),
        (false, true) => return Err(EISDIR),
        _ => {}
    }
    if directory.is_dead() { Err(ENOENT) } else { Ok(()) }
}

/// Makes an entry by `make`, which gets the locked directory and the name and gives the inode.
pub fn create(
    task: &Task,
    directory: Fd,
    path: &[u8],
    is_directory: bool,
    make: impl FnOnce(&Credentials, &Arc<Inode>, &Parent) -> Result<Arc<Inode>>,
) -> Result<()> {
    create_checked(task, directory, path, is_directory, |_, _| Ok(()), make)
}

/// As [`create`], with a check of the caller's between that of the mount and that of the directory's permissions.
fn create_checked(
    task: &Task,
    directory: Fd,
    path: &[u8],
    is_directory: bool,
    check: impl FnOnce(&Credentials, &Parent) -> Result<()>,
    make: impl FnOnce(&Credentials, &Arc<Inode>, &Parent) -> Result<Arc<Inode>>,
) -> Result<()> {
    let credentials = task.credentials();
    let parent = Walker::start(task, &credentials, directory, path, 0)?.to_parent()?;
    if parent.last != Last::Name {
        return Err(EEXIST);
    }
    let directory = parent.directory.inode()?;
    let _guard = directory.lock.write();
    let found = if directory.is_dead() {
        None
    } else {
        lookup_locked(directory, &parent.directory.dentry, &parent.name)?.inode().cloned()
    };
    if found.is_some() {
        return Err(EEXIST);
    }
    if parent.trailing_slash && !is_directory {
        return Err(ENOENT.because("a name with a trailing slash"));
    }
    parent.directory.check_writable()?;
    check(&credentials, &parent)?;
    may_create(&credentials, directory)?;
    let inode = make(&credentials, directory, &parent)?;
    dentry::publish(&parent.directory.dentry, &parent.name, Some(inode.clone()))?;
    notify::created(directory, &parent.name, &inode);
    Ok(())
}

/// mkdir(2).
pub fn make_directory(task: &Task, directory: Fd, path: &[u8], mode: u32) -> Result<()> {
    let mode = FileType::Directory as u32 | mode & (0o777 | STICKY) & !task.context().umask();
    create(task, directory, path, true, |credentials, directory, parent| {
        let new = new_inode(credentials, directory, mode, DeviceNumber::default());
        directory.operations().create(directory, &parent.name, &new)
    })
}

/// mknod(2).
pub fn make_node(task: &Task, directory: Fd, path: &[u8], mode: u32, device: DeviceNumber) -> Result<()> {
    let kind = FileType::of_mode(mode);
    let mode = kind as u32 | mode & MODE_BITS & !task.context().umask();
    let device = if kind.is_device() { device } else { DeviceNumber::default() };
    create(task, directory, path, false, |credentials, directory, parent| {
        let is_whiteout = kind == FileType::CharacterDevice && device == DeviceNumber::default();
        if kind.is_device() && !is_whiteout && !credentials.capable(Capability::Mknod) {
            return Err(EPERM.because("device nodes need CAP_MKNOD"));
        }
        let new = new_inode(credentials, directory, mode, device);
        match directory.operations().create(directory, &parent.name, &new) {
            Err(EPERM) if kind == FileType::Regular => Err(EACCES),
            result => result,
        }
    })
}

/// symlink(2).
pub fn make_link(task: &Task, target: &[u8], directory: Fd, path: &[u8]) -> Result<()> {
    create(task, directory, path, false, |credentials, directory, parent| {
        let mode = FileType::SymbolicLink as u32 | 0o777;
        let new = new_inode(credentials, directory, mode, DeviceNumber::default());
        directory.operations().create_link(directory, &parent.name, target, &new)
    })
}

/// Whether somebody may link to a file that is not theirs: only to plain files they can read and write
/// (fs.protected_hardlinks). EPERM.
fn may_link(credentials: &Credentials, inode: &Arc<Inode>) -> Result<()> {
    if inode.owner_or_capable(credentials) {
        return Ok(());
    }
    let mode = inode.mode();
    let plain = inode.kind() == FileType::Regular
        && mode & SET_USER_ID == 0
        && mode & (SET_GROUP_ID | 0o010) != SET_GROUP_ID | 0o010;
    let usable = inode.operations().permission(inode, credentials, Access::READ.and(Access::WRITE)).is_ok();
    if plain && usable { Ok(()) } else { Err(EPERM.because("a link to a file of somebody else")) }
}

/// link(2): gives `old` another name.
pub fn add_name(task: &Task, old: &Path, directory: Fd, path: &[u8]) -> Result<()> {
    let inode = old.inode()?;
    let check = |credentials: &Credentials, parent: &Parent| {
        if !Arc::ptr_eq(&old.mount, &parent.directory.mount) {
            return Err(EXDEV);
        }
        may_link(credentials, inode)
    };
    create_checked(task, directory, path, false, check, |_, directory, parent| {
        inode.check_changeable()?;
        if inode.is_directory() {
            return Err(EPERM.because("hard link to a directory"));
        }
        if inode.links() == 0 && !inode.is_linkable() {
            return Err(ENOENT);
        }
        directory.operations().link(directory, &parent.name, inode)?;
        notify::changed_links(inode);
        Ok(inode.clone())
    })
}

/// unlink(2).
pub fn remove_file(task: &Task, directory: Fd, path: &[u8]) -> Result<()> {
    let credentials = task.credentials();
    let parent = Walker::start(task, &credentials, directory, path, 0)?.to_parent()?;
    if parent.last != Last::Name {
        return Err(EISDIR);
    }
    parent.directory.check_writable()?;
    let directory = parent.directory.inode()?;
    let guard = directory.lock.write();
    let victim = lookup_locked(directory, &parent.directory.dentry, &parent.name)?;
    let inode = victim.inode().ok_or(ENOENT)?;
    if parent.trailing_slash {
        return Err(if inode.is_directory() { EISDIR } else { ENOTDIR });
    }
    may_delete(&credentials, directory, &victim, false)?;
    check_not_mounted(task, &victim)?;
    directory.operations().unlink(directory, &parent.name, inode)?;
    dentry::remove(&victim, true);
    notify::changed_links(inode);
    notify::deleted(directory, &parent.name, inode);
    drop(guard);
    Ok(())
}

/// rmdir(2).
pub fn remove_directory(task: &Task, directory: Fd, path: &[u8]) -> Result<()> {
    let credentials = task.credentials();
    let parent = Walker::start(task, &credentials, directory, path, 0)?.to_parent()?;
    match parent.last {
        Last::DotDot => return Err(ENOTEMPTY),
        Last::Dot => return Err(EINVAL),
        Last::Root => return Err(EBUSY),
        Last::Name => {}
    }
    parent.directory.check_writable()?;
    let directory = parent.directory.inode()?;
    let guard = directory.lock.write();
    let victim = lookup_locked(directory, &parent.directory.dentry, &parent.name)?;
    let inode = victim.inode().ok_or(ENOENT)?;
    may_delete(&credentials, directory, &victim, true)?;
    check_not_mounted(task, &victim)?;
    let inner = inode.lock.write();
    directory.operations().remove_directory(directory, &parent.name, inode)?;
    inode.set_dead();
    drop(inner);
    dentry::remove(&victim, true);
    notify::deleted(directory, &parent.name, inode);
    drop(guard);
    Ok(())
}

/// EBUSY if something is mounted on a dentry in the task's namespace.
fn check_not_mounted(task: &Task, dentry: &Arc<Dentry>) -> Result<()> {
    if dentry.is_mount_point() && task.context().namespace().is_mounted(dentry)? { Err(EBUSY) } else { Ok(()) }
}

/// RENAME_NOREPLACE.
pub const NO_REPLACE: u32 = 1;
/// RENAME_EXCHANGE.
pub const EXCHANGE: u32 = 2;
/// RENAME_WHITEOUT.
pub const WHITEOUT: u32 = 4;

/// rename(2) with the flags of renameat2(2), which are known and fit together.
pub fn rename(task: &Task, from: (Fd, &[u8]), to: (Fd, &[u8]), flags: u32) -> Result<()> {
    let credentials = task.credentials();
    let old = Walker::start(task, &credentials, from.0, from.1, 0)?.to_parent()?;
    let new = Walker::start(task, &credentials, to.0, to.1, 0)?.to_parent()?;
    if !Arc::ptr_eq(&old.directory.mount, &new.directory.mount) {
        return Err(EXDEV);
    }
    if old.last != Last::Name {
        return Err(EBUSY);
    }
    if new.last != Last::Name {
        return Err(if flags & NO_REPLACE != 0 { EEXIST } else { EBUSY });
    }
    old.directory.check_writable()?;
    let (old_directory, new_directory) = (old.directory.inode()?, new.directory.inode()?);
    if Arc::ptr_eq(old_directory, new_directory) {
        let _guard = old_directory.lock.write();
        return rename_locked(task, &credentials, &old, &new, None, flags);
    }
    let _between = old_directory.superblock().rename.lock();
    let (old_dentry, new_dentry) = (&old.directory.dentry, &new.directory.dentry);
    // The one that lies above the other is locked first; unrelated ones by address.
    let below_new = child_towards(new_dentry, old_dentry);
    let below_old = child_towards(old_dentry, new_dentry);
    let new_first = below_new.is_some()
        || below_old.is_none() && Arc::as_ptr(new_directory).addr() < Arc::as_ptr(old_directory).addr();
    let (first, second) = if new_first { (new_directory, old_directory) } else { (old_directory, new_directory) };
    let _first = first.lock.write();
    let _second = second.lock.write();
    rename_locked(task, &credentials, &old, &new, below_new.or(below_old).as_ref(), flags)
}

/// The child of `above` on the way to `below`, if there is one.
fn child_towards(above: &Arc<Dentry>, below: &Arc<Dentry>) -> Option<Arc<Dentry>> {
    let mut at = below.clone();
    loop {
        let parent = at.parent()?;
        if Arc::ptr_eq(&parent, above) {
            return Some(at);
        }
        at = parent;
    }
}

/// Renames with both directories locked. `trap` is the ancestor that must not be moved or replaced.
fn rename_locked(
    task: &Task,
    credentials: &Credentials,
    old: &Parent,
    new: &Parent,
    trap: Option<&Arc<Dentry>>,
    flags: u32,
) -> Result<()> {
    let (from, to) = (old.directory.inode()?, new.directory.inode()?);
    let exchange = flags & EXCHANGE != 0;
    let source = lookup_locked(from, &old.directory.dentry, &old.name)?;
    let inode = source.inode().ok_or(ENOENT)?;
    let target = lookup_locked(to, &new.directory.dentry, &new.name)?;
    let replaced = target.inode();
    if flags & NO_REPLACE != 0 && replaced.is_some() {
        return Err(EEXIST);
    }
    if exchange && !replaced.ok_or(ENOENT)?.is_directory() && new.trailing_slash {
        return Err(ENOTDIR);
    }
    if !inode.is_directory() && (old.trailing_slash || !exchange && new.trailing_slash) {
        return Err(ENOTDIR);
    }
    if trap.is_some_and(|trap| Arc::ptr_eq(trap, &source)) {
        return Err(EINVAL.because("a directory into itself"));
    }
    if trap.is_some_and(|trap| Arc::ptr_eq(trap, &target)) {
        return Err(if exchange { EINVAL } else { ENOTEMPTY });
    }
    if replaced.is_some_and(|replaced| Arc::ptr_eq(replaced, inode)) {
        return Ok(());
    }
    may_delete(credentials, from, &source, inode.is_directory())?;
    match replaced {
        None => may_create(credentials, to)?,
        Some(other) => {
            let wanted = if exchange { other.is_directory() } else { inode.is_directory() };
            may_delete(credentials, to, &target, wanted)?;
        }
    }
    if !Arc::ptr_eq(from, to) {
        if inode.is_directory() {
            inode.operations().permission(inode, credentials, Access::WRITE)?;
        }
        if exchange && let Some(other) = replaced.filter(|other| other.is_directory()) {
            other.operations().permission(other, credentials, Access::WRITE)?;
        }
    }
    if flags & WHITEOUT != 0 && !credentials.capable(Capability::Mknod) {
        return Err(EPERM);
    }
    check_not_mounted(task, &source)?;
    check_not_mounted(task, &target)?;
    let request = RenameRequest {
        from,
        from_name: &old.name,
        inode,
        to,
        to_name: &new.name,
        replaced,
        exchange,
        whiteout: flags & WHITEOUT != 0,
    };
    // Nobody puts anything into a directory that is about to be gone.
    let goes = replaced.filter(|other| other.is_directory() && !exchange);
    let inner = goes.map(|other| other.lock.write());
    from.operations().rename(&request)?;
    if let Some(other) = goes {
        other.set_dead();
    }
    drop(inner);
    dentry::rename(&source, &new.directory.dentry, &new.name, replaced.map(|_| &target), exchange)?;
    let (old_place, new_place) = ((from, &*old.name), (to, &*new.name));
    notify::moved(old_place, new_place, inode, replaced.filter(|_| !exchange));
    match replaced {
        Some(other) if exchange => notify::moved(new_place, old_place, other, None),
        Some(other) => notify::gone_if_unused(other),
        None => {}
    }
    Ok(())
}
