//! Pending signals: a set, and what came with them in order of arrival.
use super::{SIGRTMIN, SYNCHRONOUS, SignalInfo, SignalSet, set_of};
use crate::process::Task;
use crate::process::credentials::UserRecord;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::collections::{Linked, Links, List};

/// A signal with its information, waiting.
pub struct Queued {
    links: Links,
    pub(super) info: SignalInfo,
    /// Whose count of pending signals it is in.
    user: Option<Arc<UserRecord>>,
    /// It waits, so that it counts there; not while it is kept for another signal.
    counts: bool,
}
impl Linked for Queued {
    fn links(&self) -> &Links {
        &self.links
    }
}
impl Queued {
    #[inline]
    pub(super) fn new(info: &SignalInfo, user: Option<Arc<UserRecord>>) -> Option<Arc<Queued>> {
        machine::memory::try_arc(Queued { links: Links::new(), info: *info, user, counts: true }).ok()
    }
    /// Ends its count: it has been taken, or forgotten.
    fn retire(&mut self) {
        if let Some(user) = &self.user
            && core::mem::take(&mut self.counts)
        {
            user.pending_signals.fetch_sub(1, Ordering::Relaxed);
        }
    }
    /// Gives one that is kept another signal, if it is of the receiver's user.
    fn reuse(&mut self, info: &SignalInfo, receiver: Option<&Task>) -> bool {
        let Some(user) = &self.user else { return false };
        if !receiver.is_some_and(|task| task.with_credentials(|credentials| Arc::ptr_eq(&credentials.record, user))) {
            return false;
        }
        user.pending_signals.fetch_add(1, Ordering::Relaxed);
        self.counts = true;
        self.info = *info;
        true
    }
}
impl Drop for Queued {
    fn drop(&mut self) {
        self.retire();
    }
}

/// What is left of a signal taken from a queue: its entry, if it had one. To be dropped without locks.
pub(super) struct Taken(Option<Arc<Queued>>);

/// An entry without a signal, so that the next signal needs no memory: a process that gets one signal at a time has one.
pub(super) struct Kept(Option<Arc<Queued>>);

impl Kept {
    pub(super) const fn new() -> Self {
        Kept(None)
    }
    /// Keeps what is left of a signal, and gives what is to be dropped.
    #[inline]
    pub(super) fn put(&mut self, mut taken: Taken) -> Taken {
        match taken.0.as_mut().and_then(Arc::get_mut) {
            Some(entry) => {
                entry.retire();
                core::mem::swap(&mut self.0, &mut taken.0);
                taken
            }
            None => taken,
        }
    }
    /// The entry with another signal in it, if there is one that its receiver may have.
    #[inline]
    pub(super) fn take(&mut self, info: &SignalInfo, receiver: Option<&Task>) -> Option<Arc<Queued>> {
        let entry = self.0.as_mut().and_then(Arc::get_mut)?;
        if entry.reuse(info, receiver) { self.0.take() } else { None }
    }
}

/// The signals pending for a thread or a process.
pub struct Queue {
    bits: SignalSet,
    /// Signals of the kernel's that are pending without an entry.
    from_kernel: SignalSet,
    entries: List<Queued>,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Queue { bits: 0, from_kernel: 0, entries: List::new() }
    }
    pub(super) fn bits(&self) -> SignalSet {
        self.bits
    }
    pub(super) fn has(&self, signal: u32) -> bool {
        self.bits & set_of(signal) != 0
    }
    /// The information of the entry at a place.
    pub(super) fn at(&self, index: usize) -> Option<SignalInfo> {
        self.entries.iter().nth(index).map(|entry| entry.info)
    }
    /// Adds a signal; without an entry only that it is pending is known.
    pub(super) fn add(&mut self, signal: u32, from_kernel: bool, entry: Option<Arc<Queued>>) {
        self.bits |= set_of(signal);
        match entry {
            Some(entry) => {
                // A new entry is on no list.
                let _ = self.entries.push_back(entry);
            }
            None if from_kernel => self.from_kernel |= set_of(signal),
            None => {}
        }
    }
    /// Takes the next signal that is not in `blocked`, and says in `info` what came with it: synchronous ones first, then by
    /// number; equal ones in order of arrival.
    #[inline]
    pub(super) fn take(&mut self, blocked: SignalSet, info: &mut SignalInfo) -> Option<Taken> {
        let ready = self.bits & !blocked;
        let first = match ready & SYNCHRONOUS {
            0 => ready,
            synchronous => synchronous,
        };
        if first == 0 {
            return None;
        }
        Some(self.take_signal(first.trailing_zeros() + 1, info))
    }
    /// Takes the next pending signal of a set, in numerical order.
    fn take_signal(&mut self, signal: u32, info: &mut SignalInfo) -> Taken {
        let mut of_kind = self.entries.iter_arcs().filter(|entry| entry.info.signal == signal);
        let entry = of_kind.next().cloned();
        let more = signal >= SIGRTMIN && of_kind.next().is_some();
        drop(of_kind);
        if !more {
            self.bits &= !set_of(signal);
        }
        match entry {
            Some(entry) => {
                self.entries.remove(&entry);
                *info = entry.info;
                return Taken(Some(entry));
            }
            None if self.from_kernel & set_of(signal) != 0 => {
                self.from_kernel &= !set_of(signal);
                *info = SignalInfo::kernel(signal);
            }
            // Its information was lost for want of memory.
            None => *info = SignalInfo { signal, ..SignalInfo::default() },
        }
        Taken(None)
    }
    /// Forgets the signals of a set; the entries go to `dropped`, to be dropped without locks.
    pub(super) fn forget(&mut self, signals: SignalSet, dropped: &mut List<Queued>) {
        if self.bits & signals != 0 {
            self.bits &= !signals;
            self.from_kernel &= !signals;
            self.entries.drain_into(dropped, |entry| set_of(entry.info.signal) & signals != 0);
        }
    }
}
