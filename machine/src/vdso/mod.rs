//! The code that the kernel lends to programs (vdso(7)), as complete ELF images: assembly with headers laid by hand, since no
//! compiler for 32 bits is at hand.
mod i386;

pub use i386::{I386Image, i386};
