//! The code that the kernel lends to programs (vdso(7)), as complete ELF images: assembly with headers laid by hand, since no
//! compiler for 32 bits is at hand.
mod clock;
mod i386;
mod x32;
mod x86_64;

pub use clock::{Clocks, clock_page, show_clocks};
pub use i386::{I386Image, i386};
pub use x32::{X32Image, x32};
pub use x86_64::x86_64;
