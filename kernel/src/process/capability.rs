//! capget(2) and capset(2).
use super::Task;
use super::credentials::{ALL_CAPABILITIES, Capability};
use crate::error::*;
use crate::syscall::UserPtr;
use crate::syscall::user::plain_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const VERSION_1: u32 = 0x1998_0330;
const VERSION_2: u32 = 0x2007_1026;
const VERSION_3: u32 = 0x2008_0522;

/// `struct __user_cap_header_struct`.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Header {
    version: u32,
    pid: i32,
}
/// `struct __user_cap_data_struct`: one half of each set.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}
plain_layout!(Header, Data);

/// How many halves a version has. An unknown version is answered with the newest one in the header and EINVAL.
fn halves(task: &Task, header: UserPtr<Header>) -> Result<(Header, usize)> {
    let value = header.read(task)?;
    match value.version {
        VERSION_1 => Ok((value, 1)),
        VERSION_2 | VERSION_3 => Ok((value, 2)),
        _ => {
            header.write(task, &Header { version: VERSION_3, ..value })?;
            Err(EINVAL)
        }
    }
}

/// capget(2).
pub fn capget(task: &Task, header: UserPtr<Header>, data: UserPtr<Data>) -> Result<()> {
    let (value, halves) = match halves(task, header) {
        // Probing the version with no data is not an error, whatever the version.
        Ok(_) if data.is_null() => return Ok(()),
        Err(error) if error == EINVAL && data.is_null() => return Ok(()),
        known => known?,
    };
    let pid = u32::try_from(value.pid).map_err(|_| EINVAL)?;
    let credentials = match pid {
        0 => task.credentials(),
        pid if pid == task.id_in_own_namespace() => task.credentials(),
        pid => task.pid_namespace().find_task(pid).ok_or(ESRCH)?.credentials(),
    };
    for half in 0..halves {
        let part = |set: u64| (set >> (32 * half)) as u32;
        let value = Data {
            effective: part(credentials.effective),
            permitted: part(credentials.permitted),
            inheritable: part(credentials.inheritable),
        };
        data.element(task, half).write(task, &value)?;
    }
    Ok(())
}

/// capset(2), on the caller itself only.
pub fn capset(task: &Task, header: UserPtr<Header>, data: UserPtr<Data>) -> Result<()> {
    let (value, halves) = halves(task, header)?;
    if value.pid != 0 && value.pid != task.id_in_own_namespace() as i32 {
        return Err(EPERM);
    }
    let (mut effective, mut permitted, mut inheritable) = (0, 0, 0);
    for half in 0..halves {
        let value = data.element(task, half).read(task)?;
        effective |= u64::from(value.effective) << (32 * half);
        permitted |= u64::from(value.permitted) << (32 * half);
        inheritable |= u64::from(value.inheritable) << (32 * half);
    }
    let (effective, permitted, inheritable) =
        (effective & ALL_CAPABILITIES, permitted & ALL_CAPABILITIES, inheritable & ALL_CAPABILITIES);
    task.change_credentials(|new| {
        if !new.holds_at_home(Capability::Setpcap) && inheritable & !(new.inheritable | new.permitted) != 0 {
            return Err(EPERM);
        }
        if inheritable & !(new.inheritable | new.bounding) != 0 {
            return Err(EPERM);
        }
        if permitted & !new.permitted != 0 || effective & !permitted != 0 {
            return Err(EPERM);
        }
        new.effective = effective;
        new.permitted = permitted;
        new.inheritable = inheritable;
        new.ambient &= permitted & inheritable;
        Ok(())
    })
}
