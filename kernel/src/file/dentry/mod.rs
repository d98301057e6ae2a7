//! Dentries (names in directories) and their cache.
//!
//! A dentry never changes from missing to existing or back: making or removing a file puts another dentry in its place. Only
//! its place (parent and name) changes, by rename. So a reader needs no lock and no count: it finds dentries in buckets that
//! are replaced whole, and everything it sees was true at some moment of its walk.
mod cache;
mod rename;

pub use cache::{
    add, forget_unused, hash_of, initialize, lookup, lookup_counted, missing_uncached, publish, purge, remove,
};
pub use rename::{RENAMES, rename};

use super::inode::Inode;
use super::superblock::Superblock;
use crate::error::*;
use crate::sync::{RcuCell, RcuGuard};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicU32, Ordering, fence};
use machine::memory::try_arc;

/// Where a dentry is.
pub struct Place {
    /// The directory; `None` for roots and anonymous files.
    pub parent: Option<Arc<Dentry>>,
    /// The name in it.
    pub name: Box<[u8]>,
}

/// Something is mounted here, in some namespace.
const MOUNTED: u32 = 1;
/// The name was removed.
const DELETED: u32 = 2;
/// Dropped from the cache while nobody used it.
const EVICTED: u32 = 4;
/// Used since the last look of the eviction.
const REFERENCED: u32 = 8;

/// A name in a directory, existing or known to be missing.
pub struct Dentry {
    inode: Option<Arc<Inode>>,
    superblock: Arc<Superblock>,
    place: RcuCell<Place>,
    flags: AtomicU32,
    /// For missing names: monotonic milliseconds until which that is believed, 0 for ever.
    expires: AtomicU32,
}

fn milliseconds() -> u32 {
    ((machine::time::monotonic() / 1_000_000) as u32).max(1)
}

impl Dentry {
    fn new(
        inode: Option<Arc<Inode>>,
        superblock: Arc<Superblock>,
        parent: Option<Arc<Dentry>>,
        name: &[u8],
    ) -> Result<Arc<Dentry>> {
        let place = try_arc(Place { parent, name: copy_name(name)? })?;
        Ok(try_arc(Dentry {
            inode,
            superblock,
            place: RcuCell::new(place),
            flags: AtomicU32::new(0),
            expires: AtomicU32::new(0),
        })?)
    }
    /// A dentry without a parent: the root of a file system, or an anonymous file with the name that /proc/PID/fd shows.
    pub fn root(inode: Arc<Inode>, name: &[u8]) -> Result<Arc<Dentry>> {
        let superblock = inode.superblock().clone();
        Self::new(Some(inode), superblock, None, name)
    }
    /// A file without a name in `parent` (O_TMPFILE): shown as `/#NUMBER (deleted)`.
    pub fn unnamed(parent: &Arc<Dentry>, inode: Arc<Inode>, name: &[u8]) -> Result<Arc<Dentry>> {
        let superblock = inode.superblock().clone();
        let dentry = Self::new(Some(inode), superblock, Some(parent.clone()), name)?;
        dentry.flags.fetch_or(DELETED, Ordering::Relaxed);
        Ok(dentry)
    }
    /// The inode, `None` for a name that is missing.
    #[inline(always)]
    pub fn inode(&self) -> Option<&Arc<Inode>> {
        self.inode.as_ref()
    }
    /// The file system it belongs to.
    pub fn superblock(&self) -> &Arc<Superblock> {
        &self.superblock
    }
    /// Parent and name, for as long as the guard lives.
    #[inline(always)]
    pub fn place<'a>(&'a self, guard: &'a RcuGuard) -> &'a Place {
        self.place.read(guard)
    }
    /// The parent; `None` for roots.
    pub fn parent(&self) -> Option<Arc<Dentry>> {
        self.place(&RcuGuard::new()).parent.clone()
    }
    /// A copy of the name.
    pub fn name_bytes(&self) -> Result<Vec<u8>> {
        let place = self.place.get();
        let mut name = Vec::new();
        name.try_reserve_exact(place.name.len())?;
        name.extend_from_slice(&place.name);
        Ok(name)
    }
    /// Whether the name was removed.
    pub fn is_deleted(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & DELETED != 0
    }
    /// Whether something may be mounted here.
    #[inline(always)]
    pub fn is_mount_point(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & MOUNTED != 0
    }
    /// Notes that something is mounted here (never taken back while the dentry lives: the mounts decide).
    pub fn set_mount_point(&self) {
        self.flags.fetch_or(MOUNTED, Ordering::SeqCst);
    }
    /// Whether a walk that took a reference without locks must start over.
    #[inline(always)]
    pub fn is_evicted(&self) -> bool {
        fence(Ordering::SeqCst);
        self.flags.load(Ordering::Relaxed) & EVICTED != 0
    }
    /// Whether what is cached may be used without asking the file system (no sleep).
    #[inline(always)]
    pub fn is_fresh(&self) -> bool {
        let options = self.superblock.options();
        match &self.inode {
            Some(inode) => !options.revalidates || inode.operations().is_fresh(inode),
            None => {
                let expires = self.expires.load(Ordering::Relaxed);
                expires == 0 || (expires.wrapping_sub(milliseconds()) as i32) > 0
            }
        }
    }
    /// Notes use, for the eviction.
    #[inline(always)]
    fn touch(&self) {
        if self.flags.load(Ordering::Relaxed) & REFERENCED == 0 {
            self.flags.fetch_or(REFERENCED, Ordering::Relaxed);
        }
    }
    /// Whether `ancestor` is this dentry or above it in the same file system.
    pub fn is_below(&self, ancestor: &Arc<Dentry>) -> bool {
        let guard = RcuGuard::new();
        let mut at = self;
        loop {
            if core::ptr::eq(at, &**ancestor) {
                return true;
            }
            match &at.place(&guard).parent {
                Some(parent) => at = parent,
                None => return false,
            }
        }
    }
    fn take_parent(&mut self) -> Option<Arc<Dentry>> {
        Arc::get_mut(self.place.get_mut()).and_then(|place| place.parent.take())
    }
}

impl Drop for Dentry {
    /// Drops the chain of parents that only this dentry kept alive step by step: it may be longer than the stack is deep.
    fn drop(&mut self) {
        let mut next = self.take_parent();
        while let Some(mut parent) = next.and_then(Arc::into_inner) {
            next = parent.take_parent();
        }
    }
}

fn copy_name(name: &[u8]) -> Result<Box<[u8]>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(name.len())?;
    copy.extend_from_slice(name);
    Ok(copy.into_boxed_slice())
}
