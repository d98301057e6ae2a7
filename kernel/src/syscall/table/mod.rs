//! The whole system-call table, in the six families of the field plus memory, and examples.
use super::Row;

mod communication;
mod device;
mod example;
mod file;
mod information;
mod memory;
mod process;
mod protection;

/// Every row, by family.
pub const FAMILIES: [&[Row]; 8] = [
    process::ROWS,
    file::ROWS,
    memory::ROWS,
    device::ROWS,
    information::ROWS,
    communication::ROWS,
    protection::ROWS,
    example::ROWS,
];
/// The families' names, in the same order.
pub const FAMILY_NAMES: [&str; 8] =
    ["process", "file", "memory", "device", "information", "communication", "protection", "example"];
