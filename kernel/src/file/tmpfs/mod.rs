//! tmpfs(5): files in memory. Also the first root ("rootfs") and devtmpfs.
mod entries;
mod node;
mod options;

pub use node::Node;
pub use options::Options;

use super::attributes::{DeviceNumber, FileType, NewInode};
use super::inode::Inode;
use super::superblock::*;
use crate::error::*;
use crate::process::Task;
use crate::process::namespace::UserNamespace;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use machine::memory::{PAGE_SIZE, try_arc, try_box};

/// TMPFS_MAGIC.
const MAGIC: u64 = 0x0102_1994;

/// How much of a tmpfs is used; shared with its inodes, which give back what they hold.
pub struct Usage {
    /// Pages in use.
    pages: AtomicU64,
    /// Most pages, 0 for no limit.
    most_pages: AtomicU64,
    /// Inodes in use.
    inodes: AtomicU64,
    /// Most inodes, 0 for no limit.
    most_inodes: AtomicU64,
}
impl Usage {
    /// Whether so many pages more fit; ENOSPC. They are counted when they are there (`change_pages`).
    fn check_pages(&self, more: u64) -> Result<()> {
        let most = self.most_pages.load(Ordering::Relaxed);
        let used = self.pages.load(Ordering::Relaxed);
        if most != 0 && used.saturating_add(more) > most { Err(ENOSPC) } else { Ok(()) }
    }
    fn change_pages(&self, before: u64, after: u64) {
        self.pages.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }
    /// Counts an inode; ENOSPC.
    fn add_inode(&self) -> Result<()> {
        let most = self.most_inodes.load(Ordering::Relaxed);
        let add = |used: u64| (most == 0 || used < most).then(|| used + 1);
        self.inodes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).map(|_| ()).map_err(|_| ENOSPC)
    }
    fn remove_inode(&self) {
        self.inodes.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One tmpfs.
pub struct Tmpfs {
    usage: Arc<Usage>,
    options: crate::sync::SpinLock<Options>,
}

impl Tmpfs {
    /// Makes a tmpfs under the name that /proc/mounts shows as its type.
    pub fn create(type_name: &'static str, options: Options) -> Result<Arc<Superblock>> {
        let usage = try_arc(Usage {
            pages: AtomicU64::new(0),
            most_pages: AtomicU64::new(options.pages()),
            inodes: AtomicU64::new(0),
            most_inodes: AtomicU64::new(options.inodes()),
        })?;
        let superblock_options = SuperblockOptions { magic: MAGIC, birth_time: true, ..SuperblockOptions::default() };
        let root = NewInode {
            mode: FileType::Directory as u32 | options.mode.unwrap_or(0o1777),
            user: options.user.unwrap_or(0),
            group: options.group.unwrap_or(0),
            device: DeviceNumber::default(),
        };
        let operations = Tmpfs { usage, options: crate::sync::SpinLock::new(crate::sync::rank::LEAF, options) };
        let superblock = Superblock::new(type_name, superblock_options, try_box(operations)?)?;
        superblock.set_root(Node::make(&superblock, &root, None)?);
        Ok(superblock)
    }
    /// A regular file without a name in a tmpfs of the kernel's own (memfd_create, System V and POSIX shared memory).
    pub fn unnamed_file(superblock: &Arc<Superblock>, mode: u32, user: u32, group: u32) -> Result<Arc<Inode>> {
        let new = NewInode { mode: FileType::Regular as u32 | mode, user, group, device: DeviceNumber::default() };
        let inode = Node::make(superblock, &new, None)?;
        inode.set_links(0);
        Ok(inode)
    }
}

impl SuperblockOperations for Tmpfs {
    fn statistics(&self, _: &Superblock) -> Result<FileSystemStatistics> {
        let (blocks, inodes) =
            (self.usage.most_pages.load(Ordering::Relaxed), self.usage.most_inodes.load(Ordering::Relaxed));
        let free = blocks.saturating_sub(self.usage.pages.load(Ordering::Relaxed));
        let free_inodes = inodes.saturating_sub(self.usage.inodes.load(Ordering::Relaxed));
        Ok(FileSystemStatistics { blocks, free, available: free, inodes, free_inodes })
    }
    fn remount(&self, _: &Superblock, data: &[u8]) -> Result<()> {
        let changes = Options::parse(data)?;
        let mut options = self.options.lock();
        if changes.size.is_some() {
            let used = self.usage.pages.load(Ordering::Relaxed);
            if changes.pages() != 0 && changes.pages() < used {
                return Err(EINVAL.because("smaller than what is used"));
            }
            options.size = changes.size;
            self.usage.most_pages.store(options.pages(), Ordering::Relaxed);
        }
        if changes.inode_limit.is_some() {
            let used = self.usage.inodes.load(Ordering::Relaxed);
            if changes.inodes() != 0 && changes.inodes() < used {
                return Err(EINVAL.because("fewer inodes than are used"));
            }
            options.inode_limit = changes.inode_limit;
            self.usage.most_inodes.store(options.inodes(), Ordering::Relaxed);
        }
        Ok(())
    }
    fn has_removed_files(&self, superblock: &Superblock) -> Result<bool> {
        // Files that were given up may still wait for readers without counts to end.
        crate::wait::until_deferred_is_dropped();
        let all = self.usage.inodes.load(Ordering::Relaxed);
        Ok(all > node::count_named(&superblock.root()?)?)
    }
    fn show_options(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let options = *self.options.lock();
        if let Some(size) = options.size {
            write!(out, ",size={}k", size.div_ceil(PAGE_SIZE as u64) * (PAGE_SIZE as u64 / 1024))?;
        }
        if let Some(inodes) = options.inode_limit {
            write!(out, ",nr_inodes={inodes}")?;
        }
        if let Some(mode) = options.mode.filter(|mode| *mode != 0o1777) {
            write!(out, ",mode={mode:03o}")?;
        }
        if let Some(user) = options.user.filter(|user| *user != 0) {
            write!(out, ",uid={user}")?;
        }
        if let Some(group) = options.group.filter(|group| *group != 0) {
            write!(out, ",gid={group}")?;
        }
        write!(out, ",inode{}", if options.narrow_inodes { 32 } else { 64 })
    }
    fn shut_down(&self, superblock: &Superblock) {
        if let Some(root) = superblock.take_root() {
            node::dissolve(root);
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The type that mount(2) knows.
pub struct TmpfsType;
impl FileSystemType for TmpfsType {
    fn name(&self) -> &'static str {
        "tmpfs"
    }
    fn owner(&self, task: &Task) -> Option<Arc<UserNamespace>> {
        Some(task.credentials().namespace.clone())
    }
    fn takes_flags_as_options(&self) -> bool {
        true
    }
    fn check_options(&self, data: &[u8]) -> Result<()> {
        Options::parse(data).map(|_| ())
    }
    fn mount(&self, request: &MountRequest) -> Result<Arc<Superblock>> {
        let superblock = Tmpfs::create("tmpfs", Options::parse(request.data)?.of(&request.task.credentials())?)?;
        superblock.set_flags(request.flags);
        Ok(superblock)
    }
}
