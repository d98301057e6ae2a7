//! Restartable sequences (rseq(2)): the user area that says on which CPU the thread runs, and the critical section to leave
//! when it was interrupted.
use super::Task;
use crate::error::*;
use crate::signal::{SIGSEGV, SignalInfo};
use crate::syscall::{UserPtr, UserSlice};
use core::sync::atomic::Ordering;
use machine::entry::UserFrame;

/// Size and alignment of the area's first version.
const AREA_SIZE: u32 = 32;
const RSEQ_FLAG_UNREGISTER: u32 = 1;
/// cpu_id of a thread that is not registered.
const UNINITIALIZED: u32 = u32::MAX;

/// Offsets in `struct rseq`.
mod at {
    pub const CPU_ID_START: u64 = 0;
    pub const CPU_ID: u64 = 4;
    pub const CRITICAL_SECTION: u64 = 8;
}

/// rseq(2).
pub fn rseq(task: &Task, address: u64, length: u32, flags: u32, signature: u32) -> Result<()> {
    let registered = task.rseq_address.load(Ordering::Relaxed);
    let same = || {
        if registered != address || length != task.rseq_length.load(Ordering::Relaxed) {
            return Err(EINVAL);
        }
        if task.rseq_signature.load(Ordering::Relaxed) != signature { Err(EPERM) } else { Ok(()) }
    };
    if flags & RSEQ_FLAG_UNREGISTER != 0 {
        if flags & !RSEQ_FLAG_UNREGISTER != 0 || registered == 0 {
            return Err(EINVAL);
        }
        same()?;
        write_ids(task, registered, 0, UNINITIALIZED)?;
        task.rseq_address.store(0, Ordering::Relaxed);
        return Ok(());
    }
    if flags != 0 {
        return Err(EINVAL);
    }
    if registered != 0 {
        same()?;
        return Err(EBUSY);
    }
    if !address.is_multiple_of(u64::from(AREA_SIZE)) || length != AREA_SIZE {
        return Err(EINVAL);
    }
    if address >= machine::paging::USER_END {
        return Err(EFAULT);
    }
    task.rseq_length.store(length, Ordering::Relaxed);
    task.rseq_signature.store(signature, Ordering::Relaxed);
    task.rseq_address.store(address, Ordering::Relaxed);
    task.note_switch();
    Ok(())
}

fn write_ids(task: &Task, area: u64, start: u32, id: u32) -> Result<()> {
    UserPtr::<u32>::new(area + at::CPU_ID_START).write(task, &start)?;
    UserPtr::<u32>::new(area + at::CPU_ID).write(task, &id)
}

impl Task {
    /// The task is being switched away from: the area of restartable sequences is to be brought up to date before it goes on in
    /// user mode.
    #[inline]
    pub(super) fn note_switch(&self) {
        if self.rseq_address.load(Ordering::Relaxed) != 0 {
            self.schedule.set_moved();
            self.thread().set_work(machine::thread::work::NOTIFY);
        }
    }
}

/// A signal is about to be handled: the interrupted critical section is left first. False if the area is broken.
pub(crate) fn before_signal(task: &Task, frame: &mut UserFrame) -> bool {
    let area = task.rseq_address.load(Ordering::Relaxed);
    area == 0 || leave_critical_section(task, area, frame).is_ok()
}

/// Brings the area up to date and leaves an interrupted critical section, before the thread goes on in user mode after it has
/// been switched away from or a signal arrives.
pub fn before_user(task: &Task, frame: &mut UserFrame) {
    let area = task.rseq_address.load(Ordering::Relaxed);
    if area == 0 || !task.schedule.take_moved() {
        return;
    }
    if update(task, area, frame).is_err() {
        crate::signal::force(task, SignalInfo::kernel(SIGSEGV));
    }
}

fn update(task: &Task, area: u64, frame: &mut UserFrame) -> Result<()> {
    leave_critical_section(task, area, frame)?;
    let cpu = task.schedule.cpu().0;
    write_ids(task, area, cpu, cpu)
}

/// Goes to the abort handler if the thread was interrupted within a critical section, which must bear the registered signature.
fn leave_critical_section(task: &Task, area: u64, frame: &mut UserFrame) -> Result<()> {
    let section = UserPtr::<u64>::new(area + at::CRITICAL_SECTION).read(task)?;
    if section == 0 {
        return Ok(());
    }
    let mut raw = [0u8; 32];
    UserSlice::new(section, raw.len()).read(&mut raw)?;
    let word = |at: usize| raw.get(at..at + 8).and_then(|raw| raw.try_into().ok()).map_or(0, u64::from_ne_bytes);
    let version = word(0) as u32;
    let (start, length, abort) = (word(8), word(16), word(24));
    let inside = frame.instruction_pointer().wrapping_sub(start) < length;
    if version != 0 || start >= machine::paging::USER_END || abort.wrapping_sub(start) < length {
        return Err(EINVAL);
    }
    if inside {
        let signature = UserPtr::<u32>::new(abort.wrapping_sub(4)).read(task)?;
        if signature != task.rseq_signature.load(Ordering::Relaxed) {
            return Err(EINVAL);
        }
        frame.set_instruction_pointer(abort);
    }
    // Left behind or left just now: it counts no more.
    UserPtr::<u64>::new(area + at::CRITICAL_SECTION).write(task, &0)
}
