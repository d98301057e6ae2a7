//! Maps of ids: what user and group ids of a user namespace are outside of it (user_namespaces(7), "User and group ID mappings").
use crate::error::*;
use alloc::vec::Vec;

/// Most lines of a map.
const EXTENTS_MAXIMUM: usize = 340;

/// Consecutive ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first one in the namespace.
    pub first: u32,
    /// The first one outside: in the parent while a map is made, then as the kernel counts.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// A map: extents that do not overlap on either side.
#[derive(Debug)]
pub struct IdMap(Vec<Extent>);

impl IdMap {
    /// Reads a map's text. EINVAL for what is none.
    pub fn parse(text: &[u8]) -> Result<IdMap> {
        let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
        let text = text.split('\0').next().unwrap_or_default();
        let mut extents: Vec<Extent> = Vec::new();
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            let mut words = line.split_ascii_whitespace();
            let mut number = || words.next().and_then(parse_number).ok_or(EINVAL);
            let extent = Extent { first: number()?, outside: number()?, count: number()? };
            if words.next().is_some() {
                return Err(EINVAL);
            }
            let fits = |first: u32| first != u32::MAX && first.checked_add(extent.count).is_some_and(|end| end > first);
            if !fits(extent.first) || !fits(extent.outside) || extents.len() == EXTENTS_MAXIMUM {
                return Err(EINVAL);
            }
            let meet = |one: u32, other: u32, count: u32| one < other + count && other < one + extent.count;
            let overlaps = |other: &Extent| {
                meet(extent.first, other.first, other.count) || meet(extent.outside, other.outside, other.count)
            };
            if extents.iter().any(overlaps) {
                return Err(EINVAL);
            }
            extents.try_reserve(1)?;
            extents.push(extent);
        }
        Ok(IdMap(extents))
    }
    /// The extents.
    pub fn extents(&self) -> &[Extent] {
        &self.0
    }
    /// Turns the parent's ids into the kernel's by the parent's map. EPERM for ids that the parent does not have.
    pub fn translate(&mut self, outwards: impl Fn(u32, u32) -> Option<u32>) -> Result<()> {
        self.0.iter_mut().try_for_each(|extent| {
            extent.outside = outwards(extent.outside, extent.count).ok_or(EPERM)?;
            Ok(())
        })
    }
    /// What so many ids from `first` on are outside, if one extent has them all.
    pub fn outwards(&self, first: u32, count: u32) -> Option<u32> {
        let has = |extent: &&Extent| first >= extent.first && first - extent.first <= extent.count.wrapping_sub(count);
        let fitting = self.0.iter().filter(|extent| count <= extent.count);
        let mut fitting = fitting.filter(has);
        fitting.next().map(|extent| extent.outside + (first - extent.first))
    }
    /// What an id of outside is in the namespace.
    pub fn inwards(&self, id: u32) -> Option<u32> {
        let extent = self.0.iter().find(|extent| id >= extent.outside && id - extent.outside < extent.count)?;
        Some(extent.first + (id - extent.outside))
    }
}

/// A decimal number, cut to 32 bits.
fn parse_number(word: &str) -> Option<u32> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse::<u64>().ok().filter(|_| plain).map(|number| number as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_lead_both_ways() {
        let map = IdMap::parse(b"0 1000 1\n1 100000 65536\n").unwrap();
        assert_eq!(map.outwards(0, 1), Some(1000));
        assert_eq!(map.outwards(65536, 1), Some(165_535));
        assert_eq!(map.outwards(65537, 1), None);
        assert_eq!(map.outwards(0, 2), None);
        assert_eq!(map.inwards(1000), Some(0));
        assert_eq!(map.inwards(999), None);
    }
    #[test]
    fn what_is_no_map_is_refused() {
        for text in
            [&b""[..], b"0 0", b"0 0 0", b"0 0 1 2", b"x 0 1", b"0 0 1\n0 5 1", b"0 0 2\n5 1 1", b"4294967295 0 1"]
        {
            assert!(IdMap::parse(text).is_err(), "{text:?}");
        }
    }
}
