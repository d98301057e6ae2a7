//! The reverse map: which address spaces map a file, and through which open file.
use super::Mapping;
use super::cache::Store;
use crate::error::Result;
use crate::file::File;
use crate::ipc::system_v::shared_memory::Attachments as Segment;
use alloc::sync::{Arc, Weak};
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};
use machine::collections::{Linked, Links};
use machine::memory::Frame;

/// An address space, as a mapping sees it.
pub trait Mapper: Send + Sync {
    /// Unmaps pages (by page index) of the file whose mapping has this identity.
    fn unmap_file(&self, identity: u64, pages: Range<u64>, how: Unmap);
    /// Clears the dirty bits of shared pages of a file, reporting each by page index.
    fn clean_file(&self, identity: u64, pages: Range<u64>, dirty: &mut dyn FnMut(u64));
}

/// Why pages of a file are unmapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unmap {
    /// The file is shorter: private copies go too.
    Truncate,
    /// The file has a hole there.
    Punch,
    /// Memory is short: gives up where it would have to wait.
    Evict,
}

/// That an address space maps a file; shared by all its areas of that file.
pub struct Attachment {
    links: Links,
    mapper: Weak<dyn Mapper>,
    mapping: Arc<Mapping>,
    file: Option<Arc<File>>,
    /// The shared memory segment that the file is, which counts the areas that map it.
    segment: Option<Arc<Segment>>,
    /// Areas that use it.
    uses: AtomicU32,
    /// Counts as a shared mapping that may become writable.
    counts_writable: bool,
}
impl Linked for Attachment {
    fn links(&self) -> &Links {
        &self.links
    }
}

/// An area's hold on an [`Attachment`]; the last one takes it off the mapping's list.
pub struct AttachedFile(Arc<Attachment>);

impl AttachedFile {
    /// Notes that `mapper` maps `mapping` (opened as `file`, none for shared anonymous memory). EPERM if it is to be shared
    /// and writable, which the file's seals forbid.
    pub fn new(
        mapper: Weak<dyn Mapper>,
        mapping: Arc<Mapping>,
        file: Option<Arc<File>>,
        counts_writable: bool,
    ) -> Result<Self> {
        if counts_writable {
            mapping.add_writable()?;
        }
        Self::counted(mapper, mapping, file, counts_writable)
    }
    fn counted(
        mapper: Weak<dyn Mapper>,
        mapping: Arc<Mapping>,
        file: Option<Arc<File>>,
        counts_writable: bool,
    ) -> Result<Self> {
        let uncount = if counts_writable { Some(mapping.clone()) } else { None };
        let links = Links::new();
        let segment = file.as_ref().and_then(|file| file.operations().segment().cloned());
        let attachment = Attachment { links, mapper, mapping, file, segment, uses: AtomicU32::new(1), counts_writable };
        let attachment = machine::memory::try_arc(attachment).inspect_err(|_| {
            if let Some(mapping) = &uncount {
                mapping.remove_writable();
            }
        })?;
        // A fresh node is on no list.
        let _ = attachment.mapping.store.attachments.lock().push_back(attachment.clone());
        if let Some(segment) = &attachment.segment {
            segment.attached();
        }
        Ok(AttachedFile(attachment))
    }
    /// The same file mapped by another address space (fork).
    pub fn for_mapper(&self, mapper: Weak<dyn Mapper>) -> Result<Self> {
        Self::new(mapper, self.0.mapping.clone(), self.0.file.clone(), self.0.counts_writable)
    }
    /// Whether it counts as a shared mapping that may become writable.
    pub fn counts_writable(&self) -> bool {
        self.0.counts_writable
    }
    /// The page cache.
    pub fn mapping(&self) -> &Arc<Mapping> {
        &self.0.mapping
    }
    /// The open file; none for shared anonymous memory.
    pub fn file(&self) -> Option<&Arc<File>> {
        self.0.file.as_ref()
    }
    /// The shared memory segment that is mapped, if it is one: each area counts for it.
    pub fn segment(&self) -> Option<&Arc<Segment>> {
        self.0.segment.as_ref()
    }
    /// Whether both are holds on the same attachment.
    pub fn is_same_attachment(&self, other: &AttachedFile) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
    /// Whether both map the same open file (so that neighbouring areas are one).
    pub fn is_same_file(&self, other: &AttachedFile) -> bool {
        if self.is_same_attachment(other) {
            return true;
        }
        match (&self.0.file, &other.0.file) {
            (Some(own), Some(others)) => Arc::ptr_eq(own, others),
            (None, None) => Arc::ptr_eq(&self.0.mapping, &other.0.mapping),
            _ => false,
        }
    }
}
impl Clone for AttachedFile {
    fn clone(&self) -> Self {
        self.0.uses.fetch_add(1, Ordering::Relaxed);
        if let Some(segment) = &self.0.segment {
            segment.attached();
        }
        AttachedFile(self.0.clone())
    }
}
impl Drop for AttachedFile {
    fn drop(&mut self) {
        if let Some(segment) = &self.0.segment {
            segment.detached();
        }
        if self.0.uses.fetch_sub(1, Ordering::AcqRel) == 1 {
            let removed = self.0.mapping.store.attachments.lock().remove(&self.0);
            drop(removed);
            if self.0.counts_writable {
                self.0.mapping.remove_writable();
            }
        }
    }
}

impl Store {
    /// Calls `act` for each address space that maps this file now, without a lock held; one may come several times.
    pub(super) fn for_each_mapper(&self, mut act: impl FnMut(&dyn Mapper)) {
        // The list is walked in turns of a fixed size: the nodes seen are moved to the end, and the walk ends after as many
        // as there were at its beginning. Those that come meanwhile map the pages as they are now.
        let mut left = self.attachments.lock().len();
        let mut batch: [Option<Weak<dyn Mapper>>; 16] = [const { None }; 16];
        while left > 0 {
            let mut attachments = self.attachments.lock();
            let mut taken = 0;
            for place in batch.iter_mut().take(left) {
                // Off and on again: no reference is taken that could be the last one when it is dropped.
                let Some(attachment) = attachments.pop_front() else { break };
                *place = Some(attachment.mapper.clone());
                let refused = attachments.push_back(attachment);
                debug_assert!(refused.is_ok());
                taken += 1;
            }
            drop(attachments);
            for mapper in batch.iter_mut().filter_map(Option::take) {
                if let Some(mapper) = mapper.upgrade() {
                    act(&*mapper);
                }
            }
            if taken == 0 {
                return;
            }
            left -= taken;
        }
    }
}

impl Mapping {
    /// Whether any address space maps this file.
    pub fn is_mapped(&self) -> bool {
        !self.store.attachments.lock().is_empty()
    }
    /// Collects the dirty bits of all shared mappings of a range of pages.
    pub(super) fn collect_dirty(&self, pages: Range<u64>) {
        self.store.for_each_mapper(|mapper| {
            mapper.clean_file(self.identity, pages.clone(), &mut |index| self.set_dirty(index))
        });
    }
    /// Whether this frame is still the page at `index`.
    pub fn holds(&self, index: u64, frame: &Frame) -> bool {
        self.store.pages.lock().peek(index).is_some_and(|slot| slot.page.number() == frame.number())
    }
}
