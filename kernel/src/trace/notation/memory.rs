//! The words of the calls about memory.
use super::names::*;
use crate::trace::show::Show;

/// The flags of mmap(2).
pub fn map_flags(show: &mut Show<'_>, flags: u64) {
    show.choice_and_bits(flags & 0xffff_ffff, 0xf, MAP_KINDS, MAP);
}

/// Whether mremap(2) is told where to.
pub fn has_new_address(show: &Show<'_>) -> bool {
    show.word(3) & 6 != 0
}

/// Residence of pages as mincore(2) gives it.
pub fn residence(show: &mut Show<'_>, address: u64) {
    let pages = show.word(1).div_ceil(4096);
    show.array(address, pages, 1, |show, at| {
        let [byte] = show.bytes(at)?;
        show.text.unsigned(u64::from(byte & 1));
        Some(())
    });
}
