//! User address spaces: mapping, unmapping, protection.
use super::entry::{ACCESSED, DIRTY, Entry, PRESENT, USER, WRITE};
#[cfg(target_os = "none")]
use super::flush;
use super::flush::FlushList;
use super::gather::Gather;
use super::table::Table;
use super::walk::{free_below, index, shift, take_out, take_out_pages, visit};
use super::{Mapping, Permission, USER_END, kernel};
use crate::memory::{Frame, PAGE_SIZE, percpu};
use crate::sync::{Rank, SpinGuard, SpinLock};
use crate::thread::LocalTable;
use crate::{OutOfMemory, memory};
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering, Ordering::Relaxed};

pub(super) const PAGE: u64 = PAGE_SIZE as u64;

/// What the lock protects, besides the tables themselves.
pub(super) struct Counts {
    pub(super) pages: usize,
    pub(super) tables: usize,
}

/// The page tables of one address space. Methods may be called from any CPU at the same time; each operation locks the tables
/// it changes (a spin lock), flushes TLBs where needed before it returns, and frees frames only after the flush.
pub struct UserSpace {
    pub(super) root: Table,
    pub(super) tables: SpinLock<Counts>,
    /// CPUs that have the root loaded.
    cpus: AtomicU64,
    pub(crate) local_table: LocalTable,
}

/// A table was missing and there is no memory for it.
pub(super) struct NoTable;

fn check(address: u64) {
    assert!(address.is_multiple_of(PAGE) && address < USER_END, "mapping outside user space: {address:#x}");
}
/// Page-aligned, within user space.
pub(super) fn clip(range: &Range<u64>) -> Range<u64> {
    let end = range.end.min(USER_END).next_multiple_of(PAGE);
    (range.start & !(PAGE - 1)).min(end)..end
}

impl UserSpace {
    /// Empty tables.
    pub fn new() -> Result<UserSpace, OutOfMemory> {
        if memory::injected() {
            return Err(OutOfMemory);
        }
        let root = loop {
            match Table::allocate() {
                Some(root) => break root,
                None if percpu::reclaim(1) => (),
                None => return Err(OutOfMemory),
            }
        };
        kernel::share_with(root);
        let counts = SpinLock::new(Rank(Rank::MACHINE + 0x100, "page tables"), Counts { pages: 0, tables: 1 });
        Ok(UserSpace { root, tables: counts, cpus: AtomicU64::new(0), local_table: LocalTable::new() })
    }
    /// Physical address of the root table.
    pub(crate) fn root(&self) -> u64 {
        u64::from(self.root.0) * PAGE
    }
    /// Loads the tables on this CPU (nothing but the end of lazy mode if they are loaded). Interrupts are off.
    pub(crate) fn activate(&self) {
        #[cfg(target_os = "none")]
        {
            let stale = flush::leave_lazy();
            let loaded = kernel::loaded_root();
            if loaded != self.root() {
                self.cpus.fetch_or(1 << crate::local::cpu_index(), Ordering::SeqCst);
                kernel::load_root(self.root());
            } else if stale {
                kernel::load_root(loaded);
            }
        }
    }
    /// Other tables are loaded on this CPU by now. Interrupts are off.
    pub(crate) fn deactivate(&self) {
        self.cpus.fetch_and(!(1 << crate::local::cpu_index()), Ordering::SeqCst);
    }
    /// Flushes on the CPUs that have the tables loaded.
    pub(super) fn flush(&self, list: &FlushList) {
        list.flush(self.root(), &self.cpus);
    }
    /// A memory barrier on the CPUs that run threads of this space, which also take note of instructions that were changed. What has
    /// been written before by anybody is seen there by the time it returns.
    pub fn synchronize(&self) {
        let mut nothing = FlushList::new();
        nothing.add(0);
        self.flush(&nothing);
        core::sync::atomic::fence(Ordering::SeqCst);
    }
    /// The lowest table for an address, if there is one. The lock is held.
    #[inline]
    pub(super) fn leaf(&self, address: u64) -> Option<Table> {
        self.root.child(index(address, 4))?.child(index(address, 3))?.child(index(address, 2))
    }
    /// The lowest table for an address, made if need be. The lock is held.
    #[inline]
    pub(super) fn make_leaf(&self, counts: &mut Counts, address: u64) -> Result<Table, NoTable> {
        match self.leaf(address) {
            Some(leaf) => Ok(leaf),
            None => self.make_path(counts, address),
        }
    }
    #[cold]
    fn make_path(&self, counts: &mut Counts, address: u64) -> Result<Table, NoTable> {
        let mut table = self.root;
        for level in [4, 3, 2] {
            let index = index(address, level);
            table = match table.child(index) {
                Some(child) => child,
                None => {
                    let child = Table::allocate().ok_or(NoTable)?;
                    counts.tables += 1;
                    let entry = u64::from(child.0) << 12 | PRESENT | WRITE | USER;
                    table.entry(index).store(entry, Ordering::Release);
                    table.used(index);
                    child
                }
            };
        }
        Ok(table)
    }
    /// Runs `change` under the lock; when tables are missing, asks for memory without the lock and runs it again.
    pub(super) fn with_tables<R>(
        &self,
        mut change: impl FnMut(&mut SpinGuard<'_, Counts>) -> Result<R, NoTable>,
    ) -> Result<R, OutOfMemory> {
        if memory::injected() {
            return Err(OutOfMemory);
        }
        for _ in 0..percpu::TRIES {
            let result = change(&mut self.tables.lock());
            if let Ok(result) = result {
                return Ok(result);
            }
            if !percpu::reclaim(4) {
                break;
            }
        }
        Err(OutOfMemory)
    }

    /// Maps a page; a page that was there is replaced (its reference dropped after the flush).
    pub fn map(&self, address: u64, frame: Frame, permission: Permission) -> Result<(), OutOfMemory> {
        check(address);
        let permission = writable_only_if_real(permission, &frame);
        let mut new = Entry::new(frame.number() as u32, permission);
        let old = self.with_tables(|counts| {
            let leaf = self.make_leaf(counts, address)?;
            let slot = leaf.entry(index(address, 1));
            let old = Entry(slot.load(Relaxed));
            if old.0 == 0 {
                slot.store(new.0, Ordering::Release);
                leaf.used(index(address, 1));
                counts.pages += 1;
                return Ok(old);
            }
            if old.number() == new.number() {
                new.0 |= old.0 & (ACCESSED | DIRTY);
            }
            Ok(Entry(slot.swap(new.0, Ordering::AcqRel)))
        })?;
        core::mem::forget(frame);
        if old.0 != 0 {
            let mut flushes = FlushList::new();
            flushes.add_change(address, old, new);
            self.flush(&flushes);
            // SAFETY: taken out, and flushed (or the same page is still mapped, with a reference of its own).
            drop(unsafe { old.into_frame() });
        }
        Ok(())
    }
    /// Maps a page only where nothing is mapped; false if something is.
    pub fn map_if_absent(&self, address: u64, frame: Frame, permission: Permission) -> Result<bool, OutOfMemory> {
        check(address);
        let new = Entry::new(frame.number() as u32, writable_only_if_real(permission, &frame));
        let mapped = self.with_tables(|counts| {
            let leaf = self.make_leaf(counts, address)?;
            let slot = leaf.entry(index(address, 1));
            if slot.load(Relaxed) != 0 {
                return Ok(false);
            }
            slot.store(new.0, Ordering::Release);
            leaf.used(index(address, 1));
            counts.pages += 1;
            Ok(true)
        })?;
        if mapped {
            core::mem::forget(frame);
        }
        Ok(mapped)
    }
    /// Maps those of `pages` that lie within the last table's 2 MiB around `address` where nothing is mapped, with one look-up
    /// and without allocating: for faults that bring in their neighbourhood. Returns how many were mapped.
    pub fn map_around(&self, address: u64, pages: &mut dyn Iterator<Item = (u64, Frame, Permission)>) -> usize {
        let mut counts = self.tables.lock();
        let Some(leaf) = self.leaf(address.min(USER_END - 1)) else { return 0 };
        let mut mapped = 0;
        for (at, frame, permission) in pages {
            if at % PAGE != 0 || at >= USER_END || at >> shift(2) != address >> shift(2) {
                continue;
            }
            let slot = leaf.entry(index(at, 1));
            if slot.load(Relaxed) == 0 {
                let permission = writable_only_if_real(permission, &frame);
                slot.store(Entry::new(frame.into_raw(), permission).0, Ordering::Release);
                leaf.used(index(at, 1));
                mapped += 1;
            }
        }
        counts.pages += mapped;
        mapped
    }
    /// Replaces the page at `address` if it still is `expected` (frame number); false if not.
    pub fn replace(&self, address: u64, expected: u64, frame: Frame, permission: Permission) -> bool {
        check(address);
        let new = Entry::new(frame.number() as u32, writable_only_if_real(permission, &frame));
        let old = {
            let _counts = self.tables.lock();
            let Some(leaf) = self.leaf(address) else { return false };
            let slot = leaf.entry(index(address, 1));
            let old = Entry(slot.load(Relaxed));
            if old.0 == 0 || u64::from(old.number()) != expected {
                return false;
            }
            Entry(slot.swap(new.0, Ordering::AcqRel))
        };
        core::mem::forget(frame);
        let mut flushes = FlushList::new();
        flushes.add_change(address, old, new);
        self.flush(&flushes);
        // SAFETY: taken out, and flushed.
        drop(unsafe { old.into_frame() });
        true
    }
    /// Removes the pages of a range, calling `removed` (with no lock held) for each page that was dirty or accessed (for file
    /// mappings).
    pub fn unmap(&self, range: Range<u64>, removed: &mut dyn FnMut(u64, &Mapping)) {
        let range = clip(&range);
        let mut next = range.start;
        while next < range.end {
            let mut gather = Gather::new();
            {
                let mut counts = self.tables.lock();
                next = self.take_out(next, range.end, &mut counts, &mut gather);
            }
            // SAFETY: all of it came out of these tables.
            unsafe { gather.finish(self, removed) };
        }
    }
    /// Takes pages out, and tables that become empty; where it stopped because the batch was full, else `end`.
    fn take_out(&self, start: u64, end: u64, counts: &mut Counts, gather: &mut Gather) -> u64 {
        // Most ranges lie within one lowest table.
        if start >> shift(2) == (end - 1) >> shift(2) {
            let Some(leaf) = self.leaf(start) else { return end };
            let stopped = take_out_pages(leaf, start, end, counts, gather);
            if leaf.count() != 0 || stopped < end {
                return stopped;
            }
        }
        take_out(self.root, 4, start, end, counts, gather)
    }
    /// Changes the entries of a range; `change` gives the new entry (the same page) for an old one.
    /// Calls `f` (address, lowest table, index) for each page of a range. The lock is held.
    fn visit_pages(&self, range: Range<u64>, f: &mut impl FnMut(u64, Table, usize)) {
        const SPAN: u32 = 21;
        if range.is_empty() {
            return;
        }
        if range.start >> SPAN != (range.end - 1) >> SPAN {
            visit(self.root, 4, range.start, range.end, &mut |address, leaf, index, _| {
                f(address, leaf, index);
                true
            });
        } else if let Some(leaf) = self.leaf(range.start) {
            // Most ranges lie below one table.
            let base = range.start & !((1 << SPAN) - 1);
            for (index, _) in leaf.filled(index(range.start, 1), index(range.end - 1, 1)) {
                f(base | (index as u64) << 12, leaf, index);
            }
        }
    }
    fn change(&self, range: Range<u64>, mut change: impl FnMut(u64, Entry) -> Entry) {
        let range = clip(&range);
        let mut flushes = FlushList::new();
        {
            let _counts = self.tables.lock();
            self.visit_pages(range, &mut |address, leaf, index| {
                let slot = leaf.entry(index);
                let mut old = Entry(slot.load(Relaxed));
                loop {
                    let new = change(address, old);
                    if new == old {
                        break;
                    }
                    // The CPU may set accessed and dirty meanwhile.
                    match slot.compare_exchange(old.0, new.0, Ordering::AcqRel, Relaxed) {
                        Ok(_) => {
                            flushes.add_change(address, old, new);
                            break;
                        }
                        Err(now) => old = Entry(now),
                    }
                }
            });
        }
        self.flush(&flushes);
    }
    /// Narrows or widens what user mode may do; `write` is only ever granted to pages for which `may_write` says so
    /// (copy-on-write pages stay read-only). Pages made inaccessible become accessible. `may_write` is called under the
    /// tables' lock.
    pub fn protect(&self, range: Range<u64>, permission: Permission, may_write: &dyn Fn(&Frame) -> bool) {
        self.change(range, |_, old| {
            // SAFETY: an entry in the tables, which are locked.
            let frame = unsafe { old.borrow_frame() };
            let write = permission.write && !frame.is_zero_page() && may_write(&frame);
            old.with(Permission { write, ..permission })
        });
    }
    /// Takes all access from the pages of a range but keeps them (mprotect with PROT_NONE); they count as mapped, with neither
    /// write nor execute permission, until [`UserSpace::protect`].
    pub fn make_inaccessible(&self, range: Range<u64>) {
        self.change(range, |_, old| old.inaccessible());
    }
}

/// A memory barrier on all CPUs, as [`UserSpace::synchronize`] is one on some.
pub fn synchronize_processors() {
    let mut nothing = FlushList::new();
    nothing.add(0);
    nothing.flush(0, &AtomicU64::new(super::stack::online()));
    core::sync::atomic::fence(Ordering::SeqCst);
}

/// The zero page is never writable.
#[inline(always)]
fn writable_only_if_real(permission: Permission, frame: &Frame) -> Permission {
    Permission { write: permission.write && !frame.is_zero_page(), ..permission }
}
impl Drop for UserSpace {
    fn drop(&mut self) {
        debug_assert!(*self.cpus.get_mut() == 0, "user space dropped while loaded");
        // A CPU that keeps the space loaded keeps a reference to it, so none has.
        // SAFETY: unique access, and no CPU walks the tables.
        unsafe {
            free_below(self.root, 4, 255);
            kernel::unshare(self.root);
            self.root.free();
        }
    }
}
