//! What an operation took out of the tables: flushed together, freed only afterwards, reported outside the lock.
use super::entry::{ACCESSED, DIRTY, Entry};
use super::flush::{self, FlushList};
use super::table::Table;
use super::{Mapping, UserSpace};
use core::mem::MaybeUninit;

/// Pages of a batch; the batch lies on the stack.
const PAGES: usize = 128;
/// Tables of a batch: a step takes out at most three.
const TABLES: usize = 16;

pub(super) struct Gather {
    /// Address and entry; the first `page_count` are initialized.
    pages: [MaybeUninit<(u64, u64)>; PAGES],
    page_count: usize,
    /// The first `table_count` are initialized.
    tables: [MaybeUninit<u32>; TABLES],
    table_count: usize,
    pub(super) flushes: FlushList,
}
impl Gather {
    pub(super) fn new() -> Self {
        let (pages, tables) = ([MaybeUninit::uninit(); PAGES], [MaybeUninit::uninit(); TABLES]);
        Gather { pages, page_count: 0, tables, table_count: 0, flushes: FlushList::new() }
    }
    /// Whether another page and the three tables above it may not fit.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.page_count == PAGES || self.table_count + 3 > TABLES
    }
    /// Adds the entry of a page that was taken out.
    #[inline(always)]
    pub(super) fn page(&mut self, address: u64, entry: Entry) {
        self.pages[self.page_count].write((address, entry.0));
        self.page_count += 1;
        if flush::matters(entry) {
            self.flushes.add(address);
        }
    }
    /// Adds an empty table that was taken out.
    pub(super) fn table(&mut self, table: Table) {
        self.tables[self.table_count].write(table.0);
        self.table_count += 1;
        self.flushes.tables = true;
    }
    /// Flushes, reports pages that were used, and frees. Not to be called with the tables' lock held.
    ///
    /// # Safety
    /// All that was added came out of `space`'s tables.
    pub(super) unsafe fn finish(&self, space: &UserSpace, removed: &mut dyn FnMut(u64, &Mapping)) {
        space.flush(&self.flushes);
        for page in &self.pages[..self.page_count] {
            // SAFETY: among the first `page_count`.
            let (address, entry) = unsafe { page.assume_init() };
            let entry = Entry(entry);
            // SAFETY: taken out, and flushed.
            let frame = unsafe { entry.into_frame() };
            if entry.has(ACCESSED | DIRTY) {
                let (accessed, dirty) = (entry.has(ACCESSED), entry.has(DIRTY));
                removed(address, &Mapping { frame, permission: entry.permission(), accessed, dirty });
            }
        }
        for number in &self.tables[..self.table_count] {
            // SAFETY: among the first `table_count`; empty, taken out, and flushed.
            unsafe { Table(number.assume_init()).free() };
        }
    }
}
