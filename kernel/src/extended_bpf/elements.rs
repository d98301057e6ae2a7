//! The commands on a map's elements, with Linux's checks in Linux's order.
use super::array::Array;
use super::attribute::{Attribute, read_bytes, zeroed};
use super::map::{Access, Existing, Map, OpenMap, Store};
use super::{NOT_SUPPORTED, is_privileged};
use crate::error::*;
use crate::process::Task;
use crate::syscall::UserSlice;
use core::sync::atomic::Ordering;

/// Offsets in the attribute.
mod at {
    pub const MAP: usize = 0;
    pub const KEY: usize = 8;
    pub const VALUE: usize = 16;
    pub const FLAGS: usize = 24;
    pub const END: usize = 32;
}

/// `BPF_F_LOCK`: under the lock that a value has.
const LOCKED: u64 = 4;

/// Writes to the user's memory. EFAULT.
fn put(bytes: &[u8], address: u64) -> Result<usize> {
    UserSlice::new(address, bytes.len()).write(bytes)?;
    Ok(0)
}
/// EINVAL: values have no locks, which only types can tell.
fn refuse_lock(flags: u64) -> Result<()> {
    if flags & LOCKED != 0 { Err(EINVAL) } else { Ok(()) }
}
fn key_of(map: &Map, attribute: &Attribute) -> Result<alloc::vec::Vec<u8>> {
    read_bytes(attribute.wide(at::KEY), map.key_size)
}

/// BPF_MAP_LOOKUP_ELEM: ENOENT.
pub(super) fn look_up(task: &Task, attribute: &Attribute) -> Result<usize> {
    attribute.ends_at(at::END)?;
    let flags = attribute.wide(at::FLAGS);
    if flags & !LOCKED != 0 {
        return Err(EINVAL);
    }
    let open = OpenMap::of(task, attribute.narrow(at::MAP), Access::Read)?;
    let map = open.map()?;
    refuse_lock(flags)?;
    let key = key_of(map, attribute)?;
    let mut value = zeroed(map.value_size)?;
    let is_there = match &map.store {
        Store::Array(array) => array.read(Array::index(&key), &mut value),
        Store::Hash(hash) => hash.read(&key, &mut value),
    };
    if is_there { put(&value, attribute.wide(at::VALUE)) } else { Err(ENOENT) }
}

/// BPF_MAP_UPDATE_ELEM: EEXIST, ENOENT, E2BIG.
pub(super) fn update(task: &Task, attribute: &Attribute) -> Result<usize> {
    const EXISTS: u64 = 2;
    attribute.ends_at(at::END)?;
    let open = OpenMap::of(task, attribute.narrow(at::MAP), Access::Write)?;
    let map = open.map()?;
    let flags = attribute.wide(at::FLAGS);
    refuse_lock(flags)?;
    let key = key_of(map, attribute)?;
    let value = read_bytes(attribute.wide(at::VALUE), map.value_size)?;
    let existing = match flags {
        0 => Existing::Either,
        1 => Existing::Refused,
        EXISTS => Existing::Wanted,
        _ => return Err(EINVAL),
    };
    match &map.store {
        Store::Hash(hash) => hash.set(&key, &value, existing)?,
        Store::Array(array) => {
            let index = Array::index(&key);
            if index >= array.count() {
                return Err(E2BIG);
            }
            if existing == Existing::Refused {
                return Err(EEXIST);
            }
            array.write(index, &value);
        }
    }
    Ok(0)
}

/// BPF_MAP_DELETE_ELEM: ENOENT; EINVAL for an array, whose elements are always there.
pub(super) fn delete(task: &Task, attribute: &Attribute) -> Result<usize> {
    attribute.ends_at(at::VALUE)?;
    let open = OpenMap::of(task, attribute.narrow(at::MAP), Access::Write)?;
    let map = open.map()?;
    let key = key_of(map, attribute)?;
    match &map.store {
        Store::Array(_) => Err(EINVAL),
        Store::Hash(hash) if hash.remove(&key, None) => Ok(0),
        Store::Hash(_) => Err(ENOENT),
    }
}

/// BPF_MAP_GET_NEXT_KEY: ENOENT after the last one.
pub(super) fn next_key(task: &Task, attribute: &Attribute) -> Result<usize> {
    attribute.ends_at(at::FLAGS)?;
    let open = OpenMap::of(task, attribute.narrow(at::MAP), Access::Read)?;
    let map = open.map()?;
    let key = match attribute.wide(at::KEY) {
        0 => None,
        _ => Some(key_of(map, attribute)?),
    };
    let mut next = zeroed(map.key_size)?;
    match &map.store {
        Store::Hash(hash) if hash.next_key(key.as_deref(), &mut next) => {}
        Store::Hash(_) => return Err(ENOENT),
        Store::Array(array) => {
            let index = match key.as_deref().map(Array::index) {
                Some(index) if index < array.count() => index + 1,
                _ => 0,
            };
            if index >= array.count() {
                return Err(ENOENT);
            }
            next.copy_from_slice(&index.to_ne_bytes());
        }
    }
    put(&next, attribute.wide(at::VALUE))
}

/// BPF_MAP_LOOKUP_AND_DELETE_ELEM: ENOENT; arrays do not have it.
pub(super) fn take(task: &Task, attribute: &Attribute) -> Result<usize> {
    attribute.ends_at(at::END)?;
    let flags = attribute.wide(at::FLAGS);
    if flags & !LOCKED != 0 {
        return Err(EINVAL);
    }
    let open = OpenMap::of(task, attribute.narrow(at::MAP), Access::Both)?;
    let map = open.map()?;
    refuse_lock(flags)?;
    let key = key_of(map, attribute)?;
    let mut value = zeroed(map.value_size)?;
    match &map.store {
        Store::Array(_) => Ok(NOT_SUPPORTED),
        Store::Hash(hash) if hash.remove(&key, Some(&mut value)) => put(&value, attribute.wide(at::VALUE)),
        Store::Hash(_) => Err(ENOENT),
    }
}

/// BPF_MAP_FREEZE: system calls change the map no longer. EBUSY if they did not before, EPERM without CAP_BPF.
pub(super) fn freeze(task: &Task, attribute: &Attribute) -> Result<usize> {
    attribute.ends_at(at::MAP + 4)?;
    let open = OpenMap::of(task, attribute.narrow(at::MAP), Access::Any)?;
    let map = open.map()?;
    if map.is_frozen.load(Ordering::Acquire) {
        return Err(EBUSY);
    }
    if !is_privileged(task) {
        return Err(EPERM);
    }
    if map.is_frozen.swap(true, Ordering::AcqRel) { Err(EBUSY) } else { Ok(0) }
}
