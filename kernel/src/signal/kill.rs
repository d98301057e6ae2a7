//! Sending calls: kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2), pidfd_send_signal's core.
use super::*;
use crate::error::*;
use crate::process::session::ProcessGroup;
use crate::process::{Capability, Credentials, Task, ThreadGroup};
use crate::syscall::{Pid, UserPtr};
use alloc::sync::Arc;

/// Whether the real or effective user of the sender is the real or saved one of the target.
fn same_user(sender: &Credentials, target: &Credentials) -> bool {
    [sender.effective_user, sender.user].into_iter().any(|user| user == target.saved_user || user == target.user)
}

/// May the caller send this signal there? EINVAL for no signal's number, EPERM. SIGCONT goes anywhere within the session.
fn check_permission(caller: &Task, target: &Task, signal: u32) -> Result<()> {
    if signal >= SIGNAL_COUNT {
        return Err(EINVAL);
    }
    if Arc::ptr_eq(caller.group(), target.group()) {
        return Ok(());
    }
    let allowed = caller.with_credentials(|own| target.with_credentials(|other| same_user(own, other)))
        || caller.capable_in(&target.credentials().namespace, Capability::Kill);
    let same_session =
        || Arc::ptr_eq(caller.group().process_group().session(), target.group().process_group().session());
    match allowed || (signal == SIGCONT && same_session()) {
        true => Ok(()),
        false => Err(EPERM),
    }
}

fn signal_process(caller: &Task, process: &ThreadGroup, info: SignalInfo) -> Result<()> {
    let leader = process.leader().ok_or(ESRCH)?;
    check_permission(caller, &leader, info.signal)?;
    if info.signal == 0 {
        return Ok(());
    }
    send_to_group(process, info)
}

/// Sends to all processes of a group: success if one could be signalled, else the last error.
fn signal_group(caller: &Task, group: &ProcessGroup, info: SignalInfo) -> Result<()> {
    let mut result = Err(ESRCH);
    for process in group.members()? {
        match signal_process(caller, &process, info) {
            Ok(()) => result = Ok(()),
            error if result.is_err() => result = error,
            _ => {}
        }
    }
    result
}

/// Sends to every process but init and the caller's own.
fn signal_all(caller: &Task, info: SignalInfo) -> Result<()> {
    let (mut result, mut from, mut count) = (Ok(()), 2, 0);
    while let Some(entry) = caller.pid_namespace().find_from(from) {
        from = entry.number_in(caller.pid_namespace()).saturating_add(1);
        let Some(task) = entry.task().filter(|task| task.is_leader()) else { continue };
        if Arc::ptr_eq(task.group(), caller.group()) || task.is_kernel_thread() {
            continue;
        }
        count += 1;
        match signal_process(caller, task.group(), info) {
            Err(error) if error != EPERM => result = Err(error),
            _ => {}
        }
    }
    if count == 0 { Err(ESRCH) } else { result }
}

/// kill(2).
pub fn kill(task: &Task, pid: Pid, signal: u32) -> Result<()> {
    let info = SignalInfo::sent(signal, SI_USER, task);
    send_by_id(task, pid, info)
}

fn send_by_id(task: &Task, pid: Pid, info: SignalInfo) -> Result<()> {
    match pid.0 {
        1.. => {
            let target = task.pid_namespace().find_task(pid.0 as u32).ok_or(ESRCH)?;
            check_permission(task, &target, info.signal)?;
            if info.signal == 0 { Ok(()) } else { send::send_to_group_of(&target, info) }
        }
        0 => signal_group(task, &task.group().process_group(), info),
        -1 => signal_all(task, info),
        i32::MIN => Err(ESRCH),
        number => {
            let entry = task.pid_namespace().find(number.unsigned_abs()).ok_or(ESRCH)?;
            let group = entry.process_group().ok_or(ESRCH)?;
            signal_group(task, &group, info)
        }
    }
}

/// Finds the thread `thread` (of process `group`, if that is not 0) and sends to it.
fn send_to_id(task: &Task, group: i32, thread: i32, info: SignalInfo) -> Result<()> {
    let target = u32::try_from(thread).ok().and_then(|number| task.pid_namespace().find_task(number)).ok_or(ESRCH)?;
    if group > 0 && target.group().pid().number_in(task.pid_namespace()) as i32 != group {
        return Err(ESRCH);
    }
    check_permission(task, &target, info.signal)?;
    if info.signal == 0 {
        return Ok(());
    }
    send_to_thread(&target, info)
}

/// tgkill(2).
pub fn tgkill(task: &Task, group: Pid, thread: Pid, signal: u32) -> Result<()> {
    if thread.0 <= 0 || group.0 <= 0 {
        return Err(EINVAL);
    }
    send_to_id(task, group.0, thread.0, SignalInfo::sent(signal, SI_TKILL, task))
}

/// tkill(2).
pub fn tkill(task: &Task, thread: Pid, signal: u32) -> Result<()> {
    if thread.0 <= 0 {
        return Err(EINVAL);
    }
    send_to_id(task, 0, thread.0, SignalInfo::sent(signal, SI_TKILL, task))
}

/// Codes the kernel alone uses (and tkill's) may go to the caller's own process only.
fn check_code(task: &Task, info: &SignalInfo, target: i32) -> Result<()> {
    let reserved = info.code >= 0 || info.code == SI_TKILL;
    if reserved && task.group().id_in_own_namespace() as i32 != target { Err(EPERM) } else { Ok(()) }
}

/// rt_sigqueueinfo(2).
pub fn rt_sigqueueinfo(task: &Task, pid: Pid, signal: u32, info: UserPtr<SignalInfo>) -> Result<()> {
    let mut info = SignalInfo::read_sent(task, info, signal)?;
    info.signal = signal;
    check_code(task, &info, pid.0)?;
    if pid.0 <= 0 {
        return Err(ESRCH);
    }
    send_by_id(task, pid, info)
}

/// rt_tgsigqueueinfo(2).
pub fn rt_tgsigqueueinfo(task: &Task, group: Pid, thread: Pid, signal: u32, info: UserPtr<SignalInfo>) -> Result<()> {
    let mut info = SignalInfo::read_sent(task, info, signal)?;
    info.signal = signal;
    if thread.0 <= 0 || group.0 <= 0 {
        return Err(EINVAL);
    }
    // Linux compares with the target thread's number here.
    let reserved = info.code >= 0 || info.code == SI_TKILL;
    if reserved && task.id_in_own_namespace() as i32 != thread.0 {
        return Err(EPERM);
    }
    send_to_id(task, group.0, thread.0, info)
}

/// Sends to a process by one of its threads, with the permission check.
pub(crate) fn send_checked(caller: &Task, target: &Task, info: SignalInfo) -> Result<()> {
    check_permission(caller, target, info.signal)?;
    if info.signal == 0 { Ok(()) } else { send_to_group(target.group(), info) }
}
