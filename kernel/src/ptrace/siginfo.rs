//! What a tracer sees of its tracee's signals: the one it stopped for, the pending ones, the mask.
use crate::error::*;
use crate::process::Task;
use crate::signal::{SignalInfo, UNBLOCKABLE};
use crate::syscall::UserPtr;
use crate::syscall::user::UserLayout;
use abi::Abi;
use alloc::sync::Arc;

/// PTRACE_GETSIGINFO: EINVAL in a stop without one.
pub(super) fn get(task: &Task, tracee: &Task, data: u64) -> Result<()> {
    let info = tracee.trace.stop.lock().info.ok_or(EINVAL)?;
    UserPtr::<SignalInfo>::new(data).write(task, &info)
}

/// PTRACE_SETSIGINFO.
pub(super) fn set(task: &Task, tracee: &Task, data: u64) -> Result<()> {
    let wanted = UserPtr::<SignalInfo>::new(data).read(task)?;
    let mut stop = tracee.trace.stop.lock();
    let info = stop.info.as_mut().ok_or(EINVAL)?;
    *info = wanted;
    Ok(())
}

const PEEK_SHARED: u32 = 1;
/// Bytes of `struct ptrace_peeksiginfo_args`.
const PEEK_SIZE: usize = 16;
struct PeekArguments {
    offset: u64,
    flags: u32,
    count: i32,
}
impl UserLayout for PeekArguments {
    fn size(_: Abi) -> usize {
        PEEK_SIZE
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let (offset, rest) = bytes.split_at(8);
        let (flags, count) = rest.split_at(4);
        PeekArguments {
            offset: u64::decode(abi, offset),
            flags: u32::decode(abi, flags),
            count: i32::decode(abi, count),
        }
    }
    fn encode(&self, _: Abi, _: &mut [u8]) {}
}

/// PTRACE_PEEKSIGINFO: how many pending signals were copied from a place on.
pub(super) fn peek(task: &Task, tracee: &Arc<Task>, address: u64, data: u64) -> Result<i64> {
    let PeekArguments { offset, flags, count } = UserPtr::<PeekArguments>::new(address).read(task)?;
    if flags & !PEEK_SHARED != 0 || count < 0 {
        return Err(EINVAL);
    }
    let into = UserPtr::<SignalInfo>::new(data);
    let mut done = 0;
    while done < count {
        let Some(index) = offset.checked_add(done as u64).and_then(|index| usize::try_from(index).ok()) else { break };
        let Some(info) = tracee.queued_signal(flags & PEEK_SHARED != 0, index) else { break };
        match into.element(task, done as usize).write(task, &info) {
            Ok(()) => done += 1,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
        if task.signal_pending() {
            break;
        }
    }
    Ok(done.into())
}

/// PTRACE_GETSIGMASK: EINVAL for another size than a set's.
pub(super) fn get_mask(task: &Task, tracee: &Task, size: u64, data: u64) -> Result<()> {
    if size != 8 {
        return Err(EINVAL);
    }
    UserPtr::<u64>::new(data).write(task, &tracee.signals.mask_after_call())
}

/// PTRACE_SETSIGMASK; it counts when the tracee goes on.
pub(super) fn set_mask(task: &Task, tracee: &Task, size: u64, data: u64) -> Result<()> {
    if size != 8 {
        return Err(EINVAL);
    }
    let mask = UserPtr::<u64>::new(data).read(task)? & !UNBLOCKABLE;
    let group = tracee.group().signals.lock();
    tracee.signals.replace_mask(mask);
    drop(group);
    Ok(())
}
