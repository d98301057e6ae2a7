//! unshare(2).
use super::Task;
use super::clone::{check_user_namespaces, flags};
use super::credentials::Capability;
use super::namespace::{Owner, UserNamespace};
use crate::error::*;
use crate::ipc::system_v::semaphore;

/// unshare(2). Nothing changes unless everything can.
pub fn unshare(task: &Task, flag_bits: u64) -> Result<()> {
    let mut bits = flag_bits & 0xffff_ffff;
    check_user_namespaces(task, bits)?;
    const KNOWN: u64 = flags::THREAD
        | flags::FS
        | flags::SIGHAND
        | flags::VM
        | flags::FILES
        | flags::SYSVSEM
        | flags::PRIVILEGED
        | flags::NEWUSER;
    if bits & flags::NEWUSER != 0 {
        bits |= flags::THREAD | flags::FS;
    }
    if bits & flags::VM != 0 {
        bits |= flags::SIGHAND;
    }
    if bits & flags::SIGHAND != 0 {
        bits |= flags::THREAD;
    }
    if bits & flags::NEWNS != 0 {
        bits |= flags::FS;
    }
    if bits & !KNOWN != 0 {
        return Err(EINVAL);
    }
    if bits & (flags::THREAD | flags::SIGHAND | flags::VM) != 0 && task.group().thread_count() > 1 {
        return Err(EINVAL);
    }
    let mut credentials = task.credentials();
    let changed = bits & flags::NEWUSER != 0;
    if changed {
        let mut own = credentials.try_copy()?;
        UserNamespace::make(task, &mut own)?;
        credentials = machine::memory::try_arc(own)?;
    }
    if bits & flags::PRIVILEGED != 0 && !task.capable_in(&credentials.namespace, Capability::SysAdmin) {
        return Err(EPERM);
    }
    let owner = Owner::of(&credentials);
    let context = match bits & (flags::FS | flags::NEWNS) {
        0 => None,
        parts if parts & flags::NEWNS != 0 => Some(task.context().copy_with_namespace(&owner)?),
        _ if task.context().users() > 1 => Some(task.context().copy()?),
        _ => None,
    };
    let files = match bits & flags::FILES != 0 && task.files().users() > 1 {
        true => Some(task.files().copy()?),
        false => None,
    };
    let namespaces = match bits & flags::IN_SET {
        0 => None,
        parts => Some(machine::memory::try_arc(task.namespaces().with_new(task, parts, &owner)?)?),
    };
    if let Some(context) = context {
        drop(task.replace_context(context));
    }
    if let Some(files) = files {
        task.replace_files(files).leave();
    }
    if bits & (flags::SYSVSEM | flags::NEWIPC) != 0 {
        semaphore::leave(task);
    }
    if let Some(namespaces) = namespaces {
        task.set_namespaces(namespaces);
    }
    if changed {
        task.set_credentials(credentials);
    }
    Ok(())
}
