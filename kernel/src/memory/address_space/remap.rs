//! Resizing and moving areas: mremap(2).
use super::layout::{Layout, Limits, MAX_MAP_COUNT};
use super::map::{Fixed, MapRequest};
use super::{AddressSpace, PAGE, Removed, page_align};
use crate::error::{EAGAIN, EFAULT, EINVAL, ENOMEM, Result};
use crate::memory::area::{Area, AreaFlags};
use crate::memory::commit;
use abi::mman::{MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE};
use core::ops::Range;
use core::sync::atomic::Ordering;

/// What mremap(2) is asked for, page-aligned.
struct Remap {
    address: u64,
    old_length: u64,
    new_length: u64,
    flags: u64,
    new_address: u64,
}

/// What the part of an area to be resized is like.
struct Part {
    end: u64,
    flags: AreaFlags,
    /// The charge for growing was made, to be taken back on failure.
    charged: u64,
}

impl AddressSpace {
    /// mremap(2): the new address, and the range to be populated because it is locked.
    pub fn remap(
        &self,
        address: u64,
        old_length: u64,
        new_length: u64,
        flags: u64,
        new_address: u64,
        limits: &Limits,
    ) -> Result<(u64, Range<u64>)> {
        if flags & !(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP) != 0
            || flags & MREMAP_FIXED != 0 && flags & MREMAP_MAYMOVE == 0
            || flags & MREMAP_DONTUNMAP != 0 && (flags & MREMAP_MAYMOVE == 0 || old_length != new_length)
            || !address.is_multiple_of(PAGE)
        {
            return Err(EINVAL);
        }
        let (old_length, new_length) = (page_align(old_length), page_align(new_length));
        if new_length == 0 {
            return Err(EINVAL);
        }
        let remap = Remap { address, old_length, new_length, flags, new_address };
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        let result = self.remap_locked(&mut layout, &remap, limits, &mut removed);
        drop(layout);
        drop(removed);
        result
    }
    fn remap_locked(
        &self,
        layout: &mut Layout,
        remap: &Remap,
        limits: &Limits,
        removed: &mut Removed,
    ) -> Result<(u64, Range<u64>)> {
        let &Remap { address, old_length, new_length, flags, .. } = remap;
        if layout.areas.find(address).is_none() {
            return Err(EFAULT);
        }
        if flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) != 0 {
            return self.remap_to(layout, remap, limits, removed);
        }
        if old_length >= new_length {
            if old_length > new_length {
                let end = address.checked_add(old_length).filter(|end| *end <= self.end).ok_or(EINVAL)?;
                self.unmap_locked(layout, address + new_length..end, removed)?;
            }
            return Ok((address, 0..0));
        }
        let part = resizable(layout, remap, limits)?;
        let result = self.grow(layout, remap, &part, limits, removed);
        if result.is_err() {
            commit::release(part.charged);
        }
        result
    }
    /// Grows in place, else moves.
    fn grow(
        &self,
        layout: &mut Layout,
        remap: &Remap,
        part: &Part,
        limits: &Limits,
        removed: &mut Removed,
    ) -> Result<(u64, Range<u64>)> {
        let &Remap { address, old_length, new_length, flags, .. } = remap;
        let end = address.checked_add(new_length).ok_or(ENOMEM)?;
        if part.end - address == old_length && end <= self.end && layout.areas.is_free(part.end..end) {
            let keeps_gap = layout.areas.find_from(part.end).is_none_or(|area| {
                !area.has(AreaFlags::GROWS_DOWN) || area.start.saturating_sub(super::layout::STACK_GUARD) >= end
            });
            if keeps_gap && layout.areas.grow_up(address, end) {
                layout.count_pages(part.flags, (new_length - old_length) >> 12, true);
                layout.areas.merge(end, removed);
                let locked = part.flags.contains(AreaFlags::LOCKED);
                return Ok((address, if locked { part.end..end } else { 0..0 }));
            }
        }
        if flags & MREMAP_MAYMOVE == 0 {
            return Err(ENOMEM.because("no room to grow in place"));
        }
        self.move_area(layout, remap, Fixed::No, 0, limits, removed)
    }
    /// MREMAP_FIXED and MREMAP_DONTUNMAP.
    fn remap_to(
        &self,
        layout: &mut Layout,
        remap: &Remap,
        limits: &Limits,
        removed: &mut Removed,
    ) -> Result<(u64, Range<u64>)> {
        let &Remap { address, mut old_length, new_length, flags, new_address } = remap;
        if !new_address.is_multiple_of(PAGE) || new_length > self.end || new_address > self.end - new_length {
            return Err(EINVAL);
        }
        let old_end = address.checked_add(old_length).ok_or(EINVAL)?;
        if old_end > new_address && new_address + new_length > address {
            return Err(EINVAL.because("the ranges overlap"));
        }
        if layout.areas.len() + 2 >= MAX_MAP_COUNT.load(Ordering::Relaxed).saturating_sub(3) {
            return Err(ENOMEM);
        }
        if flags & MREMAP_FIXED != 0 {
            self.unmap_locked(layout, new_address..new_address + new_length, removed)?;
        }
        if old_length > new_length {
            self.unmap_locked(layout, address + new_length..old_end, removed)?;
            old_length = new_length;
        }
        let remap = Remap { old_length, ..*remap };
        let part = resizable(layout, &remap, limits)?;
        let keeps_old = flags & MREMAP_DONTUNMAP != 0;
        let fixed = if flags & MREMAP_FIXED != 0 { Fixed::Replace } else { Fixed::No };
        let result = if keeps_old { layout.may_expand(limits, part.flags, old_length >> 12) } else { Ok(()) }
            .and_then(|()| self.move_area(layout, &remap, fixed, new_address, limits, removed));
        if result.is_err() {
            commit::release(part.charged);
        }
        result
    }
    #[allow(clippy::too_many_arguments)]
    fn move_area(
        &self,
        layout: &mut Layout,
        remap: &Remap,
        fixed: Fixed,
        new_address: u64,
        limits: &Limits,
        removed: &mut Removed,
    ) -> Result<(u64, Range<u64>)> {
        let &Remap { address, old_length, new_length, flags, .. } = remap;
        if layout.areas.len() >= MAX_MAP_COUNT.load(Ordering::Relaxed).saturating_sub(3) {
            return Err(ENOMEM);
        }
        let mut request = MapRequest::anonymous(new_length, AreaFlags::NONE);
        (request.fixed, request.address) = (fixed, new_address);
        let target = layout.place(&request, new_length, limits)?;
        let keeps_old = flags & MREMAP_DONTUNMAP != 0;
        let source = address..address + old_length;
        if old_length > 0 && !keeps_old {
            layout.areas.split(source.start)?;
            layout.areas.split(source.end)?;
        }
        let area = layout.areas.find(address).ok_or(EFAULT)?;
        let flags = area.flags;
        let mut copy = area.part(address, area.end);
        (copy.start, copy.end) = (target, target + new_length);
        layout.areas.insert(copy)?;
        let moved = if old_length > 0 { self.space.tables.move_range(source.clone(), target) } else { Ok(()) };
        if moved.is_err() {
            // Nothing or part was moved: what is at the target goes back, which needs no memory that is not there.
            let _ = self.space.tables.move_range(target..target + old_length, address);
            layout.areas.remove(target..target + new_length, removed)?;
            return Err(ENOMEM);
        }
        layout.count_pages(flags, new_length >> 12, true);
        if keeps_old {
            // The old area stays, empty and unlocked; what it has promised is promised twice now.
            let unlock = AreaFlags::LOCKED | AreaFlags::LOCK_ON_FAULT;
            if flags.intersects(unlock) {
                layout.areas.change(source.clone(), removed, |area: &mut Area| area.flags = area.flags & !unlock)?;
                layout.totals.locked = layout.totals.locked.saturating_sub(old_length >> 12);
            }
            if flags.contains(AreaFlags::ACCOUNT) {
                // Charged without a limit: the move has happened.
                let _ = commit::charge(old_length >> 12, true);
            }
        } else if old_length > 0 {
            layout.areas.remove(source.clone(), removed)?;
            layout.count_pages(flags, old_length >> 12, false);
        }
        layout.areas.merge(target + new_length, removed);
        layout.areas.merge(target, removed);
        let locked = flags.contains(AreaFlags::LOCKED);
        Ok((target, if locked { target + old_length..target + new_length } else { 0..0 }))
    }
}

/// Checks whether a part of an area can be resized, and promises the memory for it.
fn resizable(layout: &Layout, remap: &Remap, limits: &Limits) -> Result<Part> {
    let &Remap { address, old_length, new_length, flags, .. } = remap;
    let area = layout.areas.find(address).ok_or(EFAULT)?;
    if old_length == 0 && !area.flags.intersects(AreaFlags::SHARED | AreaFlags::MAY_SHARE) {
        return Err(EINVAL);
    }
    if flags & MREMAP_DONTUNMAP != 0 && area.has(AreaFlags::DONT_EXPAND) {
        return Err(EINVAL);
    }
    if old_length > area.end - address {
        return Err(EFAULT.because("the range spans several areas"));
    }
    let mut part = Part { end: area.end, flags: area.flags, charged: 0 };
    if new_length == old_length {
        return Ok(part);
    }
    let last = area.file_page(address).checked_add(new_length >> 12);
    if area.file.is_some() && last.is_none() {
        return Err(EINVAL);
    }
    if area.has(AreaFlags::DONT_EXPAND) {
        return Err(EFAULT);
    }
    let more = new_length.saturating_sub(old_length) >> 12;
    layout.may_lock_more(limits, area.flags, more).map_err(|_| EAGAIN)?;
    layout.may_expand(limits, area.flags, more)?;
    if area.has(AreaFlags::ACCOUNT) {
        commit::charge(more, limits.privileged)?;
        part.charged = more;
    }
    Ok(part)
}
