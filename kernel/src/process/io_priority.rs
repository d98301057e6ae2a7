//! ioprio_set(2) and ioprio_get(2): the priority of a task's input and output. No device here has a queue that is ordered by it:
//! it is kept, inherited and told.
use super::Task;
use super::credentials::Capability;
use super::priority::for_each;
use super::schedule::Policy;
use crate::error::*;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU16, Ordering};

const WHO_PROCESS: i32 = 1;
const WHO_USER: i32 = 3;

/// Classes, in the upper three bits of a priority.
mod class {
    pub const NONE: u16 = 0;
    pub const REAL_TIME: u16 = 1;
    pub const BEST_EFFORT: u16 = 2;
    pub const IDLE: u16 = 3;
}
const CLASS_SHIFT: u32 = 13;
/// The level, in the lower bits of the rest.
const LEVEL: u16 = 7;

fn class_of(priority: u16) -> u16 {
    priority >> CLASS_SHIFT
}

/// What a task keeps of its input and output: none until a priority was set; shared with CLONE_IO.
pub struct IoContext(SpinLock<Option<Arc<AtomicU16>>>);

impl IoContext {
    /// None.
    pub const fn none() -> Self {
        IoContext(SpinLock::new(rank::LEAF, None))
    }
    /// Where it is, 0 for none; for comparison.
    pub(super) fn place(&self) -> usize {
        self.0.lock().as_ref().map_or(0, |context| Arc::as_ptr(context).addr())
    }
    /// The priority that was set.
    fn priority(&self) -> u16 {
        self.0.lock().as_ref().map_or(0, |context| context.load(Ordering::Relaxed))
    }
    fn set(&self, priority: u16) -> Result<()> {
        if let Some(context) = self.0.lock().as_ref() {
            context.store(priority, Ordering::Relaxed);
            return Ok(());
        }
        let fresh = machine::memory::try_arc(AtomicU16::new(priority))?;
        let mut place = self.0.lock();
        let unused = match &*place {
            // Somebody else has made one meanwhile.
            Some(context) => {
                context.store(priority, Ordering::Relaxed);
                Some(fresh)
            }
            None => {
                *place = Some(fresh);
                None
            }
        };
        drop(place);
        drop(unused);
        Ok(())
    }
    /// What a child gets: the same with CLONE_IO, else one of its own with the priority, if there is one.
    pub(super) fn inherit(&self, child: &IoContext, is_shared: bool) -> Result<()> {
        if self.0.lock().is_none() {
            // As it mostly is; with CLONE_IO there is one to share from now on.
            if !is_shared {
                return Ok(());
            }
            self.set(0)?;
        }
        if is_shared {
            let context = self.0.lock().clone();
            *child.0.lock() = context;
            return Ok(());
        }
        match self.priority() {
            priority if class_of(priority) == class::NONE => Ok(()),
            priority => child.set(priority),
        }
    }
}

/// EPERM for a real-time class without CAP_SYS_ADMIN or CAP_SYS_NICE, EINVAL for a class that is none, and for no class with a level.
fn check(task: &Task, priority: i32) -> Result<()> {
    let (class, level) = ((priority >> CLASS_SHIFT) as u16 & 7, priority as u16 & LEVEL);
    match class {
        class::REAL_TIME if !task.capable(Capability::SysAdmin) && !task.capable(Capability::SysNice) => Err(EPERM),
        class::REAL_TIME | class::BEST_EFFORT | class::IDLE => Ok(()),
        class::NONE if level == 0 => Ok(()),
        _ => Err(EINVAL),
    }
}

/// The priority that counts: without one of its own a task's follows from its nice value.
fn effective(task: &Task) -> u16 {
    let own = task.io_context.priority();
    if class_of(own) != class::NONE {
        return own;
    }
    let class = match task.schedule.policy() {
        Policy::Idle => class::IDLE,
        Policy::Other | Policy::Batch => class::BEST_EFFORT,
        Policy::Fifo | Policy::RoundRobin | Policy::Deadline => class::REAL_TIME,
    };
    class << CLASS_SHIFT | ((task.schedule.nice() + 20) / 5) as u16
}

/// ioprio_set(2). For a user of number 0 Linux means root, not the caller's user.
pub fn ioprio_set(task: &Task, which: i32, who: i32, priority: i32) -> Result<()> {
    check(task, priority)?;
    if !(WHO_PROCESS..=WHO_USER).contains(&which) {
        return Err(EINVAL);
    }
    let mut result = Err(ESRCH);
    let mut set = |found: &Arc<Task>| {
        if result.is_err_and(|error| error != ESRCH) {
            return;
        }
        let user = found.with_credentials(|other| other.user);
        let is_own = task.with_credentials(|own| own.effective_user == user || own.user == user);
        result = match is_own || task.capable(Capability::SysNice) {
            true => found.io_context.set(priority as u16),
            false => Err(EPERM),
        };
    };
    match (which, who) {
        (WHO_USER, 0) => super::priority::for_each_of_user(task, 0, &mut set),
        _ => for_each(task, which - WHO_PROCESS, who, &mut set)?,
    }
    result
}

/// ioprio_get(2): a process's own, or the best of several.
pub fn ioprio_get(task: &Task, which: i32, who: i32) -> Result<u32> {
    if !(WHO_PROCESS..=WHO_USER).contains(&which) {
        return Err(EINVAL);
    }
    let mut best: Option<u16> = None;
    for_each(task, which - WHO_PROCESS, who, &mut |found| {
        let priority = if which == WHO_PROCESS { found.io_context.priority() } else { effective(found) };
        best = Some(best.map_or(priority, |best| best.min(priority)));
    })?;
    best.map(u32::from).ok_or(ESRCH)
}
