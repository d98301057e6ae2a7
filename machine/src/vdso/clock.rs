//! The page from which programs read clocks.
use crate::OutOfMemory;
use crate::memory::Frame;
use crate::sync::{IrqLock, Once, Rank};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Resolution of the coarse clocks in nanoseconds: Linux's tick at 250 Hz.
pub(super) const TICK: u32 = 4_000_000;

/// Where what is in the page.
pub(super) mod offset {
    /// Odd while the page is being changed; 32 bits.
    pub const SEQUENCE: usize = 0;
    /// The counter when the clock was last steered.
    pub const BASE: usize = 8;
    /// Nanoseconds per tick of the counter, times 2^32.
    pub const MULTIPLIER: usize = 16;
    /// What the wall clock is ahead of the monotonic one, wrapping.
    pub const AHEAD: usize = 24;
    /// What atomic time is ahead of the wall clock.
    pub const TAI: usize = 32;
    /// Minutes west of Greenwich, and the kind of daylight saving; 32 bits each.
    pub const ZONE: usize = 40;
    /// The monotonic time when the clock was last steered.
    pub const TIME: usize = 48;
}

/// What clocks show, beyond the counter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clocks {
    /// Nanoseconds that the wall clock is ahead of the monotonic one, wrapping.
    pub ahead: u64,
    /// Nanoseconds that atomic time is ahead of the wall clock.
    pub tai: u64,
    /// Minutes west of Greenwich, and the kind of daylight saving (`struct timezone`).
    pub zone: (i32, i32),
    /// If the clocks are to go at another speed from now on: nanoseconds a second, times 2^32.
    pub second: Option<u64>,
}

static PAGE: Once<Frame> = Once::new();
/// Serializes changes.
static CHANGE: IrqLock<()> = IrqLock::new(Rank(Rank::MACHINE + 0x3f0, "the clocks that programs read"), ());

/// The page, for programs to read; made when first asked for. To be mapped before the image of [`super::x86_64`].
pub fn clock_page() -> Result<Frame, OutOfMemory> {
    if PAGE.get().is_none() {
        // Somebody else's is as good.
        let _ = PAGE.set(Frame::zeroed()?);
    }
    PAGE.get().cloned().ok_or(OutOfMemory)
}

/// Shows these clocks in the page, once there is one, and steers them.
pub fn show_clocks(clocks: &Clocks) {
    let _change = CHANGE.lock();
    let steer = || clocks.second.into_iter().for_each(crate::time::steer);
    let Some(page) = PAGE.get() else { return steer() };
    // SAFETY: within the frame, which is never freed, aligned; programs only read it, and the kernel only here.
    let word = |at: usize| unsafe { AtomicU64::from_ptr(page.address().add(at).cast()) };
    // SAFETY: as above.
    let sequence = unsafe { AtomicU32::from_ptr(page.address().add(offset::SEQUENCE).cast()) };
    let before = sequence.load(Ordering::Relaxed);
    sequence.store(before.wrapping_add(1), Ordering::Relaxed);
    fence(Ordering::Release);
    // While programs wait: none reads the old speed once the kernel has the new one.
    steer();
    let scale = crate::time::counter_scale();
    let zone = u64::from(clocks.zone.0 as u32) | u64::from(clocks.zone.1 as u32) << 32;
    for (at, value) in [
        (offset::BASE, scale.base),
        (offset::TIME, scale.time),
        (offset::MULTIPLIER, scale.multiplier),
        (offset::AHEAD, clocks.ahead),
        (offset::TAI, clocks.tai),
        (offset::ZONE, zone),
    ] {
        word(at).store(value, Ordering::Relaxed);
    }
    sequence.store(before.wrapping_add(2), Ordering::Release);
}
