//! All page caches together: accounting, and dropping clean pages when memory is short.
use super::attachment::{Attachment, Unmap};
use super::tree::PageTree;
use crate::error::Result;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, Ordering};
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

/// Pages looked at in one go when mapped pages are taken away.
const EVICTION: u64 = 512;

/// The pages of one mapping, and who maps them; outlives it only while reclaim looks at it.
pub(super) struct Store {
    links: Links,
    /// The mapping's number.
    pub(super) identity: u64,
    pub(super) pages: SpinLock<PageTree<Frame>>,
    /// Who maps it.
    pub(super) attachments: SpinLock<List<Attachment>>,
    has_source: bool,
    is_reclaimable: bool,
    /// The mapping is gone (changed under the list's lock).
    is_forgotten: AtomicBool,
    /// The page index where reclaim looks next.
    hand: AtomicU64,
}
impl Linked for Store {
    fn links(&self) -> &Links {
        &self.links
    }
}
impl Store {
    pub(super) fn new(identity: u64, has_source: bool, is_reclaimable: bool) -> Result<Arc<Store>> {
        let store = machine::memory::try_arc(Store {
            links: Links::new(),
            identity,
            pages: SpinLock::new(rank::MAPPING, PageTree::new()),
            attachments: SpinLock::new(rank::REVERSE_MAP, List::new()),
            has_source,
            is_reclaimable,
            is_forgotten: AtomicBool::new(false),
            hand: AtomicU64::new(0),
        })?;
        if is_reclaimable {
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
    /// Drops clean pages that only the cache holds, up to `wanted`, going round from where the last call ended; recently used
    /// ones get a second chance unless `all`. Looks at a limited number of pages for each one wanted.
    pub(super) fn shrink(&self, wanted: usize, all: bool) -> usize {
        let Some(mut pages) = self.pages.try_lock() else { return 0 };
        let start = self.hand.load(Ordering::Relaxed);
        let (mut at, mut freed, mut is_second_round) = (start, 0, false);
        let mut budget = wanted.saturating_mul(16).max(1024);
        while freed < wanted && budget > 0 {
            let Some(index) = pages.next_present(at).filter(|index| !is_second_round || *index < start) else {
                if is_second_round || start == 0 {
                    break;
                }
                (at, is_second_round) = (0, true);
                continue;
            };
            at = index + 1;
            budget -= 1;
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
        self.hand.store(at, Ordering::Relaxed);
        drop(pages);
        self.account(-(freed as isize));
        freed
    }
    /// Takes mapped pages away from those who map them, from the hand on, and drops them if they are clean. A fault brings
    /// them back.
    fn evict(&self, wanted: usize) -> usize {
        let first = {
            let Some(pages) = self.pages.try_lock() else { return 0 };
            let hand = self.hand.load(Ordering::Relaxed);
            let Some(first) = pages.next_present(hand).or_else(|| pages.next_present(0)) else { return 0 };
            first
        };
        self.hand.store(first, Ordering::Relaxed);
        let range = first..first.saturating_add(EVICTION);
        self.for_each_mapper(|mapper| mapper.unmap_file(self.identity, range.clone(), Unmap::Evict));
        self.shrink(wanted, true)
    }
    /// Puts a store back on the list, unless its mapping has gone meanwhile.
    fn put_back(self: Arc<Self>) {
        let mut stores = RECLAIMABLE.lock();
        let unlisted = match self.is_forgotten.load(Ordering::Relaxed) {
            true => Err(self),
            false => stores.push_back(self),
        };
        drop(stores);
        drop(unlisted);
    }
}

/// A mapping goes away: its store is not shrunk any more.
pub(super) fn forget(store: &Store) {
    if store.is_reclaimable {
        let mut stores = RECLAIMABLE.lock();
        store.is_forgotten.store(true, Ordering::Relaxed);
        let removed = stores.remove(store);
        drop(stores);
        drop(removed);
    }
}

/// Frees up to `wanted` clean page-cache pages, the least recently used if there is a choice, mapped ones last. Takes only
/// locks that are free, so that it may run wherever memory is allocated. How many were freed.
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
    if freed == 0 { evict(wanted) } else { freed }
}

/// Takes mapped pages away. Each store is off the list while it is worked on.
fn evict(wanted: usize) -> usize {
    let mut freed = 0;
    let Some(count) = RECLAIMABLE.try_lock().map(|stores| stores.len()) else { return 0 };
    for _ in 0..count {
        let Some(store) = RECLAIMABLE.try_lock().and_then(|mut stores| stores.pop_front()) else { break };
        freed += store.evict(wanted);
        store.put_back();
        if freed >= wanted {
            break;
        }
    }
    freed
}
