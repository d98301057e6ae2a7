//! mount(2), umount2(2), pivot_root(2).
use super::mount::{self, Mount, MountNamespace};
use super::nsfs;
use super::path::Path;
use super::propagation::{self, Extent, Propagation, Relation};
use super::remount::{self, SplitOptions};
use super::superblock::{MountRequest, find_file_system, superblock_flag};
use super::walk::{self, walk_flag};
use crate::error::*;
use crate::process::namespace::{Namespace, UserNamespace};
use crate::process::{Capability, Task};
use crate::syscall::{Fd, UserAddress, UserPath};
use alloc::{sync::Arc, vec::Vec};

const HERE: Fd = Fd::WORKING_DIRECTORY;

const MS_REMOUNT: u32 = 32;
const MS_BIND: u32 = 4096;
const MS_MOVE: u32 = 8192;
const MS_REC: u32 = 16384;
const MS_SILENT: u32 = 32768;
const MS_UNBINDABLE: u32 = 1 << 17;
const MS_PRIVATE: u32 = 1 << 18;
const MS_SLAVE: u32 = 1 << 19;
const MS_SHARED: u32 = 1 << 20;
/// MS_NOUSER, which as Linux has it is a negative number: all bits above it, too.
const MS_NOUSER: u64 = !0 << 31;
const MS_MGC_VAL: u32 = 0xc0ed_0000;
const MS_MGC_MSK: u32 = 0xffff_0000;
const PROPAGATION: u32 = MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED;

/// The options page: up to 4096 bytes, cut at the first NUL; what is not readable ends it.
fn read_options(address: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if address == 0 {
        return Ok(bytes);
    }
    bytes.try_reserve_exact(4096)?;
    bytes.resize(4096, 0);
    let failed = machine::user::copy_from_user(&mut bytes, address);
    if failed == bytes.len() {
        return Err(EFAULT);
    }
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(4095).min(4096 - failed);
    bytes.truncate(end);
    Ok(bytes)
}

/// A string argument of mount(2) that may be null.
fn read_string(pointer: UserPath) -> Result<Option<Vec<u8>>> {
    if pointer.0 == 0 { Ok(None) } else { pointer.read_string(4096, EINVAL).map(Some) }
}

/// mount(2).
pub fn mount(
    task: &Task,
    source: UserPath,
    target: UserPath,
    kind: UserPath,
    flags: u64,
    data: UserAddress,
) -> Result<()> {
    let kind = read_string(kind)?;
    let source = read_string(source)?;
    let data = read_options(data.0)?;
    let path = walk::resolve(task, HERE, &target.read()?, walk_flag::FOLLOW)?;
    let flags = match flags as u32 & MS_MGC_MSK {
        MS_MGC_VAL => flags & u64::from(!MS_MGC_MSK),
        _ => flags,
    };
    if flags & MS_NOUSER != 0 {
        return Err(EINVAL);
    }
    let flags = flags as u32;
    if !may_mount(task) {
        return Err(EPERM);
    }
    let namespace = task.context().namespace();
    let mount_flags = remount::mount_flags(flags, Some(&path.mount).filter(|_| flags & MS_REMOUNT != 0));
    let _trees = mount::TREES.lock();
    match () {
        () if flags & (MS_REMOUNT | MS_BIND) == MS_REMOUNT | MS_BIND => {
            check_member(&namespace, &path)?;
            check_root(&path)?;
            remount::change_mount(&path.mount, mount_flags)?;
            namespace.note_change();
            Ok(())
        }
        () if flags & MS_REMOUNT != 0 => {
            check_member(&namespace, &path)?;
            check_root(&path)?;
            remount::change_file_system(task, &path.mount, flags, mount_flags, &data)?;
            namespace.note_change();
            Ok(())
        }
        () if flags & MS_BIND != 0 => bind(task, &namespace, source, &path, flags & MS_REC != 0),
        () if flags & PROPAGATION != 0 => change_propagation(&namespace, &path, flags),
        () if flags & MS_MOVE != 0 => move_mount(task, &namespace, source, &path),
        () => {
            let kind = kind.ok_or(EINVAL)?;
            let source = source.unwrap_or_else(|| b"none".to_vec());
            let file_system = find_file_system(&kind)?;
            let owner = file_system.owner(task).or(UserNamespace::initial().ok()).ok_or(ENOMEM)?;
            let request = MountRequest { task, source: &source, flags: flags & superblock_flag::ALL, data: &data };
            let options = SplitOptions::of(&request, file_system.takes_flags_as_options())?;
            file_system.check_options(&options.rest)?;
            if !task.capable_in(&owner, Capability::SysAdmin) {
                return Err(EPERM);
            }
            let request = MountRequest { flags: options.flags, data: &options.rest, ..request };
            if file_system.is_internal() {
                return top_of(&path).and(Err(EINVAL));
            }
            let superblock = file_system.mount(&request)?;
            if !file_system.is_everybodys() {
                superblock.set_owner(owner);
            }
            if file_system.reveals_system() && namespace.identity().owner.level() != 0 {
                check_visible(&namespace, superblock.type_name())?;
            }
            let root = file_system.root(task, &superblock)?;
            let mounted = Mount::new(root, &source, mount_flags)?;
            let place = top_of(&path)?;
            check_member(&namespace, &place)?;
            let is_same = Arc::ptr_eq(place.mount.superblock(), mounted.superblock());
            if is_same && Arc::ptr_eq(place.mount.root(), &place.dentry) {
                return Err(EBUSY.because("the same file system is mounted there"));
            }
            check_kinds(&mounted, &place)?;
            namespace.attach_and_spread(&mounted, &place)
        }
    }
}

/// EPERM unless a file system of the type is mounted whole in the namespace with nothing that is locked above it, but for mounts on
/// directories that are empty anyway.
fn check_visible(namespace: &Arc<MountNamespace>, type_name: &str) -> Result<()> {
    let covers = |child: &Arc<Mount>| {
        let place = child.place_counted();
        let is_empty =
            |place: &Path| place.dentry.inode().is_some_and(|inode| inode.is_directory() && inode.links() <= 2);
        child.is_locked() && !place.is_some_and(|place| is_empty(&place))
    };
    let is_whole = |mount: &Arc<Mount>| {
        mount.superblock().type_name() == type_name
            && mount.root().parent().is_none()
            && !mount.children().iter().any(covers)
    };
    if namespace.mounts()?.iter().any(is_whole) { Ok(()) } else { Err(EPERM) }
}

/// Whether the caller may change its mount namespace.
fn may_mount(task: &Task) -> bool {
    task.capable_in(&task.context().namespace().identity().owner, Capability::SysAdmin)
}

/// EINVAL unless the place belongs to the namespace.
fn check_member(namespace: &Arc<MountNamespace>, path: &Path) -> Result<()> {
    let member = path.mount.namespace().is_some_and(|other| Arc::ptr_eq(&other, namespace));
    if member { Ok(()) } else { Err(EINVAL.because("not in this mount namespace")) }
}
/// EINVAL unless the place is a mount's root.
fn check_root(path: &Path) -> Result<()> {
    let is_root = Arc::ptr_eq(path.mount.root(), &path.dentry);
    if is_root { Ok(()) } else { Err(EINVAL.because("not a mount point")) }
}

/// Where a mount goes that is put on a place: on top of whatever is mounted there. ENOENT for what was removed.
fn top_of(path: &Path) -> Result<Path> {
    let mut place = path.clone();
    while let Some(top) = mount::top_mount(&place) {
        place = top;
    }
    if place.dentry.is_deleted() || place.inode()?.is_dead() { Err(ENOENT) } else { Ok(place) }
}
/// ENOTDIR unless a directory goes on a directory and a file on a file; ENOENT for a directory or file that was removed.
fn check_kinds(mounted: &Arc<Mount>, place: &Path) -> Result<()> {
    let root = mounted.root().inode().ok_or(ENOENT)?;
    if place.inode()?.is_directory() != root.is_directory() {
        return Err(ENOTDIR);
    }
    if mounted.root().is_deleted() || root.is_dead() { Err(ENOENT) } else { Ok(()) }
}

fn bind(
    task: &Task,
    namespace: &Arc<MountNamespace>,
    source: Option<Vec<u8>>,
    path: &Path,
    recursive: bool,
) -> Result<()> {
    let source = source.filter(|source| !source.is_empty()).ok_or(EINVAL)?;
    let old = walk::resolve(task, HERE, &source, walk_flag::FOLLOW)?;
    let place = top_of(path)?;
    check_member(namespace, &place)?;
    if old.mount.is_unbindable() {
        return Err(EINVAL);
    }
    // The file of a namespace is of no mount namespace, and a mount of it keeps the namespace; one of a mount namespace that is
    // not younger could keep itself.
    match nsfs::namespace_at(&old) {
        Some(Namespace::Mount(named)) if named.identity().inode <= namespace.identity().inode => {
            return Err(EINVAL.because("a mount namespace would keep itself"));
        }
        Some(_) => {}
        None => check_member(namespace, &old)?,
    }
    let locked = |child: &Arc<Mount>| {
        child.is_locked() && child.place_counted().is_some_and(|place| place.dentry.is_below(&old.dentry))
    };
    if !recursive && old.mount.children().iter().any(locked) {
        return Err(EINVAL.because("what is mounted there may not be uncovered"));
    }
    let copy = match recursive {
        false => propagation::copy(&old.mount, old.dentry.clone(), Relation::Alike)?,
        true => {
            let pairs = propagation::copy_tree(&old, Relation::Alike, Extent::Bindable)?;
            pairs.first().map(|(_, copy)| copy.clone()).ok_or(EINVAL)?
        }
    };
    check_kinds(&copy, &place)
        .and_then(|()| namespace.attach_and_spread(&copy, &place))
        // What came to nothing is in no group.
        .inspect_err(|_| mount::tree(&copy).unwrap_or_default().iter().for_each(propagation::make_private))
}

fn change_propagation(namespace: &Arc<MountNamespace>, path: &Path, flags: u32) -> Result<()> {
    let kind = flags & !(MS_REC | MS_SILENT);
    let propagation = match kind {
        MS_SHARED => Propagation::Shared,
        MS_PRIVATE => Propagation::Private,
        MS_SLAVE => Propagation::Slave,
        MS_UNBINDABLE => Propagation::Unbindable,
        _ => return Err(EINVAL),
    };
    check_root(path)?;
    check_member(namespace, path)?;
    if flags & MS_REC != 0 {
        for member in mount::tree(&path.mount)? {
            propagation::change(&member, propagation)?;
        }
    } else {
        propagation::change(&path.mount, propagation)?;
    }
    namespace.note_change();
    Ok(())
}

fn move_mount(task: &Task, namespace: &Arc<MountNamespace>, source: Option<Vec<u8>>, path: &Path) -> Result<()> {
    let source = source.filter(|source| !source.is_empty()).ok_or(EINVAL)?;
    let old = walk::resolve(task, HERE, &source, walk_flag::FOLLOW)?;
    let place = top_of(path)?;
    check_member(namespace, &place)?;
    check_member(namespace, &old)?;
    let Some(from) = old.mount.place_counted() else { return Err(EINVAL.because("the root cannot be moved")) };
    if old.mount.is_locked() {
        return Err(EINVAL.because("came from a namespace of another owner"));
    }
    check_root(&old)?;
    check_kinds(&old.mount, &place).map_err(|error| if error == ENOTDIR { EINVAL } else { error })?;
    if from.mount.is_shared() {
        return Err(EINVAL.because("the parent is shared"));
    }
    if place.mount.is_shared() && mount::tree(&old.mount)?.iter().any(|member| member.is_unbindable()) {
        return Err(EINVAL.because("what cannot be bound does not spread"));
    }
    // Not below itself.
    let mut at = place.mount.clone();
    loop {
        if Arc::ptr_eq(&at, &old.mount) {
            return Err(ELOOP);
        }
        match at.place_counted() {
            Some(above) => at = above.mount,
            None => break,
        }
    }
    namespace.detach(&old.mount)?;
    namespace.attach_and_spread(&old.mount, &place).inspect_err(|_| {
        // Back to where it was, which was possible before.
        let _ = namespace.attach(&old.mount, &from);
    })
}

/// umount(2) of i386: without flags.
pub fn umount(task: &Task, target: UserPath) -> Result<()> {
    umount2(task, target, 0)
}

/// umount2(2).
pub fn umount2(task: &Task, target: UserPath, flags: u32) -> Result<()> {
    const FORCE: u32 = 1;
    const DETACH: u32 = 2;
    const EXPIRE: u32 = 4;
    const NO_FOLLOW: u32 = 8;
    if flags & !(FORCE | DETACH | EXPIRE | NO_FOLLOW) != 0 {
        return Err(EINVAL);
    }
    let follow = if flags & NO_FOLLOW == 0 { walk_flag::FOLLOW } else { 0 };
    let path = walk::resolve(task, HERE, &target.read()?, follow)?;
    if !may_mount(task) {
        return Err(EPERM);
    }
    check_root(&path)?;
    let places = task.context().places();
    let namespace = &places.namespace;
    check_member(namespace, &path)?;
    let mounted = path.mount.clone();
    if mounted.is_locked() {
        return Err(EINVAL.because("came from a namespace of another owner"));
    }
    if flags & FORCE != 0 && !task.capable(Capability::SysAdmin) {
        return Err(EPERM);
    }
    let is_root = Arc::ptr_eq(&mounted, &places.root.mount);
    if flags & EXPIRE != 0 {
        if flags & (FORCE | DETACH) != 0 || is_root {
            return Err(EINVAL);
        }
        drop(path);
        if Mount::is_used(&mounted, 1) {
            return Err(EBUSY);
        }
        if !mounted.expire() {
            return Err(EAGAIN);
        }
    } else {
        drop(path);
    }
    if flags & DETACH == 0 && is_root {
        return remount::make_root_read_only(task, &mounted);
    }
    let _trees = mount::TREES.lock();
    // Linux has the bottom of everything locked.
    if mounted.place_counted().is_none() {
        return Err(EINVAL.because("not mounted any more"));
    }
    if flags & DETACH == 0 && propagation::is_busy(&mounted, 1)? {
        return Err(EBUSY);
    }
    namespace.unmount(&mounted)?;
    drop(_trees);
    drop(mounted);
    crate::process::accounting::mount_is_gone(task);
    Ok(())
}

/// pivot_root(2).
pub fn pivot_root(task: &Task, new_root: UserPath, put_old: UserPath) -> Result<()> {
    if !may_mount(task) {
        return Err(EPERM);
    }
    let flags = walk_flag::FOLLOW | walk_flag::DIRECTORY;
    let new = walk::resolve(task, HERE, &new_root.read()?, flags)?;
    let old = walk::resolve(task, HERE, &put_old.read()?, flags)?;
    let places = task.context().places();
    let (root, namespace) = (&places.root, &places.namespace);
    let _trees = mount::TREES.lock();
    let old = top_of(&old)?;
    let parent_shared = |path: &Path| path.mount.place_counted().is_some_and(|place| place.mount.is_shared());
    if old.mount.is_shared() || parent_shared(&new) || parent_shared(root) {
        return Err(EINVAL);
    }
    check_member(namespace, root)?;
    check_member(namespace, &new)?;
    // Linux has the bottom of everything locked too.
    if new.mount.is_locked() || new.mount.place_counted().is_none() {
        return Err(EINVAL.because("came from a namespace of another owner"));
    }
    if new.dentry.is_deleted() {
        return Err(ENOENT);
    }
    if Arc::ptr_eq(&new.mount, &root.mount) || Arc::ptr_eq(&old.mount, &root.mount) {
        return Err(EBUSY);
    }
    check_root(root)?;
    let Some(root_place) = root.mount.place_counted() else { return Err(EINVAL.because("the root is rootfs")) };
    check_root(&new)?;
    if new.mount.place_counted().is_none() || !is_reachable(&old, &new) || !is_reachable(&new, root) {
        return Err(EINVAL);
    }
    namespace.detach(&new.mount)?;
    namespace.detach(&root.mount)?;
    if root.mount.is_locked() {
        root.mount.lock_in_place(false);
        new.mount.lock_in_place(true);
    }
    namespace.attach(&root.mount, &old)?;
    namespace.attach(&new.mount, &root_place)?;
    move_everybody(root, &new)
}

/// Whoever stands at the old root, whatever process it is, stands at the new one.
fn move_everybody(from: &Path, to: &Path) -> Result<()> {
    let everybody = &crate::start::shared().namespaces.pid_for_children;
    let mut number = 1;
    while let Some(entry) = everybody.find_from(number) {
        number = entry.number().saturating_add(1);
        let Some(context) = entry.task().and_then(|task| task.context_if_any()) else { continue };
        let places = context.places();
        if places.root != *from && places.working_directory != *from {
            continue;
        }
        context.change(|places| {
            for place in [&mut places.root, &mut places.working_directory] {
                if *place == *from {
                    *place = to.clone();
                }
            }
        })?;
    }
    Ok(())
}

/// Whether a place lies at or below another.
fn is_reachable(path: &Path, root: &Path) -> bool {
    let mut at = path.clone();
    loop {
        if Arc::ptr_eq(&at.mount, &root.mount) {
            return at.dentry.is_below(&root.dentry);
        }
        match at.mount.place_counted() {
            Some(place) => at = place,
            None => return false,
        }
    }
}
