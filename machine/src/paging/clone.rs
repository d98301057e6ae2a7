//! Copying and moving whole stretches of mappings: fork and mremap.
use super::entry::{ACCESSED, DIRTY, Entry, WRITE};
use super::flush::FlushList;
use super::gather::Gather;
use super::space::{NoTable, PAGE, clip};
use super::table::Table;
use super::walk::{index, shift, visit, visit_leaves};
use super::{Inherit, USER_END, UserSpace};
use crate::OutOfMemory;
use crate::memory::{self, Frame, percpu};
use core::ops::Range;
use core::sync::atomic::Ordering::{AcqRel, Relaxed, Release};

impl UserSpace {
    /// Copies the mappings of a range into a child's tables; places the child has mapped already stay as they are. When
    /// memory runs out, part of the range may have been copied.
    pub fn inherit(&self, child: &UserSpace, range: Range<u64>, how: Inherit) -> Result<(), OutOfMemory> {
        if core::ptr::eq(self, child) {
            return Ok(());
        }
        if memory::injected() {
            return Err(OutOfMemory);
        }
        let range = clip(&range);
        let mut flushes = FlushList::new();
        let (mut next, mut tries, mut result) = (range.start, 0, Ok(()));
        while next < range.end {
            let stopped = self.inherit_some(child, next..range.end, how, &mut flushes);
            if stopped < range.end {
                // A table was missing at `stopped`; progress since the last time begins the count again.
                tries = if stopped > next { 0 } else { tries + 1 };
                if tries > percpu::TRIES || !percpu::reclaim(4) {
                    result = Err(OutOfMemory);
                    break;
                }
            }
            next = stopped;
        }
        self.flush(&flushes);
        result
    }
    /// Copies until a table is missing; where that was, or the end.
    fn inherit_some(&self, child: &UserSpace, range: Range<u64>, how: Inherit, flushes: &mut FlushList) -> u64 {
        // Both locked in order of their roots, so that two that inherit from each other do not wait for each other.
        let (_parent_counts, mut counts);
        if self.root.0 < child.root.0 {
            _parent_counts = self.tables.lock();
            counts = child.tables.lock_beside();
        } else {
            counts = child.tables.lock();
            _parent_counts = self.tables.lock_beside();
        }
        let mut stopped = range.end;
        visit_leaves(self.root, 4, range.start, range.end, &mut |leaf, start, end| {
            if leaf.count() == 0 {
                return true;
            }
            let Ok(target) = child.make_leaf(&mut counts, start) else {
                stopped = start;
                return false;
            };
            counts.pages += copy_entries(leaf, target, start, end, how, flushes);
            true
        });
        stopped
    }
    /// Moves mappings from one place to another (mremap); both page-aligned, same length, not overlapping. Pages that were
    /// mapped at the target are dropped. Either everything moves or, without memory for tables, nothing.
    pub fn move_range(&self, from: Range<u64>, to: u64) -> Result<(), OutOfMemory> {
        let from = clip(&from);
        let length = from.end - from.start;
        assert!(to.is_multiple_of(PAGE) && to <= USER_END && length <= USER_END - to, "move outside user space");
        assert!(to + length <= from.start || from.end <= to, "overlapping move");
        self.unmap(to..to + length, &mut |_, _| ());
        let mut next = from.start;
        // All tables first, so that nothing can fail in the middle.
        self.with_tables(|counts| {
            let mut missing = false;
            visit(self.root, 4, from.start, from.end, &mut |address, _, _, _| {
                missing = self.make_leaf(counts, address - from.start + to).is_err();
                !missing
            });
            if missing { Err(NoTable) } else { Ok(()) }
        })?;
        while next < from.end {
            let mut gather = Gather::new();
            next = self.move_some(&from, next, to, &mut gather);
            // SAFETY: taken out of these tables.
            unsafe { gather.finish(self, &mut |_, _| ()) };
        }
        // The source's tables, empty now.
        self.unmap(from, &mut |_, _| ());
        Ok(())
    }
    fn move_some(&self, from: &Range<u64>, start: u64, to: u64, gather: &mut Gather) -> u64 {
        let mut counts = self.tables.lock();
        let mut stopped = from.end;
        visit(self.root, 4, start, from.end, &mut |address, leaf, index_from, _| {
            let target = address - from.start + to;
            if gather.is_full() {
                stopped = address;
                return false;
            }
            // Only if somebody unmapped there meanwhile is a table missing or a page in the way; the kernel's locks prevent
            // both, and neither does harm: the page stays where it is, or the one in the way goes.
            let Ok(table) = self.make_leaf(&mut counts, target) else { return true };
            let entry = Entry(leaf.entry(index_from).swap(0, AcqRel));
            leaf.unused();
            gather.flushes.add(address);
            let slot = table.entry(index(target, 1));
            let old = Entry(slot.swap(entry.0, Release));
            if old.0 == 0 {
                table.used(index(target, 1));
            } else {
                counts.pages -= 1;
                gather.page(target, old);
            }
            true
        });
        stopped
    }
}

/// Copies the entries of one lowest table for `start..end` to another, where there are none; how many. Both are locked.
fn copy_entries(from: Table, to: Table, start: u64, end: u64, how: Inherit, flushes: &mut FlushList) -> usize {
    let base = start & !((1 << shift(2)) - 1);
    let mut copied = 0;
    for (index, entry) in from.filled(index(start, 1), index(end - 1, 1)) {
        let slot = to.entry(index);
        if slot.load(Relaxed) != 0 {
            continue;
        }
        let mut entry = Entry(entry);
        if how == Inherit::CopyOnWrite && entry.has(WRITE) {
            from.entry(index).fetch_and(!WRITE, AcqRel);
            flushes.add(base | (index as u64) << shift(1));
            entry.0 &= !WRITE;
        }
        // SAFETY: the entry's own reference stays while the parent's tables are locked.
        unsafe { Frame::count_again(entry.number()) };
        slot.store(entry.0 & !(ACCESSED | DIRTY), Relaxed);
        copied += 1;
    }
    to.used_like(from, copied);
    copied
}
