//! A thread group: what Linux shows as a process.
use super::Task;
use super::accounting::Collected;
use super::limits::Limits;
use super::pid::PidEntry;
use super::processor_limit::ProcessorLimit;
use super::session::ProcessGroup;
use super::tree::Family;
use super::usage::Usage;
use crate::error::Result;
use crate::signal::{GroupSignals, SignalActions};
use crate::sync::{IrqLock, RcuCell, RcuGuard, SpinLock, rank};
use crate::wait::WaitQueue;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, Ordering};
use machine::collections::{Linked, Links};

pub use super::limits::Resource;

/// Tag of the links on the parent's list of children.
pub const CHILD: usize = 1;
/// Tag of the links on the process group's list of members.
pub const GROUP_MEMBER: usize = 2;

/// Where a process is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Life {
    /// Some thread lives.
    Alive,
    /// All threads have ended, nobody has waited for it yet.
    Zombie,
    /// Waited for: on no list any more.
    Reaped,
}

/// A process.
pub struct ThreadGroup {
    pid: Arc<PidEntry>,
    id: u32,
    own_id: u32,
    pub(super) parent_id: AtomicU32,
    pub(super) family: SpinLock<Family>,
    child_links: Links,
    member_links: Links,
    process_group: RcuCell<ProcessGroup>,
    /// Looked at by senders of signals in interrupt context.
    leader: IrqLock<Option<Arc<Task>>>,
    life: AtomicU8,
    /// Threads that have not ended.
    pub(super) live: AtomicU32,
    /// Threads whose end has not been told to everybody who is to see it before the process's own.
    pub(super) unfinished: AtomicU32,
    /// execve(2) decides what the process may gain: nobody may begin to trace it.
    executing: AtomicBool,
    pub(super) is_subreaper: AtomicBool,
    executed: AtomicBool,
    /// The signal the parent gets at the end, 0 for none.
    pub(super) exit_signal: AtomicI32,
    /// Wait status of the process (as wait(2) encodes it), valid once it is a zombie.
    pub(super) exit_status: AtomicI32,
    /// Where the process's own wait4(2) callers sleep.
    pub child_events: WaitQueue,
    /// Threads that wait for the others to end (execve).
    pub(super) thread_ended: WaitQueue,
    /// Resource limits.
    pub limits: Limits,
    /// What ended threads and waited-for children used.
    pub usage: IrqLock<Usage>,
    pub(super) processor_limit: ProcessorLimit,
    /// Signal queue, threads and job-control state.
    pub signals: GroupSignals,
    actions: RcuCell<SignalActions>,
    /// Nanoseconds of the monotonic clock.
    pub start_time: u64,
    /// PR_SET_DUMPABLE's value.
    pub dumpable: AtomicU32,
    /// A thread writes a core dump, which the others wait for on their way out. Changes under the signals' lock.
    pub(super) dumping: AtomicBool,
    pub(super) account: Collected,
    /// Whether the process took leave of its session's terminal (TIOCNOTTY by one that does not lead the session).
    terminal_given_up: AtomicBool,
    /// Interval timers.
    pub timers: crate::time::interval::ProcessTimers,
    /// oom_score_adj.
    pub oom_score_adjustment: AtomicI32,
}

impl Linked<CHILD> for ThreadGroup {
    fn links(&self) -> &Links {
        &self.child_links
    }
}
impl Linked<GROUP_MEMBER> for ThreadGroup {
    fn links(&self) -> &Links {
        &self.member_links
    }
}

impl ThreadGroup {
    /// A process without threads, on no list.
    pub(super) fn new(
        pid: Arc<PidEntry>,
        process_group: Arc<ProcessGroup>,
        limits: Limits,
        actions: Arc<SignalActions>,
    ) -> Result<Arc<ThreadGroup>> {
        Ok(machine::memory::try_arc(ThreadGroup {
            id: pid.number(),
            own_id: pid.own_number(),
            pid,
            parent_id: AtomicU32::new(0),
            family: SpinLock::new(rank::PROCESS_FAMILY, Family::default()),
            child_links: Links::new(),
            member_links: Links::new(),
            process_group: RcuCell::new(process_group),
            leader: IrqLock::new(rank::LEAF, None),
            life: AtomicU8::new(Life::Alive as u8),
            live: AtomicU32::new(0),
            unfinished: AtomicU32::new(0),
            executing: AtomicBool::new(false),
            is_subreaper: AtomicBool::new(false),
            executed: AtomicBool::new(false),
            exit_signal: AtomicI32::new(0),
            exit_status: AtomicI32::new(0),
            child_events: WaitQueue::new(),
            thread_ended: WaitQueue::new(),
            limits,
            usage: IrqLock::new(rank::LEAF, Usage::default()),
            processor_limit: ProcessorLimit::new(),
            signals: GroupSignals::new(),
            actions: RcuCell::new(actions),
            start_time: machine::time::monotonic(),
            dumpable: AtomicU32::new(1),
            dumping: AtomicBool::new(false),
            account: Collected::default(),
            terminal_given_up: AtomicBool::new(false),
            timers: crate::time::interval::ProcessTimers::new(),
            oom_score_adjustment: AtomicI32::new(0),
        })?)
    }
    /// Process id in the root namespace.
    #[inline(always)]
    pub fn id(&self) -> u32 {
        self.id
    }
    /// Process id as the process itself knows it.
    #[inline(always)]
    pub fn id_in_own_namespace(&self) -> u32 {
        self.own_id
    }
    /// Whether it is the first process of a pid namespace below the root: its end is that of all in there.
    pub fn begins_namespace(&self) -> bool {
        self.own_id == 1 && self.id != 1
    }
    /// The controlling terminal: the session's, unless the process gave it up.
    pub fn terminal(&self) -> Option<Arc<dyn super::session::Terminal>> {
        if self.has_given_up_terminal() { None } else { self.process_group().session().terminal() }
    }
    /// Whether the process has none though its session may.
    pub(super) fn has_given_up_terminal(&self) -> bool {
        self.terminal_given_up.load(Ordering::Relaxed)
    }
    /// Makes the process one without a terminal (`true`), or one of its session again.
    pub fn give_up_terminal(&self, given_up: bool) {
        self.terminal_given_up.store(given_up, Ordering::Relaxed);
    }
    /// The entry of the process id.
    pub fn pid(&self) -> &Arc<PidEntry> {
        &self.pid
    }
    /// The soft limit of a resource; `u64::MAX` is unlimited.
    pub fn limit(&self, resource: Resource) -> u64 {
        self.limits.soft(resource)
    }
    /// The process group.
    pub fn process_group(&self) -> Arc<ProcessGroup> {
        self.process_group.get()
    }
    /// Gives init its process group, before it is published.
    pub(crate) fn set_first_process_group(&self, group: Arc<ProcessGroup>) {
        self.process_group.replace(group);
    }
    pub(super) fn set_process_group(&self, group: Arc<ProcessGroup>) {
        self.process_group.replace(group);
    }
    /// The thread whose id is the process id; it stays there as a zombie until the process is reaped.
    pub fn leader(&self) -> Option<Arc<Task>> {
        self.leader.lock().clone()
    }
    pub(super) fn set_leader(&self, leader: Option<Arc<Task>>) {
        let old = core::mem::replace(&mut *self.leader.lock(), leader);
        drop(old);
    }
    /// The signal actions, shared with other processes by CLONE_SIGHAND.
    pub fn actions(&self) -> Arc<SignalActions> {
        self.actions.get()
    }
    pub(crate) fn set_actions(&self, actions: Arc<SignalActions>) {
        self.actions.replace(actions);
    }
    /// Looks at the signal actions without counting a reference.
    #[inline(always)]
    pub fn with_actions<R>(&self, look: impl FnOnce(&SignalActions) -> R) -> R {
        look(self.actions_under(&RcuGuard::new()))
    }
    /// The same, for as long as a guard lives.
    #[inline(always)]
    pub fn actions_under<'a>(&'a self, guard: &'a RcuGuard) -> &'a SignalActions {
        self.actions.read(guard)
    }
    /// Sets the signal the parent gets at the end.
    /// The signal the parent gets at the end, 0 for none.
    pub fn exit_signal(&self) -> i32 {
        self.exit_signal.load(Ordering::Relaxed)
    }
    pub(crate) fn set_exit_signal(&self, signal: u32) {
        self.exit_signal.store(signal as i32, Ordering::Relaxed);
    }
    /// Alive, zombie or reaped.
    pub fn life(&self) -> Life {
        match self.life.load(Ordering::Acquire) {
            0 => Life::Alive,
            1 => Life::Zombie,
            _ => Life::Reaped,
        }
    }
    pub(super) fn set_life(&self, life: Life) {
        self.life.store(life as u8, Ordering::Release);
    }
    /// Takes the zombie: true for the one caller that reaps it.
    pub(super) fn claim(&self) -> bool {
        let (zombie, reaped) = (Life::Zombie as u8, Life::Reaped as u8);
        self.life.compare_exchange(zombie, reaped, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
    /// Whether every thread has ended.
    pub fn is_zombie(&self) -> bool {
        self.life() != Life::Alive
    }
    /// Whether no thread is left that could do anything, or all are ending.
    pub fn is_ending(&self) -> bool {
        self.live.load(Ordering::Relaxed) == 0 || self.signals.is_exiting()
    }
    /// Whether job control has stopped it.
    pub fn is_stopped(&self) -> bool {
        self.signals.is_stopped()
    }
    /// Whether execve(2) has succeeded since the fork (setpgid's EACCES).
    pub fn has_executed(&self) -> bool {
        self.executed.load(Ordering::Relaxed)
    }
    /// Notes that execve(2) has succeeded.
    pub fn set_executed(&self) {
        self.executed.store(true, Ordering::Relaxed);
    }
    /// The place in the process tree.
    pub(crate) fn family(&self) -> &SpinLock<Family> {
        &self.family
    }
    /// The parent, and its thread that made this process.
    pub(crate) fn parent_and_thread(&self) -> (Option<Arc<ThreadGroup>>, u32) {
        let family = self.family.lock();
        (family.parent.clone(), family.parent_thread)
    }
    /// The wait status of a zombie.
    pub fn exit_status(&self) -> i32 {
        self.exit_status.load(Ordering::Relaxed)
    }
    /// Whether execve(2) decides what the process may gain. Under the tree lock: nobody traces it meanwhile.
    pub(crate) fn is_executing(&self) -> bool {
        self.executing.load(Ordering::Relaxed)
    }
    /// Begins or ends that.
    pub(crate) fn set_executing(&self, executing: bool) {
        let tree = super::tree::TREE.lock();
        self.executing.store(executing, Ordering::Relaxed);
        drop(tree);
        if !executing {
            self.thread_ended.wake_all();
        }
    }
    /// Waits until no execve(2) is in progress.
    pub(crate) fn wait_for_exec(&self) -> core::result::Result<(), crate::wait::WaitError> {
        let done = || (!self.is_executing()).then_some(());
        self.thread_ended.wait_until(crate::wait::Sleep::Interruptible, None, done)
    }
    /// Live threads.
    pub fn thread_count(&self) -> u32 {
        self.live.load(Ordering::Relaxed)
    }
}
