//! Finding room for a new area.
use super::AreaMap;
use core::ops::Range;

/// Where and how large.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Bytes, page-aligned, not 0.
    pub length: u64,
    /// Bytes that must stay free below areas that grow down (the stack guard gap).
    pub guard: u64,
}

impl AreaMap {
    /// The first address not usable below the area: for one that grows down the guard gap counts too.
    fn floor_of(area: &super::Area, guard: u64) -> u64 {
        if area.has(super::AreaFlags::GROWS_DOWN) { area.start.saturating_sub(guard) } else { area.start }
    }
    /// The highest free range of the length inside `within`.
    pub fn highest_gap(&mut self, wanted: Wanted, within: Range<u64>) -> Option<u64> {
        let fits = |low: u64, high: u64| {
            let (low, high) = (low.max(within.start), high.min(within.end));
            high.checked_sub(wanted.length).filter(|start| *start >= low)
        };
        let mut high = within.end;
        for number in (0..self.chunks.len()).rev() {
            let chunk = self.chunks.get_mut(number)?;
            let (first, last) = (chunk.areas.first()?, chunk.areas.last()?);
            if last.end < high
                && let Some(start) = fits(last.end, high)
            {
                return Some(start);
            }
            if first.start >= within.end || chunk.largest_gap < wanted.length {
                high = high.min(Self::floor_of(first, wanted.guard));
                if high <= within.start {
                    return None;
                }
                continue;
            }
            let mut largest = 0;
            let mut above: Option<&super::Area> = None;
            for area in chunk.areas.iter().rev() {
                if let Some(above) = above {
                    largest = largest.max(above.start - area.end);
                }
                if area.end < high
                    && let Some(start) = fits(area.end, high)
                {
                    return Some(start);
                }
                high = high.min(Self::floor_of(area, wanted.guard));
                above = Some(area);
            }
            chunk.largest_gap = largest;
            if high <= within.start {
                return None;
            }
        }
        fits(0, high)
    }
    /// The lowest free range of the length inside `within`.
    pub fn lowest_gap(&self, wanted: Wanted, within: Range<u64>) -> Option<u64> {
        let mut low = within.start;
        for area in self.iter_from(within.start) {
            let high = Self::floor_of(area, wanted.guard).min(within.end);
            if high.checked_sub(low).is_some_and(|room| room >= wanted.length) {
                return Some(low);
            }
            low = low.max(area.end);
            if low >= within.end {
                return None;
            }
        }
        within.end.checked_sub(low).filter(|room| *room >= wanted.length).map(|_| low)
    }
}
