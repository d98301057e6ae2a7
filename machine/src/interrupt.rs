//! Device interrupts.
use alloc::boxed::Box;

/// An interrupt line of the platform (global system interrupt) with its trigger mode.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Global system interrupt number.
    pub gsi: u32,
    /// Level (true) or edge triggered.
    pub level: bool,
    /// Active low.
    pub active_low: bool,
}

/// Calls `handler` in interrupt context whenever the line fires. Handlers on a shared line are all called. They must only
/// acknowledge and wake.
pub fn register(_line: Line, _handler: Box<dyn Fn() + Send + Sync>) {
    todo!()
}
/// (line, count) for /proc/interrupts.
pub fn counts() -> alloc::vec::Vec<(u32, u64)> {
    todo!()
}
