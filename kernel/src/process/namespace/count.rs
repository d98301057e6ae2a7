//! How many namespaces the users of a user namespace have (namespaces(7), /proc/sys/user).
use super::UserNamespace;
use super::identity::{KINDS, Kind};
use crate::error::*;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

/// Counts of one user namespace.
pub struct Counts {
    maxima: [AtomicU32; KINDS],
    users: SpinLock<Vec<(u32, [u32; KINDS])>>,
}
impl Counts {
    /// With this maximum for each kind.
    pub fn new(maximum: u32) -> Counts {
        Counts {
            maxima: core::array::from_fn(|_| AtomicU32::new(maximum)),
            users: SpinLock::new(rank::LEAF, Vec::new()),
        }
    }
    /// The maximum of a kind.
    pub fn maximum(&self, kind: Kind) -> u32 {
        self.maxima.get(kind as usize).map_or(0, |maximum| maximum.load(Ordering::Relaxed))
    }
    /// Sets the maximum of a kind.
    pub fn set_maximum(&self, kind: Kind, value: u32) {
        if let Some(maximum) = self.maxima.get(kind as usize) {
            maximum.store(value, Ordering::Relaxed);
        }
    }
    /// Counts one more for the user. ENOSPC.
    fn add(&self, user: u32, kind: Kind) -> Result<()> {
        let maximum = self.maximum(kind);
        let mut room: Vec<(u32, [u32; KINDS])> = Vec::new();
        loop {
            let mut users = self.users.lock();
            if let Some((_, counts)) = users.iter_mut().find(|(other, _)| *other == user) {
                let count = counts.get_mut(kind as usize).filter(|count| **count < maximum);
                *count.ok_or(ENOSPC.because("as many namespaces of the kind as there may be"))? += 1;
                return Ok(());
            }
            if users.len() < users.capacity() {
                users.push((user, [0; KINDS]));
                continue;
            }
            if room.capacity() > users.len() {
                room.append(&mut users);
                core::mem::swap(&mut *users, &mut room);
                continue;
            }
            let wanted = users.len().saturating_mul(2).max(4);
            drop(users);
            room.try_reserve_exact(wanted)?;
        }
    }
    fn remove(&self, user: u32, kind: Kind) {
        let mut users = self.users.lock();
        let Some(place) = users.iter().position(|(other, _)| *other == user) else { return };
        if let Some((_, counts)) = users.get_mut(place) {
            if let Some(count) = counts.get_mut(kind as usize) {
                *count = count.saturating_sub(1);
            }
            if counts.iter().all(|count| *count == 0) {
                users.swap_remove(place);
            }
        }
    }
}

/// One namespace, counted for its maker and for the makers of the user namespaces above.
pub struct Charge {
    namespace: Arc<UserNamespace>,
    user: u32,
    kind: Kind,
}
impl Charge {
    /// Counts it. ENOSPC where a maximum is reached.
    pub fn take(namespace: &Arc<UserNamespace>, user: u32, kind: Kind) -> Result<Charge> {
        let (mut at, mut who) = (namespace, user);
        loop {
            if let Err(error) = at.counts().add(who, kind) {
                release(namespace, user, kind, Some(at));
                return Err(error);
            }
            match at.parent() {
                Some(parent) => (at, who) = (parent, at.owner_user()),
                None => return Ok(Charge { namespace: namespace.clone(), user, kind }),
            }
        }
    }
}
impl Drop for Charge {
    fn drop(&mut self) {
        release(&self.namespace, self.user, self.kind, None);
    }
}

/// Takes the counts back, up to but without `end`.
fn release(namespace: &Arc<UserNamespace>, user: u32, kind: Kind, end: Option<&Arc<UserNamespace>>) {
    let (mut at, mut who) = (namespace, user);
    while end.is_none_or(|end| !Arc::ptr_eq(at, end)) {
        at.counts().remove(who, kind);
        match at.parent() {
            Some(parent) => (at, who) = (parent, at.owner_user()),
            None => return,
        }
    }
}
