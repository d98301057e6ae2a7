//! What is logged of judged calls, in the form of Linux's audit messages.
use super::notification::CallData;
use crate::process::Task;

/// Notes in the kernel's log what became of a call.
#[cold]
pub(super) fn line(task: &Task, data: &CallData, signal: u32, value: u32) {
    let name = task.name();
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let name = core::str::from_utf8(name.get(..length).unwrap_or_default()).unwrap_or("?");
    let (user, group) = task.with_credentials(|who| (who.user, who.group));
    let text = format_args!(
        "audit: type=1326 auid=4294967295 uid={user} gid={group} ses=4294967295 pid={} comm=\"{name}\" sig={signal} \
         arch={:x} syscall={} compat={} ip={:#x} code={value:#x}",
        task.id(),
        data.architecture,
        data.number,
        u32::from(task.abi() != abi::Abi::X86_64),
        data.instruction_pointer,
    );
    // Kept for who reads the log; a program that is judged often does not fill the console.
    crate::log::line(crate::log::Level::Debug, text);
}
