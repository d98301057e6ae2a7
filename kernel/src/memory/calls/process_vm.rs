//! process_vm_readv(2) and process_vm_writev(2).
use crate::error::{EFAULT, EINVAL, EPERM, ESRCH, Result};
use crate::memory::AddressSpace;
use crate::process::Task;
use crate::process::credentials::may_inspect;
use crate::syscall::user::{UserLayout, UserWord};
use crate::syscall::{Pid, UserPtr};
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::user;

/// Most segments (UIO_MAXIOV).
const MOST_SEGMENTS: u64 = 1024;
/// Most bytes of all segments (MAX_RW_COUNT).
const MOST_BYTES: u64 = 0x7fff_f000;

/// A segment: address and length.
#[derive(Clone, Copy)]
struct Segment {
    address: u64,
    length: u64,
}

/// Reads a vector of segments. `checked`: the lengths must not be negative, their sum is cut as for readv(2), and the
/// addresses must be in user space.
fn segments(task: &Task, vector: u64, count: u64, checked: bool) -> Result<Vec<Segment>> {
    if count > MOST_SEGMENTS {
        return Err(EINVAL);
    }
    let mut segments = Vec::new();
    segments.try_reserve_exact(count as usize)?;
    let abi = task.abi();
    let word = UserWord::size(abi) as u64;
    let mut total = 0u64;
    for number in 0..count {
        let at = vector.checked_add(number * 2 * word).ok_or(EFAULT)?;
        let UserWord(address) = UserPtr::<UserWord>::new(at).read(task)?;
        let UserWord(mut length) = UserPtr::<UserWord>::new(at.wrapping_add(word)).read(task)?;
        if i64::try_from(length).is_err() {
            return Err(EINVAL);
        }
        if checked {
            let end = machine::paging::USER_END;
            if address > end || length > end - address {
                return Err(EFAULT);
            }
            length = length.min(MOST_BYTES - total);
            total += length;
        }
        segments.push(Segment { address, length });
    }
    Ok(segments)
}

/// Finds the other process's memory: ESRCH, EPERM.
fn remote(task: &Task, pid: Pid) -> Result<Arc<AddressSpace>> {
    let number = u32::try_from(pid.0).map_err(|_| ESRCH)?;
    let other = task.pid_namespace().find_task(number).ok_or(ESRCH)?;
    let memory = other.memory().ok_or(ESRCH)?;
    if !may_inspect(task, &other, true) {
        return Err(EPERM);
    }
    Ok(memory)
}

struct Transfer {
    pid: Pid,
    local: u64,
    local_count: u64,
    remote: u64,
    remote_count: u64,
    write: bool,
}

fn transfer(task: &Task, what: Transfer) -> Result<usize> {
    let local = segments(task, what.local, what.local_count, true)?;
    if local.iter().all(|segment| segment.length == 0) {
        return Ok(0);
    }
    let distant = segments(task, what.remote, what.remote_count, false)?;
    if distant.iter().all(|segment| segment.length == 0) {
        return Ok(0);
    }
    let memory = remote(task, what.pid)?;
    let mut here = local.iter().copied().filter(|segment| segment.length > 0);
    let mut mine = here.next();
    let mut done = 0usize;
    let mut buffer = [0; 1024];
    for segment in distant {
        let (mut address, mut left) = (segment.address, segment.length);
        while left > 0 {
            let Some(own) = &mut mine else { return Ok(done) };
            let part = left.min(own.length).min(buffer.len() as u64) as usize;
            let bytes = buffer.get_mut(..part).ok_or(EFAULT)?;
            let copied = if what.write {
                let fetched = part - user::copy_from_user(bytes, own.address);
                memory.write_remote(address, bytes.get(..fetched).unwrap_or(&[]), false)
            } else {
                let fetched = memory.read_remote(address, bytes, false);
                fetched - user::copy_to_user(own.address, bytes.get(..fetched).unwrap_or(&[]))
            };
            done += copied;
            if copied < part {
                return if done > 0 { Ok(done) } else { Err(EFAULT) };
            }
            address = address.wrapping_add(part as u64);
            left -= part as u64;
            own.address += part as u64;
            own.length -= part as u64;
            if own.length == 0 {
                mine = here.next();
            }
        }
    }
    Ok(done)
}

/// Copies from another process's memory.
pub fn process_vm_readv(
    task: &Task,
    pid: Pid,
    local: u64,
    local_count: u64,
    remote: u64,
    remote_count: u64,
    flags: u64,
) -> Result<usize> {
    if flags != 0 {
        return Err(EINVAL);
    }
    transfer(task, Transfer { pid, local, local_count, remote, remote_count, write: false })
}

/// Copies to another process's memory.
pub fn process_vm_writev(
    task: &Task,
    pid: Pid,
    local: u64,
    local_count: u64,
    remote: u64,
    remote_count: u64,
    flags: u64,
) -> Result<usize> {
    if flags != 0 {
        return Err(EINVAL);
    }
    transfer(task, Transfer { pid, local, local_count, remote, remote_count, write: true })
}
