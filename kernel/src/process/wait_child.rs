//! Waiting for children: wait4(2), waitid(2).
use super::exit::{decode_status, release};
use super::pid::PidEntry;
use super::usage::ResourceUsage;
use super::{Task, ThreadGroup};
use crate::error::*;
use crate::signal::{self, SIGCHLD, SIGCONT};
use crate::syscall::{Fd, Pid, UserAddress, UserPtr};
use crate::wait::{Sleep, WaitError};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

const WNOHANG: u32 = 1;
const WUNTRACED: u32 = 2;
const WSTOPPED: u32 = 2;
const WEXITED: u32 = 4;
const WCONTINUED: u32 = 8;
const WNOWAIT: u32 = 0x0100_0000;
const WNOTHREAD: u32 = 0x2000_0000;
const WALL: u32 = 0x4000_0000;
const WCLONE: u32 = 0x8000_0000;

/// Which children are meant.
enum Which {
    All,
    Process(Option<Arc<PidEntry>>),
    Group(Option<Arc<PidEntry>>),
}

/// What happened to a child.
struct Event {
    id: u32,
    user: u32,
    /// `si_code`.
    code: i32,
    /// `si_status`.
    detail: i32,
    /// As wait4(2) encodes it.
    status: i32,
    usage: ResourceUsage,
}

impl Event {
    fn of(task: &Task, code: i32, detail: i32, status: i32) -> Event {
        let process = task.group();
        let mut sum = process.own_usage();
        sum.add(&process.usage.lock().children);
        let user = task.with_credentials(|credentials| credentials.user);
        let user = Task::current().with_credentials(|own| own.namespace.user(user));
        let id = task.id_in(Task::current().pid_namespace());
        Event { id, user, code, detail, status, usage: ResourceUsage::from(&sum) }
    }
}

struct Request {
    which: Which,
    options: u32,
}

impl Request {
    fn concerns(&self, task: &Task, child: &ThreadGroup) -> bool {
        let chosen = match &self.which {
            Which::All => true,
            Which::Process(entry) => entry.as_ref().is_some_and(|entry| Arc::ptr_eq(entry, child.pid())),
            Which::Group(entry) => entry.as_ref().is_some_and(|entry| Arc::ptr_eq(entry, child.process_group().id())),
        };
        if !chosen {
            return false;
        }
        // "Clone" children are those whose end is not told by SIGCHLD.
        let is_clone = child.exit_signal.load(Ordering::Relaxed) != SIGCHLD as i32;
        if self.options & WALL == 0 && is_clone != (self.options & WCLONE != 0) {
            return false;
        }
        self.options & WNOTHREAD == 0 || child.family.lock().parent_thread == task.id()
    }
    /// Whether a tracee is meant; whoever traces it need not have made it.
    fn concerns_tracee(&self, task: &Task, tracee: &Task) -> bool {
        let chosen = match &self.which {
            Which::All => true,
            Which::Process(entry) => entry.as_ref().is_some_and(|entry| Arc::ptr_eq(entry, &tracee.pid())),
            Which::Group(entry) => {
                entry.as_ref().is_some_and(|entry| Arc::ptr_eq(entry, tracee.group().process_group().id()))
            }
        };
        chosen && (self.options & WNOTHREAD == 0 || crate::ptrace::is_own(task, tracee))
    }
    /// Looks at all children and tracees: an event, nothing yet, or ECHILD.
    fn look(&self, task: &Task) -> Result<Option<Event>> {
        let mut found = false;
        let mut event = match &self.which {
            Which::Process(_) => self.look_at_only_child(task, &mut found),
            _ => self.look_at_children(task, &mut found),
        };
        if event.is_none() && !task.group().family.lock().tracees.is_empty() {
            event = self.look_at_tracees(task, &mut found);
        }
        if event.is_none() && !found && !self.any(task) {
            return Err(ECHILD);
        }
        Ok(event)
    }
    /// The child's part of [`Request::look`] where one alone is meant.
    fn look_at_only_child(&self, task: &Task, found: &mut bool) -> Option<Event> {
        let child = self.only_child(task)?;
        *found = true;
        self.take_event(&child)
    }
    /// The children's part of [`Request::look`].
    fn look_at_children(&self, task: &Task, found: &mut bool) -> Option<Event> {
        let own = task.group();
        // A child is taken by reference and looked at without the list's lock.
        let mut position = 0;
        loop {
            let child = {
                let family = own.family.lock();
                let mut rest = family.children.iter_arcs().skip(position);
                rest.find(|child| {
                    position += 1;
                    self.has_news(child)
                })
                .cloned()?
            };
            if !self.concerns(task, &child) {
                continue;
            }
            *found = true;
            if let Some(event) = self.take_event(&child) {
                return Some(event);
            }
        }
    }
    /// The tracees' part of [`Request::look`].
    fn look_at_tracees(&self, task: &Task, found: &mut bool) -> Option<Event> {
        let own = task.group();
        let mut position = 0;
        loop {
            let tracee = own.family.lock().tracees.iter_arcs().nth(position).cloned()?;
            position += 1;
            if !self.concerns_tracee(task, &tracee) {
                continue;
            }
            *found = true;
            if let Some(event) = self.take_tracee_event(own, &tracee) {
                return Some(event);
            }
        }
    }
    /// Takes what happened to a tracee. The end of a process that the caller's process has made is its child's.
    fn take_tracee_event(&self, own: &ThreadGroup, tracee: &Arc<Task>) -> Option<Event> {
        let keep = self.options & WNOWAIT != 0;
        let is_child = tracee.group().parent().is_some_and(|parent| core::ptr::eq(&*parent, own));
        if self.options & WEXITED != 0
            && !(is_child && tracee.is_leader())
            && let Some(status) = crate::ptrace::collect(tracee, keep)
        {
            let (code, detail) = decode_status(status);
            return Some(Event::of(tracee, code, detail, status));
        }
        if let Some(code) = tracee.trace.take_report(keep) {
            return Some(Event::of(tracee, signal::CLD_TRAPPED, code as i32, (code as i32) << 8 | 0x7f));
        }
        let continued = !is_child && tracee.is_leader() && self.options & WCONTINUED != 0;
        let continued = continued && tracee.group().signals.take_continue_report(keep);
        continued.then(|| Event::of(tracee, signal::CLD_CONTINUED, SIGCONT as i32, 0xffff))
    }
    /// Whether a child could have something to report (a look without its details).
    fn has_news(&self, child: &ThreadGroup) -> bool {
        child.is_zombie() || child.is_stopped() || child.signals.take_continue_report(true)
    }
    /// The child that alone is meant, if it is there: found by its number, however many there are.
    fn only_child(&self, task: &Task) -> Option<Arc<ThreadGroup>> {
        let Which::Process(Some(entry)) = &self.which else { return None };
        let child = entry.task()?.group().clone();
        let is_own = child.parent().is_some_and(|parent| Arc::ptr_eq(&parent, task.group()));
        let is_there = is_own && child.life() != super::thread_group::Life::Reaped;
        (is_there && self.concerns(task, &child)).then_some(child)
    }
    /// Whether any child is meant, with or without news.
    fn any(&self, task: &Task) -> bool {
        if matches!(self.which, Which::Process(_)) {
            return self.only_child(task).is_some();
        }
        // Who is whose thread's child is known under a lock of the same rank as the list's: one after the other then.
        let nested = self.options & WNOTHREAD != 0;
        let is_meant = |child: &ThreadGroup| {
            child.life() != super::thread_group::Life::Reaped && (nested || self.concerns(task, child))
        };
        let mut position = 0;
        loop {
            let next = {
                let family = task.group().family.lock();
                let mut rest = family.children.iter_arcs().skip(position);
                rest.find(|child| {
                    position += 1;
                    is_meant(child)
                })
                .cloned()
            };
            match next {
                None => return false,
                Some(child) if !nested || self.concerns(task, &child) => return true,
                Some(_) => {}
            }
        }
    }
    /// Takes what happened to a child, if the caller asked for it.
    fn take_event(&self, child: &Arc<ThreadGroup>) -> Option<Event> {
        let keep = self.options & WNOWAIT != 0;
        let leader = child.leader()?;
        let event = |code, detail, status| Event::of(&leader, code, detail, status);
        let is_traced = leader.trace.is_attached();
        if child.is_zombie() {
            // A tracer of another process sees the end first.
            let is_hidden = is_traced && crate::ptrace::is_reparented(&leader);
            if self.options & WEXITED == 0 || is_hidden {
                return None;
            }
            // The child tells its end under the tree lock: wait until it has.
            drop(super::tree::TREE.lock());
            let status = child.exit_status.load(Ordering::Relaxed);
            let (code, detail) = decode_status(status);
            let result = event(code, detail, status);
            if keep {
                return (child.life() == super::thread_group::Life::Zombie).then_some(result);
            }
            if !child.claim() {
                return None;
            }
            release(child);
            return Some(result);
        }
        // For a tracer that is the parent the group stop is a stop of its tracee.
        let is_own = is_traced && !crate::ptrace::is_reparented(&leader);
        if self.options & WSTOPPED != 0
            && !is_own
            && let Some(number) = child.signals.take_stop_report(keep)
        {
            return Some(event(signal::CLD_STOPPED, number as i32, (number as i32) << 8 | 0x7f));
        }
        if self.options & WCONTINUED != 0 && child.signals.take_continue_report(keep) {
            return Some(event(signal::CLD_CONTINUED, SIGCONT as i32, 0xffff));
        }
        None
    }
    /// Waits for an event; `None` with WNOHANG if there is none yet.
    fn wait(&self, task: &Task) -> Result<Option<Event>> {
        if self.options & WNOHANG != 0 {
            return self.look(task);
        }
        let waited = task.group().child_events.wait_until(Sleep::Interruptible, None, || match self.look(task) {
            Ok(None) => None,
            Ok(Some(event)) => Some(Ok(event)),
            Err(error) => Some(Err(error)),
        });
        match waited {
            Ok(result) => result.map(Some),
            Err(WaitError::Interrupted | WaitError::TimedOut) => Err(ERESTARTSYS),
        }
    }
}

/// Waits until the ending process has no children left, whose ends nobody wants to know.
pub(super) fn wait_for_all(task: &Task) {
    let request = Request { which: Which::All, options: WEXITED | WALL };
    loop {
        let look = || match request.look(task) {
            Ok(None) => None,
            found => Some(found),
        };
        // Until there is no child: nothing else ends the wait.
        if !matches!(task.group().child_events.wait_until(Sleep::Uninterruptible, None, look), Ok(Ok(_))) {
            return;
        }
    }
}

/// wait4(2).
pub fn wait4(task: &Task, pid: Pid, status: UserPtr<i32>, options: u32, usage: UserPtr<ResourceUsage>) -> Result<u32> {
    if options & !(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WCLONE | WALL) != 0 {
        return Err(EINVAL);
    }
    if pid.0 == i32::MIN {
        return Err(ESRCH);
    }
    let find = |number: u32| task.pid_namespace().find(number);
    let which = match pid.0 {
        -1 => Which::All,
        0 => Which::Group(Some(task.group().process_group().id().clone())),
        1.. => Which::Process(find(pid.0 as u32)),
        _ => Which::Group(find(pid.0.unsigned_abs())),
    };
    let request = Request { which, options: options | WEXITED };
    let Some(event) = request.wait(task)? else { return Ok(0) };
    status.write_optional(task, &event.status)?;
    usage.write_optional(task, &event.usage)?;
    Ok(event.id)
}

/// waitpid(2) of i386.
pub fn waitpid(task: &Task, pid: Pid, status: UserPtr<i32>, options: u32) -> Result<u32> {
    wait4(task, pid, status, options, UserPtr::new(0))
}

const P_ALL: u32 = 0;
const P_PID: u32 = 1;
const P_PGID: u32 = 2;
const P_PIDFD: u32 = 3;

/// waitid(2), with the fifth argument of the system call.
pub fn waitid(
    task: &Task,
    kind: u32,
    id: i32,
    info: UserAddress,
    options: u32,
    usage: UserPtr<ResourceUsage>,
) -> Result<()> {
    let outcome = wait_by_id(task, kind, id, options);
    let event = outcome.as_ref().ok().and_then(Option::as_ref);
    if let Some(event) = event {
        usage.write_optional(task, &event.usage)?;
    }
    // Linux writes zeros whatever the error was, and lets EFAULT win over it.
    write_information(task, event, info)?;
    outcome.map(|_| ())
}

/// Waits for what waitid's arguments name; `None` with WNOHANG if nothing has happened yet.
fn wait_by_id(task: &Task, kind: u32, id: i32, mut options: u32) -> Result<Option<Event>> {
    if options & !(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | WNOTHREAD | WCLONE | WALL) != 0
        || options & (WEXITED | WSTOPPED | WCONTINUED) == 0
    {
        return Err(EINVAL);
    }
    let find = |number: i32| u32::try_from(number).ok().and_then(|number| task.pid_namespace().find(number));
    let which = match kind {
        P_ALL => Which::All,
        P_PID if id <= 0 => return Err(EINVAL),
        P_PID => Which::Process(find(id)),
        P_PGID if id < 0 => return Err(EINVAL),
        P_PGID if id == 0 => Which::Group(Some(task.group().process_group().id().clone())),
        P_PGID => Which::Group(find(id)),
        P_PIDFD if id < 0 => return Err(EINVAL),
        P_PIDFD => {
            let (entry, nonblocking) = super::pidfd::entry_of(task, Fd(id))?;
            if nonblocking && options & WNOHANG == 0 {
                options |= WNOHANG;
                let request = Request { which: Which::Process(Some(entry)), options };
                return request.wait(task)?.ok_or(EAGAIN).map(Some);
            }
            Which::Process(Some(entry))
        }
        _ => return Err(EINVAL),
    };
    Request { which, options }.wait(task)
}

/// Stores the result of waitid: zeros where nothing happened.
fn write_information(task: &Task, event: Option<&Event>, info: UserAddress) -> Result<()> {
    if info.is_null() {
        return Ok(());
    }
    // Linux writes these fields only; the rest of the structure stays as it was.
    let (number, code, id, user, detail) = match event {
        Some(event) => (SIGCHLD, event.code, event.id, event.user, event.detail as u32),
        None => (0, 0, 0, 0, 0),
    };
    let put = |offset: u64, value: u32| UserPtr::<u32>::new(info.0.wrapping_add(offset)).write(task, &value);
    put(0, number)?;
    put(4, 0)?;
    put(8, code as u32)?;
    // Behind the three numbers the fields are aligned to pointers.
    let fields = if task.abi().has_narrow_pointers() { 12 } else { 16 };
    put(fields, id)?;
    put(fields + 4, user)?;
    put(fields + 8, detail)
}
