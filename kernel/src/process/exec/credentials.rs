//! What execve(2) makes of credentials: set-user-ID and set-group-ID bits, file capabilities, capabilities of root
//! (capabilities(7), "Transformation of capabilities during execve()").
use crate::error::{EPERM, Result};
use crate::process::namespace::Ids;
use crate::process::{Capability, Credentials};

/// SECBIT_NOROOT.
const NO_ROOT: u32 = 1;
/// SECBIT_KEEP_CAPS.
const KEEP_CAPABILITIES: u32 = 1 << 4;

/// What the file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilePrivileges {
    /// The owner, if the set-user-ID bit counts.
    pub set_user: Option<u32>,
    /// The group, if the set-group-ID bit counts.
    pub set_group: Option<u32>,
    /// File capabilities: permitted, inheritable, and whether they become effective.
    pub capabilities: Option<(u64, u64, bool)>,
}

/// The credentials after execve(2), and whether the program must distrust its environment (AT_SECURE). `may_gain` is false
/// when somebody else could use what it gains: a tracer without privileges, or a process that shares its working directory.
///
/// EPERM for a file that demands capabilities which the bounding set does not hold: the program may not know how to do without.
pub fn after_exec(old: &Credentials, file: &FilePrivileges, may_gain: bool) -> Result<(Credentials, bool)> {
    let mut new = old.try_copy()?;
    // Ids without a place in the user namespace are not taken.
    let has = |ids, id: Option<u32>| id.is_none_or(|id| old.namespace.shown(ids, id).is_some());
    if !old.no_new_privileges && has(Ids::Users, file.set_user) && has(Ids::Groups, file.set_group) {
        new.effective_user = file.set_user.unwrap_or(new.effective_user);
        new.effective_group = file.set_group.unwrap_or(new.effective_group);
    }
    new.permitted = 0;
    let mut effective = false;
    if let Some((permitted, inheritable, becomes_effective)) = file.capabilities {
        new.permitted = permitted & old.bounding | inheritable & old.inheritable;
        effective = becomes_effective;
        if effective && permitted & !new.permitted != 0 {
            return Err(EPERM);
        }
    }
    let root = old.namespace.root_user();
    let is_root = |user: u32| user == root;
    let is_set_root = is_root(new.effective_user) && !is_root(new.user);
    if old.securebits & NO_ROOT == 0 && !(file.capabilities.is_some() && is_set_root) {
        if is_root(new.effective_user) || is_root(new.user) {
            new.permitted = old.bounding | old.inheritable;
        }
        effective |= is_root(new.effective_user);
    }
    let is_set_id = new.effective_user != old.user || new.effective_group != old.group;
    let gains = new.permitted & !old.permitted != 0;
    if (is_set_id || gains) && (!may_gain || old.no_new_privileges) {
        if !old.capable_at_home(Capability::Setuid) || old.no_new_privileges {
            new.effective_user = new.user;
            new.effective_group = new.group;
        }
        new.permitted &= old.permitted;
    }
    (new.saved_user, new.file_system_user) = (new.effective_user, new.effective_user);
    (new.saved_group, new.file_system_group) = (new.effective_group, new.effective_group);
    if file.capabilities.is_some() || is_set_id {
        new.ambient = 0;
    }
    new.permitted |= new.ambient;
    new.effective = if effective { new.permitted } else { new.ambient };
    new.securebits &= !KEEP_CAPABILITIES;
    let grows = new.permitted & !new.ambient != 0;
    let is_secure = is_set_id || !is_root(new.user) && (effective || grows);
    Ok((new, is_secure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u32) -> Credentials {
        let mut credentials = Credentials::root().unwrap().try_copy().unwrap();
        (credentials.user, credentials.effective_user, credentials.saved_user) = (id, id, id);
        (credentials.group, credentials.effective_group, credentials.saved_group) = (id, id, id);
        (credentials.file_system_user, credentials.file_system_group) = (id, id);
        if id != 0 {
            (credentials.permitted, credentials.effective) = (0, 0);
        }
        credentials
    }

    #[test]
    fn root_keeps_its_capabilities_and_others_have_none() {
        let (root, secure) = after_exec(&user(0), &FilePrivileges::default(), true).unwrap();
        assert_eq!((root.permitted, root.effective), (root.bounding, root.bounding));
        assert!(!secure);
        let (other, secure) = after_exec(&user(1000), &FilePrivileges::default(), true).unwrap();
        assert_eq!((other.permitted, other.effective, other.effective_user), (0, 0, 1000));
        assert!(!secure);
    }

    #[test]
    fn set_user_id_root_gains_and_distrusts() {
        let file = FilePrivileges { set_user: Some(0), ..Default::default() };
        let (new, secure) = after_exec(&user(1000), &file, true).unwrap();
        assert_eq!((new.user, new.effective_user, new.saved_user, new.file_system_user), (1000, 0, 0, 0));
        assert_eq!(new.effective, new.bounding);
        assert!(secure);
        let (kept, secure) = after_exec(&user(1000), &file, false).unwrap();
        assert_eq!((kept.effective_user, kept.permitted), (1000, 0));
        assert!(secure);
        let mut careful = user(1000);
        careful.no_new_privileges = true;
        let (kept, secure) = after_exec(&careful, &file, true).unwrap();
        assert_eq!((kept.effective_user, kept.effective), (1000, 0));
        assert!(!secure);
    }

    #[test]
    fn ambient_capabilities_survive_a_plain_program_only() {
        let mut old = user(1000);
        (old.permitted, old.inheritable, old.ambient) = (4, 4, 4);
        let (new, secure) = after_exec(&old, &FilePrivileges::default(), true).unwrap();
        assert_eq!((new.permitted, new.effective, new.ambient), (4, 4, 4));
        assert!(!secure);
        let file = FilePrivileges { capabilities: Some((1, 0, true)), ..Default::default() };
        let (new, secure) = after_exec(&old, &file, true).unwrap();
        assert_eq!((new.permitted, new.effective, new.ambient), (1, 1, 0));
        assert!(secure);
    }
}
