//! Moving processes and threads, and who may.
use super::{CgroupNamespace, ControlGroup, HIERARCHY, option, options, settle};
use crate::error::*;
use crate::file::attributes::Access;
use crate::file::{File, cgroupfs};
use crate::process::task::flag;
use crate::process::{Credentials, Task, ThreadGroup};
use crate::sync::Mutex;
use alloc::sync::Arc;
use machine::sync::MutexGuard;

/// How far somebody's writing reaches: his credentials as the file was opened, and the namespace that he was in.
pub struct Reach<'a> {
    /// Whose permissions count.
    pub credentials: &'a Credentials,
    /// What he can see.
    pub namespace: &'a CgroupNamespace,
}

impl Reach<'_> {
    /// Whether a task of `from` may come to be in `to`: EACCES without write access to what is above both, ENOENT where namespaces
    /// are boundaries and one is not in the caller's, EOPNOTSUPP and EBUSY where the group takes no tasks, or not this kind.
    fn check(&self, from: &Arc<ControlGroup>, to: &Arc<ControlGroup>, whole: bool) -> Result<()> {
        self.check_write(from.common(to))?;
        let root = self.namespace.root();
        let seen = from.is_within(&root) && to.is_within(&root);
        if options() & option::NAMESPACES_DELEGATE != 0 && !seen {
            return Err(ENOENT);
        }
        if !to.domain().is_valid_domain() {
            return Err(EOPNOTSUPP);
        }
        // With controllers, groups that distribute resources take no processes: EBUSY. There are none.
        if !whole && !Arc::ptr_eq(from.domain(), to.domain()) {
            return Err(EOPNOTSUPP);
        }
        Ok(())
    }
    fn check_write(&self, group: &Arc<ControlGroup>) -> Result<()> {
        let inode = cgroupfs::processes_file(group)?;
        inode.operations().permission(&inode, self.credentials, Access::WRITE)
    }
}

/// Moves the process (`whole`) or thread with this number, as the caller knows it, 0 for the caller itself. ENODEV for a group that
/// was removed, ESRCH, EINVAL for kernel threads, and as [`Reach::check`] says.
pub fn attach(to: &Arc<ControlGroup>, reach: &Reach, number: u32, whole: bool) -> Result<()> {
    let _tree = HIERARCHY.lock();
    if to.is_dead() {
        return Err(ENODEV);
    }
    let task = match number {
        0 => Task::current_arc(),
        number => Task::current().pid_namespace().find_task(number).ok_or(ESRCH)?,
    };
    let process = task.group().clone();
    if task.is_kernel_thread() {
        return Err(EINVAL.because("a kernel thread"));
    }
    let task = if whole { process.leader().ok_or(ESRCH)? } else { task };
    let from = task.control_group();
    reach.check(&from, to, whole)?;
    move_threads(&process, to, |thread| whole || Arc::ptr_eq(thread, &task));
    settle(&from);
    settle(to);
    Ok(())
}

/// Moves those threads of a process that do not end. The hierarchy is locked. A process can have threads in several groups; all of
/// those are within one domain, and get to know of it as each of them is settled.
fn move_threads(process: &ThreadGroup, to: &Arc<ControlGroup>, moves: impl Fn(&Arc<Task>) -> bool) {
    loop {
        let mut left = None;
        let state = process.signals.lock();
        for thread in state.threads() {
            if thread.has_flag(flag::EXITING) || !moves(thread) {
                continue;
            }
            let from = thread.control_group();
            if Arc::ptr_eq(&from, to) {
                continue;
            }
            // One group at a time, since each is settled without the lock.
            let source = left.get_or_insert_with(|| from.clone());
            if Arc::ptr_eq(source, &from) {
                thread.change_control_group(to);
                let freezes = to.freezes();
                if thread.signals.set_freeze(freezes) != freezes {
                    crate::signal::look_again(thread);
                }
            }
        }
        drop(state);
        match left {
            Some(source) => settle(&source),
            None => return,
        }
    }
}

/// The group that clone3(2) is to put a new task into, by the descriptor of its directory, with the hierarchy locked until the task is in
/// it. EBADF for a descriptor of anything else, ENOENT for a group that was removed, EACCES without write access, and as for moving.
pub fn check_clone(
    task: &Task,
    file: &File,
    whole: bool,
) -> Result<(MutexGuard<'static, (), crate::wait::WaitQueue>, Arc<ControlGroup>)> {
    let group = cgroupfs::group_at(file.path()).ok_or(EBADF.because("not the directory of a control group"))?;
    let tree = Mutex::lock(&HIERARCHY);
    if group.is_dead() {
        return Err(ENOENT);
    }
    let (credentials, namespace) = (task.credentials(), task.namespaces().cgroup.clone());
    let reach = Reach { credentials: &credentials, namespace: &namespace };
    reach.check_write(&group)?;
    reach.check(&task.control_group(), &group, whole)?;
    Ok((tree, group))
}
