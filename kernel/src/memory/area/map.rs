//! The areas of an address space in order: a sorted sequence of sorted chunks, so that a lookup is two binary searches,
//! a change moves at most one chunk, and a copy (fork) allocates once per chunk.
use super::{Area, AreaFlags, Removed};
use crate::error::{ENOMEM, Result};
use alloc::vec::Vec;
use core::ops::Range;

/// Most areas in a chunk: what fits a block of 2 KiB, the largest that shares its page.
const CHUNK: usize = 2048 / size_of::<Area>();
/// Areas that a chunk has room for at first.
const FIRST: usize = 16;

/// How many areas a full chunk keeps when it is split for one at `within`: a half, or all before or behind that place where
/// it is near an end, so that areas made in ascending or descending order leave full chunks behind.
fn split_point(within: usize) -> usize {
    if (CHUNK / 4..CHUNK - CHUNK / 4).contains(&within) { CHUNK / 2 } else { within.max(1) }
}
/// Makes room for one more area in a chunk that is not full. ENOMEM.
fn make_room(areas: &mut Vec<Area>) -> Result<()> {
    if areas.len() == areas.capacity() {
        let wanted = (2 * areas.len()).clamp(FIRST, CHUNK);
        areas.try_reserve_exact(wanted - areas.len())?;
    }
    Ok(())
}

/// Some neighbouring areas.
pub(super) struct Chunk {
    pub(super) areas: Vec<Area>,
    /// At least as large as any gap between two areas of this chunk.
    pub(super) largest_gap: u64,
}

/// Areas in order of address, none overlapping another.
#[derive(Default)]
pub struct AreaMap {
    /// No chunk is empty.
    pub(super) chunks: Vec<Chunk>,
    count: usize,
}

/// Chunk and place in it.
pub(super) type Place = (usize, usize);

impl AreaMap {
    /// No areas.
    pub const fn new() -> Self {
        AreaMap { chunks: Vec::new(), count: 0 }
    }
    /// How many areas there are.
    pub fn len(&self) -> usize {
        self.count
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
    /// The place of the first area that ends after `address`; may be one past the last chunk.
    pub(super) fn place_of(&self, address: u64) -> Place {
        let chunk = self.chunks.partition_point(|chunk| chunk.areas.last().is_none_or(|area| area.end <= address));
        let within = self.chunks.get(chunk).map_or(0, |chunk| chunk.areas.partition_point(|area| area.end <= address));
        (chunk, within)
    }
    pub(super) fn at(&self, (chunk, within): Place) -> Option<&Area> {
        self.chunks.get(chunk)?.areas.get(within)
    }
    fn at_mut(&mut self, (chunk, within): Place) -> Option<&mut Area> {
        self.chunks.get_mut(chunk)?.areas.get_mut(within)
    }
    fn after(&self, (chunk, within): Place) -> Place {
        match self.chunks.get(chunk) {
            Some(here) if within + 1 < here.areas.len() => (chunk, within + 1),
            _ => (chunk + 1, 0),
        }
    }
    fn before(&self, (chunk, within): Place) -> Option<Place> {
        if within > 0 {
            return Some((chunk, within - 1));
        }
        let chunk = chunk.checked_sub(1)?;
        Some((chunk, self.chunks.get(chunk)?.areas.len().checked_sub(1)?))
    }
    /// The area that contains `address`.
    #[inline]
    pub fn find(&self, address: u64) -> Option<&Area> {
        self.at(self.place_of(address)).filter(|area| area.start <= address)
    }
    /// The first area that ends after `address` (Linux: find_vma).
    pub fn find_from(&self, address: u64) -> Option<&Area> {
        self.at(self.place_of(address))
    }
    /// The last area that begins before `address`... and ends at or before it if none contains it.
    pub fn find_before(&self, address: u64) -> Option<&Area> {
        let place = self.place_of(address);
        match self.at(place) {
            Some(area) if area.start < address => Some(area),
            _ => self.at(self.before(place)?),
        }
    }
    /// The last area.
    pub fn last(&self) -> Option<&Area> {
        self.chunks.last()?.areas.last()
    }
    /// All areas from the one that contains or follows `address`.
    pub fn iter_from(&self, address: u64) -> impl Iterator<Item = &Area> {
        let (chunk, within) = self.place_of(address);
        let first = self.chunks.get(chunk).and_then(|chunk| chunk.areas.get(within..)).unwrap_or(&[]);
        let rest = self.chunks.get(chunk.saturating_add(1)..).unwrap_or(&[]);
        first.iter().chain(rest.iter().flat_map(|chunk| chunk.areas.iter()))
    }
    /// All areas.
    pub fn iter(&self) -> impl Iterator<Item = &Area> {
        self.chunks.iter().flat_map(|chunk| chunk.areas.iter())
    }
    /// The areas that have a part in `range`.
    pub fn overlapping(&self, range: Range<u64>) -> impl Iterator<Item = &Area> {
        self.iter_from(range.start).take_while(move |area| area.start < range.end)
    }
    /// Whether every address of `range` is in an area.
    pub fn covers(&self, range: Range<u64>) -> bool {
        let mut at = range.start;
        for area in self.overlapping(range.clone()) {
            if area.start > at {
                return false;
            }
            at = area.end;
        }
        at >= range.end
    }
    /// Whether no area has a part in `range`.
    pub fn is_free(&self, range: Range<u64>) -> bool {
        self.find_from(range.start).is_none_or(|area| area.start >= range.end)
    }
    /// Inserts an area whose range is free, without merging. ENOMEM; EEXIST never: an occupied range is a mistake that is
    /// answered with ENOMEM too.
    pub fn insert(&mut self, area: Area) -> Result<()> {
        let (mut chunk, mut within) = self.place_of(area.start);
        if self.at((chunk, within)).is_some_and(|next| next.start < area.end) {
            return Err(ENOMEM);
        }
        // At a chunk's front, the end of the one before does as well and moves nothing.
        if within == 0
            && let Some(previous) = chunk.checked_sub(1)
            && let Some(room) = self.chunks.get(previous)
            && room.areas.len() < CHUNK
        {
            within = room.areas.len();
            chunk = previous;
        }
        let Some(here) = self.chunks.get_mut(chunk) else {
            self.chunks.try_reserve(1)?;
            let mut areas = Vec::new();
            make_room(&mut areas)?;
            areas.push(area);
            self.chunks.push(Chunk { areas, largest_gap: 0 });
            self.count += 1;
            return Ok(());
        };
        if here.areas.len() < CHUNK {
            make_room(&mut here.areas)?;
            here.areas.insert(within, area);
            // Inside it splits a gap; at an end it makes one.
            here.largest_gap = u64::MAX;
        } else {
            self.chunks.try_reserve(1)?;
            let mut upper = Vec::new();
            upper.try_reserve_exact(CHUNK)?;
            let here = self.chunks.get_mut(chunk).ok_or(ENOMEM)?;
            let kept = split_point(within);
            upper.extend(here.areas.drain(kept..));
            here.largest_gap = u64::MAX;
            match within.checked_sub(kept) {
                Some(place) => upper.insert(place, area),
                None => here.areas.insert(within, area),
            }
            self.chunks.insert(chunk + 1, Chunk { areas: upper, largest_gap: u64::MAX });
        }
        self.count += 1;
        Ok(())
    }
    fn remove_at(&mut self, (chunk, within): Place) -> Option<Area> {
        let here = self.chunks.get_mut(chunk)?;
        if within >= here.areas.len() {
            return None;
        }
        let area = here.areas.remove(within);
        here.largest_gap = u64::MAX;
        if here.areas.is_empty() {
            self.chunks.remove(chunk);
        }
        self.count -= 1;
        Some(area)
    }
    /// Makes `address` a boundary: an area that contains it inside becomes two. ENOMEM, with nothing changed.
    pub fn split(&mut self, address: u64) -> Result<()> {
        let place = self.place_of(address);
        let Some(area) = self.at_mut(place).filter(|area| area.start < address) else { return Ok(()) };
        let (end, upper) = (area.end, area.part(address, area.end));
        area.end = address;
        if let Err(error) = self.insert(upper) {
            if let Some(area) = self.at_mut(place) {
                area.end = end;
            }
            return Err(error);
        }
        Ok(())
    }
    /// Takes out all areas inside `range`, which has been made to begin and end at boundaries by [`AreaMap::split`]; in
    /// `removed`, which the caller drops when no lock is held. ENOMEM with nothing changed.
    pub fn remove(&mut self, range: Range<u64>, removed: &mut Removed) -> Result<()> {
        let count = self.overlapping(range.clone()).count();
        removed.reserve(count)?;
        let mut left = count;
        while left > 0 {
            let (chunk, within) = self.place_of(range.start);
            let Some(here) = self.chunks.get_mut(chunk) else { break };
            let last = here.areas.len().min(within + left);
            removed.extend(here.areas.drain(within..last));
            here.largest_gap = u64::MAX;
            left -= last - within;
            self.count -= last - within;
            if here.areas.is_empty() {
                self.chunks.remove(chunk);
            }
        }
        Ok(())
    }
    /// Merges the two areas that meet at `address` if the upper continues the lower; what is left over goes to `removed`
    /// (which has room).
    pub fn merge(&mut self, address: u64, removed: &mut Removed) -> bool {
        let place = self.place_of(address);
        let Some(below) = self.before(place) else { return false };
        let (Some(lower), Some(upper)) = (self.at(below), self.at(place)) else { return false };
        if !lower.is_continued_by(upper) || removed.reserve(1).is_err() {
            return false;
        }
        let Some(upper) = self.remove_at(place) else { return false };
        if let Some(lower) = self.at_mut(below) {
            lower.end = upper.end;
            if upper.has_private_pages() {
                lower.note_private_pages();
            }
        }
        removed.push(upper);
        true
    }
    /// Changes the flags of the areas of a range: splits at its ends, applies `change` to each area in it and merges what
    /// then belongs together. ENOMEM with nothing changed.
    pub fn change(
        &mut self,
        range: Range<u64>,
        removed: &mut Removed,
        mut change: impl FnMut(&mut Area),
    ) -> Result<()> {
        let place = self.place_of(range.start);
        if let Some(area) = self.at_mut(place).filter(|area| area.start == range.start && area.end == range.end) {
            // One whole area, as often.
            change(area);
            if self.has_kin(place) {
                self.merge_range(range, removed);
            }
            return Ok(());
        }
        self.split(range.start)?;
        self.split(range.end)?;
        let mut place = self.place_of(range.start);
        while let Some(area) = self.at_mut(place).filter(|area| area.start < range.end) {
            change(area);
            place = self.after(place);
        }
        self.merge_range(range, removed);
        Ok(())
    }
    /// Whether a neighbour of the area at a place belongs together with it.
    fn has_kin(&self, place: Place) -> bool {
        let Some(area) = self.at(place) else { return false };
        let below = self.before(place).and_then(|place| self.at(place));
        let above = self.at(self.after(place));
        below.is_some_and(|below| below.is_continued_by(area)) || above.is_some_and(|above| area.is_continued_by(above))
    }
    /// Merges all neighbours that belong together, from the boundary at the start of the range to the one at its end.
    pub fn merge_range(&mut self, range: Range<u64>, removed: &mut Removed) {
        let mut at = range.start;
        loop {
            self.merge(at, removed);
            match self.find(at) {
                Some(area) if area.end <= range.end => at = area.end,
                Some(_) => return,
                None => match self.find_from(at) {
                    Some(area) if area.start <= range.end => at = area.start.max(at + 1),
                    _ => return,
                },
            }
            if at > range.end {
                return;
            }
        }
    }
    /// Moves the start of the area that begins at `start` (stack growth); its new range must be free.
    pub fn grow_down(&mut self, start: u64, to: u64) -> bool {
        let place = self.place_of(start);
        let floor = self.before(place).and_then(|place| self.at(place)).map_or(0, |area| area.end);
        let Some(area) = self.at_mut(place).filter(|area| area.start == start && to < start && floor <= to) else {
            return false;
        };
        if area.file.is_some() {
            let Some(offset) = area.page_offset.checked_sub((start - to) >> 12) else { return false };
            area.page_offset = offset;
        }
        area.start = to;
        true
    }
    /// Moves the end of the area that contains `inside` up (brk, mremap); its new range must be free.
    pub fn grow_up(&mut self, inside: u64, to: u64) -> bool {
        let place = self.place_of(inside);
        let ceiling = self.at(self.after(place)).map_or(u64::MAX, |area| area.start);
        let Some(area) = self.at_mut(place).filter(|area| area.contains(inside) && area.end <= to && to <= ceiling)
        else {
            return false;
        };
        area.end = to;
        true
    }
    /// Adds flags to the area at `address`.
    pub fn set_flags(&mut self, address: u64, flags: AreaFlags) {
        let place = self.place_of(address);
        if let Some(area) = self.at_mut(place) {
            area.flags = area.flags | flags;
        }
    }
    /// A copy with each area mapped by `copy` (`None` leaves it out).
    pub fn try_clone<'a>(&'a self, mut copy: impl FnMut(&'a Area) -> Result<Option<Area>>) -> Result<AreaMap> {
        let mut chunks = Vec::new();
        chunks.try_reserve_exact(self.chunks.len())?;
        let mut count = 0;
        for chunk in &self.chunks {
            let mut areas = Vec::new();
            areas.try_reserve_exact(chunk.areas.len())?;
            for area in &chunk.areas {
                if let Some(area) = copy(area)? {
                    areas.push(area);
                }
            }
            if !areas.is_empty() {
                count += areas.len();
                chunks.push(Chunk { areas, largest_gap: u64::MAX });
            }
        }
        Ok(AreaMap { chunks, count })
    }
    /// Takes everything out.
    pub fn take_all(&mut self) -> AreaMap {
        core::mem::take(self)
    }
}
