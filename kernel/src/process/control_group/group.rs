//! One control group, and its place in the tree.
use super::{HIERARCHY, event};
use crate::error::*;
use crate::file::Inode;
use crate::sync::{RwLock, SpinLock, rank};
use crate::wait::WaitQueue;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use machine::memory::try_arc;

/// The value of a limit that limits nothing.
pub const UNLIMITED: u32 = i32::MAX as u32;
/// The most files that a group's directory has, itself included.
pub const INODES: usize = 16;

/// The root's is 0.
static NEXT_SERIAL: AtomicU64 = AtomicU64::new(0);

/// A control group.
pub struct ControlGroup {
    name: Box<[u8]>,
    /// Groups have numbers in the order they were made.
    pub serial: u64,
    /// Distance from the root.
    pub level: u32,
    parent: Option<Arc<ControlGroup>>,
    /// In the order of their numbers.
    children: RwLock<Vec<Arc<ControlGroup>>>,
    dead: AtomicBool,
    /// Who made it, which is who owns its directory and its files at first: user and group.
    pub owner: (u32, u32),
    /// The level of the root of its threaded domain: its own where it is a domain.
    pub(super) domain_level: AtomicU32,
    /// Children that are threaded.
    pub(super) threaded_children: AtomicU32,
    /// cgroup.max.depth.
    pub depth_limit: AtomicU32,
    /// cgroup.max.descendants.
    pub descendants_limit: AtomicU32,
    descendants: AtomicU32,
    dying: AtomicU32,
    /// Tasks in it that have not ended; the root has no such count.
    pub(super) tasks: AtomicU32,
    /// Those of them that are frozen, or stopped.
    pub(super) frozen_tasks: AtomicU32,
    /// cgroup.freeze: what was asked for.
    pub freeze: AtomicBool,
    /// Whether its tasks are to freeze, because of it or of a group above.
    pub(super) freezes: AtomicBool,
    /// Odd while all in it are being killed.
    pub(super) kills: AtomicU32,
    /// What cgroup.events shows, and what follows from it for the groups above.
    pub(super) state: event::State,
    /// Counts changes of cgroup.events.
    pub events: AtomicU32,
    /// Who polls cgroup.events.
    pub watchers: Arc<WaitQueue>,
    /// The inodes of its directory and its files, once somebody has asked for them.
    pub inodes: SpinLock<[Option<Arc<Inode>>; INODES]>,
}

impl ControlGroup {
    fn make(parent: Option<Arc<ControlGroup>>, name: &[u8], owner: (u32, u32)) -> Result<Arc<ControlGroup>> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(name.len())?;
        copy.extend_from_slice(name);
        let level = parent.as_ref().map_or(0, |parent| parent.level + 1);
        let freezes = parent.as_ref().is_some_and(|parent| parent.freezes());
        Ok(try_arc(ControlGroup {
            name: copy.into_boxed_slice(),
            serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
            level,
            parent,
            children: RwLock::new(rank::CONTROL_GROUP, Vec::new()),
            dead: AtomicBool::new(false),
            owner,
            domain_level: AtomicU32::new(level),
            threaded_children: AtomicU32::new(0),
            depth_limit: AtomicU32::new(UNLIMITED),
            descendants_limit: AtomicU32::new(UNLIMITED),
            descendants: AtomicU32::new(0),
            dying: AtomicU32::new(0),
            tasks: AtomicU32::new(0),
            frozen_tasks: AtomicU32::new(0),
            freeze: AtomicBool::new(false),
            freezes: AtomicBool::new(freezes),
            kills: AtomicU32::new(0),
            state: event::State::new(freezes),
            events: AtomicU32::new(1),
            watchers: try_arc(WaitQueue::new())?,
            inodes: SpinLock::new(rank::LEAF, [const { None }; INODES]),
        })?)
    }
    /// The root; once.
    pub fn root() -> Result<Arc<ControlGroup>> {
        Self::make(None, b"", (0, 0))
    }
    /// Makes a group in this one. EAGAIN where a limit is reached, ENODEV in one that was removed. The name is free: the directory
    /// is locked.
    pub fn add(self: &Arc<Self>, name: &[u8], owner: (u32, u32)) -> Result<Arc<ControlGroup>> {
        let _tree = HIERARCHY.lock();
        if self.is_dead() {
            return Err(ENODEV);
        }
        for (above, depth) in self.line().zip(1..) {
            let full = above.descendants() >= above.descendants_limit.load(Ordering::Relaxed);
            if full || depth > above.depth_limit.load(Ordering::Relaxed) {
                return Err(EAGAIN.because("cgroup.max.descendants or cgroup.max.depth"));
            }
        }
        let child = Self::make(Some(self.clone()), name, owner)?;
        let mut children = self.children.write();
        children.try_reserve(1)?;
        children.push(child.clone());
        drop(children);
        for above in self.line() {
            above.descendants.fetch_add(1, Ordering::Relaxed);
        }
        event::add_child(self, &child);
        Ok(child)
    }
    /// Removes the group from the tree. EBUSY while there are groups or tasks in it.
    pub fn remove(self: &Arc<Self>) -> Result<()> {
        let _tree = HIERARCHY.lock();
        let Some(parent) = &self.parent else { return Err(EBUSY) };
        if self.tasks.load(Ordering::SeqCst) != 0 || self.state.is_populated() || !self.children.read().is_empty() {
            return Err(EBUSY);
        }
        self.dead.store(true, Ordering::SeqCst);
        let mut children = parent.children.write();
        let place = children.binary_search_by_key(&self.serial, |child| child.serial);
        let removed = place.map(|place| children.remove(place));
        drop(children);
        drop(removed);
        if self.is_threaded() {
            parent.threaded_children.fetch_sub(1, Ordering::Relaxed);
        }
        for above in parent.line() {
            above.descendants.fetch_sub(1, Ordering::Relaxed);
            above.dying.fetch_add(1, Ordering::Relaxed);
        }
        event::remove_child(parent, self);
        drop(_tree);
        let inodes = core::mem::replace(&mut *self.inodes.lock(), [const { None }; INODES]);
        for inode in inodes.iter().flatten().filter(|inode| !inode.is_directory()) {
            inode.set_links(0);
            crate::file::notify::gone_if_unused(inode);
        }
        Ok(())
    }
    /// The name in its parent.
    pub fn name(&self) -> &[u8] {
        &self.name
    }
    /// The group it is in; `None` for the root.
    pub fn parent(&self) -> Option<&Arc<ControlGroup>> {
        self.parent.as_ref()
    }
    /// Whether it was removed.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }
    /// Groups below it, at whatever depth.
    pub fn descendants(&self) -> u32 {
        self.descendants.load(Ordering::Relaxed)
    }
    /// Removed groups below it that somebody still refers to.
    pub fn dying(&self) -> u32 {
        self.dying.load(Ordering::Relaxed)
    }
    /// Groups in it.
    pub fn child_count(&self) -> usize {
        self.children.read().len()
    }
    /// The group of a name in it.
    pub fn child(&self, name: &[u8]) -> Option<Arc<ControlGroup>> {
        self.children.read().iter().find(|child| *child.name == *name).cloned()
    }
    /// The first of its groups with this number or a higher one.
    pub fn child_from(&self, serial: u64) -> Option<Arc<ControlGroup>> {
        let children = self.children.read();
        let place = children.partition_point(|child| child.serial < serial);
        children.get(place).cloned()
    }
    /// The group itself, its parent, and so on up to the root.
    pub fn line(self: &Arc<Self>) -> impl Iterator<Item = &Arc<ControlGroup>> {
        core::iter::successors(Some(self), |group| group.parent.as_ref())
    }
    /// Whether it is `other`, or below it.
    pub fn is_within(self: &Arc<Self>, other: &Arc<ControlGroup>) -> bool {
        self.line().find(|above| above.level <= other.level).is_some_and(|above| Arc::ptr_eq(above, other))
    }
    /// The nearest group that both are within.
    pub fn common<'a>(self: &'a Arc<Self>, other: &Arc<ControlGroup>) -> &'a Arc<ControlGroup> {
        self.line().find(|above| other.is_within(above)).unwrap_or(self)
    }
    /// Calls `visit` for the group and all below it, parents first. The hierarchy is locked.
    pub(super) fn for_each_within(self: &Arc<Self>, mut visit: impl FnMut(&Arc<ControlGroup>)) {
        let mut at = self.clone();
        visit(&at);
        let mut from = 0;
        loop {
            if let Some(child) = at.child_from(from) {
                visit(&child);
                (at, from) = (child, 0);
                continue;
            }
            if Arc::ptr_eq(&at, self) {
                return;
            }
            let Some(parent) = at.parent.clone() else { return };
            (from, at) = (at.serial + 1, parent);
        }
    }
    /// The path as seen from `root`: "/" for that itself, with "/.." for each step up.
    pub fn path_from(self: &Arc<Self>, root: &Arc<ControlGroup>) -> Result<Vec<u8>> {
        let common = self.common(root);
        let up = (root.level - common.level) as usize;
        let down = || self.line().take((self.level - common.level) as usize);
        let length: usize = down().map(|group| group.name.len() + 1).sum();
        let mut path = Vec::new();
        path.try_reserve_exact((up * 3 + length).max(1))?;
        for _ in 0..up {
            path.extend_from_slice(b"/..");
        }
        let start = path.len();
        // Backwards first, since the way leads upwards.
        for group in down() {
            path.extend(group.name.iter().rev());
            path.push(b'/');
        }
        path.get_mut(start..).unwrap_or_default().reverse();
        if path.is_empty() {
            path.push(b'/');
        }
        Ok(path)
    }
}

impl ControlGroup {
    /// Takes back what it counts for, and gives the parent that it kept.
    fn end(&mut self) -> Option<Arc<ControlGroup>> {
        if core::mem::take(self.dead.get_mut())
            && let Some(parent) = &self.parent
        {
            for above in parent.line() {
                above.dying.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.parent.take()
    }
}
impl Drop for ControlGroup {
    /// A long line of groups ends step by step, not in each other's drop.
    fn drop(&mut self) {
        let mut above = self.end();
        while let Some(mut last) = above.and_then(Arc::into_inner) {
            above = last.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(group: &Arc<ControlGroup>, root: &Arc<ControlGroup>) -> alloc::string::String {
        alloc::string::String::from_utf8(group.path_from(root).unwrap()).unwrap()
    }

    /// One test: on the host nobody can wait for the lock of the tree.
    #[test]
    fn the_tree_is_kept() {
        groups_have_places();
        limits_are_those_of_all_above();
        long_lines_end();
        populated_and_frozen_follow_from_counts();
    }
    fn groups_have_places() {
        let root = ControlGroup::root().unwrap();
        let a = root.add(b"a", (0, 0)).unwrap();
        let b = a.add(b"b", (0, 0)).unwrap();
        let c = root.add(b"c", (0, 0)).unwrap();
        assert_eq!((path(&b, &root).as_str(), path(&root, &root).as_str()), ("/a/b", "/"));
        assert_eq!((path(&c, &b).as_str(), path(&b, &b).as_str(), path(&a, &b).as_str()), ("/../../c", "/", "/.."));
        assert!(b.is_within(&a) && !a.is_within(&b) && !c.is_within(&a) && Arc::ptr_eq(b.common(&c), &root));
        assert_eq!((root.descendants(), a.descendants()), (3, 1));
        let mut seen = alloc::vec::Vec::new();
        root.for_each_within(|group| seen.push(group.serial));
        assert_eq!(seen, [root.serial, a.serial, b.serial, c.serial]);
        assert!(matches!(a.remove(), Err(EBUSY)));
        b.remove().unwrap();
        assert!(b.is_dead() && matches!(b.add(b"x", (0, 0)), Err(ENODEV)));
        assert_eq!((root.descendants(), root.dying(), path(&b, &root).as_str()), (2, 1, "/a/b"));
        drop(b);
        assert_eq!(root.dying(), 0);
    }
    fn limits_are_those_of_all_above() {
        let root = ControlGroup::root().unwrap();
        let a = root.add(b"a", (0, 0)).unwrap();
        root.depth_limit.store(1, Ordering::Relaxed);
        assert!(matches!(a.add(b"b", (0, 0)), Err(EAGAIN)));
        root.depth_limit.store(UNLIMITED, Ordering::Relaxed);
        root.descendants_limit.store(2, Ordering::Relaxed);
        let b = a.add(b"b", (0, 0)).unwrap();
        assert!(matches!(b.add(b"c", (0, 0)), Err(EAGAIN)));
    }
    fn long_lines_end() {
        let root = ControlGroup::root().unwrap();
        let mut line = alloc::vec![root.clone()];
        for _ in 0..3000 {
            line.push(line.last().unwrap().add(b"d", (0, 0)).unwrap());
        }
        let deepest = line.pop().unwrap();
        deepest.remove().unwrap();
        while line.len() > 1 {
            line.pop().unwrap().remove().unwrap();
        }
        assert_eq!(root.dying(), 3000);
        drop(deepest);
        assert_eq!((root.dying(), root.descendants()), (0, 0));
    }
    fn populated_and_frozen_follow_from_counts() {
        let root = ControlGroup::root().unwrap();
        let a = root.add(b"a", (0, 0)).unwrap();
        let b = a.add(b"b", (0, 0)).unwrap();
        b.tasks.store(2, Ordering::Relaxed);
        event::settle(&b);
        assert!(b.is_populated() && a.is_populated() && !a.is_frozen());
        for group in [&a, &b] {
            group.freezes.store(true, Ordering::Relaxed);
            event::settle(group);
        }
        assert!(!b.is_frozen() && !a.is_frozen());
        b.frozen_tasks.store(2, Ordering::Relaxed);
        event::settle(&b);
        assert!(b.is_frozen() && a.is_frozen());
        b.tasks.store(0, Ordering::Relaxed);
        b.frozen_tasks.store(0, Ordering::Relaxed);
        event::settle(&b);
        assert!(!b.is_populated() && !a.is_populated() && b.is_frozen());
        assert!(a.enable_threads().is_ok() && b.kind() == "domain invalid" && a.kind() == "threaded");
    }
}
