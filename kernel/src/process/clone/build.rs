//! A new task with all its objects, before anybody can see it.
use super::{Request, TASKS, TASKS_MAXIMUM, flags};
use crate::error::*;
use crate::file::{FileSystemContext, FileTable};
use crate::memory::AddressSpace;
use crate::process::Task;
use crate::process::credentials::{Capability, Credentials};
use crate::process::limits::Resource;
use crate::process::namespace::{NamespaceSet, Owner, UserNamespace};
use crate::process::pid::PidEntry;
use crate::process::schedule::Policy;
use crate::process::segments::ThreadLocal;
use crate::process::task::{Parts, flag};
use crate::process::thread_group::ThreadGroup;
use crate::signal::{AlternateStack, SignalActions, TaskSignals};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::entry::UserFrame;
use machine::thread::Thread;

/// RLIMIT_NPROC and threads-max: EAGAIN. Counts the task in.
fn count_in(task: &Task) -> Result<()> {
    let credentials = task.credentials();
    let limit = task.group().limit(Resource::Processes);
    let over = u64::from(credentials.record.processes.load(Ordering::Relaxed)) >= limit;
    let exempt = credentials.user == 0
        || credentials.capable(Capability::SysResource)
        || credentials.capable(Capability::SysAdmin);
    if over && !exempt {
        return Err(EAGAIN.because("RLIMIT_NPROC"));
    }
    if TASKS.fetch_add(1, Ordering::Relaxed) >= TASKS_MAXIMUM.load(Ordering::Relaxed) {
        TASKS.fetch_sub(1, Ordering::Relaxed);
        return Err(EAGAIN.because("threads-max"));
    }
    credentials.record.processes.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Takes a task out of the counts.
pub fn count_out(task: &Task) {
    TASKS.fetch_sub(1, Ordering::Relaxed);
    task.with_credentials(|credentials| credentials.record.processes.fetch_sub(1, Ordering::Relaxed));
}

/// Builds the task with all its objects; it is in no list yet.
pub(super) fn build<T: ThreadLocal>(task: &Task, frame: &UserFrame, request: &Request) -> Result<Arc<Task>> {
    count_in(task)?;
    build_counted::<T>(task, frame, request).inspect_err(|_| count_out(task))
}

fn build_counted<T: ThreadLocal>(task: &Task, frame: &UserFrame, request: &Request) -> Result<Arc<Task>> {
    let has = |flag: u64| request.flags & flag != 0;
    if task.schedule.policy() == Policy::Deadline && !task.has_flag(flag::RESET_ON_FORK) {
        return Err(EAGAIN.because("what a deadline task was promised is not for two"));
    }
    let old_memory = task.memory().ok_or(EINVAL)?;
    let memory = if has(flags::VM) { old_memory } else { old_memory.fork()? };
    let mut child_frame = frame.clone();
    child_frame.rax = 0;
    crate::ptrace::leave_step_mode(task, &mut child_frame);
    if request.stack != 0 {
        child_frame.set_stack_pointer(request.stack);
    }
    let thread = Thread::user(&child_frame, memory.tables().clone())?;
    thread.copy_state_from_current();
    if has(flags::SETTLS) {
        T::give(task, &thread, request.tls)?;
    }
    let (files, context) = (task.files(), task.context());
    let mut credentials = task.credentials();
    if has(flags::NEWUSER) {
        let mut own = credentials.try_copy()?;
        UserNamespace::make(task, &mut own)?;
        credentials = machine::memory::try_arc(own)?;
    }
    if request.flags & flags::PRIVILEGED != 0 && !task.capable_in(&credentials.namespace, Capability::SysAdmin) {
        return Err(EPERM);
    }
    let owner = Owner::of(&credentials);
    let context = match (has(flags::NEWNS), has(flags::FS)) {
        (true, _) => context.copy_with_namespace(&owner)?,
        (_, true) => context,
        _ => context.copy()?,
    };
    let group_parts = match has(flags::THREAD) {
        true => None,
        false => Some(match (has(flags::SIGHAND), has(flags::CLEAR_SIGHAND)) {
            (true, _) => task.group().actions(),
            (false, true) => task.group().actions().for_exec()?,
            (false, false) => task.group().actions().copy()?,
        }),
    };
    let old_namespaces = task.namespaces();
    let namespaces = match request.flags & flags::IN_SET {
        0 => old_namespaces.clone(),
        bits => machine::memory::try_arc(old_namespaces.with_new(task, bits, &owner)?)?,
    };
    let namespaces = match has(flags::VM) || Arc::ptr_eq(&namespaces.time, &namespaces.time_for_children) {
        true => namespaces,
        // A process of its own is the first to have the clocks meant for children.
        false => machine::memory::try_arc(NamespaceSet {
            time: namespaces.time_for_children.clone(),
            ..NamespaceSet::clone(&namespaces)
        })?,
    };
    let namespace = &namespaces.pid_for_children;
    let pid = match &request.chosen {
        None => namespace.allocate()?,
        Some(chosen) => namespace.allocate_chosen(chosen.check(task, namespace)?)?,
    };
    let result =
        assemble(task, request, group_parts, &pid, thread, memory, context, files, namespaces.clone(), credentials);
    if result.is_err() {
        pid.abandon();
    }
    result
}

#[allow(clippy::too_many_arguments)]
fn assemble(
    task: &Task,
    request: &Request,
    actions: Option<Arc<SignalActions>>,
    pid: &Arc<PidEntry>,
    thread: Thread,
    memory: Arc<AddressSpace>,
    context: Arc<FileSystemContext>,
    files: Arc<FileTable>,
    namespaces: Arc<NamespaceSet>,
    credentials: Arc<Credentials>,
) -> Result<Arc<Task>> {
    let has = |flag: u64| request.flags & flag != 0;
    let group = match actions {
        None => task.group().clone(),
        Some(actions) => {
            let parent = task.group();
            let group = ThreadGroup::new(pid.clone(), parent.process_group(), parent.limits.copy(), actions)?;
            group.exit_signal.store(request.exit_signal as i32, Ordering::Relaxed);
            group.give_up_terminal(parent.has_given_up_terminal());
            group.dumpable.store(parent.dumpable.load(Ordering::Relaxed), Ordering::Relaxed);
            let adjustment = parent.oom_score_adjustment.load(Ordering::Relaxed);
            group.oom_score_adjustment.store(adjustment, Ordering::Relaxed);
            group
        }
    };
    // A new address space keeps the alternate stack; threads that share one start without.
    let alternate = match has(flags::VM) && !has(flags::VFORK) {
        true => AlternateStack::DISABLED,
        false => task.signals.alternate_stack(),
    };
    let reset = task.has_flag(flag::RESET_ON_FORK);
    let parts = Parts {
        thread,
        group: group.clone(),
        pid: pid.clone(),
        schedule: task.schedule.inherit(reset),
        memory: Some(memory),
        files: files.clone(),
        context,
        credentials,
        namespaces,
        signals: TaskSignals::new(task.signals.blocked(), alternate),
        name: task.name(),
        flags: flag::FORKED | task.flags() & flag::INHERITED,
        personality: task.personality(),
    };
    let child = Task::new(parts)?;
    let fitted = task.io_context.inherit(&child.io_context, has(flags::IO)).and_then(|()| share_clocks(task, &child));
    fitted.inspect_err(|_| child.context().leave())?;
    task.ports.inherit(&child.ports);
    // The descriptor table comes last: from here on the new task must be ended properly.
    let own = if has(flags::FILES) { files.share() } else { files.copy()? };
    drop(child.replace_files(own));
    let slack = task.timer_slack.load(Ordering::Relaxed);
    child.timer_slack.store(slack, Ordering::Relaxed);
    child.default_timer_slack.store(slack, Ordering::Relaxed);
    child.login.inherit(&task.login);
    if has(flags::SYSVSEM)
        && let Err(error) = crate::ipc::system_v::semaphore::inherit(task, &child)
    {
        child.files().leave();
        return Err(error);
    }
    if has(flags::CHILD_CLEARTID) {
        child.clear_child_tid.store(request.child_tid, Ordering::Relaxed);
    }
    if has(flags::CHILD_SETTID) {
        child.set_child_tid.store(request.child_tid, Ordering::Relaxed);
        child.thread().set_work(machine::thread::work::NOTIFY);
    }
    if !has(flags::VM) {
        // A copy of the memory holds the registered area too.
        child.rseq_address.store(task.rseq_address.load(Ordering::Relaxed), Ordering::Relaxed);
        child.rseq_length.store(task.rseq_length.load(Ordering::Relaxed), Ordering::Relaxed);
        child.rseq_signature.store(task.rseq_signature.load(Ordering::Relaxed), Ordering::Relaxed);
        child.note_switch();
    }
    Ok(child)
}

/// Gives a new task the clocks of its time namespace, and its memory the functions that fit them.
fn share_clocks(task: &Task, child: &Task) -> Result<()> {
    child.share_clocks(task);
    if task.with_namespaces(|own| child.with_namespaces(|set| !Arc::ptr_eq(&own.time, &set.time))) {
        child.take_clocks(&child.namespaces().time);
        crate::process::exec::fit_vdso(task, child)?;
    }
    Ok(())
}
