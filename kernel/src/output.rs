//! Texts and files in the making: running out of memory is an error, not a panic.
use crate::error::*;
use alloc::vec::Vec;
use core::fmt;

/// Bytes as they grow.
#[derive(Default)]
pub struct Output(Vec<u8>);
impl Output {
    /// Nothing yet.
    pub const fn new() -> Self {
        Output(Vec::new())
    }
    /// Adds bytes.
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.try_reserve(bytes.len())?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }
    /// Adds bytes with those in `special` as three octal digits (mangle_path).
    pub fn put_escaped(&mut self, bytes: &[u8], special: &[u8]) -> Result<()> {
        for byte in bytes {
            if special.contains(byte) {
                let digit = |shift: u8| b'0' + (byte >> shift & 7);
                self.put(&[b'\\', digit(6), digit(3), digit(0)])?;
            } else {
                self.put(core::slice::from_ref(byte))?;
            }
        }
        Ok(())
    }
    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Adds spaces until `width` bytes follow `start`.
    pub fn pad(&mut self, start: usize, width: usize) -> Result<()> {
        while self.len() < start.saturating_add(width) {
            self.put(b" ")?;
        }
        Ok(())
    }
    /// Keeps the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }
    /// Adds zeros up to a multiple of `unit`.
    pub fn align(&mut self, unit: usize) -> Result<()> {
        let missing = self.0.len().next_multiple_of(unit) - self.0.len();
        self.0.try_reserve(missing)?;
        self.0.resize(self.0.len() + missing, 0);
        Ok(())
    }
    /// The bytes, to keep.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes()).map_err(|_| fmt::Error)
    }
}
