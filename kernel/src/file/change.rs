//! Changing attributes: the chmod(2), chown(2) and utimensat(2) families.
use super::attributes::*;
use super::inode::Inode;
use super::notify::{self, event};
use super::path::Path;
use super::status::place_at;
use super::walk::{self, walk_flag};
use crate::error::*;
use crate::process::{Capability, Credentials, Task};
use crate::syscall::{Fd, UserLayout, UserPath, UserPtr};
use crate::time::{Timespec, Timeval};

const HERE: Fd = Fd::WORKING_DIRECTORY;
const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const AT_EMPTY_PATH: u32 = 0x1000;

/// Sets permission bits (chmod_common).
fn change_mode(task: &Task, place: &Path, mode: u32) -> Result<()> {
    place.check_writable()?;
    let inode = place.inode()?;
    let credentials = task.credentials();
    let _guard = inode.lock.write();
    inode.check_changeable()?;
    if !inode.owner_or_capable(&credentials) {
        return Err(EPERM);
    }
    let mut mode = mode & MODE_BITS;
    if mode & SET_GROUP_ID != 0
        && !credentials.in_group(inode.group())
        && !inode.is_governed_by(&credentials, Capability::Fsetid)
    {
        mode &= !SET_GROUP_ID;
    }
    let changes =
        AttributeChanges { mode: Some(mode), change_time: Some(Timestamp::now()), ..AttributeChanges::default() };
    inode.operations().set_attributes(inode, &changes)?;
    notify::changed_path(place, event::ATTRIBUTES);
    Ok(())
}
/// chmod(2).
pub fn chmod(task: &Task, path: UserPath, mode: u32) -> Result<()> {
    fchmodat(task, HERE, path, mode)
}
/// fchmodat(2).
pub fn fchmodat(task: &Task, directory: Fd, path: UserPath, mode: u32) -> Result<()> {
    change_mode(task, &walk::resolve(task, directory, &path.read()?, walk_flag::FOLLOW)?, mode)
}
/// fchmod(2).
pub fn fchmod(task: &Task, fd: Fd, mode: u32) -> Result<()> {
    change_mode(task, task.file(fd)?.path(), mode)
}

/// Whether the credentials may give an inode this owner and this group.
fn may_change_owner(credentials: &Credentials, inode: &Inode, user: Option<u32>, group: Option<u32>) -> bool {
    let owns = credentials.file_system_user == inode.user();
    let capable = || inode.is_governed_by(credentials, Capability::Chown);
    let user_allowed = user.is_none_or(|user| owns && user == inode.user() || capable());
    let own_group = |group| group == inode.group() || credentials.in_group(group);
    user_allowed && group.is_none_or(|group| owns && own_group(group) || capable())
}
/// Sets owner and group (chown_common); -1 leaves one as it is.
fn change_owner(task: &Task, place: &Path, user: u32, group: u32) -> Result<()> {
    place.check_writable()?;
    let inode = place.inode()?;
    let credentials = task.credentials();
    let namespace = &credentials.namespace;
    let user = if user == u32::MAX { None } else { Some(namespace.known_user(user)?) };
    let group = if group == u32::MAX { None } else { Some(namespace.known_group(group)?) };
    let _guard = inode.lock.write();
    if user.is_some() || group.is_some() {
        inode.check_changeable()?;
    }
    if !may_change_owner(&credentials, inode, user, group) {
        return Err(EPERM);
    }
    let mut mode = None;
    if !inode.is_directory() {
        inode.remove_capabilities();
        let before = inode.mode();
        let mut gone = before & SET_USER_ID;
        let keeps_group = credentials.in_group(inode.group()) || inode.is_governed_by(&credentials, Capability::Fsetid);
        if before & SET_GROUP_ID != 0 && (before & 0o010 != 0 || !keeps_group) {
            gone |= SET_GROUP_ID;
        }
        mode = (gone != 0).then_some(before & MODE_BITS & !gone);
    }
    let changes =
        AttributeChanges { mode, user, group, change_time: Some(Timestamp::now()), ..AttributeChanges::default() };
    inode.operations().set_attributes(inode, &changes)?;
    if mode.is_some() || user.is_some() || group.is_some() {
        notify::changed_path(place, event::ATTRIBUTES);
    }
    Ok(())
}
/// chown(2).
pub fn chown(task: &Task, path: UserPath, user: u32, group: u32) -> Result<()> {
    fchownat(task, HERE, path, user, group, 0)
}
/// lchown(2).
pub fn lchown(task: &Task, path: UserPath, user: u32, group: u32) -> Result<()> {
    fchownat(task, HERE, path, user, group, AT_SYMLINK_NOFOLLOW)
}
/// fchown(2).
pub fn fchown(task: &Task, fd: Fd, user: u32, group: u32) -> Result<()> {
    change_owner(task, task.file(fd)?.path(), user, group)
}
/// fchownat(2).
pub fn fchownat(task: &Task, directory: Fd, path: UserPath, user: u32, group: u32, flags: u32) -> Result<()> {
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(EINVAL);
    }
    change_owner(task, &place_at(task, directory, &path.read()?, flags)?, user, group)
}

/// What utimensat(2) does to one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NewTime {
    Now,
    Keep,
    Set(Timestamp),
}
impl NewTime {
    const NOW: i64 = (1 << 30) - 1;
    const OMIT: i64 = (1 << 30) - 2;
    fn from(time: Timespec) -> Result<NewTime> {
        match time.nanos {
            Self::NOW => Ok(NewTime::Now),
            Self::OMIT => Ok(NewTime::Keep),
            nanoseconds @ 0..1_000_000_000 => {
                Ok(NewTime::Set(Timestamp { seconds: time.seconds, nanoseconds: nanoseconds as u32 }))
            }
            _ => Err(EINVAL.because("nanoseconds out of range")),
        }
    }
    fn at(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            NewTime::Now => Some(now),
            NewTime::Keep => None,
            NewTime::Set(time) => Some(time),
        }
    }
}

/// Sets access and modification time (vfs_utimes).
fn change_times(task: &Task, place: &Path, times: [NewTime; 2]) -> Result<()> {
    place.check_writable()?;
    let inode = place.inode()?;
    let credentials = task.credentials();
    let _guard = inode.lock.write();
    let both_now = times == [NewTime::Now; 2];
    if !both_now {
        inode.check_changeable()?;
    } else if inode.is_immutable() {
        return Err(EPERM);
    }
    if !inode.owner_or_capable(&credentials) {
        if !both_now {
            return Err(EPERM);
        }
        inode.operations().permission(inode, &credentials, Access::WRITE)?;
    }
    let now = Timestamp::now();
    let [access, modification] = times.map(|time| time.at(now));
    let changes = AttributeChanges {
        access_time: access,
        modification_time: modification,
        change_time: Some(now),
        ..AttributeChanges::default()
    };
    inode.operations().set_attributes(inode, &changes)?;
    match (access, modification) {
        (Some(_), Some(_)) => notify::changed_path(place, event::ATTRIBUTES),
        (Some(_), None) => notify::changed_path(place, event::ACCESS),
        (None, Some(_)) => notify::changed_path(place, event::MODIFY),
        (None, None) => {}
    }
    Ok(())
}
fn set_times(task: &Task, directory: Fd, path: UserPath, times: [NewTime; 2], flags: u32) -> Result<()> {
    if path.0 == 0 && directory != HERE {
        if flags != 0 {
            return Err(EINVAL);
        }
        return change_times(task, task.file(directory)?.path(), times);
    }
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(EINVAL);
    }
    change_times(task, &place_at(task, directory, &path.read()?, flags)?, times)
}
/// utimensat(2).
pub fn utimensat<T: UserLayout + Into<Timespec>>(
    task: &Task,
    directory: Fd,
    path: UserPath,
    times: UserPtr<T>,
    flags: u32,
) -> Result<()> {
    let mut new = [NewTime::Now; 2];
    if !times.is_null() {
        let raw: [Timespec; 2] = [times.read(task)?.into(), times.element(task, 1).read(task)?.into()];
        if raw.iter().all(|time| time.nanos == NewTime::OMIT) {
            return Ok(());
        }
        new = [NewTime::from(raw[0])?, NewTime::from(raw[1])?];
    }
    set_times(task, directory, path, new, flags)
}
/// futimesat(2).
pub fn futimesat<T: UserLayout + Into<Timeval>>(
    task: &Task,
    directory: Fd,
    path: UserPath,
    times: UserPtr<T>,
) -> Result<()> {
    let mut new = [NewTime::Now; 2];
    if !times.is_null() {
        for (index, time) in new.iter_mut().enumerate() {
            let value: Timeval = times.element(task, index).read(task)?.into();
            if !(0..1_000_000).contains(&value.micros) {
                return Err(EINVAL.because("microseconds out of range"));
            }
            let nanoseconds = value.micros as u32 * 1000;
            *time = NewTime::Set(Timestamp { seconds: value.seconds, nanoseconds });
        }
    }
    set_times(task, directory, path, new, 0)
}
/// utimes(2).
pub fn utimes<T: UserLayout + Into<Timeval>>(task: &Task, path: UserPath, times: UserPtr<T>) -> Result<()> {
    futimesat(task, HERE, path, times)
}
/// utime(2): two times in seconds.
pub fn utime<T: UserLayout + Into<i64>>(task: &Task, path: UserPath, times: UserPtr<T>) -> Result<()> {
    let mut new = [NewTime::Now; 2];
    if !times.is_null() {
        for (index, time) in new.iter_mut().enumerate() {
            *time = NewTime::Set(Timestamp { seconds: times.element(task, index).read(task)?.into(), nanoseconds: 0 });
        }
    }
    set_times(task, HERE, path, new, 0)
}
