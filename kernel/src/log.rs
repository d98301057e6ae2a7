//! The kernel log: kept for syslog(2) and /dev/kmsg, printed on the console.

/// Logs a line: `info!("...")`.
#[macro_export]
macro_rules! info {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Info, format_args!($($argument)*)) };
}
/// Logs a warning.
#[macro_export]
macro_rules! warn {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Warning, format_args!($($argument)*)) };
}
/// Severity, as in syslog(2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs)]
pub enum Level {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Info,
    Debug,
}

/// Adds a line to the log.
pub fn line(_level: Level, text: core::fmt::Arguments) {
    machine::console::print(format_args!("{text}\n"));
}
