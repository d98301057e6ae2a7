//! The kernel's own mappings, shared by all address spaces: direct map, image, stacks, device registers.
//!
//! | address | what | mapped |
//! |---|---|---|
//! | ffff8880_00000000 | all physical memory, at least the first 4 GiB | large pages, never executable; the image's code and constants are read-only here too |
//! | ffffc900_00000000 | kernel stacks | 4 pages each, over at least as many unmapped ones |
//! | ffffd000_00000000 | device registers | uncached |
//! | ffffea00_00000000 | the frames' records | those of frames in use, and of their neighbours |
//! | ffffff00_00000000 | 2^20 names of the page for returns to stacks of 16 bits ([`crate::entry`]) | read-only |
//! | ffffffff_80000000 | the image, by the linker script's sections | read and execute, read, or read and write |
//! | ffffffff_c0000000 | loaded modules, and changed copies of the system-call tables | the same |
use super::entry::{ADDRESS, GLOBAL, LARGE, NO_CACHE, NO_EXECUTE, PRESENT, WRITE, WRITE_THROUGH};
use super::space::{NoTable, PAGE};
use super::table::Table;
use super::walk::{index, shift};
use crate::OutOfMemory;
use crate::memory::percpu;
use crate::sync::{Rank, SpinLock};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::Release};

/// Where kernel stacks are.
pub(super) const STACKS: u64 = 0xffff_c900_0000_0000;
/// Where device registers are.
const DEVICES: u64 = 0xffff_d000_0000_0000;
const DEVICES_END: u64 = DEVICES + (1 << 38);

/// Where every page is the one for returns to stacks of 16 bits, 4 GiB of them.
pub(crate) const NARROW: u64 = 0xffff_ff00_0000_0000;
/// The frame of that page.
static NARROW_PAGE: AtomicU32 = AtomicU32::new(0);

/// Where that page can be written.
pub(crate) fn narrow_page() -> *mut u8 {
    super::direct_map(u64::from(NARROW_PAGE.load(Relaxed)) * PAGE)
}

/// Where the frames' records are.
pub(crate) const RECORDS: u64 = 0xffff_ea00_0000_0000;

static ROOT: AtomicU32 = AtomicU32::new(0);
/// The table of the frames' records that goes into the root.
static RECORD_TABLE: AtomicU32 = AtomicU32::new(0);
/// The root's entries in use; they never change once user spaces exist.
static SLOTS: [AtomicU32; 32] = [const { AtomicU32::new(0) }; 32];
static SLOT_COUNT: AtomicUsize = AtomicUsize::new(0);
/// Guards changes of the kernel's tables: the next free device address.
static TABLES: SpinLock<u64> = SpinLock::new(Rank(Rank::MACHINE + 0x300, "kernel page tables"), DEVICES);

/// Gives a new root the kernel's half.
pub(super) fn share_with(root: Table) {
    let kernel = Table(ROOT.load(Relaxed));
    for slot in &SLOTS[..SLOT_COUNT.load(Relaxed)] {
        let index = slot.load(Relaxed) as usize;
        root.entry(index).store(kernel.entry(index).load(Relaxed), Relaxed);
    }
}
/// Takes the kernel's half out of a root, so that it is zero.
pub(super) fn unshare(root: Table) {
    for slot in &SLOTS[..SLOT_COUNT.load(Relaxed)] {
        root.entry(slot.load(Relaxed) as usize).store(0, Relaxed);
    }
}

/// Stores an entry at the given level of the kernel's tables, making the tables above it. The lock is held, or this is boot.
fn set(address: u64, level: u32, entry: u64) -> Result<(), NoTable> {
    let mut table = Table(ROOT.load(Relaxed));
    for above in (level + 1..=4).rev() {
        let index = index(address, above);
        table = match table.child(index) {
            Some(child) => child,
            None => {
                let child = Table::allocate().ok_or(NoTable)?;
                table.entry(index).store(u64::from(child.0) << 12 | PRESENT | WRITE, Release);
                child
            }
        };
    }
    table.entry(index(address, level)).store(entry, Release);
    Ok(())
}
/// Maps kernel pages at `address`, asking for memory if tables are missing.
pub(super) fn map_pages(address: u64, entries: &[u64]) -> Result<(), OutOfMemory> {
    for (page, entry) in entries.iter().enumerate() {
        let mut tries = 0;
        while {
            let _lock = TABLES.lock();
            set(address + page as u64 * PAGE, 1, *entry).is_err()
        } {
            tries += 1;
            if tries > percpu::TRIES || !percpu::reclaim(2) {
                return Err(OutOfMemory);
            }
        }
    }
    Ok(())
}
/// The entry of a kernel page that was mapped once. The lock need not be held: entries of one page belong to its user.
pub(super) fn entry(address: u64) -> Option<&'static core::sync::atomic::AtomicU64> {
    let root = Table(ROOT.load(Relaxed));
    let leaf = root.child(index(address, 4))?.child(index(address, 3))?.child(index(address, 2))?;
    Some(leaf.entry(index(address, 1)))
}
/// Forbids writes to a frame through the direct map, or allows them again; the large page it lies in is split. The caller
/// flushes the frame's address there.
pub(super) fn protect_direct_map(frame: u32, writable: bool) -> Result<(), OutOfMemory> {
    let mut tries = 0;
    loop {
        {
            let _lock = TABLES.lock();
            if let Some(entry) = direct_map_entry(u64::from(frame) * PAGE) {
                let bits = entry.load(Relaxed) & !WRITE;
                entry.store(if writable { bits | WRITE } else { bits }, Release);
                return Ok(());
            }
        }
        tries += 1;
        if tries > percpu::TRIES || !percpu::reclaim(2) {
            return Err(OutOfMemory);
        }
    }
}
/// The entry of a page in the direct map, after splitting the larger ones it is in; `None` without memory for tables.
fn direct_map_entry(physical: u64) -> Option<&'static core::sync::atomic::AtomicU64> {
    let address = super::direct_map(physical) as u64;
    let mut table = Table(ROOT.load(Relaxed));
    for level in [4, 3, 2] {
        let place = table.entry(index(address, level));
        let entry = place.load(Relaxed);
        if level < 4 && entry & LARGE != 0 {
            let smaller = Table::allocate()?;
            // In entries of the lowest level the bit means something else.
            let first = if level == 2 { entry & !LARGE } else { entry };
            for part in 0..512 {
                smaller.entry(part).store(first + ((part as u64) << shift(level - 1)), Relaxed);
            }
            place.store(u64::from(smaller.0) << 12 | PRESENT | WRITE, Release);
        }
        table = table.child(index(address, level))?;
    }
    Some(table.entry(index(address, 1)))
}
/// An entry for ordinary kernel memory.
pub(super) fn data(frame: u32) -> u64 {
    u64::from(frame) << 12 | PRESENT | WRITE | GLOBAL | NO_EXECUTE
}

/// An entry for a table below.
pub(crate) fn table_entry(table: u32) -> u64 {
    u64::from(table) << 12 | PRESENT | WRITE
}
/// An entry for a page of the frames' records.
pub(crate) fn page_entry(frame: u32) -> u64 {
    data(frame)
}

/// Maps device registers, uncached, for good. None without memory or address space, or for an impossible address.
pub(crate) fn map_device(physical: u64, length: usize) -> Option<NonNull<u8>> {
    let first = physical & !(PAGE - 1);
    let end = physical.checked_add(u64::try_from(length).ok()?)?.checked_next_multiple_of(PAGE)?;
    if length == 0 || end > ADDRESS {
        return None;
    }
    let base = {
        let mut next = TABLES.lock();
        let base = *next;
        // A page stays unmapped between devices.
        let after = base.checked_add(end - first + PAGE)?;
        if after > DEVICES_END {
            return None;
        }
        *next = after;
        base
    };
    for page in (first..end).step_by(PAGE as usize) {
        let entry = page | PRESENT | WRITE | NO_CACHE | WRITE_THROUGH | GLOBAL | NO_EXECUTE;
        map_pages(base + (page - first), &[entry]).ok()?;
    }
    NonNull::new(core::ptr::with_exposed_provenance_mut((base + (physical - first)) as usize))
}

#[cfg(target_os = "none")]
mod machine {
    use super::*;
    use crate::paging::DIRECT_MAP;
    use core::arch::asm;

    const IMAGE: u64 = 0xffff_ffff_8000_0000;

    // Named by the linker script; only their addresses mean anything.
    unsafe extern "C" {
        static __text_start: u8;
        static __text_end: u8;
        static __rodata_start: u8;
        static __rodata_end: u8;
        static __data_start: u8;
        static __kernel_end: u8;
    }

    /// Takes the table of the frames' records, in a frame of its own, into the boot tables, where it is needed to
    /// make the permanent ones, and later into those.
    pub(crate) fn enter_records(table: u32) {
        RECORD_TABLE.store(table, Relaxed);
        let boot = Table((loaded_root() / PAGE) as u32);
        boot.entry(index(RECORDS, 4)).store(table_entry(table), Relaxed);
    }
    /// Builds and loads the permanent tables. Once, on the boot CPU, after [`crate::memory::initialize`].
    pub(crate) fn initialize() {
        if build().is_err() {
            panic!("no memory for the kernel's page tables");
        }
        // SAFETY: the boot CPU is alone, and the boot tables, which are still loaded, map the image writable.
        unsafe { crate::user::initialize() };
        load_kernel_tables();
    }
    /// Loads the kernel's tables, with no user space.
    pub(crate) fn load_kernel_tables() {
        load_root(u64::from(ROOT.load(Relaxed)) * PAGE);
    }

    fn build() -> Result<(), NoTable> {
        ROOT.store(Table::allocate().ok_or(NoTable)?.0, Relaxed);
        let address = |symbol: *const u8| symbol as u64;
        let text = address(&raw const __text_start)..address(&raw const __text_end);
        let constants = address(&raw const __rodata_start)..address(&raw const __rodata_end);
        let variables = address(&raw const __data_start)..address(&raw const __kernel_end);
        for (section, bits) in [(&text, 0), (&constants, NO_EXECUTE), (&variables, NO_EXECUTE | WRITE)] {
            for page in section.clone().step_by(PAGE as usize) {
                set(page, 1, (page - IMAGE) | PRESENT | GLOBAL | bits)?;
            }
        }
        direct_map(text.start - IMAGE..constants.end - IMAGE)?;
        for area in [STACKS, DEVICES] {
            // The second level now, so that the root never changes again.
            let second = Table::allocate().ok_or(NoTable)?;
            let entry = u64::from(second.0) << 12 | PRESENT | WRITE;
            Table(ROOT.load(Relaxed)).entry(index(area, 4)).store(entry, Release);
        }
        names_of_narrow_page()?;
        let root = Table(ROOT.load(Relaxed));
        root.entry(index(RECORDS, 4)).store(table_entry(RECORD_TABLE.load(Relaxed)), Release);
        let used = (256..512).filter(|index| root.entry(*index).load(Relaxed) != 0);
        for (slot, index) in SLOTS.iter().zip(used) {
            slot.store(index as u32, Relaxed);
            SLOT_COUNT.fetch_add(1, Relaxed);
        }
        Ok(())
    }
    /// Maps one page at every address of 4 GiB: the entries of each table are all the same.
    fn names_of_narrow_page() -> Result<(), NoTable> {
        // As tables are, it is empty.
        let page = Table::allocate().ok_or(NoTable)?.0;
        NARROW_PAGE.store(page, Relaxed);
        let mut below = u64::from(page) << 12 | PRESENT | GLOBAL | NO_EXECUTE;
        for level in 1..=3 {
            let table = Table::allocate().ok_or(NoTable)?;
            let entries = if level == 3 { 4 } else { 512 };
            (0..entries).for_each(|entry| table.entry(entry).store(below, Relaxed));
            below = u64::from(table.0) << 12 | PRESENT | WRITE;
        }
        Table(ROOT.load(Relaxed)).entry(index(NARROW, 4)).store(below, Release);
        Ok(())
    }
    /// Maps all memory with the largest pages that keep `read_only` to itself.
    fn direct_map(read_only: core::ops::Range<u64>) -> Result<(), NoTable> {
        let end = crate::memory::top().max(1 << 32);
        let largest = if crate::cpu::features().pages_1g { 3 } else { 2 };
        let mut at = 0;
        while at < end {
            let mut level = largest;
            let span = |level| 1u64 << shift(level);
            // Smaller pages where the page would mix what is read-only with what is not, or is not aligned.
            while level > 1 && (at % span(level) != 0 || at < read_only.end && at + span(level) > read_only.start) {
                level -= 1;
            }
            let size = if level > 1 { LARGE } else { 0 };
            let write = if read_only.contains(&at) { 0 } else { WRITE };
            set(DIRECT_MAP + at, level, at | PRESENT | GLOBAL | NO_EXECUTE | size | write)?;
            at += span(level);
        }
        Ok(())
    }

    /// The physical address of the tables in use.
    #[inline(always)]
    pub(in crate::paging) fn loaded_root() -> u64 {
        let root: u64;
        // SAFETY: reads a control register.
        unsafe { asm!("mov {}, cr3", out(reg) root, options(nomem, nostack, preserves_flags)) };
        root & ADDRESS
    }
    /// Loads a root table, dropping all TLB entries that are not global.
    #[inline(always)]
    pub(in crate::paging) fn load_root(root: u64) {
        // SAFETY: every root has the kernel's half, so that code, stack and data stay mapped.
        unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags)) };
    }
    /// Drops the TLB entry of one page.
    #[inline(always)]
    pub(in crate::paging) fn invalidate(address: u64) {
        // SAFETY: only drops a cached translation.
        unsafe { asm!("invlpg [{}]", in(reg) address, options(nostack, preserves_flags)) };
    }
    /// Drops all TLB entries, global ones too.
    pub(in crate::paging) fn flush_everything() {
        crate::local::save_interrupts();
        // SAFETY: turning global pages off and on again changes nothing but the TLB.
        unsafe {
            let cr4: u64;
            asm!("mov {}, cr4", out(reg) cr4, options(nomem, nostack, preserves_flags));
            asm!("mov cr4, {}", in(reg) cr4 ^ 1 << 7, options(nostack, preserves_flags));
            asm!("mov cr4, {}", in(reg) cr4, options(nostack, preserves_flags));
        }
        crate::local::restore_interrupts();
    }
}
#[cfg(not(target_os = "none"))]
mod machine {
    use super::*;

    /// On the host there are no tables to load; tests get the ones that stacks need.
    pub(crate) fn initialize() {
        let Some(root) = Table::allocate() else { panic!("no memory for the kernel's page tables") };
        ROOT.store(root.0, Relaxed);
        for (slot, area) in [STACKS, DEVICES].into_iter().enumerate() {
            let Some(second) = Table::allocate() else { panic!("no memory for the kernel's page tables") };
            root.entry(index(area, 4)).store(u64::from(second.0) << 12 | PRESENT | WRITE, Release);
            SLOTS[slot].store(index(area, 4) as u32, Relaxed);
        }
        SLOT_COUNT.store(2, Relaxed);
    }
    pub(crate) fn load_kernel_tables() {}
    /// On the host the records are where tests say.
    pub(crate) fn enter_records(table: u32) {
        RECORD_TABLE.store(table, Relaxed);
    }
}
pub(crate) use machine::*;
