//! Who has a segment attached.
use super::super::{IpcNamespace, now};
use crate::error::*;
use crate::memory::commit;
use crate::process::Task;
use crate::process::pid::PidEntry;
use crate::sync::{SpinLock, rank};
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicI32, Ordering};

/// The areas that map a segment, counted, and what it costs while it is mapped anywhere.
pub struct Attachments {
    namespace: Weak<IpcNamespace>,
    id: AtomicI32,
    /// Pages promised.
    charged: u64,
    state: SpinLock<State>,
}

/// What changes with each attachment.
#[derive(Clone, Default)]
pub struct State {
    /// Areas that map it.
    pub attached: u64,
    /// When the last of them came, in seconds.
    pub attach_time: i64,
    /// When the last one went.
    pub detach_time: i64,
    /// The process that did it last.
    pub last: Option<Arc<PidEntry>>,
    /// It goes once nobody has it attached.
    is_marked: bool,
    /// It has gone.
    has_ended: bool,
}

impl Attachments {
    /// Nobody's; promises so many pages. ENOMEM.
    pub fn new(namespace: &Arc<IpcNamespace>, charged: u64, task: &Task) -> Result<Arc<Attachments>> {
        commit::charge(charged, task.holds(crate::process::Capability::SysAdmin))?;
        let made = machine::memory::try_arc(Attachments {
            namespace: Arc::downgrade(namespace),
            id: AtomicI32::new(-1),
            charged,
            state: SpinLock::new(rank::LEAF, State::default()),
        });
        // Once it is made, its drop takes the promise back.
        made.map_err(|_| {
            commit::release(charged);
            ENOMEM
        })
    }
    /// The segment's id, which /proc/PID/maps shows as the inode's number.
    pub fn id(&self) -> i32 {
        self.id.load(Ordering::Relaxed)
    }
    /// How it stands.
    pub fn state(&self) -> State {
        self.state.lock().clone()
    }
    /// Keeps the segment `id` while it is being attached; EIDRM if it has gone.
    pub fn hold(&self, id: i32) -> Result<()> {
        self.id.store(id, Ordering::Relaxed);
        let mut state = self.state.lock();
        if state.has_ended {
            return Err(EIDRM);
        }
        state.attached += 1;
        Ok(())
    }
    /// Ends a hold.
    pub fn release(&self) {
        self.subtract(None);
    }
    /// An area that maps it is there, made by the current task.
    pub fn attached(&self) {
        let process = Some(Task::current().group().pid().clone());
        let time = now();
        let mut state = self.state.lock();
        state.attached += 1;
        state.attach_time = time;
        let old = core::mem::replace(&mut state.last, process);
        drop(state);
        drop(old);
    }
    /// An area is gone; with the last one a segment that is marked goes. Takes the lock of the namespace's table.
    pub fn detached(&self) {
        self.subtract(Some(now()));
    }
    fn subtract(&self, time: Option<i64>) {
        let space = self.namespace.upgrade();
        let is_forced = space.as_ref().is_some_and(|space| space.limits.removal_forced.load(Ordering::Relaxed) != 0);
        let mut last = time.map(|_| Task::current().group().pid().clone());
        let mut state = self.state.lock();
        state.attached = state.attached.saturating_sub(1);
        if let Some(time) = time {
            state.detach_time = time;
            core::mem::swap(&mut state.last, &mut last);
        }
        let ends = state.end_if_unused(is_forced);
        drop(state);
        drop(last);
        if ends && let Some(space) = space {
            let found = space.segments.find(self.id()).ok();
            let own = found.filter(|segment| core::ptr::eq(&raw const *segment.attachments, self));
            if let Some(segment) = own {
                space.segments.remove(&segment);
            }
        }
    }
    /// Ends the segment if nobody has it attached, and says so; else, with `mark`, it ends once that is so.
    pub fn end_if_unused(&self, mark: bool) -> bool {
        let mut state = self.state.lock();
        state.is_marked |= mark;
        state.end_if_unused(!mark)
    }
}

impl State {
    fn end_if_unused(&mut self, even_unmarked: bool) -> bool {
        if self.attached != 0 || self.has_ended || !(self.is_marked || even_unmarked) {
            return false;
        }
        self.has_ended = true;
        true
    }
}

impl Drop for Attachments {
    fn drop(&mut self) {
        commit::release(self.charged);
    }
}
