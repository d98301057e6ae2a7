//! The objects of a kind in a namespace: by id and by key.
use super::permissions::{MOST_OBJECTS, PLACE_BITS, Permissions};
use crate::chunked::Chunked;
use crate::error::*;
use crate::sync::{RwLock, rank};
use alloc::sync::Arc;
use machine::collections::{Tree, TreeLinked};

/// Places that are used in turn before one is used again, at least.
const SHORTEST_CYCLE: usize = 64;
/// Sequence numbers begin anew here.
const SEQUENCE_END: i32 = i32::MAX >> PLACE_BITS;

/// What can be in a table.
pub trait Object: TreeLinked + Send + Sync + 'static {
    /// Its id, key and owner.
    fn permissions(&self) -> &Permissions;
    /// What it adds to the table's total.
    fn weight(&self) -> u64;
}

/// The objects of a kind. Found under the lock for reading; whoever changes an object takes the object's own lock.
pub struct Table<T: Object>(RwLock<Inner<T>>);

struct Inner<T: Object> {
    places: Chunked<Option<Arc<T>>>,
    keys: Tree<T>,
    used: usize,
    /// The sum of all weights.
    total: u64,
    /// The highest place in use.
    highest: Option<usize>,
    /// The place given out last, and the one to be tried next.
    last: Option<usize>,
    next: usize,
    sequence: i32,
    /// The id that the next object is to have (a number of /proc/sys/kernel), if any.
    wanted: Option<i32>,
}

/// What a table shows of itself.
#[derive(Clone, Copy)]
pub struct Usage {
    /// How many objects there are.
    pub used: usize,
    /// The sum of their weights.
    pub total: u64,
    /// The highest place in use, 0 without one.
    pub highest: usize,
}

impl<T: Object> Default for Table<T> {
    fn default() -> Self {
        Table(RwLock::new(
            rank::IPC_TABLE,
            Inner {
                places: Chunked::new(),
                keys: Tree::new(),
                used: 0,
                total: 0,
                highest: None,
                last: None,
                next: 0,
                sequence: 0,
                wanted: None,
            },
        ))
    }
}

/// The place of an id in the table.
fn place_of(id: i32) -> usize {
    id as usize & (MOST_OBJECTS - 1)
}

impl<T: Object> Table<T> {
    /// The object with this id; EINVAL.
    pub fn find(&self, id: i32) -> Result<Arc<T>> {
        let inner = self.0.read();
        let found = inner.places.get(place_of(id)).and_then(Option::as_ref).ok_or(EINVAL)?;
        if found.permissions().id() == id { Ok(found.clone()) } else { Err(EINVAL) }
    }
    /// The object at the place of an id; EINVAL.
    pub fn at(&self, id: i32) -> Result<Arc<T>> {
        self.0.read().places.get(place_of(id)).and_then(Option::as_ref).cloned().ok_or(EINVAL)
    }
    /// The first object at this place or behind it, and its place.
    pub fn at_or_after(&self, place: usize) -> Option<(usize, Arc<T>)> {
        let inner = self.0.read();
        let mut places = (place..).zip(inner.places.iter_from(place));
        places.find_map(|(place, object)| object.clone().map(|object| (place, object)))
    }
    /// The object with this key.
    pub fn with_key(&self, key: i32) -> Option<Arc<T>> {
        self.0.read().with_key(key)
    }
    /// How full it is.
    pub fn usage(&self) -> Usage {
        let inner = self.0.read();
        Usage { used: inner.used, total: inner.total, highest: inner.highest.unwrap_or(0) }
    }
    /// The id that the next object is to have, -1 for any.
    pub fn wanted(&self) -> i32 {
        self.0.read().wanted.unwrap_or(-1)
    }
    /// Sets the id that the next object is to have.
    pub fn want(&self, id: i32) {
        self.0.write().wanted = Some(id);
    }
    /// Puts an object in, of a table of at most `most` objects and with at most `most_weight` together; its id. Gives back the object that has
    /// got the key meanwhile. ENOSPC, ENOMEM.
    pub fn add(&self, object: &Arc<T>, most: u32, most_weight: u64) -> Result<core::result::Result<i32, Arc<T>>> {
        let mut inner = self.0.write();
        let key = object.permissions().key();
        if let Some(other) = inner.with_key(key) {
            return Ok(Err(other));
        }
        inner.add(object, most as usize, most_weight).map(Ok)
    }
    /// Takes an object out; false if it is not in any more.
    pub fn remove(&self, object: &T) -> bool {
        let mut inner = self.0.write();
        let place = place_of(object.permissions().id());
        let Some(slot) = inner.places.get_mut(place) else { return false };
        if !slot.as_ref().is_some_and(|found| core::ptr::eq(&raw const **found, object)) {
            return false;
        }
        let gone = slot.take();
        let hidden = inner.keys.remove(object);
        inner.used -= 1;
        inner.total = inner.total.saturating_sub(object.weight());
        if inner.highest == Some(place) {
            inner.highest = (0..place).rev().find(|place| matches!(inner.places.get(*place), Some(Some(_))));
        }
        drop(inner);
        drop((gone, hidden));
        true
    }
    /// Nobody finds the object by its key any more.
    pub fn hide(&self, object: &T) {
        let mut inner = self.0.write();
        let hidden = inner.keys.remove(object);
        object.permissions().forget_key();
        drop(inner);
        drop(hidden);
    }
}

impl<T: Object> Inner<T> {
    fn with_key(&self, key: i32) -> Option<Arc<T>> {
        let key = u64::from(key as u32);
        self.keys.lower_bound(key).filter(|(found, _)| *found == key).map(|(_, object)| object.clone())
    }
    fn add(&mut self, object: &Arc<T>, most: usize, most_weight: u64) -> Result<i32> {
        let total = self.total.checked_add(object.weight()).filter(|total| *total <= most_weight).ok_or(ENOSPC)?;
        if self.used >= most.min(MOST_OBJECTS) {
            return Err(ENOSPC);
        }
        let (place, sequence) = self.choose()?;
        while self.places.len() <= place {
            self.places.push(None)?;
        }
        self.wanted = None;
        self.sequence = sequence;
        let id = sequence << PLACE_BITS | place as i32;
        object.permissions().set_id(id);
        let key = object.permissions().key();
        if key != super::PRIVATE {
            // A fresh object is in no tree.
            let _ = self.keys.insert(u64::from(key as u32), object.clone());
        }
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Some(object.clone());
        }
        self.used += 1;
        self.total = total;
        self.highest = self.highest.max(Some(place));
        Ok(id)
    }
    /// A free place and the sequence number of the id there; ENOSPC. Places are used in turn, so that an id comes back late.
    fn choose(&mut self) -> Result<(usize, i32)> {
        let is_free = |place: &usize| !matches!(self.places.get(*place), Some(Some(_)));
        if let Some(id) = self.wanted {
            let place = (place_of(id)..MOST_OBJECTS).find(is_free).ok_or(ENOSPC)?;
            return Ok((place, id >> PLACE_BITS));
        }
        let end = (self.used * 3 / 2).clamp(SHORTEST_CYCLE, MOST_OBJECTS);
        let place = (self.next..end).find(is_free).or_else(|| (0..end).find(is_free)).ok_or(ENOSPC)?;
        let mut sequence = self.sequence;
        if self.last.is_some_and(|last| place <= last) {
            sequence = if sequence + 1 >= SEQUENCE_END { 0 } else { sequence + 1 };
        }
        (self.last, self.next) = (Some(place), place + 1);
        Ok((place, sequence))
    }
}
