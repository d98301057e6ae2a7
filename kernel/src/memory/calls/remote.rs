//! Calls on the memory of a process that a pidfd names: process_madvise(2), process_mrelease(2).
use crate::error::{EACCES, EINVAL, EPERM, ESRCH, Result};
use crate::file::buffer::{IoVector, read_vector};
use crate::memory::AddressSpace;
use crate::process::credentials::may_inspect;
use crate::process::pidfd;
use crate::process::{Capability, Task, ThreadGroup};
use crate::syscall::{Fd, UserPtr};
use abi::mman::{MADV_COLD, MADV_COLLAPSE, MADV_PAGEOUT, MADV_WILLNEED};
use alloc::sync::Arc;

/// process_madvise(2): how many bytes the advice was taken for; the error of the first piece if there are none.
pub fn process_madvise(
    task: &Task,
    fd: Fd,
    vector: UserPtr<IoVector>,
    count: usize,
    advice: i32,
    flags: u32,
) -> Result<usize> {
    if flags != 0 {
        return Err(EINVAL);
    }
    let pieces = read_vector(task, vector, count)?;
    let (entry, _) = pidfd::entry_of(task, fd)?;
    let process = entry.task().ok_or(ESRCH)?;
    let advice = u64::try_from(advice).map_err(|_| EINVAL)?;
    if !matches!(advice, MADV_COLD | MADV_PAGEOUT | MADV_WILLNEED | MADV_COLLAPSE) {
        return Err(EINVAL);
    }
    let memory = process.memory();
    if memory.is_some() && !may_inspect(task, &process, false) {
        return Err(EACCES);
    }
    let memory = memory.ok_or(ESRCH)?;
    // With it a process can influence how another fares.
    if !task.capable(Capability::SysNice) {
        return Err(EPERM);
    }
    let mut done = 0;
    for piece in &pieces {
        match memory.advise(piece.address, piece.length as u64, advice) {
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
            Ok(()) => done += piece.length,
        }
    }
    Ok(done)
}

/// process_mrelease(2): frees the memory of a process that is dying, which might take its time to do so itself. EINVAL for one
/// that lives, ESRCH for one that has none any more.
pub fn process_mrelease(task: &Task, fd: Fd, flags: u32) -> Result<()> {
    if flags != 0 {
        return Err(EINVAL);
    }
    let (entry, _) = pidfd::entry_of(task, fd)?;
    let process = entry.task().ok_or(ESRCH)?;
    let group = process.group();
    let mut memory = None;
    group.for_each_thread(|thread| memory = memory.take().or_else(|| thread.memory()));
    let memory = memory.ok_or(ESRCH)?;
    if !group.signals.is_exiting() || is_used_by_others(group, &memory) {
        return Err(EINVAL);
    }
    memory.release_private();
    Ok(())
}

/// Whether a process that is not dying shares the memory.
fn is_used_by_others(process: &Arc<ThreadGroup>, memory: &Arc<AddressSpace>) -> bool {
    let processes = &crate::start::shared().namespaces.pid_for_children;
    let mut number = 1;
    while let Some(entry) = processes.find_from(number) {
        number = entry.number().saturating_add(1);
        let Some(task) = entry.task() else { continue };
        if !Arc::ptr_eq(task.group(), process) && task.has_memory(memory) && !task.group().signals.is_exiting() {
            return true;
        }
    }
    false
}
