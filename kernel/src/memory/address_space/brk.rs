//! The heap that brk(2) moves.
use super::layout::{Layout, Limits, STACK_GUARD};
use super::{AddressSpace, PAGE, Removed, map};
use crate::error::{ENOMEM, Result};
use crate::memory::area::{Area, AreaFlags};
use crate::memory::commit;

/// Flags of the heap and of anonymous memory that exec sets up.
pub(super) const HEAP_FLAGS: AreaFlags =
    AreaFlags(AreaFlags::READ.0 | AreaFlags::WRITE.0 | AreaFlags::ACCOUNT.0 | map::MAY_ALL.0);

impl AddressSpace {
    /// brk(2): moves the end of the heap if it can; the end as it is then, and what must be populated because it is locked.
    pub fn set_break(&self, wanted: u64, limits: &Limits) -> (u64, core::ops::Range<u64>) {
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        let before = layout.heap.end;
        let moved = self.try_set_break(&mut layout, wanted, limits, &mut removed).is_ok();
        let now = layout.heap.end;
        let grown = moved && now > before && layout.default_flags.contains(AreaFlags::LOCKED);
        let populate = if grown { super::page_align(before)..super::page_align(now) } else { 0..0 };
        drop(layout);
        drop(removed);
        (now, populate)
    }
    fn try_set_break(&self, layout: &mut Layout, wanted: u64, limits: &Limits, removed: &mut Removed) -> Result<()> {
        if wanted < layout.heap.start {
            return Err(ENOMEM);
        }
        let data = layout.data.end.saturating_sub(layout.data.start);
        if limits.data < u64::MAX && (wanted - layout.heap.start).saturating_add(data) > limits.data {
            return Err(ENOMEM);
        }
        let (old_end, new_end) = (super::page_align(layout.heap.end), super::page_align(wanted));
        if new_end == 0 && wanted != 0 {
            return Err(ENOMEM);
        }
        if new_end < old_end {
            self.unmap_locked(layout, new_end..old_end, removed)?;
        } else if new_end > old_end {
            let gap = |area: &Area| if area.has(AreaFlags::GROWS_DOWN) { STACK_GUARD } else { 0 };
            let is_blocked = |area: &Area| new_end.saturating_add(PAGE) > area.start.saturating_sub(gap(area));
            if new_end > layout.end || layout.areas.find_from(old_end).is_some_and(is_blocked) {
                return Err(ENOMEM);
            }
            let flags = HEAP_FLAGS.with(AreaFlags::EXECUTE, limits.reads_execute);
            self.add_anonymous(layout, old_end, new_end, flags, limits, removed)?;
        }
        layout.heap.end = wanted;
        Ok(())
    }
    /// Adds private anonymous memory at a free place, joined to an equal area below.
    pub(super) fn add_anonymous(
        &self,
        layout: &mut Layout,
        start: u64,
        end: u64,
        flags: AreaFlags,
        limits: &Limits,
        removed: &mut Removed,
    ) -> Result<()> {
        let flags = flags | layout.default_flags;
        let pages = (end - start) >> 12;
        layout.may_lock_more(limits, flags, pages)?;
        layout.may_expand(limits, flags, pages)?;
        layout.has_room_for(0)?;
        commit::charge(pages, limits.privileged)?;
        let below = layout.areas.find_before(start);
        let joins =
            below.is_some_and(|area| area.end == start && area.is_anonymous() && area.flags == flags && area.key == 0);
        let done = if joins && layout.areas.grow_up(start - 1, end) {
            Ok(())
        } else {
            layout.areas.insert(Area::new(start, end, flags, None, 0))
        };
        if let Err(error) = done {
            commit::release(pages);
            return Err(error);
        }
        layout.count_pages(flags, pages, true);
        layout.areas.merge(end, removed);
        Ok(())
    }
}
