//! What a tracer may read of filters (PTRACE_SECCOMP_GET_FILTER and its metadata).
use super::{Filter, Mode};
use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::{UserPtr, UserSlice};
use alloc::sync::Arc;

/// SECCOMP_FILTER_FLAG_LOG.
const FLAG_LOG: u64 = 2;

/// EACCES unless the caller has CAP_SYS_ADMIN and is not judged itself.
fn check(task: &Task) -> Result<()> {
    let allowed = task.capable(Capability::SysAdmin) && task.seccomp.mode() == Mode::Disabled;
    if allowed { Ok(()) } else { Err(EACCES) }
}

/// Runs `look` on the tracee's filter number `index`, counted from the oldest: EINVAL if it has none, ENOENT if not so many.
fn nth<R>(tracee: &Arc<Task>, index: u64, look: impl FnOnce(&Filter) -> R) -> Result<R> {
    let filters = tracee.seccomp.filter().ok_or(EINVAL)?;
    let count = filters.depth() as u64;
    let from_newest = count.checked_sub(1).and_then(|last| last.checked_sub(index)).ok_or(ENOENT)?;
    filters.chain().nth(from_newest as usize).map(look).ok_or(ENOENT)
}

/// The number of instructions; the instructions themselves at `data`, if that is not null.
pub(crate) fn get_filter(task: &Task, tracee: &Arc<Task>, index: u64, data: u64) -> Result<i64> {
    check(task)?;
    nth(tracee, index, |filter| {
        let mut into = UserSlice::new(data, filter.program().len() * bpf::INSTRUCTION_SIZE);
        if data != 0 {
            filter.program().iter().try_for_each(|instruction| into.write(&instruction.to_bytes()))?;
        }
        Ok(filter.program().len() as i64)
    })?
}

/// `struct seccomp_metadata`: the filter's number comes in, its flags go out; the bytes that were.
pub(crate) fn get_metadata(task: &Task, tracee: &Arc<Task>, size: u64, data: u64) -> Result<i64> {
    const SIZE: u64 = 16;
    check(task)?;
    let size = size.min(SIZE);
    if size < 8 {
        return Err(EINVAL);
    }
    let index = UserPtr::<u64>::new(data).read(task)?;
    let flags = nth(tracee, index, |filter| if filter.logs { FLAG_LOG } else { 0 })?;
    let mut bytes = [0; SIZE as usize];
    let (first, second) = bytes.split_at_mut(8);
    first.copy_from_slice(&index.to_ne_bytes());
    second.copy_from_slice(&flags.to_ne_bytes());
    UserSlice::new(data, size as usize).write(bytes.get(..size as usize).unwrap_or_default())?;
    Ok(size as i64)
}
