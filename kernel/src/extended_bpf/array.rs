//! Maps of the type array: all elements are there from the beginning, and zero.
use super::charge::Charge;
use crate::chunked::Chunked;
use crate::error::*;
use machine::memory::{Frame, PAGE_SIZE};

/// The elements of an array, in pages.
pub(super) struct Array {
    frames: Chunked<Frame>,
    stride: u64,
    count: u32,
    _charge: Charge,
}

impl Array {
    /// So many elements of this size. ENOMEM.
    pub fn new(count: u32, value_size: u32) -> Result<Array> {
        // Eight bytes fit all that programs in 32 bits may add to atomically, as on Linux.
        let stride = u64::from(value_size).next_multiple_of(8);
        let pages = stride.saturating_mul(count.into()).div_ceil(PAGE_SIZE as u64);
        let charge = Charge::new(pages.saturating_mul(PAGE_SIZE as u64))?;
        let mut frames = Chunked::new();
        for _ in 0..pages {
            frames.push(Frame::zeroed()?)?;
        }
        Ok(Array { frames, stride, count, _charge: charge })
    }
    /// The index that a key is.
    pub fn index(key: &[u8]) -> u32 {
        key.try_into().map_or(u32::MAX, u32::from_ne_bytes)
    }
    /// How many elements there are.
    pub fn count(&self) -> u32 {
        self.count
    }
    /// Copies out an element; false if there is none of this index.
    pub fn read(&self, index: u32, into: &mut [u8]) -> bool {
        index < self.count
            && self.walk(index, into.len(), |frame, offset, range| {
                if let Some(part) = into.get_mut(range) {
                    frame.read(offset, part);
                }
            })
    }
    /// Overwrites an element; false if there is none of this index.
    pub fn write(&self, index: u32, from: &[u8]) -> bool {
        index < self.count
            && self.walk(index, from.len(), |frame, offset, range| {
                if let Some(part) = from.get(range) {
                    frame.write(offset, part);
                }
            })
    }
    /// Calls `act` for each page that has a part of an element, with where in the page and which part.
    fn walk(&self, index: u32, length: usize, mut act: impl FnMut(&Frame, usize, core::ops::Range<usize>)) -> bool {
        let start = self.stride * u64::from(index);
        let mut done = 0;
        while done < length {
            let at = start + done as u64;
            let offset = (at % PAGE_SIZE as u64) as usize;
            let part = (PAGE_SIZE - offset).min(length - done);
            let Some(frame) = self.frames.get((at / PAGE_SIZE as u64) as usize) else { return false };
            act(frame, offset, done..done + part);
            done += part;
        }
        true
    }
}
