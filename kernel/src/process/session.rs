//! Process groups and sessions (setpgid(2), setsid(2), credentials(7)).
use super::pid::PidEntry;
use super::tree::TREE;
use super::{Task, ThreadGroup};
use crate::error::*;
use crate::sync::{SpinLock, rank};
use crate::syscall::Pid;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use machine::collections::List;

/// A terminal as its session sees it.
pub trait Terminal: Any + Send + Sync {
    /// The session leader has ended: the session loses the terminal. The terminal forgets the session and its foreground
    /// group, and sends SIGHUP and SIGCONT to that group.
    fn session_leader_ended(&self, session: &Arc<Session>);
    /// The foreground process group (tty_pgrp), for /proc/PID/stat.
    fn foreground_group(&self) -> Option<Arc<ProcessGroup>>;
    /// Device number as in /proc/PID/stat (`major << 8 | minor` spread as new_encode_dev does).
    fn device_number(&self) -> u32;
    /// For downcasts.
    fn as_any(&self) -> &dyn Any;
}

/// A session.
pub struct Session {
    id: Arc<PidEntry>,
    groups: AtomicUsize,
    leader_alive: AtomicBool,
    terminal: SpinLock<Option<Arc<dyn Terminal>>>,
}

/// A process group.
pub struct ProcessGroup {
    id: Arc<PidEntry>,
    session: Arc<Session>,
    /// Changed under the tree lock as well.
    members: SpinLock<List<ThreadGroup, { super::thread_group::GROUP_MEMBER }>>,
}

impl Session {
    fn new(id: Arc<PidEntry>) -> Result<Arc<Session>> {
        Ok(machine::memory::try_arc(Session {
            id,
            groups: AtomicUsize::new(0),
            leader_alive: AtomicBool::new(true),
            terminal: SpinLock::new(rank::PID_ENTRY, None),
        })?)
    }
    /// Session id (the leader's process id).
    pub fn id(&self) -> &Arc<PidEntry> {
        &self.id
    }
    /// The controlling terminal.
    pub fn terminal(&self) -> Option<Arc<dyn Terminal>> {
        self.terminal.lock().clone()
    }
    /// Gives the session a controlling terminal, or takes it away.
    pub fn set_terminal(&self, terminal: Option<Arc<dyn Terminal>>) {
        let previous = core::mem::replace(&mut *self.terminal.lock(), terminal);
        drop(previous);
    }
    /// Whether the process is this session's leader.
    pub fn is_leader(&self, process: &ThreadGroup) -> bool {
        process.id() == self.id.number() && self.leader_alive.load(Ordering::Relaxed)
    }
    /// The leader has ended: drops the controlling terminal.
    pub fn leader_ended(self: &Arc<Self>) {
        self.leader_alive.store(false, Ordering::Relaxed);
        let terminal = self.terminal.lock().take();
        if let Some(terminal) = terminal {
            terminal.session_leader_ended(self);
        }
    }
}

impl ProcessGroup {
    fn new(id: Arc<PidEntry>, session: Arc<Session>) -> Result<Arc<ProcessGroup>> {
        Ok(machine::memory::try_arc(ProcessGroup {
            id,
            session,
            members: SpinLock::new(rank::PROCESS_GROUP, List::new()),
        })?)
    }
    /// The first process group, in the first session, with the number of the first process.
    pub fn first(id: &Arc<PidEntry>) -> Result<Arc<ProcessGroup>> {
        let session = Session::new(id.clone())?;
        session.groups.store(1, Ordering::Relaxed);
        id.attach_session(session.clone());
        let group = ProcessGroup::new(id.clone(), session)?;
        id.attach_group(group.clone());
        Ok(group)
    }
    /// The group and session of tasks that are in none (kernel threads): number 0.
    pub fn none(id: Arc<PidEntry>) -> Result<Arc<ProcessGroup>> {
        ProcessGroup::new(id.clone(), Session::new(id)?)
    }
    /// Process group id.
    pub fn id(&self) -> &Arc<PidEntry> {
        &self.id
    }
    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }
    /// Adds a process. The tree lock is held.
    pub fn add(&self, process: &Arc<ThreadGroup>) {
        // A process is taken out of its group before it is put into another.
        let _ = self.members.lock().push_back(process.clone());
    }
    /// Takes a process out; true if the group is empty now: the caller retires it once the tree lock is free.
    #[must_use]
    pub fn remove(&self, process: &ThreadGroup) -> bool {
        let mut members = self.members.lock();
        let removed = members.remove(process);
        let empty = removed.is_some() && members.is_empty();
        drop(members);
        drop(removed);
        empty
    }
    /// Gives the number back when the group has become empty, and the session's when it has no group left. No lock is held.
    pub fn retire(&self) {
        self.id.detach_group(self);
        if self.session.groups.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.session.id.detach_session(&self.session);
        }
    }
    /// Whether nobody is in it (it is being retired).
    pub fn is_empty(&self) -> bool {
        self.members.lock().is_empty()
    }
    /// Calls `visit` for each process, with the tree locked.
    pub fn for_each(&self, mut visit: impl FnMut(&Arc<ThreadGroup>)) {
        let tree = TREE.lock();
        self.for_each_locked(&mut visit);
        drop(tree);
    }
    /// As `for_each`, the caller holds the tree lock.
    pub fn for_each_locked(&self, visit: &mut dyn FnMut(&Arc<ThreadGroup>)) {
        self.members.lock().iter_arcs().for_each(visit);
    }
    /// The members now. The list is complete as long as memory suffices.
    pub fn members(&self) -> Result<alloc::vec::Vec<Arc<ThreadGroup>>> {
        loop {
            let wanted = self.members.lock().len();
            let mut all = alloc::vec::Vec::new();
            all.try_reserve_exact(wanted)?;
            let members = self.members.lock();
            if members.len() <= all.capacity() {
                all.extend(members.iter_arcs().cloned());
                return Ok(all);
            }
        }
    }
    /// Whether no member has a parent in another group of the same session (but for `except`): then nobody does job control
    /// for it. The tree lock is held.
    pub fn is_orphaned_without(&self, except: Option<&ThreadGroup>) -> bool {
        let members = self.members.lock();
        !members.iter().any(|member| {
            if except.is_some_and(|except| core::ptr::eq(except, member)) || member.is_zombie() {
                return false;
            }
            let Some(parent) = member.parent() else { return false };
            let group = parent.process_group();
            parent.id() != 1 && !core::ptr::eq(&*group, self) && Arc::ptr_eq(&group.session, &self.session)
        })
    }
    /// Whether the group is orphaned: stop signals of terminals do not stop it.
    pub fn is_orphaned(&self) -> bool {
        let tree = TREE.lock();
        let orphaned = self.is_orphaned_without(None);
        drop(tree);
        orphaned
    }
    /// Whether some member is stopped. The tree lock is held.
    pub fn has_stopped(&self) -> bool {
        self.members.lock().iter().any(|member| member.is_stopped())
    }
}

/// Moves a process to a group. The tree lock is held; what comes back is to be retired when it is unlocked.
fn move_to(process: &Arc<ThreadGroup>, group: Arc<ProcessGroup>) -> Option<Arc<ProcessGroup>> {
    let old = process.process_group();
    let emptied = old.remove(process);
    group.add(process);
    process.set_process_group(group);
    emptied.then_some(old)
}

/// The process named by `pid`, 0 being the caller's.
fn process_of(task: &Task, pid: Pid) -> Option<Arc<ThreadGroup>> {
    match u32::try_from(pid.0) {
        Ok(0) => Some(task.group().clone()),
        Ok(number) => task.pid_namespace().find_task(number).map(|task| task.group().clone()),
        Err(_) => None,
    }
}

/// setpgid(2).
pub fn setpgid(task: &Task, pid: Pid, group: Pid) -> Result<()> {
    let own = task.group();
    let pid = if pid.0 == 0 { own.id_in_own_namespace() as i32 } else { pid.0 };
    let wanted = if group.0 == 0 { pid } else { group.0 };
    let wanted = u32::try_from(wanted).map_err(|_| EINVAL)?;
    let process = u32::try_from(pid).ok().and_then(|number| task.pid_namespace().find_task(number)).ok_or(ESRCH)?;
    if !process.is_leader() {
        return Err(EINVAL);
    }
    let process = process.group().clone();
    // A new group may be needed; it is made before the tree is locked.
    let fresh = match wanted == process.pid().number_in(task.pid_namespace()) {
        true => Some(ProcessGroup::new(process.pid().clone(), process.process_group().session.clone())?),
        false => None,
    };
    let existing = task.pid_namespace().find(wanted).and_then(|entry| entry.process_group());
    let tree = TREE.lock();
    let is_child = process.parent().is_some_and(|parent| Arc::ptr_eq(&parent, own));
    let session = process.process_group().session.clone();
    if is_child {
        if !Arc::ptr_eq(&session, &own.process_group().session) {
            return Err(EPERM);
        }
        if process.has_executed() {
            return Err(EACCES);
        }
    } else if !Arc::ptr_eq(&process, own) {
        return Err(ESRCH);
    }
    if session.is_leader(&process) {
        return Err(EPERM);
    }
    let existing = existing.filter(|group| !group.is_empty());
    let target = match (existing, fresh) {
        (Some(group), _) => {
            if !Arc::ptr_eq(&group.session, &session) {
                return Err(EPERM);
            }
            group
        }
        (None, Some(fresh)) => {
            session.groups.fetch_add(1, Ordering::AcqRel);
            process.pid().attach_group(fresh.clone());
            fresh
        }
        (None, None) => return Err(EPERM),
    };
    let emptied = match Arc::ptr_eq(&target, &process.process_group()) {
        true => None,
        false => move_to(&process, target),
    };
    drop(tree);
    if let Some(emptied) = emptied {
        emptied.retire();
    }
    Ok(())
}

/// getpgid(2).
pub fn getpgid(task: &Task, pid: Pid) -> Result<u32> {
    let process = process_of(task, pid).ok_or(ESRCH)?;
    Ok(process.process_group().id.number_in(task.pid_namespace()))
}

/// getpgrp(2).
pub fn getpgrp(task: &Task) -> Result<u32> {
    Ok(task.group().process_group().id.number_in(task.pid_namespace()))
}

/// getsid(2).
pub fn getsid(task: &Task, pid: Pid) -> Result<u32> {
    let process = process_of(task, pid).ok_or(ESRCH)?;
    Ok(process.process_group().session.id.number_in(task.pid_namespace()))
}

/// setsid(2).
pub fn setsid(task: &Task) -> Result<u32> {
    let process = task.group();
    let session = Session::new(process.pid().clone())?;
    let group = ProcessGroup::new(process.pid().clone(), session.clone())?;
    let tree = TREE.lock();
    // EPERM for a session leader, and where a group has the number already.
    if process.process_group().session.is_leader(process)
        || process.pid().process_group().is_some_and(|group| !group.is_empty())
    {
        return Err(EPERM);
    }
    session.groups.store(1, Ordering::Relaxed);
    process.pid().attach_session(session);
    process.pid().attach_group(group.clone());
    let emptied = move_to(process, group);
    process.give_up_terminal(false);
    drop(tree);
    if let Some(emptied) = emptied {
        emptied.retire();
    }
    Ok(process.id_in_own_namespace())
}
