//! Mounts and mount namespaces: which file system is seen where.
use super::dentry::Dentry;
use super::path::Path;
use super::superblock::Superblock;
use crate::error::*;
use crate::process::namespace::{Identity, Kind, Owner, first};
use crate::sync::{Mutex, Once, RcuCell, RcuGuard, SequenceCount, SpinLock, rank};
use alloc::{
    collections::VecDeque,
    sync::{Arc, Weak},
    vec::Vec,
};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use machine::memory::try_arc;

/// Flags of one mount (MS_* of mount(2) that belong to it).
pub mod mount_flag {
    /// MS_RDONLY.
    pub const READ_ONLY: u32 = 1;
    /// MS_NOSUID.
    pub const NO_SET_ID: u32 = 2;
    /// MS_NODEV.
    pub const NO_DEVICES: u32 = 4;
    /// MS_NOEXEC.
    pub const NO_EXECUTE: u32 = 8;
    /// MS_NOSYMFOLLOW.
    pub const NO_LINKS: u32 = 256;
    /// MS_NOATIME.
    pub const NO_ACCESS_TIME: u32 = 1024;
    /// MS_NODIRATIME.
    pub const NO_DIRECTORY_ACCESS_TIME: u32 = 2048;
    /// MS_RELATIME.
    pub const RELATIVE_ACCESS_TIME: u32 = 1 << 21;
    /// All of them.
    pub const ALL: u32 = READ_ONLY
        | NO_SET_ID
        | NO_DEVICES
        | NO_EXECUTE
        | NO_LINKS
        | NO_ACCESS_TIME
        | NO_DIRECTORY_ACCESS_TIME
        | RELATIVE_ACCESS_TIME;
}

/// How mounts below a mount spread (kept and shown; events do not spread yet).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
#[allow(missing_docs)]
pub enum Propagation {
    Private,
    Shared,
    Slave,
    Unbindable,
}

/// Bumped around every change of a mount tree: scoped walks retry.
pub static MOUNT_CHANGES: SequenceCount = SequenceCount::new();
/// Serializes the writers of `MOUNT_CHANGES`.
static CHANGE_LOCK: SpinLock<()> = SpinLock::new(rank::NAMESPACE, ());

#[derive(Default)]
struct Children(Vec<Arc<Mount>>);

/// Where a mount is attached, if it is.
pub struct Attachment(pub Option<Path>);

/// A file system (or a part of it) seen at a place.
pub struct Mount {
    id: u32,
    superblock: Arc<Superblock>,
    root: Arc<Dentry>,
    place: RcuCell<Attachment>,
    children: RcuCell<Children>,
    flags: AtomicU32,
    propagation: AtomicU32,
    group: AtomicU32,
    /// The kernel's own (pipes, anonymous inodes): in no namespace, nothing can be mounted on it.
    internal: bool,
    namespace: SpinLock<Option<Weak<MountNamespace>>>,
    /// MNT_EXPIRE was asked for and nobody has used it since.
    expiring: AtomicBool,
    source: Vec<u8>,
}

static NEXT_ID: AtomicU32 = AtomicU32::new(1);
static NEXT_GROUP: AtomicU32 = AtomicU32::new(1);

impl Mount {
    /// A detached mount of a file system below `root`.
    pub fn new(root: Arc<Dentry>, source: &[u8], flags: u32) -> Result<Arc<Mount>> {
        Self::make(root, source, flags, false)
    }
    /// A mount for the kernel's own files.
    pub fn internal(superblock: &Arc<Superblock>) -> Result<Arc<Mount>> {
        let root = superblock.root_dentry()?;
        Self::make(root, superblock.type_name().as_bytes(), 0, true)
    }
    /// A detached mount that shows (part of) what another shows, with the same flags and source.
    pub fn copy(other: &Mount, root: Arc<Dentry>) -> Result<Arc<Mount>> {
        let copy = Self::make(root, &other.source, other.flags(), false)?;
        if other.propagation() == Propagation::Shared {
            copy.group.store(other.peer_group(), Ordering::Relaxed);
            copy.propagation.store(Propagation::Shared as u32, Ordering::Relaxed);
        }
        Ok(copy)
    }
    /// Whether anybody but its parent's list and `known` references of the caller's refers to it (open files, working
    /// directories). May sleep.
    pub fn is_used(mount: &Arc<Mount>, known: usize) -> bool {
        if Arc::strong_count(mount) <= known + 1 {
            return false;
        }
        // References that were given up may still wait for readers without counts to end.
        crate::wait::until_deferred_is_dropped();
        Arc::strong_count(mount) > known + 1
    }
    fn make(root: Arc<Dentry>, source: &[u8], flags: u32, internal: bool) -> Result<Arc<Mount>> {
        let mut name = Vec::new();
        name.try_reserve_exact(source.len())?;
        name.extend_from_slice(source);
        let superblock = root.superblock().clone();
        superblock.mounts.fetch_add(1, Ordering::Relaxed);
        Ok(try_arc(Mount {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            superblock,
            root,
            place: RcuCell::new(try_arc(Attachment(None))?),
            children: RcuCell::new(try_arc(Children::default())?),
            flags: AtomicU32::new(flags),
            propagation: AtomicU32::new(Propagation::Private as u32),
            group: AtomicU32::new(0),
            internal,
            namespace: SpinLock::new(rank::LEAF, None),
            expiring: AtomicBool::new(false),
            source: name,
        })?)
    }
    /// The number that mountinfo and statx show.
    pub fn id(&self) -> u32 {
        self.id
    }
    /// The file system.
    pub fn superblock(&self) -> &Arc<Superblock> {
        &self.superblock
    }
    /// The directory (or file) that is seen at the mount point.
    #[inline(always)]
    pub fn root(&self) -> &Arc<Dentry> {
        &self.root
    }
    /// Where it is mounted; `None` for the root of a namespace and detached mounts.
    #[inline(always)]
    pub fn place<'a>(&'a self, guard: &'a RcuGuard) -> Option<&'a Path> {
        self.place.read(guard).0.as_ref()
    }
    /// As `place`, counted.
    pub fn place_counted(&self) -> Option<Path> {
        self.place(&RcuGuard::new()).cloned()
    }
    /// The mount on top of a dentry of this mount.
    #[inline]
    pub fn child_at<'a>(&'a self, guard: &'a RcuGuard, dentry: &Arc<Dentry>) -> Option<&'a Arc<Mount>> {
        let children = self.children.read(guard);
        children
            .0
            .iter()
            .find(|child| child.place.read(guard).0.as_ref().is_some_and(|place| Arc::ptr_eq(&place.dentry, dentry)))
    }
    /// The mounts on this one now.
    pub fn children(&self) -> Vec<Arc<Mount>> {
        self.children.get().0.clone()
    }
    /// Flags of [`mount_flag`].
    #[inline(always)]
    pub fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }
    /// Replaces the flags.
    pub fn set_flags(&self, flags: u32) {
        self.flags.store(flags, Ordering::Relaxed);
    }
    /// Whether this mount refuses writes.
    pub fn is_read_only(&self) -> bool {
        self.flags() & mount_flag::READ_ONLY != 0
    }
    /// Whether it is one of the kernel's own.
    pub fn is_internal(&self) -> bool {
        self.internal
    }
    /// The source as given to mount(2).
    pub fn source(&self) -> &[u8] {
        &self.source
    }
    /// How mounts below spread.
    pub fn propagation(&self) -> Propagation {
        match self.propagation.load(Ordering::Relaxed) {
            1 => Propagation::Shared,
            2 => Propagation::Slave,
            3 => Propagation::Unbindable,
            _ => Propagation::Private,
        }
    }
    /// The peer group, 0 if it is not shared.
    pub fn peer_group(&self) -> u32 {
        self.group.load(Ordering::Relaxed)
    }
    /// Sets how mounts below spread.
    pub fn set_propagation(&self, propagation: Propagation) {
        if propagation == Propagation::Shared {
            let fresh = NEXT_GROUP.fetch_add(1, Ordering::Relaxed);
            let _ = self.group.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed);
        } else {
            self.group.store(0, Ordering::Relaxed);
        }
        // A slave without a master is private, as in Linux.
        let kept = if propagation == Propagation::Slave { Propagation::Private } else { propagation };
        self.propagation.store(kept as u32, Ordering::Relaxed);
    }
    /// The namespace it is attached in.
    pub fn namespace(&self) -> Option<Arc<MountNamespace>> {
        self.namespace.lock().as_ref().and_then(Weak::upgrade)
    }
    /// Marks it for expiry; whether it was marked already.
    pub fn expire(&self) -> bool {
        self.expiring.swap(true, Ordering::Relaxed)
    }
    /// Takes the mark back: somebody uses it.
    pub fn keep(&self) {
        if self.expiring.load(Ordering::Relaxed) {
            self.expiring.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for MountNamespace {
    /// Takes the tree apart: its mounts refer to each other both ways.
    fn drop(&mut self) {
        let root = self.root.get();
        for member in tree(&root).unwrap_or_default() {
            let (Ok(nowhere), Ok(nothing)) = (try_arc(Attachment(None)), try_arc(Children::default())) else { return };
            let _writer = CHANGE_LOCK.lock();
            MOUNT_CHANGES.write(|| {
                member.children.replace(nothing);
                member.place.replace(nowhere);
            });
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.superblock.mounts.fetch_sub(1, Ordering::AcqRel) == 1 {
            let _ = self.superblock.operations().sync();
            super::dentry::purge(&self.superblock);
            self.superblock.operations().shut_down(&self.superblock);
            drop(self.superblock.take_root());
        }
    }
}

/// A tree of mounts.
pub struct MountNamespace {
    root: RcuCell<Mount>,
    identity: Identity,
    /// Changes are one at a time.
    pub lock: Mutex<()>,
    changes: AtomicU64,
    /// Woken when the tree changes (poll on /proc/mounts).
    pub changed: crate::wait::WaitQueue,
}

static INITIAL: Once<Arc<MountNamespace>> = Once::new();

/// The namespace the system starts with, once the root is mounted.
pub fn initial_namespace() -> Option<&'static Arc<MountNamespace>> {
    INITIAL.get()
}

/// Mounts the first root file system; done once at boot.
pub fn initialize(superblock: &Arc<Superblock>) -> Result<Arc<MountNamespace>> {
    let root = superblock.root_dentry()?;
    let namespace = MountNamespace::new(Mount::new(root, b"none", 0)?, Identity::first(first::MOUNT)?)?;
    INITIAL.set(namespace.clone()).map_err(|_| EBUSY)?;
    Ok(namespace)
}

/// A mount and its copy in another namespace.
pub type MountCopy = (Arc<Mount>, Arc<Mount>);

impl MountNamespace {
    /// A namespace of one mount.
    pub fn new(root: Arc<Mount>, identity: Identity) -> Result<Arc<MountNamespace>> {
        let namespace = try_arc(MountNamespace {
            root: RcuCell::new(root.clone()),
            identity,
            lock: Mutex::new(rank::MOUNT_TREE, ()),
            changes: AtomicU64::new(0),
            changed: crate::wait::WaitQueue::new(),
        })?;
        *root.namespace.lock() = Some(Arc::downgrade(&namespace));
        Ok(namespace)
    }
    /// A namespace with a copy of every mount of this one (CLONE_NEWNS), and which is the copy of which.
    pub fn copy(&self, owner: &Owner) -> Result<(Arc<MountNamespace>, Vec<MountCopy>)> {
        let identity = Identity::new(owner, Kind::Mount)?;
        let _tree = self.lock.lock();
        let root = self.root.get();
        let copy = Mount::copy(&root, root.root().clone())?;
        let namespace = MountNamespace::new(copy.clone(), identity)?;
        let mut pairs = Vec::new();
        pairs.try_reserve(1)?;
        pairs.push((root, copy));
        let mut at = 0;
        while let Some((original, copy)) = pairs.get(at).cloned() {
            for child in original.children() {
                let Some(place) = child.place_counted() else { continue };
                let child_copy = Mount::copy(&child, child.root().clone())?;
                namespace.attach(&child_copy, &Path { mount: copy.clone(), dentry: place.dentry })?;
                pairs.try_reserve(1)?;
                pairs.push((child, child_copy));
            }
            at += 1;
        }
        Ok((namespace, pairs))
    }
    /// Its file's number and its owner.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
    /// The mount at the bottom of everything.
    pub fn root_mount(&self) -> Arc<Mount> {
        self.root.get()
    }
    /// The root with everything mounted on top of it.
    pub fn root_path(&self) -> Path {
        let mount = self.root.get();
        let dentry = mount.root().clone();
        let mut path = Path { mount, dentry };
        while let Some(on_top) = top_mount(&path) {
            path = on_top;
        }
        path
    }
    /// A number that changes with the tree.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
    pub(super) fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.changed.wake_all();
    }
    /// Attaches a detached mount on a place (and, with it, what is mounted on it). The namespace is locked.
    pub fn attach(self: &Arc<Self>, mount: &Arc<Mount>, place: &Path) -> Result<()> {
        attach_detached(mount, place)?;
        for member in tree(mount)? {
            *member.namespace.lock() = Some(Arc::downgrade(self));
        }
        self.note_change();
        Ok(())
    }
    /// Takes a mount off its place, with what is mounted on it. The namespace is locked.
    pub fn detach(&self, mount: &Arc<Mount>) -> Result<()> {
        let Some(place) = mount.place_counted() else { return Err(EINVAL) };
        let nowhere = try_arc(Attachment(None))?;
        let children = without(&place.mount, mount)?;
        for member in tree(mount)? {
            *member.namespace.lock() = None;
        }
        {
            let _writer = CHANGE_LOCK.lock();
            MOUNT_CHANGES.write(|| {
                place.mount.children.replace(children);
                mount.place.replace(nowhere);
            });
        }
        self.note_change();
        Ok(())
    }
    /// Takes a whole tree apart after `detach` (umount): every mount of it stands alone and lives as long as it is used.
    pub fn dissolve(&self, mount: &Arc<Mount>) -> Result<()> {
        for member in tree(mount)? {
            let nowhere = try_arc(Attachment(None))?;
            let nothing = try_arc(Children::default())?;
            let _writer = CHANGE_LOCK.lock();
            MOUNT_CHANGES.write(|| {
                member.children.replace(nothing);
                member.place.replace(nowhere);
            });
        }
        Ok(())
    }
    /// Whether something is mounted on a dentry here.
    pub fn is_mounted(&self, dentry: &Arc<Dentry>) -> Result<bool> {
        let mounts = self.mounts()?;
        Ok(mounts.iter().any(|mount| mount.place_counted().is_some_and(|place| Arc::ptr_eq(&place.dentry, dentry))))
    }
    /// Every mount, in the order they were made.
    pub fn mounts(&self) -> Result<Vec<Arc<Mount>>> {
        let mut mounts = tree(&self.root.get())?;
        crate::sort::by_key(&mut mounts, |mount| mount.id());
        Ok(mounts)
    }
}

/// Puts a mount on a place, whatever their namespaces (trees being built).
pub fn attach_detached(mount: &Arc<Mount>, place: &Path) -> Result<()> {
    let attachment = try_arc(Attachment(Some(place.clone())))?;
    let mut children = Children::default();
    let present = place.mount.children.get();
    children.0.try_reserve_exact(present.0.len() + 1)?;
    children.0.extend(present.0.iter().cloned());
    children.0.push(mount.clone());
    let children = try_arc(children)?;
    // Before the mount can be found, so that no walk passes under it.
    place.dentry.set_mount_point();
    let _writer = CHANGE_LOCK.lock();
    MOUNT_CHANGES.write(|| {
        mount.place.replace(attachment);
        place.mount.children.replace(children);
    });
    Ok(())
}

fn without(parent: &Mount, child: &Arc<Mount>) -> Result<Arc<Children>> {
    let present = parent.children.get();
    let mut children = Children::default();
    children.0.try_reserve_exact(present.0.len())?;
    children.0.extend(present.0.iter().filter(|other| !Arc::ptr_eq(other, child)).cloned());
    Ok(try_arc(children)?)
}

/// A mount and everything mounted on it, parents first.
pub fn tree(mount: &Arc<Mount>) -> Result<Vec<Arc<Mount>>> {
    let mut found = Vec::new();
    let mut waiting = VecDeque::new();
    waiting.try_reserve(1)?;
    waiting.push_back(mount.clone());
    while let Some(next) = waiting.pop_front() {
        let children = next.children.get();
        waiting.try_reserve(children.0.len())?;
        waiting.extend(children.0.iter().cloned());
        found.try_reserve(1)?;
        found.push(next);
    }
    Ok(found)
}

/// The root of the mount on top of a place, if there is one.
pub fn top_mount(path: &Path) -> Option<Path> {
    if !path.dentry.is_mount_point() {
        return None;
    }
    let guard = RcuGuard::new();
    let mount = path.mount.child_at(&guard, &path.dentry)?;
    Some(Path { mount: mount.clone(), dentry: mount.root().clone() })
}
