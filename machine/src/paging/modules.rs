//! Pages of loaded modules, in the top GiB: code reaches the kernel and what is constant has addresses of 32 bits with a sign,
//! as the code model of kernel and modules wants. No page is written and executed.
use super::direct_map;
use super::entry::{GLOBAL, NO_EXECUTE, PRESENT};
use super::flush::FlushList;
use super::kernel;
use super::space::PAGE;
use super::stack::online;
use crate::OutOfMemory;
use crate::memory::info::Kind;
use crate::memory::{bytes, percpu};
use crate::sync::{Rank, SpinLock};
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

const FIRST: u64 = 0xffff_ffff_c000_0000;
/// The last pages stay free: addresses near the end are errors.
const END: u64 = 0xffff_ffff_ff00_0000;
/// Most ranges in use at once.
const MOST: usize = 256;

/// Whether an address is one of modules.
pub(crate) fn is_module_address(address: u64) -> bool {
    (FIRST..END).contains(&address)
}

/// The ranges in use, by address.
struct Area {
    ranges: [Range<u64>; MOST],
    count: usize,
}
static AREA: SpinLock<Area> = SpinLock::new(
    Rank(Rank::MACHINE + 0x280, "addresses of modules"),
    Area { ranges: [const { 0..0 }; MOST], count: 0 },
);

impl Area {
    /// Takes the first gap that has room for the pages and one that stays unmapped behind them.
    fn take(&mut self, length: u64) -> Option<u64> {
        let length = length.checked_add(PAGE)?;
        let mut at = FIRST;
        let mut place = 0;
        for range in self.ranges.get(..self.count)? {
            if range.start - at >= length {
                break;
            }
            at = range.end;
            place += 1;
        }
        if END.checked_sub(at)? < length || self.count == MOST {
            return None;
        }
        self.ranges[place..=self.count].rotate_right(1);
        self.ranges[place] = at..at + length;
        self.count += 1;
        Some(at)
    }
    fn give(&mut self, start: u64) {
        if let Some(place) = self.ranges[..self.count].iter().position(|range| range.start == start) {
            self.ranges[place..self.count].rotate_left(1);
            self.count -= 1;
        }
    }
}

/// What may be done with pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    Execute,
    Read,
    Write,
}

/// A range of addresses with pages, unmapped and freed on drop (which waits for other CPUs). What cannot be written there cannot
/// be written through the direct map either.
pub(crate) struct ModulePages {
    base: u64,
    /// From `base` on, 0 where there is none yet.
    frames: Vec<u32>,
}

impl ModulePages {
    /// Reserves addresses for so many bytes.
    pub(crate) fn reserve(length: usize) -> Result<Self, OutOfMemory> {
        let count = length.div_ceil(PAGE as usize);
        let mut frames = Vec::new();
        frames.try_reserve_exact(count).map_err(|_| OutOfMemory)?;
        frames.resize(count, 0);
        let base = AREA.lock().take(count as u64 * PAGE).ok_or(OutOfMemory)?;
        Ok(ModulePages { base, frames })
    }
    /// The first address.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }
    /// Bytes in all.
    pub(crate) fn length(&self) -> usize {
        self.frames.len() * PAGE as usize
    }
    /// Maps pages from an offset (of whole pages) on that hold these bytes, then zeros.
    pub(crate) fn map(&mut self, offset: usize, content: &[u8], what: Use) -> Result<(), OutOfMemory> {
        let first = offset / PAGE as usize;
        let mut flushes = FlushList::new();
        for (index, piece) in content.chunks(PAGE as usize).enumerate() {
            let place = self.frames.get_mut(first + index).filter(|frame| **frame == 0).ok_or(OutOfMemory)?;
            let frame = percpu::allocate(Kind::Heap)?;
            let page = direct_map(u64::from(frame) * PAGE);
            // SAFETY: the frame is ours, and a piece is at most a page.
            unsafe {
                bytes::zero_page(page);
                bytes::copy(page, piece.as_ptr(), piece.len());
            }
            let entry = match what {
                Use::Execute => u64::from(frame) << 12 | PRESENT | GLOBAL,
                Use::Read => u64::from(frame) << 12 | PRESENT | GLOBAL | NO_EXECUTE,
                Use::Write => kernel::data(frame),
            };
            // What is mapped is taken back on drop, whatever comes next.
            *place = frame;
            if what != Use::Write {
                kernel::protect_direct_map(frame, false)?;
                flushes.add(page as u64);
            }
            kernel::map_pages(self.base + (first + index) as u64 * PAGE, &[entry])?;
        }
        flushes.flush(0, &AtomicU64::new(online()));
        Ok(())
    }
    /// Changes a word of pages that are read-only otherwise; what it was. Calls are one at a time.
    pub(crate) fn swap_word(&self, offset: usize, value: u64) -> Result<u64, OutOfMemory> {
        let frame = self.frames.get(offset / PAGE as usize).copied().filter(|frame| *frame != 0).ok_or(OutOfMemory)?;
        let page = direct_map(u64::from(frame) * PAGE) as u64;
        let set_writable = |writable| {
            kernel::protect_direct_map(frame, writable)?;
            let mut flushes = FlushList::new();
            flushes.add(page);
            flushes.flush(0, &AtomicU64::new(online()));
            Ok(())
        };
        set_writable(true)?;
        let old = self.word(offset).map(|word| word.swap(value, Ordering::AcqRel));
        set_writable(false)?;
        old.ok_or(OutOfMemory)
    }
    /// The word at an offset of mapped pages, in the direct map.
    fn word(&self, offset: usize) -> Option<&AtomicU64> {
        let frame = self.frames.get(offset / PAGE as usize).copied().filter(|frame| *frame != 0)?;
        let within = offset % PAGE as usize;
        if !within.is_multiple_of(8) {
            return None;
        }
        // SAFETY: the frame is ours as long as `self` is, the word lies within it, and all look at it as an atomic.
        Some(unsafe { &*direct_map(u64::from(frame) * PAGE + within as u64).cast::<AtomicU64>() })
    }
}

impl Drop for ModulePages {
    fn drop(&mut self) {
        let mut flushes = FlushList::new();
        for (frame, page) in self.frames.iter().zip(0u64..) {
            let address = self.base + page * PAGE;
            if *frame == 0 {
                continue;
            }
            if let Some(entry) = kernel::entry(address) {
                entry.store(0, Ordering::Relaxed);
                flushes.add(address);
            }
            // The large page is split already, so this needs no memory.
            if kernel::protect_direct_map(*frame, true).is_ok() {
                flushes.add(direct_map(u64::from(*frame) * PAGE) as u64);
            }
        }
        flushes.flush(0, &AtomicU64::new(online()));
        self.frames.iter().filter(|frame| **frame != 0).for_each(|frame| percpu::free(*frame, Kind::Heap));
        AREA.lock().give(self.base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_reused_and_gaps_found() {
        let mut area = Area { ranges: [const { 0..0 }; MOST], count: 0 };
        let first = area.take(PAGE).unwrap();
        let second = area.take(3 * PAGE).unwrap();
        let third = area.take(PAGE).unwrap();
        assert_eq!((first, second, third), (FIRST, FIRST + 2 * PAGE, FIRST + 6 * PAGE));
        area.give(second);
        assert_eq!(area.take(4 * PAGE), Some(FIRST + 8 * PAGE));
        assert_eq!(area.take(3 * PAGE), Some(second));
        area.give(first);
        area.give(0);
        assert_eq!(area.take(PAGE), Some(first));
        assert_eq!(area.take(END - FIRST), None);
        assert_eq!(area.take(u64::MAX), None);
        while area.take(PAGE).is_some() {}
        assert_eq!(area.count, MOST);
    }
}
