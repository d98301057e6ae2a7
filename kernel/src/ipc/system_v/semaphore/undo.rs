//! What processes undo as they end (SEM_UNDO).
use super::SemaphoreSet;
use crate::chunked::Chunked;
use crate::error::*;
use crate::process::Task;
use crate::sync::{Mutex, rank};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

/// What an undo list has to undo in a set.
pub struct Undo {
    /// The number of the list.
    pub owner: u64,
    /// What is added to each semaphore.
    pub adjustments: Chunked<i16>,
}

/// The sets in which threads that share it (CLONE_SYSVSEM) have something to undo; what it is, is kept by the sets. It is undone as the last of
/// the threads lets go of the list.
pub struct UndoList {
    number: u64,
    sets: Mutex<Vec<Weak<SemaphoreSet>>>,
}

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

impl UndoList {
    fn new() -> Result<Arc<UndoList>> {
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(machine::memory::try_arc(UndoList { number, sets: Mutex::new(rank::IPC_UNDO, Vec::new()) })?)
    }
    /// The list of a task, made if it has none.
    fn of(task: &Task) -> Result<Arc<UndoList>> {
        if let Some(list) = task.undo_list.lock().clone() {
            return Ok(list);
        }
        // The task alone gives itself one.
        let list = Self::new()?;
        *task.undo_list.lock() = Some(list.clone());
        Ok(list)
    }
}

/// Makes room for what the task undoes in a set; the number of its list. ENOMEM, EIDRM.
pub fn prepare(task: &Task, set: &Arc<SemaphoreSet>) -> Result<u64> {
    let list = UndoList::of(task)?;
    let mut sets = list.sets.lock();
    if !sets.iter().any(|known| core::ptr::eq(known.as_ptr(), &raw const **set)) {
        // Those that are gone make room.
        sets.retain(|known| known.strong_count() > 0);
        sets.try_reserve(1)?;
        sets.push(Arc::downgrade(set));
    }
    drop(sets);
    let mut state = set.state.lock();
    if state.is_removed {
        return Err(EIDRM);
    }
    if !state.undos.iter().any(|undo| undo.owner == list.number) {
        let mut adjustments = Chunked::new();
        for _ in 0..set.count {
            adjustments.push(0)?;
        }
        state.undos.try_reserve(1)?;
        state.undos.push(Undo { owner: list.number, adjustments });
    }
    Ok(list.number)
}

/// A new thread shares its maker's list (CLONE_SYSVSEM). ENOMEM.
pub fn inherit(from: &Task, to: &Task) -> Result<()> {
    let list = UndoList::of(from)?;
    *to.undo_list.lock() = Some(list);
    Ok(())
}

/// The task lets go of its list, as it ends or by unshare(2).
pub fn leave(task: &Task) {
    let list = task.undo_list.lock().take();
    drop(list);
}

impl Drop for UndoList {
    fn drop(&mut self) {
        let sets = core::mem::take(self.sets.get_mut());
        for set in sets.iter().filter_map(Weak::upgrade) {
            let mut state = set.state.lock();
            let Some(place) = state.undos.iter().position(|undo| undo.owner == self.number) else { continue };
            let undo = state.undos.swap_remove(place);
            state.undo(&undo, Task::current().group().pid());
        }
    }
}
