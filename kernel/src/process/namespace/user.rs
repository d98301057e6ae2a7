//! User namespaces: whose capabilities count over what, and which ids are whose (user_namespaces(7)).
use super::count::{Charge, Counts};
use super::identity::{Kind, first, next_inode};
use super::map::IdMap;
use crate::error::*;
use crate::process::credentials::{ALL_CAPABILITIES, noted};
use crate::process::{Capability, Credentials, Task};
use crate::sync::{Mutex, Once, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::memory::try_arc;

/// What an id without a place in a namespace shows as (overflowuid).
const OVERFLOW: u32 = 65_534;
/// Most levels below the first.
const LEVELS_MAXIMUM: u32 = 32;
/// Whether who has no CAP_SYS_ADMIN may make them (kernel.unprivileged_userns_clone).
pub static UNPRIVILEGED: AtomicBool = AtomicBool::new(true);

/// Which ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Ids {
    Users,
    Groups,
    Projects,
}

/// A user namespace.
pub struct UserNamespace {
    inode: u64,
    parent: Option<Arc<UserNamespace>>,
    /// Depth: 0 is the first.
    level: u32,
    /// The effective user and group that made it, as the kernel counts them.
    owner_user: u32,
    owner_group: u32,
    maps: [Once<IdMap>; 3],
    /// Maps and `setgroups` change one at a time.
    lock: Mutex<()>,
    may_set_groups: AtomicBool,
    /// Its maker could set file capabilities outside: root may be mapped.
    maker_could_set_capabilities: bool,
    counts: Counts,
    _charge: Option<Charge>,
}
static INITIAL: Once<Arc<UserNamespace>> = Once::new();

impl UserNamespace {
    /// The first one, made if it is not there yet.
    pub fn initial() -> Result<Arc<UserNamespace>> {
        if let Some(initial) = INITIAL.get() {
            return Ok(initial.clone());
        }
        let maximum = crate::process::clone::TASKS_MAXIMUM.load(Ordering::Relaxed) / 2;
        let fresh = try_arc(UserNamespace {
            inode: first::USER,
            parent: None,
            level: 0,
            owner_user: 0,
            owner_group: 0,
            maps: [const { Once::new() }; 3],
            lock: Mutex::new(rank::USER_NAMESPACE, ()),
            may_set_groups: AtomicBool::new(true),
            maker_could_set_capabilities: true,
            counts: Counts::new(maximum),
            _charge: None,
        })?;
        // Who comes second takes the first one's.
        let _ = INITIAL.set(fresh.clone());
        Ok(INITIAL.get().cloned().unwrap_or(fresh))
    }
    /// A namespace in that of some credentials, which are to have it (CLONE_NEWUSER). ENOSPC; EPERM for who is in a changed root, or
    /// has no ids in his namespace.
    pub fn make(task: &Task, credentials: &mut Credentials) -> Result<()> {
        let parent = &credentials.namespace;
        if parent.level > LEVELS_MAXIMUM {
            return Err(ENOSPC.because("too many levels of user namespaces"));
        }
        let charge = Charge::take(parent, credentials.effective_user, Kind::User)?;
        let places = task.context().places();
        if places.root != places.namespace.root_path() {
            return Err(EPERM.because("in a changed root"));
        }
        if parent.shown(Ids::Users, credentials.effective_user).is_none()
            || parent.shown(Ids::Groups, credentials.effective_group).is_none()
        {
            return Err(EPERM.because("without ids in the own user namespace"));
        }
        let namespace = try_arc(UserNamespace {
            inode: next_inode(),
            parent: Some(parent.clone()),
            level: parent.level + 1,
            owner_user: credentials.effective_user,
            owner_group: credentials.effective_group,
            maps: [const { Once::new() }; 3],
            lock: Mutex::new(rank::USER_NAMESPACE, ()),
            may_set_groups: AtomicBool::new(parent.may_set_groups.load(Ordering::Relaxed)),
            maker_could_set_capabilities: credentials.effective & Capability::Setfcap.bit() != 0,
            counts: Counts::new(i32::MAX as u32),
            _charge: Some(charge),
        })?;
        credentials.enter(namespace);
        Ok(())
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
    /// The effective group that made it.
    pub fn owner_group(&self) -> u32 {
        self.owner_group
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
    /// A map, once it has been written.
    pub fn map(&self, ids: Ids) -> Option<&IdMap> {
        self.maps.get(ids as usize)?.get()
    }
    /// The kernel's number of an id of this namespace.
    #[inline]
    pub fn known(&self, ids: Ids, id: u32) -> Option<u32> {
        if self.level == 0 { (id != u32::MAX).then_some(id) } else { self.map(ids)?.outwards(id, 1) }
    }
    /// What an id is in this namespace, if it has a place here.
    #[inline]
    pub fn shown(&self, ids: Ids, known: u32) -> Option<u32> {
        if self.level == 0 { (known != u32::MAX).then_some(known) } else { self.map(ids)?.inwards(known) }
    }
    /// As `shown` for a user; 65534 for one without a place here.
    #[inline]
    pub fn user(&self, known: u32) -> u32 {
        if self.level == 0 { known } else { self.shown(Ids::Users, known).unwrap_or(OVERFLOW) }
    }
    /// As `user`, for a group.
    #[inline]
    pub fn group(&self, known: u32) -> u32 {
        if self.level == 0 { known } else { self.shown(Ids::Groups, known).unwrap_or(OVERFLOW) }
    }
    /// The kernel's number of a user given by a call. EINVAL.
    #[inline]
    pub fn known_user(&self, user: u32) -> Result<u32> {
        self.known(Ids::Users, user).ok_or(EINVAL)
    }
    /// The kernel's number of a group given by a call. EINVAL.
    #[inline]
    pub fn known_group(&self, group: u32) -> Result<u32> {
        self.known(Ids::Groups, group).ok_or(EINVAL)
    }
    /// The kernel's number of its root user; -1 where it has none.
    #[inline]
    pub fn root_user(&self) -> u32 {
        if self.level == 0 { 0 } else { self.known(Ids::Users, 0).unwrap_or(u32::MAX) }
    }
    /// Whether its users may set their groups (setgroups(2)): it has groups, and nobody has said "deny".
    pub fn may_set_groups(&self) -> bool {
        self.level == 0 || self.map(Ids::Groups).is_some() && self.may_set_groups.load(Ordering::Relaxed)
    }
    /// What /proc/PID/setgroups says.
    pub fn allows_setgroups(&self) -> bool {
        self.may_set_groups.load(Ordering::Relaxed)
    }
    /// Writes /proc/PID/setgroups. EPERM for taking back "deny", and for "deny" once the groups are mapped.
    pub fn set_setgroups(&self, allow: bool) -> Result<()> {
        let _guard = self.lock.lock();
        match allow {
            true if !self.allows_setgroups() => return Err(EPERM),
            false if self.level == 0 || self.map(Ids::Groups).is_some() => return Err(EPERM),
            _ => self.may_set_groups.store(allow, Ordering::Relaxed),
        }
        Ok(())
    }
    /// Writes a map for who has opened its file with `opener`'s credentials. EPERM for a second one, and for ids that the writer may
    /// not give away; EINVAL for what is no map.
    pub fn write_map(self: &Arc<Self>, task: &Task, opener: &Credentials, ids: Ids, text: &[u8]) -> Result<()> {
        let parent = self.parent.as_ref().ok_or(EPERM)?;
        if !Arc::ptr_eq(&opener.namespace, self) && !Arc::ptr_eq(&opener.namespace, parent) {
            return Err(EPERM);
        }
        let _guard = self.lock.lock();
        if self.map(ids).is_some() || ids != Ids::Projects && !opener.capable_in(self, Capability::SysAdmin) {
            return Err(EPERM);
        }
        let mut map = IdMap::parse(text)?;
        if !self.may_map(task, opener, ids, &map) {
            return Err(EPERM);
        }
        map.translate(|id, count| match parent.level {
            0 => Some(id),
            _ => parent.map(ids)?.outwards(id, count),
        })?;
        let place = self.maps.get(ids as usize).ok_or(EINVAL)?;
        place.set(map).map_err(|_| EPERM)
    }
    fn may_map(self: &Arc<Self>, task: &Task, opener: &Credentials, ids: Ids, map: &IdMap) -> bool {
        let Some(parent) = &self.parent else { return false };
        let maps_root = map.extents().iter().any(|extent| extent.outside == 0);
        if ids == Ids::Users && maps_root {
            let may = match Arc::ptr_eq(&opener.namespace, self) {
                true => self.maker_could_set_capabilities,
                false => opener.capable_in(parent, Capability::Setfcap),
            };
            if !may {
                return false;
            }
        }
        if let [only] = map.extents()
            && only.count == 1
            && self.owner_user == opener.effective_user
        {
            let known = parent.known(ids, only.outside);
            match ids {
                Ids::Users if known == Some(opener.effective_user) => return true,
                Ids::Groups if !self.allows_setgroups() && known == Some(opener.effective_group) => return true,
                _ => {}
            }
        }
        let needed = match ids {
            Ids::Users => Capability::Setuid,
            Ids::Groups => Capability::Setgid,
            Ids::Projects => return true,
        };
        task.capable_in(parent, needed) && opener.capable_in(parent, needed)
    }
}

impl Credentials {
    /// Whether they hold a capability over what a user namespace owns: in their own one by the effective set, in one below if its
    /// owner is the effective user in their own.
    pub fn capable_in(&self, namespace: &Arc<UserNamespace>, capability: Capability) -> bool {
        let mut at = namespace;
        loop {
            if Arc::ptr_eq(at, &self.namespace) {
                return self.capable_at_home(capability);
            }
            if at.level <= self.namespace.level {
                return false;
            }
            let Some(parent) = &at.parent else { return false };
            if Arc::ptr_eq(parent, &self.namespace) && at.owner_user == self.effective_user {
                return noted(true);
            }
            at = parent;
        }
    }
    /// Whether the effective set holds the capability: over what the own user namespace owns.
    #[inline]
    pub fn capable_at_home(&self, capability: Capability) -> bool {
        noted(self.holds_at_home(capability))
    }
    /// As `capable_at_home`, of what may not be needed in the end: it does not count as used.
    #[inline]
    pub fn holds_at_home(&self, capability: Capability) -> bool {
        self.effective & capability.bit() != 0
    }
    /// Whether a capability counts over what a user and a group own: they have a place in the own user namespace.
    #[inline]
    pub fn capable_over(&self, user: u32, group: u32, capability: Capability) -> bool {
        self.capable_at_home(capability)
            && (self.namespace.level == 0
                || self.namespace.shown(Ids::Users, user).is_some()
                    && self.namespace.shown(Ids::Groups, group).is_some())
    }
    /// Makes them credentials in another user namespace, with all capabilities there.
    pub fn enter(&mut self, namespace: Arc<UserNamespace>) {
        self.namespace = namespace;
        self.securebits = 0;
        self.inheritable = 0;
        self.permitted = ALL_CAPABILITIES;
        self.effective = ALL_CAPABILITIES;
        self.bounding = ALL_CAPABILITIES;
        self.ambient = 0;
    }
    /// Whether `new`, in another user namespace, can do no more than these outside: their owner has all capabilities there anyway.
    pub fn covers(&self, new: &Credentials) -> bool {
        let mut at = &new.namespace;
        while let Some(parent) = &at.parent {
            if Arc::ptr_eq(parent, &self.namespace) {
                return at.owner_user == self.effective_user;
            }
            at = parent;
        }
        false
    }
}
