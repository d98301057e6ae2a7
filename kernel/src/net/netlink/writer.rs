//! Answers of the kernel in the making: headers, fields and attributes (rtnetlink(3), struct nlattr).
use super::request::message_flag;
use crate::error::*;
use alloc::vec::Vec;

/// Bytes of `struct nlmsghdr`.
pub const HEADER: usize = 16;

/// Messages one after the other.
pub struct Writer {
    bytes: Vec<u8>,
    port: u32,
    sequence: u32,
    /// Where the message begins that is being written.
    start: usize,
    limit: usize,
}
impl Writer {
    /// Answers to a request of this port and number.
    pub fn new(port: u32, sequence: u32) -> Writer {
        Writer::limited(port, sequence, usize::MAX)
    }
    /// As `new`, of no more bytes than `limit`.
    pub fn limited(port: u32, sequence: u32, limit: usize) -> Writer {
        Writer { bytes: Vec::new(), port, sequence, start: 0, limit }
    }
    /// Begins a message.
    pub fn begin(&mut self, kind: u16, flags: u16) -> Result<()> {
        self.start = self.bytes.len();
        self.put(&[0; 4])?;
        self.put(&kind.to_le_bytes())?;
        self.put(&flags.to_le_bytes())?;
        self.put(&self.sequence.to_le_bytes())?;
        self.put(&self.port.to_le_bytes())
    }
    /// Adds bytes.
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.try_reserve(bytes.len().next_multiple_of(4))?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
    fn align(&mut self) {
        // There is room: each piece was reserved with what follows it.
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
    /// Adds an attribute.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> Result<()> {
        self.put(&(value.len() as u16 + 4).to_le_bytes())?;
        self.put(&kind.to_le_bytes())?;
        self.put(value)?;
        self.align();
        Ok(())
    }
    /// Adds an attribute of one word.
    pub fn word(&mut self, kind: u16, value: u32) -> Result<()> {
        self.attribute(kind, &value.to_le_bytes())
    }
    /// Adds a text with its NUL.
    pub fn text(&mut self, kind: u16, text: &[u8]) -> Result<()> {
        let start = self.nest(kind)?;
        self.put(text)?;
        self.put(&[0])?;
        self.end_nest(start);
        self.align();
        Ok(())
    }
    /// Begins an attribute that ends with [`Self::end_nest`] of what this answers.
    pub fn nest(&mut self, kind: u16) -> Result<usize> {
        let start = self.bytes.len();
        self.put(&[0; 2])?;
        self.put(&kind.to_le_bytes())?;
        Ok(start)
    }
    /// Ends such an attribute.
    pub fn end_nest(&mut self, start: usize) {
        let length = (self.bytes.len() - start) as u16;
        if let Some(room) = self.bytes.get_mut(start..start + 2) {
            room.copy_from_slice(&length.to_le_bytes());
        }
    }
    /// Ends a message.
    pub fn end(&mut self) {
        self.align();
        let length = (self.bytes.len() - self.start) as u32;
        if let Some(room) = self.bytes.get_mut(self.start..self.start + 4) {
            room.copy_from_slice(&length.to_le_bytes());
        }
    }
    /// Adds a message of a list: whether there was room for it.
    pub fn add(&mut self, kind: u16, write: impl FnOnce(&mut Writer) -> Result<()>) -> Result<bool> {
        let before = self.bytes.len();
        self.begin(kind, message_flag::MULTI)?;
        write(self)?;
        self.end();
        let fits = self.bytes.len() <= self.limit;
        if !fits {
            self.bytes.truncate(before);
        }
        Ok(fits)
    }
    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The attributes at the end of a message: kind and value. What is malformed ends them.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let (length, kind) = match rest {
            [a, b, c, d, ..] => (usize::from(u16::from_le_bytes([*a, *b])), u16::from_le_bytes([*c, *d])),
            _ => return None,
        };
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        // The two highest bits say how it is to be read.
        Some((kind & 0x3fff, value))
    })
}
/// The value of the last attribute of a kind.
pub fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).filter(|(own, _)| *own == kind).last().map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back() {
        let mut writer = Writer::new(7, 8);
        writer.begin(16, 0).unwrap();
        writer.text(3, b"lo").unwrap();
        writer.word(4, 65536).unwrap();
        writer.end();
        let bytes = writer.into_bytes();
        assert_eq!(bytes.len(), 16 + 8 + 8);
        assert_eq!(bytes[0], 32);
        let body = &bytes[HEADER..];
        assert_eq!(find(body, 3), Some(&b"lo\0"[..]));
        assert_eq!(find(body, 4), Some(&65536u32.to_le_bytes()[..]));
        assert_eq!(find(body, 5), None);
        assert_eq!(attributes(&[3, 0, 1, 0]).count(), 0);
        assert_eq!(attributes(&[255, 0, 1, 0, 0]).count(), 0);
    }
    #[test]
    fn lists_end_where_the_piece_does() {
        let mut writer = Writer::limited(0, 0, 40);
        assert_eq!(writer.add(16, |writer| writer.word(1, 2)), Ok(true));
        assert_eq!(writer.add(16, |writer| writer.word(1, 2)), Ok(false));
        assert_eq!(writer.into_bytes().len(), 24);
    }
}
