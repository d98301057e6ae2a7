//! /proc/PID/stat and /proc/PID/statm.
use super::maps::file_pages;
use super::process::name_of;
use super::{Output, Subject};
use crate::error::*;
use crate::process::Task;
use crate::process::task::flag;
use crate::process::usage::{Sum, ticks};
use crate::signal::SignalSet;
use core::fmt::Write;
use core::sync::atomic::Ordering;

const PAGE: u64 = 4096;
/// Bits of the kernel's task flags, as field 9 shows them.
const PF_EXITING: u32 = 0x4;
const PF_FORKNOEXEC: u32 = 0x40;
const PF_SUPERPRIV: u32 = 0x100;
const PF_DUMPCORE: u32 = 0x200;
const PF_SIGNALED: u32 = 0x400;
const PF_KTHREAD: u32 = 0x20_0000;
const PF_RANDOMIZE: u32 = 0x40_0000;

/// The task's flags as Linux numbers them.
pub fn flags(task: &Task) -> u32 {
    let mut bits = 0;
    for (own, shown) in [
        (flag::EXITING, PF_EXITING),
        (flag::FORKED, PF_FORKNOEXEC),
        (flag::SUPERUSER, PF_SUPERPRIV),
        (flag::DUMPED_CORE, PF_DUMPCORE),
        (flag::SIGNALED, PF_SIGNALED),
        (flag::KERNEL, PF_KTHREAD),
    ] {
        if task.has_flag(own) {
            bits |= shown;
        }
    }
    if bits & PF_KTHREAD == 0 { bits | PF_RANDOMIZE } else { bits }
}

/// The low 31 signals, as the obsolete fields show them.
fn low(set: SignalSet) -> u64 {
    set & 0x7fff_ffff
}

pub fn statistics(subject: &Subject, out: &mut Output) -> Result<()> {
    let task = subject.task()?;
    let group = task.group();
    let namespace = &*subject.namespace;
    let permitted = subject.check_access().is_ok();
    let id = task.pid().number_in(namespace);
    let (name, length) = name_of(&task);
    let (user, system, minor, major) = if subject.is_thread {
        let own = task.usage();
        (own.user_time, own.system_time, own.minor_faults, own.major_faults)
    } else {
        let own = group.own_usage();
        (own.user_time, own.system_time, own.minor_faults, own.major_faults)
    };
    let children = if subject.is_thread { Sum::default() } else { group.usage.lock().children };
    let process_group = group.process_group();
    let session = process_group.session();
    let terminal = group.terminal();
    let terminal_number = terminal.as_ref().map_or(0, |terminal| terminal.device_number());
    let foreground = terminal
        .and_then(|terminal| terminal.foreground_group())
        .map_or(-1, |group| i64::from(group.id().number_in(namespace)));
    write!(out, "{id} (")?;
    out.put(name.get(..length).unwrap_or_default())?;
    write!(
        out,
        ") {} {} {} {} {terminal_number} {foreground} {} {minor} {} {major} {} {} {} {} {}",
        task.state_letter(),
        group.parent().map_or(0, |parent| parent.pid().number_in(namespace)),
        process_group.id().number_in(namespace),
        session.id().number_in(namespace),
        flags(&task),
        children.minor_faults,
        children.major_faults,
        ticks(user),
        ticks(system),
        ticks(children.user_time),
        ticks(children.system_time),
    )?;
    let nice = task.schedule.nice();
    let memory = task.memory();
    let usage = memory.as_ref().map(|memory| memory.usage()).unwrap_or_default();
    write!(
        out,
        " {} {nice} {} 0 {} {} {} {}",
        task.schedule.shown_priority(),
        group.thread_count(),
        ticks(task.start_time),
        usage.totals.total.saturating_mul(PAGE),
        usage.resident,
        group.limit(crate::process::thread_group::Resource::ResidentSet),
    )?;
    // Addresses are for those only who may look into the process.
    let places = memory.as_ref().map(|memory| {
        memory.with_layout(|layout| {
            [
                layout.code.start,
                layout.code.end,
                layout.stack_start,
                layout.data.start,
                layout.data.end,
                layout.heap.start,
                layout.arguments.start,
                layout.arguments.end,
                layout.environment.start,
                layout.environment.end,
            ]
        })
    });
    let [code_start, code_end, stack, rest @ ..] = match places {
        Some(places) if permitted => places,
        Some(_) => [1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        None => [0; 10],
    };
    let sleeps = u32::from(permitted && task.state_letter() != 'R' && task.memory().is_some());
    let (ignored, caught) = group.with_actions(|actions| (actions.ignored(), actions.caught()));
    write!(
        out,
        " {code_start} {code_end} {stack} 0 0 {} {} {} {} {sleeps} 0 0 {} {} {} {} 0 0 0",
        low(task.signals.private_pending()),
        low(task.signals.blocked()),
        low(ignored),
        low(caught),
        group.exit_signal(),
        task.schedule.cpu().0,
        task.schedule.priority(),
        task.schedule.policy() as u32,
    )?;
    for place in rest {
        write!(out, " {place}")?;
    }
    let status = if permitted { task.exit_status.load(Ordering::Relaxed) } else { 0 };
    Ok(writeln!(out, " {status}")?)
}

pub fn memory_statistics(subject: &Subject, out: &mut Output) -> Result<()> {
    let memory = subject.task()?.memory();
    let usage = memory.as_ref().map(|memory| memory.usage()).unwrap_or_default();
    let file = memory.map_or(Ok(0), |memory| file_pages(&memory).map(|(file, shared)| file.saturating_add(shared)))?;
    let totals = usage.totals;
    let data = totals.data.saturating_add(totals.stack);
    Ok(writeln!(out, "{} {} {} {} 0 {data} 0", totals.total, usage.resident, file, totals.executable)?)
}
