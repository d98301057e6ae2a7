//! /proc/PID/status.
use super::maps::file_pages;
use super::process::name_of;
use super::{Output, Subject};
use crate::error::*;
use crate::process::Task;
use crate::process::pid::PidNamespace;
use crate::process::thread_group::Resource;
use core::fmt::Write;
use core::sync::atomic::Ordering;

const STATES: [(char, &str); 9] = [
    ('R', "running"),
    ('S', "sleeping"),
    ('D', "disk sleep"),
    ('T', "stopped"),
    ('t', "tracing stop"),
    ('X', "dead"),
    ('Z', "zombie"),
    ('P', "parked"),
    ('I', "idle"),
];

pub fn status(subject: &Subject, out: &mut Output) -> Result<()> {
    let task = subject.task()?;
    identity(&task, &subject.namespace, out)?;
    memory(&task, out)?;
    writeln!(out, "Threads:\t{}", task.group().thread_count())?;
    signals(&task, out)?;
    capabilities(&task, out)?;
    processors(&task, out)?;
    let counters = &task.counters;
    writeln!(out, "voluntary_ctxt_switches:\t{}", counters.voluntary_switches.load(Ordering::Relaxed))?;
    Ok(writeln!(out, "nonvoluntary_ctxt_switches:\t{}", counters.involuntary_switches.load(Ordering::Relaxed))?)
}

fn identity(task: &Task, namespace: &PidNamespace, out: &mut Output) -> Result<()> {
    let (name, length) = name_of(task);
    out.put(b"Name:\t")?;
    out.put_escaped(name.get(..length).unwrap_or_default(), b"\n\\")?;
    out.put(b"\n")?;
    if let Some(context) = task.context_if_any() {
        writeln!(out, "Umask:\t{:04o}", context.umask())?;
    }
    let letter = task.state_letter();
    let state = STATES.iter().find(|(known, _)| *known == letter).map_or("running", |(_, name)| name);
    let group = task.group();
    let process = group.pid().number_in(namespace);
    let id = task.pid().number_in(namespace);
    writeln!(out, "State:\t{letter} ({state})\nTgid:\t{process}\nNgid:\t0\nPid:\t{id}")?;
    let tracer = task.trace.tracer().map_or(0, |tracer| tracer.pid().number_in(namespace));
    let parent = group.parent().map_or(0, |parent| parent.pid().number_in(namespace));
    writeln!(out, "PPid:\t{parent}\nTracerPid:\t{tracer}")?;
    let who = task.credentials();
    let own = &Task::current().credentials().namespace;
    let users = [who.user, who.effective_user, who.saved_user, who.file_system_user].map(|user| own.user(user));
    let groups = [who.group, who.effective_group, who.saved_group, who.file_system_group].map(|group| own.group(group));
    for (name, [real, effective, saved, file_system]) in [("Uid", users), ("Gid", groups)] {
        writeln!(out, "{name}:\t{real}\t{effective}\t{saved}\t{file_system}")?;
    }
    let capacity = task.files_if_any().map_or(0, |files| files.capacity());
    write!(out, "FDSize:\t{capacity}\nGroups:\t")?;
    for group in who.groups.iter() {
        write!(out, "{} ", own.group(*group))?;
    }
    let process_group = group.process_group();
    out.put(b"\n")?;
    for (name, entry) in [
        ("NStgid", group.pid()),
        ("NSpid", &task.pid()),
        ("NSpgid", process_group.id()),
        ("NSsid", process_group.session().id()),
    ] {
        write!(out, "{name}:")?;
        // One number for each namespace from the shown one to the process's own.
        let levels = (group.pid().namespace().level + 1).saturating_sub(namespace.level) as usize;
        let visible = entry.numbers_from(namespace).chain(core::iter::repeat(0)).take(levels);
        visible.into_iter().try_for_each(|number| write!(out, "\t{number}"))?;
        out.put(b"\n")?;
    }
    Ok(())
}

fn memory(task: &Task, out: &mut Output) -> Result<()> {
    let Some(memory) = task.memory() else { return Ok(()) };
    let usage = memory.usage();
    let totals = usage.totals;
    let (file, shared) = file_pages(&memory)?;
    let code = memory.with_layout(|layout| {
        let pages = layout.code.end.div_ceil(4096).saturating_sub(layout.code.start / 4096);
        pages.min(totals.executable)
    });
    for (name, pages) in [
        ("VmPeak", usage.peak_total),
        ("VmSize", totals.total),
        ("VmLck", totals.locked),
        ("VmPin", 0),
        ("VmHWM", usage.peak_resident),
        ("VmRSS", usage.resident),
        ("RssAnon", usage.resident.saturating_sub(file).saturating_sub(shared)),
        ("RssFile", file),
        ("RssShmem", shared),
        ("VmData", totals.data),
        ("VmStk", totals.stack),
        ("VmExe", code),
        ("VmLib", totals.executable.saturating_sub(code)),
        ("VmPTE", usage.tables),
        ("VmSwap", 0),
        ("HugetlbPages", 0),
    ] {
        writeln!(out, "{name}:\t{:8} kB", pages.saturating_mul(4))?;
    }
    let huge = memory.with_layout(|layout| !layout.no_huge_pages);
    Ok(writeln!(out, "CoreDumping:\t0\nTHP_enabled:\t{}", u8::from(huge))?)
}

fn signals(task: &Task, out: &mut Output) -> Result<()> {
    let group = task.group();
    let queued = task.with_credentials(|who| who.record.pending_signals.load(Ordering::Relaxed));
    writeln!(out, "SigQ:\t{queued}/{}", group.limit(Resource::PendingSignals))?;
    let (ignored, caught) = group.with_actions(|actions| (actions.ignored(), actions.caught()));
    for (name, set) in [
        ("SigPnd", task.signals.private_pending()),
        ("ShdPnd", group.signals.shared_pending()),
        ("SigBlk", task.signals.blocked()),
        ("SigIgn", ignored),
        ("SigCgt", caught),
    ] {
        writeln!(out, "{name}:\t{set:016x}")?;
    }
    Ok(())
}

fn capabilities(task: &Task, out: &mut Output) -> Result<()> {
    let who = task.credentials();
    for (name, set) in [
        ("CapInh", who.inheritable),
        ("CapPrm", who.permitted),
        ("CapEff", who.effective),
        ("CapBnd", who.bounding),
        ("CapAmb", who.ambient),
    ] {
        writeln!(out, "{name}:\t{set:016x}")?;
    }
    let (mode, filters) = (task.seccomp.mode() as u32, task.seccomp.count());
    let bound = u32::from(task.has_no_new_privileges());
    writeln!(out, "NoNewPrivs:\t{bound}\nSeccomp:\t{mode}\nSeccomp_filters:\t{filters}")?;
    Ok(writeln!(out, "Speculation_Store_Bypass:\tvulnerable\nSpeculationIndirectBranch:\talways enabled")?)
}

/// A set of CPUs as ranges ("0-3,5").
pub fn ranges(set: u64, out: &mut Output) -> Result<()> {
    let mut separator = "";
    let mut bit = 0;
    while bit < 64 {
        if set >> bit & 1 == 0 {
            bit += 1;
            continue;
        }
        let first = bit;
        while bit < 63 && set >> (bit + 1) & 1 != 0 {
            bit += 1;
        }
        if bit == first {
            write!(out, "{separator}{first}")?
        } else {
            write!(out, "{separator}{first}-{bit}")?
        }
        separator = ",";
        bit += 1;
    }
    Ok(())
}

fn processors(task: &Task, out: &mut Output) -> Result<()> {
    let online = machine::cpu::online_cpus().min(64);
    let all = u64::MAX >> (64 - online.max(1));
    let allowed = task.schedule.affinity() & all;
    write!(out, "Cpus_allowed:\t{allowed:x}\nCpus_allowed_list:\t")?;
    ranges(allowed, out)?;
    Ok(writeln!(out, "\nMems_allowed:\t1\nMems_allowed_list:\t0")?)
}
