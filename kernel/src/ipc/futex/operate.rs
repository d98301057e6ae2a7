//! Waking, requeueing and the operation of FUTEX_WAKE_OP.
use super::key::Key;
use super::table::{self, MATCH_ANY};
use super::wait::{Faulted, retry_faults};
use crate::error::*;
use crate::process::Task;
use machine::paging::Access;
use machine::user::{compare_exchange_u32_nofault, load_u32_nofault};

/// FUTEX_WAKE and FUTEX_WAKE_BITSET: how many were woken.
pub fn wake(task: &Task, address: u64, private: bool, count: usize, bits: u32) -> Result<usize> {
    if bits == 0 {
        return Err(EINVAL);
    }
    let key = Key::of(task, address, private)?;
    let mut bucket = table::lock(&key);
    table::refuse_owners(&bucket, &key, bits)?;
    let taken = table::take_matching(&mut bucket, &key, bits, count);
    drop(bucket);
    Ok(table::wake_all(taken))
}

/// Wakes up to `count` waiters on a shared futex at `address` in the task's address space (clear_child_tid, robust lists).
/// Returns how many were woken.
pub fn wake_address(task: &Task, address: u64, count: usize) -> Result<usize> {
    wake(task, address, false, count, MATCH_ANY)
}

/// FUTEX_REQUEUE and FUTEX_CMP_REQUEUE: wakes `wake_count` waiters on `from` and moves up to `move_count` others to `to`.
/// With `expected`, EAGAIN unless the word at `from` has that value. Returns how many were woken or moved.
pub fn requeue(
    task: &Task,
    from: u64,
    to: u64,
    private: bool,
    wake_count: usize,
    move_count: usize,
    expected: Option<u32>,
) -> Result<usize> {
    let (source, target) = (Key::of(task, from, private)?, Key::of(task, to, private)?);
    let (taken, moved) = retry_faults(task, from, Access::Read, || {
        table::with_both(&source, &target, |bucket, other| {
            if let Some(expected) = expected
                && load_u32_nofault(from)? != expected
            {
                return Err(Faulted::Failed(EAGAIN));
            }
            table::refuse_owners(bucket, &source, MATCH_ANY).map_err(Faulted::Failed)?;
            let taken = table::take_matching(bucket, &source, MATCH_ANY, wake_count);
            let moved = table::move_waiters(bucket, other, &source, &target, move_count);
            Ok((taken, moved))
        })
    })?;
    Ok(table::wake_all(taken) + moved)
}

/// FUTEX_WAKE_OP: changes the word at `second` as `operation` says, wakes `count` waiters on `first`, and `second_count` on
/// `second` if the comparison with the old value holds.
pub fn wake_operate(
    task: &Task,
    first: u64,
    second: u64,
    private: bool,
    count: usize,
    second_count: usize,
    operation: Operation,
) -> Result<usize> {
    let (key, other_key) = (Key::of(task, first, private)?, Key::of(task, second, private)?);
    let (taken, others) = retry_faults(task, second, Access::Write, || {
        table::with_both(&key, &other_key, |bucket, other| {
            table::refuse_owners(bucket, &key, MATCH_ANY).map_err(Faulted::Failed)?;
            let old = operation.apply(second)?;
            let taken = table::take_matching(bucket, &key, MATCH_ANY, count);
            let others = operation
                .holds(old)
                .map_err(Faulted::Failed)?
                .then(|| table::take_matching(other.unwrap_or(bucket), &other_key, MATCH_ANY, second_count));
            Ok((taken, others))
        })
    })?;
    Ok(table::wake_all(taken) + others.map_or(0, table::wake_all))
}

/// The encoded operation of FUTEX_WAKE_OP: operation, comparison and two 12-bit signed arguments.
#[derive(Clone, Copy)]
pub struct Operation {
    code: u32,
    comparison: u32,
    argument: u32,
    compared: i32,
}

impl Operation {
    /// Decodes it; ENOSYS for an operation that does not exist. An unknown comparison fails later, as on Linux.
    pub fn decode(word: u32) -> Result<Operation> {
        let signed_12 = |bits: u32| (bits << 20) as i32 >> 20;
        let argument = signed_12(word >> 12 & 0xfff);
        let shifted = word >> 31 != 0;
        let code = word >> 28 & 7;
        if code > 4 {
            return Err(ENOSYS);
        }
        Ok(Operation {
            code,
            comparison: word >> 24 & 0xf,
            argument: if shifted { 1_u32.wrapping_shl(argument as u32 & 31) } else { argument as u32 },
            compared: signed_12(word & 0xfff),
        })
    }

    /// Changes the word atomically; the old value.
    fn apply(self, address: u64) -> Result<u32, machine::user::Fault> {
        let mut old = load_u32_nofault(address)?;
        loop {
            let new = match self.code {
                0 => self.argument,
                1 => old.wrapping_add(self.argument),
                2 => old | self.argument,
                3 => old & !self.argument,
                _ => old ^ self.argument,
            };
            let found = compare_exchange_u32_nofault(address, old, new)?;
            if found == old {
                return Ok(old);
            }
            old = found;
        }
    }

    /// Whether the comparison holds for the old value; ENOSYS for one that does not exist.
    fn holds(self, old: u32) -> Result<bool> {
        let old = old as i32;
        Ok(match self.comparison {
            0 => old == self.compared,
            1 => old != self.compared,
            2 => old < self.compared,
            3 => old <= self.compared,
            4 => old > self.compared,
            5 => old >= self.compared,
            _ => return Err(ENOSYS),
        })
    }
}
