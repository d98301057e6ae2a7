//! Looking at what is mapped, and at the bits the CPU sets.
use super::entry::{ACCESSED, DIRTY, Entry, PRESENT};
use super::flush::FlushList;
use super::space::clip;
use super::walk::{index, visit};
use super::{Mapping, USER_END, UserSpace};
use crate::memory::Frame;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering, Ordering::Relaxed};

impl UserSpace {
    /// Whether user mode can read at this address now (false for inaccessible and absent pages).
    pub fn is_accessible(&self, address: u64) -> bool {
        let _counts = self.tables.lock();
        let Some(leaf) = self.leaf(address.min(USER_END)) else { return false };
        Entry(leaf.entry(index(address, 1)).load(Relaxed)).has(PRESENT)
    }
    /// The page at an address.
    pub fn lookup(&self, address: u64) -> Option<Mapping> {
        if address >= USER_END {
            return None;
        }
        let _counts = self.tables.lock();
        let entry = Entry(self.leaf(address)?.entry(index(address, 1)).load(Relaxed));
        // SAFETY: an entry in the tables, which are locked.
        (entry.0 != 0).then(|| unsafe { mapping(entry) })
    }
    /// Every present page of a range in order; `visit` is called with no lock held.
    pub fn for_each(&self, range: Range<u64>, visit_page: &mut dyn FnMut(u64, &Mapping)) {
        self.collect(range, u64::MAX, |_, slot, _| Entry(slot.load(Relaxed)), visit_page);
    }
    /// Clears the dirty bits of a range, reporting each dirty page (with no lock held).
    pub fn clean(&self, range: Range<u64>, visit_page: &mut dyn FnMut(u64, &Frame)) {
        let clear = |flushes: &mut FlushList, slot: &AtomicU64, address: u64| {
            let old = Entry(slot.fetch_and(!DIRTY, Ordering::AcqRel));
            if old.has(PRESENT) {
                flushes.add(address);
            }
            old
        };
        self.collect(range, DIRTY, clear, &mut |address, mapping| visit_page(address, &mapping.frame));
    }
    /// Clears the accessed bits of a range; how many pages were accessed. TLBs are not flushed: a page may be missed once.
    pub fn age(&self, range: Range<u64>) -> usize {
        let mut accessed = 0;
        let range = clip(&range);
        let _counts = self.tables.lock();
        visit(self.root, 4, range.start, range.end, &mut |_, leaf, index, entry| {
            if entry.has(ACCESSED) {
                leaf.entry(index).fetch_and(!ACCESSED, Relaxed);
                accessed += 1;
            }
            true
        });
        accessed
    }
    /// Visits the entries that have one of the bits `wanted`, in batches: `take` under the lock, `report` without.
    fn collect(
        &self,
        range: Range<u64>,
        wanted: u64,
        mut take: impl FnMut(&mut FlushList, &AtomicU64, u64) -> Entry,
        report: &mut dyn FnMut(u64, &Mapping),
    ) {
        // On the stack, below what may be deep already.
        const BATCH: usize = 16;
        let range = clip(&range);
        let mut next = range.start;
        while next < range.end {
            let mut batch: [Option<(u64, Mapping)>; BATCH] = [const { None }; BATCH];
            let (mut count, mut flushes) = (0, FlushList::new());
            {
                let _counts = self.tables.lock();
                let start = next;
                next = range.end;
                visit(self.root, 4, start, range.end, &mut |address, leaf, index, entry| {
                    if !entry.has(wanted) {
                        return true;
                    }
                    if count == BATCH {
                        next = address;
                        return false;
                    }
                    let entry = take(&mut flushes, leaf.entry(index), address);
                    // SAFETY: an entry in the tables, which are locked.
                    batch[count] = Some((address, unsafe { mapping(entry) }));
                    count += 1;
                    true
                });
            }
            self.flush(&flushes);
            batch.into_iter().flatten().for_each(|(address, mapping)| report(address, &mapping));
        }
    }
    /// Resident pages and page-table frames.
    pub fn resident(&self) -> (usize, usize) {
        let counts = self.tables.lock();
        (counts.pages, counts.tables)
    }
}

/// What an entry says, with a reference counted for it.
///
/// # Safety
/// The entry is in tables that are locked.
unsafe fn mapping(entry: Entry) -> Mapping {
    // SAFETY: the entry's reference stays while the tables are locked.
    let frame = unsafe { entry.borrow_frame() };
    let (accessed, dirty) = (entry.has(ACCESSED), entry.has(DIRTY));
    Mapping { frame: Frame::clone(&frame), permission: entry.permission(), accessed, dirty }
}
