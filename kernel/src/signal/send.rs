//! Sending signals.
use super::group::{Dropped, GroupState, mark, wake_thread};
use super::queue::Queued;
use super::*;
use crate::error::*;
use crate::process::namespace::Ids;
use crate::process::schedule::state;
use crate::process::session::ProcessGroup;
use crate::process::thread_group::Resource;
use crate::process::{Task, ThreadGroup, task::flag};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::thread::work;

/// To whom a signal goes.
#[derive(Clone, Copy)]
enum Target<'a> {
    /// Any thread of the process, whose leader this is.
    Process(Option<&'a Arc<Task>>),
    /// This thread.
    Thread(&'a Arc<Task>),
}

impl<'a> Target<'a> {
    /// The thread, or the process's leader.
    fn receiver(self) -> Option<&'a Arc<Task>> {
        match self {
            Target::Process(leader) => leader,
            Target::Thread(thread) => Some(thread),
        }
    }
    /// Whether somebody traces it.
    fn is_traced(self) -> bool {
        self.receiver().is_some_and(|thread| sees_signals(thread))
    }
}

/// Sends a signal to a process as a whole. EAGAIN if its queue is full (real-time signals sent with a value).
#[inline]
pub fn send_to_group(process: &ThreadGroup, info: SignalInfo) -> Result<()> {
    send(process, Target::Process(process.leader().as_ref()), &info, false)
}

/// As [`send_to_group`], to the process of a thread, which is often its leader.
#[inline]
pub(super) fn send_to_group_of(thread: &Arc<Task>, info: SignalInfo) -> Result<()> {
    if !thread.is_leader() {
        return send_to_group(thread.group(), info);
    }
    send(thread.group(), Target::Process(Some(thread)), &info, false)
}

/// Sends a signal to one thread.
#[inline]
pub fn send_to_thread(thread: &Arc<Task>, info: SignalInfo) -> Result<()> {
    send(thread.group(), Target::Thread(thread), &info, false)
}

/// Sends a signal of the kernel's to every process of a group (terminals, hang-ups). Nobody is asked for permission.
pub fn send_to_process_group(group: &ProcessGroup, info: SignalInfo) {
    group.for_each(|process| {
        // A signal of the kernel's that finds no memory is pending all the same.
        let _ = send_to_group(process, info);
    });
}

/// Sends a signal that the kernel itself raises to the calling thread (SI_KERNEL).
pub fn send_to_current(signal: u32) {
    let task = Task::current_arc();
    // As above.
    let _ = send_to_thread(&task, SignalInfo::kernel(signal));
}

/// As [`send_to_thread`], for callers that hold locks of the process tree.
pub fn send_to_thread_locked(thread: &Arc<Task>, info: SignalInfo) {
    let _ = send_to_thread(thread, info);
}

/// Sends a signal that cannot be refused to the current task: an exception it caused. If it is blocked or ignored, the action
/// becomes default, and not even init survives it.
pub fn force(task: &Task, info: SignalInfo) {
    force_with(task, info, false)
}

/// As [`force_fatal`], with information.
pub fn force_fatal_with(task: &Task, info: SignalInfo) {
    force_with(task, info, true)
}

/// Kills the current task by a signal whatever its action is (execve(2) that cannot go back, a broken signal frame).
pub fn force_fatal(task: &Task, signal: u32) {
    force_with(task, SignalInfo::kernel(signal), true)
}

fn force_with(task: &Task, info: SignalInfo, fatal: bool) {
    let process = task.group();
    let actions = process.actions();
    let bit = set_of(info.signal);
    let blocked = task.signals.blocked() & bit != 0;
    let mut action = actions.get(info.signal);
    if fatal || blocked || action.handler == SIG_IGN {
        action.handler = SIG_DFL;
        if fatal {
            action.flags |= SA_IMMUTABLE;
        }
        actions.set(info.signal, action);
        if blocked {
            task.set_blocked(task.signals.blocked() & !bit);
        }
    }
    if action.handler == SIG_DFL && (fatal || !task.trace.is_attached()) {
        process.signals.clear_mark(mark::UNKILLABLE);
    }
    let task = Task::current_arc();
    // Forced signals are pending even without memory for their information.
    let _ = send(process, Target::Thread(&task), &info, true);
}

fn send(process: &ThreadGroup, target: Target<'_>, info: &SignalInfo, forced: bool) -> Result<()> {
    if !is_valid(info.signal) || process.is_zombie() {
        return Ok(());
    }
    let info = &as_seen_by(process, target, info);
    let made = match info.signal {
        SIGKILL => Some(None),
        // One may be kept.
        _ if overrides_limit(info, forced) => None,
        _ => Some(make_entry(process, target, info, forced)?),
    };
    send_with(process, target, info, forced, made);
    Ok(())
}

/// A user as the user namespace of a process's leader shows it.
pub fn user_for(process: &ThreadGroup, known: u32) -> u32 {
    // Who tells is the process's child, or about one: it is in the same user namespace or in one below.
    if Task::current().with_credentials(|own| own.namespace.level() == 0) {
        return known;
    }
    process.leader().map_or(known, |leader| leader.with_credentials(|own| own.namespace.user(known)))
}

/// What the receiver is told: a sender that its pid namespace does not hold has the number 0.
fn as_seen_by(process: &ThreadGroup, target: Target<'_>, info: &SignalInfo) -> SignalInfo {
    let mut seen = *info;
    if process.pid().namespace().level != 0
        && info.names_sender()
        && !machine::cpu::in_interrupt()
        && is_from_above(process)
    {
        seen.fields[0] &= !0xffff_ffff;
    }
    if info.names_sender()
        && !machine::cpu::in_interrupt()
        && let Some(receiver) = target.receiver()
    {
        Task::current().with_credentials(|own| {
            receiver.with_credentials(|other| {
                if !Arc::ptr_eq(&own.namespace, &other.namespace) {
                    let known = own.namespace.known(Ids::Users, info.user()).unwrap_or(u32::MAX);
                    let user = other.namespace.user(known);
                    seen.fields[0] = seen.fields[0] & 0xffff_ffff | u64::from(user) << 32;
                }
            });
        });
    }
    seen
}

/// What a signal to a process needs of memory, made before locks are taken.
pub struct Prepared(Option<Arc<Queued>>);
impl Prepared {
    /// For a signal of the kernel's. Without memory the signal carries no information.
    pub fn new(process: &ThreadGroup, info: &SignalInfo) -> Prepared {
        Prepared(make_entry(process, Target::Process(process.leader().as_ref()), info, true).unwrap_or(None))
    }
    /// Sends it. Spin locks that rank before signals may be held.
    pub fn send(self, process: &ThreadGroup, info: SignalInfo) {
        if is_valid(info.signal) && !process.is_zombie() {
            send_with(process, Target::Process(process.leader().as_ref()), &info, false, Some(self.0));
        }
    }
}

/// Sends with the entry that was made, if one was; else with the one that is kept, or one that is made when it is known to be
/// wanted.
fn send_with(
    process: &ThreadGroup,
    target: Target<'_>,
    info: &SignalInfo,
    forced: bool,
    mut made: Option<Option<Arc<Queued>>>,
) {
    let signal = info.signal;
    let mut dropped = Dropped::new();
    loop {
        let mut state = process.signals.lock();
        if !prepare(process, &mut state, target, info, forced, &mut dropped) || already_pending(&state, target, signal)
        {
            drop(state);
            break;
        }
        let mut kept = || state.kept.take(info, target.receiver().map(|task| &**task));
        let Some(entry) = made.take().or_else(|| kept().map(Some)) else {
            drop(state);
            // It cannot be refused, only go without its information.
            made = Some(make_entry(process, target, info, forced).unwrap_or(None));
            continue;
        };
        match target {
            Target::Process(_) => {
                state.queue.add(signal, info.code == SI_KERNEL, entry);
                process.signals.note_pending(&state);
            }
            Target::Thread(thread) => {
                let mut queue = thread.signals.queue.lock();
                queue.add(signal, info.code == SI_KERNEL, entry);
                thread.signals.pending.store(queue.bits(), Ordering::Relaxed);
            }
        }
        complete(process, &mut state, target, signal);
        process.signals.wake_readers();
        drop(state);
        break;
    }
    drop(made);
    drop(dropped);
}

/// Whether a signal is queued even where its receiver's limit of pending ones is reached.
fn overrides_limit(info: &SignalInfo, forced: bool) -> bool {
    forced || (info.signal < SIGRTMIN && info.code >= SI_USER) || info.code == SI_KERNEL
}

/// The entry that carries the information. SIGKILL needs none; without memory or over the limit, only real-time signals that a
/// process queued with a value are refused.
fn make_entry(
    process: &ThreadGroup,
    target: Target<'_>,
    info: &SignalInfo,
    forced: bool,
) -> Result<Option<Arc<Queued>>> {
    // Interrupt handlers do not allocate; what they send is the kernel's.
    if info.signal == SIGKILL || machine::cpu::in_interrupt() {
        return Ok(None);
    }
    let user = target.receiver().map(|leader| leader.with_credentials(|credentials| credentials.record.clone()));
    let pending = user.as_ref().map_or(0, |user| user.pending_signals.fetch_add(1, Ordering::Relaxed));
    if !overrides_limit(info, forced) && u64::from(pending) >= process.limit(Resource::PendingSignals) {
        if let Some(user) = user {
            user.pending_signals.fetch_sub(1, Ordering::Relaxed);
        }
    } else if let Some(entry) = Queued::new(info, user) {
        return Ok(Some(entry));
    }
    match info.signal >= SIGRTMIN && info.code != SI_USER {
        true => Err(EAGAIN.because("the queue of pending signals is full")),
        false => Ok(None),
    }
}

/// Legacy signals are pending once.
fn already_pending(state: &GroupState, target: Target<'_>, signal: u32) -> bool {
    signal < SIGRTMIN
        && match target {
            Target::Process(_) => state.queue.has(signal),
            Target::Thread(thread) => thread.signals.has_private(signal),
        }
}

/// What a signal does at the moment it is sent: stop signals and SIGCONT cancel each other, SIGCONT wakes. Whether it is to
/// become pending.
fn prepare(
    process: &ThreadGroup,
    state: &mut GroupState,
    target: Target<'_>,
    info: &SignalInfo,
    forced: bool,
    dropped: &mut Dropped,
) -> bool {
    let signal = info.signal;
    if process.signals.is_exiting() && signal != SIGKILL {
        return false;
    }
    if set_of(signal) & STOP_SIGNALS != 0 {
        forget(process, state, set_of(SIGCONT), dropped);
    } else if signal == SIGCONT {
        forget(process, state, STOP_SIGNALS, dropped);
        resume(process, state);
    }
    !is_ignored(process, target, info, forced)
}

/// Whether the current task is in none of the pid namespaces that the process sees.
fn is_from_above(process: &ThreadGroup) -> bool {
    Task::current().pid().number_in(process.pid().namespace()) == 0
}

fn forget(process: &ThreadGroup, state: &mut GroupState, signals: SignalSet, dropped: &mut Dropped) {
    state.queue.forget(signals, dropped);
    process.signals.note_pending(state);
    for thread in state.threads() {
        if thread.signals.private_pending() & signals != 0 {
            let mut queue = thread.signals.queue.lock();
            queue.forget(signals, dropped);
            thread.signals.pending.store(queue.bits(), Ordering::Relaxed);
        }
    }
}

/// SIGCONT: ends a group stop, done or in progress.
fn resume(process: &ThreadGroup, state: &mut GroupState) {
    let was_stopped = process.signals.clear_mark(mark::STOPPED) != 0;
    let was_stopping = state.stop_left > 0;
    state.stop_left = 0;
    for thread in state.threads() {
        thread.signals.stop_pending.store(false, Ordering::Relaxed);
        thread.signals.stop_counted.store(false, Ordering::Relaxed);
        thread.signals.stop_dequeued.store(false, Ordering::Relaxed);
        thread.wake_from(state::STOPPED);
        if thread.trace.is_seized() {
            crate::ptrace::trap_notify(thread);
        }
    }
    if was_stopped || was_stopping {
        let tell = if was_stopped { mark::TELL_CONTINUED } else { mark::TELL_STOPPED };
        process.signals.clear_mark(mark::STOP_UNREPORTED);
        process.signals.set_mark(tell | if was_stopped { mark::CONTINUE_UNREPORTED } else { 0 });
        // Some thread passes through its signal work and tells the parent.
        if let Some(thread) = state.threads().next() {
            thread.thread().set_work(work::SIGNAL);
            if !thread.wake_from(state::INTERRUPTIBLE) && thread.thread().is_on_cpu() {
                machine::cpu::interrupt_for_work(thread.schedule.cpu());
            }
        }
    }
}

/// Whether nobody will ever see the signal: ignored, and neither blocked (then it stays pending) nor waited for.
fn is_ignored(process: &ThreadGroup, target: Target<'_>, info: &SignalInfo, forced: bool) -> bool {
    let signal = info.signal;
    let bit = set_of(signal);
    // The first process of a pid namespace, though protected, is killed and stopped from above.
    let overrides =
        bit & UNBLOCKABLE != 0 && process.begins_namespace() && (info.code == SI_KERNEL || is_from_above(process));
    let holds =
        |thread: &Arc<Task>| (thread.signals.blocked() | thread.signals.awaited.load(Ordering::Relaxed)) & bit != 0;
    let blocked = target.receiver().is_some_and(holds);
    // A tracer sees what is ignored too.
    if blocked || signal != SIGKILL && target.is_traced() {
        return false;
    }
    process.with_actions(|actions| {
        let default = (actions.ignored() | actions.caught()) & bit == 0;
        actions.ignores(signal) || (default && !forced && process.signals.is_protected() && !overrides)
    })
}

/// Whether a tracer, or the kernel's own, sees a thread's signals.
fn sees_signals(thread: &Task) -> bool {
    thread.trace.is_attached() || crate::trace::is_traced(thread)
}

/// Chooses a thread and wakes it; a signal that will end the process begins that at once.
fn complete(process: &ThreadGroup, state: &mut GroupState, target: Target<'_>, signal: u32) {
    let bit = set_of(signal);
    let wants = |thread: &Arc<Task>| {
        let blocked = thread.signals.blocked() & bit != 0;
        let ending = thread.has_flag(flag::EXITING);
        let stopped = thread.schedule.state() & (state::STOPPED | state::TRACED) != 0;
        !blocked && !ending && (signal == SIGKILL || !stopped)
    };
    let awaits = |thread: &Arc<Task>| thread.signals.awaited.load(Ordering::Relaxed) & bit != 0;
    let chosen = match target {
        Target::Thread(thread) => (wants(thread) || awaits(thread)).then_some(thread),
        Target::Process(_) => state
            .threads()
            .find(|thread| thread.is_leader() && wants(thread))
            .or_else(|| state.threads().find(|thread| wants(thread)))
            .or_else(|| state.threads().find(|thread| awaits(thread))),
    };
    let Some(chosen) = chosen else { return };
    let default = process.with_actions(|actions| (actions.ignored() | actions.caught()) & bit == 0);
    let harmless = bit & (IGNORED_BY_DEFAULT | STOP_SIGNALS | CORE_SIGNALS) != 0;
    let protected = process.signals.is_protected() && signal != SIGKILL;
    let fatal = default && !harmless && !protected && chosen.signals.blocked() & bit == 0;
    let awaited = chosen.signals.awaited.load(Ordering::Relaxed) & bit != 0;
    // A tracer may take a signal away before it kills.
    let decided = signal == SIGKILL || !target.is_traced();
    if fatal && decided && !awaited && !process.signals.is_exiting() {
        // No need to wait until the thread looks: stopped and sleeping threads end too.
        process.signals.begin_end(state, signal as i32, None);
    } else {
        wake_thread(chosen, signal == SIGKILL);
    }
}
