//! A place in the tree: a dentry seen through a mount.
use super::dentry::{self, Dentry};
use super::inode::Inode;
use super::mount::Mount;
use crate::error::*;
use crate::sync::RcuGuard;
use alloc::{sync::Arc, vec::Vec};

/// A place in the tree of a mount namespace.
#[derive(Clone)]
pub struct Path {
    /// Through which mount.
    pub mount: Arc<Mount>,
    /// Which name there.
    pub dentry: Arc<Dentry>,
}

/// Notes a read of an inode through a mount, as the mount's flags say. Does not sleep.
pub fn note_access(mount: &Mount, inode: &Inode) {
    use super::mount::mount_flag;
    let flags = mount.flags();
    let quiet = mount_flag::NO_ACCESS_TIME | mount_flag::READ_ONLY;
    if flags & quiet != 0 || flags & mount_flag::NO_DIRECTORY_ACCESS_TIME != 0 && inode.is_directory() {
        return;
    }
    if !inode.superblock().is_read_only() {
        inode.touch_accessed();
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.mount, &other.mount) && Arc::ptr_eq(&self.dentry, &other.dentry)
    }
}

impl Path {
    /// The inode; ENOENT for a name that is missing.
    pub fn inode(&self) -> Result<&Arc<Inode>> {
        self.dentry.inode().ok_or(ENOENT)
    }
    /// Whether writing is refused here, by the mount or by the file system (EROFS).
    pub fn check_writable(&self) -> Result<()> {
        let read_only = self.mount.is_read_only() || self.dentry.superblock().is_read_only();
        if read_only { Err(EROFS) } else { Ok(()) }
    }
    /// Notes a read of what is here, as the mount's flags say.
    pub fn touch_accessed(&self) {
        if let Some(inode) = self.dentry.inode() {
            note_access(&self.mount, inode);
        }
    }
    /// The absolute path below `root` as the kernel prints it (d_path): " (deleted)" appended for removed names,
    /// of what is outside of `root` as much as there is up to the root of its own mounts, the name alone for anonymous files.
    pub fn to_bytes(&self, root: &Path) -> Result<Vec<u8>> {
        let anonymous = self.mount.is_internal();
        if anonymous {
            return self.dentry.name_bytes();
        }
        let (mut text, _) = self.walk_up(root)?;
        if self.dentry.is_deleted() {
            text.try_reserve(10)?;
            text.extend_from_slice(b" (deleted)");
        }
        Ok(text)
    }
    /// The path below `root` and whether `root` was reached.
    pub fn walk_up(&self, root: &Path) -> Result<(Vec<u8>, bool)> {
        let mut reversed = Vec::new();
        loop {
            reversed.clear();
            let begun = dentry::RENAMES.begin();
            match self.collect(root, &mut reversed)? {
                Some(reached) if dentry::RENAMES.is_current(begun) => {
                    if reversed.is_empty() {
                        reversed.try_reserve(1)?;
                        reversed.push(b'/');
                    }
                    reversed.reverse();
                    return Ok((reversed, reached));
                }
                Some(_) => {}
                None => {
                    let room = reversed.capacity().max(128) * 2;
                    if room > 1 << 20 {
                        return Err(ENAMETOOLONG);
                    }
                    reversed.clear();
                    reversed.try_reserve_exact(room)?;
                }
            }
        }
    }
    /// Pushes the path's bytes in reverse without allocating; `None` if there is no room, else whether `root` was reached.
    fn collect(&self, root: &Path, reversed: &mut Vec<u8>) -> Result<Option<bool>> {
        let guard = RcuGuard::new();
        let (mut mount, mut dentry): (&Arc<Mount>, &Arc<Dentry>) = (&self.mount, &self.dentry);
        loop {
            if Arc::ptr_eq(mount, &root.mount) && Arc::ptr_eq(dentry, &root.dentry) {
                return Ok(Some(true));
            }
            if Arc::ptr_eq(dentry, mount.root()) {
                match mount.place(&guard) {
                    Some(place) => {
                        mount = &place.mount;
                        dentry = &place.dentry;
                        continue;
                    }
                    None => return Ok(Some(false)),
                }
            }
            let place = dentry.place(&guard);
            let Some(parent) = &place.parent else { return Ok(Some(false)) };
            if reversed.capacity() - reversed.len() < place.name.len() + 1 {
                return Ok(None);
            }
            reversed.extend(place.name.iter().rev());
            reversed.push(b'/');
            dentry = parent;
        }
    }
}
