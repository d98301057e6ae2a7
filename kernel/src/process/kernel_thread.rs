//! Kernel threads: children of kthreadd (pid 2).
use super::clone::TASKS;
use super::schedule::{Entity, start_new};
use super::task::{Parts, flag, padded_name};
use super::thread_group::ThreadGroup;
use super::tree::TREE;
use super::{Credentials, Task, exit, limits::Limits};
use crate::error::Result;
use crate::signal::{AlternateStack, SignalActions, TaskSignals};
use crate::start::Shared;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::thread::Thread;

/// Starts a kernel thread of that name (as /proc/PID/comm shows it) which runs `body` and ends.
pub fn spawn(name: &'static str, body: impl FnOnce() + Send + 'static) -> Result<Arc<Task>> {
    let shared = crate::start::shared();
    let parent = shared.namespaces.pid_for_children.find_group(2);
    make(shared, name, parent, body)
}

/// As [`spawn`], with the parent given: kthreadd itself has the idle task.
pub(crate) fn make(
    shared: &Shared,
    name: &'static str,
    parent: Option<Arc<ThreadGroup>>,
    body: impl FnOnce() + Send + 'static,
) -> Result<Arc<Task>> {
    let whole = move || {
        body();
        end();
    };
    let body: Box<dyn FnOnce() + Send> = machine::memory::try_box(whole)?;
    let thread = Thread::kernel(body)?;
    let pid = shared.namespaces.pid_for_children.allocate()?;
    let task = new_task(shared, name, pid.clone(), thread, flag::KERNEL).inspect_err(|_| pid.abandon())?;
    // Nothing that user space sends ends a kernel thread.
    task.group().signals.protect();
    publish(&task, parent.as_ref());
    start_new(task.clone());
    Ok(task)
}

/// A task of the kernel's own: no memory, the kernel's descriptor table and root.
pub(crate) fn new_task(
    shared: &Shared,
    name: &str,
    pid: Arc<super::pid::PidEntry>,
    thread: Thread,
    flags: u32,
) -> Result<Arc<Task>> {
    let credentials: Arc<Credentials> = shared.credentials.clone();
    let group = ThreadGroup::new(
        pid.clone(),
        shared.no_group.clone(),
        Limits::initial(u64::from(super::clone::TASKS_MAXIMUM.load(Ordering::Relaxed)) / 2),
        SignalActions::new()?,
    )?;
    credentials.record.processes.fetch_add(1, Ordering::Relaxed);
    TASKS.fetch_add(1, Ordering::Relaxed);
    Task::new(Parts {
        thread,
        group,
        pid,
        schedule: Entity::new(),
        memory: None,
        files: shared.files.clone(),
        context: shared.context.clone(),
        credentials,
        namespaces: shared.namespaces.clone(),
        signals: TaskSignals::new(0, AlternateStack::DISABLED),
        name: padded_name(name.as_bytes()),
        flags,
        personality: 0,
    })
}

/// Puts a new process with its one thread into the tables.
pub(crate) fn publish(task: &Arc<Task>, parent: Option<&Arc<ThreadGroup>>) {
    let group = task.group();
    group.add_thread(task);
    group.live.store(1, Ordering::Release);
    group.unfinished.store(1, Ordering::Relaxed);
    group.set_leader(Some(task.clone()));
    if task.id() != 0 {
        task.pid().attach_task(task.clone());
    }
    let tree = TREE.lock();
    if let Some(parent) = parent {
        parent.adopt(group, parent.id());
    }
    group.process_group().add(group);
    drop(tree);
}

/// The end of a kernel thread: nobody waits for it.
fn end() -> ! {
    exit::finish_kernel_thread(Task::current())
}
