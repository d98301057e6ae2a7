//! One page table of any level: a zeroed frame whose record counts the entries in use and knows roughly where they are, so
//! that walks cost by what is mapped.
use crate::cpu::MAX_CPUS;
use crate::local::{self, Padded, Pinned};
use crate::memory::info::{FrameInfo, Kind, info};
use crate::memory::{PAGE_SIZE, bytes, percpu};
use crate::paging::direct_map;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A table, by its frame number. Whoever holds one must know that it is not freed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Table(pub(super) u32);

/// Free tables that are known to be zero, since entries are cleared before a table is freed.
struct Stash(UnsafeCell<([u32; STASH], usize)>);
const STASH: usize = 16;
// SAFETY: touched only by its CPU, pinned and outside interrupts.
unsafe impl Sync for Stash {}
static STASHES: [Padded<Stash>; MAX_CPUS] = [const { Padded(Stash(UnsafeCell::new(([0; STASH], 0)))) }; MAX_CPUS];

fn with_stash<R>(change: impl FnOnce(&mut ([u32; STASH], usize)) -> R) -> R {
    let _pinned = Pinned::new();
    assert!(!local::in_interrupt(), "page tables changed in an interrupt handler");
    // SAFETY: this CPU's, pinned, and `change` does not come here again.
    change(unsafe { &mut *STASHES[local::cpu_index()].0.0.get() })
}

impl Table {
    /// An empty table, without reclaim, so also under locks.
    pub(super) fn allocate() -> Option<Table> {
        let stashed = with_stash(|(numbers, filled)| {
            *filled = filled.checked_sub(1)?;
            Some(numbers[*filled])
        });
        let number = match stashed {
            Some(number) => number,
            None => {
                let number = percpu::try_allocate(Kind::Table)?;
                // SAFETY: the frame is ours.
                unsafe { bytes::zero_page(direct_map(u64::from(number) * PAGE_SIZE as u64)) };
                number
            }
        };
        let table = Table(number);
        table.info().count.store(0, Relaxed);
        table.info().word.store(0, Relaxed);
        Some(table)
    }
    /// Frees an empty table.
    ///
    /// # Safety
    /// 1. All entries are zero.
    /// 2. No other table and no CPU refers to it.
    pub(super) unsafe fn free(self) {
        let kept = with_stash(|(numbers, filled)| {
            let fits = *filled < STASH;
            if fits {
                numbers[*filled] = self.0;
                *filled += 1;
            }
            fits
        });
        if !kept {
            percpu::free(self.0, Kind::Table);
        }
    }
    #[inline(always)]
    fn info(self) -> &'static FrameInfo {
        info(self.0)
    }
    /// The entry at an index (taken modulo 512).
    #[inline(always)]
    pub(super) fn entry(self, index: usize) -> &'static AtomicU64 {
        let base = direct_map(u64::from(self.0) * PAGE_SIZE as u64).cast::<AtomicU64>();
        // SAFETY: a table is a frame of 512 entries, in use as long as the holder says; CPUs change entries atomically too.
        unsafe { &*base.add(index & 511) }
    }
    /// The table an entry of this one points to.
    #[inline(always)]
    pub(super) fn child(self, index: usize) -> Option<Table> {
        let entry = self.entry(index).load(Relaxed);
        (entry != 0).then_some(Table(((entry & super::entry::ADDRESS) >> 12) as u32))
    }
    /// Notes that an entry was filled. The holder has the tables' lock.
    #[inline(always)]
    pub(super) fn used(self, index: usize) {
        let info = self.info();
        info.count.store(info.count.load(Relaxed).wrapping_add(1), Relaxed);
        info.word.store(info.word.load(Relaxed) | 1 << ((index & 511) >> 3), Relaxed);
    }
    /// Notes that `count` entries were filled, each where `other` has one.
    pub(super) fn used_like(self, other: Table, count: usize) {
        let info = self.info();
        info.count.store(info.count.load(Relaxed).wrapping_add(count as u32), Relaxed);
        // More than what was filled, perhaps: the groups are hints.
        info.word.store(info.word.load(Relaxed) | other.info().word.load(Relaxed), Relaxed);
    }
    /// Notes that an entry was cleared; how many are left.
    #[inline(always)]
    pub(super) fn unused(self) -> u32 {
        let left = self.info().count.load(Relaxed).wrapping_sub(1);
        self.info().count.store(left, Relaxed);
        if left == 0 {
            self.info().word.store(0, Relaxed);
        }
        left
    }
    /// Entries in use.
    pub(super) fn count(self) -> u32 {
        self.info().count.load(Relaxed)
    }
    /// The indices from `first` to `last` whose entries are not zero (when looked at).
    #[inline]
    pub(super) fn filled(self, first: usize, last: usize) -> Filled {
        let (low, high) = (first >> 3, last >> 3);
        let groups = self.info().word.load(Relaxed) & (u64::MAX << low) & (u64::MAX >> (63 - high));
        Filled { table: self, groups, next: first, end: first, last }
    }
}

/// See [`Table::filled`].
pub(super) struct Filled {
    table: Table,
    groups: u64,
    next: usize,
    /// One past the group being looked at.
    end: usize,
    last: usize,
}
impl Iterator for Filled {
    type Item = (usize, u64);
    #[inline]
    fn next(&mut self) -> Option<(usize, u64)> {
        loop {
            while self.next < self.end {
                let index = self.next;
                self.next += 1;
                let entry = self.table.entry(index).load(Relaxed);
                if entry != 0 {
                    return Some((index, entry));
                }
            }
            if self.groups == 0 {
                return None;
            }
            let group = self.groups.trailing_zeros() as usize;
            self.groups &= self.groups - 1;
            self.next = self.next.max(group * 8);
            self.end = (group * 8 + 8).min(self.last + 1);
        }
    }
}
