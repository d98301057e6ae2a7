//! Clocks and the per-CPU one-shot timer.

/// Nanoseconds since boot, monotonic on all CPUs.
#[inline(always)]
pub fn monotonic() -> u64 {
    todo!()
}
/// Time stamp counter, raw.
pub fn counter() -> u64 {
    todo!()
}
/// Ticks of the counter per second, calibrated.
pub fn counter_frequency() -> u64 {
    todo!()
}
/// Seconds since 1970 at boot from the RTC, 0 if there is none.
pub fn wall_clock_at_boot() -> u64 {
    todo!()
}
/// Fires [`crate::Kernel::timer_interrupt`] on this CPU at `deadline` (nanoseconds since boot), or never.
pub fn set_timer(_deadline: Option<u64>) {
    todo!()
}
/// The (multiplier, shift) such that nanoseconds = (counter - base) * multiplier >> shift, and the base; for the vDSO.
pub fn counter_scale() -> (u64, u32, u64) {
    todo!()
}
