//! The names of a directory: found by hash, listed in the order of their making.
use crate::chunked::Chunked;
use crate::error::Result;
use crate::file::{dentry, inode::Inode};
use alloc::{boxed::Box, sync::Arc, vec::Vec};

/// Cursors 0 and 1 are those of `.` and `..`.
const FIRST_CURSOR: u64 = 2;
/// A place of the index that was never used, and one whose name is gone.
const FREE: u32 = u32::MAX;
const GONE: u32 = u32::MAX - 1;
/// Directories with fewer names have no index: they are searched from end to end.
const UNINDEXED: usize = 8;

struct Entry {
    /// Where a listing goes on behind the name before: never used again, whatever is removed.
    cursor: u64,
    hash: u32,
    name: Box<[u8]>,
    inode: Arc<Inode>,
}

/// The names of one directory.
#[derive(Default)]
pub struct Entries {
    /// By cursor; removal leaves holes, which are closed when they are the greater part.
    slots: Chunked<Option<Entry>>,
    /// Open addressing: indices of `slots`. Its length is a power of two, or 0.
    index: Chunked<u32>,
    /// Places of the index that are not `FREE`.
    taken: usize,
    live: usize,
    next: u64,
}

/// A name in memory of its own, for which a directory has room.
pub struct Name {
    text: Box<[u8]>,
    hash: u32,
}

fn hash_of(name: &[u8]) -> u32 {
    dentry::hash_of(name) as u32
}

impl Entries {
    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }
    /// How many names there are.
    pub fn count(&self) -> usize {
        self.live
    }
    /// What they name.
    pub fn inodes(&self) -> impl Iterator<Item = &Arc<Inode>> {
        (0..self.slots.len()).filter_map(|slot| self.slots.get(slot)?.as_ref()).map(|entry| &entry.inode)
    }
    /// The inode behind a name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Inode>> {
        let (_, slot) = self.find(name)?;
        self.slots.get(slot)?.as_ref().map(|entry| &entry.inode)
    }
    /// Where a name is: its place in the index (if there is one), and its slot.
    fn find(&self, name: &[u8]) -> Option<(Option<usize>, usize)> {
        let hash = hash_of(name);
        let is_it = |slot: usize| {
            let entry = self.slots.get(slot).and_then(Option::as_ref);
            entry.is_some_and(|entry| entry.hash == hash && *entry.name == *name)
        };
        if self.index.is_empty() {
            return (0..self.slots.len()).find(|slot| is_it(*slot)).map(|slot| (None, slot));
        }
        for place in self.places(hash) {
            match self.index.get(place) {
                Some(&slot) if slot < GONE => {
                    if is_it(slot as usize) {
                        return Some((Some(place), slot as usize));
                    }
                }
                Some(&GONE) => {}
                _ => return None,
            }
        }
        None
    }
    /// The places where a hash may be, in the order in which they are looked at; none without an index.
    fn places(&self, hash: u32) -> impl Iterator<Item = usize> + use<> {
        let length = self.index.len();
        (0..length).map(move |step| (hash as usize).wrapping_add(step) & (length - 1))
    }
    /// Takes memory for a name that is to be added; ENOMEM.
    pub fn prepare(&mut self, name: &[u8]) -> Result<Name> {
        let mut text = Vec::new();
        text.try_reserve_exact(name.len())?;
        text.extend_from_slice(name);
        self.slots.reserve()?;
        if self.live >= UNINDEXED && (self.taken + 1) * 4 > self.index.len() * 3 {
            let mut index = Chunked::new();
            for _ in 0..(self.live * 4).next_power_of_two() {
                index.push(FREE)?;
            }
            self.index = index;
            self.fill_index();
        }
        Ok(Name { text: text.into_boxed_slice(), hash: hash_of(name) })
    }
    fn fill_index(&mut self) {
        self.index.iter_mut().for_each(|place| *place = FREE);
        self.taken = 0;
        for slot in 0..self.slots.len() {
            if let Some(Some(entry)) = self.slots.get(slot) {
                self.note(entry.hash, slot);
            }
        }
    }
    fn note(&mut self, hash: u32, slot: usize) {
        let free = self.places(hash).find(|place| self.index.get(*place).is_some_and(|slot| *slot >= GONE));
        if let Some(place) = free.and_then(|place| self.index.get_mut(place)) {
            self.taken += usize::from(*place == FREE);
            *place = slot as u32;
        }
    }
    /// Adds a name that is not there yet.
    pub fn insert(&mut self, Name { text: name, hash }: Name, inode: Arc<Inode>) {
        let cursor = self.next.max(FIRST_CURSOR);
        self.next = cursor + 1;
        // There is room: the name was made for it.
        if self.slots.push(Some(Entry { cursor, hash, name, inode })).is_ok() {
            self.live += 1;
            if !self.index.is_empty() {
                self.note(hash, self.slots.len() - 1);
            }
        }
    }
    /// Removes a name; the inode behind it.
    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<Inode>> {
        let (place, slot) = self.find(name)?;
        if let Some(place) = place.and_then(|place| self.index.get_mut(place)) {
            *place = GONE;
        }
        let entry = self.slots.get_mut(slot)?.take()?;
        self.live -= 1;
        while let Some(None) = self.slots.last() {
            self.slots.pop();
        }
        if self.live == 0 {
            (self.slots, self.index, self.taken) = (Chunked::new(), Chunked::new(), 0);
        } else if self.slots.len() > 2 * self.live.max(UNINDEXED) {
            self.slots.retain(Option::is_some);
            self.fill_index();
        }
        Some(entry.inode)
    }
    /// Puts another inode behind a name that is there.
    pub fn exchange(&mut self, name: &[u8], inode: Arc<Inode>) {
        let slot = self.find(name).and_then(|(_, slot)| self.slots.get_mut(slot)?.as_mut());
        if let Some(entry) = slot {
            entry.inode = inode;
        }
    }
    /// Cursor, name and inode of the names from a cursor on.
    pub fn from(&self, cursor: u64) -> impl Iterator<Item = (u64, &[u8], &Arc<Inode>)> {
        // A hole may have had any cursor between its neighbours': the search is among names that are there.
        let mut first = self.slots.len();
        let (mut low, mut high) = (0, self.slots.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let here =
                (middle..).zip(self.slots.iter_from(middle)).find_map(|(slot, entry)| Some((slot, entry.as_ref()?)));
            match here {
                Some((slot, entry)) if entry.cursor < cursor => low = slot + 1,
                Some((slot, _)) => (first, high) = (slot, middle),
                None => high = middle,
            }
        }
        self.slots.iter_from(first).flatten().map(|entry| (entry.cursor, &*entry.name, &entry.inode))
    }
    /// All inodes.
    pub fn into_inodes(self) -> impl Iterator<Item = Arc<Inode>> {
        self.slots.into_values().flatten().map(|entry| entry.inode)
    }
}
