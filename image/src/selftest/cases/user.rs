//! User mode.
use crate::kernel::{TestTask, exit};
use machine::entry::{Exception, UserFrame};
use machine::paging::Access;

/// The cases.
pub const CASES: &[(&str, fn() -> bool)] = &[];

/// The test kernel's system calls.
pub fn system_call(task: &TestTask, frame: &mut UserFrame) {
    task.calls.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
    frame.rax = 0;
}

/// Notes the exception and ends the task.
pub fn exception(task: &TestTask, frame: &mut UserFrame, exception: Exception) {
    *task.last_exception.lock() = Some((exception, frame.instruction_pointer()));
    exit()
}

/// Work was due on the way out.
pub fn returning(_task: &TestTask) {}

/// A user copy faulted.
pub fn resolve(_address: u64, _access: Access) -> bool {
    false
}
