//! The x87 state in the two forms it has in memory: that of FSAVE, which 32-bit programs know, and that of FXSAVE.

/// Bytes of the FSAVE image (`struct user_i387_ia32_struct`).
pub const FSAVE_SIZE: usize = 108;
/// Bytes of the FXSAVE image before the SSE registers.
pub const FXSAVE_X87: usize = 160;

const REGISTERS: usize = 8;
const REGISTER_SIZE: usize = 10;

fn word(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|raw| raw.try_into().ok()).map_or(0, u16::from_le_bytes)
}
fn register(legacy: &[u8], number: usize) -> &[u8] {
    legacy.get(32 + 16 * number..32 + 16 * number + REGISTER_SIZE).unwrap_or(&[])
}

/// The tag word of FSAVE: valid, zero, special or empty for each register.
fn full_tags(legacy: &[u8]) -> u16 {
    const EMPTY: u16 = 3;
    let (top, used) = (usize::from(word(legacy, 2) >> 11 & 7), legacy.get(4).copied().unwrap_or(0));
    (0..REGISTERS).fold(0, |tags, number| {
        let value = register(legacy, number.wrapping_sub(top) & 7);
        let (exponent, top_bit) = (word(value, 8) & 0x7fff, word(value, 6) & 0x8000 != 0);
        let is_zero = value.iter().take(8).all(|byte| *byte == 0);
        let tag = match (used >> number & 1 != 0, exponent) {
            (false, _) => EMPTY,
            (true, 0) if is_zero => 1,
            (true, 0x7fff | 0) => 2,
            (true, _) => {
                if top_bit {
                    0
                } else {
                    2
                }
            }
        };
        tags | tag << (2 * number)
    })
}

/// The FSAVE image of an FXSAVE one; the segments are those of the program's code and data.
pub fn to_fsave(legacy: &[u8], code: u16, data: u16) -> [u8; FSAVE_SIZE] {
    const UNUSED: u32 = 0xffff_0000;
    let pointer = |at: usize| legacy.get(at..at + 4).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_le_bytes);
    let environment = [
        UNUSED | u32::from(word(legacy, 0)),
        UNUSED | u32::from(word(legacy, 2)),
        UNUSED | u32::from(full_tags(legacy)),
        pointer(8),
        code.into(),
        pointer(16),
        UNUSED | u32::from(data),
    ];
    let mut image = [0; FSAVE_SIZE];
    let (words, registers) = image.split_at_mut(28);
    for (place, value) in words.chunks_exact_mut(4).zip(environment) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    for (number, place) in registers.chunks_exact_mut(REGISTER_SIZE).enumerate() {
        place.copy_from_slice(register(legacy, number));
    }
    image
}

/// The beginning of the FXSAVE image of an FSAVE one: control words and pointers, MXCSR as 0, registers.
pub fn from_fsave(image: &[u8; FSAVE_SIZE]) -> [u8; FXSAVE_X87] {
    let mut legacy = [0; FXSAVE_X87];
    let tags = word(image, 8);
    let used = (0..REGISTERS).fold(0u8, |used, number| used | u8::from(tags >> (2 * number) & 3 != 3) << number);
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(place) = legacy.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    put(0, &word(image, 0).to_le_bytes());
    put(2, &word(image, 4).to_le_bytes());
    put(4, &[used]);
    put(6, &word(image, 18).to_le_bytes());
    put(8, image.get(12..16).unwrap_or(&[]));
    put(16, image.get(20..24).unwrap_or(&[]));
    for (number, register) in image.get(28..).unwrap_or(&[]).chunks_exact(REGISTER_SIZE).enumerate() {
        put(32 + 16 * number, register);
    }
    legacy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let mut legacy = [0u8; FXSAVE_X87];
        legacy[0..2].copy_from_slice(&0x37fu16.to_le_bytes());
        legacy[2..4].copy_from_slice(&(6u16 << 11).to_le_bytes());
        // Two registers are used: 1.0 and 0.0, the last pushed first.
        legacy[4] = 0b1100_0000;
        legacy[32 + 7] = 0x80;
        legacy[32 + 8..32 + 10].copy_from_slice(&0x3fffu16.to_le_bytes());
        let image = to_fsave(&legacy, 0x23, 0x2b);
        assert_eq!(&image[8..10], &0x4fffu16.to_le_bytes());
        assert_eq!(from_fsave(&image), legacy);
    }
}
