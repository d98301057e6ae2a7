//! Kernel stacks: 16 KiB each, over an unmapped gap that turns an overflow into a fault.
//!
//! Stacks that are given back stay mapped for the next thread. When more than a few are idle, [`trim_stacks`] unmaps them,
//! which interrupts the other CPUs and is therefore left to a kernel thread.
use super::flush::FlushList;
use super::kernel::{self, STACKS};
use super::space::PAGE;
use crate::OutOfMemory;
use crate::cpu::MAX_CPUS;
use crate::local;
use crate::memory::info::Kind;
use crate::memory::{self, percpu};
use crate::sync::{Rank, SpinLock};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Pages of a stack.
const PAGES: u64 = 4;
/// Bytes of a kernel stack.
pub const KERNEL_STACK_SIZE: usize = (PAGES * PAGE) as usize;
/// Bytes from one stack to the next: the stack and the gap below it.
const STRIDE: u64 = 2 * PAGES * PAGE;
/// Most stacks there can be: twice the process ids, to be sure.
const MOST: u32 = 1 << 17;
/// Idle stacks that stay mapped.
const KEEP: u32 = 32;
const NONE: u32 = u32::MAX;

/// Slots are linked through the entry of the first page of their gap, which never becomes present.
struct Pool {
    mapped: u32,
    unmapped: u32,
    next: u32,
}
static POOL: SpinLock<Pool> =
    SpinLock::new(Rank(Rank::MACHINE + 0x200, "kernel stacks"), Pool { mapped: NONE, unmapped: NONE, next: 0 });
/// Mapped stacks that are idle.
static IDLE: AtomicU32 = AtomicU32::new(0);

fn gap(slot: u32) -> u64 {
    STACKS + u64::from(slot) * STRIDE
}
/// The next slot after one on a list.
fn link(slot: u32) -> u32 {
    let entry = kernel::entry(gap(slot)).map_or(0, |entry| entry.load(Relaxed));
    (entry >> 12) as u32
}
fn set_link(slot: u32, next: u32) {
    if let Some(entry) = kernel::entry(gap(slot)) {
        entry.store(u64::from(next) << 12, Relaxed);
    }
}

/// A mapped kernel stack, freed on drop.
pub(crate) struct KernelStack(u32);
impl KernelStack {
    /// A stack; its content is what the last user left.
    pub(crate) fn new() -> Result<KernelStack, OutOfMemory> {
        if memory::injected() {
            return Err(OutOfMemory);
        }
        let slot = {
            let mut pool = POOL.lock();
            if pool.mapped != NONE {
                let slot = pool.mapped;
                pool.mapped = link(slot);
                IDLE.store(IDLE.load(Relaxed) - 1, Relaxed);
                return Ok(KernelStack(slot));
            }
            if pool.unmapped != NONE {
                let slot = pool.unmapped;
                pool.unmapped = link(slot);
                slot
            } else if pool.next < MOST {
                pool.next += 1;
                pool.next - 1
            } else {
                return Err(OutOfMemory);
            }
        };
        let mut frames = [0; PAGES as usize];
        let result = fill(&mut frames).and_then(|()| {
            let entries = frames.map(kernel::data);
            kernel::map_pages(gap(slot) + PAGES * PAGE, &entries)
        });
        if result.is_err() {
            clear(slot);
            frames.into_iter().filter(|frame| *frame != 0).for_each(|frame| percpu::free(frame, Kind::Stack));
            let mut pool = POOL.lock();
            // Without a table there is nowhere to keep the link: the slot is lost, nothing else.
            if kernel::entry(gap(slot)).is_some() {
                set_link(slot, pool.unmapped);
                pool.unmapped = slot;
            }
            return Err(OutOfMemory);
        }
        Ok(KernelStack(slot))
    }
    /// The lowest address.
    pub(crate) fn bottom(&self) -> u64 {
        gap(self.0) + PAGES * PAGE
    }
    /// One past the highest address.
    pub(crate) fn top(&self) -> u64 {
        self.bottom() + PAGES * PAGE
    }
}
impl Drop for KernelStack {
    fn drop(&mut self) {
        let mut pool = POOL.lock();
        set_link(self.0, pool.mapped);
        pool.mapped = self.0;
        IDLE.store(IDLE.load(Relaxed) + 1, Relaxed);
    }
}

/// Takes the frames of a stack; those that were there stay in `frames` when one is missing.
fn fill(frames: &mut [u32]) -> Result<(), OutOfMemory> {
    for frame in frames {
        *frame = percpu::allocate(Kind::Stack)?;
    }
    Ok(())
}
/// Clears the entries of a slot; gives the frames that were mapped (0 for none).
fn clear(slot: u32) -> [u32; PAGES as usize] {
    core::array::from_fn(|page| {
        let entry = kernel::entry(gap(slot) + (PAGES + page as u64) * PAGE);
        entry.map_or(0, |entry| (entry.swap(0, Relaxed) >> 12) as u32 & 0x7fff_ffff)
    })
}

/// Whether an access at this address means that a kernel stack overflowed.
pub(crate) fn is_stack_guard(address: u64) -> bool {
    (STACKS..gap(MOST)).contains(&address) && (address - STACKS) % STRIDE < PAGES * PAGE
}

/// Whether [`trim_stacks`] has something to do.
pub(crate) fn stacks_to_trim() -> bool {
    IDLE.load(Relaxed) > 2 * KEEP
}
/// Unmaps idle stacks beyond those kept for the next threads. No lock may be held; other CPUs are waited for.
pub(crate) fn trim_stacks() {
    while stacks_to_trim() {
        let (mut slots, mut count) = ([0; 6], 0);
        let mut flushes = FlushList::new();
        {
            let mut pool = POOL.lock();
            while count < slots.len() && pool.mapped != NONE {
                slots[count] = pool.mapped;
                pool.mapped = link(slots[count]);
                count += 1;
            }
            IDLE.store(IDLE.load(Relaxed) - count as u32, Relaxed);
        }
        let mut frames = [[0; PAGES as usize]; 6];
        for (slot, frames) in slots[..count].iter().zip(&mut frames) {
            *frames = clear(*slot);
            (0..PAGES).for_each(|page| flushes.add(gap(*slot) + (PAGES + page) * PAGE));
        }
        flushes.flush(0, &AtomicU64::new(online()));
        frames.iter().flatten().filter(|frame| **frame != 0).for_each(|frame| percpu::free(*frame, Kind::Stack));
        let mut pool = POOL.lock();
        for slot in &slots[..count] {
            set_link(*slot, pool.unmapped);
            pool.unmapped = *slot;
        }
    }
}
/// The CPUs that take part, as bits.
pub(super) fn online() -> u64 {
    (0..MAX_CPUS).filter(|cpu| local::is_online(*cpu)).fold(0, |mask, cpu| mask | 1 << cpu)
}
