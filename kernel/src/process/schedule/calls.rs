//! Scheduling calls: sched_yield(2), affinity, getcpu(2), policies (the fair ones).
use super::entity::Policy;
use crate::error::*;
use crate::process::credentials::Capability;
use crate::process::priority::may_set_nice;
use crate::process::{Task, task::flag};
use crate::syscall::user::plain_layout;
use crate::syscall::{Pid, UserAddress, UserPtr, UserSlice};
use crate::time::TimeLayout;
use alloc::sync::Arc;
use machine::cpu::online_cpus;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const SCHED_FIFO: i32 = 1;
const SCHED_RR: i32 = 2;
const SCHED_DEADLINE: i32 = 6;
const SCHED_RESET_ON_FORK: i32 = 0x4000_0000;

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
fn find(task: &Task, pid: Pid) -> Result<Arc<Task>> {
    match pid.0 {
        0 => Ok(Task::current_arc()),
        number => u32::try_from(number).ok().and_then(|number| task.pid_namespace().find_task(number)).ok_or(ESRCH),
    }
}

/// Whether the caller's effective user is one of the target's, or it has CAP_SYS_NICE.
fn check_owner(task: &Task, target: &Task) -> Result<()> {
    let user = task.with_credentials(|own| own.effective_user);
    let same = target.with_credentials(|other| other.user == user || other.effective_user == user);
    if same || task.capable_in(&target.credentials().namespace, Capability::SysNice) { Ok(()) } else { Err(EPERM) }
}

fn online_mask() -> u64 {
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

fn fair_policy(policy: i32) -> Option<Policy> {
    match policy {
        0 => Some(Policy::Other),
        3 => Some(Policy::Batch),
        5 => Some(Policy::Idle),
        _ => None,
    }
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

/// sched_getparam(2): the fair policies' priority is 0.
pub fn sched_getparam(task: &Task, pid: Pid, parameter: UserPtr<i32>) -> Result<()> {
    if parameter.is_null() || pid.0 < 0 {
        return Err(EINVAL);
    }
    find(task, pid)?;
    parameter.write(task, &0)
}

/// Sets a fair policy. `nice` stays as it is where it is `None`.
fn change(task: &Task, target: &Task, policy: i32, priority: i32, nice: Option<i32>) -> Result<()> {
    let reset = policy & SCHED_RESET_ON_FORK != 0;
    let policy = policy & !SCHED_RESET_ON_FORK;
    if matches!(policy, SCHED_FIFO | SCHED_RR) {
        if !(1..=99).contains(&priority) {
            return Err(EINVAL);
        }
        return Err(if task.capable(Capability::SysNice) { EINVAL } else { EPERM });
    }
    let policy = fair_policy(policy).ok_or(EINVAL)?;
    if priority != 0 {
        return Err(EINVAL);
    }
    let wanted = nice.unwrap_or(target.schedule.nice());
    if !task.capable(Capability::SysNice) {
        if wanted < target.schedule.nice() && !may_set_nice(task, target, wanted) {
            return Err(EPERM);
        }
        let leaves_idle = target.schedule.policy() == Policy::Idle && policy != Policy::Idle;
        if leaves_idle && !may_set_nice(task, target, target.schedule.nice()) {
            return Err(EPERM);
        }
        check_owner(task, target)?;
        if target.has_flag(flag::RESET_ON_FORK) && !reset {
            return Err(EPERM);
        }
    }
    target.schedule.set_priority(policy, wanted);
    if reset {
        target.set_flag(flag::RESET_ON_FORK);
    } else {
        target.clear_flag(flag::RESET_ON_FORK);
    }
    Ok(())
}

/// sched_setscheduler(2).
pub fn sched_setscheduler(task: &Task, pid: Pid, policy: i32, parameter: UserPtr<i32>) -> Result<()> {
    if policy < 0 || parameter.is_null() || pid.0 < 0 {
        return Err(EINVAL);
    }
    let priority = parameter.read(task)?;
    let target = find(task, pid)?;
    change(task, &target, policy, priority, None)
}

/// sched_setparam(2).
pub fn sched_setparam(task: &Task, pid: Pid, parameter: UserPtr<i32>) -> Result<()> {
    if parameter.is_null() || pid.0 < 0 {
        return Err(EINVAL);
    }
    let priority = parameter.read(task)?;
    let target = find(task, pid)?;
    let reset = if target.has_flag(flag::RESET_ON_FORK) { SCHED_RESET_ON_FORK } else { 0 };
    change(task, &target, target.schedule.policy() as i32 | reset, priority, None)
}

/// sched_get_priority_max(2).
pub fn sched_get_priority_max(_task: &Task, policy: i32) -> Result<i32> {
    match policy {
        SCHED_FIFO | SCHED_RR => Ok(99),
        SCHED_DEADLINE => Ok(0),
        _ => fair_policy(policy).map(|_| 0).ok_or(EINVAL),
    }
}

/// sched_get_priority_min(2).
pub fn sched_get_priority_min(_task: &Task, policy: i32) -> Result<i32> {
    match policy {
        SCHED_FIFO | SCHED_RR => Ok(1),
        SCHED_DEADLINE => Ok(0),
        _ => fair_policy(policy).map(|_| 0).ok_or(EINVAL),
    }
}

/// sched_rr_get_interval(2): a fair task's slice.
pub fn sched_rr_get_interval<T: TimeLayout>(task: &Task, pid: Pid, interval: UserPtr<T>) -> Result<()> {
    if pid.0 < 0 {
        return Err(EINVAL);
    }
    find(task, pid)?;
    interval.write(task, &T::from_nanoseconds(super::queue::SLICE))
}

/// `struct sched_attr`, second version.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
    clamp_minimum: u32,
    clamp_maximum: u32,
}
plain_layout!(Attributes);
const ATTRIBUTES_FIRST_SIZE: u32 = 48;

/// sched_setattr(2).
pub fn sched_setattr(task: &Task, pid: Pid, attributes: UserPtr<Attributes>, flags: u32) -> Result<()> {
    const RESET_ON_FORK: u64 = 1;
    const KEEP_POLICY: u64 = 8;
    const KEEP_PARAMETERS: u64 = 0x10;
    const KNOWN: u64 = 0x7f;
    if attributes.is_null() || pid.0 < 0 || flags != 0 {
        return Err(EINVAL);
    }
    let full = size_of::<Attributes>();
    let mut size = UserPtr::<u32>::new(attributes.address()).read(task)?;
    if size == 0 {
        size = ATTRIBUTES_FIRST_SIZE;
    }
    let too_big = || {
        // The caller learns what size is known.
        let _ = UserPtr::<u32>::new(attributes.address()).write(task, &(full as u32));
        E2BIG
    };
    if size < ATTRIBUTES_FIRST_SIZE || size as usize > machine::memory::PAGE_SIZE {
        return Err(too_big());
    }
    let mut raw = [0u8; size_of::<Attributes>()];
    let mut source = UserSlice::new(attributes.address(), size as usize);
    let known = full.min(size as usize);
    source.read(raw.get_mut(..known).unwrap_or_default())?;
    while source.length > 0 {
        let mut byte = [0];
        source.read(&mut byte)?;
        if byte != [0] {
            return Err(too_big());
        }
    }
    let wanted = Attributes::read_from_bytes(&raw).map_err(|_| EINVAL)?;
    if wanted.flags & !KNOWN != 0 || (wanted.policy as i32) < 0 {
        return Err(EINVAL);
    }
    let target = find(task, pid)?;
    let reset = if wanted.flags & RESET_ON_FORK != 0 { SCHED_RESET_ON_FORK } else { 0 };
    let policy = match wanted.flags & KEEP_POLICY {
        0 => wanted.policy as i32,
        _ => target.schedule.policy() as i32,
    };
    let nice = (wanted.flags & KEEP_PARAMETERS == 0).then_some(wanted.nice.clamp(-20, 19));
    change(task, &target, policy | reset, wanted.priority as i32, nice)
}

/// sched_getattr(2).
pub fn sched_getattr(task: &Task, pid: Pid, attributes: UserPtr<Attributes>, size: u32, flags: u32) -> Result<()> {
    if attributes.is_null()
        || pid.0 < 0
        || flags != 0
        || size < ATTRIBUTES_FIRST_SIZE
        || size as usize > machine::memory::PAGE_SIZE
    {
        return Err(EINVAL);
    }
    let target = find(task, pid)?;
    let length = size_of::<Attributes>().min(size as usize);
    let value = Attributes {
        size: length as u32,
        policy: target.schedule.policy() as u32,
        flags: u64::from(target.has_flag(flag::RESET_ON_FORK)),
        nice: target.schedule.nice(),
        clamp_maximum: if length > ATTRIBUTES_FIRST_SIZE as usize { 1024 } else { 0 },
        ..Attributes::default()
    };
    let bytes = value.as_bytes();
    UserSlice::new(attributes.address(), length).write(bytes.get(..length).unwrap_or_default())
}
