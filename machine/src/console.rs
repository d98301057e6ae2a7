//! The serial port as the kernel's own console: log output and panic reports.
use core::fmt;

/// Writes to the serial port. Safe at any time, from any context; whole calls do not interleave.
pub fn write(_bytes: &[u8]) {
    todo!()
}
/// Formats to the serial port without allocating.
pub fn print(_arguments: fmt::Arguments) {
    todo!()
}
/// Registers what to do with bytes typed on the serial port (interrupt context).
pub fn on_input(_handler: fn(&[u8])) {
    todo!()
}
