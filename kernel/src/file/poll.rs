//! Readiness: poll(2) events and registration.
use crate::wait::{Target, WaitQueue, Waiter};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{BitAnd, BitOr, BitOrAssign};

/// A set of poll(2) events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PollEvents(pub u32);
#[allow(missing_docs)]
impl PollEvents {
    pub const NONE: PollEvents = PollEvents(0);
    pub const IN: PollEvents = PollEvents(1);
    pub const PRI: PollEvents = PollEvents(2);
    pub const OUT: PollEvents = PollEvents(4);
    pub const ERR: PollEvents = PollEvents(8);
    pub const HUP: PollEvents = PollEvents(0x10);
    pub const NVAL: PollEvents = PollEvents(0x20);
    pub const RDNORM: PollEvents = PollEvents(0x40);
    pub const RDBAND: PollEvents = PollEvents(0x80);
    pub const WRNORM: PollEvents = PollEvents(0x100);
    pub const WRBAND: PollEvents = PollEvents(0x200);
    pub const MSG: PollEvents = PollEvents(0x400);
    pub const RDHUP: PollEvents = PollEvents(0x2000);
    #[inline]
    pub fn intersects(self, other: PollEvents) -> bool {
        self.0 & other.0 != 0
    }
}
impl BitOr for PollEvents {
    type Output = Self;
    #[inline]
    fn bitor(self, other: Self) -> Self {
        PollEvents(self.0 | other.0)
    }
}
impl BitAnd for PollEvents {
    type Output = Self;
    #[inline]
    fn bitand(self, other: Self) -> Self {
        PollEvents(self.0 & other.0)
    }
}
impl BitOrAssign for PollEvents {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0
    }
}

/// Collects the wait queues of the files being polled.
///
/// Queues are handed over by reference count, so that an entry can be taken off again whatever became of the file.
pub struct PollTable<'a> {
    register: &'a mut dyn FnMut(&Arc<WaitQueue>),
}
impl<'a> PollTable<'a> {
    /// A table that hands each queue to `register` (which adds an entry and remembers it).
    pub fn new(register: &'a mut dyn FnMut(&Arc<WaitQueue>)) -> Self {
        PollTable { register }
    }
    /// Called by a file's `poll` for each queue whose wake-ups matter, before it looks at its state.
    pub fn wait_on(&mut self, queue: &Arc<WaitQueue>) {
        (self.register)(queue)
    }
}

/// The entries of one waiter on the queues of everything it polls; taken off when dropped.
#[derive(Default)]
pub struct PollEntries {
    entries: Vec<(Arc<WaitQueue>, Arc<Waiter>)>,
    failed: bool,
}
impl PollEntries {
    /// No entries.
    pub const fn new() -> Self {
        PollEntries { entries: Vec::new(), failed: false }
    }
    /// Adds an entry for the current task on a queue. Without memory the failure is noted.
    pub fn add(&mut self, queue: &Arc<WaitQueue>, target: Target, exclusive: bool) {
        let waiter = machine::memory::try_arc(Waiter::new(target, exclusive));
        match (waiter, self.entries.try_reserve(1)) {
            (Ok(waiter), Ok(())) => {
                queue.add(waiter.clone());
                self.entries.push((queue.clone(), waiter));
            }
            _ => self.failed = true,
        }
    }
    /// Whether an entry could not be made for want of memory.
    pub fn has_failed(&self) -> bool {
        self.failed
    }
    /// Whether there is none: nothing would ever wake this waiter.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
impl Drop for PollEntries {
    fn drop(&mut self) {
        for (queue, waiter) in &self.entries {
            queue.remove(waiter);
        }
    }
}
