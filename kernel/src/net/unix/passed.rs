//! Files in messages (SCM_RIGHTS), from the sender's table to the receiver's.
use super::flight;
use crate::error::*;
use crate::file::File;
use crate::net::message::Rights;
use crate::process::credentials::UserRecord;
use crate::process::thread_group::Resource;
use crate::process::{Capability, Task};
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::collections::{Linked, Links, List};
use machine::memory::try_arc;

/// The files of one message.
pub struct Passed {
    links: Links,
    files: SpinLock<Vec<Arc<File>>>,
    count: usize,
}
impl Linked for Passed {
    fn links(&self) -> &Links {
        &self.links
    }
}
impl Passed {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }
    /// The files, for who receives them; ENOMEM.
    pub fn list(&self) -> Result<Vec<Arc<File>>> {
        let mut list = Vec::new();
        list.try_reserve_exact(self.count)?;
        list.extend(self.files.lock().iter().cloned());
        Ok(list)
    }
    /// Shows each file to `look`.
    pub fn each(&self, look: impl FnMut(&Arc<File>)) {
        self.files.lock().iter().for_each(look);
    }
}

/// Files that a task sends, charged to its user: ETOOMANYREFS where that has more on the way than it may have open, ENOMEM.
pub fn pass(task: &Task, files: Vec<Arc<File>>) -> Result<Arc<Rights>> {
    let user = task.credentials().record.clone();
    let on_the_way = u64::from(user.files_in_flight.load(Ordering::Relaxed));
    if on_the_way > task.group().limit(Resource::OpenFiles)
        && !task.capable(Capability::SysResource)
        && !task.capable(Capability::SysAdmin)
    {
        return Err(ETOOMANYREFS);
    }
    flight::begin(&files)?;
    let count = files.len();
    let passed = Passed { links: Links::new(), files: SpinLock::new(rank::LEAF, files), count };
    user.files_in_flight.fetch_add(count as u32, Ordering::Relaxed);
    match try_arc(passed) {
        // From here on its end takes everything back.
        Ok(files) => Ok(try_arc(Rights { files, user })?),
        Err(error) => {
            user.files_in_flight.fetch_sub(count as u32, Ordering::Relaxed);
            flight::recount();
            Err(error.into())
        }
    }
}

/// Messages' files that nobody receives, or has received, to be let go.
static ENDED: SpinLock<List<Passed>> = SpinLock::new(rank::LEAF, List::new());
/// Somebody lets them go.
static ENDING: AtomicBool = AtomicBool::new(false);

/// The last reference to a message's files is gone: takes the charge back and lets them go.
///
/// The last reference to a socket throws its queue away, and files with it, which may be sockets with queues: they go one after the
/// other here, not one within the other, which would take a kernel stack of any length.
pub fn end_passing(passed: &Arc<Passed>, user: &UserRecord) {
    user.files_in_flight.fetch_sub(passed.count as u32, Ordering::Relaxed);
    flight::end(passed);
    // It was on no list.
    let refused = ENDED.lock().push_back(passed.clone());
    drop(refused);
    loop {
        if ENDING.swap(true, Ordering::AcqRel) {
            return;
        }
        loop {
            let next = ENDED.lock().pop_front();
            let Some(next) = next else { break };
            let files = core::mem::take(&mut *next.files.lock());
            drop(files);
        }
        ENDING.store(false, Ordering::Release);
        if ENDED.lock().is_empty() {
            return;
        }
    }
}
