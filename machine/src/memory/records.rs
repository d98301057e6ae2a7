//! Where the frames' records are: an area of addresses for all of them, with memory behind those of groups in use.
//!
//! A group is the 4096 frames of 16 MiB, whose records fill 16 pages. Its records come to be when the first of its frames is
//! wanted, in the first pages of the block that is wanted: memory that nobody has asked for yet costs nothing. The tables
//! that map the area are there from the start, so that only their lowest entries have to be filled, under the lock of the
//! free frames.
use super::buddy::MAX_BLOCK;
use super::info::FrameInfo;
use super::{PAGE_SIZE, bytes};
use crate::paging::{self, direct_map};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Frames whose records come to be together.
pub(crate) const GROUP: u32 = 4 * MAX_BLOCK;
/// Pages of a group's records.
pub(crate) const GROUP_PAGES: u32 = GROUP / RECORDS;
/// Records in a page.
const RECORDS: u32 = (PAGE_SIZE / size_of::<FrameInfo>()) as u32;
/// Entries in a page table.
const ENTRIES: u32 = 512;

/// The tables that map the area of records.
#[derive(Clone, Copy)]
pub(crate) struct RecordTables {
    /// Frame number of the first of the tables of the lowest level, which lie one after another.
    lowest: u32,
}
impl RecordTables {
    /// Pages that the tables for `frames` records take.
    pub(crate) fn pages(frames: u32) -> u32 {
        let lowest = frames.div_ceil(RECORDS).div_ceil(ENTRIES);
        1 + lowest.div_ceil(ENTRIES) + lowest
    }
    /// Makes the tables in `pages(frames)` pages from `first` on and enters them in the kernel's.
    ///
    /// # Safety
    /// The pages are nobody's, and in the direct map; they stay for good.
    pub(crate) unsafe fn new(first: u32, frames: u32) -> Self {
        let lowest = frames.div_ceil(RECORDS).div_ceil(ENTRIES);
        let middle = lowest.div_ceil(ENTRIES);
        let tables = RecordTables { lowest: first + 1 + middle };
        (first..first + Self::pages(frames)).for_each(|page| {
            // SAFETY: ours by this function's contract.
            unsafe { bytes::zero_page(direct_map(u64::from(page) * PAGE_SIZE as u64)) };
        });
        // The entries of tables that lie one after another do so too.
        for (from, to, count) in [(first, first + 1, middle), (first + 1, tables.lowest, lowest)] {
            (0..count).for_each(|index| entry(from, index).store(paging::table_entry(to + index), Relaxed));
        }
        paging::enter_records(first);
        tables
    }
    /// Whether the records of a frame's group are there.
    pub(crate) fn cover(self, frame: u32) -> bool {
        entry(self.lowest, frame / GROUP * GROUP_PAGES).load(Relaxed) != 0
    }
    /// Makes the records of a frame's group, all zero, in `GROUP_PAGES` pages from `memory` on.
    ///
    /// # Safety
    /// 1. The records are not there yet.
    /// 2. The pages are nobody's, and in the direct map; they stay for good.
    pub(crate) unsafe fn provide(self, frame: u32, memory: u32) {
        for page in 0..GROUP_PAGES {
            // SAFETY: (2)
            unsafe { bytes::zero_page(direct_map(u64::from(memory + page) * PAGE_SIZE as u64)) };
            entry(self.lowest, frame / GROUP * GROUP_PAGES + page).store(paging::page_entry(memory + page), Relaxed);
        }
    }
}

/// An entry of the tables from a frame on.
fn entry(first: u32, index: u32) -> &'static AtomicU64 {
    let base = direct_map(u64::from(first) * PAGE_SIZE as u64).cast::<AtomicU64>();
    // SAFETY: in the tables that `RecordTables::new` made, which stay; their lowest level has an entry for every record's page.
    unsafe { &*base.add(index as usize) }
}
