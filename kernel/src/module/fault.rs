//! What becomes of a task in whose call a module's code has failed: it dies, the rest goes on, as Linux has it by default
//! (kernel.panic_on_oops=0). The module stays for good: it counts the task that is inside for ever.
use super::report;
use crate::error::*;
use crate::log::{Level, line};
use crate::output::Output;
use crate::process::{Task, exit};
use crate::signal::SIGKILL;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};
use machine::module::Abandoned;

/// kernel.panic_on_oops.
static PANICS: AtomicBool = AtomicBool::new(false);

/// Says what has happened and ends the task, as if by SIGKILL; ends the machine instead if that is wished, and for kernel threads.
pub fn end(task: &Task, what: fmt::Arguments<'_>, stack: &Abandoned) -> ! {
    let name = task.name();
    let name = name.split(|byte| *byte == 0).next().and_then(|name| core::str::from_utf8(name).ok()).unwrap_or("?");
    line(Level::Alert, format_args!("BUG: {what}"));
    line(Level::Alert, format_args!("Oops: CPU: {} PID: {} Comm: {name}", task.schedule.cpu().0, task.id()));
    report::taint(report::TAINT_DIED);
    if PANICS.load(Ordering::Relaxed) || task.is_kernel_thread() {
        panic!("Fatal exception: {what}");
    }
    task.files().forget_borrows(stack);
    exit::die(task, SIGKILL as i32)
}

/// /proc/sys/kernel/panic_on_oops.
pub fn show_panics(out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", u8::from(PANICS.load(Ordering::Relaxed)))?)
}
/// Sets it.
pub fn set_panics(value: i64) -> Result<()> {
    PANICS.store(value != 0, Ordering::Relaxed);
    Ok(())
}
