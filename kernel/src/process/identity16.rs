//! i386's old calls with ids of 16 bits: all ones means -1, and an id that does not fit shows as 65534.
use super::{Credentials, Task, identity};
use crate::error::*;
use crate::syscall::argument::{Argument, ArgumentReader};
use crate::syscall::{Fd, UserPath, UserPtr};
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// What an id that has more than 16 bits shows as (kernel.overflowuid).
const OVERFLOW: u16 = 65_534;

/// A user or group id of 16 bits, widened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id16(u32);

impl Id16 {
    fn widened(id: u16) -> u32 {
        if id == u16::MAX { u32::MAX } else { id.into() }
    }
}

/// An id as these calls show it.
pub fn narrowed(id: u32) -> u16 {
    u16::try_from(id).unwrap_or(OVERFLOW)
}

impl Argument for Id16 {
    const TYPE: &'static str = "unsigned short";
    fn take(reader: &mut ArgumentReader) -> Self {
        Id16(Id16::widened(reader.register() as u16))
    }
    fn show(&self, task: &Task, out: &mut dyn Write) -> fmt::Result {
        (self.0 as i32).show(task, out)
    }
}

/// getuid(2).
pub fn getuid(task: &Task) -> Result<u32> {
    identity::getuid(task).map(|id| narrowed(id).into())
}
/// geteuid(2).
pub fn geteuid(task: &Task) -> Result<u32> {
    identity::geteuid(task).map(|id| narrowed(id).into())
}
/// getgid(2).
pub fn getgid(task: &Task) -> Result<u32> {
    identity::getgid(task).map(|id| narrowed(id).into())
}
/// getegid(2).
pub fn getegid(task: &Task) -> Result<u32> {
    identity::getegid(task).map(|id| narrowed(id).into())
}
/// setuid(2).
pub fn setuid(task: &Task, user: Id16) -> Result<()> {
    identity::setuid(task, user.0)
}
/// setgid(2).
pub fn setgid(task: &Task, group: Id16) -> Result<()> {
    identity::setgid(task, group.0)
}
/// setreuid(2).
pub fn setreuid(task: &Task, real: Id16, effective: Id16) -> Result<()> {
    identity::setreuid(task, real.0, effective.0)
}
/// setregid(2).
pub fn setregid(task: &Task, real: Id16, effective: Id16) -> Result<()> {
    identity::setregid(task, real.0, effective.0)
}
/// setresuid(2).
pub fn setresuid(task: &Task, real: Id16, effective: Id16, saved: Id16) -> Result<()> {
    identity::setresuid(task, real.0, effective.0, saved.0)
}
/// setresgid(2).
pub fn setresgid(task: &Task, real: Id16, effective: Id16, saved: Id16) -> Result<()> {
    identity::setresgid(task, real.0, effective.0, saved.0)
}
/// setfsuid(2).
pub fn setfsuid(task: &Task, user: Id16) -> Result<u32> {
    identity::setfsuid(task, user.0)
}
/// setfsgid(2).
pub fn setfsgid(task: &Task, group: Id16) -> Result<u32> {
    identity::setfsgid(task, group.0)
}

fn write_three(task: &Task, places: [UserPtr<u16>; 3], ids: [u32; 3]) -> Result<()> {
    places.into_iter().zip(ids).try_for_each(|(place, id)| place.write(task, &narrowed(id)))
}
/// getresuid(2).
pub fn getresuid(task: &Task, real: UserPtr<u16>, effective: UserPtr<u16>, saved: UserPtr<u16>) -> Result<()> {
    let shown = |own: &Credentials| [own.user, own.effective_user, own.saved_user].map(|id| own.namespace.user(id));
    let ids = task.with_credentials(shown);
    write_three(task, [real, effective, saved], ids)
}
/// getresgid(2).
pub fn getresgid(task: &Task, real: UserPtr<u16>, effective: UserPtr<u16>, saved: UserPtr<u16>) -> Result<()> {
    let shown = |own: &Credentials| [own.group, own.effective_group, own.saved_group].map(|id| own.namespace.group(id));
    let ids = task.with_credentials(shown);
    write_three(task, [real, effective, saved], ids)
}

/// getgroups(2).
pub fn getgroups(task: &Task, size: i32, list: UserPtr<u16>) -> Result<usize> {
    let room = usize::try_from(size).map_err(|_| EINVAL)?;
    let own = task.credentials();
    if room == 0 {
        return Ok(own.groups.len());
    }
    if own.groups.len() > room {
        return Err(EINVAL);
    }
    for (index, group) in own.groups.iter().enumerate() {
        list.element(task, index).write(task, &narrowed(own.namespace.group(*group)))?;
    }
    Ok(own.groups.len())
}
/// setgroups(2).
pub fn setgroups(task: &Task, size: i32, list: UserPtr<u16>) -> Result<()> {
    let size = identity::check_groups(task, size)?;
    let mut groups = Vec::new();
    groups.try_reserve_exact(size)?;
    for index in 0..size {
        let group = Id16::widened(list.element(task, index).read(task)?);
        groups.push(task.with_credentials(|own| own.namespace.known_group(group))?);
    }
    identity::replace_groups(task, groups)
}

/// chown(2).
pub fn chown(task: &Task, path: UserPath, user: Id16, group: Id16) -> Result<()> {
    crate::file::change::chown(task, path, user.0, group.0)
}
/// lchown(2).
pub fn lchown(task: &Task, path: UserPath, user: Id16, group: Id16) -> Result<()> {
    crate::file::change::lchown(task, path, user.0, group.0)
}
/// fchown(2).
pub fn fchown(task: &Task, fd: Fd, user: Id16, group: Id16) -> Result<()> {
    crate::file::change::fchown(task, fd, user.0, group.0)
}
