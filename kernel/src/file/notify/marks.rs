//! Who watches an inode.
use super::directory::Request;
use super::instance::Watch;
use super::{event, instance};
use crate::error::*;
use crate::file::inode::{Inode, InodeList};
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

/// How many watches and requests there are in all: while there are none, nothing is looked at.
pub(super) static USED: AtomicU32 = AtomicU32::new(0);
/// The inodes that were ever watched, as long as they live.
pub static WATCHED: InodeList = InodeList::new();

/// The watches of one inode.
pub struct Marks {
    /// Of inotify instances, oldest first.
    watches: SpinLock<Vec<Arc<Watch>>>,
    /// Of F_NOTIFY, newest first.
    pub(super) requests: SpinLock<Vec<Request>>,
}

/// An event as it is told to who watches an inode.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    /// Bits of [`event`].
    pub mask: u32,
    /// The name in the watched directory that it happened to; `None` if it happened to the watched inode itself.
    pub name: Option<&'a [u8]>,
    /// Joins the two halves of a move.
    pub cookie: u32,
    /// It was done by way of a name that is removed.
    pub unlinked: bool,
}

/// The marks of an inode, made when it is first watched. ENOMEM.
pub(super) fn of(inode: &Arc<Inode>) -> Result<&Marks> {
    if inode.marks().is_none() {
        let fresh = Marks {
            watches: SpinLock::new(rank::SIGNAL_LIST, Vec::new()),
            requests: SpinLock::new(rank::SIGNAL_LIST, Vec::new()),
        };
        if inode.set_marks(machine::memory::try_arc(fresh)?) {
            WATCHED.add(inode)?;
        }
    }
    inode.marks().ok_or(ENOMEM)
}

impl Marks {
    /// Notes a watch. ENOMEM.
    pub(super) fn add(&self, inode: &Inode, watch: &Arc<Watch>) -> Result<()> {
        push(&self.watches, watch.clone(), false)?;
        self.note_added(inode);
        Ok(())
    }
    /// Notes that there is one more watch or request.
    pub(super) fn note_added(&self, inode: &Inode) {
        USED.fetch_add(1, Ordering::SeqCst);
        inode.set_watched(true);
    }
    /// Notes that so many went.
    pub(super) fn note_removed(&self, inode: &Inode, count: usize) {
        USED.fetch_sub(count as u32, Ordering::SeqCst);
        inode.set_watched(false);
        // What came meanwhile sets it again, and if it came before, it is seen here.
        if !self.watches.lock().is_empty() || !self.requests.lock().is_empty() {
            inode.set_watched(true);
        }
    }
    /// Forgets a watch; false if it was gone.
    pub(super) fn remove(&self, watch: &Watch) -> bool {
        let mut watches = self.watches.lock();
        let place = watches.iter().position(|other| core::ptr::eq(&raw const **other, watch));
        let gone = place.map(|place| watches.remove(place));
        drop(watches);
        if gone.is_some() {
            self.note_removed(watch.inode(), 1);
        }
        gone.is_some()
    }
    /// The watch of an instance.
    pub(super) fn find(&self, instance: &instance::Instance) -> Option<Arc<Watch>> {
        self.watches.lock().iter().find(|watch| watch.is_of(instance)).cloned()
    }
    /// Tells all that watch. No lock is held that ranks after those of processes.
    pub(super) fn tell(&self, inode: &Arc<Inode>, told: Told) {
        let mut above = 0;
        loop {
            let next = self.watches.lock().iter().find(|watch| watch.sequence() > above).cloned();
            let Some(watch) = next else { break };
            above = watch.sequence();
            if watch.wants(&told) {
                watch.queue(told);
            }
        }
        super::directory::tell(self, inode, told);
    }
    /// The inode is gone, or its file system: all watches end.
    pub(super) fn end(&self, inode: &Arc<Inode>) {
        loop {
            let next = self.watches.lock().first().cloned();
            let Some(watch) = next else { break };
            watch.end(true);
        }
        let requests = core::mem::take(&mut *self.requests.lock());
        self.note_removed(inode, requests.len());
        drop(requests);
    }
}

/// Adds to a list under a spin lock, with room made outside of it. ENOMEM.
pub(super) fn push<T>(list: &SpinLock<Vec<T>>, value: T, at_front: bool) -> Result<()> {
    let mut room: Vec<T> = Vec::new();
    loop {
        let mut entries = list.lock();
        if entries.len() < entries.capacity() {
            let place = if at_front { 0 } else { entries.len() };
            entries.insert(place, value);
            drop(entries);
            return Ok(());
        }
        let wanted = entries.len() + 1;
        if room.capacity() >= wanted {
            room.append(&mut entries);
            core::mem::swap(&mut *entries, &mut room);
            continue;
        }
        drop(entries);
        room.try_reserve_exact(wanted.next_power_of_two())?;
    }
}

impl Told<'_> {
    /// Whether a mask of bits of [`event`] has this one.
    pub(super) fn is_in(&self, mask: u32) -> bool {
        self.mask & mask & (event::ALL | event::RENAME | event::UNMOUNT) != 0
    }
}
