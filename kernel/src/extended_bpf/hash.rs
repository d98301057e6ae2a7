//! Maps of the type hash.
//!
//! A bucket is chosen by the highest bits of a hash, and its elements are in the order of their hashes: so the order of all does
//! not change as the table grows, and who asks for one key after the other meets all that stay.
use super::charge::Charge;
use super::map::Existing;
use crate::chunked::Chunked;
use crate::error::*;
use crate::sync::{RwLock, rank};
use alloc::vec::Vec;

/// What an element takes besides its bytes, about.
const OVERHEAD: u64 = 96;
/// Most elements on the average of a bucket.
const LOAD: usize = 2;

/// The elements of a hash table.
pub(super) struct Hash {
    table: RwLock<Table>,
    most: usize,
    key_size: usize,
    value_size: usize,
    /// Elements are paid for one by one.
    pays_each: bool,
    charge: Charge,
    seed: u64,
}

struct Table {
    /// A power of two of them.
    buckets: Chunked<Vec<Element>>,
    count: usize,
}

struct Element {
    hash: u64,
    /// The key, then the value.
    bytes: Vec<u8>,
}

impl Hash {
    /// No elements, of at most `most`, whose memory is paid for in advance or as they come. ENOMEM.
    pub fn new(most: u32, key_size: u32, value_size: u32, pays_each: bool, seed: u64) -> Result<Hash> {
        let hash = Hash::unpaid(most, key_size, value_size, pays_each, seed)?;
        if !pays_each {
            hash.charge.add(hash.cost().saturating_mul(most.into()))?;
        }
        Ok(hash)
    }
    fn unpaid(most: u32, key_size: u32, value_size: u32, pays_each: bool, seed: u64) -> Result<Hash> {
        let mut hash = Hash {
            table: RwLock::new(rank::BPF_MAP, Table { buckets: Chunked::new(), count: 0 }),
            most: most as usize,
            key_size: key_size as usize,
            value_size: value_size as usize,
            pays_each,
            charge: Charge::default(),
            seed,
        };
        hash.table.get_mut().buckets.push(Vec::new())?;
        Ok(hash)
    }
    fn cost(&self) -> u64 {
        (self.key_size as u64 + self.value_size as u64).saturating_add(OVERHEAD)
    }
    /// Mixes the key's words one by one; the seed keeps others from choosing keys that meet.
    fn hash(&self, key: &[u8]) -> u64 {
        const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
        let mix = |state: u64, word: u64| {
            let product = u128::from(state ^ word) * u128::from(MULTIPLIER);
            product as u64 ^ (product >> 64) as u64
        };
        let state = key.chunks(8).fold(self.seed ^ key.len() as u64, |state, chunk| {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            mix(state, u64::from_ne_bytes(word)).wrapping_add(self.seed)
        });
        mix(state, MULTIPLIER)
    }
    /// Copies out the value of a key; false if there is none.
    pub fn read(&self, key: &[u8], into: &mut [u8]) -> bool {
        let table = self.table.read();
        let Some(element) = table.find(self.hash(key), key) else { return false };
        into.copy_from_slice(element.bytes.get(self.key_size..).unwrap_or_default());
        true
    }
    /// Takes out a key with its value, which is copied to `into` if that is wanted; false if there is none.
    pub fn remove(&self, key: &[u8], into: Option<&mut [u8]>) -> bool {
        let removed = self.table.write().remove(self.hash(key), key);
        let Some(element) = removed else { return false };
        if self.pays_each {
            self.charge.release(self.cost());
        }
        if let Some(into) = into {
            into.copy_from_slice(element.bytes.get(self.key_size..).unwrap_or_default());
        }
        true
    }
    /// Sets the value of a key. EEXIST, ENOENT; E2BIG if there is no room, ENOMEM.
    pub fn set(&self, key: &[u8], value: &[u8], existing: Existing) -> Result<()> {
        let hash = self.hash(key);
        let mut table = self.table.write();
        if let Some(element) = table.find_mut(hash, key) {
            if existing == Existing::Refused {
                return Err(EEXIST);
            }
            element.bytes.get_mut(self.key_size..).unwrap_or_default().copy_from_slice(value);
            return Ok(());
        }
        if existing == Existing::Wanted {
            return Err(ENOENT);
        }
        if table.count >= self.most {
            return Err(E2BIG);
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(self.key_size + self.value_size)?;
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
        if self.pays_each {
            self.charge.add(self.cost())?;
        }
        table.insert(Element { hash, bytes }).inspect_err(|_| {
            if self.pays_each {
                self.charge.release(self.cost());
            }
        })
    }
    /// Copies out the key after this one, the first one if there is no such key; false if there is no more.
    pub fn next_key(&self, key: Option<&[u8]>, into: &mut [u8]) -> bool {
        let table = self.table.read();
        let next = match key.and_then(|key| table.place(self.hash(key), key)) {
            None => table.first_from(0),
            Some((bucket, place)) => {
                let following = table.buckets.get(bucket).and_then(|bucket| bucket.get(place + 1));
                following.or_else(|| table.first_from(bucket + 1))
            }
        };
        let Some(element) = next else { return false };
        into.copy_from_slice(element.bytes.get(..self.key_size).unwrap_or_default());
        true
    }
}

impl Table {
    fn bucket_of(&self, hash: u64) -> usize {
        let bits = self.buckets.len().trailing_zeros();
        hash.checked_shr(64 - bits).unwrap_or(0) as usize
    }
    fn place(&self, hash: u64, key: &[u8]) -> Option<(usize, usize)> {
        let bucket = self.bucket_of(hash);
        let is_it = |element: &Element| element.hash == hash && element.bytes.starts_with(key);
        Some((bucket, self.buckets.get(bucket)?.iter().position(is_it)?))
    }
    fn find(&self, hash: u64, key: &[u8]) -> Option<&Element> {
        let (bucket, place) = self.place(hash, key)?;
        self.buckets.get(bucket)?.get(place)
    }
    fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut Element> {
        let (bucket, place) = self.place(hash, key)?;
        self.buckets.get_mut(bucket)?.get_mut(place)
    }
    fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Element> {
        let (bucket, place) = self.place(hash, key)?;
        let bucket = self.buckets.get_mut(bucket)?;
        let element = bucket.remove(place);
        if bucket.is_empty() {
            *bucket = Vec::new();
        }
        self.count -= 1;
        Some(element)
    }
    fn first_from(&self, bucket: usize) -> Option<&Element> {
        (bucket..self.buckets.len()).find_map(|bucket| self.buckets.get(bucket)?.first())
    }
    /// An element whose key is not there. ENOMEM.
    fn insert(&mut self, element: Element) -> Result<()> {
        if self.count >= self.buckets.len() * LOAD {
            // One that could not grow is slower, no more.
            let _ = self.grow();
        }
        let bucket = self.bucket_of(element.hash);
        let bucket = self.buckets.get_mut(bucket).ok_or(ENOMEM)?;
        bucket.try_reserve(1)?;
        let place = bucket.partition_point(|other| other.hash <= element.hash);
        bucket.insert(place, element);
        self.count += 1;
        Ok(())
    }
    /// Each bucket becomes two. ENOMEM, and nothing has changed.
    fn grow(&mut self) -> Result<()> {
        let bits = self.buckets.len().trailing_zeros() + 1;
        let is_high = |element: &Element| element.hash >> (64 - bits) & 1 != 0;
        let mut buckets: Chunked<Vec<Element>> = Chunked::new();
        for old in self.buckets.iter() {
            let mut high = Vec::new();
            high.try_reserve_exact(old.iter().filter(|element| is_high(element)).count())?;
            buckets.push(Vec::new())?;
            buckets.push(high)?;
        }
        for (number, old) in self.buckets.iter_mut().enumerate() {
            let mut old = core::mem::take(old);
            let split = old.partition_point(|element| !is_high(element));
            if let Some(high) = buckets.get_mut(number * 2 + 1) {
                // There is room for all.
                high.extend(old.drain(split..));
            }
            if let Some(low) = buckets.get_mut(number * 2) {
                *low = old;
            }
        }
        self.buckets = buckets;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(hash: &Hash) -> Vec<u32> {
        let (mut keys, mut key, mut last): (Vec<u32>, _, Option<[u8; 4]>) = (Vec::new(), [0; 4], None);
        while hash.next_key(last.as_ref().map(|key| &key[..]), &mut key) {
            keys.push(u32::from_ne_bytes(key));
            last = Some(key);
        }
        keys
    }

    #[test]
    fn order_stays_as_it_grows_and_shrinks() {
        // The host has no memory that maps are limited by.
        let hash = Hash::unpaid(1000, 4, 8, false, 0x1234).expect("memory");
        let value = |number: u32| u64::from(number).to_ne_bytes();
        for number in 0..500_u32 {
            hash.set(&number.to_ne_bytes(), &value(number), Existing::Refused).expect("room");
        }
        let before = keys(&hash);
        assert_eq!(before.len(), 500);
        for number in 500..1000_u32 {
            hash.set(&number.to_ne_bytes(), &value(number), Existing::Either).expect("room");
        }
        assert_eq!(hash.set(&1000_u32.to_ne_bytes(), &value(0), Existing::Either), Err(E2BIG));
        assert_eq!(hash.set(&1000_u32.to_ne_bytes(), &value(0), Existing::Wanted), Err(ENOENT));
        assert_eq!(hash.set(&7_u32.to_ne_bytes(), &value(0), Existing::Refused), Err(EEXIST));
        assert_eq!(keys(&hash).iter().filter(|key| **key < 500).copied().collect::<Vec<_>>(), before);
        let mut found = [0; 8];
        for number in 0..500_u32 {
            assert!(hash.remove(&number.to_ne_bytes(), Some(&mut found)));
            assert_eq!(found, value(number));
            assert!(!hash.read(&number.to_ne_bytes(), &mut found));
        }
        assert_eq!(keys(&hash).len(), 500);
        assert!(hash.read(&700_u32.to_ne_bytes(), &mut found) && found == value(700));
    }
}
