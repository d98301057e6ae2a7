//! Superblocks (mounted file systems) and the types of file system there are.
use super::attributes::DeviceNumber;
use super::dentry::Dentry;
use super::inode::Inode;
use crate::error::*;
use crate::process::Task;
use crate::process::namespace::UserNamespace;
use crate::sync::{Mutex, Once, SpinLock, rank};
use alloc::sync::{Arc, Weak};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::any::Any;
use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What statfs(2) shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystemStatistics {
    /// Blocks in all, of the superblock's block size.
    pub blocks: u64,
    /// Free ones.
    pub free: u64,
    /// Free ones for anybody.
    pub available: u64,
    /// Inodes in all.
    pub inodes: u64,
    /// Free inodes.
    pub free_inodes: u64,
}

/// What a file system does as a whole.
#[allow(unused_variables)]
pub trait SuperblockOperations: Any + Send + Sync {
    /// Counts for statfs(2).
    fn statistics(&self, superblock: &Superblock) -> Result<FileSystemStatistics> {
        Ok(FileSystemStatistics::default())
    }
    /// Writes everything back (sync, syncfs).
    fn sync(&self) -> Result<()> {
        Ok(())
    }
    /// New options from mount(2) with MS_REMOUNT.
    fn remount(&self, superblock: &Superblock, data: &[u8]) -> Result<()> {
        Ok(())
    }
    /// Whether files are yet to be removed that have no name any more.
    fn has_removed_files(&self, superblock: &Superblock) -> Result<bool> {
        Ok(false)
    }
    /// The file system's own options as /proc/mounts shows them, each with a comma before it.
    fn show_options(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        Ok(())
    }
    /// The path of a mount's root as mountinfo shows it, where that is not its path in the file system.
    fn show_root(&self, root: &Dentry) -> Option<Result<Vec<u8>>> {
        None
    }
    /// The last mount is gone: break cycles of references, forget everything.
    fn shut_down(&self, superblock: &Superblock) {}
    /// For downcasts.
    fn as_any(&self) -> &dyn Any;
}

/// Whether names found missing are remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NegativeEntries {
    /// They appear by themselves at any time (procfs).
    Never,
    /// Only this kernel creates names.
    Always,
    /// For so many nanoseconds (remote file systems).
    For(u64),
}

/// How the VFS treats a file system.
#[derive(Clone, Copy, Debug)]
pub struct SuperblockOptions {
    /// f_type of statfs(2).
    pub magic: u64,
    /// Preferred block size.
    pub block_size: u32,
    /// Largest file.
    pub largest_file: u64,
    /// Whether cached entries are asked `is_fresh` before use.
    pub revalidates: bool,
    /// Missing names.
    pub negative: NegativeEntries,
    /// Whether inodes have a time of birth.
    pub birth_time: bool,
    /// Longest name.
    pub longest_name: u32,
}
impl Default for SuperblockOptions {
    fn default() -> Self {
        SuperblockOptions {
            magic: 0,
            block_size: 4096,
            largest_file: i64::MAX as u64,
            revalidates: false,
            negative: NegativeEntries::Always,
            birth_time: false,
            longest_name: 255,
        }
    }
}

/// MS_RDONLY and the other flags that belong to a file system rather than to one mount of it.
pub mod superblock_flag {
    /// Nothing can be written.
    pub const READ_ONLY: u32 = 1;
    /// Writes are synchronous.
    pub const SYNCHRONOUS: u32 = 16;
    /// Directory changes are synchronous.
    pub const DIRECTORY_SYNCHRONOUS: u32 = 128;
    /// Mandatory locks (accepted, without effect since Linux 5.15).
    pub const MANDATORY_LOCKS: u32 = 64;
    /// Times are written lazily.
    pub const LAZY_TIME: u32 = 1 << 25;
    /// Those that mount(2) sets here.
    pub const ALL: u32 = READ_ONLY | SYNCHRONOUS | DIRECTORY_SYNCHRONOUS | MANDATORY_LOCKS | LAZY_TIME;
}

/// A mounted file system, whatever its mounts.
pub struct Superblock {
    device: DeviceNumber,
    type_name: &'static str,
    options: SuperblockOptions,
    flags: AtomicU32,
    next_inode: AtomicU64,
    root: SpinLock<Option<Arc<Inode>>>,
    /// The name of the root: one for all mounts, so that what one of them changes is seen below all.
    root_name: SpinLock<Weak<Dentry>>,
    operations: Box<dyn SuperblockOperations>,
    /// Renames of directories between directories are one at a time.
    pub rename: Mutex<()>,
    owner: Once<Arc<UserNamespace>>,
    /// Mounts of it, for `shut_down`.
    pub(super) mounts: AtomicU32,
    /// Files that are open for writing.
    pub(super) writers: AtomicU32,
}

/// Minor numbers of file systems without a device.
static NEXT_ANONYMOUS_DEVICE: AtomicU32 = AtomicU32::new(1);

impl Superblock {
    /// The user namespace that made it; `None` for the first.
    pub fn owner(&self) -> Option<&Arc<UserNamespace>> {
        self.owner.get()
    }
    /// Says who made it; once, before it is mounted.
    pub fn set_owner(&self, owner: Arc<UserNamespace>) {
        if owner.level() != 0 {
            // A file system that is mounted again has its first owner.
            let _ = self.owner.set(owner);
        }
    }
    /// A file system without a block device; its root follows by `set_root`.
    pub fn new(
        type_name: &'static str,
        options: SuperblockOptions,
        operations: Box<dyn SuperblockOperations>,
    ) -> Result<Arc<Superblock>> {
        Ok(machine::memory::try_arc(Superblock {
            device: DeviceNumber::new(0, NEXT_ANONYMOUS_DEVICE.fetch_add(1, Ordering::Relaxed) & 0xfffff),
            type_name,
            options,
            flags: AtomicU32::new(0),
            next_inode: AtomicU64::new(1),
            root: SpinLock::new(rank::LEAF, None),
            root_name: SpinLock::new(rank::LEAF, Weak::new()),
            operations,
            rename: Mutex::new(rank::RENAME, ()),
            owner: Once::new(),
            mounts: AtomicU32::new(0),
            writers: AtomicU32::new(0),
        })?)
    }
    /// Sets the root directory.
    pub fn set_root(&self, root: Arc<Inode>) {
        let old = self.root.lock().replace(root);
        drop(old);
    }
    /// The root directory; ENOENT before it is set and after shut-down.
    pub fn root(&self) -> Result<Arc<Inode>> {
        self.root.lock().clone().ok_or(ENOENT)
    }
    /// The dentry of the root directory, the same for all mounts. ENOENT as for `root`.
    pub fn root_dentry(&self) -> Result<Arc<Dentry>> {
        let fresh = Dentry::root(self.root()?, b"/")?;
        let mut name = self.root_name.lock();
        if let Some(known) = name.upgrade() {
            return Ok(known);
        }
        let replaced = core::mem::replace(&mut *name, Arc::downgrade(&fresh));
        drop(name);
        drop(replaced);
        Ok(fresh)
    }
    /// Takes the root away: root and superblock refer to each other until then.
    pub fn take_root(&self) -> Option<Arc<Inode>> {
        self.root.lock().take()
    }
    /// A number for a new inode, never used before in this file system.
    pub fn next_inode_number(&self) -> u64 {
        self.next_inode.fetch_add(1, Ordering::Relaxed)
    }
    /// st_dev of its files.
    pub fn device(&self) -> DeviceNumber {
        self.device
    }
    /// The type's name, as in /proc/mounts.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }
    /// st_blksize.
    pub fn block_size(&self) -> u32 {
        self.options.block_size
    }
    /// The options it was made with.
    #[inline(always)]
    pub fn options(&self) -> &SuperblockOptions {
        &self.options
    }
    /// Whether statx shows a time of birth.
    pub fn keeps_birth_time(&self) -> bool {
        self.options.birth_time
    }
    /// Flags of [`superblock_flag`].
    pub fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }
    /// Replaces the flags.
    pub fn set_flags(&self, flags: u32) {
        self.flags.store(flags, Ordering::Relaxed);
    }
    /// Whether files are open for writing. May sleep.
    pub fn has_writers(&self) -> bool {
        let any = || self.writers.load(Ordering::SeqCst) != 0;
        any() && {
            // Files that were closed may still wait for readers without counts to end.
            crate::wait::until_deferred_is_dropped();
            any()
        }
    }
    /// Whether nothing can be written.
    pub fn is_read_only(&self) -> bool {
        self.flags() & superblock_flag::READ_ONLY != 0
    }
    /// The operations.
    pub fn operations(&self) -> &dyn SuperblockOperations {
        &*self.operations
    }
    /// The operations as a concrete type.
    pub fn downcast<T: 'static>(&self) -> Option<&T> {
        self.operations.as_any().downcast_ref()
    }
}

/// What mount(2) hands to a file system type.
pub struct MountRequest<'a> {
    /// Who mounts.
    pub task: &'a Task,
    /// The source (device, tag or any text).
    pub source: &'a [u8],
    /// Superblock flags.
    pub flags: u32,
    /// The options: the data argument up to its NUL.
    pub data: &'a [u8],
}

/// A type of file system.
pub trait FileSystemType: Send + Sync {
    /// Its name for mount(2) and /proc/filesystems.
    fn name(&self) -> &'static str;
    /// Whether it needs a block device (without one, /proc/filesystems says nodev).
    fn needs_device(&self) -> bool {
        false
    }
    /// The user namespace that owns what a task mounts: who has CAP_SYS_ADMIN there may mount it. `None`: only who has it in the
    /// first one.
    fn owner(&self, _task: &Task) -> Option<Arc<UserNamespace>> {
        None
    }
    /// Whether words among its options are flags of mount(2) ("ro", "sync", ...).
    fn takes_flags_as_options(&self) -> bool {
        false
    }
    /// Looks at options before anything else is: EINVAL.
    fn check_options(&self, _data: &[u8]) -> Result<()> {
        Ok(())
    }
    /// Whether only the kernel mounts it; programs know its name.
    fn is_internal(&self) -> bool {
        false
    }
    /// Whether it shows things of the system that an owner of mounts may have covered with others: in a mount namespace of another
    /// user namespace it is mounted only where all of it is seen already.
    fn reveals_system(&self) -> bool {
        false
    }
    /// Whether there is one for all, which belongs to the first user namespace whoever mounts it.
    fn is_everybodys(&self) -> bool {
        false
    }
    /// Where what a new mount shows begins.
    fn root(&self, _task: &Task, superblock: &Superblock) -> Result<Arc<Dentry>> {
        superblock.root_dentry()
    }
    /// Makes (or finds) the superblock.
    fn mount(&self, request: &MountRequest) -> Result<Arc<Superblock>>;
}

/// A type that only the kernel mounts: its name is known, and whoever would mount it is refused.
pub struct InternalType(pub &'static str);
impl FileSystemType for InternalType {
    fn name(&self) -> &'static str {
        self.0
    }
    fn is_internal(&self) -> bool {
        true
    }
    fn check_options(&self, data: &[u8]) -> Result<()> {
        if data.iter().all(|byte| *byte == b',') { Ok(()) } else { Err(EINVAL) }
    }
    fn takes_flags_as_options(&self) -> bool {
        true
    }
    fn mount(&self, _: &MountRequest) -> Result<Arc<Superblock>> {
        Err(EINVAL)
    }
}

static TYPES: SpinLock<Vec<&'static dyn FileSystemType>> = SpinLock::new(rank::LEAF, Vec::new());

/// Makes a type known to mount(2); EBUSY if the name is taken.
pub fn register_file_system(file_system: &'static dyn FileSystemType) -> Result<()> {
    let mut grown = Vec::new();
    loop {
        let needed = TYPES.lock().len() + 1;
        grown.try_reserve_exact(needed)?;
        let mut types = TYPES.lock();
        if types.iter().any(|known| known.name() == file_system.name()) {
            return Err(EBUSY);
        }
        if grown.capacity() > types.len() {
            grown.extend_from_slice(&types);
            grown.push(file_system);
            core::mem::swap(&mut *types, &mut grown);
            return Ok(());
        }
    }
}

/// The type of that name; ENODEV.
pub fn find_file_system(name: &[u8]) -> Result<&'static dyn FileSystemType> {
    TYPES.lock().iter().copied().find(|known| known.name().as_bytes() == name).ok_or(ENODEV)
}

/// The name of a type by its place in /proc/filesystems.
pub fn type_at(index: usize) -> Option<&'static str> {
    TYPES.lock().get(index).map(|known| known.name())
}

/// The text of /proc/filesystems.
pub fn file_systems() -> String {
    let mut text = String::new();
    let mut index = 0;
    loop {
        let known = TYPES.lock().get(index).copied();
        let Some(known) = known else { return text };
        text.push_str(if known.needs_device() { "" } else { "nodev" });
        text.push('\t');
        text.push_str(known.name());
        text.push('\n');
        index += 1;
    }
}
