//! Work on the way back to user mode: signals, rescheduling, deferred drops, exit.
use super::Task;
use machine::entry::UserFrame;
/// Runs everything the work flags ask for.
pub fn run(_task: &Task, _frame: &mut UserFrame) {
    todo!()
}
