//! The kernel's view for panic and NMI reports.
use super::pid::PidEntry;
use alloc::sync::Arc;
use core::fmt::Write;

/// Writes every task with state and kernel stack. Runs where anything may be locked: what cannot be read at once is left out.
pub fn report(out: &mut dyn Write) {
    let Some(shared) = crate::start::shared_if_started() else { return };
    let mut number = 1;
    while let Some(entry) = shared.namespaces.pid_for_children.find_from(number) {
        number = entry.number().saturating_add(1);
        let _ = write_task(&entry, out);
    }
}

fn write_task(entry: &Arc<PidEntry>, out: &mut dyn Write) -> core::fmt::Result {
    let Some(task) = entry.task() else { return Ok(()) };
    let name = task.name();
    let name = core::str::from_utf8(&name).unwrap_or("?").trim_end_matches('\0');
    writeln!(out, "task {} {} {} cpu {}", task.id(), name, task.state_letter(), task.schedule.cpu().0)?;
    let mut result = Ok(());
    task.thread().back_trace(&mut |address| result = result.and_then(|()| writeln!(out, "  at {address:#x}")));
    result
}
