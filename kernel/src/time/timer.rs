//! One-shot timers, ordered per CPU.
/// The timer interrupt.
pub fn interrupt() {
    todo!()
}
