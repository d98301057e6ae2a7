//! Frames for the rest of the machine: per-CPU caches over the buddy allocator, counts per kind, reserve and reclaim.
use super::buddy::{Buddy, MAX_ORDER};
use super::info::{KINDS, Kind, info, infos};
use super::records::RecordTables;
use super::{MemoryStatistics, fault};
use crate::OutOfMemory;
use crate::cpu::MAX_CPUS;
use crate::local::{self, Padded, Pinned};
use crate::sync::{Rank, SpinLock};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicIsize, AtomicPtr, AtomicU32, AtomicUsize, Ordering::Relaxed};

/// Slots of a CPU's cache.
const SLOTS: usize = 64;
/// Frames moved at once between a cache and the buddy allocator.
const BATCH: usize = 16;
/// How often an allocation is tried again after reclaim says that it freed something.
pub(crate) const TRIES: usize = 16;

static BUDDY: SpinLock<Buddy> = SpinLock::new(Rank(Rank::MACHINE + 0x900, "free frames"), Buddy::new());
static TOTAL: AtomicUsize = AtomicUsize::new(0);
/// Frames that only the kernel's own structures may use, so that what frees memory can run when there is none.
static RESERVE: AtomicUsize = AtomicUsize::new(0);
/// `Kernel::reclaim` of the kernel above, a `fn(usize) -> bool`.
static RECLAIM: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

struct Cache {
    slots: UnsafeCell<[u32; SLOTS]>,
    filled: AtomicU32,
    /// Frames in use by kind; one CPU's may be negative, since frames are freed where they were not allocated.
    used: [AtomicIsize; KINDS],
}
// SAFETY: the slots are touched only by their CPU, pinned and outside interrupts; the rest is atomic.
unsafe impl Sync for Cache {}
static CACHES: [Padded<Cache>; MAX_CPUS] = [const {
    Padded(Cache {
        slots: UnsafeCell::new([0; SLOTS]),
        filled: AtomicU32::new(0),
        used: [const { AtomicIsize::new(0) }; KINDS],
    })
}; MAX_CPUS];

impl Cache {
    #[inline(always)]
    fn count(&self, kind: Kind, change: isize) {
        let used = &self.used[kind as usize];
        used.store(used.load(Relaxed).wrapping_add(change), Relaxed);
    }
    #[inline(always)]
    fn pop(&self) -> Option<u32> {
        let filled = self.filled.load(Relaxed).checked_sub(1)?;
        self.filled.store(filled, Relaxed);
        // SAFETY: this CPU's, pinned; `filled` is at most SLOTS.
        Some(unsafe { *(*self.slots.get()).get_unchecked(filled as usize) })
    }
    #[inline(always)]
    fn push(&self, number: u32) {
        let mut filled = self.filled.load(Relaxed);
        if filled as usize == SLOTS {
            filled = self.drain(SLOTS / 2);
        }
        // SAFETY: this CPU's, pinned; `filled` is below SLOTS.
        unsafe { *(*self.slots.get()).get_unchecked_mut(filled as usize) = number };
        self.filled.store(filled + 1, Relaxed);
    }
    /// Gives all but `keep` frames to the buddy allocator.
    #[cold]
    fn drain(&self, keep: usize) -> u32 {
        let mut buddy = BUDDY.lock();
        while self.filled.load(Relaxed) as usize > keep {
            if let Some(number) = self.pop() {
                buddy.give(infos(), number, 0);
            }
        }
        keep as u32
    }
    #[cold]
    fn refill(&self, reserve: usize) {
        let mut buddy = BUDDY.lock();
        for _ in 0..BATCH {
            if buddy.free() <= reserve {
                break;
            }
            match buddy.take(infos(), 0) {
                Some(number) => self.push(number),
                None => break,
            }
        }
    }
}

/// This CPU's cache. Interrupt handlers must not allocate: they would find it half changed.
#[inline(always)]
fn cache(_pinned: &Pinned) -> &'static Cache {
    assert!(!local::in_interrupt(), "memory allocated or freed in an interrupt handler");
    &CACHES[local::cpu_index()].0
}

/// How much must stay free for others when this kind is allocated.
fn reserve_for(kind: Kind) -> usize {
    match kind {
        Kind::Heap => 0,
        Kind::Table | Kind::Stack => RESERVE.load(Relaxed) / 2,
        _ => RESERVE.load(Relaxed),
    }
}

/// Takes a frame without asking for reclaim, so also under locks. Its content is whatever was there, count, word and index
/// of its record too.
#[inline]
pub(crate) fn try_allocate(kind: Kind) -> Option<u32> {
    let pinned = Pinned::new();
    let cache = cache(&pinned);
    let number = match cache.pop() {
        Some(number) => number,
        None => {
            cache.refill(reserve_for(kind));
            cache.pop()?
        }
    };
    cache.count(kind, 1);
    info(number).set_kind(kind, 0);
    Some(number)
}
/// Takes a frame, asking the kernel to free memory if there is none.
#[inline]
pub(crate) fn allocate(kind: Kind) -> Result<u32, OutOfMemory> {
    if fault::injected() {
        return Err(OutOfMemory);
    }
    match try_allocate(kind) {
        Some(number) => Ok(number),
        None => with_reclaim(1, || try_allocate(kind)),
    }
}
/// Frees a frame.
#[inline]
pub(crate) fn free(number: u32, kind: Kind) {
    let pinned = Pinned::new();
    let cache = cache(&pinned);
    debug_assert!(info(number).is(kind));
    info(number).set_kind(Kind::None, 0);
    cache.count(kind, -1);
    cache.push(number);
}
/// Tries again as long as the kernel frees something.
#[cold]
fn with_reclaim<R>(frames: usize, try_again: impl Fn() -> Option<R>) -> Result<R, OutOfMemory> {
    for _ in 0..TRIES {
        if !reclaim(frames) {
            break;
        }
        if let Some(result) = try_again() {
            return Ok(result);
        }
    }
    Err(OutOfMemory)
}
/// Asks the kernel to free memory; whether it is worth trying again.
#[cold]
pub(crate) fn reclaim(frames: usize) -> bool {
    let hook = RECLAIM.load(Relaxed);
    if hook.is_null() {
        return false;
    }
    // SAFETY: only `register_reclaim` stores there, a function of this type.
    let hook: fn(usize) -> bool = unsafe { core::mem::transmute(hook) };
    hook(frames)
}
/// Registers `Kernel::reclaim`.
pub(crate) fn register_reclaim(hook: fn(usize) -> bool) {
    RECLAIM.store(hook as *mut (), Relaxed);
}

/// Takes `pages` contiguous frames, aligned to the power of two that holds them (at most 4 MiB).
pub(crate) fn allocate_run(pages: usize, kind: Kind) -> Result<u32, OutOfMemory> {
    if pages == 1 {
        return allocate(kind);
    }
    if pages == 0 || pages > 1 << MAX_ORDER || fault::injected() {
        return Err(OutOfMemory);
    }
    let order = pages.next_power_of_two().ilog2() as usize;
    let attempt = || {
        let mut buddy = BUDDY.lock();
        if buddy.free() < reserve_for(kind) + (1 << order) {
            return None;
        }
        let number = buddy.take(infos(), order)?;
        buddy.give_range(infos(), number + pages as u32, number + (1 << order));
        Some(number)
    };
    let number = match attempt() {
        Some(number) => number,
        None => {
            drain_here();
            with_reclaim(pages, attempt)?
        }
    };
    let pinned = Pinned::new();
    cache(&pinned).count(kind, pages as isize);
    (0..pages as u32).for_each(|offset| info(number + offset).set_kind(kind, 0));
    Ok(number)
}
/// Frees what [`allocate_run`] gave, with the same number of pages.
pub(crate) fn free_run(number: u32, pages: usize, kind: Kind) {
    if pages == 1 {
        return free(number, kind);
    }
    let pinned = Pinned::new();
    cache(&pinned).count(kind, -(pages as isize));
    (0..pages as u32).for_each(|offset| info(number + offset).set_kind(Kind::None, 0));
    BUDDY.lock().give_range(infos(), number, number + pages as u32);
}
/// Returns this CPU's cached frames, so that they can merge.
pub(crate) fn drain_here() {
    let pinned = Pinned::new();
    cache(&pinned).drain(0);
}

/// Says what makes the records of untouched memory. Before any is added.
pub(super) fn set_records(records: RecordTables) {
    BUDDY.lock().set_records(records);
}
/// Adds memory that was never the allocator's; the records of untouched blocks need not be there, others must be.
pub(super) fn add(first: u32, end: u32, untouched: bool) {
    let mut buddy = BUDDY.lock();
    let frames = end.saturating_sub(first) as usize;
    if untouched {
        if !buddy.add_untouched(first, end) {
            return;
        }
    } else {
        buddy.give_range(infos(), first, end);
    }
    TOTAL.fetch_add(frames, Relaxed);
    RESERVE.store((TOTAL.load(Relaxed) / 128).clamp(32, 1024), Relaxed);
}
/// Counts frames of reserved memory as in use, of the kind their records already say.
pub(super) fn adopt(frames: usize, kind: Kind) {
    let pinned = Pinned::new();
    cache(&pinned).count(kind, frames as isize);
    TOTAL.fetch_add(frames, Relaxed);
}

/// Counts now (per-CPU sums, not a snapshot).
pub fn statistics() -> MemoryStatistics {
    let sum = |kind: Kind| {
        let sum: isize = CACHES.iter().map(|cache| cache.0.used[kind as usize].load(Relaxed)).sum();
        sum.max(0) as usize
    };
    let cached: usize = CACHES.iter().map(|cache| cache.0.filled.load(Relaxed) as usize).sum();
    MemoryStatistics {
        total: TOTAL.load(Relaxed),
        free: BUDDY.lock().free() + cached,
        heap: sum(Kind::Heap) + sum(Kind::Device),
        page_tables: sum(Kind::Table),
        kernel_stacks: sum(Kind::Stack),
        untyped: sum(Kind::Untyped),
    }
}
