//! User namespaces: whose capabilities count over what (user_namespaces(7)).
use super::count::Counts;
use super::identity::first;
use crate::error::*;
use crate::process::Credentials;
use crate::sync::Once;
use alloc::sync::Arc;
use machine::memory::try_arc;

/// A user namespace.
pub struct UserNamespace {
    inode: u64,
    parent: Option<Arc<UserNamespace>>,
    /// Depth: 0 is the first.
    level: u32,
    /// The effective user that made it, as the kernel counts users.
    owner_user: u32,
    counts: Counts,
}
static INITIAL: Once<Arc<UserNamespace>> = Once::new();

impl UserNamespace {
    /// The first one, made if it is not there yet.
    pub fn initial() -> Result<Arc<UserNamespace>> {
        if let Some(initial) = INITIAL.get() {
            return Ok(initial.clone());
        }
        let maximum = crate::process::clone::TASKS_MAXIMUM.load(core::sync::atomic::Ordering::Relaxed) / 2;
        let fresh = try_arc(UserNamespace {
            inode: first::USER,
            parent: None,
            level: 0,
            owner_user: 0,
            counts: Counts::new(maximum),
        })?;
        // Who comes second takes the first one's.
        let _ = INITIAL.set(fresh.clone());
        Ok(INITIAL.get().cloned().unwrap_or(fresh))
    }
    /// The number of its file in /proc/PID/ns.
    pub fn inode(&self) -> u64 {
        self.inode
    }
    /// The one it was made in; `None` for the first.
    pub fn parent(&self) -> Option<&Arc<UserNamespace>> {
        self.parent.as_ref()
    }
    /// Depth: 0 is the first.
    #[inline(always)]
    pub fn level(&self) -> u32 {
        self.level
    }
    /// The effective user that made it.
    pub fn owner_user(&self) -> u32 {
        self.owner_user
    }
    /// How many namespaces its users have.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
    /// Whether it is `other` or was made in it, at whatever depth.
    pub fn is_within(self: &Arc<Self>, other: &Arc<UserNamespace>) -> bool {
        let mut at = self;
        while at.level > other.level {
            let Some(parent) = &at.parent else { return false };
            at = parent;
        }
        Arc::ptr_eq(at, other)
    }
}

impl Credentials {
    /// Whether they hold a capability over what a user namespace owns: in their own one by the effective set, in one below if its
    /// owner is the effective user in their own.
    pub fn capable_in(&self, namespace: &Arc<UserNamespace>, capability: crate::process::Capability) -> bool {
        let mut at = namespace;
        loop {
            if Arc::ptr_eq(at, &self.namespace) {
                return self.effective & capability.bit() != 0;
            }
            if at.level <= self.namespace.level {
                return false;
            }
            let Some(parent) = &at.parent else { return false };
            if Arc::ptr_eq(parent, &self.namespace) && at.owner_user == self.effective_user {
                return true;
            }
            at = parent;
        }
    }
}
