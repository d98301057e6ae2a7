//! A task: one thread of execution and the objects it holds by reference.
use super::namespace::NamespaceSet;
use super::pid::{PidEntry, PidNamespace};
use super::schedule::Entity;
use super::usage::Counters;
use super::{Credentials, ThreadGroup};
use crate::file::{FileSystemContext, FileTable};
use crate::memory::AddressSpace;
use crate::ptrace::{TRACEE, Tracee};
use crate::signal::TaskSignals;
use crate::sync::{RcuCell, RcuGuard, SpinLock, rank};
use crate::wait::Waiter;
use abi::Abi;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering};
use machine::collections::{Linked, Links, TreeLinked, TreeLinks};
use machine::thread::{Thread, work};

/// Tag of the links on the thread group's list.
pub const THREAD: usize = 1;
/// Tag of the links on a CPU's list of ended tasks.
pub const ENDED: usize = 2;

/// Bits of [`Task::flags`].
pub mod flag {
    /// A kernel thread.
    pub const KERNEL: u32 = 1 << 0;
    /// Is ending: nothing new is begun for it.
    pub const EXITING: u32 = 1 << 1;
    /// exit(2) was called: the thread ends on its way to user mode.
    pub const EXIT_REQUESTED: u32 = 1 << 2;
    /// A fork has made it and it has not executed anything yet.
    pub const FORKED: u32 = 1 << 3;
    /// Used superuser privileges (acct(2)).
    pub const SUPERUSER: u32 = 1 << 4;
    /// A signal ended it that it wrote a core dump for.
    pub const DUMPED_CORE: u32 = 1 << 5;
    /// Killed by a signal.
    pub const SIGNALED: u32 = 1 << 6;
    /// Has something to run before its first instruction (init).
    pub const STARTING: u32 = 1 << 7;
    /// As in the credentials, given by another thread (seccomp(2) with TSYNC).
    pub const NO_NEW_PRIVILEGES: u32 = 1 << 10;
    /// setuid(2) has made a user of it that is over RLIMIT_NPROC: execve(2) fails.
    pub const OVER_PROCESS_LIMIT: u32 = 1 << 9;
    /// Writes back what others wait for (PR_SET_IO_FLUSHER).
    pub const IO_FLUSHER: u32 = 1 << 11;
    /// Said what is to become of it when memory fails (PR_MCE_KILL)...
    pub const MEMORY_ERRORS_CHOSEN: u32 = 1 << 12;
    /// ... and that it is to be told early.
    pub const MEMORY_ERRORS_EARLY: u32 = 1 << 13;
    /// What children inherit as they are.
    pub const INHERITED: u32 = IO_FLUSHER | MEMORY_ERRORS_CHOSEN | MEMORY_ERRORS_EARLY;
    /// Waits on its way out for another thread to write a core dump.
    pub const WAITS_FOR_DUMP: u32 = 1 << 14;
    /// Is so far on its way out that no core dump shows it.
    pub const PAST_DUMP: u32 = 1 << 15;
    /// The scheduling policy is not inherited by children (SCHED_RESET_ON_FORK).
    pub const RESET_ON_FORK: u32 = 1 << 8;
    /// Is in a control group other than the root. Changes under the lock of the process's signals.
    pub const GROUPED: u32 = 1 << 16;
}

/// The objects a new task is made of.
pub(super) struct Parts {
    pub thread: Thread,
    pub group: Arc<ThreadGroup>,
    pub pid: Arc<PidEntry>,
    pub schedule: Entity,
    pub memory: Option<Arc<AddressSpace>>,
    pub files: Arc<FileTable>,
    pub context: Arc<FileSystemContext>,
    pub credentials: Arc<Credentials>,
    pub namespaces: Arc<NamespaceSet>,
    pub signals: TaskSignals,
    pub name: [u8; 16],
    pub flags: u32,
    pub personality: u32,
}

/// A thread of execution.
///
/// What clone(2)'s flags share are separate objects behind references: address space, descriptor table, file system context,
/// thread group with its signal handlers, namespaces. Credentials are immutable and replaced whole.
///
/// The machine's part is first (`repr(C)`): its work flags are tested on every way in and out, by the task's own address.
#[repr(C)]
pub struct Task {
    thread: Thread,
    abi: AtomicU8,
    flags: AtomicU32,
    id: AtomicU32,
    own_id: AtomicU32,
    group: Arc<ThreadGroup>,
    pid: SpinLock<Arc<PidEntry>>,
    thread_links: Links,
    ended_links: Links,
    tracee_links: Links,
    /// Which system calls it may make.
    pub seccomp: crate::seccomp::Seccomp,
    /// Which of its calls are its own to serve.
    pub user_dispatch: crate::syscall::user_dispatch::UserDispatch,
    /// Who traces it, and the stop it is in.
    pub trace: Tracee,
    /// State and place in a run queue.
    pub schedule: Entity,
    memory: SpinLock<Option<Arc<AddressSpace>>>,
    files: RcuCell<FileTable>,
    context: RcuCell<FileSystemContext>,
    credentials: RcuCell<Credentials>,
    namespaces: RcuCell<NamespaceSet>,
    pub(super) membership: super::control_group::Membership,
    name: SpinLock<[u8; 16]>,
    /// What the monotonic and the boot-time clocks are ahead of the machine's (time namespaces).
    pub(super) clock_shifts: [AtomicU64; 2],
    /// Mask, private queue, alternate stack, saved mask.
    pub signals: TaskSignals,
    /// The interrupted call to resume.
    pub restart: super::restart::RestartSlot,
    /// Processor time and faults.
    pub counters: Counters,
    /// The user word to clear and wake at the end (set_tid_address(2)), 0 for none.
    pub clear_child_tid: AtomicU64,
    /// Heads of the robust lists (set_robust_list(2)) with pointers of 64 and of 32 bits, 0 for none.
    robust_lists: [AtomicU64; 2],
    /// Restartable sequences (rseq(2)): address of the area, 0 for none.
    pub rseq_address: AtomicU64,
    /// The registered length and signature.
    pub rseq_length: AtomicU32,
    /// See `rseq_length`.
    pub rseq_signature: AtomicU32,
    /// What the thread ends with, as wait(2) encodes it.
    pub exit_status: AtomicI32,
    /// PR_SET_PDEATHSIG.
    pub parent_death_signal: AtomicU32,
    personality: AtomicU32,
    /// PR_SET_TIMERSLACK in nanoseconds.
    pub timer_slack: AtomicU64,
    /// What it is set back to: the slack of the parent at the fork.
    pub default_timer_slack: AtomicU64,
    /// Who logged in, as children inherit it; see [`super::login`].
    pub login: super::login::Login,
    /// The priority of input and output.
    pub(super) io_context: super::io_priority::IoContext,
    /// The ports of the machine that it may use.
    pub(super) ports: super::ports::Permissions,
    /// What the thread undoes of its operations on semaphores as it ends (SEM_UNDO).
    pub(crate) undo_list: SpinLock<Option<Arc<crate::ipc::system_v::semaphore::UndoList>>>,
    /// Set while a vfork parent waits for this child.
    pub(super) vfork: SpinLock<Option<Arc<super::clone::VforkDone>>>,
    /// An entry for wait queues, kept from one sleep to the next.
    pub(crate) spare_waiter: SpinLock<Option<Arc<Waiter>>>,
    /// Its part in chains of owners of priority-inheriting futexes.
    pub(crate) inheritance: crate::ipc::futex::Inheritance,
    /// The timer of timed sleeps.
    pub(crate) sleep_timer: crate::sync::Once<Arc<crate::time::timer::Timer>>,
    /// The user word that gets the child's id before its first instruction (CLONE_CHILD_SETTID), 0 for none.
    pub(super) set_child_tid: AtomicU64,
    /// What the kernel's tracer keeps.
    pub(crate) kernel_trace: crate::trace::Slot,
    /// The performance events that watch it or that it has opened.
    pub(crate) performance_events: crate::perf::Slot,
    fault: SpinLock<LastFault>,
    /// Nanoseconds of the monotonic clock.
    pub start_time: u64,
}

/// The last exception of a thread, as `struct sigcontext` has it.
#[derive(Clone, Copy, Default, Debug)]
pub struct LastFault {
    /// Vector.
    pub vector: u64,
    /// The CPU's error code.
    pub error_code: u64,
    /// cr2, for page faults.
    pub address: u64,
}

impl machine::thread::Task for Task {
    #[inline(always)]
    fn thread(&self) -> &Thread {
        &self.thread
    }
}
impl Linked<THREAD> for Task {
    fn links(&self) -> &Links {
        &self.thread_links
    }
}
impl Linked<ENDED> for Task {
    fn links(&self) -> &Links {
        &self.ended_links
    }
}
impl Linked<TRACEE> for Task {
    fn links(&self) -> &Links {
        &self.tracee_links
    }
}
impl TreeLinked for Task {
    fn tree_links(&self) -> &TreeLinks {
        &self.schedule.links
    }
}

impl Task {
    /// A task that is on no list and in no run queue.
    pub(super) fn new(parts: Parts) -> crate::error::Result<Arc<Task>> {
        let context = parts.context.clone();
        let task = machine::memory::try_arc(Task {
            thread: parts.thread,
            abi: AtomicU8::new(0),
            flags: AtomicU32::new(parts.flags),
            id: AtomicU32::new(parts.pid.number()),
            own_id: AtomicU32::new(parts.pid.own_number()),
            group: parts.group,
            pid: SpinLock::new(rank::LEAF, parts.pid),
            thread_links: Links::new(),
            ended_links: Links::new(),
            tracee_links: Links::new(),
            seccomp: crate::seccomp::Seccomp::new(),
            user_dispatch: Default::default(),
            trace: Tracee::new(),
            schedule: parts.schedule,
            memory: SpinLock::new(rank::LEAF, parts.memory),
            files: RcuCell::new(parts.files),
            context: RcuCell::new(parts.context),
            credentials: RcuCell::new(parts.credentials),
            namespaces: RcuCell::new(parts.namespaces),
            membership: super::control_group::Membership::none(),
            name: SpinLock::new(rank::LEAF, parts.name),
            clock_shifts: [const { AtomicU64::new(0) }; 2],
            signals: parts.signals,
            restart: super::restart::RestartSlot::new(),
            counters: Counters::default(),
            clear_child_tid: AtomicU64::new(0),
            robust_lists: [const { AtomicU64::new(0) }; 2],
            rseq_address: AtomicU64::new(0),
            rseq_length: AtomicU32::new(0),
            rseq_signature: AtomicU32::new(0),
            exit_status: AtomicI32::new(0),
            parent_death_signal: AtomicU32::new(0),
            personality: AtomicU32::new(parts.personality),
            timer_slack: AtomicU64::new(50_000),
            default_timer_slack: AtomicU64::new(50_000),
            login: super::login::Login::new(),
            io_context: super::io_priority::IoContext::none(),
            ports: super::ports::Permissions::none(),
            undo_list: SpinLock::new(rank::LEAF, None),
            vfork: SpinLock::new(rank::LEAF, None),
            spare_waiter: SpinLock::new(rank::LEAF, None),
            inheritance: crate::ipc::futex::Inheritance::new(),
            sleep_timer: crate::sync::Once::new(),
            set_child_tid: AtomicU64::new(0),
            kernel_trace: crate::trace::Slot::new(),
            performance_events: crate::perf::Slot::new(),
            fault: SpinLock::new(rank::LEAF, LastFault::default()),
            start_time: machine::time::monotonic(),
        })?;
        context.join();
        Ok(task)
    }
    /// The current task.
    #[inline(always)]
    pub fn current() -> &'static Task {
        machine::thread::current::<Task>()
    }
    /// The current task, counted.
    pub fn current_arc() -> Arc<Task> {
        machine::thread::current_arc::<Task>()
    }
    /// The machine's part.
    #[inline(always)]
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
    /// The ABI of the task's current (or last) system call.
    #[inline(always)]
    pub fn abi(&self) -> Abi {
        match self.abi.load(Ordering::Relaxed) {
            0 => Abi::X86_64,
            1 => Abi::X32,
            _ => Abi::I386,
        }
    }
    /// Notes the ABI of the call being served.
    #[inline(always)]
    pub fn set_abi(&self, abi: Abi) {
        self.abi.store(abi as u8, Ordering::Relaxed);
    }
    /// The head of the robust list that calls of an ABI set, 0 for none.
    pub fn robust_list(&self, abi: Abi) -> &AtomicU64 {
        let [wide, narrow] = &self.robust_lists;
        if abi.has_narrow_pointers() { narrow } else { wide }
    }
    /// The thread id, in the root namespace.
    #[inline(always)]
    pub fn id(&self) -> u32 {
        self.id.load(Ordering::Relaxed)
    }
    /// The thread id in the task's own pid namespace, as user space knows it.
    #[inline(always)]
    pub fn id_in_own_namespace(&self) -> u32 {
        self.own_id.load(Ordering::Relaxed)
    }
    /// The thread id as a pid namespace knows it, 0 where it is not visible.
    #[inline]
    pub fn id_in(&self, namespace: &PidNamespace) -> u32 {
        if namespace.level == 0 { self.id() } else { self.pid().number_in(namespace) }
    }
    /// The entry of the thread id.
    pub fn pid(&self) -> Arc<PidEntry> {
        self.pid.lock().clone()
    }
    pub(super) fn set_pid(&self, pid: Arc<PidEntry>) {
        self.id.store(pid.number(), Ordering::Relaxed);
        self.own_id.store(pid.own_number(), Ordering::Relaxed);
        let old = core::mem::replace(&mut *self.pid.lock(), pid);
        drop(old);
    }
    /// The pid namespace the task lives in.
    pub fn pid_namespace(&self) -> &Arc<PidNamespace> {
        self.group.pid().namespace()
    }
    /// Whether a thread with this id exists in the task's pid namespace.
    pub fn exists(&self, id: u32) -> bool {
        self.pid_namespace().find_task(id).is_some()
    }
    /// Whether this thread's id is the process id.
    #[inline(always)]
    pub fn is_leader(&self) -> bool {
        self.id() == self.group.id()
    }
    /// The thread group (process).
    #[inline(always)]
    pub fn group(&self) -> &Arc<ThreadGroup> {
        &self.group
    }
    /// Bits of [`flag`].
    pub fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }
    /// Whether some of these flags are set.
    pub fn has_flag(&self, bits: u32) -> bool {
        self.flags() & bits != 0
    }
    /// Sets flags.
    pub fn set_flag(&self, bits: u32) {
        self.flags.fetch_or(bits, Ordering::AcqRel);
    }
    /// Clears flags; whether any was set.
    pub fn clear_flag(&self, bits: u32) -> bool {
        self.flags.fetch_and(!bits, Ordering::AcqRel) & bits != 0
    }
    /// Whether it has ended for good.
    pub fn has_ended(&self) -> bool {
        self.schedule.state() & (super::schedule::state::ZOMBIE | super::schedule::state::DEAD) != 0
    }
    /// Whether it is a kernel thread.
    pub fn is_kernel_thread(&self) -> bool {
        self.has_flag(flag::KERNEL)
    }
    /// The address space; `None` for kernel threads and after the end.
    pub fn memory(&self) -> Option<Arc<AddressSpace>> {
        self.memory.lock().clone()
    }
    /// Whether the task has this address space.
    pub fn has_memory(&self, memory: &Arc<AddressSpace>) -> bool {
        self.memory.lock().as_ref().is_some_and(|own| Arc::ptr_eq(own, memory))
    }
    /// Gives a task that has not run its first address space; its thread was made with the tables.
    pub(crate) fn set_first_memory(&self, memory: Arc<AddressSpace>) {
        *self.memory.lock() = Some(memory);
    }
    /// Replaces the address space of the current task (execve(2), exit) and loads its tables; the old one comes back, to be
    /// dropped where the caller can sleep.
    #[must_use]
    pub fn replace_memory(&self, memory: Option<Arc<AddressSpace>>) -> Option<Arc<AddressSpace>> {
        let tables = memory.as_ref().map(|memory| memory.tables().clone());
        let old = core::mem::replace(&mut *self.memory.lock(), memory);
        self.thread.set_user_space(tables);
        old
    }
    /// The descriptor table; after the end the kernel's own, which is empty.
    #[inline]
    pub fn files(&self) -> Arc<FileTable> {
        self.files.get()
    }
    /// The descriptor table, unless the task has ended.
    pub fn files_if_any(&self) -> Option<Arc<FileTable>> {
        (!self.has_flag(flag::EXITING)).then(|| self.files())
    }
    /// The open file behind a descriptor for reading, writing and all that O_PATH cannot do; EBADF.
    #[inline(always)]
    pub fn file(&self, fd: crate::syscall::Fd) -> crate::error::Result<Arc<crate::file::File>> {
        self.files.read(&RcuGuard::new()).get_io(fd)
    }
    /// As `file`, for the length of a call, without a lock or a count where this task alone uses its descriptors.
    #[inline(always)]
    pub fn borrow_file(&self, fd: crate::syscall::Fd) -> crate::error::Result<crate::file::FileRef> {
        self.files.read(&RcuGuard::new()).borrow_io(fd)
    }
    /// As `context`, borrowed.
    #[inline(always)]
    pub fn context_ref<'a>(&'a self, guard: &'a RcuGuard) -> &'a FileSystemContext {
        self.context.read(guard)
    }
    /// As `credentials`, borrowed.
    #[inline(always)]
    pub fn credentials_ref<'a>(&'a self, guard: &'a RcuGuard) -> &'a Credentials {
        self.credentials.read(guard)
    }
    /// Replaces the descriptor table; the caller ends the old one's use.
    #[must_use]
    pub fn replace_files(&self, files: Arc<FileTable>) -> Arc<FileTable> {
        let old = self.files.get();
        self.files.replace(files);
        old
    }
    /// Replaces the descriptor table (unshare, close_range); the task leaves the old one.
    pub fn set_files(&self, files: Arc<FileTable>) {
        self.replace_files(files).leave();
    }
    /// Root, working directory, umask; after the end the kernel's own.
    #[inline]
    pub fn context(&self) -> Arc<FileSystemContext> {
        self.context.get()
    }
    /// Root, working directory, umask, unless the task has ended.
    pub fn context_if_any(&self) -> Option<Arc<FileSystemContext>> {
        (!self.has_flag(flag::EXITING)).then(|| self.context())
    }
    /// Replaces root, working directory and umask.
    #[must_use]
    pub fn replace_context(&self, context: Arc<FileSystemContext>) -> Arc<FileSystemContext> {
        let old = self.context.get();
        context.join();
        self.context.replace(context);
        old.leave();
        old
    }
    /// The last exception: what signal frames show of it.
    pub fn last_fault(&self) -> LastFault {
        *self.fault.lock()
    }
    /// Notes an exception for signal frames.
    pub fn note_fault(&self, fault: LastFault) {
        *self.fault.lock() = fault;
    }
    /// The credentials now.
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.get()
    }
    /// Looks at the credentials without counting a reference.
    pub fn with_credentials<R>(&self, look: impl FnOnce(&Credentials) -> R) -> R {
        look(self.credentials.read(&RcuGuard::new()))
    }
    /// Replaces the credentials (the current task's, or a new one's).
    pub fn set_credentials(&self, credentials: Arc<Credentials>) {
        self.credentials.replace(credentials);
    }
    /// Whether execve(2) must not give it privileges (PR_SET_NO_NEW_PRIVS).
    pub fn has_no_new_privileges(&self) -> bool {
        self.has_flag(flag::NO_NEW_PRIVILEGES) || self.with_credentials(|own| own.no_new_privileges)
    }
    /// Whether the effective set holds a capability (in the initial user namespace).
    pub fn capable(&self, capability: super::Capability) -> bool {
        self.with_credentials(|credentials| credentials.capable(capability))
    }
    /// As `capable`, of what may not be needed in the end: it does not count as used.
    pub fn holds(&self, capability: super::Capability) -> bool {
        self.with_credentials(|credentials| credentials.holds(capability))
    }
    /// Whether it holds a capability over what a user namespace owns.
    pub fn capable_in(&self, namespace: &Arc<super::namespace::UserNamespace>, capability: super::Capability) -> bool {
        self.with_credentials(|credentials| credentials.capable_in(namespace, capability))
    }
    /// The namespaces.
    pub fn namespaces(&self) -> Arc<NamespaceSet> {
        self.namespaces.get()
    }
    /// Looks at the namespaces without counting a reference.
    pub fn with_namespaces<R>(&self, look: impl FnOnce(&NamespaceSet) -> R) -> R {
        look(self.namespaces.read(&RcuGuard::new()))
    }
    /// Replaces the namespaces.
    pub fn set_namespaces(&self, namespaces: Arc<NamespaceSet>) {
        self.namespaces.replace(namespaces);
    }
    /// The name as /proc/PID/comm shows it, NUL-padded.
    pub fn name(&self) -> [u8; 16] {
        *self.name.lock()
    }
    /// Sets the name, cut to 15 bytes.
    pub fn set_name(&self, name: &[u8]) {
        *self.name.lock() = padded_name(name);
    }
    /// Personality bits (personality(2)).
    pub fn personality(&self) -> u32 {
        self.personality.load(Ordering::Relaxed)
    }
    /// Sets the personality.
    pub fn set_personality(&self, personality: u32) {
        self.personality.store(personality, Ordering::Relaxed);
    }
    /// Whether a signal is pending that would interrupt an interruptible sleep.
    #[inline(always)]
    pub fn signal_pending(&self) -> bool {
        self.thread.work() & work::SIGNAL != 0
    }
    /// Whether a fatal signal is pending.
    #[inline]
    pub fn fatal_signal_pending(&self) -> bool {
        self.signal_pending() && self.signals.has_private(crate::signal::SIGKILL)
    }
    /// Makes the task pass through the work on the way to user mode soon, wherever it runs.
    pub fn notify(&self) {
        self.thread.set_work(work::NOTIFY);
        if self.thread.is_on_cpu() {
            machine::cpu::interrupt_for_work(self.schedule.cpu());
        }
    }
}

/// A name cut to 15 bytes and padded.
pub fn padded_name(name: &[u8]) -> [u8; 16] {
    let mut padded = [0; 16];
    padded.iter_mut().zip(name.iter().take(15)).for_each(|(to, from)| *to = *from);
    padded
}
