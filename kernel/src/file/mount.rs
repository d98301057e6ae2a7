//! Mounts and mount namespaces: which file system is seen where.
use super::dentry::Dentry;
use super::path::Path;
use super::propagation::{self, Extent, PeerGroup, Relation};
use super::superblock::Superblock;
use crate::error::*;
use crate::process::namespace::{Identity, Kind, Owner, first};
use crate::sync::{Mutex, Once, RcuCell, RcuGuard, SequenceCount, SpinLock, rank};
use alloc::{
    collections::VecDeque,
    sync::{Arc, Weak},
    vec::Vec,
};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
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
    /// Those about access times.
    pub const ACCESS_TIMES: u32 = NO_ACCESS_TIME | NO_DIRECTORY_ACCESS_TIME | RELATIVE_ACCESS_TIME;
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

/// Changes of mount trees are one at a time: they spread from one namespace to others.
pub static TREES: Mutex<()> = Mutex::new(rank::MOUNT_TREE, ());
/// Bumped around every change of a mount tree: scoped walks retry.
pub static MOUNT_CHANGES: SequenceCount = SequenceCount::new();
/// Serializes the writers of `MOUNT_CHANGES`.
static CHANGE_LOCK: SpinLock<()> = SpinLock::new(rank::NAMESPACE, ());

#[derive(Default)]
struct Children(Vec<Arc<Mount>>);

/// Among which mounts a mount is.
#[derive(Default)]
struct Sharing {
    group: Option<Arc<PeerGroup>>,
    master: Option<Arc<PeerGroup>>,
}

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
    sharing: SpinLock<Sharing>,
    unbindable: AtomicBool,
    locked: AtomicBool,
    locked_flags: AtomicU32,
    /// The kernel's own (pipes, anonymous inodes): in no namespace, nothing can be mounted on it.
    internal: bool,
    namespace: SpinLock<Option<Weak<MountNamespace>>>,
    /// MNT_EXPIRE was asked for and nobody has used it since.
    expiring: AtomicBool,
    /// Files that are open for writing.
    writers: AtomicU32,
    source: Vec<u8>,
}

static NEXT_ID: AtomicU32 = AtomicU32::new(1);

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
    pub(super) fn like(other: &Mount, root: Arc<Dentry>) -> Result<Arc<Mount>> {
        let like = Self::make(root, &other.source, other.flags(), false)?;
        like.locked_flags.store(other.locked_flags(), Ordering::Relaxed);
        Ok(like)
    }
    /// A mount that nobody but the kernel knows, of what another shows: a file opened through it does not keep that one in use.
    pub(crate) fn for_kernel(other: &Mount) -> Result<Arc<Mount>> {
        Self::like(other, other.root.clone())
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
            sharing: SpinLock::new(rank::LEAF, Sharing::default()),
            unbindable: AtomicBool::new(false),
            locked: AtomicBool::new(false),
            locked_flags: AtomicU32::new(0),
            internal,
            namespace: SpinLock::new(rank::LEAF, None),
            expiring: AtomicBool::new(false),
            writers: AtomicU32::new(0),
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
    /// As `child_at`, counted.
    pub fn child_on(&self, dentry: &Arc<Dentry>) -> Option<Arc<Mount>> {
        self.child_at(&RcuGuard::new(), dentry).cloned()
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
    /// A file is opened for writing through it: counted before its flags are looked at.
    #[inline]
    pub fn add_writer(&self) {
        self.writers.fetch_add(1, Ordering::SeqCst);
        self.superblock.writers.fetch_add(1, Ordering::SeqCst);
    }
    /// Such a file ends.
    #[inline]
    pub fn remove_writer(&self) {
        self.writers.fetch_sub(1, Ordering::Release);
        self.superblock.writers.fetch_sub(1, Ordering::Release);
    }
    /// Whether files are open for writing through it. May sleep.
    pub fn has_writers(&self) -> bool {
        let any = || self.writers.load(Ordering::SeqCst) != 0;
        any() && {
            // Files that were closed may still wait for readers without counts to end.
            crate::wait::until_deferred_is_dropped();
            any()
        }
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
    /// The group it shares mounts with, if it is shared.
    pub fn peer_group(&self) -> Option<Arc<PeerGroup>> {
        self.sharing.lock().group.clone()
    }
    /// The group whose mounts it gets.
    pub fn master(&self) -> Option<Arc<PeerGroup>> {
        self.sharing.lock().master.clone()
    }
    /// Replaces the group; the old one. For [`super::propagation`].
    pub(super) fn set_peer_group(&self, group: Option<Arc<PeerGroup>>) -> Option<Arc<PeerGroup>> {
        core::mem::replace(&mut self.sharing.lock().group, group)
    }
    /// Replaces the master; the old one. For [`super::propagation`].
    pub(super) fn set_master(&self, master: Option<Arc<PeerGroup>>) -> Option<Arc<PeerGroup>> {
        core::mem::replace(&mut self.sharing.lock().master, master)
    }
    /// Whether mounts on it spread to others.
    pub fn is_shared(&self) -> bool {
        self.sharing.lock().group.is_some()
    }
    /// Whether it refuses to be bound elsewhere.
    pub fn is_unbindable(&self) -> bool {
        self.unbindable.load(Ordering::Relaxed)
    }
    /// Lets or forbids it to be bound elsewhere.
    pub(super) fn set_unbindable(&self, unbindable: bool) {
        self.unbindable.store(unbindable, Ordering::Relaxed);
    }
    /// Whether its users may not take it off its place alone: it came from a namespace of another owner (MNT_LOCKED).
    pub fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }
    /// Locks it in its place, or lets it go.
    pub fn lock_in_place(&self, locked: bool) {
        self.locked.store(locked, Ordering::Relaxed);
    }
    /// Flags of [`mount_flag`] that a remount must keep (`access_times`: all those about access times as they are).
    pub fn locked_flags(&self) -> u32 {
        self.locked_flags.load(Ordering::Relaxed)
    }
    /// Makes it one from a namespace of another owner: locked, with the flags that it has.
    pub fn lock_with_flags(&self) {
        use mount_flag::{NO_DEVICES, NO_EXECUTE, NO_SET_ID, READ_ONLY};
        let kept = self.flags() & (READ_ONLY | NO_SET_ID | NO_DEVICES | NO_EXECUTE) | mount_flag::ACCESS_TIMES;
        self.locked_flags.fetch_or(kept, Ordering::Relaxed);
        self.lock_in_place(true);
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
            propagation::make_private(&member);
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
            super::notify::unmounted(&self.superblock);
            self.superblock.operations().shut_down(&self.superblock);
            drop(self.superblock.take_root());
        }
    }
}

/// A tree of mounts.
pub struct MountNamespace {
    root: RcuCell<Mount>,
    identity: Identity,
    changes: AtomicU64,
    /// How many mounts it has.
    count: AtomicUsize,
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
            count: AtomicUsize::new(1),
            changes: AtomicU64::new(0),
            changed: crate::wait::WaitQueue::new(),
        })?;
        *root.namespace.lock() = Some(Arc::downgrade(&namespace));
        Ok(namespace)
    }
    /// A namespace with a copy of every mount of this one (CLONE_NEWNS), and which is the copy of which.
    pub fn copy(&self, owner: &Owner) -> Result<(Arc<MountNamespace>, Vec<MountCopy>)> {
        let identity = Identity::new(owner, Kind::Mount)?;
        let foreign = !Arc::ptr_eq(&identity.owner, &self.identity.owner);
        let relation = if foreign { Relation::Apart } else { Relation::Alike };
        let _trees = TREES.lock();
        let root = self.root.get();
        let top = Path { dentry: root.root().clone(), mount: root };
        let pairs = propagation::copy_tree(&top, relation, Extent::Namespace)?;
        let (_, copy) = pairs.first().cloned().ok_or(EINVAL)?;
        let namespace = MountNamespace::new(copy.clone(), identity)?;
        namespace.take_in(&copy)?;
        if foreign {
            pairs.iter().for_each(|(_, member)| member.lock_with_flags());
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
    /// Makes a tree that is attached, or will be, one of this namespace's.
    fn take_in(self: &Arc<Self>, mount: &Arc<Mount>) -> Result<()> {
        let members = tree(mount)?;
        for member in &members {
            *member.namespace.lock() = Some(Arc::downgrade(self));
        }
        self.count.fetch_add(members.len(), Ordering::Relaxed);
        self.note_change();
        Ok(())
    }
    /// Whether so many mounts more are too many (fs.mount-max): ENOSPC.
    pub fn check_room(&self, more: usize) -> Result<()> {
        const MOST: usize = 100_000;
        let count = self.count.load(Ordering::Relaxed).saturating_add(more);
        if count > MOST { Err(ENOSPC.because("too many mounts in the namespace")) } else { Ok(()) }
    }
    /// Attaches a detached mount on a place (and, with it, what is mounted on it). The trees are locked.
    pub fn attach(self: &Arc<Self>, mount: &Arc<Mount>, place: &Path) -> Result<()> {
        attach_detached(mount, place)?;
        self.take_in(mount)
    }
    /// As `attach`; where mounts on the place's mount spread to others, so does this one. ENOSPC.
    pub fn attach_and_spread(self: &Arc<Self>, mount: &Arc<Mount>, place: &Path) -> Result<()> {
        let members = tree(mount)?;
        self.check_room(members.len())?;
        if !place.mount.is_shared() {
            return self.attach(mount, place);
        }
        members.iter().try_for_each(propagation::share)?;
        let copies = propagation::copies(mount, place)?;
        for (copy, at) in &copies {
            let Some(namespace) = at.mount.namespace() else { continue };
            namespace.check_room(members.len())?;
            if !Arc::ptr_eq(&namespace.identity.owner, &self.identity.owner) {
                tree(copy)?.iter().for_each(|member| member.lock_with_flags());
            }
            copy.lock_in_place(false);
        }
        self.attach(mount, place)?;
        for (copy, at) in &copies {
            // What is there already comes to lie on top of it.
            let above = at.mount.child_on(&at.dentry);
            let Some(namespace) = at.mount.namespace() else { continue };
            if let Some(above) = &above {
                namespace.detach(above)?;
            }
            namespace.attach(copy, at)?;
            if let Some(above) = &above {
                let dentry = copy.root().clone();
                namespace.attach(above, &Path { mount: copy.clone(), dentry })?;
            }
        }
        Ok(())
    }
    /// Takes a mount off its place, with what is mounted on it. The trees are locked.
    pub fn detach(&self, mount: &Arc<Mount>) -> Result<()> {
        let Some(place) = mount.place_counted() else { return Err(EINVAL) };
        let nowhere = try_arc(Attachment(None))?;
        let children = without(&place.mount, mount)?;
        let members = tree(mount)?;
        for member in &members {
            *member.namespace.lock() = None;
        }
        {
            let _writer = CHANGE_LOCK.lock();
            MOUNT_CHANGES.write(|| {
                place.mount.children.replace(children);
                mount.place.replace(nowhere);
            });
        }
        self.count.fetch_sub(members.len(), Ordering::Relaxed);
        self.note_change();
        Ok(())
    }
    /// Unmounts a tree here and wherever the unmount spreads to: every mount of it stands alone and lives as long as it is used.
    /// The trees are locked.
    pub fn unmount(&self, mount: &Arc<Mount>) -> Result<()> {
        let all = propagation::unmounted_with(mount)?;
        for member in &all {
            let Some(place) = member.place_counted() else { continue };
            let Some(namespace) = member.namespace() else { continue };
            let goes = |other: &Arc<Mount>| all.iter().any(|known| Arc::ptr_eq(known, other));
            let above = propagation::topper(member).filter(|above| !goes(above));
            if let Some(above) = &above {
                namespace.detach(above)?;
            }
            namespace.detach(member)?;
            if let Some(above) = &above {
                namespace.attach(above, &place)?;
            }
            self::dissolve(member)?;
        }
        all.iter().for_each(propagation::make_private);
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

/// Takes a whole tree apart that is attached nowhere.
fn dissolve(mount: &Arc<Mount>) -> Result<()> {
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
