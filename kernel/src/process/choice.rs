//! Choices of a task that prctl(2) keeps or checks: the time stamp counter, huge pages, speculation, memory errors, writing back, tracers.
use super::Task;
use super::task::flag;
use crate::error::{EINVAL, ENODEV, ENXIO, EPERM, ERANGE, Result};

/// PR_TSC_ENABLE and PR_TSC_SIGSEGV.
const TSC_ALLOWED: u32 = 1;
const TSC_FORBIDDEN: u32 = 2;

/// PR_GET_TSC's answer.
pub fn time_stamp_counter(task: &Task) -> u32 {
    if task.thread().is_counter_forbidden() { TSC_FORBIDDEN } else { TSC_ALLOWED }
}
/// PR_SET_TSC. EINVAL.
pub fn set_time_stamp_counter(task: &Task, mode: u32) -> Result<()> {
    match mode {
        TSC_ALLOWED => task.thread().forbid_counter(false),
        TSC_FORBIDDEN => task.thread().forbid_counter(true),
        _ => return Err(EINVAL),
    }
    Ok(())
}

/// PR_GET_THP_DISABLE's answer.
pub fn are_huge_pages_unwanted(task: &Task) -> bool {
    task.memory().is_some_and(|memory| memory.with_layout(|layout| layout.no_huge_pages))
}
/// PR_SET_THP_DISABLE: there are no huge pages, but the wish is kept, inherited and shown.
pub fn set_huge_pages_unwanted(task: &Task, unwanted: bool) {
    if let Some(memory) = task.memory() {
        memory.with_layout_mut(|layout| layout.no_huge_pages = unwanted);
    }
}

/// PR_SET_IO_FLUSHER. EINVAL.
pub fn set_flusher(task: &Task, value: u64) -> Result<()> {
    match value {
        0 => drop(task.clear_flag(flag::IO_FLUSHER)),
        1 => task.set_flag(flag::IO_FLUSHER),
        _ => return Err(EINVAL),
    }
    Ok(())
}

/// PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH, PR_SPEC_L1D_FLUSH.
const STORE_BYPASS: u64 = 0;
const INDIRECT_BRANCH: u64 = 1;
const L1D_FLUSH: u64 = 2;
/// PR_SPEC_NOT_AFFECTED, PR_SPEC_ENABLE, PR_SPEC_DISABLE, PR_SPEC_FORCE_DISABLE.
const NOT_AFFECTED: u64 = 0;
const ALLOWED: u64 = 2;
const FORBIDDEN: u64 = 4;
const FORBIDDEN_FOR_GOOD: u64 = 8;

/// PR_GET_SPECULATION_CTRL's answer: speculation is as the processor has it, and level 1 caches are never flushed. ENODEV.
pub fn speculation(which: u64) -> Result<u64> {
    match which {
        STORE_BYPASS if machine::cpu::is_safe_from_store_bypass() => Ok(NOT_AFFECTED),
        STORE_BYPASS | INDIRECT_BRANCH => Ok(ALLOWED),
        L1D_FLUSH => Ok(FORBIDDEN_FOR_GOOD),
        _ => Err(ENODEV),
    }
}
/// PR_SET_SPECULATION_CTRL: nothing can be changed, as on a Linux without mitigations. ENODEV, ENXIO, EPERM, ERANGE.
pub fn set_speculation(which: u64, wanted: u64) -> Result<()> {
    match (which, wanted) {
        (STORE_BYPASS, _) => Err(ENXIO),
        (INDIRECT_BRANCH, ALLOWED) => Ok(()),
        (INDIRECT_BRANCH, FORBIDDEN | FORBIDDEN_FOR_GOOD) | (L1D_FLUSH, _) => Err(EPERM),
        (INDIRECT_BRANCH, _) => Err(ERANGE),
        _ => Err(ENODEV),
    }
}

/// PR_MCE_KILL_CLEAR and PR_MCE_KILL_SET.
const CLEAR: u64 = 0;
const SET: u64 = 1;
/// PR_MCE_KILL_LATE, PR_MCE_KILL_EARLY, PR_MCE_KILL_DEFAULT.
const LATE: u64 = 0;
const EARLY: u64 = 1;
const DEFAULT: u64 = 2;

/// PR_MCE_KILL_GET's answer.
pub fn memory_errors(task: &Task) -> u64 {
    match (task.has_flag(flag::MEMORY_ERRORS_CHOSEN), task.has_flag(flag::MEMORY_ERRORS_EARLY)) {
        (false, _) => DEFAULT,
        (true, true) => EARLY,
        (true, false) => LATE,
    }
}
/// PR_MCE_KILL: when the process is to learn of memory that fails. EINVAL, after which a choice counts as made, as in Linux.
pub fn set_memory_errors(task: &Task, operation: u64, choice: u64) -> Result<()> {
    match (operation, choice) {
        (CLEAR, 0) => drop(task.clear_flag(flag::MEMORY_ERRORS_CHOSEN)),
        (SET, DEFAULT) => drop(task.clear_flag(flag::MEMORY_ERRORS_CHOSEN | flag::MEMORY_ERRORS_EARLY)),
        (SET, _) => {
            task.set_flag(flag::MEMORY_ERRORS_CHOSEN);
            match choice {
                EARLY => task.set_flag(flag::MEMORY_ERRORS_EARLY),
                LATE => drop(task.clear_flag(flag::MEMORY_ERRORS_EARLY)),
                _ => return Err(EINVAL),
            }
        }
        _ => return Err(EINVAL),
    }
    Ok(())
}

/// PR_SET_PTRACER names who may trace the caller in spite of Yama. As in Debian it restricts nobody, so only the name is checked:
/// none (0), all (-1), or a process. EINVAL.
pub fn check_tracer(task: &Task, pid: i32) -> Result<()> {
    match u32::try_from(pid) {
        Ok(pid) if pid != 0 && !task.exists(pid) => Err(EINVAL),
        Err(_) if pid != -1 => Err(EINVAL),
        _ => Ok(()),
    }
}
