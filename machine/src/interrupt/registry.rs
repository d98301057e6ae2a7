//! Who handles which line.
use super::{END_DEVICE, FIRST_DEVICE, Line, io_apic};
use crate::cpu::local::CPUS;
use crate::sync::{Once, Rank, SpinLock};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

const VECTORS: usize = (END_DEVICE - FIRST_DEVICE) as usize;

/// A handler in the list of its line. Never freed.
struct Handler {
    call: Box<dyn Fn() + Send + Sync>,
    next: AtomicPtr<Handler>,
}

struct Slot {
    line: Once<Line>,
    handlers: AtomicPtr<Handler>,
    count: AtomicU64,
}

static SLOTS: [Slot; VECTORS] =
    [const { Slot { line: Once::new(), handlers: AtomicPtr::new(core::ptr::null_mut()), count: AtomicU64::new(0) } };
        VECTORS];
static REGISTERING: SpinLock<()> = SpinLock::new(Rank(u16::MAX - 3, "interrupt lines"), ());

/// Calls `handler` in interrupt context whenever the line fires. Handlers on a shared line are all called. They must only
/// acknowledge and wake.
pub fn register(line: Line, handler: Box<dyn Fn() + Send + Sync>) {
    let new = Box::into_raw(Box::new(Handler { call: handler, next: AtomicPtr::new(core::ptr::null_mut()) }));
    let guard = REGISTERING.lock();
    let same = |slot: &&Slot| slot.line.get().is_none_or(|taken| taken.gsi == line.gsi);
    let Some((index, slot)) = SLOTS.iter().enumerate().find(|(_, slot)| same(slot)) else {
        crate::console::print(format_args!("machine: no vector is left for interrupt line {}\n", line.gsi));
        return;
    };
    let first = slot.line.set(line).is_ok();
    let head = slot.handlers.load(Ordering::Relaxed);
    // SAFETY: `new` is not shared yet.
    unsafe { (*new).next.store(head, Ordering::Relaxed) };
    slot.handlers.store(new, Ordering::Release);
    let vector = FIRST_DEVICE + index as u8;
    if first && !io_apic::route(line, vector, CPUS[0].apic_id.load(Ordering::Relaxed)) {
        crate::console::print(format_args!("machine: interrupt line {} leads to no I/O APIC\n", line.gsi));
    }
    drop(guard);
}

/// Calls the handlers of a vector.
pub(super) fn dispatch(index: u8) {
    let Some(slot) = SLOTS.get(index as usize) else { return };
    slot.count.fetch_add(1, Ordering::Relaxed);
    let mut next = slot.handlers.load(Ordering::Acquire);
    // SAFETY: handlers are complete when published and never freed.
    while let Some(handler) = unsafe { next.as_ref() } {
        (handler.call)();
        next = handler.next.load(Ordering::Acquire);
    }
}

/// (line, count) for /proc/interrupts.
pub fn counts() -> Vec<(u32, u64)> {
    SLOTS.iter().filter_map(|slot| Some((slot.line.get()?.gsi, slot.count.load(Ordering::Relaxed)))).collect()
}
