//! Small files of a process.
use super::text::{parse_decimal, parse_number, parse_word};
use super::{Output, Subject};
use crate::error::*;
use crate::file::{Path, nsfs};
use crate::process::namespace::{Kind, Namespace};
use crate::process::thread_group::Resource;
use crate::process::{Capability, Task, core_dump, login};
use crate::syscall::dispatch::X32_BIT;
use crate::syscall::reference::row_of;
use abi::Abi;
use alloc::sync::Arc;
use core::fmt::Write;
use core::sync::atomic::Ordering;

/// A task's name without the padding.
pub fn name_of(task: &Task) -> ([u8; 16], usize) {
    let name = task.name();
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    (name, length)
}

pub fn name(subject: &Subject, out: &mut Output) -> Result<()> {
    let (name, length) = name_of(&*subject.task()?);
    out.put(name.get(..length).unwrap_or_default())?;
    out.put(b"\n")
}
/// A thread may be renamed by any thread of its process.
pub fn set_name(subject: &Subject, text: &[u8]) -> Result<()> {
    let task = subject.task()?;
    if !Arc::ptr_eq(task.group(), Task::current().group()) {
        return Err(EINVAL);
    }
    task.set_name(text.get(..text.len().min(15)).unwrap_or_default());
    Ok(())
}

pub fn working_directory(subject: &Subject) -> Result<Path> {
    Ok(subject.task()?.context_if_any().ok_or(ENOENT)?.working_directory())
}
pub fn root(subject: &Subject) -> Result<Path> {
    Ok(subject.task()?.context_if_any().ok_or(ENOENT)?.root())
}
pub fn executable(subject: &Subject) -> Result<Path> {
    let memory = subject.task()?.memory().ok_or(ENOENT)?;
    memory.with_layout(|layout| layout.executable.as_ref().map(|program| program.file().path().clone())).ok_or(ENOENT)
}

/// The file of a namespace that the task is in.
pub fn namespace(subject: &Subject, kind: Kind) -> Result<Path> {
    nsfs::path_of(&*subject.task()?, kind)
}
/// The namespace that gives the task's children their numbers, once somebody has lived there.
pub fn pid_namespace_for_children(subject: &Subject) -> Result<Path> {
    let task = subject.task()?;
    task.context_if_any().ok_or(ENOENT)?;
    let namespace = task.namespaces().pid_for_children.clone();
    if namespace.has_begun() { nsfs::path(Namespace::Pid(namespace)) } else { Err(ENOENT) }
}
/// The namespace that gives the task's children their clocks.
pub fn time_namespace_for_children(subject: &Subject) -> Result<Path> {
    let task = subject.task()?;
    task.context_if_any().ok_or(ENOENT)?;
    nsfs::path(Namespace::Time(task.namespaces().time_for_children.clone()))
}

/// Bytes of a group's path that are shown.
const LONGEST_PATH: usize = 4095;
/// The control group, as seen from the root of the reader's cgroup namespace.
pub fn control_group(subject: &Subject, out: &mut Output) -> Result<()> {
    let group = subject.task()?.control_group();
    let root = Task::current().namespaces().cgroup.root();
    let path = group.path_from(&root)?;
    out.put(b"0::")?;
    out.put(path.get(..path.len().min(LONGEST_PATH)).unwrap_or_default())?;
    out.put(if group.is_dead() { b" (deleted)\n" } else { b"\n" })
}
pub fn login_user(subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(write!(out, "{}", subject.task()?.login.user())?)
}
pub fn login_session(subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(write!(out, "{}", subject.task()?.login.session())?)
}
/// Only a task itself says who has logged in. EPERM for others; EINVAL for what is no number, ERANGE for too large a one.
pub fn log_in(subject: &Subject, text: &[u8]) -> Result<()> {
    let task = subject.task()?;
    if !core::ptr::eq(&raw const *task, Task::current()) {
        return Err(EPERM);
    }
    login::log_in(&task, parse_decimal(text)?)
}
pub fn personality(subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{:08x}", subject.task()?.personality())?)
}
/// The function that a sleeping task waits in: its call's. "0" for what does not sleep in a call, and for those who may not look
/// into the task.
pub fn wait_channel(subject: &Subject, out: &mut Output) -> Result<()> {
    let task = subject.task()?;
    let function = if subject.check_access().is_ok() { waits_in(&task) } else { None };
    out.put(function.unwrap_or("0").as_bytes())
}
fn waits_in(task: &Task) -> Option<&'static str> {
    if !matches!(task.state_letter(), 'S' | 'D') {
        return None;
    }
    let number = task.thread().with_user_frame(|frame| frame.original_rax)?;
    let abi = task.abi();
    let bit = if abi == Abi::X32 { X32_BIT } else { 0 };
    // Without the types of a generic one.
    let handler = row_of(abi, u64::from(number as u32) & !bit)?.handler.split('<').next()?;
    handler.trim_end_matches("::").rsplit("::").next().filter(|name| !name.is_empty())
}
pub fn kernel_stack(subject: &Subject, out: &mut Output) -> Result<()> {
    if !Task::current().holds(Capability::SysAdmin) {
        return Err(EACCES);
    }
    let task = subject.task()?;
    let mut result = Ok(());
    task.thread().back_trace(&mut |address| {
        if result.is_ok() {
            result = writeln!(out, "[<0>] 0x{address:016x}");
        }
    });
    Ok(result?)
}

const LIMITS: [(Resource, &str, &str); 16] = [
    (Resource::Cpu, "Max cpu time", "seconds"),
    (Resource::FileSize, "Max file size", "bytes"),
    (Resource::Data, "Max data size", "bytes"),
    (Resource::Stack, "Max stack size", "bytes"),
    (Resource::Core, "Max core file size", "bytes"),
    (Resource::ResidentSet, "Max resident set", "bytes"),
    (Resource::Processes, "Max processes", "processes"),
    (Resource::OpenFiles, "Max open files", "files"),
    (Resource::LockedMemory, "Max locked memory", "bytes"),
    (Resource::AddressSpace, "Max address space", "bytes"),
    (Resource::Locks, "Max file locks", "locks"),
    (Resource::PendingSignals, "Max pending signals", "signals"),
    (Resource::MessageQueues, "Max msgqueue size", "bytes"),
    (Resource::Nice, "Max nice priority", ""),
    (Resource::RealTimePriority, "Max realtime priority", ""),
    (Resource::RealTimeTime, "Max realtime timeout", "us"),
];

pub fn limits(subject: &Subject, out: &mut Output) -> Result<()> {
    let task = subject.task()?;
    out.put(b"Limit                     Soft Limit           Hard Limit           Units     \n")?;
    for (resource, name, unit) in LIMITS {
        write!(out, "{name:<25} ")?;
        let limit = task.group().limits.get(resource);
        for value in [limit.soft, limit.hard] {
            if value == u64::MAX {
                write!(out, "{:<20} ", "unlimited")?;
            } else {
                write!(out, "{value:<20} ")?;
            }
        }
        if unit.is_empty() {
            out.put(b"\n")?;
        } else {
            writeln!(out, "{unit:<10}")?;
        }
    }
    Ok(())
}

pub fn oom_score(subject: &Subject, out: &mut Output) -> Result<()> {
    let task = subject.task()?;
    let used = task.memory().map_or(0, |memory| memory.resident_pages() as u64);
    let total = (machine::memory::statistics().total as u64).max(1);
    let adjustment = i64::from(task.group().oom_score_adjustment.load(Ordering::Relaxed));
    // Thousandths of memory, moved by the adjustment and mapped to 0..2000 with 666 for a process that uses nothing.
    let points = (used.saturating_mul(1000) / total) as i64 + adjustment;
    Ok(writeln!(out, "{}", if adjustment <= -1000 { 0 } else { ((1000 + points) * 2 / 3).max(0) })?)
}
pub fn oom_adjustment(subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", subject.task()?.group().oom_score_adjustment.load(Ordering::Relaxed))?)
}
/// Lowering it takes CAP_SYS_RESOURCE.
pub fn set_oom_adjustment(subject: &Subject, text: &[u8]) -> Result<()> {
    let value = i32::try_from(parse_number(text)?).ok().filter(|value| (-1000..=1000).contains(value)).ok_or(EINVAL)?;
    let task = subject.task()?;
    let place = &task.group().oom_score_adjustment;
    if value < place.load(Ordering::Relaxed) && !Task::current().capable(Capability::SysResource) {
        return Err(EACCES);
    }
    place.store(value, Ordering::Relaxed);
    Ok(())
}

/// What a core dump shows of memory; empty for a process without any.
pub fn dump_filter(subject: &Subject, out: &mut Output) -> Result<()> {
    let Some(memory) = subject.task()?.memory() else { return Ok(()) };
    Ok(writeln!(out, "{:08x}", memory.with_layout(|layout| layout.dump_filter))?)
}
/// ESRCH for a process without memory.
pub fn set_dump_filter(subject: &Subject, text: &[u8]) -> Result<()> {
    let value = parse_word(text)? & core_dump::filter::ALL;
    let memory = subject.task()?.memory().ok_or(ESRCH)?;
    memory.with_layout_mut(|layout| layout.dump_filter = value);
    Ok(())
}

/// The call that a sleeping task, or the reader itself, is in: number, arguments, stack pointer, instruction pointer.
pub fn system_call(subject: &Subject, out: &mut Output) -> Result<()> {
    subject.check_access()?;
    let task = subject.task()?;
    if task.has_ended() {
        return out.put(b"-1 0x0 0x0\n");
    }
    let is_own = core::ptr::eq(&raw const *task, Task::current());
    let frame =
        if is_own { task.thread().own_user_frame() } else { task.thread().with_user_frame(|frame| frame.clone()) };
    let Some(frame) = frame.filter(|_| is_own || task.state_letter() != 'R') else {
        return out.put(b"running\n");
    };
    let number = frame.original_rax as i32;
    write!(out, "{number}")?;
    if number >= 0 {
        for argument in frame.arguments(task.abi()) {
            write!(out, " 0x{argument:x}")?;
        }
    }
    Ok(writeln!(out, " 0x{:x} 0x{:x}", frame.stack_pointer(), frame.instruction_pointer())?)
}

pub fn children(subject: &Subject, out: &mut Output) -> Result<()> {
    let task = subject.task()?;
    let ids = task.group().children_of(task.id(), &subject.namespace)?;
    ids.iter().try_for_each(|id| Ok(write!(out, "{id} ")?))
}
