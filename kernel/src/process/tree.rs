//! The process tree: parents and children, orphans, subreapers.
//!
//! Links change under one spin lock, [`TREE`], held for a few instructions; getppid(2) reads a copied number without it.
use super::{Task, ThreadGroup};
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// Serializes changes of parents, children, process groups and sessions.
pub static TREE: SpinLock<()> = SpinLock::new(rank::PROCESS_TABLE, ());

/// A process's place in the tree.
#[derive(Default)]
pub struct Family {
    /// The parent; `None` for pids 0 and, once released, for all.
    pub parent: Option<Arc<ThreadGroup>>,
    /// The parent's thread that made the process (or adopted it): wait4 with __WNOTHREAD, PR_SET_PDEATHSIG.
    pub parent_thread: u32,
    /// The children, zombies included.
    pub children: machine::collections::List<ThreadGroup, { super::thread_group::CHILD }>,
    /// What the process's threads trace.
    pub tracees: machine::collections::List<Task, { crate::ptrace::TRACEE }>,
}

impl ThreadGroup {
    /// The parent process.
    pub fn parent(&self) -> Option<Arc<ThreadGroup>> {
        self.family.lock().parent.clone()
    }
    /// The parent's id in this process's namespace, 0 if there is none.
    #[inline(always)]
    pub fn parent_id(&self) -> u32 {
        self.parent_id.load(Ordering::Relaxed)
    }
    /// Puts a new process below its parent. The tree lock is held.
    pub(super) fn adopt(self: &Arc<Self>, child: &Arc<ThreadGroup>, thread: u32) {
        // A process is on one parent's list only.
        let _ = self.family.lock().children.push_back(child.clone());
        let mut family = child.family.lock();
        let old = family.parent.replace(self.clone());
        family.parent_thread = thread;
        child.parent_id.store(self.pid().number_in(child.pid().namespace()), Ordering::Relaxed);
        drop(family);
        drop(old);
    }
    /// Takes a child off the list, as it is reaped. The tree lock is held.
    pub(super) fn disown(&self, child: &ThreadGroup) {
        let removed = self.family.lock().children.remove(child);
        drop(removed);
    }
    /// Whether there is a child, zombies included.
    pub fn has_children(&self) -> bool {
        !self.family.lock().children.is_empty()
    }
    /// The ids, as a namespace knows them, of the children that one of this process's threads made or adopted
    /// (/proc/PID/task/TID/children). ENOMEM.
    pub fn children_of(
        &self,
        thread: u32,
        namespace: &super::pid::PidNamespace,
    ) -> crate::error::Result<alloc::vec::Vec<u32>> {
        loop {
            let wanted = self.family.lock().children.len();
            let mut ids = alloc::vec::Vec::new();
            ids.try_reserve_exact(wanted)?;
            let tree = TREE.lock();
            let family = self.family.lock();
            if family.children.len() <= ids.capacity() {
                let own = |child: &&ThreadGroup| child.family.lock_nested().parent_thread == thread;
                ids.extend(
                    family
                        .children
                        .iter()
                        .filter(own)
                        .map(|child| child.pid().number_in(namespace))
                        .filter(|id| *id != 0),
                );
                return Ok(ids);
            }
            drop(family);
            drop(tree);
        }
    }
    /// Who takes this process's orphans: the nearest subreaper above it in its pid namespace that is alive, else the namespace's
    /// first process.
    pub(super) fn reaper(self: &Arc<Self>) -> Arc<ThreadGroup> {
        let namespace = self.pid().namespace();
        let mut at = self.parent();
        while let Some(process) = at.filter(|process| process.pid().namespace().level == namespace.level) {
            if process.is_subreaper.load(Ordering::Relaxed) && !process.is_ending() {
                return process;
            }
            at = process.parent();
        }
        namespace.first_process().or_else(super::init_process).unwrap_or_else(|| self.clone())
    }
}

/// The number of the thread that stands for a process as a parent.
pub(super) fn any_thread(process: &ThreadGroup) -> u32 {
    process.leader().map_or(process.id(), |leader: Arc<Task>| leader.id())
}
