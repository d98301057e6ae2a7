//! unshare(2) and setns(2).
use super::Task;
use super::clone::flags;
use super::credentials::Capability;
use crate::error::*;
use crate::syscall::Fd;

/// unshare(2). Kinds of namespaces that cannot be made yet are EINVAL, as on a Linux built without them.
pub fn unshare(task: &Task, flag_bits: u64) -> Result<()> {
    let mut bits = flag_bits & 0xffff_ffff;
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
    if bits & flags::PRIVILEGED != 0 && !task.capable(Capability::SysAdmin) {
        return Err(EPERM);
    }
    if bits & (flags::UNSUPPORTED & !flags::NEWNS) != 0 {
        return Err(EINVAL.because("this kind of namespace cannot be made yet"));
    }
    if bits & flags::NEWNS != 0 {
        return Err(EINVAL.because("mount namespaces cannot be made yet"));
    }
    if bits & flags::FS != 0 {
        let copy = task.context().copy()?;
        drop(task.replace_context(copy));
    }
    if bits & flags::FILES != 0 && task.files().users() > 1 {
        let copy = task.files().copy()?;
        task.replace_files(copy).leave();
    }
    if bits & flags::NEWUTS != 0 {
        let old = task.namespaces();
        let mut set = (*old).clone();
        set.uts = old.uts.copy()?;
        task.set_namespaces(machine::memory::try_arc(set)?);
    }
    Ok(())
}

/// setns(2): no descriptor names a namespace yet, so every open one is of the wrong kind.
pub fn setns(task: &Task, fd: Fd, _kind: i32) -> Result<()> {
    task.files().get(fd)?;
    Err(EINVAL)
}
