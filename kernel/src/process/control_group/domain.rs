//! Threaded mode: groups below a domain that take its threads rather than processes.
use super::{ControlGroup, HIERARCHY};
use crate::error::*;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

impl ControlGroup {
    /// Whether its threads belong to the domain of a group above.
    pub fn is_threaded(&self) -> bool {
        self.domain_level.load(Ordering::Relaxed) != self.level
    }
    /// The domain: itself, or the group above whose resources its threads use.
    pub fn domain(self: &Arc<Self>) -> &Arc<ControlGroup> {
        let level = self.domain_level.load(Ordering::Relaxed);
        self.line().find(|above| above.level <= level).unwrap_or(self)
    }
    /// Whether it is a domain with threaded groups in it.
    pub fn is_thread_root(&self) -> bool {
        !self.is_threaded() && self.threaded_children.load(Ordering::Relaxed) != 0
    }
    /// Whether it could be: the root always can.
    pub(super) fn can_be_thread_root(&self) -> bool {
        self.parent().is_none() || !self.is_threaded() && !self.state.has_populated_domains()
    }
    /// Whether processes can be in it: it is not threaded, nor below what is, nor in a domain whose groups are threaded.
    pub fn is_valid_domain(self: &Arc<Self>) -> bool {
        let invalid =
            |above: &Arc<ControlGroup>| above.is_threaded() || above.parent().is_some() && above.is_thread_root();
        !self.is_threaded() && !self.line().skip(1).any(invalid)
    }
    /// What cgroup.type shows.
    pub fn kind(self: &Arc<Self>) -> &'static str {
        match () {
            () if self.is_threaded() => "threaded",
            () if !self.is_valid_domain() => "domain invalid",
            () if self.is_thread_root() => "domain threaded",
            () => "domain",
        }
    }
    /// Makes it threaded, which it stays. EOPNOTSUPP where it has tasks or what it would belong to cannot be a domain of threads;
    /// ENOENT for one that was removed.
    pub fn enable_threads(self: &Arc<Self>) -> Result<()> {
        let _tree = HIERARCHY.lock();
        let Some(parent) = self.parent().filter(|_| !self.is_dead()) else { return Err(ENOENT) };
        if self.is_threaded() {
            return Ok(());
        }
        let domain = parent.domain();
        if self.is_populated() || !domain.is_valid_domain() || !domain.can_be_thread_root() {
            return Err(EOPNOTSUPP);
        }
        let own = self.level;
        self.for_each_within(|group| {
            if Arc::ptr_eq(group, self) || group.domain_level.load(Ordering::Relaxed) == own {
                group.domain_level.store(domain.level, Ordering::Relaxed);
            }
        });
        parent.threaded_children.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
