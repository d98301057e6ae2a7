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
/// A call that is there says how it is traced; one that lacks its description, or has another number of arguments, stops the build.
const _: () = {
    let mut family = 0;
    while family < FAMILIES.len() - 1 {
        let mut row = 0;
        while row < FAMILIES[family].len() {
            let row_at = &FAMILIES[family][row];
            if row_at.entries.is_some() && row_at.notation.is_none() {
                // What the compiler then says is the call's name.
                panic!("{}", row_at.name);
            }
            row += 1;
        }
        family += 1;
    }
};

/// The families' names, in the same order.
pub const FAMILY_NAMES: [&str; 8] =
    ["process", "file", "memory", "device", "information", "communication", "protection", "example"];
