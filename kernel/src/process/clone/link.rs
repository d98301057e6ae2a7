//! Making a new task visible.
use super::{Request, flags};
use crate::error::*;
use crate::process::limits::Resource;
use crate::process::session::ProcessGroup;
use crate::process::tree::TREE;
use crate::process::{Task, control_group, tree};
use crate::syscall::Fd;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// Makes the new task visible: in its process, the tree, its process group, the table of ids. ERESTARTNOINTR if a signal is
/// to be seen first: no child escapes what was sent to the group before it was in it.
pub(super) fn link(task: &Task, child: &Arc<Task>, request: &Request, traced: bool) -> Result<()> {
    let group = child.group();
    let is_thread = request.flags & flags::THREAD != 0;
    let chosen = match request.flags & flags::INTO_CGROUP {
        0 => None,
        _ => Some(control_group::check_clone(task, &*task.files().get(Fd(request.group))?, !is_thread)?),
    };
    let chosen_group = chosen.as_ref().map(|(_, group)| group);
    if is_thread {
        if task.signal_pending() && task.fatal_signal_pending() || !group.add_thread(child) {
            return Err(ERESTARTNOINTR);
        }
        let state = group.signals.lock();
        task.inherit_filters(child);
        let joined = control_group::join(task, child, chosen_group);
        drop(state);
        group.live.fetch_add(1, Ordering::AcqRel);
        group.unfinished.fetch_add(1, Ordering::AcqRel);
        child.pid().attach_task(child.clone());
        crate::signal::stop::join(child);
        if traced {
            let tree = TREE.lock();
            crate::ptrace::inherit(task, child);
            drop(tree);
        }
        drop(chosen);
        if let Some(joined) = joined {
            joined.finish(child, request.flags);
        }
        return Ok(());
    }
    group.add_thread(child);
    let state = task.group().signals.lock();
    task.inherit_filters(child);
    let joined = control_group::join(task, child, chosen_group);
    drop(state);
    group.live.store(1, Ordering::Release);
    group.unfinished.store(1, Ordering::Relaxed);
    group.set_leader(Some(child.clone()));
    if group.begins_namespace() {
        group.signals.protect();
    }
    child.pid().attach_task(child.clone());
    let own = task.group();
    let tree = TREE.lock();
    // Who kills all of a pid namespace has seen the new one, or it sees the end.
    let has_ended = child.pid_namespace().level != 0 && child.pid_namespace().is_closed();
    if task.signal_pending() || has_ended {
        drop(tree);
        group.remove_thread(child);
        group.set_leader(None);
        child.pid().detach_task(child);
        drop(chosen);
        if let Some(joined) = joined {
            joined.undo(child);
        }
        return Err(if has_ended { ENOMEM } else { ERESTARTNOINTR });
    }
    let process_group: Arc<ProcessGroup> = own.process_group();
    if !Arc::ptr_eq(&process_group, &group.process_group()) {
        group.set_process_group(process_group.clone());
    }
    let (parent, thread) = match request.flags & flags::PARENT {
        0 => (own.clone(), task.id()),
        _ => match own.parent() {
            Some(parent) => {
                group.exit_signal.store(own.exit_signal.load(Ordering::Relaxed), Ordering::Relaxed);
                let thread = tree::any_thread(&parent);
                (parent, thread)
            }
            None => (own.clone(), task.id()),
        },
    };
    parent.adopt(group, thread);
    process_group.add(group);
    if traced {
        crate::ptrace::inherit(task, child);
    }
    drop(tree);
    drop(chosen);
    if let Some(joined) = joined {
        joined.finish(child, request.flags);
    }
    // A child that is not to be has no timer: nobody would stop it.
    if group.limit(Resource::Cpu) != u64::MAX {
        group.watch_processor_limit();
    }
    Ok(())
}
