//! Semaphore sets: semget(2), semop(2), semtimedop(2), semctl(2).
mod control;
mod operate;
mod state;
mod undo;

pub use control::{control, semctl};
pub use operate::{Operation, operate, semop, semtimedop};
pub use undo::{UndoList, inherit, leave};

use super::get::{Room, get};
use super::permissions::{PermissionValues, Permissions};
use super::table::Object;
use super::{IpcNamespace, namespace, now};
use crate::error::*;
use crate::process::Task;
use crate::sync::{Mutex, rank};
use alloc::sync::Arc;
use machine::collections::{TreeLinked, TreeLinks};
use state::State;

/// A semaphore set.
pub struct SemaphoreSet {
    permissions: Permissions,
    links: TreeLinks,
    /// How many semaphores it has.
    count: usize,
    state: Mutex<State>,
}
impl TreeLinked for SemaphoreSet {
    fn tree_links(&self) -> &TreeLinks {
        &self.links
    }
}
impl Object for SemaphoreSet {
    fn permissions(&self) -> &Permissions {
        &self.permissions
    }
    fn weight(&self) -> u64 {
        self.count as u64
    }
}

/// What semctl(2) tells of a set.
#[allow(missing_docs)]
pub struct Status {
    pub permissions: PermissionValues,
    pub operation_time: i64,
    pub change_time: i64,
    pub count: usize,
}

impl SemaphoreSet {
    fn new(task: &Task, key: i32, count: usize, flags: u32) -> Result<Arc<SemaphoreSet>> {
        let state = State::new(count, now())?;
        Ok(machine::memory::try_arc(SemaphoreSet {
            permissions: Permissions::new(task, key, flags),
            links: TreeLinks::new(),
            count,
            state: Mutex::new(rank::IPC_OBJECT, state),
        })?)
    }
    /// Its id.
    pub fn id(&self) -> i32 {
        self.permissions.id()
    }
    /// What it is now.
    pub fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            permissions: self.permissions.values(),
            operation_time: state.operation_time,
            change_time: state.change_time,
            count: self.count,
        }
    }
    /// Takes it away: who waits gets EIDRM, and nothing is left to undo.
    fn remove(&self, space: &IpcNamespace) {
        if space.semaphores.remove(self) {
            self.state.lock().remove();
        }
    }
}

/// semget(2).
pub fn semget(task: &Task, key: i32, count: i32, flags: u32) -> Result<i32> {
    let space = namespace(task);
    let [of_set, all, _, sets] = space.limits.semaphores();
    let count = usize::try_from(count).ok().filter(|count| *count <= of_set as usize).ok_or(EINVAL)?;
    let room = Room { objects: sets, weight: all.into() };
    let has_enough = |found: &SemaphoreSet| if count > found.count { Err(EINVAL) } else { Ok(()) };
    get(&space.semaphores, task, key, flags, room, has_enough, || {
        if count == 0 {
            return Err(EINVAL);
        }
        if space.semaphores.usage().total + count as u64 > u64::from(all) {
            return Err(ENOSPC);
        }
        SemaphoreSet::new(task, key, count, flags)
    })
}
