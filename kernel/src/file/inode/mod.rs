//! Inodes: what a file is, whatever its names.
mod flags;
mod list;
mod operations;
mod times;

pub use flags::UserFlags;
pub use list::InodeList;
pub use operations::{DirectoryEntry, InodeOperations, LinkTarget, RenameRequest};

use super::Superblock;
use super::attributes::*;
use super::notify::Marks;
use crate::error::*;
use crate::memory::Mapping;
use crate::process::Credentials;
use crate::sync::{Once, OnceArc, RwLock, SpinLock, rank};
use alloc::{boxed::Box, sync::Arc};
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use times::{ACCESS, BIRTH, CHANGE, MODIFICATION, Times};

/// Attributes an inode starts with.
#[derive(Clone, Copy, Debug)]
pub struct InodeAttributes {
    /// Inode number within the file system.
    pub number: u64,
    /// Type and permissions.
    pub mode: u32,
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// Names.
    pub links: u32,
    /// Length in bytes.
    pub size: u64,
    /// For device nodes.
    pub device: DeviceNumber,
    /// All four times.
    pub time: Timestamp,
}
impl InodeAttributes {
    /// A new inode made now with the given number.
    pub fn new(number: u64, new: &NewInode) -> Self {
        let links = if FileType::of_mode(new.mode) == FileType::Directory { 2 } else { 1 };
        InodeAttributes {
            number,
            mode: new.mode,
            user: new.user,
            group: new.group,
            links,
            size: 0,
            device: new.device,
            time: Timestamp::now(),
        }
    }
}

/// A file, directory, link, node, FIFO or socket.
pub struct Inode {
    number: u64,
    kind: FileType,
    device: DeviceNumber,
    mode: AtomicU32,
    user: AtomicU32,
    group: AtomicU32,
    links: AtomicU32,
    size: AtomicU64,
    flags: AtomicU32,
    /// Open for writing (positive) or being executed (negative): ETXTBSY.
    writers: AtomicI32,
    /// Open files.
    opens: AtomicU32,
    times: Times,
    superblock: Arc<Superblock>,
    mapping: Option<Arc<Mapping>>,
    /// A directory's entries, a file's length. Parent before child, then by address.
    pub lock: RwLock<()>,
    /// Advisory locks, made when first used.
    pub(super) locks: Once<Box<super::lock::InodeLocks>>,
    /// Who watches it, made when first used.
    marks: OnceArc<Marks>,
    /// The pipe behind a FIFO that is open.
    pub(crate) pipe: SpinLock<Option<Arc<crate::ipc::pipe::Pipe>>>,
    operations: Box<dyn InodeOperations>,
}

impl Inode {
    /// An inode of a file system. Regular files that are read through the page cache bring their `mapping`.
    pub fn new(
        superblock: Arc<Superblock>,
        attributes: &InodeAttributes,
        operations: Box<dyn InodeOperations>,
        mapping: Option<Arc<Mapping>>,
    ) -> Result<Arc<Inode>> {
        if let Some(mapping) = &mapping {
            mapping.set_size(attributes.size);
        }
        Ok(machine::memory::try_arc(Inode {
            number: attributes.number,
            kind: FileType::of_mode(attributes.mode),
            device: attributes.device,
            mode: AtomicU32::new(attributes.mode),
            user: AtomicU32::new(attributes.user),
            group: AtomicU32::new(attributes.group),
            links: AtomicU32::new(attributes.links),
            size: AtomicU64::new(attributes.size),
            flags: AtomicU32::new(0),
            writers: AtomicI32::new(0),
            opens: AtomicU32::new(0),
            times: Times::new(attributes.time),
            superblock,
            mapping,
            lock: RwLock::new(rank::INODE, ()),
            locks: Once::new(),
            marks: OnceArc::new(),
            pipe: SpinLock::new(rank::LEAF, None),
            operations,
        })?)
    }
    /// Inode number.
    pub fn number(&self) -> u64 {
        self.number
    }
    /// Type.
    #[inline(always)]
    pub fn kind(&self) -> FileType {
        self.kind
    }
    /// Whether it is a directory.
    #[inline(always)]
    pub fn is_directory(&self) -> bool {
        self.kind == FileType::Directory
    }
    /// Type and permission bits.
    #[inline(always)]
    pub fn mode(&self) -> u32 {
        self.mode.load(Ordering::Relaxed)
    }
    /// Owner.
    #[inline(always)]
    pub fn user(&self) -> u32 {
        self.user.load(Ordering::Relaxed)
    }
    /// Group.
    #[inline(always)]
    pub fn group(&self) -> u32 {
        self.group.load(Ordering::Relaxed)
    }
    /// Sets the owner (file systems whose owners change by themselves, as procfs).
    pub fn set_owner(&self, user: u32, group: u32) {
        self.user.store(user, Ordering::Relaxed);
        self.group.store(group, Ordering::Relaxed);
    }
    /// Sets permission bits, keeping the type.
    pub fn set_mode(&self, mode: u32) {
        self.mode.store(self.kind as u32 | mode & MODE_BITS, Ordering::Relaxed);
    }
    /// Names.
    pub fn links(&self) -> u32 {
        self.links.load(Ordering::Relaxed)
    }
    /// Sets the link count; the directories concerned are locked.
    pub fn set_links(&self, links: u32) {
        self.links.store(links, Ordering::Relaxed);
    }
    /// Adds to the link count.
    pub fn adjust_links(&self, difference: i32) {
        self.links.store(self.links().wrapping_add_signed(difference), Ordering::Relaxed);
    }
    /// Length in bytes.
    #[inline(always)]
    pub fn size(&self) -> u64 {
        match &self.mapping {
            Some(mapping) => mapping.size(),
            None => self.size.load(Ordering::Acquire),
        }
    }
    /// Sets the length (no truncation of pages); the inode is locked.
    pub fn set_size(&self, size: u64) {
        match &self.mapping {
            Some(mapping) => mapping.set_size(size),
            None => self.size.store(size, Ordering::Release),
        }
    }
    /// The device a node stands for.
    pub fn device(&self) -> DeviceNumber {
        self.device
    }
    /// The file system.
    #[inline(always)]
    pub fn superblock(&self) -> &Arc<Superblock> {
        &self.superblock
    }
    /// The page cache, for regular files that use one.
    #[inline(always)]
    pub fn mapping(&self) -> Option<&Arc<Mapping>> {
        self.mapping.as_ref()
    }
    /// The operations.
    #[inline(always)]
    pub fn operations(&self) -> &dyn InodeOperations {
        &*self.operations
    }
    /// The operations as a concrete type.
    pub fn downcast<T: 'static>(&self) -> Option<&T> {
        self.operations.as_any().downcast_ref()
    }
    /// Access time.
    pub fn access_time(&self) -> Timestamp {
        self.times.read(ACCESS)
    }
    /// Modification time.
    pub fn modification_time(&self) -> Timestamp {
        self.times.read(MODIFICATION)
    }
    /// Change time.
    pub fn change_time(&self) -> Timestamp {
        self.times.read(CHANGE)
    }
    /// Content changed now.
    pub fn touch_modified(&self) {
        let now = Timestamp::now();
        self.times.write(|times| {
            times.store(MODIFICATION, now);
            times.store(CHANGE, now);
        });
    }
    /// Attributes changed now.
    pub fn touch_changed(&self) {
        let now = Timestamp::now();
        self.times.write(|times| times.store(CHANGE, now));
    }
    /// Read now, as relatime keeps it: at most once a day unless modified since.
    #[inline]
    pub fn touch_accessed(&self) {
        if self.flags() & flags::NO_ACCESS_TIME != 0 {
            return;
        }
        let (accessed, modified, changed) = self
            .times
            .sequence
            .read(|| (self.times.load(ACCESS), self.times.load(MODIFICATION), self.times.load(CHANGE)));
        let now = Timestamp::now();
        if accessed <= modified || accessed <= changed || now.seconds.wrapping_sub(accessed.seconds) >= 86_400 {
            self.times.write(|times| times.store(ACCESS, now));
        }
    }
    /// Sets the times a file system read from its store.
    pub fn set_times(&self, access: Timestamp, modification: Timestamp, change: Timestamp) {
        self.times.write(|times| {
            times.store(ACCESS, access);
            times.store(MODIFICATION, modification);
            times.store(CHANGE, change);
        });
    }
    /// The discretionary check of mode, owner, group and capabilities; nobody writes to what is immutable (EPERM).
    #[inline]
    pub fn check_mode(&self, credentials: &Credentials, access: Access) -> Result<()> {
        if access.has(Access::WRITE) && self.is_immutable() {
            return Err(EPERM.because("the file is immutable"));
        }
        check_permission(credentials, self.mode(), self.user(), self.group(), access)
    }
    /// Whether the credentials own the inode or may act as owner.
    pub fn is_governed_by(&self, credentials: &Credentials, capability: crate::process::Capability) -> bool {
        credentials.capable_over(self.user(), self.group(), capability)
    }
    /// Whether the caller owns it, or may act as if.
    pub fn owner_or_capable(&self, credentials: &Credentials) -> bool {
        credentials.file_system_user == self.user()
            || credentials.capable_over(self.user(), credentials.file_system_group, crate::process::Capability::Fowner)
    }
    /// Applies a change to the attributes kept here, truncating the page cache. The inode is locked.
    pub fn apply(&self, changes: &AttributeChanges) -> Result<()> {
        if let Some(size) = changes.size {
            match &self.mapping {
                Some(mapping) => {
                    mapping.truncate(size);
                    self.operations.settle(self);
                }
                None => self.set_size(size),
            }
        }
        if let Some(mode) = changes.mode {
            self.set_mode(mode);
        }
        if let Some(user) = changes.user {
            self.user.store(user, Ordering::Relaxed);
        }
        if let Some(group) = changes.group {
            self.group.store(group, Ordering::Relaxed);
        }
        self.times.write(|times| {
            for (which, time) in [
                (ACCESS, changes.access_time),
                (MODIFICATION, changes.modification_time),
                (CHANGE, changes.change_time),
            ] {
                if let Some(time) = time {
                    times.store(which, time);
                }
            }
        });
        Ok(())
    }
    /// Who watches it, if anybody ever did.
    pub fn marks(&self) -> Option<&Marks> {
        self.marks.get()
    }
    /// Sets who watches it; false if that was set before.
    pub(super) fn set_marks(&self, marks: Arc<Marks>) -> bool {
        self.marks.set(marks).is_ok()
    }
    /// Counts an open file.
    #[inline(always)]
    pub(super) fn add_open(&self) {
        self.opens.fetch_add(1, Ordering::SeqCst);
    }
    /// Takes one back; whether it was the last.
    #[inline(always)]
    pub(super) fn remove_open(&self) -> bool {
        self.opens.fetch_sub(1, Ordering::SeqCst) == 1
    }
    /// Open files, and writers (negative while the file is executed).
    pub(super) fn users(&self) -> (u32, i32) {
        (self.opens.load(Ordering::SeqCst), self.writers.load(Ordering::SeqCst))
    }
    /// Counts a writer; ETXTBSY while the file is executed.
    pub fn get_write_access(&self) -> Result<()> {
        let update =
            self.writers.fetch_update(Ordering::SeqCst, Ordering::Relaxed, |count| (count >= 0).then(|| count + 1));
        update.map(|_| ()).map_err(|_| ETXTBSY)
    }
    /// Takes a writer back.
    pub fn put_write_access(&self) {
        self.writers.fetch_sub(1, Ordering::AcqRel);
    }
    /// Forbids writers while the file is executed; ETXTBSY if there are some.
    pub fn deny_write_access(&self) -> Result<()> {
        let update =
            self.writers.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |count| (count <= 0).then(|| count - 1));
        update.map(|_| ()).map_err(|_| ETXTBSY)
    }
    /// Takes a prohibition back.
    pub fn allow_write_access(&self) {
        self.writers.fetch_add(1, Ordering::AcqRel);
    }
    /// All attributes now, as the inode has them in memory.
    pub fn status(&self) -> Status {
        let (access_time, modification_time, change_time, birth_time) = self.times.sequence.read(|| {
            (self.times.load(ACCESS), self.times.load(MODIFICATION), self.times.load(CHANGE), self.times.load(BIRTH))
        });
        Status {
            device: self.superblock.device(),
            inode: self.number,
            mode: self.mode(),
            links: self.links(),
            user: self.user(),
            group: self.group(),
            special_device: self.device,
            size: self.size(),
            block_size: self.superblock.block_size(),
            blocks: self.operations.blocks(self),
            access_time,
            modification_time,
            change_time,
            birth_time: self.superblock.keeps_birth_time().then_some(birth_time),
        }
    }
}
