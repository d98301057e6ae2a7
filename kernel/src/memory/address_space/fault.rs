//! Page faults.
use super::{PAGE, Space};
use crate::error::{ENOMEM, Error};
use crate::memory::area::{Area, AreaFlags};
use crate::memory::mapping::AttachedFile;
use crate::memory::oom;
use machine::OutOfMemory;
use machine::memory::Frame;
use machine::paging::{Access, USER_END};

/// Pages that a fault in a file brings in around it, if they are cached.
const AROUND: usize = 16;

const SIGBUS: u32 = 7;
const SIGSEGV: u32 = 11;
const SEGV_MAPERR: i32 = 1;
const SEGV_ACCERR: i32 = 2;
const BUS_ADRERR: i32 = 2;

/// Why a fault could not be resolved: the signal it gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaultError {
    /// SIGSEGV or SIGBUS.
    pub signal: u32,
    /// `si_code`: SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR.
    pub code: i32,
}
impl FaultError {
    /// Nothing is mapped there.
    pub const UNMAPPED: FaultError = FaultError { signal: SIGSEGV, code: SEGV_MAPERR };
    /// The access is not allowed.
    pub const DENIED: FaultError = FaultError { signal: SIGSEGV, code: SEGV_ACCERR };
    /// The file has no such page, or it cannot be read.
    pub const NO_PAGE: FaultError = FaultError { signal: SIGBUS, code: BUS_ADRERR };
}

/// What stops a fault inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// The access is wrong.
    Wrong(FaultError),
    /// No memory.
    OutOfMemory,
}
impl Trouble {
    /// What a call that brings pages in (mlock, madvise) answers.
    pub(super) fn populate_error(self) -> Error {
        match self {
            Trouble::OutOfMemory => ENOMEM,
            Trouble::Wrong(error) if error == FaultError::NO_PAGE => crate::error::EFAULT,
            Trouble::Wrong(_) => ENOMEM,
        }
    }
}
impl From<OutOfMemory> for Trouble {
    fn from(_: OutOfMemory) -> Self {
        Trouble::OutOfMemory
    }
}
impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        if error == ENOMEM { Trouble::OutOfMemory } else { Trouble::Wrong(FaultError::NO_PAGE) }
    }
}

/// Whether an area allows an access. On x86 whatever is accessible is readable.
fn is_allowed(area: &Area, access: Access) -> bool {
    match access {
        Access::Write => area.has(AreaFlags::WRITE),
        Access::Execute => area.has(AreaFlags::EXECUTE),
        Access::Read => area.flags.intersects(AreaFlags::ACCESS),
    }
}

impl Space {
    /// Resolves a fault of the current task at `address`, else says which signal it gets. When memory has run out the OOM
    /// killer has run and the result is `Ok`: the access is tried again unless a fatal signal is pending by then.
    pub fn fault(&self, address: u64, access: Access) -> Result<(), FaultError> {
        match self.bring_in(address, access) {
            Ok(()) => Ok(()),
            Err(Trouble::Wrong(error)) => Err(error),
            Err(Trouble::OutOfMemory) => {
                oom::out_of_memory();
                Ok(())
            }
        }
    }
    /// Resolves a fault of a user copy: whether the copy may go on. False for a wrong access, and when memory has run out and
    /// the current task is to die for it.
    pub fn copy_fault(&self, address: u64, access: Access) -> bool {
        if self.key_denies(address, access) {
            return false;
        }
        match self.bring_in(address, access) {
            Ok(()) => true,
            Err(Trouble::Wrong(_)) => false,
            Err(Trouble::OutOfMemory) => {
                oom::out_of_memory();
                !crate::process::Task::current().fatal_signal_pending()
            }
        }
    }
    /// As [`Space::fault`], with running out of memory left to the caller.
    #[inline]
    pub(super) fn bring_in(&self, address: u64, access: Access) -> Result<(), Trouble> {
        let layout = self.layout.read();
        match layout.areas.find(address) {
            Some(area) if is_allowed(area, access) => self.bring_into(area, address & !(PAGE - 1), access),
            Some(_) => Err(Trouble::Wrong(FaultError::DENIED)),
            None => {
                drop(layout);
                self.grow_stack(address, access)
            }
        }
    }
    #[cold]
    fn grow_stack(&self, address: u64, access: Access) -> Result<(), Trouble> {
        if address >= USER_END {
            return Err(Trouble::Wrong(FaultError::UNMAPPED));
        }
        self.expand_stack(address)?;
        let layout = self.layout.read();
        match layout.areas.find(address) {
            Some(area) if is_allowed(area, access) => self.bring_into(area, address & !(PAGE - 1), access),
            Some(_) => Err(Trouble::Wrong(FaultError::DENIED)),
            None => Err(Trouble::Wrong(FaultError::UNMAPPED)),
        }
    }
    /// Brings in the page at `page` of an area that allows the access. The lock on areas is held for reading.
    #[inline]
    pub(super) fn bring_into(&self, area: &Area, page: u64, access: Access) -> Result<(), Trouble> {
        let write = access == Access::Write;
        match &area.file {
            Some(file) if write => self.write_file_page(area, file, page),
            Some(file) => self.read_file_page(area, file, page),
            None if write => self.write_anonymous_page(area, page),
            None => {
                self.tables.map_if_absent(page, Frame::zero_page(), area.permission(false))?;
                Ok(())
            }
        }
    }
    fn write_anonymous_page(&self, area: &Area, page: u64) -> Result<(), Trouble> {
        if let Some(present) = self.tables.lookup(page) {
            return self.copy_on_write(area, page, present);
        }
        area.note_private_pages();
        // Where another thread was faster, its page is as good.
        self.tables.map_if_absent(page, Frame::zeroed()?, area.permission(true))?;
        Ok(())
    }
    /// The file's page, if the file has it.
    fn file_page(file: &AttachedFile, index: u64) -> Result<Frame, Trouble> {
        if index >= file.mapping().size().div_ceil(PAGE) {
            return Err(Trouble::Wrong(FaultError::NO_PAGE));
        }
        if !file.mapping().has_source() {
            return Ok(file.mapping().page(index)?);
        }
        match file.mapping().cached(index) {
            Some(frame) => Ok(frame),
            None => Self::absent_page(file, index),
        }
    }
    /// A page that is not in memory: the fault that wants it is one that had to read.
    #[cold]
    fn absent_page(file: &AttachedFile, index: u64) -> Result<Frame, Trouble> {
        crate::process::Task::current().counters.note_fault_reads();
        Ok(file.mapping().page(index)?)
    }
    fn read_file_page(&self, area: &Area, file: &AttachedFile, page: u64) -> Result<(), Trouble> {
        let index = area.file_page(page);
        // Files that are not written back need not know which pages are dirty.
        let write = area.is_shared() && !file.mapping().has_source();
        loop {
            let invalidations = file.mapping().invalidations();
            let frame = Self::file_page(file, index)?;
            self.tables.map_if_absent(page, frame.clone(), area.permission(write))?;
            if !self.drop_if_stale(file, invalidations, page, index, &frame) {
                break;
            }
        }
        self.map_neighbours(area, file, page, write);
        Ok(())
    }
    fn write_file_page(&self, area: &Area, file: &AttachedFile, page: u64) -> Result<(), Trouble> {
        let index = area.file_page(page);
        let shared = area.is_shared();
        loop {
            let invalidations = file.mapping().invalidations();
            if let Some(present) = self.tables.lookup(page) {
                if !shared {
                    return self.copy_on_write(area, page, present);
                }
                file.mapping().set_dirty(index);
                let number = present.frame.number();
                self.tables.protect(page..page + PAGE, area.permission(true), &|frame| frame.number() == number);
                return Ok(());
            }
            let frame = Self::file_page(file, index)?;
            if shared {
                file.mapping().set_dirty(index);
                self.tables.map_if_absent(page, frame.clone(), area.permission(true))?;
            } else {
                area.note_private_pages();
                self.tables.map_if_absent(page, Frame::copy_of(&frame)?, area.permission(true))?;
            }
            if !self.drop_if_stale(file, invalidations, page, index, &frame) {
                return Ok(());
            }
        }
    }
    /// Unmaps a page just mapped if truncation took it from the file meanwhile (and may have looked here before).
    fn drop_if_stale(&self, file: &AttachedFile, invalidations: u64, page: u64, index: u64, frame: &Frame) -> bool {
        if file.mapping().invalidations() == invalidations || file.mapping().holds(index, frame) {
            return false;
        }
        self.tables.unmap(page..page + PAGE, &mut |_, _| ());
        true
    }
    /// Maps the cached pages around a page that was just mapped.
    fn map_neighbours(&self, area: &Area, file: &AttachedFile, page: u64, write: bool) {
        const WINDOW: u64 = AROUND as u64 * PAGE;
        if area.has(AreaFlags::RANDOM) {
            return;
        }
        let mapping = file.mapping();
        let start = (page & !(WINDOW - 1)).max(area.start);
        let end = ((page & !(WINDOW - 1)) + WINDOW).min(area.end);
        let first = area.file_page(start);
        let in_file = mapping.size().div_ceil(PAGE).saturating_sub(first);
        let count = ((end - start) / PAGE).min(in_file) as usize;
        let mut frames: [Option<Frame>; AROUND] = [const { None }; AROUND];
        let Some(wanted) = frames.get_mut(..count) else { return };
        let invalidations = mapping.invalidations();
        mapping.cached_run(first, wanted);
        let permission = area.permission(write);
        let mut pages = wanted.iter_mut().enumerate().filter_map(|(number, frame)| {
            let at = start + number as u64 * PAGE;
            if at == page { None } else { frame.take().map(|frame| (at, frame, permission)) }
        });
        self.tables.map_around(page, &mut pages);
        if mapping.invalidations() != invalidations {
            for at in (start..end).step_by(PAGE as usize) {
                if let Some(present) = self.tables.lookup(at)
                    && !present.permission.write
                    && !mapping.holds(area.file_page(at), &present.frame)
                    && !area.has_private_pages()
                {
                    self.tables.unmap(at..at + PAGE, &mut |_, _| ());
                }
            }
        }
    }
}
