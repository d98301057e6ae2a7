//! Calls about the caller's ids and per-thread addresses: getpid(2), gettid(2), set_tid_address(2), set_robust_list(2).
use super::Task;
use super::credentials::may_inspect;
use crate::error::*;
use crate::syscall::user::{UserLayout, UserWord};
use crate::syscall::{Pid, UserAddress, UserPtr};
use core::sync::atomic::Ordering;

/// getpid(2).
pub fn getpid(task: &Task) -> Result<u32> {
    Ok(task.group().id_in_own_namespace())
}
/// gettid(2).
pub fn gettid(task: &Task) -> Result<u32> {
    Ok(task.id_in_own_namespace())
}
/// getppid(2): a copied number, read without a lock.
pub fn getppid(task: &Task) -> Result<u32> {
    Ok(task.group().parent_id())
}

/// set_tid_address(2).
pub fn set_tid_address(task: &Task, address: UserAddress) -> Result<u32> {
    task.clear_child_tid.store(address.0, Ordering::Relaxed);
    Ok(task.id_in_own_namespace())
}

/// set_robust_list(2): EINVAL unless `length` is that of the head.
pub fn set_robust_list(task: &Task, head: UserAddress, length: usize) -> Result<()> {
    if length != 3 * UserWord::size(task.abi()) {
        return Err(EINVAL);
    }
    task.robust_list(task.abi()).store(head.0, Ordering::Relaxed);
    Ok(())
}

/// get_robust_list(2).
pub fn get_robust_list(task: &Task, pid: Pid, head: UserPtr<UserWord>, length: UserPtr<UserWord>) -> Result<()> {
    let address = match pid.0 {
        0 => task.robust_list(task.abi()).load(Ordering::Relaxed),
        number => {
            let number = u32::try_from(number).map_err(|_| ESRCH)?;
            let target = task.pid_namespace().find_task(number).ok_or(ESRCH)?;
            if !may_inspect(task, &target, true) {
                return Err(EPERM);
            }
            target.robust_list(task.abi()).load(Ordering::Relaxed)
        }
    };
    let size = 3 * UserWord::size(task.abi());
    length.write(task, &UserWord(size as u64))?;
    head.write(task, &UserWord(address))
}

/// personality(2): all ones only asks.
pub fn personality(task: &Task, personality: u32) -> Result<u32> {
    let old = task.personality();
    if personality != u32::MAX {
        task.set_personality(personality);
    }
    Ok(old)
}
