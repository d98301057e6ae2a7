//! The image of x32 programs: that of 64-bit ones under headers of 32 bits, since functions and structures are the same.
use super::x86_64;

/// Symbols of the image, and entries of its dynamic section.
const SYMBOLS: usize = 11;
const ENTRIES: usize = 10;

/// What is to be laid over the image of 64-bit programs.
pub struct X32Image {
    header: [u8; 116],
    symbols: (usize, [u8; 16 * SYMBOLS]),
    dynamic: (usize, [u8; 8 * ENTRIES]),
}

impl X32Image {
    /// The parts with their places, the later ones over the earlier ones.
    pub fn parts(&self) -> [(usize, &[u8]); 4] {
        [(0, x86_64()), (0, &self.header), (self.symbols.0, &self.symbols.1), (self.dynamic.0, &self.dynamic.1)]
    }
}

/// The image's own parts.
pub fn x32() -> X32Image {
    const DYNAMIC_OFFSET: usize = 64 + 56 + 8;
    const SYMBOL_TABLE: u32 = 6;
    const SYMBOL_SIZE: u32 = 11;
    let image = x86_64();
    let word = |at: usize| {
        image.get(at..at + 4).map_or(0, |bytes| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
    };
    let length = image.len() as u32;
    let at = word(DYNAMIC_OFFSET);
    let entry = |index: usize| (word(at as usize + 16 * index), word(at as usize + 16 * index + 8));
    let symbols = (0..ENTRIES).map(entry).find(|(tag, _)| *tag == SYMBOL_TABLE).map_or(0, |(_, value)| value) as usize;
    let size = 8 * ENTRIES as u32;
    let header: [u32; 29] = [
        // The ELF header: 32 bits, of this machine.
        0x464c_457f,
        0x0001_0101,
        0,
        0,
        62 << 16 | 3,
        1,
        0,
        52,
        0,
        0,
        32 << 16 | 52,
        40 << 16 | 2,
        0,
        // The segments: all of it, and the dynamic section.
        1,
        0,
        0,
        0,
        length,
        length,
        5,
        4096,
        2,
        at,
        at,
        at,
        size,
        size,
        4,
        4,
    ];
    X32Image {
        header: bytes(|index| *header.get(index).unwrap_or(&0)),
        symbols: (
            symbols,
            bytes(|index| {
                // Name, kind and section, value, size become name, value, size, kind and section.
                let from = [0, 8, 16, 4][index % 4];
                word(symbols + 24 * (index / 4) + from)
            }),
        ),
        dynamic: (
            at as usize,
            bytes(|index| match (entry(index / 2), index % 2) {
                ((tag, _), 0) => tag,
                ((SYMBOL_SIZE, _), _) => 16,
                ((_, value), _) => value,
            }),
        ),
    }
}

/// Bytes by words.
fn bytes<const SIZE: usize>(word: impl Fn(usize) -> u32) -> [u8; SIZE] {
    core::array::from_fn(|at| word(at / 4).to_le_bytes()[at % 4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_image_of_64_bits() {
        let image = x32();
        let mut page = [0; 4096];
        for (at, part) in image.parts() {
            page[at..at + part.len()].copy_from_slice(part);
        }
        let word = |at: usize| u32::from_le_bytes(page[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((word(0), page[4]), (0x464c_457f, 1));
        let dynamic = word(52 + 32 + 4);
        let value = |tag: usize| (0..ENTRIES).find(|n| word(dynamic + 8 * n) == tag).map(|n| word(dynamic + 8 * n + 4));
        let name = |at: usize| page[at..].split(|byte| *byte == 0).next().unwrap();
        assert_eq!(name(value(5).unwrap() + value(14).unwrap()), b"linux-vdso.so.1");
        let first = value(6).unwrap() + 16;
        assert_eq!(name(value(5).unwrap() + word(first)), b"__vdso_clock_gettime");
        assert_eq!(page[word(first + 4)..word(first + 4) + 2], x86_64()[word(first + 4)..word(first + 4) + 2]);
        assert_eq!(page[first + 12], 0x12);
        assert_eq!(value(11), Some(16));
    }
}
