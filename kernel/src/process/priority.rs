//! getpriority(2) and setpriority(2).
use super::credentials::Capability;
use super::limits::Resource;
use super::namespace::Ids;
use super::{Task, ThreadGroup};
use crate::error::*;
use alloc::sync::Arc;

const PRIO_PROCESS: i32 = 0;
const PRIO_PGRP: i32 = 1;
const PRIO_USER: i32 = 2;

/// Whether RLIMIT_NICE lets a task have this nice value.
pub(super) fn is_nice_reduction(target: &Task, nice: i32) -> bool {
    u64::try_from(20 - nice).unwrap_or(0) <= target.group().limit(Resource::Nice)
}

/// Whether RLIMIT_NICE or CAP_SYS_NICE allows the caller to give `target` a nice value.
fn may_set_nice(caller: &Task, target: &Task, nice: i32) -> bool {
    is_nice_reduction(target, nice) || caller.capable(Capability::SysNice)
}

/// Calls `visit` for the threads of a real user.
pub(super) fn for_each_of_user(task: &Task, user: u32, visit: &mut dyn FnMut(&Arc<Task>)) {
    let mut from = 1;
    while let Some(entry) = task.pid_namespace().find_from(from) {
        from = entry.number_in(task.pid_namespace()).saturating_add(1);
        if let Some(found) = entry.task().filter(|found| found.with_credentials(|own| own.user == user)) {
            visit(&found);
        }
    }
}

/// Calls `visit` for the tasks that `which` and `who` name; ESRCH is the caller's to say where there is none.
pub(super) fn for_each(task: &Task, which: i32, who: i32, visit: &mut dyn FnMut(&Arc<Task>)) -> Result<()> {
    let each_thread = |process: &Arc<ThreadGroup>, visit: &mut dyn FnMut(&Arc<Task>)| -> Result<()> {
        process.threads()?.iter().for_each(visit);
        Ok(())
    };
    match which {
        PRIO_PROCESS => {
            let number = if who == 0 { task.id_in_own_namespace() as i32 } else { who };
            let found = u32::try_from(number).ok().and_then(|number| task.pid_namespace().find_task(number));
            if let Some(found) = found {
                visit(&found);
            }
            Ok(())
        }
        PRIO_PGRP => {
            let group = match who {
                0 => Some(task.group().process_group()),
                _ => u32::try_from(who)
                    .ok()
                    .and_then(|number| task.pid_namespace().find(number))
                    .and_then(|entry| entry.process_group()),
            };
            match group {
                Some(group) => group.members()?.iter().try_for_each(|process| each_thread(process, visit)),
                None => Ok(()),
            }
        }
        _ => {
            let own = task.credentials();
            let known = own.namespace.known(Ids::Users, who as u32).unwrap_or(u32::MAX);
            let user = if who == 0 { own.user } else { known };
            for_each_of_user(task, user, visit);
            Ok(())
        }
    }
}

/// getpriority(2): 40 to 1 for nice -20 to 19, the best of all tasks named.
pub fn getpriority(task: &Task, which: i32, who: i32) -> Result<i32> {
    if !(PRIO_PROCESS..=PRIO_USER).contains(&which) {
        return Err(EINVAL);
    }
    let mut best = None;
    for_each(task, which, who, &mut |found| best = best.max(Some(20 - found.schedule.nice())))?;
    best.ok_or(ESRCH)
}

/// setpriority(2).
pub fn setpriority(task: &Task, which: i32, who: i32, nice: i32) -> Result<()> {
    if !(PRIO_PROCESS..=PRIO_USER).contains(&which) {
        return Err(EINVAL);
    }
    let nice = nice.clamp(-20, 19);
    let mut result = Err(ESRCH);
    for_each(task, which, who, &mut |found| {
        let allowed = task.with_credentials(|own| {
            found.with_credentials(|other| {
                other.user == own.effective_user || other.effective_user == own.effective_user
            })
        });
        if !allowed && !task.capable(Capability::SysNice) {
            result = Err(EPERM);
        } else if nice < found.schedule.nice() && !may_set_nice(task, found, nice) {
            result = Err(EACCES);
        } else {
            if result == Err(ESRCH) {
                result = Ok(());
            }
            found.schedule.set_nice(nice);
        }
    })?;
    result
}

/// nice(2) of i386: raises the nice value, or with CAP_SYS_NICE or RLIMIT_NICE's leave lowers it; EPERM.
pub fn nice(task: &Task, increment: i32) -> Result<()> {
    const WIDTH: i32 = 40;
    let wanted = (task.schedule.nice() + increment.clamp(-WIDTH, WIDTH)).clamp(-20, 19);
    if increment < 0 && !may_set_nice(task, task, wanted) {
        return Err(EPERM);
    }
    task.schedule.set_nice(wanted);
    Ok(())
}
