//! Walks over the tables of a range, at a cost by what is mapped there.
use super::entry::{Entry, PRESENT};
use super::gather::Gather;
use super::space::Counts;
use super::table::Table;
use crate::memory::Frame;
use core::sync::atomic::{Ordering, Ordering::Relaxed};

/// The shift of the addresses that one entry of a level (1 is the lowest) covers.
pub(super) const fn shift(level: u32) -> u32 {
    12 + 9 * (level - 1)
}
pub(super) fn index(address: u64, level: u32) -> usize {
    (address >> shift(level)) as usize & 511
}
/// The part of `start..end` below the entry at `index` of a table of this level.
pub(super) fn part(level: u32, index: usize, start: u64, end: u64) -> (u64, u64) {
    let base = start & !((1 << shift(level + 1)) - 1) | (index as u64) << shift(level);
    (start.max(base), end.min(base + (1 << shift(level))))
}
/// Calls `f` (address, lowest table, index, entry) for each page of `start..end` below a table, until it says false. The range
/// lies within the table's span, and the tables are locked.
pub(super) fn visit(
    table: Table,
    level: u32,
    start: u64,
    end: u64,
    f: &mut impl FnMut(u64, Table, usize, Entry) -> bool,
) -> bool {
    visit_leaves(table, level, start, end, &mut |leaf, start, end| {
        let base = start & !((1 << shift(2)) - 1);
        let mut filled = leaf.filled(index(start, 1), index(end - 1, 1));
        filled.all(|(index, entry)| f(base | (index as u64) << shift(1), leaf, index, Entry(entry)))
    })
}
/// Calls `f` for each lowest table of `start..end` with the part of the range that it covers, until it says false.
pub(super) fn visit_leaves(
    table: Table,
    level: u32,
    start: u64,
    end: u64,
    f: &mut impl FnMut(Table, u64, u64) -> bool,
) -> bool {
    if start >= end {
        return true;
    }
    if level == 1 {
        return f(table, start, end);
    }
    table.filled(index(start, level), index(end - 1, level)).all(|(index, entry)| {
        let (from, to) = part(level, index, start, end);
        visit_leaves(Table(Entry(entry).number()), level - 1, from, to, f)
    })
}
/// Takes pages of `start..end` out below a table, and the tables that become empty. Returns where it stopped because the
/// batch was full, else `end`.
pub(super) fn take_out(
    table: Table,
    level: u32,
    start: u64,
    end: u64,
    counts: &mut Counts,
    gather: &mut Gather,
) -> u64 {
    if level == 1 {
        return take_out_pages(table, start, end, counts, gather);
    }
    for (index, entry) in table.filled(index(start, level), index(end - 1, level)) {
        let (from, to) = part(level, index, start, end);
        if gather.is_full() {
            return from;
        }
        let child = Table(Entry(entry).number());
        let stopped = take_out(child, level - 1, from, to, counts, gather);
        if child.count() == 0 {
            table.entry(index).store(0, Ordering::Release);
            table.unused();
            counts.tables -= 1;
            gather.table(child);
        }
        if stopped < to {
            return stopped;
        }
    }
    end
}
/// The same for the lowest table.
pub(super) fn take_out_pages(leaf: Table, start: u64, end: u64, counts: &mut Counts, gather: &mut Gather) -> u64 {
    let base = start & !((1 << shift(2)) - 1);
    for (index, entry) in leaf.filled(index(start, 1), index(end - 1, 1)) {
        let address = base | (index as u64) << shift(1);
        if gather.is_full() {
            return address;
        }
        let slot = leaf.entry(index);
        // The CPU changes only entries that are present.
        let old = if entry & PRESENT == 0 {
            slot.store(0, Relaxed);
            entry
        } else {
            slot.swap(0, Ordering::AcqRel)
        };
        leaf.unused();
        counts.pages -= 1;
        gather.page(address, Entry(old));
    }
    end
}
/// Frees everything below a table that no CPU has loaded.
///
/// # Safety
/// Nobody else refers to the tables.
pub(super) unsafe fn free_below(table: Table, level: u32, last: usize) {
    for (index, entry) in table.filled(0, last) {
        table.entry(index).store(0, Relaxed);
        if level == 1 {
            // SAFETY: taken out; no CPU has the tables loaded.
            unsafe { Frame::release(Entry(entry).number()) };
        } else {
            let child = Table(Entry(entry).number());
            // SAFETY: as for this table; empty afterwards.
            unsafe {
                free_below(child, level - 1, 511);
                child.free();
            }
        }
    }
}
