//! Changing a task's policy and parameters, with Linux's checks in Linux's order.
use super::Task;
use super::calls::check_owner;
use super::entity::Policy;
use super::place;
use crate::error::*;
use crate::process::credentials::Capability;
use crate::process::limits::Resource;
use crate::process::{priority::is_nice_reduction, task::flag};
use alloc::sync::Arc;

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
    let is_new = policy != entity.policy()
        || policy.is_fair() && wanted.nice != entity.nice()
        || policy.is_real_time() && priority != entity.priority();
    if is_new && !wanted.keep_parameters {
        let nice = if policy.is_fair() { wanted.nice } else { entity.nice() };
        target.change_level(&|entity| {
            if !entity.policy().is_real_time() {
                entity.begin_real_time();
            }
            entity.set_parameters(policy, nice, priority);
        });
    }
    if reset {
        target.set_flag(flag::RESET_ON_FORK);
    } else {
        target.clear_flag(flag::RESET_ON_FORK);
    }
    Ok(())
}

/// Whether a change is allowed only with CAP_SYS_NICE.
fn needs_privilege(task: &Task, target: &Task, policy: Policy, priority: u8, nice: i32, reset: bool) -> bool {
    let entity = &target.schedule;
    let may_be_nice = |nice| is_nice_reduction(target, nice);
    if policy.is_fair() && nice < entity.nice() && !may_be_nice(nice) {
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
