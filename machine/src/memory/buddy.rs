//! The buddy allocator: free blocks of 2^order frames, merged with their neighbours when they come back.
//!
//! Memory nobody has asked for yet is kept as plain ranges of whole largest blocks, which need no records: starting costs
//! nothing per frame.
use super::info::{Infos, Kind, NONE};
use super::records::{GROUP_PAGES, RecordTables};
use core::sync::atomic::Ordering::Relaxed;

/// The largest block is 2^10 frames, 4 MiB.
pub(crate) const MAX_ORDER: usize = 10;
/// Frames of the largest block.
pub(crate) const MAX_BLOCK: u32 = 1 << MAX_ORDER;
/// Most ranges of memory understood.
pub(crate) const MAX_RANGES: usize = 64;

/// The free memory.
pub(crate) struct Buddy {
    heads: [u32; MAX_ORDER + 1],
    /// Bit n: there are free blocks of order n.
    non_empty: u32,
    free: usize,
    untouched: [(u32, u32); MAX_RANGES],
    ranges: usize,
    /// What makes the records of untouched memory; `None` if all are there.
    records: Option<RecordTables>,
}
impl Buddy {
    /// No memory.
    pub(crate) const fn new() -> Self {
        let (heads, untouched) = ([NONE; MAX_ORDER + 1], [(0, 0); MAX_RANGES]);
        Buddy { heads, non_empty: 0, free: 0, untouched, ranges: 0, records: None }
    }
    /// Says what makes the records of untouched memory.
    pub(crate) fn set_records(&mut self, records: RecordTables) {
        self.records = Some(records);
    }
    /// Free frames.
    pub(crate) fn free(&self) -> usize {
        self.free
    }
    /// Adds whole largest blocks whose records need not be there. Returns false when too many ranges are kept.
    pub(crate) fn add_untouched(&mut self, first: u32, end: u32) -> bool {
        debug_assert!(first.is_multiple_of(MAX_BLOCK) && end.is_multiple_of(MAX_BLOCK));
        if first >= end {
            return true;
        }
        if self.ranges == MAX_RANGES {
            return false;
        }
        self.untouched[self.ranges] = (first, end);
        self.ranges += 1;
        self.free += (end - first) as usize;
        true
    }
    fn push(&mut self, infos: Infos, number: u32, order: usize) {
        let head = self.heads[order];
        let info = infos.of(number);
        info.set_kind(Kind::Free, order);
        // Next in the low half, previous in the high one.
        info.word.store(u64::from(head) | u64::from(NONE) << 32, Relaxed);
        if head != NONE {
            let word = &infos.of(head).word;
            word.store(word.load(Relaxed) & 0xffff_ffff | u64::from(number) << 32, Relaxed);
        }
        self.heads[order] = number;
        self.non_empty |= 1 << order;
    }
    fn unlink(&mut self, infos: Infos, number: u32, order: usize) {
        let info = infos.of(number);
        let word = info.word.load(Relaxed);
        let (next, previous) = (word as u32, (word >> 32) as u32);
        if previous == NONE {
            self.heads[order] = next;
            if next == NONE {
                self.non_empty &= !(1 << order);
            }
        } else {
            let word = &infos.of(previous).word;
            word.store(word.load(Relaxed) & !0xffff_ffff | u64::from(next), Relaxed);
        }
        if next != NONE {
            let word = &infos.of(next).word;
            word.store(word.load(Relaxed) & 0xffff_ffff | u64::from(previous) << 32, Relaxed);
        }
        info.set_kind(Kind::None, 0);
    }
    /// Takes a block of 2^order frames, aligned to its size. Its kind is `None` until the caller sets it.
    pub(crate) fn take(&mut self, infos: Infos, order: usize) -> Option<u32> {
        let mut candidates = self.non_empty >> order << order;
        while candidates == 0 {
            self.touch(infos)?;
            candidates = self.non_empty >> order << order;
        }
        let mut have = candidates.trailing_zeros() as usize;
        let number = self.heads[have];
        self.unlink(infos, number, have);
        while have > order {
            have -= 1;
            self.push(infos, number + (1 << have), have);
        }
        self.free -= 1 << order;
        Some(number)
    }
    /// Makes one largest block of the untouched memory an ordinary free one, lowest range first; less the memory for the
    /// records of its group if it is the first one of that.
    fn touch(&mut self, infos: Infos) -> Option<()> {
        let range = self.untouched[..self.ranges].iter_mut().find(|range| range.0 < range.1)?;
        let (mut first, end) = (range.0, range.0 + MAX_BLOCK);
        range.0 = end;
        self.free -= MAX_BLOCK as usize;
        if let Some(records) = self.records
            && !records.cover(first)
        {
            // SAFETY: just seen not to be there; nobody has had this block yet, and these pages are not given to anybody.
            unsafe { records.provide(first, first) };
            first += GROUP_PAGES;
        }
        self.give_range(infos, first, end);
        Some(())
    }
    /// Gives a block back.
    pub(crate) fn give(&mut self, infos: Infos, mut number: u32, mut order: usize) {
        self.free += 1 << order;
        while order < MAX_ORDER {
            let buddy = number ^ 1 << order;
            if !infos.of(buddy).is_free(order) {
                break;
            }
            self.unlink(infos, buddy, order);
            number &= !(1 << order);
            order += 1;
        }
        self.push(infos, number, order);
    }
    /// Gives any run of frames back, as the largest blocks it is made of.
    pub(crate) fn give_range(&mut self, infos: Infos, mut first: u32, end: u32) {
        while first < end {
            let aligned = if first == 0 { MAX_ORDER } else { first.trailing_zeros() as usize };
            let order = aligned.min((end - first).ilog2() as usize).min(MAX_ORDER);
            self.give(infos, first, order);
            first += 1 << order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::info::FrameInfo;
    use super::*;
    use proptest::prelude::*;

    fn records(count: u32) -> Infos {
        let layout = std::alloc::Layout::array::<FrameInfo>(count as usize).unwrap();
        // SAFETY: a fresh, leaked block of zeros; records are valid when zero.
        unsafe { Infos::new(std::alloc::alloc_zeroed(layout).cast()) }
    }

    #[test]
    fn whole_memory_merges_again() {
        let infos = records(4 * MAX_BLOCK);
        let mut buddy = Buddy::new();
        assert!(buddy.add_untouched(MAX_BLOCK, 3 * MAX_BLOCK));
        buddy.give_range(infos, 3, MAX_BLOCK - 5);
        let total = buddy.free();
        assert_eq!(total as u32, 2 * MAX_BLOCK + MAX_BLOCK - 8);
        let mut taken = Vec::new();
        while let Some(number) = buddy.take(infos, 0) {
            taken.push(number);
        }
        assert_eq!((taken.len(), buddy.free()), (total, 0));
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), total);
        for number in taken {
            buddy.give(infos, number, 0);
        }
        assert_eq!(buddy.free(), total);
        assert!(buddy.take(infos, MAX_ORDER).is_some());
        assert!(buddy.take(infos, MAX_ORDER).is_some());
        assert!(buddy.take(infos, MAX_ORDER).is_none());
        assert!(buddy.take(infos, 9).is_none() && buddy.take(infos, 8).is_some());
    }

    proptest! {
        #[test]
        fn blocks_never_overlap(steps in proptest::collection::vec((any::<bool>(), 0..=MAX_ORDER, any::<usize>()), 0..300)) {
            let infos = records(4 * MAX_BLOCK);
            let mut buddy = Buddy::new();
            prop_assert!(buddy.add_untouched(0, 4 * MAX_BLOCK));
            let mut owner = vec![false; 4 * MAX_BLOCK as usize];
            let mut held: Vec<(u32, usize)> = Vec::new();
            for (take, order, which) in steps {
                if take {
                    let Some(number) = buddy.take(infos, order) else { continue };
                    prop_assert_eq!(number % (1 << order), 0);
                    let frames = &mut owner[number as usize..][..1 << order];
                    prop_assert!(frames.iter().all(|taken| !taken));
                    frames.fill(true);
                    held.push((number, order));
                } else if !held.is_empty() {
                    let (number, order) = held.swap_remove(which % held.len());
                    owner[number as usize..][..1 << order].fill(false);
                    buddy.give(infos, number, order);
                }
                prop_assert_eq!(buddy.free(), owner.iter().filter(|taken| !**taken).count());
            }
            for (number, order) in held {
                buddy.give(infos, number, order);
            }
            for _ in 0..4 {
                prop_assert!(buddy.take(infos, MAX_ORDER).is_some());
            }
        }
    }
}
