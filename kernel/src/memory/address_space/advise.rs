//! madvise(2), msync(2), mincore(2).
use super::fault::Trouble;
use super::{PAGE, Removed, Space, page_align};
use crate::error::{EACCES, EAGAIN, EBADF, EBUSY, EFAULT, EINVAL, EIO, ENOMEM, EPERM, Error, Result};
use crate::memory::area::{Area, AreaFlags};
use crate::memory::mapping::AttachedFile;
use abi::mman::*;
use alloc::vec::Vec;
use core::ops::Range;
use machine::paging::{Access, USER_END};

/// Part of a file, to be worked on without the lock on areas.
struct FilePart {
    file: AttachedFile,
    pages: Range<u64>,
}

impl Space {
    /// madvise(2) on the caller's own memory.
    pub fn advise(&self, start: u64, length: u64, advice: u64) -> Result<()> {
        if !is_known(advice) {
            return Err(EINVAL);
        }
        if !start.is_multiple_of(PAGE) {
            return Err(EINVAL);
        }
        let aligned = page_align(length);
        if length != 0 && aligned == 0 {
            return Err(EINVAL);
        }
        let end = start.checked_add(aligned).ok_or(EINVAL)?;
        if end == start {
            return Ok(());
        }
        match advice {
            MADV_POPULATE_READ => self.populate_for(start..end, Access::Read),
            MADV_POPULATE_WRITE => self.populate_for(start..end, Access::Write),
            _ => self.advise_areas(start, end, advice),
        }
    }
    /// Applies advice area by area; ENOMEM at the end if there were holes.
    fn advise_areas(&self, start: u64, end: u64, advice: u64) -> Result<()> {
        let mut holes = Ok(());
        let mut at = start;
        while at < end {
            // By area and not under one lock hold, since reading and punching files takes other locks.
            let Some(part) = self.next_part(at, end) else { return Err(ENOMEM) };
            if part.start > at {
                holes = Err(ENOMEM);
            }
            at = part.end;
            self.advise_part(part, advice)?;
        }
        holes
    }
    fn next_part(&self, at: u64, end: u64) -> Option<Range<u64>> {
        let layout = self.layout.read();
        let area = layout.areas.find_from(at)?;
        (area.start < end).then(|| area.start.max(at)..area.end.min(end))
    }
    fn advise_part(&self, part: Range<u64>, advice: u64) -> Result<()> {
        let flag = |add: AreaFlags, clear: AreaFlags| self.change_flags(part.clone(), add, clear);
        match advice {
            MADV_NORMAL => flag(AreaFlags::NONE, AreaFlags::RANDOM | AreaFlags::SEQUENTIAL),
            MADV_SEQUENTIAL => flag(AreaFlags::SEQUENTIAL, AreaFlags::RANDOM),
            MADV_RANDOM => flag(AreaFlags::RANDOM, AreaFlags::SEQUENTIAL),
            MADV_DONTFORK => flag(AreaFlags::DONT_FORK, AreaFlags::NONE),
            MADV_DOFORK if self.any(&part, |area| area.has(AreaFlags::IO)) => Err(EINVAL),
            MADV_DOFORK => flag(AreaFlags::NONE, AreaFlags::DONT_FORK),
            MADV_WIPEONFORK if self.any(&part, |area| area.file.is_some() || area.is_shared()) => Err(EINVAL),
            MADV_WIPEONFORK => flag(AreaFlags::WIPE_ON_FORK, AreaFlags::NONE),
            MADV_KEEPONFORK => flag(AreaFlags::NONE, AreaFlags::WIPE_ON_FORK),
            MADV_DONTDUMP => flag(AreaFlags::DONT_DUMP, AreaFlags::NONE),
            MADV_DODUMP => flag(AreaFlags::NONE, AreaFlags::DONT_DUMP),
            MADV_HUGEPAGE => flag(AreaFlags::HUGE_PAGE, AreaFlags::NO_HUGE_PAGE),
            MADV_NOHUGEPAGE => flag(AreaFlags::NO_HUGE_PAGE, AreaFlags::HUGE_PAGE),
            // Pages are not merged by content: the advice is remembered only.
            MADV_MERGEABLE => flag(AreaFlags::MERGEABLE, AreaFlags::NONE),
            MADV_UNMERGEABLE => flag(AreaFlags::NONE, AreaFlags::MERGEABLE),
            MADV_WILLNEED => self.will_need(part),
            MADV_DONTNEED if self.any(&part, |area| area.has(AreaFlags::LOCKED)) => Err(EINVAL),
            MADV_FREE if self.any(&part, |area| area.has(AreaFlags::LOCKED)) => Err(EINVAL),
            MADV_FREE if self.any(&part, |area| area.file.is_some()) => Err(EINVAL),
            // There is no swap, where freeing at once is what Linux does too.
            MADV_DONTNEED | MADV_DONTNEED_LOCKED | MADV_FREE => self.discard(part),
            MADV_REMOVE => self.remove_from_file(part),
            MADV_COLD | MADV_PAGEOUT if self.any(&part, |area| area.has(AreaFlags::LOCKED)) => Err(EINVAL),
            // Hints to a reclaim that leaves mapped pages alone.
            MADV_COLD | MADV_PAGEOUT => Ok(()),
            MADV_COLLAPSE => Err(EINVAL.because("no huge pages")),
            _ => Err(EINVAL),
        }
    }
    fn any(&self, part: &Range<u64>, is_so: impl Fn(&Area) -> bool) -> bool {
        self.layout.read().areas.overlapping(part.clone()).any(is_so)
    }
    fn change_flags(&self, part: Range<u64>, add: AreaFlags, clear: AreaFlags) -> Result<()> {
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        let change = |area: &mut Area| area.flags = area.flags & !clear | add;
        // An allocation that fails here is EAGAIN by madvise(2).
        let result = layout.areas.change(part, &mut removed, change).map_err(|_| EAGAIN);
        drop(layout);
        drop(removed);
        result
    }
    /// Drops the pages of a part: private memory becomes zero or the file's again.
    fn discard(&self, part: Range<u64>) -> Result<()> {
        self.note_resident();
        let layout = self.layout.read();
        for area in layout.areas.overlapping(part.clone()) {
            self.unmap_area(area, area.start.max(part.start)..area.end.min(part.end));
        }
        Ok(())
    }
    /// Frees the private pages of a process that is dying and takes the access to them, so that what its threads still do in the
    /// kernel faults rather than sees other contents.
    pub fn release_private(&self) {
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        self.note_resident();
        for area in layout.areas.iter().filter(|area| !area.is_shared()) {
            self.unmap_area(area, area.start..area.end);
        }
        let close = |area: &mut Area| {
            if !area.is_shared() {
                area.flags = area.flags & !AreaFlags::ACCESS;
            }
        };
        // No area is split, which alone would ask for memory.
        let _ = layout.areas.change(0..self.end, &mut removed, close);
        drop(layout);
        drop(removed);
    }
    /// The files mapped in a part.
    fn files_in(&self, part: &Range<u64>, wanted: impl Fn(&Area) -> bool) -> Result<Vec<FilePart>> {
        let mut files = Vec::new();
        let layout = self.layout.read();
        for area in layout.areas.overlapping(part.clone()).filter(|area| wanted(area)) {
            let Some(file) = &area.file else { continue };
            let (start, end) = (area.start.max(part.start), area.end.min(part.end));
            files.try_reserve(1)?;
            files.push(FilePart { file: file.clone(), pages: area.file_page(start)..area.file_page(end) });
        }
        Ok(files)
    }
    fn will_need(&self, part: Range<u64>) -> Result<()> {
        if self.any(&part, |area| area.file.is_none()) {
            // Without swap there is nothing to read ahead.
            return Ok(());
        }
        for FilePart { file, pages } in self.files_in(&part, |_| true)? {
            let mapping = file.mapping();
            let last = pages.end.min(mapping.size().div_ceil(PAGE)).min(pages.start.saturating_add(512));
            for index in pages.start..last {
                if mapping.has_source() && mapping.page(index).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }
    /// MADV_REMOVE: punches a hole into the file.
    fn remove_from_file(&self, part: Range<u64>) -> Result<()> {
        if self.any(&part, |area| area.has(AreaFlags::LOCKED) || area.file.is_none()) {
            return Err(EINVAL);
        }
        if self.any(&part, |area| !area.has(AreaFlags::SHARED | AreaFlags::WRITE)) {
            return Err(EACCES);
        }
        for FilePart { file, pages } in self.files_in(&part, |_| true)? {
            if file.mapping().has_source() {
                return Err(crate::error::EOPNOTSUPP);
            }
            if file.mapping().seals() & (crate::memory::mapping::SEAL_WRITE | crate::memory::mapping::SEAL_FUTURE_WRITE)
                != 0
            {
                return Err(EPERM);
            }
            file.mapping().punch(pages.start << 12..pages.end << 12);
        }
        Ok(())
    }
    /// MADV_POPULATE_READ and MADV_POPULATE_WRITE.
    fn populate_for(&self, range: Range<u64>, access: Access) -> Result<()> {
        let required = if access == Access::Write { AreaFlags::WRITE } else { AreaFlags::READ };
        let mut at = range.start;
        while at < range.end {
            {
                let layout = self.layout.read();
                let area = layout.areas.find(at).ok_or(ENOMEM)?;
                if area.has(AreaFlags::IO) || !area.has(required) {
                    return Err(EINVAL);
                }
            }
            if crate::process::Task::current().fatal_signal_pending() {
                return Err(crate::error::EINTR);
            }
            self.bring_in(at, access).map_err(|trouble| match trouble {
                Trouble::OutOfMemory => ENOMEM,
                Trouble::Wrong(_) => EFAULT,
            })?;
            at += PAGE;
        }
        Ok(())
    }
    /// msync(2).
    pub fn sync(&self, start: u64, length: u64, flags: u64) -> Result<()> {
        if flags & !(MS_ASYNC | MS_INVALIDATE | MS_SYNC) != 0
            || !start.is_multiple_of(PAGE)
            || flags & MS_ASYNC != 0 && flags & MS_SYNC != 0
        {
            return Err(EINVAL);
        }
        let end = start.checked_add(page_align(length)).ok_or(ENOMEM)?;
        if end == start {
            return Ok(());
        }
        let mut holes = Ok(());
        let mut at = start;
        while at < end {
            let Some(part) = self.next_part(at, end) else { return Err(ENOMEM) };
            if part.start > at {
                holes = Err(ENOMEM);
                if flags == MS_ASYNC {
                    return holes;
                }
            }
            at = part.end;
            if flags & MS_INVALIDATE != 0 && self.any(&part, |area| area.has(AreaFlags::LOCKED)) {
                return Err(EBUSY);
            }
            if flags & MS_SYNC != 0 {
                for FilePart { file, pages } in self.files_in(&part, |area| area.is_shared())? {
                    file.mapping().sync_range(pages).map_err(|error| if error == EBADF { EIO } else { error })?;
                }
            }
        }
        holes
    }
    /// mincore(2): calls `report` with the residency of each page of the range in turn.
    pub fn residency(&self, start: u64, pages: usize, report: &mut [u8]) -> Result<()> {
        let layout = self.layout.read();
        for (number, place) in report.iter_mut().take(pages).enumerate() {
            let at = start + number as u64 * PAGE;
            let area = layout.areas.find(at).ok_or(ENOMEM)?;
            let present = self.tables.lookup(at).is_some();
            let cached = || area.file.as_ref().is_some_and(|file| file.mapping().cached(area.file_page(at)).is_some());
            *place = u8::from(present || cached());
        }
        Ok(())
    }
    /// Checks a range for mincore(2) and mlock(2) as access_ok does: ENOMEM outside of user space.
    pub fn check_range(start: u64, length: u64) -> Result<(), Error> {
        if start > USER_END || length > USER_END - start { Err(ENOMEM) } else { Ok(()) }
    }
}

fn is_known(advice: u64) -> bool {
    matches!(advice, MADV_NORMAL..=MADV_DONTNEED | MADV_FREE..=MADV_DONTNEED_LOCKED | MADV_COLLAPSE)
}
