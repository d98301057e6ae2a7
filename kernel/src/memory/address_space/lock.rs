//! Locking pages in memory: mlock(2), mlock2(2), munlock(2), mlockall(2), munlockall(2). There is no swap, and reclaim
//! leaves mapped pages alone; so locking counts, and brings the pages in.
use super::layout::{Layout, Limits};
use super::{PAGE, Removed, Space, page_align};
use crate::error::{EINVAL, ENOMEM, EPERM, Result};
use crate::memory::area::AreaFlags;
use abi::mman::{MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT};
use core::ops::Range;

const LOCKS: AreaFlags = AreaFlags(AreaFlags::LOCKED.0 | AreaFlags::LOCK_ON_FAULT.0);

impl Space {
    /// mlock2(2): EPERM, ENOMEM, EINVAL in Linux's order.
    pub fn lock_range(&self, start: u64, length: u64, on_fault: bool, limits: &Limits) -> Result<()> {
        if !limits.can_lock() {
            return Err(EPERM);
        }
        let length = page_align(length.wrapping_add(start % PAGE));
        let start = start & !(PAGE - 1);
        let flags = if on_fault { LOCKS } else { AreaFlags::LOCKED };
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        let result = check_lock_limit(&layout, start, length, limits)
            .and_then(|()| change_locks(&mut layout, start, length, flags, &mut removed));
        drop(layout);
        drop(removed);
        result?;
        if on_fault {
            return Ok(());
        }
        self.populate(start..start + length).map_err(|error| if error == crate::error::EFAULT { ENOMEM } else { error })
    }
    /// munlock(2).
    pub fn unlock_range(&self, start: u64, length: u64) -> Result<()> {
        let length = page_align(length.wrapping_add(start % PAGE));
        let start = start & !(PAGE - 1);
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        let result = change_locks(&mut layout, start, length, AreaFlags::NONE, &mut removed);
        drop(layout);
        drop(removed);
        result
    }
    /// mlockall(2).
    pub fn lock_all(&self, flags: u64, limits: &Limits) -> Result<()> {
        if flags == 0 || flags & !(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0 || flags == MCL_ONFAULT {
            return Err(EINVAL);
        }
        if !limits.can_lock() {
            return Err(EPERM);
        }
        let locks = if flags & MCL_ONFAULT != 0 { LOCKS } else { AreaFlags::LOCKED };
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        if flags & MCL_CURRENT != 0 && !limits.may_lock && layout.totals.total > limits.locked >> 12 {
            return Err(ENOMEM.because("over RLIMIT_MEMLOCK"));
        }
        layout.default_flags = if flags & MCL_FUTURE != 0 { locks } else { AreaFlags::NONE };
        if flags & MCL_CURRENT != 0 {
            change_all(&mut layout, locks, &mut removed);
        }
        let ranges =
            if flags & MCL_CURRENT != 0 && flags & MCL_ONFAULT == 0 {
                layout.areas.iter().map(|area| area.start..area.end).fold(None, |all: Option<Range<u64>>, range| {
                    Some(all.map_or(range.start, |all| all.start)..range.end)
                })
            } else {
                None
            };
        drop(layout);
        drop(removed);
        if let Some(all) = ranges {
            self.populate_what_is_there(all);
        }
        Ok(())
    }
    /// munlockall(2).
    pub fn unlock_all(&self) {
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        layout.default_flags = AreaFlags::NONE;
        change_all(&mut layout, AreaFlags::NONE, &mut removed);
        drop(layout);
        drop(removed);
    }
    /// Brings in what can be, area by area; errors do not matter (mlockall, MAP_POPULATE).
    pub fn populate_what_is_there(&self, range: Range<u64>) {
        let mut at = range.start;
        while at < range.end {
            let next = {
                let layout = self.layout.read();
                match layout.areas.find_from(at) {
                    Some(area) if area.start < range.end => area.start.max(at)..area.end.min(range.end),
                    _ => return,
                }
            };
            at = next.end;
            if self.populate(next) == Err(crate::error::EINTR) {
                return;
            }
        }
    }
}

fn check_lock_limit(layout: &Layout, start: u64, length: u64, limits: &Limits) -> Result<()> {
    let pages = length >> 12;
    let limit = limits.locked >> 12;
    if limits.may_lock || layout.totals.locked.saturating_add(pages) <= limit {
        return Ok(());
    }
    // What is locked already does not count twice.
    let end = start.saturating_add(length);
    let counted: u64 = layout
        .areas
        .overlapping(start..end)
        .filter(|area| area.has(AreaFlags::LOCKED))
        .map(|area| (area.end.min(end) - area.start.max(start)) >> 12)
        .sum();
    if layout.totals.locked.saturating_add(pages).saturating_sub(counted) > limit {
        return Err(ENOMEM.because("over RLIMIT_MEMLOCK"));
    }
    Ok(())
}

/// Sets the lock flags of a range; ENOMEM at the first hole, with what is before it changed.
fn change_locks(layout: &mut Layout, start: u64, length: u64, locks: AreaFlags, removed: &mut Removed) -> Result<()> {
    let end = start.checked_add(length).ok_or(EINVAL)?;
    if end == start {
        return Ok(());
    }
    let mut at = start;
    while at < end {
        let area = layout.areas.find(at).ok_or(ENOMEM)?;
        let part = at..area.end.min(end);
        let (old, new) = (area.flags, area.flags & !LOCKS | locks);
        at = part.end;
        if old != new {
            let pages = (part.end - part.start) >> 12;
            layout.areas.change(part, removed, |area| area.flags = new)?;
            layout.count_pages(old, pages, false);
            layout.count_pages(new, pages, true);
        }
    }
    Ok(())
}
fn change_all(layout: &mut Layout, locks: AreaFlags, removed: &mut Removed) {
    let mut at = 0;
    while let Some(area) = layout.areas.find_from(at) {
        let (start, length) = (area.start, area.size());
        at = area.end;
        // Errors do not matter here.
        let _ = change_locks(layout, start, length, locks, removed);
    }
}
