//! A process's root, working directory and umask.
use super::mount::MountNamespace;
use super::path::Path;
use crate::error::*;
use crate::process::namespace::Owner;
use crate::sync::{Mutex, RcuCell, RcuGuard, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};
use machine::memory::try_arc;

/// Root, working directory and mount namespace at one moment.
#[derive(Clone)]
pub struct Places {
    /// Where absolute paths start and ".." ends.
    pub root: Path,
    /// Where relative paths start.
    pub working_directory: Path,
    /// The namespace that mount(2) changes.
    pub namespace: Arc<MountNamespace>,
}

/// What CLONE_FS shares.
pub struct FileSystemContext {
    places: RcuCell<Places>,
    umask: AtomicU32,
    /// Tasks that have it.
    users: AtomicU32,
    /// Changes of the places are one at a time.
    lock: Mutex<()>,
}

impl FileSystemContext {
    /// At the root of a namespace, with umask 022.
    pub fn new(namespace: Arc<MountNamespace>) -> Result<Arc<FileSystemContext>> {
        let root = namespace.root_path();
        Self::with(Places { working_directory: root.clone(), root, namespace }, 0o022)
    }
    fn with(places: Places, umask: u32) -> Result<Arc<FileSystemContext>> {
        Ok(try_arc(FileSystemContext {
            places: RcuCell::new(try_arc(places)?),
            umask: AtomicU32::new(umask),
            users: AtomicU32::new(0),
            lock: Mutex::new(rank::FILE_SYSTEM_CONTEXT, ()),
        })?)
    }
    /// A copy of its own, for a clone without CLONE_FS.
    pub fn copy(&self) -> Result<Arc<FileSystemContext>> {
        Self::with(Places::clone(&self.places.get()), self.umask())
    }
    /// A copy of its own in a copy of the mount namespace (CLONE_NEWNS).
    pub fn copy_with_namespace(&self, owner: &Owner) -> Result<Arc<FileSystemContext>> {
        let mut places = Places::clone(&self.places.get());
        let (namespace, pairs) = places.namespace.copy(owner)?;
        places.namespace = namespace;
        for place in [&mut places.root, &mut places.working_directory] {
            if let Some((_, copy)) = pairs.iter().find(|(original, _)| Arc::ptr_eq(original, &place.mount)) {
                place.mount = copy.clone();
            }
        }
        Self::with(places, self.umask())
    }
    /// One more task has it.
    pub fn join(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }
    /// A task less has it.
    pub fn leave(&self) {
        self.users.fetch_sub(1, Ordering::Relaxed);
    }
    /// How many tasks have it.
    pub fn users(&self) -> u32 {
        self.users.load(Ordering::Relaxed)
    }
    /// The places, borrowed.
    #[inline(always)]
    pub fn read<'a>(&'a self, guard: &'a RcuGuard) -> &'a Places {
        self.places.read(guard)
    }
    /// The places, counted.
    pub fn places(&self) -> Arc<Places> {
        self.places.get()
    }
    /// The root.
    pub fn root(&self) -> Path {
        self.read(&RcuGuard::new()).root.clone()
    }
    /// The working directory.
    pub fn working_directory(&self) -> Path {
        self.read(&RcuGuard::new()).working_directory.clone()
    }
    /// The mount namespace.
    pub fn namespace(&self) -> Arc<MountNamespace> {
        self.read(&RcuGuard::new()).namespace.clone()
    }
    /// Changes the places.
    pub fn change(&self, change: impl FnOnce(&mut Places)) -> Result<()> {
        let _guard = self.lock.lock();
        let mut places = Places::clone(&self.places.get());
        change(&mut places);
        self.places.replace(try_arc(places)?);
        Ok(())
    }
    /// The mask of new files' modes.
    #[inline(always)]
    pub fn umask(&self) -> u32 {
        self.umask.load(Ordering::Relaxed)
    }
    /// Replaces the mask; the old one.
    pub fn set_umask(&self, mask: u32) -> u32 {
        self.umask.swap(mask & 0o777, Ordering::Relaxed)
    }
}
