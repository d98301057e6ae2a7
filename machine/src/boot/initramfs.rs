//! The initial RAM file system, in the memory where the loader left it.
use crate::memory::{self, Frame, PAGE_SIZE, bytes};
use crate::paging::direct_map;
use crate::seam::PhysicalRange;
use crate::sync::{Rank, SpinLock};
use alloc::vec::Vec;

/// The initramfs as the loader left it in physical memory.
pub struct InitramfsImage {
    range: PhysicalRange,
    state: SpinLock<State>,
}
#[derive(Default)]
struct State {
    freed: bool,
    /// Pages taken as frames, one bit for each page of the image; empty as long as there are none.
    taken: Vec<u64>,
}
impl State {
    fn is_taken(&self, page: usize) -> bool {
        self.taken.get(page / 64).is_some_and(|bits| bits >> (page % 64) & 1 == 1)
    }
}
impl InitramfsImage {
    pub(crate) fn new(range: PhysicalRange) -> Self {
        let state = State { freed: range.end <= range.start, taken: Vec::new() };
        InitramfsImage { range, state: SpinLock::new(Rank(Rank::MACHINE, "initramfs image"), state) }
    }
    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.range.end.saturating_sub(self.range.start) as usize
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The page of physical memory with the byte at `offset`, counted from the page with the first byte.
    fn page(&self, offset: usize) -> usize {
        (offset + self.range.start as usize % PAGE_SIZE) / PAGE_SIZE
    }
    /// Copies bytes out of the image; returns how many were there. Stops at the first page that was taken as a frame; gives
    /// none once the image was freed.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> usize {
        let there = into.len().min(self.len().saturating_sub(offset));
        let mut done = 0;
        while done < there {
            let at = self.range.start + (offset + done) as u64;
            let part = (there - done).min(PAGE_SIZE - at as usize % PAGE_SIZE);
            // The lock is held for a page at a time, so that the memory cannot be given away under the copy.
            let state = self.state.lock();
            if state.freed || state.is_taken(self.page(offset + done)) {
                break;
            }
            // SAFETY: reserved memory that the image still has; `part` fits the rest of `into`.
            unsafe { bytes::copy(into[done..].as_mut_ptr(), direct_map(at), part) };
            done += part;
        }
        done
    }
    /// Gives page-aligned whole pages of the image as frames without copying (their memory then belongs to the frames). None
    /// if the bytes at `offset` do not begin a page, the pages are not wholly inside the image, or were given away before.
    pub fn take_frames(&self, offset: usize, pages: usize) -> Option<Vec<Frame>> {
        let end = pages.checked_mul(PAGE_SIZE)?.checked_add(offset)?;
        let start = self.range.start + offset as u64;
        if end > self.len() || !start.is_multiple_of(PAGE_SIZE as u64) {
            return None;
        }
        let mut frames = Vec::new();
        frames.try_reserve_exact(pages).ok()?;
        let mut bits = Vec::new();
        if self.state.lock().taken.is_empty() {
            bits.try_reserve_exact((self.page(self.len()) + 1).div_ceil(64)).ok()?;
            bits.resize(bits.capacity(), 0);
        }
        let first = self.page(offset);
        let mut state = self.state.lock();
        if state.freed || (first..first + pages).any(|page| state.is_taken(page)) {
            return None;
        }
        if state.taken.is_empty() {
            core::mem::swap(&mut state.taken, &mut bits);
        }
        (first..first + pages).for_each(|page| state.taken[page / 64] |= 1 << (page % 64));
        drop(state);
        // SAFETY: reserved at the start, whole pages of the image, and noted as taken just now: nobody else has them.
        unsafe { memory::adopt((start / PAGE_SIZE as u64) as u32, pages, |frame| frames.push(frame)) };
        Some(frames)
    }
    /// Returns the image's remaining memory to the allocator; later reads give 0 bytes.
    pub fn free(&self) {
        let state = {
            let mut state = self.state.lock();
            if state.freed {
                return;
            }
            state.freed = true;
            State { freed: true, taken: core::mem::take(&mut state.taken) }
        };
        // Runs of pages that were not taken; what does not fill a page at either end stays unused.
        let base = self.range.start / PAGE_SIZE as u64;
        let address = |page: usize| (base + page as u64) * PAGE_SIZE as u64;
        let last = self.page(self.len() - 1);
        let mut page = 0;
        while page <= last {
            let run = (page..=last).take_while(|page| !state.is_taken(*page)).count();
            let (start, end) = (address(page).max(self.range.start), address(page + run).min(self.range.end));
            if start < end {
                memory::release(PhysicalRange { start, end });
            }
            page += run + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::testing;

    #[test]
    fn pages_are_read_taken_and_freed() {
        let _alone = testing::start();
        let image = InitramfsImage::new(testing::IMAGE);
        let length = image.len();
        for offset in 0..length {
            // SAFETY: simulated memory, reserved for this test.
            unsafe { direct_map(testing::IMAGE.start + offset as u64).write(offset as u8) };
        }
        let mut bytes = vec![0; length + 10];
        assert_eq!(image.read(3, &mut bytes), length - 3);
        assert!((3..length).all(|offset| bytes[offset - 3] == offset as u8));
        assert_eq!((image.read(length, &mut bytes), image.read(usize::MAX, &mut bytes)), (0, 0));
        // The image begins 0x800 into a page.
        assert!(image.take_frames(0, 1).is_none() && image.take_frames(0x1800, 100).is_none());
        assert!(image.take_frames(0x800, usize::MAX).is_none());
        let total = memory::statistics().total;
        let frames = image.take_frames(0x1800, 2).unwrap();
        let mut byte = [0];
        frames[1].read(5, &mut byte);
        assert_eq!(byte[0], (0x2805 % 256) as u8);
        assert!(image.take_frames(0x2800, 1).is_none());
        assert_eq!(image.read(0x1000, &mut bytes), 0x800);
        image.free();
        assert_eq!(image.read(0, &mut bytes), 0);
        assert!(image.take_frames(0x3800, 1).is_none());
        image.free();
        // Whole pages: all but the first half, and what is left at the end.
        assert_eq!(memory::statistics().total, total + (length - 0x800) / PAGE_SIZE);
    }

    #[test]
    fn there_may_be_none() {
        let image = InitramfsImage::new(PhysicalRange { start: 0, end: 0 });
        assert!(image.is_empty() && image.read(0, &mut [0; 4]) == 0);
        image.free();
    }
}
