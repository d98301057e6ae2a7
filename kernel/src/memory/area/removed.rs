//! Areas taken out of a map, however many: they wait in pieces, since no block of memory is as large as one may want.
use super::Area;
use crate::error::Result;
use alloc::vec::Vec;

/// Areas of a piece.
const PIECE: usize = 4096;

/// Areas taken out under the lock, to be dropped after it.
#[derive(Default)]
pub struct Removed {
    /// The first ones, mostly all.
    first: Vec<Area>,
    more: Vec<Vec<Area>>,
}

impl Removed {
    /// None.
    pub const fn new() -> Self {
        Removed { first: Vec::new(), more: Vec::new() }
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.first.len() + self.more.iter().map(Vec::len).sum::<usize>()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
    /// Takes memory for so many more; ENOMEM.
    pub fn reserve(&mut self, count: usize) -> Result<()> {
        let here = count.min(PIECE.saturating_sub(self.first.len()));
        self.first.try_reserve(here)?;
        if here < count { self.reserve_pieces(count - here) } else { Ok(()) }
    }
    #[cold]
    fn reserve_pieces(&mut self, count: usize) -> Result<()> {
        let mut room: usize = self.more.iter().map(|piece| piece.capacity() - piece.len()).sum();
        while room < count {
            let mut piece = Vec::new();
            piece.try_reserve_exact(PIECE)?;
            self.more.try_reserve(1)?;
            self.more.push(piece);
            room += PIECE;
        }
        Ok(())
    }
    /// Adds some, for which there is room.
    #[inline]
    pub(super) fn extend(&mut self, areas: impl ExactSizeIterator<Item = Area>) {
        if self.first.len() + areas.len() <= PIECE {
            self.first.extend(areas);
        } else {
            areas.for_each(|area| self.push(area));
        }
    }
    /// Adds one, for which there is room.
    pub(super) fn push(&mut self, area: Area) {
        if self.first.len() < PIECE {
            self.first.push(area);
        } else if let Some(piece) = self.more.iter_mut().find(|piece| piece.len() < piece.capacity()) {
            piece.push(area);
        }
    }
    /// Those added when there were `skipped` already.
    pub fn added_since(&self, skipped: usize) -> impl Iterator<Item = &Area> {
        self.first.iter().chain(self.more.iter().flatten()).skip(skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::area::AreaFlags;

    #[test]
    fn they_stay_in_order_over_pieces() {
        let area = |start: u64| Area::new(start << 12, (start + 1) << 12, AreaFlags::READ, None, 0);
        let mut removed = Removed::new();
        for start in 0..3 {
            removed.reserve(1).unwrap();
            removed.push(area(start));
        }
        removed.reserve(3 * PIECE).unwrap();
        let areas: Vec<Area> = (3..3 + 3 * PIECE as u64).map(area).collect();
        removed.extend(areas.into_iter());
        assert_eq!((removed.len(), removed.is_empty()), (3 + 3 * PIECE, false));
        assert!(removed.added_since(2).map(|area| area.start >> 12).eq(2..3 + 3 * PIECE as u64));
    }
}
