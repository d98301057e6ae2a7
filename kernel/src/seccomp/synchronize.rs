//! Giving a filter to all threads of a process.
use super::{Filter, Mode};
use crate::process::Task;
use crate::process::task::flag;
use crate::signal::GroupState;
use alloc::sync::Arc;

/// The first thread that cannot be given the caller's filters: it has others. The lock of the process's signals is held.
pub(super) fn first_stranger(task: &Task, group: &GroupState) -> Option<u32> {
    let own = task.seccomp.filter();
    let fits = |thread: &Task| match (thread.seccomp.mode(), &own) {
        (Mode::Disabled, _) => true,
        (Mode::Filter, Some(own)) => own.extends(thread.seccomp.filter().as_ref()),
        _ => false,
    };
    let stranger = group.threads().find(|thread| !core::ptr::eq(&***thread, task) && !fits(thread));
    stranger.map(|thread| thread.id_in_own_namespace())
}

/// Gives all other threads the caller's filters. The lock of the process's signals is held.
pub(super) fn give_to_all(task: &Task, filter: &Arc<Filter>, group: &GroupState) {
    let bound = task.has_no_new_privileges();
    for thread in group.threads().filter(|thread| !core::ptr::eq(&***thread, task)) {
        if bound {
            thread.set_flag(flag::NO_NEW_PRIVILEGES);
        }
        // Part of the chain that is given, so that this is never the last reference.
        let replaced = thread.seccomp.set_filter(Some(filter.clone()));
        drop(replaced);
        thread.judge(Mode::Filter);
    }
}
