//! The parent of a vfork(2), which waits.
use crate::error::*;
use crate::process::{Task, control_group};
use crate::wait::{Sleep, WaitQueue};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

/// A vfork parent waits for its child to let go of the shared memory.
pub struct VforkDone {
    done: AtomicBool,
    queue: WaitQueue,
}
impl VforkDone {
    pub(super) fn new() -> Result<Arc<VforkDone>> {
        Ok(machine::memory::try_arc(VforkDone { done: AtomicBool::new(false), queue: WaitQueue::new() })?)
    }
    fn complete(&self) {
        self.done.store(true, Ordering::Release);
        self.queue.wake_all();
    }
    /// Whether the child has let go; a fatal signal ends the wait, and the parent. Shown as D.
    pub(super) fn wait(&self, task: &Task) -> bool {
        control_group::enter_frozen(task);
        let done = || self.done.load(Ordering::Acquire).then_some(());
        let waited = self.queue.wait_until(Sleep::Killable, None, done);
        control_group::leave_frozen(task);
        waited.is_ok()
    }
}

impl Task {
    /// The task lets go of its memory (execve(2), exit): a vfork parent may go on.
    pub fn release_vfork_parent(&self) {
        let waiting = self.vfork.lock().take();
        if let Some(waiting) = waiting {
            waiting.complete();
        }
    }
}
