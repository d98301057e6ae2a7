//! sched_setattr(2) and sched_getattr(2).
use super::Task;
use super::calls::find;
use super::change::{Wanted, change};
use super::deadline::{OVERRUN, Promise, RECLAIM, Server};
use super::entity::Policy;
use crate::error::*;
use crate::process::task::flag;
use crate::syscall::user::plain_layout;
use crate::syscall::{Pid, UserPtr, UserSlice};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const RESET_ON_FORK: u64 = 1;
const KEEP_POLICY: u64 = 8;
const KEEP_PARAMETERS: u64 = 0x10;
const CLAMPS: u64 = 0x60;
const KNOWN: u64 = 0x7f;

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
const FIRST_SIZE: u32 = 48;

/// Copies the attributes in: E2BIG, with the known size left there, if there is more in them than is known.
fn read(task: &Task, attributes: UserPtr<Attributes>) -> Result<Attributes> {
    let full = size_of::<Attributes>();
    let mut size = UserPtr::<u32>::new(attributes.address()).read(task)?;
    if size == 0 {
        size = FIRST_SIZE;
    }
    let too_big = || {
        // The caller learns what size is known.
        let _ = UserPtr::<u32>::new(attributes.address()).write(task, &(full as u32));
        E2BIG
    };
    if size < FIRST_SIZE || size as usize > machine::memory::PAGE_SIZE {
        return Err(too_big());
    }
    // What is unknown is looked at first.
    let known = full.min(size as usize);
    let mut rest = UserSlice::new(attributes.address().wrapping_add(known as u64), size as usize - known);
    while rest.length > 0 {
        let mut byte = [0];
        rest.read(&mut byte)?;
        if byte != [0] {
            return Err(too_big());
        }
    }
    let mut raw = [0u8; size_of::<Attributes>()];
    UserSlice::new(attributes.address(), known).read(raw.get_mut(..known).unwrap_or_default())?;
    let read = Attributes::read_from_bytes(&raw).map_err(|_| EINVAL)?;
    if read.flags & CLAMPS != 0 && (size as usize) < full {
        return Err(EINVAL);
    }
    Ok(read)
}

/// sched_setattr(2).
pub fn sched_setattr(task: &Task, pid: Pid, attributes: UserPtr<Attributes>, flags: u32) -> Result<()> {
    if attributes.is_null() || pid.0 < 0 || flags != 0 {
        return Err(EINVAL);
    }
    let given = read(task, attributes)?;
    let policy = given.policy as i32;
    if policy < 0 {
        return Err(EINVAL);
    }
    let target = find(task, pid)?;
    let entity = &target.schedule;
    let has = |flag: u64| given.flags & flag != 0;
    let mut wanted = Wanted {
        policy: (!has(KEEP_POLICY)).then_some(policy),
        priority: given.priority,
        nice: given.nice.clamp(-20, 19),
        reset_on_fork: has(RESET_ON_FORK),
        keep_parameters: has(KEEP_PARAMETERS),
        has_clamps: has(CLAMPS),
        promise: Promise {
            runtime: given.runtime,
            deadline: given.deadline,
            period: given.period,
            flags: given.flags & (RECLAIM | OVERRUN),
        },
        is_flag_unknown: given.flags & !KNOWN != 0,
    };
    if wanted.keep_parameters {
        match entity.policy() {
            Policy::Deadline => wanted.promise = entity.server().map(Server::promise).unwrap_or_default(),
            policy if policy.is_real_time() => wanted.priority = entity.priority().into(),
            _ => wanted.nice = entity.nice(),
        }
    }
    change(task, &target, &wanted)
}

/// sched_getattr(2).
pub fn sched_getattr(task: &Task, pid: Pid, attributes: UserPtr<Attributes>, size: u32, flags: u32) -> Result<()> {
    if attributes.is_null()
        || pid.0 < 0
        || flags != 0
        || size < FIRST_SIZE
        || size as usize > machine::memory::PAGE_SIZE
    {
        return Err(EINVAL);
    }
    let target = find(task, pid)?;
    let entity = &target.schedule;
    let length = size_of::<Attributes>().min(size as usize);
    let policy = entity.policy();
    let promise = entity.server().filter(|_| policy == Policy::Deadline).map(Server::promise).unwrap_or_default();
    let value = Attributes {
        size: length as u32,
        policy: policy as u32,
        flags: promise.flags | if target.has_flag(flag::RESET_ON_FORK) { RESET_ON_FORK } else { 0 },
        nice: if policy.is_fair() { entity.nice() } else { 0 },
        priority: entity.priority().into(),
        runtime: promise.runtime,
        deadline: promise.deadline,
        period: promise.period,
        ..Attributes::default()
    };
    let bytes = value.as_bytes();
    UserSlice::new(attributes.address(), length).write(bytes.get(..length).unwrap_or_default())
}
