//! Whom an open file's signals go to.
use super::Reason;
use crate::error::*;
use crate::process::namespace::Ids;
use crate::process::pid::PidEntry;
use crate::process::{Credentials, Task, ThreadGroup};
use crate::signal::{self, SI_SIGIO, SIGIO, SignalInfo};
use crate::sync::{SpinLock, rank};
use crate::syscall::Fd;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

/// What the owner's number means (F_OWNER_*).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OwnerKind {
    /// One thread.
    #[default]
    Thread = 0,
    /// A process.
    Process = 1,
    /// A process group.
    Group = 2,
}

/// Who gets the signals, and who said so.
#[derive(Clone, Default)]
pub(super) struct Named {
    pub(super) number: Option<Arc<PidEntry>>,
    pub(super) kind: OwnerKind,
    /// The user who said so, as the kernel knows them: real and effective.
    pub(super) user: u32,
    pub(super) effective_user: u32,
}

/// Whom an open file's signals go to, and which signal that is.
pub struct SignalOwner {
    named: SpinLock<Named>,
    /// F_SETSIG: 0 for SIGIO without information.
    signal: AtomicU32,
}

/// Whether signals of this number have codes of their own, which those of I/O would be taken for.
fn has_own_codes(signal: u32) -> bool {
    matches!(
        signal,
        signal::SIGILL
            | signal::SIGTRAP
            | signal::SIGFPE
            | signal::SIGSEGV
            | signal::SIGBUS
            | signal::SIGCHLD
            | signal::SIGSYS
    )
}

impl SignalOwner {
    /// Nobody.
    pub fn new() -> Self {
        SignalOwner { named: SpinLock::new(rank::LEAF, Named::default()), signal: AtomicU32::new(0) }
    }
    /// The signal that was chosen, 0 for none.
    pub fn signal(&self) -> u32 {
        self.signal.load(Ordering::Relaxed)
    }
    /// Chooses a signal.
    pub(super) fn set_signal(&self, signal: u32) {
        self.signal.store(signal, Ordering::Relaxed);
    }
    /// Who it is now.
    pub(super) fn named(&self) -> Named {
        self.named.lock().clone()
    }
    /// Names somebody, on behalf of a task. Whoever was named before stays if `keep` is set.
    pub fn name(&self, task: &Task, number: Option<Arc<PidEntry>>, kind: OwnerKind, keep: bool) {
        let (user, effective_user) = task.with_credentials(|own| (own.user, own.effective_user));
        let mut named = self.named.lock();
        if keep && named.number.is_some() {
            return;
        }
        if number.is_some() {
            // Who named somebody last is remembered when nobody is named any more.
            (named.user, named.effective_user) = (user, effective_user);
        }
        named.kind = kind;
        let old = core::mem::replace(&mut named.number, number);
        drop(named);
        drop(old);
    }
    /// Names the calling process, unless somebody is named.
    pub fn name_caller(&self, task: &Task) {
        self.name(task, Some(task.pid().clone()), OwnerKind::Process, true);
    }
    /// Nobody any more, and no signal: a lease has ended.
    pub fn forget(&self) {
        let mut named = self.named.lock();
        named.kind = OwnerKind::Process;
        let old = named.number.take();
        drop(named);
        drop(old);
        self.set_signal(0);
    }

    /// Tells the owner of an event on a descriptor.
    pub fn send(&self, descriptor: Fd, reason: Reason) {
        let named = self.named();
        let chosen = self.signal();
        named.for_each_receiver(|process, thread| {
            if chosen != 0 {
                let code = if has_own_codes(chosen) { SI_SIGIO } else { reason as i32 };
                let info = SignalInfo::io(chosen, code, reason.band(), descriptor.0);
                if deliver(process, thread, info).is_ok() {
                    return;
                }
                // The queue is full: what is left says only that something happened.
            }
            let _ = deliver(process, thread, SignalInfo::kernel(SIGIO));
        });
    }
    /// Tells the owner of something urgent (SIGURG); nobody needs to have asked for signals.
    pub fn send_urgent(&self) {
        let named = self.named();
        named.for_each_receiver(|process, thread| {
            let _ = deliver(process, thread, SignalInfo::kernel(signal::SIGURG));
        });
    }
}
impl Default for SignalOwner {
    fn default() -> Self {
        Self::new()
    }
}

fn deliver(process: &ThreadGroup, thread: Option<&Arc<Task>>, info: SignalInfo) -> Result<()> {
    match thread {
        Some(thread) => signal::send_to_thread(thread, info),
        None => signal::send_to_group(process, info),
    }
}

impl Named {
    /// Whether who named a task may send it signals: root may, and whoever is its real or saved user.
    fn may_signal(&self, target: &Credentials) -> bool {
        let is_it = |user: u32| user == target.saved_user || user == target.user;
        self.effective_user == 0 || is_it(self.effective_user) || is_it(self.user)
    }
    fn for_each_receiver(&self, tell: impl Fn(&ThreadGroup, Option<&Arc<Task>>)) {
        let Some(number) = &self.number else { return };
        let allowed = |task: &Arc<Task>| task.with_credentials(|target| self.may_signal(target));
        match self.kind {
            OwnerKind::Thread | OwnerKind::Process => {
                if let Some(task) = number.task().filter(allowed) {
                    let thread = (self.kind == OwnerKind::Thread).then_some(&task);
                    tell(task.group(), thread);
                }
            }
            OwnerKind::Group => {
                // Without memory for a list of them nobody is told.
                let members = number.process_group().and_then(|group| group.members().ok());
                for process in members.into_iter().flatten() {
                    if process.leader().is_some_and(|leader| allowed(&leader)) {
                        tell(&process, None);
                    }
                }
            }
        }
    }
    /// Their number as a task sees it, 0 if there is nobody.
    pub(super) fn number_for(&self, task: &Task) -> u32 {
        let Some(number) = &self.number else { return 0 };
        let alive = match self.kind {
            OwnerKind::Thread => number.task().is_some(),
            OwnerKind::Process => number.task().is_some_and(|task| task.is_leader()),
            OwnerKind::Group => number.process_group().is_some_and(|group| !group.is_empty()),
        };
        if alive { number.number_in(task.pid_namespace()) } else { 0 }
    }
    /// The users who named them, as a task's user namespace knows them: -1 where it does not.
    pub(super) fn users_for(&self, task: &Task) -> [u32; 2] {
        let shown = |own: &Credentials, user| own.namespace.shown(Ids::Users, user).unwrap_or(u32::MAX);
        task.with_credentials(|own| [self.user, self.effective_user].map(|user| shown(own, user)))
    }
}
