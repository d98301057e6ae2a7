//! From the bytes of a relocatable object (ELF64, x86-64) to the image of a loaded module: parsing, layout, symbols,
//! relocation. Nothing here touches a machine: images are bytes, addresses are numbers, and what symbols mean is asked of the
//! caller.
//!
//! Nothing of an object is believed: every offset is checked against the bytes that are there, every relocation against its
//! section and the range its field can hold. What is refused is refused with the reason.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;

mod bytes;
mod information;
mod layout;
mod link;
mod object;
mod symbol;
#[cfg(test)]
mod tests;

pub use information::{Information, Versions};
pub use layout::{Layout, PARTS, Part};
pub use link::{Image, LinkError};
pub use object::Object;

/// Why an object is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It is not an object that can be loaded: what is wrong with it.
    Malformed(&'static str),
    /// There is no memory for it.
    OutOfMemory,
}
impl From<alloc::collections::TryReserveError> for Refusal {
    fn from(_: alloc::collections::TryReserveError) -> Self {
        Refusal::OutOfMemory
    }
}

/// Adds to a vector, or says that there is no memory.
fn push<T>(to: &mut alloc::vec::Vec<T>, value: T) -> Result<(), Refusal> {
    to.try_reserve(1)?;
    to.push(value);
    Ok(())
}
