//! The kernel heap: per-CPU magazines of free objects over the slabs, whole frames for what is larger.
use super::info::Kind;
use super::slab::{self, CLASSES, Class, LARGEST, SIZES};
use super::{OutOfMemory, PAGE_SIZE, fault, percpu};
use crate::cpu::MAX_CPUS;
use crate::local::{self, Padded, Pinned};
use crate::paging::{direct_map, direct_map_physical};
use crate::sync::{Rank, SpinLock};
use alloc::{boxed::Box, sync::Arc};
use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};
use core::ptr;

static SLABS: [SpinLock<Class>; CLASSES] =
    [const { SpinLock::new(Rank(Rank::MACHINE + 0x800, "heap slabs"), Class::new()) }; CLASSES];

/// Free objects of one class at one CPU, linked through themselves.
struct Magazine {
    first: Cell<*mut u8>,
    count: Cell<u32>,
}
struct Local {
    magazines: UnsafeCell<[Magazine; CLASSES]>,
    /// A large block set aside for an allocation that must not fail: pages and address.
    aside: Cell<(usize, *mut u8)>,
}
// SAFETY: touched only by its CPU, pinned and outside interrupts.
unsafe impl Sync for Local {}
static LOCALS: [Padded<Local>; MAX_CPUS] = [const {
    Padded(Local {
        magazines: UnsafeCell::new(
            [const { Magazine { first: Cell::new(ptr::null_mut()), count: Cell::new(0) } }; CLASSES],
        ),
        aside: Cell::new((0, ptr::null_mut())),
    })
}; MAX_CPUS];

/// Most objects of a class that a magazine keeps: a few KiB.
const fn limit(class: usize) -> u32 {
    let fit = 4096 / SIZES[class] as u32;
    if fit > 64 {
        64
    } else if fit < 8 {
        8
    } else {
        fit
    }
}
const LIMITS: [u32; CLASSES] = {
    let mut limits = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        limits[class] = limit(class);
        class += 1;
    }
    limits
};

#[inline(always)]
fn here(_pinned: &Pinned) -> &'static Local {
    assert!(!local::in_interrupt(), "heap used in an interrupt handler");
    &LOCALS[local::cpu_index()].0
}
impl Local {
    #[inline(always)]
    fn magazine(&self, class: usize) -> &Magazine {
        // SAFETY: this CPU's; the array itself is never borrowed uniquely.
        unsafe { &(&*self.magazines.get())[class] }
    }
}

/// The size class a layout needs, if one is large enough; aligned requests take powers of two.
#[inline(always)]
fn class(layout: &Layout) -> Option<usize> {
    let size = if layout.align() <= 16 { layout.size() } else { aligned_size(layout) };
    (size <= LARGEST).then(|| slab::class_of(size))
}
#[cold]
fn aligned_size(layout: &Layout) -> usize {
    layout.size().max(layout.align()).checked_next_power_of_two().unwrap_or(usize::MAX)
}
/// Pages of a large layout.
fn pages(layout: &Layout) -> usize {
    // Runs are aligned to the power of two that holds them, so padding the size pads the alignment.
    layout.size().max(layout.align()).div_ceil(PAGE_SIZE)
}

/// Takes an object of a class.
#[inline(always)]
fn take(class: usize) -> *mut u8 {
    let pinned = Pinned::new();
    let magazine = here(&pinned).magazine(class);
    let object = magazine.first.get();
    if object.is_null() {
        drop(pinned);
        return take_slowly(class);
    }
    // SAFETY: a free object holds the next one.
    magazine.first.set(unsafe { object.cast::<*mut u8>().read() });
    magazine.count.set(magazine.count.get().wrapping_sub(1));
    object
}
#[cold]
#[inline(never)]
fn take_slowly(class: usize) -> *mut u8 {
    for _ in 0..percpu::TRIES {
        let pinned = Pinned::new();
        if refill(&pinned, class) {
            let magazine = here(&pinned).magazine(class);
            let object = magazine.first.get();
            // SAFETY: filled just now, and nobody else has this CPU.
            magazine.first.set(unsafe { object.cast::<*mut u8>().read() });
            magazine.count.set(magazine.count.get() - 1);
            return object;
        }
        drop(pinned);
        if !percpu::reclaim(1) {
            break;
        }
    }
    ptr::null_mut()
}
/// Puts at least one object into this CPU's magazine; false when there is no memory.
fn refill(pinned: &Pinned, class: usize) -> bool {
    let magazine = here(pinned).magazine(class);
    if !magazine.first.get().is_null() {
        return true;
    }
    let mut slabs = SLABS[class].lock();
    let wanted = LIMITS[class] / 2;
    let (mut list, mut count) = slabs.take(class, wanted, ptr::null_mut());
    if count == 0 {
        let Some(frame) = slab::frame() else { return false };
        slabs.add(frame, class);
        (list, count) = slabs.take(class, wanted, ptr::null_mut());
    }
    magazine.first.set(list);
    magazine.count.set(count);
    true
}
/// Gives an object of a class back.
///
/// # Safety
/// The object was taken from this class and is given up.
#[inline(always)]
unsafe fn give(class: usize, object: *mut u8) {
    let pinned = Pinned::new();
    let magazine = here(&pinned).magazine(class);
    // SAFETY: the object is nobody else's any more.
    unsafe { object.cast::<*mut u8>().write(magazine.first.get()) };
    magazine.first.set(object);
    let count = magazine.count.get().wrapping_add(1);
    magazine.count.set(count);
    if count > LIMITS[class] {
        flush(magazine, class, LIMITS[class] / 2);
    }
}
/// Returns objects to their slabs until `keep` are left.
#[cold]
#[inline(never)]
fn flush(magazine: &Magazine, class: usize, keep: u32) {
    let mut slabs = SLABS[class].lock();
    while magazine.count.get() > keep {
        let object = magazine.first.get();
        // SAFETY: the magazine's free objects are linked through themselves; each is given up once.
        let emptied = unsafe {
            magazine.first.set(object.cast::<*mut u8>().read());
            slabs.give(class, object)
        };
        magazine.count.set(magazine.count.get() - 1);
        if let Some(frame) = emptied {
            percpu::free(frame, Kind::Heap);
        }
    }
}
/// Returns all this CPU keeps to the slabs and frames to the buddy allocator, for when memory is short or is counted.
pub fn trim() {
    let pinned = Pinned::new();
    for class in 0..CLASSES {
        flush(here(&pinned).magazine(class), class, 0);
    }
    percpu::drain_here();
}

#[cold]
#[inline(never)]
fn take_large(pages: usize) -> *mut u8 {
    let pinned = Pinned::new();
    let (kept, block) = here(&pinned).aside.get();
    if kept == pages {
        here(&pinned).aside.set((0, ptr::null_mut()));
        return block;
    }
    drop(pinned);
    match percpu::allocate_run(pages, Kind::Heap) {
        Ok(number) => direct_map(u64::from(number) * PAGE_SIZE as u64),
        Err(OutOfMemory) => ptr::null_mut(),
    }
}

/// The kernel heap.
pub(crate) struct Heap;
// SAFETY: blocks are disjoint objects of slabs or runs of frames, as large and as aligned as the layout asks; `dealloc` finds
// the same class or number of pages from the same layout.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class(&layout) {
            Some(class) => take(class),
            None => take_large(pages(&layout)),
        }
    }
    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class(&layout) {
            // SAFETY: the same layout gives the same class.
            Some(class) => unsafe { give(class, block) },
            None => {
                let number = (direct_map_physical(block) / PAGE_SIZE as u64) as u32;
                percpu::free_run(number, pages(&layout), Kind::Heap);
            }
        }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promises are those of `realloc`: not zero, no overflow when rounded up.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        let same = match (class(&layout), class(&new)) {
            (Some(old), Some(new)) => old == new,
            (None, None) => pages(&layout) == pages(&new),
            _ => false,
        };
        if same {
            return block;
        }
        // SAFETY: a fresh block of the new size; the old one is given up after the copy.
        unsafe {
            let fresh = self.alloc(new);
            if !fresh.is_null() {
                ptr::copy_nonoverlapping(block, fresh, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            fresh
        }
    }
}

#[cfg(target_os = "none")]
#[global_allocator]
static HEAP: Heap = Heap;

/// Makes sure that the next allocation of this layout on this CPU succeeds.
#[cfg(target_os = "none")]
fn reserve(pinned: &Pinned, layout: &Layout) -> bool {
    match class(layout) {
        Some(class) => refill(pinned, class),
        None => {
            let block = take_large(pages(layout));
            // What was set aside is always taken at once.
            here(pinned).aside.set((pages(layout), block));
            !block.is_null()
        }
    }
}

/// Allocates without panicking.
pub fn try_box<T>(value: T) -> Result<Box<T>, OutOfMemory> {
    if size_of::<T>() == 0 {
        return Ok(Box::new(value));
    }
    if fault::injected() {
        return Err(OutOfMemory);
    }
    // SAFETY: the layout's size is not zero; the block is of `T`'s layout from the global allocator, as a box wants it.
    unsafe {
        let block = alloc::alloc::alloc(Layout::new::<T>()).cast::<T>();
        if block.is_null() {
            return Err(OutOfMemory);
        }
        block.write(value);
        Ok(Box::from_raw(block))
    }
}

/// Allocates without panicking.
pub fn try_arc<T>(value: T) -> Result<Arc<T>, OutOfMemory> {
    if fault::injected() {
        return Err(OutOfMemory);
    }
    #[cfg(target_os = "none")]
    {
        // Two counts in front of the value, as `Arc` lays it out.
        let layout = Layout::new::<[usize; 2]>().extend(Layout::new::<T>());
        let Ok((layout, _)) = layout else { return Err(OutOfMemory) };
        let layout = layout.pad_to_align();
        for _ in 0..percpu::TRIES {
            let pinned = Pinned::new();
            if reserve(&pinned, &layout) {
                // Pinned still, so that nobody takes what was reserved.
                return Ok(Arc::new(value));
            }
            drop(pinned);
            if !percpu::reclaim(1) {
                break;
            }
        }
        Err(OutOfMemory)
    }
    #[cfg(not(target_os = "none"))]
    Ok(Arc::new(value))
}
