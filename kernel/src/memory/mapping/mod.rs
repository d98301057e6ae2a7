//! The page cache object of a file ("mapping"): serves files, tmpfs, shm, memfd and shared anonymous memory.
//!
//! Locking: the tree of pages is under a spin lock; reading a page in happens outside of it, with the page marked busy so
//! that two readers read it once. Truncation drops pages first and then unmaps them; a fault that raced with it sees the
//! invalidation count change and looks again.
mod attachment;
mod cache;
mod seal;
pub use seal::{FUTURE_WRITE as SEAL_FUTURE_WRITE, WRITE as SEAL_WRITE};
mod tree;
mod write_back;

pub use attachment::{AttachedFile, Attachment, Mapper, Unmap};
pub use cache::{file_pages, shared_memory_pages, shrink};

use crate::error::Result;
use crate::wait::{Sleep, WaitQueue};
use alloc::sync::Arc;
use alloc::vec::Vec;
use cache::Store;
use core::ops::Range;
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use machine::memory::{Frame, PAGE_SIZE};
use tree::{Inserted, Spare};

/// Bytes in a page.
const PAGE: u64 = PAGE_SIZE as u64;
/// Most pages read in at once.
const WINDOW: usize = 64;

/// How a mapping gets pages it does not hold.
pub trait PageSource: Send + Sync {
    /// Fills a zeroed frame with page `index` of the file; may sleep. Bytes past the end stay zero.
    fn read_page(&self, index: u64, frame: &Frame) -> Result<()>;
    /// Fills the zeroed frames with the pages from `index` on; how many were filled. By default one.
    fn read_pages(&self, index: u64, frames: &[Frame]) -> Result<usize> {
        match frames.first() {
            Some(frame) => self.read_page(index, frame).map(|()| 1),
            None => Ok(0),
        }
    }
    /// How many pages are worth reading at once (at most 64).
    fn window(&self) -> usize {
        1
    }
    /// Writes a dirty page back. Memory-only file systems keep it (`Ok`).
    fn write_page(&self, index: u64, frame: &Frame) -> Result<()>;
    /// Whether pages can be dropped under memory pressure (file systems with a backing store).
    fn is_reclaimable(&self) -> bool;
}

/// The cached pages of one file, and its size.
pub struct Mapping {
    identity: u64,
    source: Option<Arc<dyn PageSource>>,
    store: Arc<Store>,
    /// Waiters for busy pages.
    filled: WaitQueue,
    /// The file's length in bytes.
    size: AtomicU64,
    /// Counts removals of pages.
    invalidations: AtomicU64,
    /// Shared writable mappings; negative: they are denied that many times.
    writable: AtomicI32,
    seals: AtomicU32,
}

static NEXT_IDENTITY: AtomicU64 = AtomicU64::new(1);

impl Mapping {
    /// An empty cache over a source; memory-only files (tmpfs) have none and start with zero pages. Size 0.
    pub fn new(source: Option<Arc<dyn PageSource>>) -> Result<Arc<Self>> {
        let identity = NEXT_IDENTITY.fetch_add(1, Ordering::Relaxed);
        let store =
            Store::new(identity, source.is_some(), source.as_ref().is_some_and(|source| source.is_reclaimable()))?;
        Ok(machine::memory::try_arc(Mapping {
            identity,
            source,
            store,
            filled: WaitQueue::new(),
            size: AtomicU64::new(0),
            invalidations: AtomicU64::new(0),
            writable: AtomicI32::new(0),
            seals: AtomicU32::new(seal::INITIAL),
        })?)
    }
    /// A number no other mapping has or had.
    pub fn identity(&self) -> u64 {
        self.identity
    }
    /// The file's length in bytes: pages wholly past it give SIGBUS. This is the one place where the length is kept.
    pub fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }
    /// Sets the length when a file grows (or is first seen); shrinking goes through [`Mapping::truncate`].
    pub fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Release)
    }
    /// Grows the length to at least `size`.
    pub fn extend(&self, size: u64) {
        self.size.fetch_max(size, Ordering::AcqRel);
    }
    /// Whether pages come from and go to a file system (else they live in memory only).
    pub fn has_source(&self) -> bool {
        self.source.is_some()
    }
    /// Counts removals of pages: unchanged means that a page got meanwhile is still the file's.
    pub fn invalidations(&self) -> u64 {
        self.invalidations.load(Ordering::Acquire)
    }
    /// The page at `index`, read in if need be (may sleep). Says nothing of the size.
    pub fn page(&self, index: u64) -> Result<Frame> {
        loop {
            let found = self.store.pages.lock().get(index).map(|(frame, busy)| (!busy).then(|| frame.clone()));
            match found {
                Some(Some(frame)) => return Ok(frame),
                Some(None) => self.wait_ready(index),
                None => match &self.source {
                    None => {
                        if let Some(frame) = self.add(index, Frame::zeroed()?, false, true)? {
                            return Ok(frame);
                        }
                    }
                    Some(source) => {
                        if let Some(frame) = self.read_in(&**source, index)? {
                            return Ok(frame);
                        }
                    }
                },
            }
        }
    }
    fn wait_ready(&self, index: u64) {
        let _ = self.filled.wait_until(Sleep::Uninterruptible, None, || {
            let busy = self.store.pages.lock().peek(index).is_some_and(|slot| slot.busy);
            (!busy).then_some(())
        });
    }
    /// Adds a page; `None` if one is there already.
    fn add(&self, index: u64, frame: Frame, busy: bool, dirty: bool) -> Result<Option<Frame>> {
        let mut spare = Spare::default();
        let mut page = frame.clone();
        loop {
            let result = self.store.pages.lock().insert(index, page, busy, dirty, &mut spare);
            match result {
                Ok((Inserted::Yes, _)) => {
                    self.store.account(1);
                    return Ok(Some(frame));
                }
                Ok((Inserted::Occupied, _)) => return Ok(None),
                Err((need, back)) => {
                    page = back;
                    spare.provide(need)?;
                }
            }
        }
    }
    /// Reads the page at `index`, and those after it that are absent and worth it. `None` if somebody else was faster.
    fn read_in(&self, source: &dyn PageSource, index: u64) -> Result<Option<Frame>> {
        let Some(first) = self.add(index, Frame::zeroed()?, true, false)? else { return Ok(None) };
        let last = self.size().div_ceil(PAGE).saturating_sub(index).min(WINDOW as u64) as usize;
        let window = source.window().min(last).max(1);
        let mut frames = Vec::new();
        if frames.try_reserve_exact(window).is_err() {
            self.finish(index, &first, false);
            return Err(crate::error::ENOMEM);
        }
        frames.push(first.clone());
        while frames.len() < window {
            let Ok(frame) = Frame::zeroed() else { break };
            match self.add(index + frames.len() as u64, frame, true, false) {
                Ok(Some(frame)) => frames.push(frame),
                _ => break,
            }
        }
        let result = source.read_pages(index, &frames);
        let filled = *result.as_ref().unwrap_or(&0);
        for (number, frame) in frames.iter().enumerate() {
            self.finish(index + number as u64, frame, number < filled);
        }
        self.filled.wake_all();
        match result {
            Ok(0) => Err(crate::error::EIO),
            Ok(_) => Ok(Some(first)),
            Err(error) => Err(error),
        }
    }
    /// Ends the busy state of a page: it is ready, or taken out again.
    fn finish(&self, index: u64, frame: &Frame, ready: bool) {
        let mut pages = self.store.pages.lock();
        let is_same = pages.peek(index).is_some_and(|slot| slot.page.number() == frame.number());
        if !is_same {
            return;
        }
        if ready {
            pages.set_ready(index);
            return;
        }
        let gone = pages.remove(index);
        drop(pages);
        if gone.is_some() {
            self.store.account(-1);
        }
    }
    /// Reads bytes at an offset, up to the file's end; how many. May sleep.
    pub fn read_bytes(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let wanted = self.size().saturating_sub(offset).min(into.len() as u64) as usize;
        let mut done = 0;
        while done < wanted {
            let at = offset + done as u64;
            let within = (at % PAGE) as usize;
            let part = (wanted - done).min(PAGE_SIZE - within);
            let Some(place) = into.get_mut(done..done + part) else { break };
            done += self.page(at / PAGE)?.read(within, place);
        }
        Ok(done)
    }
    /// The page only if it is there and up to date (no sleep).
    pub fn cached(&self, index: u64) -> Option<Frame> {
        let mut pages = self.store.pages.lock();
        pages.get(index).and_then(|(frame, busy)| (!busy).then(|| frame.clone()))
    }
    /// Pages from `first` on that are there and up to date, up to `into`'s length, under one lock hold: their count in
    /// `into` by position.
    pub fn cached_run(&self, first: u64, into: &mut [Option<Frame>]) {
        let mut pages = self.store.pages.lock();
        for (number, place) in into.iter_mut().enumerate() {
            let Some(index) = first.checked_add(number as u64) else { return };
            *place = pages.get(index).and_then(|(frame, busy)| (!busy).then(|| frame.clone()));
        }
    }
    /// Puts a page the file system already has (initramfs without copying). A page that was there stays.
    pub fn insert(&self, index: u64, frame: Frame) -> Result<()> {
        self.add(index, frame, false, self.source.is_none()).map(|_| ())
    }
    /// Marks a page dirty.
    pub fn set_dirty(&self, index: u64) {
        if self.source.is_some() {
            self.store.pages.lock().set_dirty(index, true);
        }
    }
    /// Sets the length, drops pages wholly past it, zeroes the tail of the last one, and unmaps what is gone from every
    /// address space. May sleep; the caller serializes changes of length (inode lock).
    pub fn truncate(&self, size: u64) {
        self.size.store(size, Ordering::Release);
        self.drop_pages(size.div_ceil(PAGE)..u64::MAX, Unmap::Truncate);
        self.clear_part(size, size.next_multiple_of(PAGE));
    }
    /// Zeroes a range of bytes: whole pages are freed and unmapped, parts of pages are cleared. May sleep.
    pub fn punch(&self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = range.start.div_ceil(PAGE);
        let last = range.end / PAGE;
        if first > last {
            return self.clear_part(range.start, range.end);
        }
        self.drop_pages(first..last, Unmap::Punch);
        self.clear_part(range.start, first.saturating_mul(PAGE));
        self.clear_part(last * PAGE, range.end);
    }
    /// Drops clean pages that nobody uses (POSIX_FADV_DONTNEED, drop_caches), mapped ones stay.
    pub fn drop_clean(&self) {
        if self.source.is_some() {
            self.store.shrink(usize::MAX, true);
        }
    }
    fn drop_pages(&self, range: Range<u64>, how: Unmap) {
        self.invalidations.fetch_add(1, Ordering::AcqRel);
        let mut at = range.start;
        let mut batch: [Option<Frame>; 32] = [const { None }; 32];
        loop {
            let mut taken = 0;
            let mut pages = self.store.pages.lock();
            for place in &mut batch {
                let Some(index) = pages.next_present(at).filter(|index| *index < range.end) else { break };
                *place = pages.remove(index);
                taken += 1;
                at = index + 1;
            }
            let nodes = pages.take_nodes_if_empty();
            drop(pages);
            drop(nodes);
            self.store.account(-(taken as isize));
            // Frees the frames, outside of the lock.
            batch.fill_with(|| None);
            if taken < batch.len() {
                break;
            }
        }
        self.invalidations.fetch_add(1, Ordering::AcqRel);
        self.store.for_each_mapper(|mapper| mapper.unmap_file(self.identity, range.clone(), how));
    }
    /// Zeroes bytes within one page, if it is held.
    fn clear_part(&self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        // A page that is not cached but stored must be read in to be cleared.
        let frame = match &self.source {
            None => self.cached(start / PAGE),
            Some(_) if start >= self.size() => self.cached(start / PAGE),
            Some(_) => self.page(start / PAGE).ok(),
        };
        if let Some(frame) = frame {
            let offset = (start % PAGE) as usize;
            frame.clear(offset, ((end - start) as usize).min(PAGE_SIZE - offset));
            if start < self.size() {
                self.set_dirty(start / PAGE);
            }
        }
    }
    /// Pages held.
    pub fn pages(&self) -> usize {
        self.store.pages.lock().len()
    }
    /// The first held page index at or after `index` (SEEK_DATA, SEEK_HOLE).
    pub fn next_page(&self, index: u64) -> Option<u64> {
        self.store.pages.lock().next_present(index)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        cache::forget(&self.store);
        let mut pages = self.store.pages.lock();
        let tree = core::mem::replace(&mut *pages, tree::PageTree::new());
        drop(pages);
        self.store.account(-(tree.len() as isize));
    }
}
