//! Formatting into a fixed buffer.
use core::fmt;

/// A short text without allocation; what does not fit is cut off.
pub struct Line<const N: usize> {
    bytes: [u8; N],
    length: usize,
}
impl<const N: usize> Line<N> {
    /// Empty.
    pub fn new() -> Self {
        Line { bytes: [0; N], length: 0 }
    }
    /// What was written.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }
}
impl<const N: usize> Default for Line<N> {
    fn default() -> Self {
        Self::new()
    }
}
impl<const N: usize> fmt::Write for Line<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.length..).unwrap_or(&mut []);
        let count = room.len().min(text.len());
        if let (Some(to), Some(from)) = (room.get_mut(..count), text.as_bytes().get(..count)) {
            to.copy_from_slice(from);
        }
        self.length += count;
        Ok(())
    }
}
