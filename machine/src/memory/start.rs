//! From the boot loader's memory map to the first free frames.
use super::buddy::{MAX_BLOCK, MAX_RANGES};
use super::frame::Frame;
use super::info::{Kind, infos};
use super::records::{GROUP, GROUP_PAGES, RecordTables};
use super::{PAGE_SIZE, percpu};
use crate::seam::PhysicalRange;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

static TOP: AtomicU64 = AtomicU64::new(0);
/// One past the highest address of usable memory.
pub(crate) fn top() -> u64 {
    TOP.load(Relaxed)
}

/// Frame numbers must fit the links of the records, with room to spare for `number + block`.
const MOST_FRAMES: u64 = 1 << 31;

/// Ranges of frame numbers, sorted, not touching each other.
#[derive(Clone, Copy)]
struct Ranges {
    list: [(u32, u32); MAX_RANGES],
    length: usize,
}
impl Ranges {
    const fn new() -> Self {
        Ranges { list: [(0, 0); MAX_RANGES], length: 0 }
    }
    fn as_slice(&self) -> &[(u32, u32)] {
        &self.list[..self.length]
    }
    /// Appends, dropping what does not fit: memory we do not use is no harm.
    fn push(&mut self, first: u32, end: u32) {
        if first < end && self.length < MAX_RANGES {
            self.list[self.length] = (first, end);
            self.length += 1;
        }
    }
    fn sort_and_merge(&mut self) {
        self.list[..self.length].sort_unstable();
        let mut merged = Ranges::new();
        for &(first, end) in self.as_slice() {
            match merged.list[..merged.length].last_mut() {
                Some(last) if first <= last.1 => last.1 = last.1.max(end),
                _ => merged.push(first, end),
            }
        }
        *self = merged;
    }
    fn subtract(&mut self, first: u32, end: u32) {
        let mut left = Ranges::new();
        for &(from, to) in self.as_slice() {
            left.push(from, to.min(first));
            left.push(from.max(end), to);
        }
        *self = left;
    }
}

/// Frames wholly inside a range of usable addresses.
fn inside(range: &PhysicalRange) -> (u32, u32) {
    let page = PAGE_SIZE as u64;
    let first = (range.start / page + u64::from(!range.start.is_multiple_of(page))).min(MOST_FRAMES);
    (first as u32, (range.end / page).min(MOST_FRAMES) as u32)
}
/// Frames touched by a range of reserved addresses.
fn touched(range: &PhysicalRange) -> (u32, u32) {
    let page = PAGE_SIZE as u64;
    let end = (range.end / page + u64::from(!range.end.is_multiple_of(page))).min(MOST_FRAMES);
    ((range.start / page).min(MOST_FRAMES) as u32, end as u32)
}

/// Memory by what its records are needed for.
struct Parts {
    /// Free frames of blocks that are not wholly free.
    edges: Ranges,
    /// Blocks that are wholly free, which need no records yet.
    whole: Ranges,
    /// What is in blocks that need records now.
    partial: Ranges,
}
impl Parts {
    fn of(usable: &Ranges, kept: &Ranges) -> Parts {
        let (mut edges, mut whole, mut partial) = (Ranges::new(), Ranges::new(), Ranges::new());
        for &(first, end) in usable.as_slice() {
            let (from, to) = (first.next_multiple_of(MAX_BLOCK), end / MAX_BLOCK * MAX_BLOCK);
            if from < to {
                edges.push(first, from);
                whole.push(from, to);
                edges.push(to, end);
            } else {
                edges.push(first, end);
            }
        }
        edges.as_slice().iter().chain(kept.as_slice()).for_each(|&(first, end)| partial.push(first, end));
        partial.sort_and_merge();
        Parts { edges, whole, partial }
    }
    /// The first frames of the groups that need records now, each once.
    fn groups(&self) -> impl Iterator<Item = u32> {
        let mut next = 0;
        self.partial.as_slice().iter().flat_map(move |&(first, end)| {
            let from = (first / GROUP * GROUP).max(next);
            next = end.next_multiple_of(GROUP);
            (from..next).step_by(GROUP as usize)
        })
    }
}

/// Takes over physical memory: `map` is usable RAM in any order, possibly overlapping, with empty or inverted entries;
/// `reserved` is never handed out (unless given back by [`release`]). Called once, on the boot CPU, with interrupts off; only
/// the first 4 GiB need be in the direct map. Afterwards frames and heap work.
pub(crate) fn initialize(map: &[PhysicalRange], reserved: &[PhysicalRange]) {
    let mut usable = Ranges::new();
    for range in map {
        let (first, end) = inside(range);
        usable.push(first, end);
    }
    usable.sort_and_merge();
    let Some(&(_, top)) = usable.as_slice().last() else { panic!("no usable memory in the boot loader's map") };
    TOP.store(u64::from(top) * PAGE_SIZE as u64, Relaxed);
    // Frame 0 means "no frame" in places.
    usable.subtract(0, 1);
    let mut kept = Ranges::new();
    for range in reserved {
        let (first, end) = touched(range);
        usable.subtract(first, end);
        kept.push(first, end.min(top));
    }
    kept.sort_and_merge();

    // The tables of the records, and the records of blocks that are not wholly free, at the end of the lowest range below
    // 4 GiB that holds them. How many they are depends on where they are: two or three rounds tell.
    let count = top.next_multiple_of(GROUP);
    let limit = ((1u64 << 32) / PAGE_SIZE as u64) as u32;
    let mut pages = RecordTables::pages(count);
    let (mut at, parts) = loop {
        let fits = |&&(first, end): &&(u32, u32)| end <= limit && end - first >= pages;
        let Some(&(_, end)) = usable.as_slice().iter().find(fits) else { panic!("no room for the frames' records") };
        let (mut usable, mut kept) = (usable, kept);
        usable.subtract(end - pages, end);
        kept.push(end - pages, end);
        let parts = Parts::of(&usable, &kept);
        let needed = RecordTables::pages(count) + parts.groups().count() as u32 * GROUP_PAGES;
        if needed <= pages {
            break (end - pages, parts);
        }
        pages = needed;
    };
    // SAFETY: pages that nothing else uses, kept from the allocator.
    let records = unsafe { RecordTables::new(at, count) };
    at += RecordTables::pages(count);
    for group in parts.groups() {
        // SAFETY: each group once; the pages as above, as many as were counted.
        unsafe { records.provide(group, at) };
        at += GROUP_PAGES;
    }
    percpu::set_records(records);
    let Parts { edges, whole, .. } = parts;
    edges.as_slice().iter().for_each(|&(first, end)| percpu::add(first, end, false));
    whole.as_slice().iter().for_each(|&(first, end)| percpu::add(first, end, true));
    Frame::make_zero_page();
}

/// Gives reserved memory to the allocator, whole pages inside the range only.
pub(crate) fn release(range: PhysicalRange) {
    let (first, end) = inside(&range);
    if first < end {
        percpu::add(first, end, false);
    }
}

/// Turns reserved pages into frames with one reference each, in place.
///
/// # Safety
/// The pages were reserved at the start, have not been released or adopted, and nothing else uses them.
pub(crate) unsafe fn adopt(first: u32, pages: usize, mut give: impl FnMut(Frame)) {
    percpu::adopt(pages, Kind::Untyped);
    for number in first..first + pages as u32 {
        let info = infos().of(number);
        info.set_kind(Kind::Untyped, 0);
        info.word.store(0, Relaxed);
        info.count.store(1, Relaxed);
        // SAFETY: untyped with one reference now.
        give(unsafe { Frame::from_raw(number) });
    }
}
