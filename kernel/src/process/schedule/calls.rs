//! Scheduling calls: sched_yield(2), affinity, getcpu(2), policies.
use super::change::{Wanted, change};
use super::entity::Policy;
use super::parameters;
use crate::error::*;
use crate::process::credentials::Capability;
use crate::process::{Task, task::flag};
use crate::syscall::{Pid, UserAddress, UserPtr, UserSlice};
use crate::time::TimeLayout;
use alloc::sync::Arc;
use machine::cpu::online_cpus;

const SCHED_FIFO: i32 = 1;
const SCHED_RR: i32 = 2;
const SCHED_DEADLINE: i32 = 6;
pub(super) const SCHED_RESET_ON_FORK: i32 = 0x4000_0000;

/// sched_yield(2).
pub fn sched_yield(_task: &Task) -> Result<()> {
    super::yield_now();
    Ok(())
}

/// getcpu(2): CPU and NUMA node (there is one).
pub fn getcpu(task: &Task, cpu: UserPtr<u32>, node: UserPtr<u32>, _cache: UserAddress) -> Result<()> {
    cpu.write_optional(task, &machine::cpu::current_cpu().0)?;
    node.write_optional(task, &0)
}

/// The thread a call names, 0 being the caller.
pub(super) fn find(task: &Task, pid: Pid) -> Result<Arc<Task>> {
    match pid.0 {
        0 => Ok(Task::current_arc()),
        number => u32::try_from(number).ok().and_then(|number| task.pid_namespace().find_task(number)).ok_or(ESRCH),
    }
}

/// Whether the caller's effective user is one of the target's, or it has CAP_SYS_NICE.
pub(super) fn check_owner(task: &Task, target: &Task) -> Result<()> {
    let user = task.with_credentials(|own| own.effective_user);
    let same = target.with_credentials(|other| other.user == user || other.effective_user == user);
    if same || task.capable_in(&target.credentials().namespace, Capability::SysNice) { Ok(()) } else { Err(EPERM) }
}

pub(super) fn online_mask() -> u64 {
    match online_cpus() {
        64.. => u64::MAX,
        count => (1 << count) - 1,
    }
}

/// sched_setaffinity(2).
pub fn sched_setaffinity(task: &Task, pid: Pid, length: u32, mask: UserAddress) -> Result<()> {
    let mut raw = [0u8; 8];
    let known = (length as usize).min(raw.len());
    UserSlice::new(mask.0, known).read(raw.get_mut(..known).unwrap_or_default())?;
    let target = find(task, pid)?;
    if target.is_kernel_thread() && target.schedule.affinity().count_ones() == 1 {
        return Err(EINVAL);
    }
    check_owner(task, &target)?;
    let mask = u64::from_le_bytes(raw) & online_mask();
    if target.schedule.policy() == Policy::Deadline && mask != online_mask() && parameters::limit().is_some() {
        return Err(EBUSY);
    }
    if mask == 0 {
        return Err(EINVAL);
    }
    target.set_affinity(mask);
    if core::ptr::eq(&*target, task) && !task.schedule.may_run_on(machine::cpu::current_cpu()) {
        super::preempt();
    }
    Ok(())
}

/// sched_getaffinity(2): the bytes written.
pub fn sched_getaffinity(task: &Task, pid: Pid, length: u32, mask: UserAddress) -> Result<usize> {
    let needed = online_cpus();
    let word = if matches!(task.abi(), abi::Abi::I386) { 4 } else { 8 };
    if (length as usize).saturating_mul(8) < needed || !length.is_multiple_of(word) {
        return Err(EINVAL);
    }
    let target = find(task, pid)?;
    let bytes = (target.schedule.affinity() & online_mask()).to_le_bytes();
    // Whole words of the ABI, as many as were asked for.
    let written = (length as usize).min(bytes.len());
    UserSlice::new(mask.0, written).write(bytes.get(..written).unwrap_or_default())?;
    Ok(written)
}

/// sched_getscheduler(2).
pub fn sched_getscheduler(task: &Task, pid: Pid) -> Result<i32> {
    if pid.0 < 0 {
        return Err(EINVAL);
    }
    let target = find(task, pid)?;
    let reset = if target.has_flag(flag::RESET_ON_FORK) { SCHED_RESET_ON_FORK } else { 0 };
    Ok(target.schedule.policy() as i32 | reset)
}

/// sched_getparam(2): the real-time priority, 0 for other policies.
pub fn sched_getparam(task: &Task, pid: Pid, parameter: UserPtr<i32>) -> Result<()> {
    if parameter.is_null() || pid.0 < 0 {
        return Err(EINVAL);
    }
    let target = find(task, pid)?;
    parameter.write(task, &i32::from(target.schedule.priority()))
}

/// sched_setscheduler(2).
pub fn sched_setscheduler(task: &Task, pid: Pid, policy: i32, parameter: UserPtr<i32>) -> Result<()> {
    if policy < 0 {
        return Err(EINVAL);
    }
    set(task, pid, Some(policy & !SCHED_RESET_ON_FORK), policy & SCHED_RESET_ON_FORK != 0, parameter)
}

/// sched_setparam(2).
pub fn sched_setparam(task: &Task, pid: Pid, parameter: UserPtr<i32>) -> Result<()> {
    set(task, pid, None, false, parameter)
}

fn set(task: &Task, pid: Pid, policy: Option<i32>, reset_on_fork: bool, parameter: UserPtr<i32>) -> Result<()> {
    if parameter.is_null() || pid.0 < 0 {
        return Err(EINVAL);
    }
    let priority = parameter.read(task)? as u32;
    let target = find(task, pid)?;
    let nice = target.schedule.nice();
    change(task, &target, &Wanted { policy, priority, nice, reset_on_fork, ..Wanted::default() })
}

/// sched_get_priority_max(2).
pub fn sched_get_priority_max(_task: &Task, policy: i32) -> Result<i32> {
    match policy {
        SCHED_FIFO | SCHED_RR => Ok(99),
        SCHED_DEADLINE => Ok(0),
        _ => Policy::from_number(policy).map(|_| 0).ok_or(EINVAL),
    }
}

/// sched_get_priority_min(2).
pub fn sched_get_priority_min(_task: &Task, policy: i32) -> Result<i32> {
    match policy {
        SCHED_FIFO | SCHED_RR => Ok(1),
        SCHED_DEADLINE => Ok(0),
        _ => Policy::from_number(policy).map(|_| 0).ok_or(EINVAL),
    }
}

/// sched_rr_get_interval(2): how long the task runs before its equals, 0 for no limit.
pub fn sched_rr_get_interval<T: TimeLayout>(task: &Task, pid: Pid, interval: UserPtr<T>) -> Result<()> {
    if pid.0 < 0 {
        return Err(EINVAL);
    }
    let slice = match find(task, pid)?.schedule.policy() {
        Policy::Fifo | Policy::Deadline => 0,
        Policy::RoundRobin => parameters::round_robin_slice(),
        Policy::Other | Policy::Batch | Policy::Idle => super::queue::SLICE,
    };
    interval.write(task, &T::from_nanoseconds(slice))
}
