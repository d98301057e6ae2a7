//! Clocks and the per-CPU one-shot timer.
mod calibration;
mod wall_clock;

use crate::cpu::{interrupts_disable, interrupts_enable, local};
use crate::instructions::read_counter;
use crate::interrupt::apic;
use core::sync::atomic::{AtomicU64, Ordering};

const NANOSECONDS: u64 = 1_000_000_000;
/// Fraction bits of the multipliers.
const SHIFT: u32 = 32;

static BASE: AtomicU64 = AtomicU64::new(0);
static FREQUENCY: AtomicU64 = AtomicU64::new(NANOSECONDS);
/// Nanoseconds per tick of the counter, times 2^SHIFT.
static MULTIPLIER: AtomicU64 = AtomicU64::new(1 << SHIFT);
/// Ticks of the APIC timer per nanosecond, times 2^SHIFT.
static TIMER_MULTIPLIER: AtomicU64 = AtomicU64::new(1 << SHIFT);
static WALL_CLOCK: AtomicU64 = AtomicU64::new(0);

/// `value * multiplier >> SHIFT` without overflow.
#[inline(always)]
fn scale(value: u64, multiplier: u64) -> u64 {
    ((value as u128 * multiplier as u128) >> SHIFT) as u64
}

/// Time 0 is now.
pub(crate) fn start() {
    BASE.store(read_counter(), Ordering::Relaxed);
}

/// Measures counter and timer, reads the wall clock. Boot CPU, with its APIC enabled.
pub(crate) fn initialize() {
    let measured = calibration::measure();
    FREQUENCY.store(measured.counter, Ordering::Relaxed);
    MULTIPLIER.store(((NANOSECONDS as u128) << SHIFT).div_euclid(measured.counter as u128) as u64, Ordering::Relaxed);
    let timer = ((measured.timer as u128) << SHIFT).div_euclid(NANOSECONDS as u128) as u64;
    TIMER_MULTIPLIER.store(timer, Ordering::Relaxed);
    let elapsed = monotonic() / NANOSECONDS;
    WALL_CLOCK.store(wall_clock::read().saturating_sub(elapsed), Ordering::Relaxed);
    apic::unmask_timer();
}

/// Nanoseconds since boot, monotonic on all CPUs.
#[inline(always)]
pub fn monotonic() -> u64 {
    // Counters of different CPUs may differ by a few ticks: never below the base.
    scale(read_counter().saturating_sub(BASE.load(Ordering::Relaxed)), MULTIPLIER.load(Ordering::Relaxed))
}

/// Time stamp counter, raw.
#[inline(always)]
pub fn counter() -> u64 {
    read_counter()
}

/// Ticks of the counter per second, calibrated.
pub fn counter_frequency() -> u64 {
    FREQUENCY.load(Ordering::Relaxed)
}

/// Seconds since 1970 at boot from the RTC, 0 if there is none.
pub fn wall_clock_at_boot() -> u64 {
    WALL_CLOCK.load(Ordering::Relaxed)
}

/// The (multiplier, shift) such that nanoseconds = (counter - base) * multiplier >> shift, and the base; for the vDSO. The
/// product needs 128 bits.
pub fn counter_scale() -> (u64, u32, u64) {
    (MULTIPLIER.load(Ordering::Relaxed), SHIFT, BASE.load(Ordering::Relaxed))
}

/// Fires [`crate::Kernel::timer_interrupt`] on this CPU at `deadline` (nanoseconds since boot), or never.
pub fn set_timer(deadline: Option<u64>) {
    interrupts_disable();
    let local = local::this();
    match deadline {
        Some(deadline) => {
            local.timer_deadline.store(deadline, Ordering::Relaxed);
            arm(deadline);
        }
        None => {
            local.timer_deadline.store(u64::MAX, Ordering::Relaxed);
            apic::set_timer(0);
        }
    }
    interrupts_enable();
}

fn arm(deadline: u64) {
    let left = deadline.saturating_sub(monotonic());
    // One tick more than exact, so that the interrupt is not early; far deadlines are reached in steps.
    let ticks = scale(left, TIMER_MULTIPLIER.load(Ordering::Relaxed)).saturating_add(1);
    apic::set_timer(u32::try_from(ticks).unwrap_or(u32::MAX));
}

/// The timer has run down (interrupt context).
pub(crate) fn timer_expired() {
    let local = local::this();
    let deadline = local.timer_deadline.load(Ordering::Relaxed);
    if deadline == u64::MAX {
        return;
    }
    if monotonic() < deadline {
        arm(deadline);
        return;
    }
    local.timer_deadline.store(u64::MAX, Ordering::Relaxed);
    if let Some(hooks) = crate::hooks() {
        (hooks.timer_interrupt)();
    }
}
