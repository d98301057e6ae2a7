//! What terminals ask of processes and send to them.
use super::{Control, Tty};
use crate::error::*;
use crate::process::session::{ProcessGroup, Session, Terminal};
use crate::process::{Capability, Task};
use crate::signal::{self, SignalInfo};
use alloc::sync::Arc;
use core::any::Any;

pub const SIGHUP: u32 = 1;
pub const SIGCONT: u32 = 18;
const SIGTTIN: u32 = 21;
const SIGTTOU: u32 = 22;
pub const SIGWINCH: u32 = 28;

/// Sends a signal from the kernel to every process of a group.
pub fn signal_group(group: &Arc<ProcessGroup>, number: u32) {
    signal::send_to_process_group(group, SignalInfo::kernel(number));
}
/// Whether a signal would not stop the task.
fn is_blocked_or_ignored(task: &Task, number: u32) -> bool {
    task.signals.blocked() & signal::set_of(number) != 0 || task.group().with_actions(|actions| actions.ignores(number))
}
/// Sends a signal from the kernel to a session's leader, if it lives.
pub fn signal_session_leader(session: &Arc<Session>, number: u32) {
    if let Some(leader) = session.id().task().map(|task| task.group().clone())
        && session.is_leader(&leader)
    {
        // A signal of the kernel's that finds no memory is pending all the same.
        let _ = signal::send_to_group(&leader, SignalInfo::kernel(number));
    }
}

/// The controlling terminal of a task.
pub fn terminal_of(task: &Task) -> Option<Arc<Tty>> {
    let terminal = task.group().terminal()?;
    terminal.as_any().downcast_ref::<Tty>()?.counted()
}

impl Tty {
    /// Whether it is the task's controlling terminal.
    pub(super) fn is_own(&self, task: &Task) -> bool {
        terminal_of(task).is_some_and(|own| core::ptr::eq(&*own, self))
    }
    fn is_in_background(&self, task: &Task) -> bool {
        if !self.is_own(task) {
            return false;
        }
        let own = task.group().process_group();
        self.control.lock().foreground.as_ref().is_some_and(|foreground| !Arc::ptr_eq(foreground, &own))
    }
    /// Reading in the background: SIGTTIN for the reader's group, EIO if that would not stop it.
    pub(super) fn check_background_read(&self) -> Result<()> {
        let task = Task::current();
        if !self.is_in_background(task) {
            return Ok(());
        }
        if is_blocked_or_ignored(task, SIGTTIN) || task.group().process_group().is_orphaned() {
            return Err(EIO);
        }
        signal_group(&task.group().process_group(), SIGTTIN);
        Err(ERESTARTSYS)
    }
    /// Changing the terminal (or writing with TOSTOP) in the background: SIGTTOU, unless blocked or ignored; EIO for orphans.
    pub(super) fn check_background_change(&self) -> Result<()> {
        let task = Task::current();
        if !self.is_in_background(task) || is_blocked_or_ignored(task, SIGTTOU) {
            return Ok(());
        }
        if task.group().process_group().is_orphaned() {
            return Err(EIO);
        }
        signal_group(&task.group().process_group(), SIGTTOU);
        Err(ERESTARTSYS)
    }
    /// Sends a signal to the foreground group.
    pub(super) fn signal_foreground(&self, number: u8) {
        let group = self.control.lock().foreground.clone();
        if let Some(group) = group {
            signal_group(&group, number.into());
        }
    }

    /// After an open: a session leader without a terminal gets this one, if it is free.
    pub(super) fn offer_control(&self, task: &Task) {
        let group = task.group().process_group();
        let session = group.session().clone();
        if !session.is_leader(task.group()) || session.terminal().is_some() {
            return;
        }
        let _ = self.take_control(&session, &group);
    }

    /// Makes it the session's terminal; EPERM if another session has it.
    fn take_control(&self, session: &Arc<Session>, group: &Arc<ProcessGroup>) -> Result<()> {
        let own = self.counted().ok_or(EIO)?;
        {
            let mut control = self.control.lock();
            if control.session.as_ref().is_some_and(|other| !Arc::ptr_eq(other, session)) {
                return Err(EPERM);
            }
            control.session = Some(session.clone());
            control.foreground = Some(group.clone());
        }
        session.set_terminal(Some(own));
        Ok(())
    }

    /// TIOCSCTTY: `force` (with CAP_SYS_ADMIN) takes it from another session.
    pub(super) fn set_controlling(&self, task: &Task, readable: bool, force: bool) -> Result<()> {
        let group = task.group().process_group();
        let session = group.session().clone();
        let leads = session.is_leader(task.group());
        let holder = self.control.lock().session.clone();
        if leads && holder.as_ref().is_some_and(|holder| Arc::ptr_eq(holder, &session)) {
            return Ok(());
        }
        if !leads || session.terminal().is_some() {
            return Err(EPERM);
        }
        if let Some(holder) = holder {
            if !force || !task.capable(Capability::SysAdmin) {
                return Err(EPERM);
            }
            holder.set_terminal(None);
            *self.control.lock() = Control::default();
        }
        if !readable && !task.capable(Capability::SysAdmin) {
            return Err(EPERM);
        }
        self.take_control(&session, &group)
    }

    /// TIOCNOTTY: the session gives the terminal up if its leader asks, any other process only its own use of it.
    pub(super) fn give_up(&self, task: &Task) -> Result<()> {
        if !self.is_own(task) {
            return Err(ENOTTY);
        }
        let session = task.group().process_group().session().clone();
        if !session.is_leader(task.group()) {
            task.group().give_up_terminal(true);
            return Ok(());
        }
        let control = core::mem::take(&mut *self.control.lock());
        session.set_terminal(None);
        if let Some(group) = control.foreground {
            signal_group(&group, SIGHUP);
            signal_group(&group, SIGCONT);
        }
        Ok(())
    }

    /// TIOCGPGRP: the foreground group's id in the caller's namespace, 0 if there is none.
    pub(super) fn foreground_id(&self, task: &Task) -> u32 {
        let group = self.control.lock().foreground.clone();
        group.map_or(0, |group| group.id().number_in(task.pid_namespace()))
    }
    /// TIOCSPGRP.
    pub(super) fn set_foreground(&self, task: &Task, id: i32) -> Result<()> {
        let id = u32::try_from(id).map_err(|_| EINVAL)?;
        let session = task.group().process_group().session().clone();
        let holds = self.control.lock().session.as_ref().is_some_and(|holder| Arc::ptr_eq(holder, &session));
        if !self.is_own(task) || !holds {
            return Err(ENOTTY);
        }
        let entry = task.pid_namespace().find(id).ok_or(ESRCH)?;
        let group = entry.process_group().filter(|group| Arc::ptr_eq(group.session(), &session)).ok_or(EPERM)?;
        let old = self.control.lock().foreground.replace(group);
        drop(old);
        Ok(())
    }
    /// TIOCGSID; ENOTTY if no session has the terminal.
    pub(super) fn session_id(&self, task: &Task) -> Result<u32> {
        let session = self.control.lock().session.clone().ok_or(ENOTTY)?;
        Ok(session.id().number_in(task.pid_namespace()))
    }
}

impl Terminal for Tty {
    fn session_leader_ended(&self, session: &Arc<Session>) {
        let holds = self.control.lock().session.as_ref().is_some_and(|holder| Arc::ptr_eq(holder, session));
        if !holds {
            return;
        }
        if self.kind == super::Kind::Console {
            return self.hang_up();
        }
        let control = core::mem::take(&mut *self.control.lock());
        if let Some(group) = control.foreground {
            signal_group(&group, SIGHUP);
        }
    }
    fn foreground_group(&self) -> Option<Arc<ProcessGroup>> {
        self.control.lock().foreground.clone()
    }
    fn device_number(&self) -> u32 {
        self.device.encode()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
