//! futex(2) and futex_waitv(2).
use super::operate::{self, Operation};
use super::priority;
use super::table::MATCH_ANY;
use super::wait::{self, Wanted};
use crate::error::*;
use crate::process::Task;
use crate::syscall::{UserPtr, user::plain_layout};
use crate::time::{Clock, TimeLayout, Timespec, clock};
use alloc::vec::Vec;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The operations of futex(2), without flags.
mod operation {
    pub const WAIT: u32 = 0;
    pub const WAKE: u32 = 1;
    pub const REQUEUE: u32 = 3;
    pub const CMP_REQUEUE: u32 = 4;
    pub const WAKE_OP: u32 = 5;
    pub const LOCK_PI: u32 = 6;
    pub const UNLOCK_PI: u32 = 7;
    pub const TRYLOCK_PI: u32 = 8;
    pub const WAIT_BITSET: u32 = 9;
    pub const WAKE_BITSET: u32 = 10;
    pub const WAIT_REQUEUE_PI: u32 = 11;
    pub const CMP_REQUEUE_PI: u32 = 12;
    pub const LOCK_PI2: u32 = 13;
}
const FUTEX_PRIVATE_FLAG: u32 = 128;
const FUTEX_CLOCK_REALTIME: u32 = 256;
/// Size of one element's word in futex_waitv: 32 bits, the only one there is.
const FUTEX_32: u32 = 2;
const FUTEX_WAITV_MAX: u32 = 128;

/// futex(2). `fourth` is a time-out or a count, as the operation says.
pub fn futex<T: TimeLayout>(
    task: &Task,
    address: u64,
    operation: u32,
    value: u32,
    fourth: u64,
    second: u64,
    third: u32,
) -> Result<usize> {
    let code = operation & !(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    let private = operation & FUTEX_PRIVATE_FLAG != 0;
    let realtime = operation & FUTEX_CLOCK_REALTIME != 0;
    let may_be_realtime = matches!(code, operation::WAIT_BITSET | operation::WAIT_REQUEUE_PI | operation::LOCK_PI2);
    let deadline = read_deadline::<T>(task, code, realtime, fourth)?;
    if realtime && !may_be_realtime {
        return Err(ENOSYS);
    }
    // Counts are C ints: a negative one of wake means one at least, as Linux counts up to it.
    let count = |value: u32| usize::try_from(value as i32).unwrap_or(1).max(1);
    let fourth_count = || u32::try_from(fourth & 0xffff_ffff).unwrap_or(0);
    match code {
        operation::WAIT => wait::wait(task, address, private, value, deadline, MATCH_ANY),
        operation::WAIT_BITSET => wait::wait(task, address, private, value, deadline, third),
        operation::WAKE => operate::wake(task, address, private, count(value), MATCH_ANY),
        operation::WAKE_BITSET => operate::wake(task, address, private, count(value), third),
        operation::REQUEUE | operation::CMP_REQUEUE => {
            let expected = (code == operation::CMP_REQUEUE).then_some(third);
            let (wakes, moves) = (non_negative(value)?, non_negative(fourth_count())?);
            operate::requeue(task, address, second, private, wakes, moves, expected)
        }
        operation::WAKE_OP => {
            let operation = Operation::decode(third)?;
            operate::wake_operate(task, address, second, private, count(value), count(fourth_count()), operation)
        }
        operation::LOCK_PI | operation::LOCK_PI2 => priority::lock(task, address, private, deadline, false),
        operation::TRYLOCK_PI => priority::lock(task, address, private, None, true),
        operation::UNLOCK_PI => priority::unlock(task, address, private),
        operation::WAIT_REQUEUE_PI => priority::wait_requeue(task, address, private, value, deadline, third, second),
        operation::CMP_REQUEUE_PI => {
            let (wakes, moves) = (non_negative(value)?, non_negative(fourth_count())?);
            priority::requeue(task, address, second, private, wakes, moves, third)
        }
        _ => Err(ENOSYS),
    }
}

fn non_negative(value: u32) -> Result<usize> {
    usize::try_from(value as i32).map_err(|_| EINVAL)
}

/// The deadline on the monotonic clock: relative for FUTEX_WAIT, absolute for the others.
fn read_deadline<T: TimeLayout>(task: &Task, code: u32, realtime: bool, pointer: u64) -> Result<Option<u64>> {
    let takes_time = matches!(
        code,
        operation::WAIT
            | operation::WAIT_BITSET
            | operation::LOCK_PI
            | operation::LOCK_PI2
            | operation::WAIT_REQUEUE_PI
    );
    if !takes_time {
        return Ok(None);
    }
    let Some(time) = UserPtr::<T>::new(pointer).read_optional(task)? else { return Ok(None) };
    let time = time.nanoseconds()?;
    let clock = match code {
        operation::WAIT => return Ok(Some(machine::time::monotonic().saturating_add(time))),
        operation::LOCK_PI => Clock::Realtime,
        _ if realtime => Clock::Realtime,
        _ => Clock::Monotonic,
    };
    Ok(Some(clock::to_monotonic(clock, time)))
}

/// An element of futex_waitv's array (`struct futex_waitv`).
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct FutexWaitv {
    value: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}
plain_layout!(FutexWaitv);

/// futex_waitv(2): waits for any of up to 128 futexes.
pub fn futex_waitv(
    task: &Task,
    waiters: UserPtr<FutexWaitv>,
    count: u32,
    flags: u32,
    timeout: UserPtr<Timespec>,
    clock: i32,
) -> Result<usize> {
    if flags != 0 || count == 0 || count > FUTEX_WAITV_MAX || waiters.is_null() {
        return Err(EINVAL);
    }
    let deadline = if timeout.is_null() {
        None
    } else {
        let clock = match clock {
            0 => Clock::Realtime,
            1 => Clock::Monotonic,
            _ => return Err(EINVAL),
        };
        Some(clock::to_monotonic(clock, timeout.read(task)?.nanoseconds()?))
    };
    let mut wanted = Vec::new();
    wanted.try_reserve_exact(count as usize)?;
    for index in 0..count as usize {
        let element = waiters.element(task, index).read(task)?;
        if element.flags & !(FUTEX_32 | FUTEX_PRIVATE_FLAG) != 0
            || element.reserved != 0
            || element.flags & FUTEX_32 == 0
        {
            return Err(EINVAL);
        }
        let private = element.flags & FUTEX_PRIVATE_FLAG != 0;
        wanted.push(Wanted { address: element.address, expected: element.value as u32, private });
    }
    wait::wait_any(task, &wanted, deadline)
}
