//! Clocks and the per-CPU one-shot timer.
mod calibration;
mod wall_clock;

use crate::cpu::{interrupts_disable, interrupts_enable, local};
use crate::instructions::read_counter;
use crate::interrupt::apic;
use crate::sync::SequenceCount;
use core::sync::atomic::{AtomicU64, Ordering};

const NANOSECONDS: u64 = 1_000_000_000;
/// Fraction bits of the multipliers.
const SHIFT: u32 = 32;

static FREQUENCY: AtomicU64 = AtomicU64::new(NANOSECONDS);
/// The counter at time 0, and the nanoseconds per tick of it, times 2^SHIFT: of the clock that nobody steers.
static RAW_BASE: AtomicU64 = AtomicU64::new(0);
static RAW_MULTIPLIER: AtomicU64 = AtomicU64::new(1 << SHIFT);
/// Since the clock was last steered: the counter and the time then, and nanoseconds per tick, times 2^SHIFT.
static BASE: AtomicU64 = AtomicU64::new(0);
static BASE_TIME: AtomicU64 = AtomicU64::new(0);
static MULTIPLIER: AtomicU64 = AtomicU64::new(1 << SHIFT);
/// Around changes of the three.
static STEERING: SequenceCount = SequenceCount::new();
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
    let counter = read_counter();
    BASE.store(counter, Ordering::Relaxed);
    RAW_BASE.store(counter, Ordering::Relaxed);
}

/// Measures counter and timer, reads the wall clock. Boot CPU, with its APIC enabled.
pub(crate) fn initialize() {
    let measured = calibration::measure();
    FREQUENCY.store(measured.counter, Ordering::Relaxed);
    let multiplier = ((NANOSECONDS as u128) << SHIFT).div_euclid(measured.counter as u128) as u64;
    MULTIPLIER.store(multiplier, Ordering::Relaxed);
    RAW_MULTIPLIER.store(multiplier, Ordering::Relaxed);
    let timer = ((measured.timer as u128) << SHIFT).div_euclid(NANOSECONDS as u128) as u64;
    TIMER_MULTIPLIER.store(timer, Ordering::Relaxed);
    let elapsed = monotonic() / NANOSECONDS;
    WALL_CLOCK.store(wall_clock::read().saturating_sub(elapsed), Ordering::Relaxed);
    apic::unmask_timer();
}

/// Nanoseconds since boot, monotonic on all CPUs.
#[inline(always)]
pub fn monotonic() -> u64 {
    loop {
        let begun = STEERING.begin();
        // Counters of different CPUs may differ by a few ticks: never below the base.
        let ticks = read_counter().saturating_sub(BASE.load(Ordering::Relaxed));
        let time = scale(ticks, MULTIPLIER.load(Ordering::Relaxed)).wrapping_add(BASE_TIME.load(Ordering::Relaxed));
        if STEERING.is_current(begun) {
            return time;
        }
    }
}

/// Nanoseconds since boot by a clock that nobody steers.
#[inline(always)]
pub fn raw() -> u64 {
    scale(read_counter().saturating_sub(RAW_BASE.load(Ordering::Relaxed)), RAW_MULTIPLIER.load(Ordering::Relaxed))
}

/// From now on the clock goes `second / 2^32` nanoseconds in what the raw one counts as a second. One caller at a time, with
/// interrupts disabled, since handlers read the clock.
pub(crate) fn steer(second: u64) {
    let multiplier =
        (RAW_MULTIPLIER.load(Ordering::Relaxed) as u128 * second as u128) / ((NANOSECONDS as u128) << SHIFT);
    STEERING.write(|| {
        let counter = read_counter();
        let ticks = counter.saturating_sub(BASE.load(Ordering::Relaxed));
        let passed = scale(ticks, MULTIPLIER.load(Ordering::Relaxed));
        BASE_TIME.store(BASE_TIME.load(Ordering::Relaxed).wrapping_add(passed), Ordering::Relaxed);
        BASE.store(counter, Ordering::Relaxed);
        MULTIPLIER.store(multiplier as u64, Ordering::Relaxed);
    });
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

/// How the vDSO tells the time: time + (counter - base) * multiplier >> 32, whose product needs 128 bits.
pub(crate) struct Scale {
    pub(crate) base: u64,
    pub(crate) time: u64,
    pub(crate) multiplier: u64,
}

/// The scale as last steered; for who steers.
pub(crate) fn counter_scale() -> Scale {
    Scale {
        base: BASE.load(Ordering::Relaxed),
        time: BASE_TIME.load(Ordering::Relaxed),
        multiplier: MULTIPLIER.load(Ordering::Relaxed),
    }
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
