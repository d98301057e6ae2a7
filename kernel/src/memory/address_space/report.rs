//! What /proc/PID/maps and /proc/PID/smaps show.
use super::{PAGE, Space};
use crate::error::Result;
use crate::file::File;
use crate::memory::area::{Area, AreaFlags};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

/// One line of /proc/PID/maps.
pub struct AreaReport {
    /// Addresses.
    pub range: Range<u64>,
    /// Properties.
    pub flags: AreaFlags,
    /// Byte offset in the file; 0 without one.
    pub offset: u64,
    /// The file; none for anonymous memory.
    pub file: Option<Arc<File>>,
    /// The name of what has no path: "[heap]", "[stack]", "/dev/zero (deleted)".
    pub name: Option<&'static str>,
    /// Protection key.
    pub key: u8,
    /// Pages of its own have been made in it, of a private mapping.
    pub has_private_pages: bool,
}

/// Pages of an area by state (/proc/PID/smaps).
#[derive(Clone, Copy, Debug, Default)]
pub struct AreaUsage {
    /// Present.
    pub resident: u64,
    /// Present, each divided by the number of references to it, in bytes.
    pub proportional: u64,
    /// Present, clean, also elsewhere.
    pub shared_clean: u64,
    /// Present, dirty, also elsewhere.
    pub shared_dirty: u64,
    /// Present, clean, only here.
    pub private_clean: u64,
    /// Present, dirty, only here.
    pub private_dirty: u64,
    /// Accessed.
    pub referenced: u64,
    /// Private copies.
    pub anonymous: u64,
    /// Those among `proportional`.
    pub proportional_anonymous: u64,
}

impl Space {
    /// The first area that ends after `address`; for readers that go from area to area without holding the lock.
    pub fn area_report(&self, address: u64) -> Option<AreaReport> {
        let layout = self.layout.read();
        let area = layout.areas.find_from(address)?;
        let is_heap = area.start <= layout.heap.end && area.end >= layout.heap.start;
        let is_stack = area.start <= layout.stack_start && area.end >= layout.stack_start;
        let file = area.file.as_ref().and_then(|file| file.file().cloned());
        let name = match (&area.file, &file) {
            (_, Some(_)) => None,
            (Some(file), None) => {
                let lent = crate::process::exec::vdso::name_of(file.mapping(), area.page_offset);
                Some(lent.unwrap_or("/dev/zero (deleted)"))
            }
            _ if is_heap => Some("[heap]"),
            _ if is_stack => Some("[stack]"),
            _ => None,
        };
        let is_lent = name.is_some_and(|name| name == "[vvar]" || name == "[vdso]");
        let offset = if area.file.is_some() && !is_lent { area.page_offset << 12 } else { 0 };
        Some(AreaReport {
            range: area.start..area.end,
            flags: area.flags,
            offset,
            file,
            name,
            key: area.key,
            has_private_pages: area.has_private_pages(),
        })
    }
    /// All areas, as far as there is memory for the list.
    pub fn area_reports(&self) -> Result<Vec<AreaReport>> {
        let mut reports = Vec::new();
        let mut at = 0;
        while let Some(report) = self.area_report(at) {
            at = report.range.end;
            reports.try_reserve(1)?;
            reports.push(report);
        }
        Ok(reports)
    }
    /// Counts the pages of a range by state.
    pub fn area_usage(&self, range: Range<u64>) -> AreaUsage {
        let mut usage = AreaUsage::default();
        let layout = self.layout.read();
        for area in layout.areas.overlapping(range.clone()) {
            let part = area.start.max(range.start)..area.end.min(range.end);
            self.tables.for_each(part, &mut |_, page| {
                // One reference is `page`'s.
                let others = page.frame.reference_count().saturating_sub(1).max(1) as u64;
                usage.resident += 1;
                usage.proportional += PAGE / others;
                let is_dirty = page.dirty || area.is_anonymous();
                let place = match (others > 1, is_dirty) {
                    (true, false) => &mut usage.shared_clean,
                    (true, true) => &mut usage.shared_dirty,
                    (false, false) => &mut usage.private_clean,
                    (false, true) => &mut usage.private_dirty,
                };
                *place += 1;
                usage.referenced += u64::from(page.accessed);
                if is_private_copy(area, others) {
                    usage.anonymous += 1;
                    usage.proportional_anonymous += PAGE / others;
                }
            });
        }
        usage
    }
    /// Entries of /proc/PID/pagemap for the pages from an address on, all 0 at first; with the numbers of frames, or without.
    pub fn page_entries(&self, start: u64, entries: &mut [u64], shows_frames: bool) {
        const SOFT_DIRTY: u64 = 1 << 55;
        const EXCLUSIVE: u64 = 1 << 56;
        const FILE: u64 = 1 << 61;
        const PRESENT: u64 = 1 << 63;
        let range = start..start + ((entries.len() as u64) << 12);
        let place = |address: u64| ((address - start) >> 12) as usize;
        let layout = self.layout.read();
        for area in layout.areas.overlapping(range.clone()) {
            let part = area.start.max(range.start)..area.end.min(range.end);
            if let Some(pages) = entries.get_mut(place(part.start)..place(part.end)) {
                // Which pages were written to since somebody asked is not tracked: all may have been.
                pages.fill(SOFT_DIRTY);
            }
            let is_lent = area.has(AreaFlags::IO);
            self.tables.for_each(part, &mut |address, page| {
                let Some(entry) = entries.get_mut(place(address)) else { return };
                *entry |= PRESENT;
                if shows_frames {
                    *entry |= page.frame.number();
                }
                if is_lent || page.frame.is_zero_page() {
                    return;
                }
                // One reference is `page`'s.
                let others = page.frame.reference_count().saturating_sub(1) as u64;
                let is_copy = is_private_copy(area, others);
                // The page cache has one of a file's.
                *entry |=
                    if is_copy { 0 } else { FILE } | if others == 1 + u64::from(!is_copy) { EXCLUSIVE } else { 0 };
            });
        }
    }
    /// Reads what the lock protects (ranges of code, heap, arguments; auxiliary vector).
    pub fn with_layout<R>(&self, read: impl FnOnce(&super::Layout) -> R) -> R {
        read(&self.layout.read())
    }
    /// Changes what prctl(PR_SET_MM) and exec may change.
    pub fn with_layout_mut<R>(&self, change: impl FnOnce(&mut super::Layout) -> R) -> R {
        change(&mut self.layout.write())
    }
}

fn is_private_copy(area: &Area, references: u64) -> bool {
    area.is_anonymous() || !area.is_shared() && references == 1
}
