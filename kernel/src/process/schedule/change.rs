//! Changing a task's policy and parameters, with Linux's checks in Linux's order.
use super::Task;
use super::calls::{check_owner, online_mask};
use super::deadline::{Promise, admit, dismiss};
use super::entity::Policy;
use super::{parameters, place};
use crate::error::*;
use crate::ipc::futex::inheritance;
use crate::process::credentials::Capability;
use crate::process::limits::Resource;
use crate::process::{priority::is_nice_reduction, task::flag};
use crate::sync::{Mutex, rank};
use alloc::sync::Arc;

/// Changes are made one at a time.
static CHANGES: Mutex<()> = Mutex::new(rank::SCHEDULING, ());

/// What a call asks for.
#[derive(Default)]
pub(super) struct Wanted {
    /// Policy by its number; `None` keeps it.
    pub policy: Option<i32>,
    /// Real-time priority.
    pub priority: u32,
    /// Nice value, for fair policies.
    pub nice: i32,
    /// Children do not inherit the policy. Kept where the policy is.
    pub reset_on_fork: bool,
    /// Policy and parameters stay as they are; only the rest is set.
    pub keep_parameters: bool,
    /// Utilization clamps are to be set.
    pub has_clamps: bool,
    /// What a deadline task is promised.
    pub promise: Promise,
    /// There are flags that do not exist.
    pub is_flag_unknown: bool,
}

/// Changes `target` for `task`. EINVAL, EPERM.
pub(super) fn change(task: &Task, target: &Arc<Task>, wanted: &Wanted) -> Result<()> {
    let entity = &target.schedule;
    let (policy, reset) = match wanted.policy {
        None => (entity.policy(), target.has_flag(flag::RESET_ON_FORK)),
        Some(number) => (Policy::from_number(number).ok_or(EINVAL)?, wanted.reset_on_fork),
    };
    if wanted.is_flag_unknown {
        return Err(EINVAL);
    }
    let priority =
        u8::try_from(wanted.priority).ok().filter(|value| *value <= place::PRIORITY_MAXIMUM).ok_or(EINVAL)?;
    let promise = match policy {
        Policy::Deadline => wanted.promise.check()?,
        _ => Promise::default(),
    };
    if policy.is_real_time() != (priority != 0) {
        return Err(EINVAL);
    }
    if needs_privilege(task, target, policy, priority, wanted.nice, reset) && !task.capable(Capability::SysNice) {
        return Err(EPERM);
    }
    if wanted.has_clamps {
        // Debian's Linux for virtual machines has none: all CPUs are alike, and their frequency is the host's business.
        return Err(EOPNOTSUPP);
    }
    let changing = CHANGES.lock();
    let is_new = policy != entity.policy()
        || policy == Policy::Deadline && entity.server().is_none_or(|server| server.promise() != promise)
        || policy.is_fair() && wanted.nice != entity.nice()
        || policy.is_real_time() && priority != entity.priority();
    if is_new && !wanted.keep_parameters {
        if policy == Policy::Deadline {
            let is_free = entity.affinity() & online_mask() == online_mask();
            if parameters::limit().is_some_and(|(_, runtime)| !is_free || runtime == 0) {
                return Err(EPERM);
            }
            admit(target, &promise)?;
        }
        let old = entity.policy();
        let nice = if policy.is_fair() { wanted.nice } else { entity.nice() };
        target.change_level(&|entity| {
            if !entity.policy().is_real_time() {
                entity.begin_real_time();
            }
            if policy == Policy::Deadline
                && let Some(server) = entity.server()
            {
                server.set(&promise, old != Policy::Deadline);
            }
            entity.set_parameters(policy, nice, priority);
        });
        inheritance::level_changed(target);
        if old == Policy::Deadline
            && policy != Policy::Deadline
            && let Some(server) = entity.server()
        {
            dismiss(server);
        }
    }
    if reset {
        target.set_flag(flag::RESET_ON_FORK);
    } else {
        target.clear_flag(flag::RESET_ON_FORK);
    }
    drop(changing);
    Ok(())
}

/// The current task ends: what it was promised is free.
pub fn leave(task: &Task) {
    let entity = &task.schedule;
    if let Some(server) = entity.server() {
        let changing = CHANGES.lock();
        Task::current_arc().change_level(&|entity| entity.set_parameters(Policy::Other, entity.nice(), 0));
        dismiss(server);
        drop(changing);
    }
}

/// Whether a change is allowed only with CAP_SYS_NICE.
fn needs_privilege(task: &Task, target: &Task, policy: Policy, priority: u8, nice: i32, reset: bool) -> bool {
    let entity = &target.schedule;
    let may_be_nice = |nice| is_nice_reduction(target, nice);
    if policy.is_fair() && nice < entity.nice() && !may_be_nice(nice) {
        return true;
    }
    if policy == Policy::Deadline {
        return true;
    }
    if policy.is_real_time() {
        let limit = target.group().limit(Resource::RealTimePriority);
        let is_raised = priority > entity.priority() && u64::from(priority) > limit;
        if policy != entity.policy() && limit == 0 || is_raised {
            return true;
        }
    }
    let leaves_idle = entity.policy() == Policy::Idle && policy != Policy::Idle;
    leaves_idle && !may_be_nice(entity.nice())
        || check_owner(task, target).is_err()
        || target.has_flag(flag::RESET_ON_FORK) && !reset
}
