//! What fcntl(2) and ioctl(2) say and ask of who gets an open file's signals.
use super::OwnerKind;
use super::owner::Named;
use crate::error::*;
use crate::file::File;
use crate::process::Task;
use crate::signal::SIGNAL_COUNT;
use crate::syscall::UserPtr;

fn named(file: &File) -> Named {
    file.signal_owner().map_or_else(Named::default, |owner| owner.named())
}

/// Names who has this number, 0 being nobody. ESRCH.
fn name(task: &Task, file: &File, number: u32, kind: OwnerKind) -> Result<()> {
    let bearer = match number {
        0 => None,
        number => Some(task.pid_namespace().find(number).ok_or(ESRCH)?),
    };
    if bearer.is_none() && file.signal_owner().is_none() && kind == OwnerKind::default() {
        return Ok(());
    }
    let owner = file.signal_owner_made()?;
    owner.name(task, bearer, kind, false);
    Ok(())
}

/// F_SETOWN, FIOSETOWN, SIOCSPGRP: a process, or a group if negative. ESRCH; EINVAL for the one number that has no opposite.
pub fn set_owner(task: &Task, file: &File, number: i32) -> Result<()> {
    if number == i32::MIN {
        return Err(EINVAL);
    }
    let kind = if number < 0 { OwnerKind::Group } else { OwnerKind::Process };
    name(task, file, number.unsigned_abs(), kind)
}
/// F_GETOWN, FIOGETOWN, SIOCGPGRP: negative for a group, 0 for nobody, also one that has ended.
pub fn get_owner(task: &Task, file: &File) -> i32 {
    let named = named(file);
    let number = named.number_for(task) as i32;
    if named.kind == OwnerKind::Group { -number } else { number }
}

/// F_SETOWN_EX: struct f_owner_ex. EFAULT, EINVAL, ESRCH.
pub fn set_owner_extended(task: &Task, file: &File, pointer: UserPtr<i32>) -> Result<()> {
    let (kind, number) = (pointer.read(task)?, pointer.element(task, 1).read(task)?);
    let kind = match kind {
        0 => OwnerKind::Thread,
        1 => OwnerKind::Process,
        2 => OwnerKind::Group,
        _ => return Err(EINVAL),
    };
    name(task, file, u32::try_from(number).map_err(|_| ESRCH)?, kind)
}
/// F_GETOWN_EX. EFAULT.
pub fn get_owner_extended(task: &Task, file: &File, pointer: UserPtr<i32>) -> Result<()> {
    let named = named(file);
    pointer.write(task, &(named.kind as i32))?;
    pointer.element(task, 1).write(task, &(named.number_for(task) as i32))
}
/// F_GETOWNER_UIDS: the real and the effective user of who named the owner. EFAULT.
pub fn get_owner_users(task: &Task, file: &File, pointer: UserPtr<u32>) -> Result<()> {
    let [user, effective_user] = named(file).users_for(task);
    pointer.write(task, &user)?;
    pointer.element(task, 1).write(task, &effective_user)
}

/// F_SETSIG. EINVAL for no signal's number.
pub fn set_signal(file: &File, signal: u64) -> Result<()> {
    if signal >= u64::from(SIGNAL_COUNT) {
        return Err(EINVAL);
    }
    if signal != 0 || file.signal_owner().is_some() {
        file.signal_owner_made()?.set_signal(signal as u32);
    }
    Ok(())
}
/// F_GETSIG.
pub fn get_signal(file: &File) -> u32 {
    file.signal_owner().map_or(0, |owner| owner.signal())
}
