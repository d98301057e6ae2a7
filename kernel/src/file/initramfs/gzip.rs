//! A gzip member read as a stream.
use super::Source;
use crate::error::*;
use alloc::{boxed::Box, vec::Vec};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

const INPUT: usize = 16 << 10;

/// A member being decompressed from a source.
pub struct Gzip<'a> {
    source: &'a mut dyn Source,
    state: Box<InflateState>,
    input: Vec<u8>,
    at: usize,
    ended: bool,
    check: u32,
    length: u32,
}

/// One step of CRC-32 for a byte value.
const fn check_entry(byte: u32) -> u32 {
    let mut value = byte;
    let mut bit = 0;
    while bit < 8 {
        value = if value & 1 != 0 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
        bit += 1;
    }
    value
}
static CHECK_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = check_entry(byte as u32);
        byte += 1;
    }
    table
};
/// CRC-32 of `bytes` after those that gave `check`.
fn update_check(check: u32, bytes: &[u8]) -> u32 {
    let mut value = !check;
    for byte in bytes {
        value = value >> 8 ^ CHECK_TABLE[(value as u8 ^ byte) as usize];
    }
    !value
}

impl<'a> Gzip<'a> {
    /// Reads the member's header from a source that stands at it. EINVAL if it is none.
    pub fn new(source: &'a mut dyn Source) -> Result<Gzip<'a>> {
        let mut input = Vec::new();
        input.try_reserve_exact(INPUT)?;
        let state = InflateState::new_boxed(DataFormat::Raw);
        let mut gzip = Gzip { source, state, input, at: 0, ended: false, check: 0, length: 0 };
        let mut header = [0; 10];
        gzip.take_exactly(&mut header)?;
        let [0x1f, 0x8b, 8, flags, ..] = header else { return Err(EINVAL.because("no gzip header")) };
        if flags & 4 != 0 {
            let mut length = [0; 2];
            gzip.take_exactly(&mut length)?;
            for _ in 0..u16::from_le_bytes(length) {
                gzip.take_byte()?;
            }
        }
        // Name and comment.
        for _ in 0..(flags >> 3 & 1) + (flags >> 4 & 1) {
            while gzip.take_byte()? != 0 {}
        }
        if flags & 2 != 0 {
            gzip.take_exactly(&mut [0; 2])?;
        }
        Ok(gzip)
    }
    fn refill(&mut self) -> Result<()> {
        if self.at == self.input.len() {
            self.input.resize(INPUT, 0);
            let count = self.source.read(&mut self.input)?;
            self.input.truncate(count);
            self.at = 0;
        }
        Ok(())
    }
    fn take_byte(&mut self) -> Result<u8> {
        self.refill()?;
        let byte = *self.input.get(self.at).ok_or(EINVAL.because("gzip member ends early"))?;
        self.at += 1;
        Ok(byte)
    }
    fn take_exactly(&mut self, into: &mut [u8]) -> Result<()> {
        for byte in into {
            *byte = self.take_byte()?;
        }
        Ok(())
    }
    /// Checks length and check sum after the last byte.
    fn finish(&mut self) -> Result<()> {
        self.ended = true;
        let mut trailer = [0; 8];
        self.take_exactly(&mut trailer)?;
        let [a, b, c, d, e, f, g, h] = trailer;
        if u32::from_le_bytes([a, b, c, d]) != self.check || u32::from_le_bytes([e, f, g, h]) != self.length {
            return Err(EINVAL.because("gzip check sum is wrong"));
        }
        Ok(())
    }
    /// Ends the member: how many bytes of the source were read too far.
    pub fn unused(self) -> usize {
        self.input.len() - self.at
    }
}

impl Source for Gzip<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < into.len() && !self.ended {
            self.refill()?;
            let input = self.input.get(self.at..).unwrap_or(&[]);
            let room = into.get_mut(done..).unwrap_or(&mut []);
            let result = inflate(&mut self.state, input, room, MZFlush::None);
            let written = room.get(..result.bytes_written).unwrap_or(&[]);
            self.check = update_check(self.check, written);
            self.length = self.length.wrapping_add(result.bytes_written as u32);
            self.at += result.bytes_consumed;
            done += result.bytes_written;
            match result.status {
                Ok(MZStatus::StreamEnd) => self.finish()?,
                Ok(_) if result.bytes_consumed == 0 && result.bytes_written == 0 => {
                    return Err(EINVAL.because("gzip member ends early"));
                }
                Ok(_) => {}
                Err(_) => return Err(EINVAL.because("gzip data is broken")),
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes<'a>(&'a [u8]);
    impl Source for Bytes<'_> {
        fn read(&mut self, into: &mut [u8]) -> Result<usize> {
            let count = into.len().min(self.0.len());
            let (now, later) = self.0.split_at(count);
            into[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }
    /// "hello\n" compressed by gzip -n.
    const HELLO: [u8; 26] = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xe7, 2, 0, 0x20, 0x30, 0x3a, 0x36, 6, 0, 0,
        0,
    ];

    #[test]
    fn a_member_is_read() {
        let mut source = Bytes(&HELLO);
        let mut gzip = Gzip::new(&mut source).expect("header");
        let mut out = [0; 16];
        assert_eq!(gzip.read(&mut out), Ok(6));
        assert_eq!(&out[..6], b"hello\n");
        assert_eq!(gzip.read(&mut out), Ok(0));
        assert_eq!(gzip.unused(), 0);
    }
    #[test]
    fn damage_is_noticed() {
        for (index, change) in [(0, 1), (20, 1), (22, 9)] {
            let mut bytes = HELLO;
            bytes[index] ^= change;
            let mut source = Bytes(&bytes);
            let result = Gzip::new(&mut source).and_then(|mut gzip| gzip.read(&mut [0; 16]));
            assert!(result.is_err(), "byte {index}");
        }
        let mut source = Bytes(&HELLO[..14]);
        let result = Gzip::new(&mut source).and_then(|mut gzip| gzip.read(&mut [0; 16]));
        assert!(result.is_err());
    }
}
