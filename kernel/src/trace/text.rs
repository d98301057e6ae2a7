//! A line in the making. Formatting that the trace does on every call goes without `core::fmt`, which costs several times more.
use crate::error::Result;
use alloc::vec::Vec;
use core::fmt;

/// Bytes a text has room for from the start, and at most.
const USUAL: usize = 1024;
const MOST: usize = 16 * 1024;
/// Between two arguments. Not part of any argument's text, where it would be escaped.
pub const SEPARATOR: u8 = 0x1f;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Bytes of text; what finds no memory or no room is cut off.
pub struct Text(Vec<u8>);

impl Text {
    /// An empty text with room for a usual line.
    pub fn new() -> Result<Text> {
        let mut bytes = Vec::new();
        bytes.try_reserve(USUAL)?;
        Ok(Text(bytes))
    }
    /// What is there.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
    /// Forgets what is there.
    pub fn clear(&mut self) {
        self.0.clear();
    }
    /// Empty but for room at the front, to be written when what follows is known.
    pub fn clear_with_room(&mut self, room: usize) {
        self.0.clear();
        self.0.resize(room.min(self.0.capacity()), 0);
    }
    /// Writes over what is at the front.
    pub fn write_front(&mut self, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
    /// Adds bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        if bytes.len() <= self.0.capacity() - self.0.len() {
            self.0.extend_from_slice(bytes);
        } else {
            self.grow(bytes);
        }
    }
    /// Adds bytes for which there is no room yet, as far as there may be.
    #[cold]
    fn grow(&mut self, bytes: &[u8]) {
        let room = MOST - self.0.len().min(MOST);
        let bytes = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        let wanted = (self.0.len() + bytes.len()).max(2 * self.0.capacity()).min(MOST);
        if self.0.try_reserve_exact(wanted - self.0.len()).is_ok() {
            self.0.extend_from_slice(bytes);
        }
    }
    /// Adds a word.
    #[inline]
    pub fn put(&mut self, text: &str) {
        self.raw(text.as_bytes());
    }
    /// Adds one byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        if self.0.len() < self.0.capacity() {
            self.0.push(byte);
        } else {
            self.grow(&[byte]);
        }
    }
    /// Forgets what follows the first bytes.
    pub fn shorten(&mut self, length: usize) {
        self.0.truncate(length);
    }
    /// Takes `count` bytes out at a place.
    pub fn cut_out(&mut self, at: usize, count: usize) {
        if at + count <= self.0.len() {
            self.0.drain(at..at + count);
        }
    }
    fn number(&mut self, mut value: u64, base: u64, least: usize) {
        let mut digits = [b'0'; 24];
        let mut at = digits.len();
        while value != 0 || digits.len() - at < least {
            at -= 1;
            if let (Some(place), Some(digit)) = (digits.get_mut(at), DIGITS.get((value % base) as usize)) {
                *place = *digit;
            }
            value /= base;
        }
        self.raw(digits.get(at..).unwrap_or_default());
    }
    /// Adds a decimal number.
    pub fn unsigned(&mut self, value: u64) {
        self.number(value, 10, 1);
    }
    /// Adds a decimal number with leading zeros.
    pub fn padded(&mut self, value: u64, digits: usize) {
        self.number(value, 10, digits.min(20));
    }
    /// Adds a decimal number with its sign.
    pub fn signed(&mut self, value: i64) {
        if value < 0 {
            self.byte(b'-');
        }
        self.unsigned(value.unsigned_abs());
    }
    /// Adds `0x...`, and 0 as such.
    pub fn hex(&mut self, value: u64) {
        if value != 0 {
            self.put("0x");
        }
        self.number(value, 16, 1);
    }
    /// Adds hexadecimal digits with leading zeros.
    pub fn padded_hex(&mut self, value: u64, digits: usize) {
        self.number(value, 16, digits.min(16));
    }
    /// Adds an octal number with its leading zero, at least three digits.
    pub fn octal(&mut self, value: u64) {
        if value > 0o777 {
            self.byte(b'0');
        }
        self.number(value, 8, if value > 0o777 { 1 } else { 4 });
    }
    /// Adds `0...` as C writes octal numbers.
    pub fn plain_octal(&mut self, value: u64) {
        if value != 0 {
            self.byte(b'0');
        }
        self.number(value, 8, 1);
    }
    /// Adds `NULL` or `0x...`.
    pub fn address(&mut self, value: u64) {
        if value == 0 { self.put("NULL") } else { self.hex(value) }
    }
    /// Adds bytes as the inside of a C string.
    pub fn escaped(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            match byte {
                b'"' | b'\\' => self.raw(&[b'\\', *byte]),
                b'\n' => self.put("\\n"),
                b'\t' => self.put("\\t"),
                b'\r' => self.put("\\r"),
                0x0b => self.put("\\v"),
                0x0c => self.put("\\f"),
                b' '..=b'~' => self.byte(*byte),
                other => {
                    self.byte(b'\\');
                    // A digit that follows would be read as part of a short number.
                    let least = if matches!(after.first(), Some(b'0'..=b'7')) { 3 } else { 1 };
                    self.number(u64::from(*other), 8, least);
                }
            }
            rest = after;
        }
    }
    /// Adds bytes as the inside of a C string, all in hexadecimal.
    pub fn hexadecimal(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.put("\\x");
            self.number(u64::from(*byte), 16, 2);
        }
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(make: impl FnOnce(&mut Text)) -> alloc::string::String {
        let mut text = Text::new().unwrap();
        make(&mut text);
        alloc::string::String::from_utf8(text.0).unwrap()
    }

    #[test]
    fn numbers_are_written_as_c_writes_them() {
        assert_eq!(made(|text| text.signed(i64::MIN)), "-9223372036854775808");
        assert_eq!(made(|text| text.hex(0)), "0");
        assert_eq!(made(|text| text.hex(u64::MAX)), "0xffffffffffffffff");
        assert_eq!(made(|text| text.octal(0o22)), "0022");
        assert_eq!(made(|text| text.octal(0o755)), "0755");
        assert_eq!(made(|text| text.octal(0o4755)), "04755");
        assert_eq!(made(|text| text.plain_octal(0o22)), "022");
        assert_eq!(made(|text| text.address(0)), "NULL");
    }

    #[test]
    fn strings_are_escaped_as_short_as_can_be_read() {
        assert_eq!(made(|text| text.escaped(b"\x7fELF\x02\x01\x00003\"\\\n\xff")), r#"\177ELF\2\1\000003\"\\\n\377"#);
        assert_eq!(made(|text| text.hexadecimal(b"\x03\xff")), r"\x03\xff");
    }

    #[test]
    fn a_text_has_an_end() {
        let text = made(|text| (0..10_000).for_each(|_| text.put("0123456789")));
        assert_eq!(text.len(), MOST);
    }
}
