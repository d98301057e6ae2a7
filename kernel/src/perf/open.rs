//! perf_event_open(2).
use super::attribute::{Attribute, POWERS, flag};
use super::event::{Event, EventFile};
use super::source::Target;
use super::{EVENTS, group, inherit};
use crate::error::*;
use crate::file::{File, FileOperations};
use crate::process::credentials::may_inspect;
use crate::process::{Capability, Task};
use crate::syscall::argument::{Flags, flag_names};
use crate::syscall::{Fd, UserAddress};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, Ordering};
use machine::cpu::{CpuId, online_cpus};

flag_names! {
    /// Flags of perf_event_open(2).
    pub OpenFlags {
        PERF_FLAG_FD_NO_GROUP = 1, PERF_FLAG_FD_OUTPUT = 2, PERF_FLAG_PID_CGROUP = 4, PERF_FLAG_FD_CLOEXEC = 8,
    }
}
const O_RDWR: u32 = 2;

/// /proc/sys/kernel/perf_event_paranoid: who may do what without CAP_PERFMON. Above 0 no events of CPUs, above 1 none of the kernel,
/// and above 2, which Debian has added and begins with, none at all without CAP_SYS_ADMIN.
pub static PARANOIA: AtomicI32 = AtomicI32::new(3);

/// Whether the task may watch everything.
pub(super) fn is_privileged(task: &Task) -> bool {
    POWERS.iter().any(|power| task.capable(*power))
}
fn may(task: &Task, least: i32) -> Result<()> {
    if PARANOIA.load(Ordering::Relaxed) <= least || is_privileged(task) { Ok(()) } else { Err(EACCES) }
}
/// EACCES for who may not watch the kernel.
pub(super) fn may_watch_kernel(task: &Task) -> Result<()> {
    may(task, 1)
}

/// perf_event_open(2): an event that counts for a task (0: the caller, -1: whoever runs) or a CPU (-1: all). Checks come in
/// Linux's order. EOPNOTSUPP for events that sample, and for a task on one CPU only.
pub fn perf_event_open(
    task: &Task,
    attribute: UserAddress,
    pid: i32,
    cpu: i32,
    group_fd: Fd,
    flags: Flags<OpenFlags>,
) -> Result<Fd> {
    let flags = flags.known()?;
    let has = |bit: u32| flags & bit != 0;
    let attribute = Attribute::read(task, attribute.0)?;
    // What Debian has added asks for this capability alone.
    if PARANOIA.load(Ordering::Relaxed) > 2 && !task.capable(Capability::SysAdmin) {
        return Err(EACCES);
    }
    attribute.check_privileges(task)?;
    if has(OpenFlags::PERF_FLAG_PID_CGROUP) && (pid == -1 || cpu == -1) {
        return Err(EINVAL);
    }
    let files = task.files();
    let place = files.reserve(0, has(OpenFlags::PERF_FLAG_FD_CLOEXEC))?;
    let mut leader = None;
    if group_fd.0 != -1 {
        let file = files.get_io(group_fd)?;
        leader = Some(file.downcast::<EventFile>().ok_or(EBADF)?.0.clone());
    }
    let has_output = leader.is_some() && has(OpenFlags::PERF_FLAG_FD_OUTPUT);
    let leader = leader.filter(|_| !has(OpenFlags::PERF_FLAG_FD_NO_GROUP));
    let watched = match pid {
        _ if has(OpenFlags::PERF_FLAG_PID_CGROUP) => None,
        -1 => None,
        0 => Some(Task::current_arc()),
        pid => {
            let found = u32::try_from(pid).ok().and_then(|pid| task.pid_namespace().find_task(pid));
            Some(found.ok_or(ESRCH)?)
        }
    };
    if watched.is_some()
        && leader.as_ref().is_some_and(|leader| leader.attribute.has(flag::INHERIT) != attribute.has(flag::INHERIT))
    {
        return Err(EINVAL);
    }
    let number = usize::try_from(cpu).ok().filter(|number| *number < online_cpus());
    if number.is_none() && (watched.is_none() || cpu != -1) || attribute.has(flag::SIGNAL_TRAP) && watched.is_none() {
        return Err(EINVAL);
    }
    attribute.check_event()?;
    if has(OpenFlags::PERF_FLAG_PID_CGROUP) {
        return Err(EBADF.because("no descriptor is one of a cgroup"));
    }
    attribute.check_sampling()?;
    if let Some(watched) = &watched
        && !is_privileged(task)
        && !may_inspect(task, watched, true)
    {
        return Err(EACCES);
    }
    let target = match (watched, number) {
        (Some(watched), None) => Target::Task(watched),
        (None, Some(number)) => {
            may(task, 0)?;
            Target::Cpu(CpuId(number as u32))
        }
        _ => return Err(EOPNOTSUPP.because("a task is counted on all CPUs only")),
    };
    let file = make(task, attribute, cpu, target, leader.as_ref(), has_output)?;
    let fd = place.fd();
    place.install(file);
    Ok(fd)
}

/// Makes the event and lets it begin.
fn make(
    task: &Task,
    attribute: Attribute,
    cpu: i32,
    target: Target,
    leader: Option<&Arc<Event>>,
    has_output: bool,
) -> Result<Arc<File>> {
    let watched = target.task().cloned();
    let event = Event::new(attribute, cpu, target, None)?;
    let operations: Box<dyn FileOperations> = machine::memory::try_box(EventFile(event.clone()))?;
    let guard = EVENTS.lock();
    let begun = begin(task, &event, watched.as_deref(), leader, has_output);
    drop(guard);
    // What was begun of an event that cannot be is undone as the file's part of it goes.
    begun?;
    File::anonymous(operations, "anon_inode:[perf_event]", O_RDWR)
}

fn begin(
    task: &Task,
    event: &Arc<Event>,
    watched: Option<&Task>,
    leader: Option<&Arc<Event>>,
    has_output: bool,
) -> Result<()> {
    if watched.is_some_and(|watched| watched.has_flag(crate::process::task::flag::EXITING)) {
        return Err(ESRCH);
    }
    if let Some(leader) = leader {
        group::check(leader, event)?;
    }
    if has_output {
        return Err(EINVAL.because("the other event has no buffer"));
    }
    if let Some(leader) = leader {
        group::check_size(leader, event)?;
    }
    if let Some(watched) = watched {
        inherit::watch(watched, event)?;
    }
    inherit::note_opened(task, event)?;
    match leader {
        None => event.settle_group(),
        Some(leader) => {
            group::join(leader, event)?;
            let allowed = leader.state().is_enabled;
            event.settle(allowed);
        }
    }
    Ok(())
}
