//! The whole system-call table, in the six families of the field plus memory.
use super::Row;

mod communication;
mod device;
mod file;
mod information;
mod memory;
mod process;
mod protection;

/// Every row, by family.
pub const FAMILIES: [&[Row]; 7] =
    [process::ROWS, file::ROWS, memory::ROWS, device::ROWS, information::ROWS, communication::ROWS, protection::ROWS];
/// The families' names, in the same order.
pub const FAMILY_NAMES: [&str; 7] =
    ["process", "file", "memory", "device", "information", "communication", "protection"];
