//! Size classes of the kernel heap: slabs of one frame each, whose free objects are linked through themselves.
use super::info::{FrameInfo, Kind, NONE, halves, info, word_of};
use super::{PAGE_SIZE, percpu};
use crate::paging::{direct_map, direct_map_physical};
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;

/// Object sizes, multiples of 16. The powers of two are there because a slab keeps them aligned to their size.
pub(crate) const SIZES: [u16; 24] =
    [16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 672, 816, 1024, 1360, 2048, 0, 0];
/// Number of size classes.
pub(crate) const CLASSES: usize = 22;
/// Largest size of a class.
pub(crate) const LARGEST: usize = 2048;
/// Class by size in units of 16 bytes, rounded up.
const CLASS_OF: [u8; LARGEST / 16 + 1] = {
    let mut table = [0; LARGEST / 16 + 1];
    let (mut units, mut class) = (0, 0);
    while units < table.len() {
        if units * 16 > SIZES[class] as usize {
            class += 1;
        }
        table[units] = class as u8;
        units += 1;
    }
    table
};
/// The class that holds `size` bytes (at most [`LARGEST`]).
#[inline(always)]
pub(crate) fn class_of(size: usize) -> usize {
    CLASS_OF[size.wrapping_add(15) >> 4] as usize
}

/// The slabs of one class that have free objects.
pub(crate) struct Class {
    first: u32,
    /// Slabs on the list that are wholly free; at most [`KEEP`] are kept.
    empty: u32,
}
const KEEP: u32 = 1;

/// A free object holds the address of the next one.
type Object = *mut *mut u8;

/// The first free object of a slab (any address if there is none), and how many there are.
#[inline(always)]
fn free_of(number: u32, slab: &FrameInfo) -> (*mut u8, u32) {
    let packed = slab.count.load(Relaxed);
    let address = u64::from(number) * PAGE_SIZE as u64 + u64::from(packed >> 16);
    (direct_map(address), packed & 0xffff)
}
#[inline(always)]
fn set_free(slab: &FrameInfo, first: *mut u8, count: u32) {
    let offset = first.addr() as u32 % PAGE_SIZE as u32;
    slab.count.store(offset << 16 | count, Relaxed);
}

impl Class {
    pub(crate) const fn new() -> Self {
        Class { first: NONE, empty: 0 }
    }
    fn unlink(&mut self, slab: &FrameInfo) {
        let (next, previous) = halves(slab.word.load(Relaxed));
        match previous {
            NONE => self.first = next,
            number => {
                let other = info(number);
                other.word.store(word_of(next, halves(other.word.load(Relaxed)).1), Relaxed);
            }
        }
        if next != NONE {
            let other = info(next);
            other.word.store(word_of(halves(other.word.load(Relaxed)).0, previous), Relaxed);
        }
    }
    fn link(&mut self, number: u32, slab: &FrameInfo) {
        slab.word.store(word_of(self.first, NONE), Relaxed);
        if self.first != NONE {
            let other = info(self.first);
            other.word.store(word_of(halves(other.word.load(Relaxed)).0, number), Relaxed);
        }
        self.first = number;
    }
    /// Adds a slab of one frame of kind `Heap`, all free.
    pub(crate) fn add(&mut self, number: u32, class: usize) {
        let size = SIZES[class] as usize;
        let capacity = PAGE_SIZE / size;
        let base = direct_map(u64::from(number) * PAGE_SIZE as u64);
        for index in 0..capacity {
            // SAFETY: object `index` lies within the frame, which is nobody else's; the last one ends the list.
            unsafe {
                let object: Object = base.add(index * size).cast();
                object.write(if index + 1 < capacity { base.add((index + 1) * size) } else { ptr::null_mut() });
            }
        }
        let slab = info(number);
        set_free(slab, base, capacity as u32);
        self.link(number, slab);
        self.empty += 1;
    }
    /// Takes up to `wanted` objects, linked through themselves in front of `onto`; gives the list and how many were there.
    pub(crate) fn take(&mut self, class: usize, wanted: u32, mut onto: *mut u8) -> (*mut u8, u32) {
        let capacity = (PAGE_SIZE / SIZES[class] as usize) as u32;
        let mut taken = 0;
        while taken < wanted && self.first != NONE {
            let slab = info(self.first);
            let (mut object, mut free) = free_of(self.first, slab);
            if free == capacity {
                self.empty -= 1;
            }
            while taken < wanted && free > 0 {
                // SAFETY: a free object of the slab, which holds the next one; it is ours now.
                unsafe {
                    let next = object.cast::<*mut u8>().read();
                    object.cast::<*mut u8>().write(onto);
                    onto = object;
                    object = next;
                }
                taken += 1;
                free -= 1;
            }
            set_free(slab, object, free);
            if free == 0 {
                self.unlink(slab);
            }
        }
        (onto, taken)
    }
    /// Gives one object back. Returns the slab's frame when it is wholly free and should leave the heap.
    ///
    /// # Safety
    /// `object` is an object of this class in use, which the caller gives up.
    pub(crate) unsafe fn give(&mut self, class: usize, object: *mut u8) -> Option<u32> {
        let capacity = (PAGE_SIZE / SIZES[class] as usize) as u32;
        let number = (direct_map_physical(object) / PAGE_SIZE as u64) as u32;
        let slab = info(number);
        debug_assert!(slab.is(Kind::Heap));
        let (first, free) = free_of(number, slab);
        // SAFETY: the object is ours again.
        unsafe { object.cast::<*mut u8>().write(first) };
        let free = free + 1;
        set_free(slab, object, free);
        if free == 1 {
            self.link(number, slab);
        }
        if free < capacity {
            return None;
        }
        if self.empty < KEEP {
            self.empty += 1;
            return None;
        }
        self.unlink(slab);
        Some(number)
    }
}

/// A frame for a slab, without reclaim.
pub(crate) fn frame() -> Option<u32> {
    percpu::try_allocate(Kind::Heap)
}
