//! Exceptions of user code: page faults to the address space, the rest to signals.
use super::Task;
use machine::entry::{Exception, UserFrame};
/// Handles an exception raised by user code.
pub fn handle(_task: &Task, _frame: &mut UserFrame, _exception: Exception) {
    todo!()
}
