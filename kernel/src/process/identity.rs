//! User and group ids (credentials(7)): getuid(2) to setfsgid(2), getgroups(2).
use super::Task;
use super::credentials::{Capability, Credentials, securebit};
use crate::error::*;
use crate::syscall::UserPtr;
use alloc::vec::Vec;

/// "Leave it as it is", and an id that names nobody.
const UNCHANGED: u32 = u32::MAX;
/// Most supplementary groups (NGROUPS_MAX).
const GROUPS_MAX: u32 = 65_536;

/// The kernel's number of a user given by a call. EINVAL.
fn known_user(task: &Task, user: u32) -> Result<u32> {
    task.with_credentials(|own| own.namespace.known_user(user))
}
/// The kernel's number of a group given by a call. EINVAL.
fn known_group(task: &Task, group: u32) -> Result<u32> {
    task.with_credentials(|own| own.namespace.known_group(group))
}
/// As `known_user`, where -1 leaves one as it is.
fn given_user(task: &Task, user: u32) -> Result<u32> {
    if user == UNCHANGED { Ok(user) } else { known_user(task, user) }
}
/// As `known_group`, where -1 leaves one as it is.
fn given_group(task: &Task, group: u32) -> Result<u32> {
    if group == UNCHANGED { Ok(group) } else { known_group(task, group) }
}

/// getuid(2).
pub fn getuid(task: &Task) -> Result<u32> {
    Ok(task.with_credentials(|own| own.namespace.user(own.user)))
}
/// geteuid(2).
pub fn geteuid(task: &Task) -> Result<u32> {
    Ok(task.with_credentials(|own| own.namespace.user(own.effective_user)))
}
/// getgid(2).
pub fn getgid(task: &Task) -> Result<u32> {
    Ok(task.with_credentials(|own| own.namespace.group(own.group)))
}
/// getegid(2).
pub fn getegid(task: &Task) -> Result<u32> {
    Ok(task.with_credentials(|own| own.namespace.group(own.effective_group)))
}
/// getresuid(2).
pub fn getresuid(task: &Task, real: UserPtr<u32>, effective: UserPtr<u32>, saved: UserPtr<u32>) -> Result<()> {
    let own = task.credentials();
    real.write(task, &own.namespace.user(own.user))?;
    effective.write(task, &own.namespace.user(own.effective_user))?;
    saved.write(task, &own.namespace.user(own.saved_user))
}
/// getresgid(2).
pub fn getresgid(task: &Task, real: UserPtr<u32>, effective: UserPtr<u32>, saved: UserPtr<u32>) -> Result<()> {
    let own = task.credentials();
    real.write(task, &own.namespace.group(own.group))?;
    effective.write(task, &own.namespace.group(own.effective_group))?;
    saved.write(task, &own.namespace.group(own.saved_group))
}

/// Capabilities of file access, which follow the file-system user id.
const FILE_SYSTEM_CAPABILITIES: u64 = Capability::Chown.bit()
    | Capability::Mknod.bit()
    | Capability::DacOverride.bit()
    | Capability::DacReadSearch.bit()
    | Capability::Fowner.bit()
    | Capability::Fsetid.bit()
    | Capability::LinuxImmutable.bit()
    | Capability::MacOverride.bit();

/// What changes of user ids do to capabilities: losing the last root id clears permitted, effective and ambient sets, losing
/// or gaining an effective root id clears or raises the effective set.
fn fix_up_capabilities(old: &Credentials, new: &mut Credentials) {
    if old.securebits & securebit::NO_SETUID_FIXUP != 0 {
        return;
    }
    let root = old.namespace.root_user();
    let had_root = [old.user, old.effective_user, old.saved_user].contains(&root);
    let has_root = [new.user, new.effective_user, new.saved_user].contains(&root);
    if had_root && !has_root {
        if old.securebits & securebit::KEEP_CAPABILITIES == 0 {
            new.permitted = 0;
            new.effective = 0;
        }
        new.ambient = 0;
    }
    if old.effective_user == root && new.effective_user != root {
        new.effective = 0;
    }
    if old.effective_user != root && new.effective_user == root {
        new.effective = new.permitted;
    }
}

/// setuid(2).
pub fn setuid(task: &Task, user: u32) -> Result<()> {
    let user = known_user(task, user)?;
    task.change_credentials(|new| {
        let old = new.try_copy()?;
        if old.capable_at_home(Capability::Setuid) {
            new.user = user;
            new.saved_user = user;
        } else if user != old.user && user != old.saved_user {
            return Err(EPERM);
        }
        new.effective_user = user;
        new.file_system_user = user;
        fix_up_capabilities(&old, new);
        Ok(())
    })
}

/// setreuid(2).
pub fn setreuid(task: &Task, real: u32, effective: u32) -> Result<()> {
    let (real, effective) = (given_user(task, real)?, given_user(task, effective)?);
    task.change_credentials(|new| {
        let old = new.try_copy()?;
        let privileged = || old.capable_at_home(Capability::Setuid);
        if real != UNCHANGED {
            new.user = real;
            if real != old.user && real != old.effective_user && !privileged() {
                return Err(EPERM);
            }
        }
        if effective != UNCHANGED {
            new.effective_user = effective;
            if ![old.user, old.effective_user, old.saved_user].contains(&effective) && !privileged() {
                return Err(EPERM);
            }
        }
        if real != UNCHANGED || (effective != UNCHANGED && effective != old.user) {
            new.saved_user = new.effective_user;
        }
        new.file_system_user = new.effective_user;
        fix_up_capabilities(&old, new);
        Ok(())
    })
}

/// setresuid(2).
pub fn setresuid(task: &Task, real: u32, effective: u32, saved: u32) -> Result<()> {
    let (real, effective) = (given_user(task, real)?, given_user(task, effective)?);
    let saved = given_user(task, saved)?;
    task.change_credentials(|new| {
        let old = new.try_copy()?;
        let own = [old.user, old.effective_user, old.saved_user];
        let wanted = [real, effective, saved];
        let foreign = wanted.iter().any(|user| *user != UNCHANGED && !own.contains(user));
        if foreign && !old.capable_at_home(Capability::Setuid) {
            return Err(EPERM);
        }
        let choose = |wanted: u32, own: u32| if wanted == UNCHANGED { own } else { wanted };
        new.user = choose(real, old.user);
        new.effective_user = choose(effective, old.effective_user);
        new.saved_user = choose(saved, old.saved_user);
        new.file_system_user = new.effective_user;
        fix_up_capabilities(&old, new);
        Ok(())
    })
}

/// setfsuid(2): the previous id, whether or not it could be changed.
pub fn setfsuid(task: &Task, user: u32) -> Result<u32> {
    let previous = task.with_credentials(|credentials| credentials.file_system_user);
    let root = task.with_credentials(|own| own.namespace.root_user());
    // Nobody's number for one without a place in the namespace.
    let user = known_user(task, user).unwrap_or(UNCHANGED);
    // Failures are not reported by this call.
    let _ = task.change_credentials(|new| {
        let own = [new.user, new.effective_user, new.saved_user, new.file_system_user];
        if user == UNCHANGED || !(own.contains(&user) || new.capable_at_home(Capability::Setuid)) {
            return Err(EPERM);
        }
        if new.securebits & securebit::NO_SETUID_FIXUP == 0 {
            if previous == root && user != root {
                new.effective &= !FILE_SYSTEM_CAPABILITIES;
            }
            if previous != root && user == root {
                new.effective |= new.permitted & FILE_SYSTEM_CAPABILITIES;
            }
        }
        new.file_system_user = user;
        Ok(())
    });
    Ok(task.with_credentials(|own| own.namespace.user(previous)))
}

/// setgid(2).
pub fn setgid(task: &Task, group: u32) -> Result<()> {
    let group = known_group(task, group)?;
    task.change_credentials(|new| {
        if new.capable_at_home(Capability::Setgid) {
            new.group = group;
            new.saved_group = group;
        } else if group != new.group && group != new.saved_group {
            return Err(EPERM);
        }
        new.effective_group = group;
        new.file_system_group = group;
        Ok(())
    })
}

/// setregid(2).
pub fn setregid(task: &Task, real: u32, effective: u32) -> Result<()> {
    let (real, effective) = (given_group(task, real)?, given_group(task, effective)?);
    task.change_credentials(|new| {
        let (old_real, old_effective, old_saved) = (new.group, new.effective_group, new.saved_group);
        let privileged = |own: &Credentials| own.capable_at_home(Capability::Setgid);
        if real != UNCHANGED {
            if real != old_real && real != old_effective && !privileged(new) {
                return Err(EPERM);
            }
            new.group = real;
        }
        if effective != UNCHANGED {
            if ![old_real, old_effective, old_saved].contains(&effective) && !privileged(new) {
                return Err(EPERM);
            }
            new.effective_group = effective;
        }
        if real != UNCHANGED || (effective != UNCHANGED && effective != old_real) {
            new.saved_group = new.effective_group;
        }
        new.file_system_group = new.effective_group;
        Ok(())
    })
}

/// setresgid(2).
pub fn setresgid(task: &Task, real: u32, effective: u32, saved: u32) -> Result<()> {
    let (real, effective) = (given_group(task, real)?, given_group(task, effective)?);
    let saved = given_group(task, saved)?;
    task.change_credentials(|new| {
        let own = [new.group, new.effective_group, new.saved_group];
        let foreign = [real, effective, saved].iter().any(|group| *group != UNCHANGED && !own.contains(group));
        if foreign && !new.capable_at_home(Capability::Setgid) {
            return Err(EPERM);
        }
        let choose = |wanted: u32, own: u32| if wanted == UNCHANGED { own } else { wanted };
        new.group = choose(real, new.group);
        new.effective_group = choose(effective, new.effective_group);
        new.saved_group = choose(saved, new.saved_group);
        new.file_system_group = new.effective_group;
        Ok(())
    })
}

/// setfsgid(2): the previous id, whether or not it could be changed.
pub fn setfsgid(task: &Task, group: u32) -> Result<u32> {
    let previous = task.with_credentials(|credentials| credentials.file_system_group);
    let group = known_group(task, group).unwrap_or(UNCHANGED);
    // Failures are not reported by this call.
    let _ = task.change_credentials(|new| {
        let own = [new.group, new.effective_group, new.saved_group, new.file_system_group];
        if group == UNCHANGED || !(own.contains(&group) || new.capable_at_home(Capability::Setgid)) {
            return Err(EPERM);
        }
        new.file_system_group = group;
        Ok(())
    });
    Ok(task.with_credentials(|own| own.namespace.group(previous)))
}

/// getgroups(2).
pub fn getgroups(task: &Task, size: i32, list: UserPtr<u32>) -> Result<usize> {
    let size = usize::try_from(size).map_err(|_| EINVAL)?;
    let own = task.credentials();
    if size != 0 {
        if own.groups.len() > size {
            return Err(EINVAL);
        }
        for (index, group) in own.groups.iter().enumerate() {
            list.element(task, index).write(task, &own.namespace.group(*group))?;
        }
    }
    Ok(own.groups.len())
}

/// setgroups(2).
pub fn setgroups(task: &Task, size: i32, list: UserPtr<u32>) -> Result<()> {
    let size = check_groups(task, size)?;
    let mut groups = Vec::new();
    groups.try_reserve_exact(size)?;
    for index in 0..size {
        let group = list.element(task, index).read(task)?;
        groups.push(known_group(task, group)?);
    }
    replace_groups(task, groups)
}

/// How many groups are to be set; EPERM without CAP_SETGID, EINVAL for too many.
pub(super) fn check_groups(task: &Task, size: i32) -> Result<usize> {
    if !task.with_credentials(|own| own.capable_at_home(Capability::Setgid) && own.namespace.may_set_groups()) {
        return Err(EPERM);
    }
    u32::try_from(size).ok().filter(|size| *size <= GROUPS_MAX).map(|size| size as usize).ok_or(EINVAL)
}

/// Sets the supplementary groups.
pub(super) fn replace_groups(task: &Task, mut groups: Vec<u32>) -> Result<()> {
    crate::sort::by_key(&mut groups, |group| *group);
    task.change_credentials(|new| {
        new.groups = groups;
        Ok(())
    })
}
