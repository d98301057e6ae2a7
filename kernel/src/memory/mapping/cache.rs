//! All page caches together: accounting, and dropping clean pages when memory is short.
use super::tree::PageTree;
use crate::error::Result;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicIsize, Ordering};
use machine::collections::{Linked, Links, List};
use machine::memory::Frame;

static FILE_PAGES: AtomicIsize = AtomicIsize::new(0);
static SHARED_MEMORY_PAGES: AtomicIsize = AtomicIsize::new(0);
/// Stores whose pages can be dropped, least recently shrunk first.
static RECLAIMABLE: SpinLock<List<Store>> = SpinLock::new(rank::PAGE_CACHES, List::new());

/// Cached pages of files with a backing store.
pub fn file_pages() -> usize {
    FILE_PAGES.load(Ordering::Relaxed).max(0) as usize
}
/// Pages of tmpfs, memfd, System V and shared anonymous memory.
pub fn shared_memory_pages() -> usize {
    SHARED_MEMORY_PAGES.load(Ordering::Relaxed).max(0) as usize
}

/// The pages of one mapping; outlives it only while reclaim looks at it.
pub(super) struct Store {
    links: Links,
    pub(super) pages: SpinLock<PageTree<Frame>>,
    has_source: bool,
}
impl Linked for Store {
    fn links(&self) -> &Links {
        &self.links
    }
}
impl Store {
    pub(super) fn new(has_source: bool, reclaimable: bool) -> Result<Arc<Store>> {
        let pages = SpinLock::new(rank::MAPPING, PageTree::new());
        let store = machine::memory::try_arc(Store { links: Links::new(), pages, has_source })?;
        if reclaimable {
            // A fresh store is on no list.
            let _ = RECLAIMABLE.lock().push_back(store.clone());
        }
        Ok(store)
    }
    /// Notes that pages came or went.
    pub(super) fn account(&self, change: isize) {
        let counter = if self.has_source { &FILE_PAGES } else { &SHARED_MEMORY_PAGES };
        counter.fetch_add(change, Ordering::Relaxed);
    }
    /// Drops clean pages that only the cache holds, up to `wanted`; recently used ones get a second chance unless `all`.
    pub(super) fn shrink(&self, wanted: usize, all: bool) -> usize {
        let Some(mut pages) = self.pages.try_lock() else { return 0 };
        let (mut at, mut freed) = (0, 0);
        while freed < wanted {
            let Some(index) = pages.next_present(at) else { break };
            at = index + 1;
            let Some(slot) = pages.peek(index) else { break };
            // With the tree locked nobody can get at a page that only the tree refers to.
            if slot.busy || slot.dirty || slot.page.reference_count() != 1 {
                continue;
            }
            if slot.referenced && !all {
                pages.age(index);
            } else if pages.remove(index).is_some() {
                freed += 1;
            }
        }
        drop(pages);
        self.account(-(freed as isize));
        freed
    }
}

/// A mapping goes away: its store is not shrunk any more.
pub(super) fn forget(store: &Store) {
    if store.links.is_linked() {
        let removed = RECLAIMABLE.lock().remove(store);
        drop(removed);
    }
}

/// Frees up to `wanted` clean page-cache pages, the least recently used if there is a choice. Takes only locks that are
/// free, so that it may run wherever memory is allocated. How many were freed.
pub fn shrink(wanted: usize) -> usize {
    let mut freed = 0;
    for all in [false, true] {
        let Some(mut stores) = RECLAIMABLE.try_lock() else { return freed };
        for _ in 0..stores.len() {
            if freed >= wanted {
                return freed;
            }
            let Some(store) = stores.pop_front() else { break };
            freed += store.shrink(wanted - freed, all);
            let _ = stores.push_back(store);
        }
    }
    freed
}
