//! Writes to private pages that may be shared with others, and growth of stacks.
use super::fault::{FaultError, Trouble};
use super::layout::{Limits, STACK_GUARD};
use super::{PAGE, Space};
use crate::memory::area::{Area, AreaFlags};
use crate::memory::commit;
use crate::process::Task;
use machine::memory::Frame;
use machine::paging::Mapping as Page;

impl Space {
    /// A write to a private page that is present: it becomes writable if nobody else has it, else a copy takes its place.
    /// The lock on areas is held for reading, so that fork cannot share the page meanwhile.
    pub(super) fn copy_on_write(&self, area: &Area, page: u64, present: Page) -> Result<(), Trouble> {
        if present.permission.write {
            return Ok(());
        }
        area.note_private_pages();
        let number = present.frame.number();
        // One reference is the table's, one is `present`'s.
        if !present.frame.is_zero_page() && present.frame.reference_count() == 2 {
            let only = |frame: &Frame| frame.number() == number && frame.reference_count() == 2;
            self.tables.protect(page..page + PAGE, area.permission(true), &only);
            return Ok(());
        }
        let copy = Frame::copy_of(&present.frame)?;
        // Where another thread was faster, its copy stays.
        self.tables.replace(page, number, copy, area.permission(true));
        Ok(())
    }
    /// Grows the stack above `address` down to it, within RLIMIT_STACK and the guard gap.
    pub(super) fn expand_stack(&self, address: u64) -> Result<(), Trouble> {
        let unmapped = Trouble::Wrong(FaultError::UNMAPPED);
        let limits = Limits::of(Task::current());
        let to = address & !(PAGE - 1);
        let mut layout = self.layout.write();
        let Some(area) = layout.areas.find_from(address) else { return Err(unmapped) };
        if area.start <= address {
            return Ok(());
        }
        if !area.has(AreaFlags::GROWS_DOWN) {
            return Err(unmapped);
        }
        let (start, end, flags) = (area.start, area.end, area.flags);
        let pages = (start - to) >> 12;
        let is_too_low = to < super::layout::MINIMUM_ADDRESS.load(core::sync::atomic::Ordering::Relaxed);
        if is_too_low || end - to > limits.stack {
            return Err(unmapped);
        }
        // The gap is kept to whatever is below, unless that is a stack itself or out of reach.
        if let Some(below) = layout.areas.find_before(start)
            && !below.has(AreaFlags::GROWS_DOWN)
            && below.flags.intersects(AreaFlags::ACCESS)
            && to - below.end < STACK_GUARD
        {
            return Err(unmapped);
        }
        let allowed = layout
            .may_expand(&limits, flags, pages)
            .and_then(|()| layout.may_lock_more(&limits, flags, pages))
            .and_then(|()| commit::charge(pages, limits.privileged));
        if allowed.is_err() {
            return Err(unmapped);
        }
        if !layout.areas.grow_down(start, to) {
            commit::release(pages);
            return Err(unmapped);
        }
        layout.count_pages(flags, pages, true);
        Ok(())
    }
}
