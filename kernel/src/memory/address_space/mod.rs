//! An address space: areas over page tables.
//!
//! Locking: the areas are under a sleeping readers-writer lock. Faults take it for reading; whatever changes areas takes it
//! for writing. User memory is never touched while it is held (a fault would take it again). Areas that go away are dropped
//! after it is released, because the last reference to a file may sleep on locks that rank before it.
mod advise;
mod brk;
mod copy_on_write;
mod fault;
mod fork;
mod keys;
mod layout;
mod lock;
mod map;
mod program;
mod protect;
mod remap;
mod remote;
mod report;
mod segment;
mod unmap;

pub use fault::FaultError;
pub use layout::{Layout, Limits, MAX_MAP_COUNT, MINIMUM_ADDRESS, READ_IMPLIES_EXECUTE, Totals};
pub use map::{Fixed, MAY_ALL, MapRequest};
pub use program::Executable;
pub use report::{AreaReport, AreaUsage};

pub(super) use super::area::Removed;
use super::area::{Area, AreaFlags};
use super::commit;
use super::mapping::{Mapper, Unmap};
use crate::error::{EFAULT, Result};
use crate::sync::{RwLock, rank};
use alloc::sync::{Arc, Weak};
use core::ops::{Deref, Range};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use machine::memory::PAGE_SIZE;
use machine::paging::{USER_END, UserSpace};

/// Bytes in a page.
pub(super) const PAGE: u64 = PAGE_SIZE as u64;

/// Rounds up to whole pages; 0 when that overflows (as Linux's PAGE_ALIGN).
pub(super) fn page_align(length: u64) -> u64 {
    length.wrapping_add(PAGE - 1) & !(PAGE - 1)
}

/// The memory of a process, as tasks hold it. The last drop frees everything in it and may sleep.
pub struct AddressSpace {
    space: Arc<Space>,
}
impl Deref for AddressSpace {
    type Target = Space;
    fn deref(&self) -> &Space {
        &self.space
    }
}

/// What an [`AddressSpace`] consists of; page caches hold it weakly.
pub struct Space {
    tables: Arc<UserSpace>,
    layout: RwLock<Layout>,
    /// One past the highest address.
    end: u64,
    /// Most pages ever resident, as far as anybody looked.
    peak_resident: AtomicUsize,
    /// The barriers that membarrier(2) was told of.
    barriers: AtomicU32,
    /// Pages may have protection keys other than 0.
    uses_keys: AtomicBool,
}

/// What a process uses, in pages (/proc/PID/status, /proc/PID/statm, getrusage).
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Mapped pages (VmSize) and the parts of it.
    pub totals: Totals,
    /// Most pages ever mapped (VmPeak).
    pub peak_total: u64,
    /// Present pages (VmRSS).
    pub resident: u64,
    /// Most pages ever present (VmHWM).
    pub peak_resident: u64,
    /// Page-table frames (VmPTE).
    pub tables: u64,
}

impl AddressSpace {
    /// An empty address space.
    pub fn new() -> Result<Arc<AddressSpace>> {
        Self::with_layout(Layout::new())
    }
    fn with_layout(layout: Layout) -> Result<Arc<AddressSpace>> {
        let tables = machine::memory::try_arc(UserSpace::new()?)?;
        let end = layout.end;
        let layout = RwLock::new(rank::ADDRESS_SPACE, layout);
        let space = machine::memory::try_arc(Space {
            tables,
            layout,
            end,
            peak_resident: AtomicUsize::new(0),
            barriers: AtomicU32::new(0),
            uses_keys: AtomicBool::new(false),
        })?;
        Ok(machine::memory::try_arc(AddressSpace { space })?)
    }
    /// The address space as page caches know it.
    fn mapper(&self) -> Weak<dyn Mapper> {
        let weak: Weak<Space> = Arc::downgrade(&self.space);
        weak
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        let mut layout = self.space.layout.write();
        let areas = layout.areas.take_all();
        let accounted = core::mem::take(&mut layout.totals).accounted;
        let executable = layout.executable.take();
        drop(layout);
        for area in areas.iter().filter(|area| is_written_back(area)) {
            self.space.unmap_area(area, area.start..area.end);
        }
        if Arc::strong_count(&self.space.tables) > 1 {
            // Some CPU still has the tables loaded though nobody runs on them: what they hold must not wait for it.
            self.space.tables.unmap(0..USER_END, &mut |_, _| ());
        }
        commit::release(accounted);
        drop((areas, executable));
    }
}

/// Whether dirty bits of the area's pages matter to a file.
fn is_written_back(area: &Area) -> bool {
    area.is_shared() && area.file.as_ref().is_some_and(|file| file.mapping().has_source())
}

impl Space {
    /// The page tables, for the machine's thread.
    pub fn tables(&self) -> &Arc<UserSpace> {
        &self.tables
    }
    /// The registrations of membarrier(2): bits of its commands.
    pub fn barriers(&self) -> &AtomicU32 {
        &self.barriers
    }
    /// One past the highest address a program may use here.
    pub fn end(&self) -> u64 {
        self.end
    }
    /// What it uses now.
    pub fn usage(&self) -> Usage {
        let layout = self.layout.read();
        let (resident, tables) = self.note_resident();
        Usage {
            totals: layout.totals,
            peak_total: layout.peak_total.max(layout.totals.total),
            resident: resident as u64,
            peak_resident: self.peak_resident.load(Ordering::Relaxed).max(resident) as u64,
            tables: tables as u64,
        }
    }
    /// Pages present now and page-table frames, remembered for the peak.
    fn note_resident(&self) -> (usize, usize) {
        let (resident, tables) = self.tables.resident();
        self.peak_resident.fetch_max(resident, Ordering::Relaxed);
        (resident, tables)
    }
    /// Present pages, without taking the lock on areas (for the OOM killer).
    pub fn resident_pages(&self) -> usize {
        let (resident, tables) = self.tables.resident();
        resident + tables
    }
    /// Removes the pages of a part of an area, telling its file which were dirty.
    fn unmap_area(&self, area: &Area, range: Range<u64>) {
        match &area.file {
            Some(file) if is_written_back(area) => self.tables.unmap(range, &mut |address, page| {
                if page.dirty {
                    file.mapping().set_dirty(area.file_page(address));
                }
            }),
            _ => self.tables.unmap(range, &mut |_, _| ()),
        }
    }
    /// Where the word at `address` lives if its page belongs to a shared mapping: (identity of the page-cache object, byte
    /// offset in it); `None` if it is private to this address space. EFAULT if nothing is mapped there. Futexes of several
    /// processes meet by it.
    pub fn shared_location(&self, address: u64) -> Result<Option<(u64, u64)>> {
        let layout = self.layout.read();
        let area = layout.areas.find(address).ok_or(EFAULT)?;
        // A word that nobody can change is nothing to wait for.
        if !area.flags.intersects(AreaFlags::ACCESS) || area.is_anonymous() && !area.has(AreaFlags::WRITE) {
            return Err(EFAULT);
        }
        Ok(match &area.file {
            Some(file) if area.has(AreaFlags::MAY_SHARE) => {
                let offset = (area.file_page(address) << 12) + address % PAGE;
                Some((file.mapping().identity(), offset))
            }
            _ => None,
        })
    }
}

impl Mapper for Space {
    fn unmap_file(&self, identity: u64, pages: Range<u64>, how: Unmap) {
        let layout = match how {
            Unmap::Evict => self.layout.try_read(),
            _ => Some(self.layout.read()),
        };
        let Some(layout) = layout else { return };
        for (area, range) in parts_of(&layout, identity, &pages) {
            if how == Unmap::Evict && area.has(AreaFlags::LOCKED) {
                continue;
            }
            // Which pages of a private area are copies is not known; after a copy it may keep the old ones.
            if area.is_shared() || how == Unmap::Truncate || !area.has_private_pages() {
                self.unmap_area(area, range);
            }
        }
    }
    fn clean_file(&self, identity: u64, pages: Range<u64>, dirty: &mut dyn FnMut(u64)) {
        let layout = self.layout.read();
        for (area, range) in parts_of(&layout, identity, &pages) {
            if area.is_shared() {
                self.tables.clean(range, &mut |address, _| dirty(area.file_page(address)));
            }
        }
    }
}

/// The areas that map a file, with the addresses of those of the pages that they have.
fn parts_of<'a>(
    layout: &'a Layout,
    identity: u64,
    pages: &'a Range<u64>,
) -> impl Iterator<Item = (&'a Area, Range<u64>)> {
    layout.areas.iter().filter_map(move |area| {
        let file = area.file.as_ref()?;
        if file.mapping().identity() != identity {
            return None;
        }
        let first = pages.start.max(area.page_offset);
        let last = pages.end.min(area.page_offset.saturating_add(area.pages()));
        let start = area.address_of_page(first)?;
        (first < last).then(|| (area, start..start + ((last - first) << 12)))
    })
}
