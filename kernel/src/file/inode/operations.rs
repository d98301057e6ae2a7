//! What a file system does with its inodes.
use super::super::attributes::*;
use super::super::path::Path;
use super::super::{FileOperations, regular};
use super::{Inode, UserFlags};
use crate::error::*;
use crate::process::Credentials;
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::any::Any;

/// Where a symbolic link leads.
pub enum LinkTarget {
    /// A path to go on with.
    Text(Vec<u8>),
    /// Straight to a place, whatever its name ("magic" links such as /proc/PID/fd/N, exe, root, cwd).
    Jump(Path),
}

/// One entry as `iterate` finds it.
pub struct DirectoryEntry<'a> {
    /// Inode number.
    pub inode: u64,
    /// Type, `None` if unknown.
    pub kind: FileType,
    /// Name.
    pub name: &'a [u8],
    /// The cursor of the entry after this one (d_off).
    pub next: u64,
}

/// What a file system does with its inodes. The defaults are those of a file system without the thing in question.
///
/// Directory methods are called with the directory locked (`lookup` and `iterate` shared, the others exclusively), with
/// permissions, name length, existence and read-only mounts checked, names never "." or ".." or empty. They keep link counts
/// and times of the inodes involved up to date. All may sleep unless said otherwise.
#[allow(unused_variables)]
pub trait InodeOperations: Any + Send + Sync {
    /// Finds an entry; ENOENT if there is none (then a negative dentry is kept as the superblock's options say).
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        Err(ENOTDIR)
    }
    /// Whether a cached entry may be used without asking (no sleep); called on the child when the superblock's `revalidates` is
    /// set. False sends the walk to `revalidate` of the directory.
    fn is_fresh(&self, inode: &Inode) -> bool {
        true
    }
    /// Whether a cached entry still holds (may ask a server). False drops it and looks it up again.
    fn revalidate(&self, directory: &Arc<Inode>, name: &[u8], child: &Arc<Inode>) -> Result<bool> {
        Ok(true)
    }
    /// Makes a regular file, directory, device node, FIFO or socket, as `new.mode` says.
    fn create(&self, directory: &Arc<Inode>, name: &[u8], new: &NewInode) -> Result<Arc<Inode>> {
        Err(EPERM)
    }
    /// Makes a symbolic link.
    fn create_link(&self, directory: &Arc<Inode>, name: &[u8], target: &[u8], new: &NewInode) -> Result<Arc<Inode>> {
        Err(EPERM)
    }
    /// Makes a regular file without a name (O_TMPFILE), with a link count of 0.
    fn create_unnamed(&self, directory: &Arc<Inode>, new: &NewInode) -> Result<Arc<Inode>> {
        Err(EOPNOTSUPP)
    }
    /// Gives an inode another name.
    fn link(&self, directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        Err(EPERM)
    }
    /// Removes a name of something that is not a directory.
    fn unlink(&self, directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        Err(EPERM)
    }
    /// Removes an empty directory; ENOTEMPTY.
    fn remove_directory(&self, directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        Err(EPERM)
    }
    /// Renames. An existing target of a fitting type is in `request.replaced` (ENOTEMPTY if it is a directory with entries).
    fn rename(&self, request: &RenameRequest) -> Result<()> {
        Err(EPERM)
    }
    /// Hands the entries from cursor `from` on (2 is the first: 0 and 1 are "." and "..", which the VFS adds) to `emit` until
    /// it says false. Cursors only need to be stable while an entry exists.
    fn iterate(&self, directory: &Arc<Inode>, from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
        Err(ENOTDIR)
    }
    /// Where a symbolic link leads when followed.
    fn follow_link(&self, inode: &Arc<Inode>) -> Result<LinkTarget> {
        Err(EINVAL)
    }
    /// The text of a link kept in memory (no sleep), for walks without locks. `None` sends the walk to `follow_link`.
    fn link_in_memory(&self) -> Option<&[u8]> {
        None
    }
    /// What readlink(2) shows; only links whose text differs from where they lead (magic links) need their own.
    fn read_link(&self, inode: &Arc<Inode>) -> Result<Vec<u8>> {
        match self.follow_link(inode)? {
            LinkTarget::Text(text) => Ok(text),
            LinkTarget::Jump(_) => Err(EINVAL),
        }
    }
    /// The operations of a newly opened regular file or directory (other types are opened by the VFS, directories' entries
    /// come from `iterate`). The default serves regular files from the page cache.
    fn open(&self, inode: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>> {
        regular::open(inode)
    }
    /// Brings the inode's attributes up to date before they are shown.
    fn refresh(&self, inode: &Arc<Inode>) -> Result<()> {
        Ok(())
    }
    /// Changes attributes. The default changes the inode and truncates its page cache.
    fn set_attributes(&self, inode: &Arc<Inode>, changes: &AttributeChanges) -> Result<()> {
        inode.apply(changes)
    }
    /// Whether `access` is allowed (no sleep). The default looks at mode, owner, group and capabilities.
    fn permission(&self, inode: &Inode, credentials: &Credentials, access: Access) -> Result<()> {
        inode.check_mode(credentials, access)
    }
    /// The flags that users set; ENOTTY where the file system keeps none.
    fn user_flags(&self, inode: &Inode) -> Result<UserFlags> {
        Err(ENOTTY)
    }
    /// Sets them; EOPNOTSUPP for those it does not keep. The inode is locked.
    fn set_user_flags(&self, inode: &Inode, flags: UserFlags) -> Result<()> {
        Err(ENOTTY)
    }
    /// fallocate(2) on a regular file.
    fn allocate(&self, inode: &Arc<Inode>, mode: u32, offset: u64, length: u64) -> Result<()> {
        Err(EOPNOTSUPP)
    }
    /// Before so many pages are added to the page cache by a write: refuses what does not fit (ENOSPC). The inode is locked.
    fn reserve(&self, inode: &Inode, pages: u64) -> Result<()> {
        Ok(())
    }
    /// After pages came or went: a chance to count them.
    fn settle(&self, inode: &Inode) {}
    /// Allocated blocks of 512 bytes.
    fn blocks(&self, inode: &Inode) -> u64 {
        inode.size().div_ceil(512)
    }
    /// Writes data and attributes to the backing store (fsync).
    fn sync(&self, inode: &Inode, data_only: bool) -> Result<()> {
        match inode.mapping() {
            Some(mapping) => mapping.sync(),
            None => Ok(()),
        }
    }
    /// An extended attribute's value; ENODATA.
    fn extended_attribute(&self, inode: &Inode, name: &[u8]) -> Result<Vec<u8>> {
        Err(EOPNOTSUPP)
    }
    /// Sets one. `create`: EEXIST if there; `replace`: ENODATA if not.
    fn set_extended_attribute(
        &self,
        inode: &Inode,
        name: &[u8],
        value: &[u8],
        create: bool,
        replace: bool,
    ) -> Result<()> {
        Err(EOPNOTSUPP)
    }
    /// Removes one; ENODATA.
    fn remove_extended_attribute(&self, inode: &Inode, name: &[u8]) -> Result<()> {
        Err(EOPNOTSUPP)
    }
    /// All names, each with a NUL.
    fn extended_attribute_names(&self, inode: &Inode) -> Result<Vec<u8>> {
        Err(EOPNOTSUPP)
    }
    /// For downcasts.
    fn as_any(&self) -> &dyn Any;
}

/// What a rename does.
pub struct RenameRequest<'a> {
    /// Directory that loses the entry.
    pub from: &'a Arc<Inode>,
    /// Name there.
    pub from_name: &'a [u8],
    /// What is renamed.
    pub inode: &'a Arc<Inode>,
    /// Directory that gets it (may be the same).
    pub to: &'a Arc<Inode>,
    /// Name there.
    pub to_name: &'a [u8],
    /// What had the new name: replaced, or exchanged.
    pub replaced: Option<&'a Arc<Inode>>,
    /// RENAME_EXCHANGE.
    pub exchange: bool,
    /// RENAME_WHITEOUT.
    pub whiteout: bool,
}
