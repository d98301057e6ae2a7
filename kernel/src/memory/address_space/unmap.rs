//! Removing areas.
use super::layout::Layout;
use super::{PAGE, Removed, Space};
use crate::error::{EINVAL, Result};
use crate::memory::commit;
use core::ops::Range;

impl Space {
    /// munmap(2): removes whatever is in the range. EINVAL for a range that is not page-aligned, empty or outside of user
    /// space; ENOMEM if splitting an area would make too many.
    pub fn unmap(&self, address: u64, length: u64) -> Result<()> {
        let length_aligned = super::page_align(length);
        if !address.is_multiple_of(PAGE) || address > self.end || length > self.end - address || length_aligned == 0 {
            return Err(EINVAL);
        }
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        let result = self.unmap_locked(&mut layout, address..address + length_aligned, &mut removed);
        drop(layout);
        drop(removed);
        result
    }
    /// Removes the areas of a page-aligned range, with the lock held; ENOMEM with nothing changed.
    pub(super) fn unmap_locked(&self, layout: &mut Layout, range: Range<u64>, removed: &mut Removed) -> Result<()> {
        if layout.areas.is_free(range.clone()) {
            return Ok(());
        }
        self.note_resident();
        if layout.areas.find(range.start).is_some_and(|area| area.start < range.start && area.end > range.end) {
            layout.has_room_for(1)?;
        }
        layout.areas.split(range.start)?;
        layout.areas.split(range.end)?;
        let first = removed.len();
        layout.areas.remove(range.clone(), removed)?;
        let mut accounted = 0;
        for area in removed.added_since(first) {
            layout.count(area, false);
            if area.has(crate::memory::area::AreaFlags::ACCOUNT) {
                accounted += area.pages();
            }
            if super::is_written_back(area) {
                self.unmap_area(area, area.start..area.end);
            }
        }
        commit::release(accounted);
        self.tables.unmap(range, &mut |_, _| ());
        Ok(())
    }
}
