//! Who is to be told of an object by signals.
use super::{Reason, SignalOwner};
use crate::error::*;
use crate::file::File;
use crate::sync::{SpinLock, rank};
use crate::syscall::Fd;
use alloc::{sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicU32, Ordering};

/// An open file that asked for signals.
struct Entry {
    /// The file's address, which says whose entry it is.
    file: usize,
    /// The descriptor that it asked by: `si_fd`.
    descriptor: Fd,
    owner: Arc<SignalOwner>,
    /// Grows along the list.
    sequence: u64,
}

/// The open files that asked for signals of one object's readiness, oldest first.
pub struct SignalList {
    /// How many there are, so that nothing is done while there are none.
    count: AtomicU32,
    entries: SpinLock<Vec<Entry>>,
}

impl Default for SignalList {
    fn default() -> Self {
        Self::new()
    }
}

fn address(file: &File) -> usize {
    core::ptr::from_ref(file).addr()
}

impl SignalList {
    /// Nobody asks.
    pub const fn new() -> Self {
        SignalList { count: AtomicU32::new(0), entries: SpinLock::new(rank::SIGNAL_LIST, Vec::new()) }
    }
    /// Notes a file; one that is there already gets the new descriptor. ENOMEM.
    pub(super) fn add(&self, file: &File, descriptor: Fd, owner: &Arc<SignalOwner>) -> Result<()> {
        let mut room: Vec<Entry> = Vec::new();
        loop {
            let mut entries = self.entries.lock();
            if let Some(entry) = entries.iter_mut().find(|entry| entry.file == address(file)) {
                entry.descriptor = descriptor;
                return Ok(());
            }
            if entries.len() == entries.capacity() {
                let wanted = entries.len() + 1;
                if room.capacity() < wanted {
                    // Room is made outside the lock: nothing allocates under a spin lock.
                    drop(entries);
                    room.try_reserve_exact(wanted.next_power_of_two())?;
                    continue;
                }
                room.append(&mut entries);
                core::mem::swap(&mut *entries, &mut room);
            }
            let sequence = entries.last().map_or(1, |last| last.sequence + 1);
            entries.push(Entry { file: address(file), descriptor, owner: owner.clone(), sequence });
            self.count.store(entries.len() as u32, Ordering::Release);
            drop(entries);
            return Ok(());
        }
    }
    /// Forgets a file; whether it was here.
    pub(super) fn remove(&self, file: &File) -> bool {
        let mut entries = self.entries.lock();
        let place = entries.iter().position(|entry| entry.file == address(file));
        let gone = place.map(|place| entries.remove(place));
        self.count.store(entries.len() as u32, Ordering::Release);
        drop(entries);
        gone.is_some()
    }
    /// Forgets all files: none of them becomes ready any more.
    pub fn clear(&self) {
        let mut entries = self.entries.lock();
        let gone = core::mem::take(&mut *entries);
        self.count.store(0, Ordering::Release);
        drop(entries);
        drop(gone);
    }
    /// Whether somebody asks.
    #[inline(always)]
    pub fn is_used(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }
    /// Sends signals to all that ask. No lock is held that ranks after those of processes, since signals need memory.
    #[inline(always)]
    pub fn notify(&self, reason: Reason) {
        if self.is_used() {
            self.for_each(|owner, descriptor| owner.send(descriptor, reason));
        }
    }
    /// Sends signals of something urgent: to those that chose a signal only, the others get SIGURG from elsewhere.
    pub fn notify_urgent(&self) {
        if self.is_used() {
            self.for_each(|owner, descriptor| {
                if owner.signal() != 0 {
                    owner.send(descriptor, Reason::Priority);
                }
            });
        }
    }
    /// Newest first, as on Linux; entries that come and go meanwhile may be seen or not.
    #[cold]
    fn for_each(&self, tell: impl Fn(&SignalOwner, Fd)) {
        let mut below = u64::MAX;
        loop {
            let next = {
                let entries = self.entries.lock();
                let entry = entries.iter().rev().find(|entry| entry.sequence < below);
                entry.map(|entry| (entry.owner.clone(), entry.descriptor, entry.sequence))
            };
            let Some((owner, descriptor, sequence)) = next else { break };
            below = sequence;
            tell(&owner, descriptor);
        }
    }
}
