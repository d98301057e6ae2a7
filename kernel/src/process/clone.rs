//! Making tasks: fork(2), vfork(2), clone(2), clone3(2).
use super::credentials::Capability;
use super::limits::Resource;
use super::schedule::start_new;
use super::segments::{FsBase, LocalSegment, ThreadLocal};
use super::session::ProcessGroup;
use super::task::{Parts, flag};
use super::thread_group::ThreadGroup;
use super::tree::TREE;
use super::{Task, tree};
use crate::error::*;
use crate::ptrace::Event;
use crate::signal::{AlternateStack, SIGCHLD, SIGNAL_COUNT, SignalActions, TaskSignals, is_valid};
use crate::syscall::user::UserLayout;
use crate::syscall::{UserAddress, UserPtr};
use crate::wait::{Sleep, WaitQueue};
use abi::Abi;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use machine::entry::UserFrame;
use machine::thread::Thread;

/// Flags of clone(2).
pub mod flags {
    #![allow(missing_docs)]
    pub const NEWTIME: u64 = 0x80;
    pub const SIGNAL_MASK: u64 = 0xff;
    pub const VM: u64 = 0x100;
    pub const FS: u64 = 0x200;
    pub const FILES: u64 = 0x400;
    pub const SIGHAND: u64 = 0x800;
    pub const PIDFD: u64 = 0x1000;
    pub const PTRACE: u64 = 0x2000;
    pub const VFORK: u64 = 0x4000;
    pub const PARENT: u64 = 0x8000;
    pub const THREAD: u64 = 0x1_0000;
    pub const NEWNS: u64 = 0x2_0000;
    pub const SYSVSEM: u64 = 0x4_0000;
    pub const SETTLS: u64 = 0x8_0000;
    pub const PARENT_SETTID: u64 = 0x10_0000;
    pub const CHILD_CLEARTID: u64 = 0x20_0000;
    pub const DETACHED: u64 = 0x40_0000;
    pub const UNTRACED: u64 = 0x80_0000;
    pub const CHILD_SETTID: u64 = 0x100_0000;
    pub const NEWCGROUP: u64 = 0x200_0000;
    pub const NEWUTS: u64 = 0x400_0000;
    pub const NEWIPC: u64 = 0x800_0000;
    pub const NEWUSER: u64 = 0x1000_0000;
    pub const NEWPID: u64 = 0x2000_0000;
    pub const NEWNET: u64 = 0x4000_0000;
    pub const IO: u64 = 0x8000_0000;
    pub const CLEAR_SIGHAND: u64 = 0x1_0000_0000;
    pub const INTO_CGROUP: u64 = 0x2_0000_0000;
    /// Namespaces that need CAP_SYS_ADMIN.
    pub const PRIVILEGED: u64 = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWPID | NEWNET | NEWTIME;
    /// Namespaces that cannot be made yet.
    pub const UNSUPPORTED: u64 = NEWCGROUP | NEWIPC | NEWUSER | NEWPID | NEWNET | NEWTIME | NEWNS;
}

/// Most tasks in the system (threads-max).
pub static TASKS_MAXIMUM: AtomicU32 = AtomicU32::new(u32::MAX);
/// Tasks that exist, ended ones that were not waited for included.
pub static TASKS: AtomicU32 = AtomicU32::new(0);
/// Tasks made since boot (/proc/stat).
pub static FORKS: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);

/// A vfork parent waits for its child to let go of the shared memory.
pub struct VforkDone {
    done: AtomicBool,
    queue: WaitQueue,
}
impl VforkDone {
    fn new() -> Result<Arc<VforkDone>> {
        Ok(machine::memory::try_arc(VforkDone { done: AtomicBool::new(false), queue: WaitQueue::new() })?)
    }
    fn complete(&self) {
        self.done.store(true, Ordering::Release);
        self.queue.wake_all();
    }
    /// Whether the child has let go; a fatal signal ends the wait, and the parent. Shown as D.
    fn wait(&self) -> bool {
        self.queue.wait_until(Sleep::Killable, None, || self.done.load(Ordering::Acquire).then_some(())).is_ok()
    }
}

impl Task {
    /// The task lets go of its memory (execve(2), exit): a vfork parent may go on.
    pub fn release_vfork_parent(&self) {
        let waiting = self.vfork.lock().take();
        if let Some(waiting) = waiting {
            waiting.complete();
        }
    }
}

/// What a new task is asked to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// CLONE_* flags without the signal.
    pub flags: u64,
    /// Signal to the parent at the end.
    pub exit_signal: u32,
    /// Stack pointer, 0 for the parent's.
    pub stack: u64,
    /// Where the parent finds the id (CLONE_PARENT_SETTID).
    pub parent_tid: u64,
    /// Where the child finds its id, and what is cleared at its end.
    pub child_tid: u64,
    /// What is the thread's own (CLONE_SETTLS), as the ABI has it.
    pub tls: u64,
    /// Where the pidfd goes.
    pub pidfd: u64,
    /// Wanted ids from the innermost namespace outwards.
    chosen: Option<Chosen>,
}

/// fork(2).
pub fn fork(task: &Task, frame: &mut UserFrame) -> Result<u32> {
    make::<FsBase>(task, frame, Request { exit_signal: SIGCHLD, ..Request::default() })
}

/// vfork(2).
pub fn vfork(task: &Task, frame: &mut UserFrame) -> Result<u32> {
    make::<FsBase>(task, frame, Request { flags: flags::VM | flags::VFORK, exit_signal: SIGCHLD, ..Request::default() })
}

/// clone(2) as the 64-bit ABIs have it.
pub fn clone(
    task: &Task,
    frame: &mut UserFrame,
    flag_bits: u64,
    stack: u64,
    parent_tid: UserAddress,
    child_tid: UserAddress,
    tls: u64,
) -> Result<u32> {
    clone_with::<FsBase>(task, frame, flag_bits, stack, parent_tid, child_tid, tls)
}

/// clone(2) of i386, whose last two arguments change places.
pub fn clone_backwards(
    task: &Task,
    frame: &mut UserFrame,
    flag_bits: u64,
    stack: u64,
    parent_tid: UserAddress,
    tls: u64,
    child_tid: UserAddress,
) -> Result<u32> {
    clone_with::<LocalSegment>(task, frame, flag_bits, stack, parent_tid, child_tid, tls)
}

fn clone_with<T: ThreadLocal>(
    task: &Task,
    frame: &mut UserFrame,
    flag_bits: u64,
    stack: u64,
    parent_tid: UserAddress,
    child_tid: UserAddress,
    tls: u64,
) -> Result<u32> {
    let bits = flag_bits & 0xffff_ffff;
    if bits & flags::PIDFD != 0 && bits & (flags::PARENT_SETTID | flags::DETACHED) != 0 {
        return Err(EINVAL);
    }
    let request = Request {
        flags: bits & !flags::SIGNAL_MASK,
        exit_signal: (bits & flags::SIGNAL_MASK) as u32,
        stack,
        parent_tid: parent_tid.0,
        child_tid: child_tid.0,
        tls,
        pidfd: parent_tid.0,
        chosen: None,
    };
    make::<T>(task, frame, request)
}

/// `struct clone_args`, all versions.
#[derive(Clone, Copy, Default)]
pub struct CloneArguments([u64; 11]);
impl UserLayout for CloneArguments {
    fn size(_: Abi) -> usize {
        88
    }
    fn decode(_: Abi, bytes: &[u8]) -> Self {
        let mut words = [0; 11];
        for (word, raw) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = raw.try_into().map_or(0, u64::from_ne_bytes);
        }
        CloneArguments(words)
    }
    fn encode(&self, _: Abi, bytes: &mut [u8]) {
        for (word, raw) in self.0.iter().zip(bytes.chunks_exact_mut(8)) {
            raw.copy_from_slice(&word.to_ne_bytes());
        }
    }
}

/// Copies an extensible structure: E2BIG if bytes that this kernel does not know are set.
fn read_arguments(arguments: UserAddress, size: usize) -> Result<CloneArguments> {
    const SMALLEST: usize = 64;
    const LARGEST: usize = 88;
    if size > machine::memory::PAGE_SIZE {
        return Err(E2BIG);
    }
    if size < SMALLEST {
        return Err(EINVAL);
    }
    let mut bytes = [0u8; LARGEST];
    let known = size.min(LARGEST);
    let mut source = crate::syscall::UserSlice::new(arguments.0, size);
    source.read(bytes.get_mut(..known).unwrap_or_default())?;
    while source.length > 0 {
        let mut byte = [0];
        source.read(&mut byte)?;
        if byte != [0] {
            return Err(E2BIG);
        }
    }
    Ok(CloneArguments::decode(Abi::X86_64, &bytes))
}

/// clone3(2).
pub fn clone3<T: ThreadLocal>(task: &Task, frame: &mut UserFrame, arguments: UserAddress, size: usize) -> Result<u32> {
    let CloneArguments(
        [bits, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, _cgroup],
    ) = read_arguments(arguments, size)?;
    const LEVELS_MAXIMUM: u64 = 32;
    if set_tid_size > LEVELS_MAXIMUM || (set_tid == 0) != (set_tid_size == 0) {
        return Err(EINVAL);
    }
    if exit_signal & !flags::SIGNAL_MASK != 0 || exit_signal >= u64::from(SIGNAL_COUNT) {
        return Err(EINVAL);
    }
    let chosen = Chosen::read(task, set_tid, set_tid_size)?;
    // What clone(2)'s flags had, without the signal, and the new ones.
    let known = !flags::SIGNAL_MASK & 0xffff_ffff | flags::CLEAR_SIGHAND | flags::INTO_CGROUP | flags::NEWTIME;
    if bits & !known != 0 || bits & flags::DETACHED != 0 {
        return Err(EINVAL);
    }
    if bits & (flags::SIGHAND | flags::CLEAR_SIGHAND) == flags::SIGHAND | flags::CLEAR_SIGHAND {
        return Err(EINVAL);
    }
    if bits & (flags::THREAD | flags::PARENT) != 0 && exit_signal != 0 {
        return Err(EINVAL);
    }
    if (stack == 0) != (stack_size == 0) {
        return Err(EINVAL);
    }
    if bits & flags::INTO_CGROUP != 0 {
        return Err(EINVAL.because("cgroups are not there yet"));
    }
    let request = Request {
        flags: bits,
        exit_signal: exit_signal as u32,
        stack: stack.wrapping_add(stack_size),
        parent_tid,
        child_tid,
        tls,
        pidfd,
        chosen,
    };
    make::<T>(task, frame, request)
}

/// Combinations that make no sense: EINVAL, in Linux's order.
fn check_flags(task: &Task, bits: u64) -> Result<()> {
    let has = |set: u64| bits & set == set;
    if has(flags::NEWNS | flags::FS)
        || has(flags::NEWUSER | flags::FS)
        || (has(flags::THREAD) && !has(flags::SIGHAND))
        || (has(flags::SIGHAND) && !has(flags::VM))
        || (has(flags::PARENT) && task.group().signals.is_protected())
        || (has(flags::THREAD) && bits & (flags::NEWUSER | flags::NEWPID) != 0)
        || (has(flags::PIDFD) && bits & (flags::DETACHED | flags::THREAD) != 0)
    {
        return Err(EINVAL);
    }
    if bits & flags::PRIVILEGED != 0 && bits & flags::NEWUSER == 0 && !task.capable(Capability::SysAdmin) {
        return Err(EPERM);
    }
    if bits & flags::UNSUPPORTED != 0 {
        return Err(EINVAL.because("this kind of namespace cannot be made yet"));
    }
    Ok(())
}

/// Makes and starts a task; its id in the caller's namespace.
fn make<T: ThreadLocal>(task: &Task, frame: &UserFrame, request: Request) -> Result<u32> {
    if request.exit_signal != 0 && !is_valid(request.exit_signal) {
        return Err(EINVAL);
    }
    check_flags(task, request.flags)?;
    let event = crate::ptrace::of_clone(task, request.flags, request.exit_signal);
    let child = build::<T>(task, frame, &request)?;
    crate::trace::inherit(task, &child).inspect_err(|_| super::exit::abandon(&child))?;
    let id = child.id_in_own_namespace();
    let vfork = match request.flags & flags::VFORK {
        0 => None,
        _ => {
            let done = VforkDone::new().inspect_err(|_| super::exit::abandon(&child))?;
            *child.vfork.lock() = Some(done.clone());
            Some(done)
        }
    };
    let table = task.files();
    let pidfd = match request.flags & flags::PIDFD {
        0 => None,
        _ => {
            let made = super::pidfd::open(child.pid(), 0).and_then(|file| Ok((table.reserve(0, true)?, file)));
            let made = made.and_then(|(place, file)| {
                UserPtr::<i32>::new(request.pidfd).write(task, &place.fd().0).map(|()| (place, file))
            });
            Some(made.inspect_err(|_| super::exit::abandon(&child))?)
        }
    };
    if request.flags & flags::PARENT_SETTID != 0 {
        // Linux ignores a fault here.
        let _ = UserPtr::<u32>::new(request.parent_tid).write(task, &id);
    }
    let traced = event.is_some() || request.flags & flags::PTRACE != 0;
    if let Err(error) = link(task, &child, &request, traced) {
        super::exit::abandon(&child);
        return Err(error);
    }
    if let Some((place, file)) = pidfd {
        place.install(file);
    }
    FORKS.fetch_add(1, Ordering::Relaxed);
    start_new(child);
    if let Some(event) = event {
        crate::ptrace::event(task, event, id.into());
    }
    if let Some(done) = vfork
        && done.wait()
    {
        crate::ptrace::event(task, Event::VforkDone, id.into());
    }
    Ok(id)
}

/// RLIMIT_NPROC and threads-max: EAGAIN. Counts the task in.
fn count_in(task: &Task) -> Result<()> {
    let credentials = task.credentials();
    let limit = task.group().limit(Resource::Processes);
    let over = u64::from(credentials.record.processes.load(Ordering::Relaxed)) >= limit;
    let exempt = credentials.user == 0
        || credentials.capable(Capability::SysResource)
        || credentials.capable(Capability::SysAdmin);
    if over && !exempt {
        return Err(EAGAIN.because("RLIMIT_NPROC"));
    }
    if TASKS.fetch_add(1, Ordering::Relaxed) >= TASKS_MAXIMUM.load(Ordering::Relaxed) {
        TASKS.fetch_sub(1, Ordering::Relaxed);
        return Err(EAGAIN.because("threads-max"));
    }
    credentials.record.processes.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Takes a task out of the counts.
pub(super) fn count_out(task: &Task) {
    TASKS.fetch_sub(1, Ordering::Relaxed);
    task.with_credentials(|credentials| credentials.record.processes.fetch_sub(1, Ordering::Relaxed));
}

/// Builds the task with all its objects; it is in no list yet.
fn build<T: ThreadLocal>(task: &Task, frame: &UserFrame, request: &Request) -> Result<Arc<Task>> {
    count_in(task)?;
    build_counted::<T>(task, frame, request).inspect_err(|_| count_out(task))
}

fn build_counted<T: ThreadLocal>(task: &Task, frame: &UserFrame, request: &Request) -> Result<Arc<Task>> {
    let has = |flag: u64| request.flags & flag != 0;
    let old_memory = task.memory().ok_or(EINVAL)?;
    let memory = if has(flags::VM) { old_memory } else { old_memory.fork()? };
    let mut child_frame = frame.clone();
    child_frame.rax = 0;
    crate::ptrace::leave_step_mode(task, &mut child_frame);
    if request.stack != 0 {
        child_frame.set_stack_pointer(request.stack);
    }
    let thread = Thread::user(&child_frame, memory.tables().clone())?;
    thread.copy_state_from_current();
    if has(flags::SETTLS) {
        T::give(task, &thread, request.tls)?;
    }
    let (files, context) = (task.files(), task.context());
    let context = if has(flags::FS) { context } else { context.copy()? };
    let group_parts = match has(flags::THREAD) {
        true => None,
        false => Some(match (has(flags::SIGHAND), has(flags::CLEAR_SIGHAND)) {
            (true, _) => task.group().actions(),
            (false, true) => task.group().actions().for_exec()?,
            (false, false) => task.group().actions().copy()?,
        }),
    };
    let namespace = &task.namespaces().pid_for_children;
    let pid = match request.chosen {
        None => namespace.allocate()?,
        Some(chosen) => namespace.allocate_chosen(chosen.check(task, namespace)?)?,
    };
    let result = assemble(task, request, group_parts, &pid, thread, memory, context, files);
    if result.is_err() {
        pid.abandon();
    }
    result
}

/// The ids that clone3(2)'s `set_tid` asks for, one for each level of namespaces, of which there is one.
#[derive(Clone, Copy, Debug)]
struct Chosen {
    count: u64,
    first: i32,
}
impl Chosen {
    /// EFAULT.
    fn read(task: &Task, address: u64, count: u64) -> Result<Option<Chosen>> {
        let ids = UserPtr::<i32>::new(address);
        let mut chosen = None;
        for index in 0..count as usize {
            let id = ids.element(task, index).read(task)?;
            chosen.get_or_insert(Chosen { count, first: id });
        }
        Ok(chosen)
    }
    /// The id. EINVAL for more ids than levels and for one that is none; EPERM without CAP_CHECKPOINT_RESTORE.
    fn check(self, task: &Task, namespace: &super::pid::PidNamespace) -> Result<u32> {
        if self.count > u64::from(namespace.level) + 1 {
            return Err(EINVAL.because("more ids than pid namespaces"));
        }
        let can_be = |number: &u32| (1..namespace.maximum()).contains(number);
        let number = u32::try_from(self.first).ok().filter(can_be).ok_or(EINVAL)?;
        let allowed = task.capable(Capability::SysAdmin) || task.capable(Capability::CheckpointRestore);
        if allowed { Ok(number) } else { Err(EPERM) }
    }
}

#[allow(clippy::too_many_arguments)]
fn assemble(
    task: &Task,
    request: &Request,
    actions: Option<Arc<SignalActions>>,
    pid: &Arc<super::pid::PidEntry>,
    thread: Thread,
    memory: Arc<crate::memory::AddressSpace>,
    context: Arc<crate::file::FileSystemContext>,
    files: Arc<crate::file::FileTable>,
) -> Result<Arc<Task>> {
    let has = |flag: u64| request.flags & flag != 0;
    let group = match actions {
        None => task.group().clone(),
        Some(actions) => {
            let parent = task.group();
            let group = ThreadGroup::new(pid.clone(), parent.process_group(), parent.limits.copy(), actions)?;
            group.exit_signal.store(request.exit_signal as i32, Ordering::Relaxed);
            group.give_up_terminal(parent.has_given_up_terminal());
            group.dumpable.store(parent.dumpable.load(Ordering::Relaxed), Ordering::Relaxed);
            let adjustment = parent.oom_score_adjustment.load(Ordering::Relaxed);
            group.oom_score_adjustment.store(adjustment, Ordering::Relaxed);
            group
        }
    };
    let namespaces = match has(flags::NEWUTS) {
        false => task.namespaces(),
        true => {
            let old = task.namespaces();
            let mut set = (*old).clone();
            set.uts = old.uts.copy()?;
            machine::memory::try_arc(set)?
        }
    };
    // A new address space keeps the alternate stack; threads that share one start without.
    let alternate = match has(flags::VM) && !has(flags::VFORK) {
        true => AlternateStack::DISABLED,
        false => task.signals.alternate_stack(),
    };
    let reset = task.has_flag(flag::RESET_ON_FORK);
    let parts = Parts {
        thread,
        group: group.clone(),
        pid: pid.clone(),
        schedule: task.schedule.inherit(reset),
        memory: Some(memory),
        files: files.clone(),
        context,
        credentials: task.credentials(),
        namespaces,
        signals: TaskSignals::new(task.signals.blocked(), alternate),
        name: task.name(),
        flags: flag::FORKED | task.flags() & flag::INHERITED,
        personality: task.personality(),
    };
    let child = Task::new(parts)?;
    // The descriptor table comes last: from here on the new task must be ended properly.
    let own = if has(flags::FILES) { files.share() } else { files.copy()? };
    drop(child.replace_files(own));
    let slack = task.timer_slack.load(Ordering::Relaxed);
    child.timer_slack.store(slack, Ordering::Relaxed);
    child.default_timer_slack.store(slack, Ordering::Relaxed);
    child.login.inherit(&task.login);
    if has(flags::CHILD_CLEARTID) {
        child.clear_child_tid.store(request.child_tid, Ordering::Relaxed);
    }
    if has(flags::CHILD_SETTID) {
        child.set_child_tid.store(request.child_tid, Ordering::Relaxed);
        child.thread().set_work(machine::thread::work::NOTIFY);
    }
    if !has(flags::VM) {
        // A copy of the memory holds the registered area too.
        child.rseq_address.store(task.rseq_address.load(Ordering::Relaxed), Ordering::Relaxed);
        child.rseq_length.store(task.rseq_length.load(Ordering::Relaxed), Ordering::Relaxed);
        child.rseq_signature.store(task.rseq_signature.load(Ordering::Relaxed), Ordering::Relaxed);
        child.note_switch();
    }
    Ok(child)
}

/// Makes the new task visible: in its process, the tree, its process group, the table of ids. ERESTARTNOINTR if a signal is
/// to be seen first: no child escapes what was sent to the group before it was in it.
fn link(task: &Task, child: &Arc<Task>, request: &Request, traced: bool) -> Result<()> {
    let group = child.group();
    if request.flags & flags::THREAD != 0 {
        if task.signal_pending() && task.fatal_signal_pending() || !group.add_thread(child) {
            return Err(ERESTARTNOINTR);
        }
        let state = group.signals.lock();
        task.inherit_filters(child);
        drop(state);
        group.live.fetch_add(1, Ordering::AcqRel);
        group.unfinished.fetch_add(1, Ordering::AcqRel);
        child.pid().attach_task(child.clone());
        crate::signal::stop::join(child);
        if traced {
            let tree = TREE.lock();
            crate::ptrace::inherit(task, child);
            drop(tree);
        }
        return Ok(());
    }
    group.add_thread(child);
    let state = task.group().signals.lock();
    task.inherit_filters(child);
    drop(state);
    group.live.store(1, Ordering::Release);
    group.unfinished.store(1, Ordering::Relaxed);
    group.set_leader(Some(child.clone()));
    child.pid().attach_task(child.clone());
    let own = task.group();
    let tree = TREE.lock();
    if task.signal_pending() {
        drop(tree);
        group.remove_thread(child);
        group.set_leader(None);
        child.pid().detach_task(child);
        return Err(ERESTARTNOINTR);
    }
    let process_group: Arc<ProcessGroup> = own.process_group();
    if !Arc::ptr_eq(&process_group, &group.process_group()) {
        group.set_process_group(process_group.clone());
    }
    let (parent, thread) = match request.flags & flags::PARENT {
        0 => (own.clone(), task.id()),
        _ => match own.parent() {
            Some(parent) => {
                group.exit_signal.store(own.exit_signal.load(Ordering::Relaxed), Ordering::Relaxed);
                let thread = tree::any_thread(&parent);
                (parent, thread)
            }
            None => (own.clone(), task.id()),
        },
    };
    parent.adopt(group, thread);
    process_group.add(group);
    if traced {
        crate::ptrace::inherit(task, child);
    }
    drop(tree);
    // A child that is not to be has no timer: nobody would stop it.
    if group.limit(Resource::Cpu) != u64::MAX {
        group.watch_processor_limit();
    }
    Ok(())
}
