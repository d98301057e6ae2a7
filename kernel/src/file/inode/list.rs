//! Lists of inodes that do not keep what they list.
use super::Inode;
use crate::error::*;
use crate::sync::{Mutex, rank};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

/// Inodes, as long as they live. One that is gone leaves its memory only when its place is needed or the list is trimmed.
pub struct InodeList(Mutex<Vec<Weak<Inode>>>);

impl InodeList {
    /// An empty list.
    pub(in crate::file) const fn new() -> InodeList {
        InodeList(Mutex::new(rank::INODE_LISTS, Vec::new()))
    }
    /// Adds an inode that is not listed. ENOMEM.
    pub fn add(&self, inode: &Arc<Inode>) -> Result<()> {
        let mut inodes = self.0.lock();
        if inodes.len() == inodes.capacity() {
            inodes.retain(|inode| inode.strong_count() > 0);
        }
        inodes.try_reserve(1)?;
        inodes.push(Arc::downgrade(inode));
        Ok(())
    }
    /// Those that live. ENOMEM.
    pub fn living(&self) -> Result<Vec<Arc<Inode>>> {
        let mut found = Vec::new();
        let inodes = self.0.lock();
        found.try_reserve_exact(inodes.len())?;
        found.extend(inodes.iter().filter_map(Weak::upgrade));
        Ok(found)
    }
    /// Gives back the memory of those that are gone.
    pub fn trim(&self) {
        let mut inodes = self.0.lock();
        inodes.retain(|inode| inode.strong_count() > 0);
        inodes.shrink_to_fit();
    }
}
