//! madvise(2), msync(2), mincore(2), the mlock(2) family.
use super::space;
use crate::error::{EFAULT, EINVAL, Result};
use crate::memory::address_space::{Limits, Space};
use crate::process::Task;
use crate::syscall::UserBytes;
use abi::mman::MLOCK_ONFAULT;
use machine::paging::USER_END;

/// Tells the kernel how memory will be used.
pub fn madvise(task: &Task, address: u64, length: u64, advice: i32) -> Result<()> {
    let advice = u64::try_from(advice).map_err(|_| EINVAL)?;
    space(task)?.advise(address, length, advice)
}

/// Writes the changes of shared file mappings back.
pub fn msync(task: &Task, address: u64, length: u64, flags: i32) -> Result<()> {
    let flags = u64::try_from(flags).map_err(|_| EINVAL)?;
    space(task)?.sync(address, length, flags)
}

/// Says which pages are in memory.
pub fn mincore(task: &Task, address: u64, length: u64, vector: UserBytes) -> Result<()> {
    if address & 0xfff != 0 {
        return Err(EINVAL);
    }
    Space::check_range(address, length)?;
    let pages = length.div_ceil(4096);
    if vector.0 > USER_END || pages > USER_END - vector.0 {
        return Err(EFAULT);
    }
    let space = space(task)?;
    let mut done = 0;
    let mut report = [0; 256];
    while done < pages {
        let count = (pages - done).min(report.len() as u64) as usize;
        let Some(part) = report.get_mut(..count) else { break };
        space.residency(address + done * 4096, count, part)?;
        if machine::user::copy_to_user(vector.0 + done, part) != 0 {
            return Err(EFAULT);
        }
        done += count as u64;
    }
    Ok(())
}

/// Locks pages in memory.
pub fn mlock(task: &Task, address: u64, length: u64) -> Result<()> {
    space(task)?.lock_range(address, length, false, &Limits::of(task))
}

/// Locks pages in memory, at once or as they are touched.
pub fn mlock2(task: &Task, address: u64, length: u64, flags: u32) -> Result<()> {
    if u64::from(flags) & !MLOCK_ONFAULT != 0 {
        return Err(EINVAL);
    }
    space(task)?.lock_range(address, length, flags != 0, &Limits::of(task))
}

/// Unlocks pages.
pub fn munlock(task: &Task, address: u64, length: u64) -> Result<()> {
    space(task)?.unlock_range(address, length)
}

/// Locks everything that is or will be mapped.
pub fn mlockall(task: &Task, flags: i32) -> Result<()> {
    let flags = u64::try_from(flags).map_err(|_| EINVAL)?;
    space(task)?.lock_all(flags, &Limits::of(task))
}

/// Unlocks everything.
pub fn munlockall(task: &Task) -> Result<()> {
    space(task)?.unlock_all();
    Ok(())
}
