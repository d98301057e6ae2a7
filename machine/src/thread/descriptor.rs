//! Segments of a program's choosing.

/// What kind of segment it is and how it may be used: bits of a descriptor that a program may choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SegmentKind {
    /// 32-bit code or stack (D/B).
    pub is_32_bit: bool,
    /// Bit 0: expands down, or conforming code; bit 1: code.
    pub contents: u8,
    /// Data that cannot be written, code that cannot be read.
    pub is_restricted: bool,
    /// The limit counts pages.
    pub in_pages: bool,
    /// Loading it faults.
    pub is_absent: bool,
    /// The bit that is the program's.
    pub is_useable: bool,
}

/// A segment as descriptor tables hold it. Whatever a program chose, it is a code or data segment for ring 3, 16 or 32 bits
/// wide, never a gate or a task state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Segment(u64);

const ACCESSED: u64 = 1 << 40;
const FULL: u64 = 1 << 41;
const CONTENTS_SHIFT: u32 = 42;
/// Not a system segment, ring 3.
const USER: u64 = 0b111 << 44;
const PRESENT: u64 = 1 << 47;
const USEABLE: u64 = 1 << 52;
const WIDE: u64 = 1 << 54;
const PAGES: u64 = 1 << 55;

impl Segment {
    /// An empty place of a table.
    pub const NONE: Segment = Segment(0);

    /// A segment. Bits of the limit above 20 do not count.
    pub fn new(base: u32, limit: u32, kind: SegmentKind) -> Segment {
        let (base, limit) = (u64::from(base), u64::from(limit));
        let flag = |set: bool, bit: u64| if set { bit } else { 0 };
        Segment(
            limit & 0xffff
                | (limit >> 16 & 0xf) << 48
                | (base & 0xff_ffff) << 16
                | (base >> 24) << 56
                | USER
                | ACCESSED
                | u64::from(kind.contents & 3) << CONTENTS_SHIFT
                | flag(!kind.is_restricted, FULL)
                | flag(!kind.is_absent, PRESENT)
                | flag(kind.is_useable, USEABLE)
                | flag(kind.is_32_bit, WIDE)
                | flag(kind.in_pages, PAGES),
        )
    }
    /// Whether the place is empty.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }
    /// What is in a table.
    pub(super) fn of_bits(bits: u64) -> Segment {
        Segment(bits)
    }
    /// The bits of the descriptor.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
    /// The descriptor as two words, as modify_ldt(2) shows it.
    pub fn words(self) -> [u32; 2] {
        [self.0 as u32, (self.0 >> 32) as u32]
    }
    /// Base address.
    pub fn base(self) -> u32 {
        (self.0 >> 16 & 0xff_ffff | self.0 >> 56 << 24) as u32
    }
    /// The limit, in the unit its kind says.
    pub fn limit(self) -> u32 {
        (self.0 & 0xffff | (self.0 >> 48 & 0xf) << 16) as u32
    }
    /// The rest.
    pub fn kind(self) -> SegmentKind {
        SegmentKind {
            is_32_bit: self.0 & WIDE != 0,
            contents: (self.0 >> CONTENTS_SHIFT & 3) as u8,
            is_restricted: self.0 & FULL == 0,
            in_pages: self.0 & PAGES != 0,
            is_absent: self.0 & PRESENT == 0,
            is_useable: self.0 & USEABLE != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_says_what_it_was_made_of() {
        let kind = SegmentKind { is_32_bit: true, in_pages: true, is_useable: true, ..SegmentKind::default() };
        let segment = Segment::new(0x1234_5678, 0xf_ffff, kind);
        assert_eq!((segment.base(), segment.limit(), segment.kind()), (0x1234_5678, 0xf_ffff, kind));
        assert_eq!(segment.bits(), 0x12df_f334_5678_ffff);
        assert!(Segment::NONE.is_none());
    }
}
