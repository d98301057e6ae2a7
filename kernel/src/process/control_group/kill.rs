//! cgroup.kill: the end of all processes of a part of the tree.
use super::{ControlGroup, HIERARCHY, for_each_task};
use crate::error::*;
use crate::process::Task;
use crate::signal::{self, SignalInfo};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// Sends SIGKILL to every process in a group and below it; those that are being made meanwhile get it as they begin. EOPNOTSUPP for
/// a threaded group, ENOENT for one that was removed.
pub fn kill(group: &Arc<ControlGroup>) -> Result<()> {
    let _tree = HIERARCHY.lock();
    if group.is_dead() {
        return Err(ENOENT);
    }
    if group.is_threaded() {
        return Err(EOPNOTSUPP);
    }
    let count = |group: &Arc<ControlGroup>| {
        group.kills.fetch_add(1, Ordering::SeqCst);
    };
    group.for_each_within(count);
    let killed = for_each_task(|task| {
        let process = task.group();
        let lives = task.is_leader() && !task.is_kernel_thread() && process.thread_count() != 0;
        if lives && task.control_group().is_within(group) {
            // SIGKILL needs no memory to be pending.
            let _ = signal::send_to_group(process, SignalInfo::sent(signal::SIGKILL, signal::SI_USER, Task::current()));
        }
        Ok(())
    });
    group.for_each_within(count);
    killed
}
