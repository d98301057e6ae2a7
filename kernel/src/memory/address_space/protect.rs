//! Changing what may be done with pages: mprotect(2), pkey_mprotect(2).
use super::layout::{Layout, Limits, is_data};
use super::{PAGE, Removed, Space};
use crate::error::{EACCES, EINVAL, ENOMEM, Result};
use crate::memory::area::{Area, AreaFlags};
use crate::memory::commit;
use abi::mman::{PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP, PROT_READ, PROT_SEM, PROT_WRITE};
use core::ops::Range;
use core::sync::atomic::Ordering;
use machine::thread::has_protection_keys;

impl Space {
    /// mprotect(2). Areas before the first that cannot be changed are changed. `key` is the protection key to set, if any.
    pub fn protect(&self, start: u64, length: u64, protection: u64, key: Option<u8>, limits: &Limits) -> Result<()> {
        let grows = protection & (PROT_GROWSDOWN | PROT_GROWSUP);
        let protection = protection & !(PROT_GROWSDOWN | PROT_GROWSUP);
        if grows == PROT_GROWSDOWN | PROT_GROWSUP || !start.is_multiple_of(PAGE) {
            return Err(EINVAL);
        }
        if length == 0 {
            return Ok(());
        }
        let end = start.checked_add(super::page_align(length)).filter(|end| *end > start).ok_or(ENOMEM)?;
        if protection & !(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM) != 0 {
            return Err(EINVAL);
        }
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        let result = self.protect_locked(&mut layout, start..end, grows, protection, key, limits, &mut removed);
        drop(layout);
        drop(removed);
        result
    }
    #[allow(clippy::too_many_arguments)]
    fn protect_locked(
        &self,
        layout: &mut Layout,
        range: Range<u64>,
        grows: u64,
        protection: u64,
        key: Option<u8>,
        limits: &Limits,
        removed: &mut Removed,
    ) -> Result<()> {
        let (mut start, end) = (range.start, range.end);
        if key.is_some_and(|key| !layout.keys.is_allocated(key)) {
            return Err(EINVAL.because("a key that was not allocated"));
        }
        let first = layout.areas.find_from(start).ok_or(ENOMEM)?;
        if grows == PROT_GROWSDOWN {
            if first.start >= end {
                return Err(ENOMEM);
            }
            start = first.start;
            if !first.has(AreaFlags::GROWS_DOWN) {
                return Err(EINVAL);
            }
        } else {
            if first.start > start {
                return Err(ENOMEM);
            }
            if grows == PROT_GROWSUP {
                return Err(EINVAL.because("no area grows up on x86"));
            }
        }
        let access = AreaFlags::of_protection(protection);
        let mut at = start;
        while at < end {
            let area = layout.areas.find(at).ok_or(ENOMEM)?;
            let part = at..area.end.min(end);
            let may = AreaFlags(area.flags.0 >> 4 & 7);
            let implied = limits.reads_execute && protection & PROT_READ != 0 && may.contains(AreaFlags::EXECUTE);
            let access = access.with(AreaFlags::EXECUTE, implied || access.contains(AreaFlags::EXECUTE));
            if !may.contains(access) {
                return Err(EACCES);
            }
            let (old, old_key) = (area.flags, area.key);
            let flags = old & !AreaFlags::ACCESS | access;
            let new_key = match key {
                Some(key) => key,
                None if has_protection_keys() => layout.keys.for_access(area, access),
                None => old_key,
            };
            at = part.end;
            if new_key != 0 {
                self.uses_keys.store(true, Ordering::Relaxed);
            }
            if flags != old || new_key != old_key {
                self.protect_part(layout, part, old, flags, new_key, limits, removed)?;
            }
        }
        Ok(())
    }
    #[allow(clippy::too_many_arguments)]
    fn protect_part(
        &self,
        layout: &mut Layout,
        part: Range<u64>,
        old: AreaFlags,
        mut flags: AreaFlags,
        key: u8,
        limits: &Limits,
        removed: &mut Removed,
    ) -> Result<()> {
        let pages = (part.end - part.start) >> 12;
        let becomes_data = is_data(flags) && !is_data(old);
        if flags.contains(AreaFlags::WRITE) && becomes_data && layout.totals.data + pages > limits.data >> 12 {
            return Err(ENOMEM.because("over RLIMIT_DATA"));
        }
        let accounted = AreaFlags::ACCOUNT | AreaFlags::WRITE | AreaFlags::SHARED | AreaFlags::NO_RESERVE;
        let charges = flags.contains(AreaFlags::WRITE) && !old.intersects(accounted);
        if charges {
            commit::charge(pages, limits.privileged)?;
            flags = flags | AreaFlags::ACCOUNT;
        }
        let result = layout.has_room_for(0).and_then(|()| {
            layout.areas.change(part.clone(), removed, |area: &mut Area| {
                area.flags = flags;
                area.key = key;
            })
        });
        if let Err(error) = result {
            if charges {
                commit::release(pages);
            }
            return Err(error);
        }
        layout.count_pages(old, pages, false);
        layout.count_pages(flags, pages, true);
        let Some(area) = layout.areas.find(part.start) else { return Ok(()) };
        if !flags.intersects(AreaFlags::ACCESS) {
            self.tables.make_inaccessible(part);
        } else if area.is_shared() {
            // Pages of files that are written back become writable by the fault that notes them as dirty.
            let write = area.file.as_ref().is_some_and(|file| !file.mapping().has_source());
            self.tables.protect(part, area.permission(write), &|_| true);
        } else {
            self.tables.protect(part, area.permission(true), &|frame| frame.reference_count() == 1);
        }
        Ok(())
    }
}
