//! What shmget(2), semget(2) and msgget(2) have in common.
use super::table::{Object, Table};
use super::{PRIVATE, flag};
use crate::error::*;
use crate::process::Task;
use alloc::sync::Arc;

/// How many objects there may be of a kind, and what they may weigh together.
pub struct Room {
    pub objects: u32,
    pub weight: u64,
}

/// The id of the object with a key; a new one's, made by `make`, where there is none and the flags ask for it, or for IPC_PRIVATE. `fits`
/// refuses an object that is not as the caller wants it. ENOENT, EEXIST, EACCES, ENOSPC.
pub fn get<T: Object>(
    table: &Table<T>,
    task: &Task,
    key: i32,
    flags: u32,
    room: Room,
    fits: impl Fn(&T) -> Result<()>,
    make: impl FnOnce() -> Result<Arc<T>>,
) -> Result<i32> {
    let use_found = |found: &T| {
        if flags & (flag::CREATE | flag::EXCLUSIVE) == flag::CREATE | flag::EXCLUSIVE {
            return Err(EEXIST);
        }
        fits(found)?;
        found.permissions().check(task, flags)?;
        Ok(found.permissions().id())
    };
    if key != PRIVATE {
        if let Some(found) = table.with_key(key) {
            return use_found(&found);
        }
        if flags & flag::CREATE == 0 {
            return Err(ENOENT);
        }
    }
    // Made without the table's lock; somebody may make one with the same key meanwhile.
    let object = make()?;
    match table.add(&object, room.objects, room.weight)? {
        Ok(id) => Ok(id),
        Err(found) => use_found(&found),
    }
}
