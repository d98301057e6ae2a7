//! TLB flushes: of this CPU's entries, and of other CPUs' by interrupt.
//!
//! A CPU is in one of three modes: *active* runs user threads of the loaded space; *lazy* runs a kernel thread on whatever
//! user tables are loaded, and is not interrupted for changes of pages, which it does not touch; *stale* is lazy with changes
//! to make up for before it turns active. Tables about to be freed interrupt lazy CPUs too, since a CPU may walk them at any
//! time.
use super::entry::{Entry, PRESENT};
use crate::cpu::MAX_CPUS;
use crate::local::{self, Padded, Pinned};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// More pages than this are flushed by dropping all entries.
const MOST: usize = 24;

const ACTIVE: u32 = 0;
const LAZY: u32 = 1;
const STALE: u32 = 2;
static MODES: [Padded<AtomicU32>; MAX_CPUS] = [const { Padded(AtomicU32::new(ACTIVE)) }; MAX_CPUS];

/// What one CPU asks of others; written while nobody is asked.
struct Request {
    /// CPUs that have not answered.
    pending: AtomicU64,
    /// Physical address of the space's root table; 0 for kernel addresses, which all spaces have.
    root: AtomicU64,
    /// Number of pages, more than [`MOST`] for all.
    count: AtomicU32,
    pages: [AtomicU64; MOST],
}
static REQUESTS: [Padded<Request>; MAX_CPUS] = [const {
    Padded(Request {
        pending: AtomicU64::new(0),
        root: AtomicU64::new(0),
        count: AtomicU32::new(0),
        pages: [const { AtomicU64::new(0) }; MOST],
    })
}; MAX_CPUS];
/// By asked CPU: which CPUs ask.
static ASKED: [Padded<AtomicU64>; MAX_CPUS] = [const { Padded(AtomicU64::new(0)) }; MAX_CPUS];

/// Pages to flush, collected while the tables are locked.
pub(super) struct FlushList {
    /// The first `count` (at most all) are initialized.
    pages: [MaybeUninit<u64>; MOST],
    count: usize,
    /// Tables were taken out: lazy CPUs must forget them too.
    pub(super) tables: bool,
}
impl FlushList {
    pub(super) const fn new() -> Self {
        FlushList { pages: [MaybeUninit::uninit(); MOST], count: 0, tables: false }
    }
    /// Adds a page.
    #[inline(always)]
    pub(super) fn add(&mut self, address: u64) {
        if let Some(place) = self.pages.get_mut(self.count) {
            place.write(address);
        }
        self.count = self.count.saturating_add(1);
    }
    /// Adds a page if its TLB entry may allow more than the new one.
    #[inline(always)]
    pub(super) fn add_change(&mut self, address: u64, old: Entry, new: Entry) {
        if old.is_narrowed_by(new) {
            self.add(address);
        }
    }
    fn is_empty(&self) -> bool {
        self.count == 0 && !self.tables
    }
    fn listed(&self) -> &[u64] {
        let listed = self.pages.get(..self.count).unwrap_or(&[]);
        // SAFETY: the first `count` are initialized, and `MaybeUninit` has the layout of what it may hold.
        unsafe { &*(core::ptr::from_ref(listed) as *const [u64]) }
    }
    /// Flushes on all CPUs of `cpus` (bits), for the space with that root (0: kernel addresses on all CPUs that are online).
    /// The tables' lock need not be held: the changes are made, and nobody may rely on them before this returns.
    pub(super) fn flush(&self, root: u64, cpus: &AtomicU64) {
        if self.is_empty() {
            return;
        }
        let _pinned = Pinned::new();
        let me = local::cpu_index();
        // The changes before the look at who has the tables; activation sets its bit before it loads them.
        fence(Ordering::SeqCst);
        let mut others = cpus.load(Ordering::SeqCst);
        if root == 0 || others & 1 << me != 0 {
            here(root, self.listed(), self.count > MOST || self.tables);
        }
        others &= !(1 << me);
        if root != 0 && !self.tables {
            others = without_lazy(others);
        }
        if others != 0 {
            self.ask(me, others, root);
        }
    }
    #[cold]
    fn ask(&self, me: usize, others: u64, root: u64) {
        let request = &REQUESTS[me].0;
        request.root.store(root, Ordering::Relaxed);
        let count = if self.tables { MOST + 1 } else { self.count.min(MOST + 1) };
        request.count.store(count as u32, Ordering::Relaxed);
        for (place, page) in request.pages.iter().zip(self.listed()) {
            place.store(*page, Ordering::Relaxed);
        }
        request.pending.store(others, Ordering::Release);
        for cpu in bits(others) {
            ASKED[cpu].0.fetch_or(1 << me, Ordering::SeqCst);
            local::interrupt_for_flush(cpu);
        }
        while request.pending.load(Ordering::Acquire) != 0 {
            // Two that ask each other with interrupts off must answer each other.
            answer_flush();
            core::hint::spin_loop();
        }
    }
}

fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let bit = mask.checked_ilog2()? as usize;
        mask &= !(1 << bit);
        Some(bit)
    })
}
/// Those of `cpus` that must be interrupted; the lazy ones are marked stale instead.
fn without_lazy(cpus: u64) -> u64 {
    let active = |&cpu: &usize| {
        let mode = MODES[cpu].0.compare_exchange(LAZY, STALE, Ordering::SeqCst, Ordering::SeqCst);
        mode == Err(ACTIVE)
    };
    bits(cpus).filter(active).fold(0, |mask, cpu| mask | 1 << cpu)
}
/// Drops entries of this CPU: of the pages, or all.
fn here(root: u64, pages: &[u64], all: bool) {
    #[cfg(target_os = "none")]
    {
        let loaded = super::kernel::loaded_root();
        if root != 0 && loaded != root {
            return;
        }
        if all && root == 0 {
            super::kernel::flush_everything();
        } else if all {
            super::kernel::load_root(loaded);
        } else {
            pages.iter().for_each(|page| super::kernel::invalidate(*page));
        }
    }
    #[cfg(not(target_os = "none"))]
    let _ = (root, pages, all);
}

/// Serves what other CPUs ask of this one.
pub(crate) fn flush_interrupt() {
    let _pinned = Pinned::new();
    answer_for(local::cpu_index());
}
/// The same on behalf of the CPU with this index.
pub(crate) fn answer_for(me: usize) {
    let asking = ASKED[me].0.swap(0, Ordering::SeqCst);
    for cpu in bits(asking) {
        let request = &REQUESTS[cpu].0;
        let count = request.count.load(Ordering::Relaxed) as usize;
        let mut pages = [0; MOST];
        for (page, asked) in pages.iter_mut().zip(&request.pages[..count.min(MOST)]) {
            *page = asked.load(Ordering::Relaxed);
        }
        here(request.root.load(Ordering::Relaxed), &pages[..count.min(MOST)], count > MOST);
        request.pending.fetch_and(!(1 << me), Ordering::Release);
    }
}
/// The same, for loops that wait with interrupts off. The caller is pinned.
#[inline]
pub(crate) fn answer_flush() {
    if ASKED[local::cpu_index()].0.load(Ordering::Relaxed) != 0 {
        flush_interrupt();
    }
}

/// A kernel thread runs on this CPU from now on, on whatever user tables are loaded. Interrupts are off.
pub(crate) fn enter_lazy() {
    let mode = &MODES[local::cpu_index()].0;
    // From one kernel thread to the next a flush that was put off must not be forgotten. Only this CPU leaves the active mode.
    if mode.load(Ordering::Relaxed) == ACTIVE {
        mode.store(LAZY, Ordering::Release);
    }
}
/// A user thread is about to run; true if entries of the loaded space may be out of date. Interrupts are off.
#[inline]
pub(super) fn leave_lazy() -> bool {
    let mode = &MODES[local::cpu_index()].0;
    // Only this CPU leaves the active mode.
    mode.load(Ordering::Relaxed) != ACTIVE && mode.swap(ACTIVE, Ordering::SeqCst) == STALE
}

/// Whether an entry that is taken out needs a flush.
pub(super) fn matters(entry: Entry) -> bool {
    entry.has(PRESENT)
}
