//! The local descriptor table of an address space: segments that all its threads may name (modify_ldt(2)).
use super::{Segment, Thread};
use crate::OutOfMemory;
use crate::cpu::local::{self, CpuLocal};
use crate::cpu::tables;
use crate::paging::UserSpace;
use crate::sync::Once;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Most segments in a table.
pub const LOCAL_TABLE_ENTRIES: usize = 8192;

/// The table, which comes into being with its first segment and stays where it is: CPUs that have it loaded see what is
/// written to it.
pub(crate) struct LocalTable {
    entries: Once<Box<[AtomicU64]>>,
    /// One more than the highest place ever used.
    used: AtomicUsize,
    /// A CPU changes a segment, or looks at one and loads it: what it has seen must not go away before it is loaded.
    is_busy: AtomicBool,
}

impl LocalTable {
    pub(crate) const fn new() -> Self {
        LocalTable { entries: Once::new(), used: AtomicUsize::new(0), is_busy: AtomicBool::new(false) }
    }
    fn entries(&self) -> &[AtomicU64] {
        self.entries.get().map_or(&[], |entries| entries)
    }
    fn make(&self) -> Result<&[AtomicU64], OutOfMemory> {
        if self.entries.get().is_none() {
            let mut entries = Vec::new();
            entries.try_reserve_exact(LOCAL_TABLE_ENTRIES).map_err(|_| OutOfMemory)?;
            entries.resize_with(LOCAL_TABLE_ENTRIES, || AtomicU64::new(0));
            // Somebody else's is as good.
            let _ = self.entries.set(entries.into_boxed_slice());
        }
        Ok(self.entries())
    }
    /// Does something short while no other CPU does so. Interrupts off.
    pub(super) fn exclusively<R>(&self, action: impl FnOnce() -> R) -> R {
        while self.is_busy.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
        let result = action();
        self.is_busy.store(false, Ordering::Release);
        result
    }
    /// Where the table is, 0 while there is none.
    #[inline(always)]
    fn address(&self) -> u64 {
        self.entries.get().map_or(0, |entries| entries.as_ptr() as u64)
    }
}

impl UserSpace {
    /// The segments, as far as there have ever been any.
    pub fn local_segments(&self) -> impl Iterator<Item = Segment> + '_ {
        let used = self.local_table.used.load(Ordering::Acquire);
        self.local_table.entries().iter().take(used).map(|entry| Segment::of_bits(entry.load(Ordering::Relaxed)))
    }
    /// Sets the segment at a place below [`LOCAL_TABLE_ENTRIES`]. Called for the current thread's own space, or for one that
    /// nobody runs in yet.
    pub fn set_local_segment(&self, place: usize, segment: Segment) -> Result<(), OutOfMemory> {
        if let Some(entry) = self.local_table.make()?.get(place) {
            let _guard = crate::cpu::InterruptGuard::new();
            self.local_table.exclusively(|| entry.store(segment.bits(), Ordering::Release));
            self.local_table.used.fetch_max(place + 1, Ordering::AcqRel);
        }
        refresh_local_table();
        Ok(())
    }
    /// Takes over another space's segments (fork).
    pub fn copy_local_segments(&self, from: &UserSpace) -> Result<(), OutOfMemory> {
        from.local_segments().enumerate().try_for_each(|(place, segment)| self.set_local_segment(place, segment))
    }
}

/// Loads the table of the space that is loaded, if it is not the one the CPU has. Interrupts off.
#[inline(always)]
pub(super) fn follow(local: &CpuLocal, space: &UserSpace) {
    let wanted = space.local_table.address();
    if wanted != local.local_table.get() {
        // SAFETY: the table is a space's that stays loaded, and so stays where it is, until another one is loaded here; it
        // holds segments of ring 3 only. Interrupts are off.
        unsafe { tables::load_local_table(local, wanted, LOCAL_TABLE_ENTRIES * 8) };
        local.local_table.set(wanted);
    }
}

/// No space is loaded any more. Interrupts off.
pub(super) fn leave(local: &CpuLocal) {
    if local.local_table.replace(0) != 0 {
        // SAFETY: no table.
        unsafe { tables::load_local_table(local, 0, 0) };
    }
}

/// Loads the current thread's table if this CPU does not have it yet, since another thread has made it meanwhile. Whether that was
/// so: what has faulted on a segment may be tried again.
pub(crate) fn refresh_local_table() -> bool {
    let _guard = crate::cpu::InterruptGuard::new();
    let local = local::this();
    // SAFETY: only this CPU uses the field, with interrupts off; the current thread is alive while it runs.
    let space = unsafe { local.thread.get().as_ref().and_then(|thread: &Thread| (*thread.space.get()).as_ref()) };
    let before = local.local_table.get();
    if let Some(space) = space {
        follow(local, space);
    }
    before != local.local_table.get()
}
