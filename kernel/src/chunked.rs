//! A vector in pieces: it grows without moving what is there, and asks for no more contiguous memory than a piece takes.
use crate::error::Result;
use alloc::vec::Vec;

/// Elements of a piece.
const PIECE: usize = 256;

/// The vector. Only the first piece grows little by little.
pub struct Chunked<T> {
    pieces: Vec<Vec<T>>,
    length: usize,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Chunked<T> {
    /// Without elements.
    pub const fn new() -> Self {
        Chunked { pieces: Vec::new(), length: 0 }
    }
    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.length
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
    /// An element.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.pieces.get(index / PIECE)?.get(index % PIECE)
    }
    /// An element to be changed.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.pieces.get_mut(index / PIECE)?.get_mut(index % PIECE)
    }
    /// The last element.
    pub fn last(&self) -> Option<&T> {
        self.get(self.length.wrapping_sub(1))
    }
    /// Takes memory for one more element; ENOMEM.
    pub fn reserve(&mut self) -> Result<()> {
        if let Some(piece) = self.pieces.get_mut(self.length / PIECE) {
            if piece.len() == piece.capacity() {
                piece.try_reserve(1)?;
            }
            return Ok(());
        }
        self.pieces.try_reserve(1)?;
        let mut piece = Vec::new();
        piece.try_reserve_exact(if self.length == 0 { 4 } else { PIECE })?;
        self.pieces.push(piece);
        Ok(())
    }
    /// Adds an element at the end; ENOMEM, never after `reserve`.
    pub fn push(&mut self, value: T) -> Result<()> {
        self.reserve()?;
        if let Some(piece) = self.pieces.get_mut(self.length / PIECE) {
            piece.push(value);
            self.length += 1;
        }
        Ok(())
    }
    /// Takes the last element off.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.length.checked_sub(1)?;
        let value = self.pieces.get_mut(last / PIECE)?.pop();
        self.length = last;
        // One empty piece stays, for what comes next.
        self.pieces.truncate(last / PIECE + 2);
        value
    }
    fn swap(&mut self, one: usize, other: usize) {
        let (low, high) = (one.min(other), one.max(other));
        let (first, second) = (low / PIECE, high / PIECE);
        if first == second {
            if let Some(piece) = self.pieces.get_mut(first) {
                piece.swap(low % PIECE, high % PIECE);
            }
        } else if let Some((before, after)) = self.pieces.split_at_mut_checked(second)
            && let (Some(low), Some(high)) = (
                before.get_mut(first).and_then(|piece| piece.get_mut(low % PIECE)),
                after.first_mut().and_then(|piece| piece.get_mut(high % PIECE)),
            )
        {
            core::mem::swap(low, high);
        }
    }
    /// Puts an element at a place, those behind it one further; ENOMEM.
    pub fn insert(&mut self, index: usize, value: T) -> Result<()> {
        self.push(value)?;
        for place in (index..self.length - 1).rev() {
            self.swap(place, place + 1);
        }
        Ok(())
    }
    /// Keeps only some elements, in their order.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        let mut kept = 0;
        for index in 0..self.length {
            if self.get(index).is_some_and(&keep) {
                if kept != index {
                    self.swap(kept, index);
                }
                kept += 1;
            }
        }
        while self.length > kept {
            self.pop();
        }
    }
    /// All elements in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pieces.iter().flatten()
    }
    /// The elements from one on.
    pub fn iter_from(&self, first: usize) -> impl Iterator<Item = &T> {
        let pieces = self.pieces.get(first / PIECE..).unwrap_or_default();
        pieces.iter().flatten().skip(first % PIECE)
    }
    /// All elements, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pieces.iter_mut().flatten()
    }
    /// All elements, taken out.
    pub fn into_values(self) -> impl Iterator<Item = T> {
        self.pieces.into_iter().flatten()
    }
    /// The first place whose element is not as `is_before` says, where those before are and those behind are not.
    pub fn partition_point(&self, is_before: impl Fn(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(&is_before) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_behaves_as_one_vector() {
        let mut chunked = Chunked::new();
        let mut plain = Vec::new();
        for value in 0..1000u32 {
            chunked.push(value).unwrap();
            plain.push(value);
        }
        chunked.insert(300, 7777).unwrap();
        plain.insert(300, 7777);
        assert!(chunked.iter().eq(&plain) && chunked.len() == 1001);
        assert!(chunked.iter_from(511).eq(plain.iter().skip(511)) && chunked.iter_from(5000).next().is_none());
        chunked.retain(|value| value % 3 == 0);
        plain.retain(|value| value % 3 == 0);
        assert!(chunked.iter().eq(&plain));
        assert_eq!(chunked.partition_point(|value| *value < 90), 30);
        while let Some(value) = plain.pop() {
            assert_eq!((chunked.last(), chunked.get(plain.len())), (Some(&value), Some(&value)));
            assert_eq!(chunked.pop(), Some(value));
        }
        assert!(chunked.is_empty() && chunked.pop().is_none() && chunked.get(0).is_none());
        chunked.push(1).unwrap();
        assert_eq!(chunked.into_values().collect::<Vec<_>>(), [1]);
    }
}
