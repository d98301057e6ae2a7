//! The FPU's registers as `struct user_i387_ia32_struct` has them (FSAVE's layout), from and to FXSAVE's.

/// Bytes of the structure: seven words and eight registers of ten bytes.
pub const SIZE: usize = 28 + REGISTERS * REGISTER;
const REGISTERS: usize = 8;
const REGISTER: usize = 10;
/// Where FXSAVE has the registers, each in 16 bytes.
const FXSAVE_REGISTERS: usize = 32;

/// Tags of a register: valid, zero, special, empty.
const VALID: u32 = 0;
const ZERO: u32 = 1;
const SPECIAL: u32 = 2;
const EMPTY: u32 = 3;

fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|raw| raw.try_into().ok()).map_or(0, u16::from_le_bytes)
}
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from(half(bytes, at)) | u32::from(half(bytes, at + 2)) << 16
}
fn put(bytes: &mut [u8], at: usize, raw: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + raw.len()) {
        place.copy_from_slice(raw);
    }
}

/// The tag of register number `index` of the stack whose top is `top`.
fn tag(fxsave: &[u8], index: usize, top: usize) -> u32 {
    if half(fxsave, 4) >> index & 1 == 0 {
        return EMPTY;
    }
    let at = FXSAVE_REGISTERS + 16 * (index.wrapping_sub(top) & 7);
    let (significand, exponent) =
        (u64::from(word(fxsave, at)) | u64::from(word(fxsave, at + 4)) << 32, half(fxsave, at + 8));
    match exponent & 0x7fff {
        0x7fff => SPECIAL,
        0 if significand == 0 => ZERO,
        0 => SPECIAL,
        _ if significand >> 63 != 0 => VALID,
        _ => SPECIAL,
    }
}

/// The older layout of an FXSAVE area; `segments` are those of code and data.
pub fn from_fxsave(fxsave: &[u8], segments: (u16, u16)) -> [u8; SIZE] {
    const HIGH: u32 = 0xffff_0000;
    let top = usize::from(half(fxsave, 2) >> 11 & 7);
    let tags = (0..REGISTERS).fold(HIGH, |tags, index| tags | tag(fxsave, index, top) << (2 * index));
    let (control, status) = (u32::from(half(fxsave, 0)), u32::from(half(fxsave, 2)));
    let words = [
        control | HIGH,
        status | HIGH,
        tags,
        word(fxsave, 8),
        segments.0.into(),
        word(fxsave, 16),
        u32::from(segments.1) | HIGH,
    ];
    let mut bytes = [0; SIZE];
    for (index, value) in words.into_iter().enumerate() {
        put(&mut bytes, 4 * index, &value.to_le_bytes());
    }
    for index in 0..REGISTERS {
        let at = FXSAVE_REGISTERS + 16 * index;
        put(&mut bytes, 28 + REGISTER * index, fxsave.get(at..at + REGISTER).unwrap_or_default());
    }
    bytes
}

/// Changes an FXSAVE area to what the older layout says; the rest of it stays.
pub fn to_fxsave(old: &[u8], fxsave: &mut [u8]) {
    let tags = word(old, 8);
    let used = (0..REGISTERS).fold(0u16, |used, index| used | u16::from(tags >> (2 * index) & 3 != EMPTY) << index);
    put(fxsave, 0, &half(old, 0).to_le_bytes());
    put(fxsave, 2, &half(old, 4).to_le_bytes());
    put(fxsave, 4, &used.to_le_bytes());
    put(fxsave, 6, &half(old, 18).to_le_bytes());
    put(fxsave, 8, &u64::from(word(old, 12)).to_le_bytes());
    put(fxsave, 16, &u64::from(word(old, 20)).to_le_bytes());
    for index in 0..REGISTERS {
        let register = old.get(28 + REGISTER * index..28 + REGISTER * (index + 1)).unwrap_or_default();
        put(fxsave, FXSAVE_REGISTERS + 16 * index, register);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let mut area = [0u8; 512];
        put(&mut area, 0, &0x37fu16.to_le_bytes());
        // Top 7: one register, 1.0, in place 7.
        put(&mut area, 2, &(7u16 << 11).to_le_bytes());
        put(&mut area, 4, &0x80u16.to_le_bytes());
        put(&mut area, FXSAVE_REGISTERS, &[0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f]);
        let old = from_fxsave(&area, (0x23, 0x2b));
        assert_eq!(word(&old, 8), 0xffff_3fff);
        assert_eq!((word(&old, 0), word(&old, 16), word(&old, 24)), (0xffff_037f, 0x23, 0xffff_002b));
        let mut again = [0u8; 512];
        to_fxsave(&old, &mut again);
        assert_eq!(area, again);
    }
}
