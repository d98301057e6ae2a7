//! New areas: placing them, replacing what is there, merging.
use super::layout::{Layout, Limits, MINIMUM_ADDRESS, STACK_GUARD};
use super::{AddressSpace, PAGE, Removed, Space};
use crate::error::{EEXIST, EINVAL, ENOMEM, EPERM, Result};
use crate::file::File;
use crate::memory::area::{Area, AreaFlags, Wanted};
use crate::memory::commit;
use crate::memory::mapping::{AttachedFile, Mapping};
use alloc::sync::Arc;
use core::ops::Range;
use core::sync::atomic::Ordering;
use machine::paging::Access;

/// What the address of a request means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fixed {
    /// A hint.
    No,
    /// This place; what is there goes.
    Replace,
    /// This place, EEXIST if something is there.
    NoReplace,
}

/// A mapping to be made.
pub struct MapRequest<'a> {
    /// Where.
    pub address: u64,
    /// What `address` means.
    pub fixed: Fixed,
    /// Bytes, not 0; rounded up to pages.
    pub length: u64,
    /// Properties; the address space's default ones are added.
    pub flags: AreaFlags,
    /// The file, if any, and how it was opened (none for shared anonymous memory).
    pub file: Option<(&'a Arc<Mapping>, Option<&'a Arc<File>>)>,
    /// Page index in the file.
    pub page_offset: u64,
    /// Place it below 2 GiB (MAP_32BIT).
    pub low: bool,
}
impl MapRequest<'_> {
    /// Private anonymous memory anywhere.
    pub fn anonymous(length: u64, flags: AreaFlags) -> Self {
        MapRequest { address: 0, fixed: Fixed::No, length, flags, file: None, page_offset: 0, low: false }
    }
}

/// Every permission may be granted later.
pub const MAY_ALL: AreaFlags = AreaFlags(AreaFlags::MAY_READ.0 | AreaFlags::MAY_WRITE.0 | AreaFlags::MAY_EXECUTE.0);

impl AddressSpace {
    /// Makes a mapping; its address. Mapping the pages in (MAP_POPULATE, MAP_LOCKED) is the caller's, by
    /// [`Space::populate_what_is_there`].
    pub fn map(&self, request: &MapRequest<'_>, limits: &Limits) -> Result<u64> {
        self.map_file(request, limits, |_| Ok(None)).map(|(address, _)| address)
    }
    /// As [`AddressSpace::map`]. `file` looks at the file once the place is known, as Linux's order of checks has it: it may
    /// change the flags and gives the page cache (whatever `request.file` says is used otherwise); it must not take locks that
    /// rank before the address space. Also says whether the area is locked in memory.
    pub fn map_file(
        &self,
        request: &MapRequest<'_>,
        limits: &Limits,
        file: impl FnOnce(&mut AreaFlags) -> Result<Option<(Arc<Mapping>, Option<Arc<File>>)>>,
    ) -> Result<(u64, bool)> {
        let length = super::page_align(request.length);
        if length == 0 {
            return Err(ENOMEM);
        }
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        let mut flags = request.flags | layout.default_flags;
        let result = layout.choose(request, length, flags, limits).and_then(|address| {
            let found = file(&mut flags)?;
            let file = found.as_ref().map(|(mapping, file)| (mapping, file.as_ref())).or(request.file);
            let request = MapRequest { address, flags, file, ..*request };
            self.map_at(&mut layout, &request, length, limits, &mut removed)?;
            Ok((address, found))
        });
        drop(layout);
        drop(removed);
        result.map(|(address, _)| (address, flags.contains(AreaFlags::LOCKED)))
    }
    /// Makes the mapping at its place.
    fn map_at(
        &self,
        layout: &mut Layout,
        request: &MapRequest<'_>,
        length: u64,
        limits: &Limits,
        removed: &mut Removed,
    ) -> Result<()> {
        let pages = length >> 12;
        let range = request.address..request.address + length;
        let mut flags = request.flags;
        let replaced: u64 = layout
            .areas
            .overlapping(range.clone())
            .map(|area| (area.end.min(range.end) - area.start.max(range.start)) >> 12)
            .sum();
        layout.may_expand(limits, flags, pages.saturating_sub(replaced))?;
        let is_anonymous_object = request.file.is_some_and(|(_, file)| file.is_none());
        let accounts = !flags.contains(AreaFlags::NO_RESERVE)
            && (flags & (AreaFlags::SHARED | AreaFlags::WRITE) == AreaFlags::WRITE || is_anonymous_object);
        if accounts {
            commit::charge(pages, limits.privileged)?;
            flags = flags | AreaFlags::ACCOUNT;
        }
        let result = self.insert_area(layout, request, range, flags, removed);
        if result.is_err() && accounts {
            commit::release(pages);
        }
        result
    }
    fn insert_area(
        &self,
        layout: &mut Layout,
        request: &MapRequest<'_>,
        range: Range<u64>,
        flags: AreaFlags,
        removed: &mut Removed,
    ) -> Result<()> {
        if !layout.areas.is_free(range.clone()) {
            self.unmap_locked(layout, range.clone(), removed)?;
        }
        let file = match request.file {
            None => None,
            Some((mapping, file)) => Some(self.attach(layout, range.start, mapping, file, flags)?),
        };
        let page_offset = if file.is_some() { request.page_offset } else { 0 };
        let area = Area::new(range.start, range.end, flags, file, page_offset);
        layout.areas.insert(area)?;
        layout.count_pages(flags, (range.end - range.start) >> 12, true);
        layout.areas.merge(range.end, removed);
        layout.areas.merge(range.start, removed);
        Ok(())
    }
    /// A hold on the file for a new area: that of the area below if it is of the same file and kind.
    fn attach(
        &self,
        layout: &Layout,
        start: u64,
        mapping: &Arc<Mapping>,
        file: Option<&Arc<File>>,
        flags: AreaFlags,
    ) -> Result<AttachedFile> {
        let is_writable = flags.contains(AreaFlags::SHARED | AreaFlags::MAY_WRITE);
        if let Some(file) = file
            && let Some(below) = layout.areas.find_before(start).and_then(|area| area.file.as_ref())
            && below.file().is_some_and(|other| Arc::ptr_eq(other, file))
            && below.counts_writable() == is_writable
        {
            return Ok(below.clone());
        }
        AttachedFile::new(self.mapper(), mapping.clone(), file.cloned(), is_writable)
    }
}

impl Layout {
    /// Chooses the place of a request; what Linux checks before it looks at the file.
    fn choose(&mut self, request: &MapRequest<'_>, length: u64, flags: AreaFlags, limits: &Limits) -> Result<u64> {
        if self.areas.len() > super::layout::MAX_MAP_COUNT.load(Ordering::Relaxed) {
            return Err(ENOMEM.because("too many areas"));
        }
        let address = self.place(request, length, limits)?;
        if request.fixed == Fixed::NoReplace && !self.areas.is_free(address..address + length) {
            return Err(EEXIST);
        }
        if request.flags.contains(AreaFlags::LOCKED) && !limits.can_lock() {
            return Err(EPERM);
        }
        self.may_lock_more(limits, flags, length >> 12)?;
        Ok(address)
    }
    /// Where a request of whole pages goes; EINVAL, ENOMEM, EPERM in Linux's order.
    pub(super) fn place(&mut self, request: &MapRequest<'_>, length: u64, limits: &Limits) -> Result<u64> {
        let address = request.address;
        let end = self.end;
        if length > end {
            return Err(ENOMEM);
        }
        if request.fixed != Fixed::No {
            if address > end - length {
                return Err(ENOMEM);
            }
            if !address.is_multiple_of(PAGE) {
                return Err(EINVAL);
            }
            if address < MINIMUM_ADDRESS.load(Ordering::Relaxed) && !limits.may_map_low {
                return Err(EPERM.because("below vm.mmap_min_addr"));
            }
            return Ok(address);
        }
        let minimum = MINIMUM_ADDRESS.load(Ordering::Relaxed);
        let hint = match address & !(PAGE - 1) {
            hint if hint < minimum && address != 0 => super::page_align(minimum),
            hint => hint,
        };
        let wanted = Wanted { length, guard: STACK_GUARD };
        if (!request.low || limits.narrow) && hint != 0 && hint <= end - length && self.is_usable(hint, length) {
            return Ok(hint);
        }
        let (base, end) = if limits.narrow { (self.narrow_base, end.min(1 << 32)) } else { (self.mmap_base, end) };
        let found = if request.low && !limits.narrow {
            if hint != 0 && hint.saturating_add(length) <= 0x8000_0000 && self.is_usable(hint, length) {
                return Ok(hint);
            }
            self.areas.lowest_gap(wanted, 0x4000_0000..0x8000_0000)
        } else if self.bottom_up {
            self.areas.lowest_gap(wanted, base..end)
        } else {
            self.areas
                .highest_gap(wanted, minimum.max(PAGE)..base)
                .or_else(|| self.areas.lowest_gap(wanted, (end / 3).next_multiple_of(PAGE)..end))
        };
        found.ok_or(ENOMEM.because("no room in the address space"))
    }
    /// Whether a range is free and keeps the guard gap to a stack above.
    fn is_usable(&self, start: u64, length: u64) -> bool {
        let Some(end) = start.checked_add(length) else { return false };
        self.areas.find_from(start).is_none_or(|area| {
            let gap = if area.has(AreaFlags::GROWS_DOWN) { STACK_GUARD } else { 0 };
            end <= area.start.saturating_sub(gap)
        })
    }
}

impl Space {
    /// The one shared file behind a range, with the properties it is mapped with; EINVAL if there is none.
    pub fn shared_file(&self, range: Range<u64>) -> Result<(AreaFlags, Arc<Mapping>, Option<Arc<File>>)> {
        let layout = self.layout.read();
        if !layout.areas.covers(range.clone()) {
            return Err(EINVAL);
        }
        let mut areas = layout.areas.overlapping(range);
        let first = areas.next().filter(|area| area.is_shared()).ok_or(EINVAL)?;
        let file = first.file.as_ref().ok_or(EINVAL)?;
        let is_same =
            |area: &Area| area.flags == first.flags && area.file.as_ref().is_some_and(|other| other.is_same_file(file));
        if !areas.all(is_same) {
            return Err(EINVAL);
        }
        Ok((first.flags, file.mapping().clone(), file.file().cloned()))
    }
    /// Brings in the pages of a range as MAP_POPULATE and mlock do: private writable ones as for writing, the rest as for
    /// reading. Stops at the first page that cannot be had, with the error mlock(2) gives for it.
    pub fn populate(&self, range: Range<u64>) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            let (end, access) = {
                let layout = self.layout.read();
                let area = layout.areas.find(at).ok_or(ENOMEM)?;
                let write = area.flags & (AreaFlags::WRITE | AreaFlags::SHARED) == AreaFlags::WRITE;
                let access = match area.flags.intersects(AreaFlags::ACCESS) {
                    _ if write => Access::Write,
                    true if area.has(AreaFlags::READ) || area.has(AreaFlags::WRITE) => Access::Read,
                    true => Access::Execute,
                    false => return Err(ENOMEM),
                };
                (area.end.min(range.end), access)
            };
            while at < end {
                if crate::process::Task::current().fatal_signal_pending() {
                    return Err(crate::error::EINTR);
                }
                self.bring_in(at, access).map_err(super::fault::Trouble::populate_error)?;
                at += PAGE;
            }
        }
        Ok(())
    }
}
