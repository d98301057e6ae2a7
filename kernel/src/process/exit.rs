//! The end of tasks and processes: exit(2), exit_group(2), orphans, telling the parent.
use super::accounting;
use super::schedule::{self, state};
use super::task::flag;
use super::thread_group::Life;
use super::tree::{self, TREE};
use super::{Task, ThreadGroup};
use crate::error::*;
use crate::signal::{self, SA_NOCLDWAIT, SIG_IGN, SIGCHLD, SIGCONT, SIGHUP, SignalInfo};
use crate::syscall::UserPtr;
use abi::Abi;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::thread::work;

/// exit(2): ends the calling thread.
pub fn exit(task: &Task, code: i32) -> Result<()> {
    request_exit(task, (code & 0xff) << 8);
    Ok(())
}

/// exit_group(2): ends the process.
pub fn exit_group(task: &Task, code: i32) -> Result<()> {
    request_group_exit(task, (code & 0xff) << 8);
    Ok(())
}

/// The thread ends on its way to user mode, with this wait status.
pub fn request_exit(task: &Task, status: i32) {
    task.exit_status.store(status, Ordering::Relaxed);
    task.set_flag(flag::EXIT_REQUESTED);
    task.thread().set_work(work::NOTIFY);
}

/// All threads of the process end; the current one on its way to user mode. The first status counts.
pub fn request_group_exit(task: &Task, status: i32) {
    let status = task.group().begin_exit(status, Some(task));
    request_exit(task, status);
}

/// Ends the current task. Nothing on its stack may own anything: called from the way to user mode, and last of all by kernel
/// threads.
pub fn finish(task: &Task) -> ! {
    super::core_dump::take_part(task);
    crate::ptrace::exit_stop(task, status_of(task));
    leave(task);
    task.schedule.set_state(state::DEAD);
    loop {
        schedule::sleep();
        // An ended task is never chosen again.
    }
}

/// Ends the current task in the middle of what it does, with this wait status: what functions on its stack own is leaked.
pub fn die(task: &Task, status: i32) -> ! {
    task.exit_status.store(status, Ordering::Relaxed);
    finish(task)
}

/// Ends the current kernel thread: it leaves no zombie.
pub(super) fn finish_kernel_thread(task: &Task) -> ! {
    task.set_flag(flag::EXITING);
    drop_spare_waiter(task);
    let process = task.group();
    process.live.store(0, Ordering::Release);
    process.remove_thread(task);
    process.set_life(Life::Zombie);
    if process.claim() {
        release(process);
    }
    task.schedule.set_state(state::DEAD);
    loop {
        schedule::sleep();
        // An ended task is never chosen again.
    }
}

/// The status that a thread ends with, as wait(2) encodes it: its process's, if that ends as a whole.
pub(crate) fn status_of(task: &Task) -> i32 {
    task.group().exit_begun().unwrap_or_else(|| task.exit_status.load(Ordering::Relaxed))
}

/// Everything up to the last switch; all that it owns is gone when this returns.
fn leave(task: &Task) {
    task.set_flag(flag::EXITING);
    signal::stop::leave(task);
    let process = task.group();
    crate::trace::ended(task, status_of(task));
    process.account.collect(task, status_of(task));
    let last = process.live.fetch_sub(1, Ordering::AcqRel) == 1;
    if last && process.id() == 1 {
        panic!("Attempted to kill init! exitcode={:#010x}", status_of(task));
    }
    let accounted = if last { accounting::memory_in_use(task) } else { None };
    release_memory(task);
    if let Some(memory) = accounted {
        accounting::note(task, process, memory);
    }
    crate::ipc::system_v::semaphore::leave(task);
    crate::ipc::system_v::shared_memory::leave(task);
    if let Some(timer) = task.sleep_timer.get() {
        timer.stop();
    }
    schedule::leave(task);
    task.files().leave();
    drop(task.replace_context(crate::start::first_context()));
    if last {
        process.timers.end();
        process.processor_limit.end();
        leave_session(process);
    }
    crate::perf::leave(task);
    crate::ptrace::end_tracer(task);
    super::control_group::leave(task);
    account(task, process);
    notify(task, process, last);
    // Nothing waits from here on.
    drop_spare_waiter(task);
}

/// What the thread owes to others who use its memory, before it leaves it (exit, execve(2)): robust futexes are released, who
/// waits for its end is woken.
pub(super) fn leave_memory(task: &Task) {
    let Some(memory) = task.memory() else { return };
    for abi in [Abi::X86_64, Abi::I386] {
        let list = task.robust_list(abi).swap(0, Ordering::Relaxed);
        if list != 0 {
            crate::ipc::futex::robust::release(task, abi, list);
        }
    }
    let word = task.clear_child_tid.swap(0, Ordering::Relaxed);
    // Nobody looks at the word if nobody shares the memory.
    if word != 0 && memory_is_shared(&memory) {
        // Errors do not matter to a thread that ends.
        let _ = UserPtr::<u32>::new(word).write(task, &0);
        let _ = crate::ipc::futex::wake_address(task, word, 1);
    }
}

/// Lets go of the address space; a vfork parent may go on.
fn release_memory(task: &Task) {
    leave_memory(task);
    crate::ipc::futex::inheritance::leave(task, true);
    let Some(memory) = task.memory() else { return };
    let resident = memory.tables().resident().0 as u64 * 4;
    let mut usage = task.group().usage.lock();
    usage.own.largest_resident = usage.own.largest_resident.max(resident);
    drop(usage);
    drop(memory);
    let memory = task.replace_memory(None);
    task.release_vfork_parent();
    drop(memory);
}

/// Whether another task uses the address space (this one and the caller's reference count for two).
fn memory_is_shared(memory: &Arc<crate::memory::AddressSpace>) -> bool {
    Arc::strong_count(memory) > 2
}

/// The last thread of a session leader gives up the terminal.
fn leave_session(process: &ThreadGroup) {
    let group = process.process_group();
    if group.session().is_leader(process) {
        group.session().leader_ended();
    }
}

/// Drops what was kept for the task's next wait, which holds the task itself.
fn drop_spare_waiter(task: &Task) {
    let spare = task.spare_waiter.lock().take();
    drop(spare);
}

fn account(task: &Task, process: &ThreadGroup) {
    let usage = task.usage();
    // The leader's own numbers are added as the process is reaped, unless others outlive it.
    process.usage.lock().own.add(&usage);
    process.remove_thread(task);
}

/// The first process of a pid namespace ends: so do all others in there, before it does.
fn end_namespace(task: &Task, process: &Arc<ThreadGroup>) {
    let namespace = process.pid().namespace();
    namespace.close();
    let ignored = signal::Action { handler: SIG_IGN, ..signal::Action::default() };
    process.actions().set(SIGCHLD, ignored);
    let mut number = 2;
    while let Some(entry) = namespace.find_from(number) {
        number = entry.number_in(namespace).saturating_add(1);
        let other = entry.task().filter(|other| other.is_leader() && !Arc::ptr_eq(other.group(), process));
        if let Some(other) = other {
            // SIGKILL needs no memory to be pending.
            let _ = signal::send_to_group(other.group(), SignalInfo::kernel(signal::SIGKILL));
        }
    }
    super::wait_child::wait_for_all(task);
    // Its own number stays until it is waited for, and this thread's if another one led it.
    namespace.wait_for_end(if task.is_leader() { 1 } else { 2 });
    let reboot = namespace.reboot_signal.load(Ordering::Relaxed);
    if reboot != 0 {
        process.begin_exit(reboot as i32, Some(task));
        process.signals.lock().set_exit_status(reboot as i32);
    }
}

/// Passes children on, tells the parent, and makes the process a zombie once its last thread is gone.
fn notify(task: &Task, process: &Arc<ThreadGroup>, last: bool) {
    if last && process.begins_namespace() {
        end_namespace(task, process);
    }
    if process.has_children() {
        pass_on_children(task, process, last);
    }
    if last {
        orphan_groups(process);
    }
    task.schedule.set_state(state::ZOMBIE);
    let tree = TREE.lock();
    // A tracer sees the end of each of its threads, and before that of the process.
    let kept = !task.is_leader() && task.trace.is_attached();
    task.trace.set_ended(kept);
    drop(tree);
    process.thread_ended.wake_all();
    if kept {
        return crate::ptrace::tell_end(task);
    }
    if !task.is_leader() {
        forget_thread(task);
    }
    thread_done(process);
}

/// A thread that is not a leader has ended, and everybody who had to see that has.
pub(crate) fn forget_thread(task: &Task) {
    super::clone::count_out(task);
    task.pid().detach_task(task);
}

/// One thread less stands before the process's end.
pub(crate) fn thread_done(process: &Arc<ThreadGroup>) {
    if process.unfinished.fetch_sub(1, Ordering::AcqRel) != 1 {
        return process.thread_ended.wake_all();
    }
    let own = || process.leader().map_or(0, |leader| leader.exit_status.load(Ordering::Relaxed));
    let status = process.exit_begun().unwrap_or_else(own);
    process.exit_status.store(status, Ordering::Relaxed);
    tell_end(process);
}

/// Makes the process a zombie and tells its tracer, or its parent; without anybody interested it is reaped at once. Called
/// again when a tracer has let go of it.
pub(crate) fn tell_end(process: &Arc<ThreadGroup>) {
    let told = |process: &ThreadGroup| {
        let tracer = process.leader().and_then(|leader| leader.trace.tracer());
        let traced = tracer.is_some();
        (tracer.map(|tracer| tracer.group().clone()).or_else(|| process.parent()), traced)
    };
    loop {
        let (Some(whom), traced) = told(process) else { return process.set_life(Life::Zombie) };
        let is_parent = process.parent().is_some_and(|parent| Arc::ptr_eq(&parent, &whom));
        let notice = Notice::prepare(process, &whom, is_parent);
        let tree = TREE.lock();
        if !told(process).0.is_some_and(|now| Arc::ptr_eq(&now, &whom)) {
            // Given to another parent in between, or let go by its tracer.
            continue;
        }
        // Who waits finds both the zombie and the signal, or neither: it looks under the tree lock.
        process.set_life(Life::Zombie);
        // Nobody who waits gets hold of a zombie that nobody wants.
        let reaped = notice.give(&whom) && !traced && process.claim();
        drop(tree);
        finish_notice(process, &whom, reaped);
        return process.pid().ended.wake_all();
    }
}

/// What tells a parent of its child's end: made before locks are taken.
struct Notice {
    number: u32,
    signal: Option<(SignalInfo, signal::Prepared)>,
}
impl Notice {
    /// `is_parent`: a tracer that is not the parent gets SIGCHLD in any case.
    fn prepare(process: &ThreadGroup, parent: &ThreadGroup, is_parent: bool) -> Notice {
        let number = if is_parent { process.exit_signal.load(Ordering::Relaxed) as u32 } else { SIGCHLD };
        let info = child_info(process, parent, number);
        let signal = (number != 0).then(|| (info, signal::Prepared::new(parent, &info)));
        Notice { number, signal }
    }
    /// Sends the signal; whether the parent wants no zombies.
    fn give(self, parent: &ThreadGroup) -> bool {
        let Some((info, prepared)) = self.signal else { return false };
        let action = parent.with_actions(|actions| actions.get(SIGCHLD));
        let is_child_signal = self.number == SIGCHLD;
        if !(is_child_signal && action.handler == SIG_IGN) {
            prepared.send(parent, info);
        }
        is_child_signal && (action.handler == SIG_IGN || action.flags & SA_NOCLDWAIT != 0)
    }
}

fn finish_notice(process: &Arc<ThreadGroup>, parent: &ThreadGroup, reaped: bool) {
    if reaped {
        release(process);
    }
    parent.child_events.wake_all();
}

/// Tells a new parent of a zombie it has been given.
fn tell_parent(process: &Arc<ThreadGroup>, parent: &Arc<ThreadGroup>) {
    let reaped = Notice::prepare(process, parent, true).give(parent) && process.claim();
    finish_notice(process, parent, reaped);
}

/// `si_code` and `si_status` of a wait status.
pub(crate) fn decode_status(status: i32) -> (i32, i32) {
    match status & 0x7f {
        0 => (signal::CLD_EXITED, status >> 8 & 0xff),
        number if status & 0x80 != 0 => (signal::CLD_DUMPED, number),
        number => (signal::CLD_KILLED, number),
    }
}

fn child_info(process: &ThreadGroup, parent: &ThreadGroup, number: u32) -> SignalInfo {
    let (code, status) = decode_status(process.exit_status.load(Ordering::Relaxed));
    let user = process.leader().map_or(0, |leader| leader.with_credentials(|credentials| credentials.user));
    let user = signal::user_for(parent, user);
    let own = process.usage.lock().own;
    let times = (super::usage::ticks(own.user_time), super::usage::ticks(own.system_time));
    SignalInfo::child(number, code, process.pid().number_in(parent.pid().namespace()), user, status, times)
}

/// Gives the children to the process's other threads or, at its end, to its reaper. Those that asked get their parent-death
/// signal; zombies among them are told to the new parent.
fn pass_on_children(task: &Task, process: &Arc<ThreadGroup>, last: bool) {
    loop {
        let tree = TREE.lock();
        let heir = match last {
            true => process.reaper(),
            false => process.clone(),
        };
        let thread = match last {
            true => tree::any_thread(&heir),
            false => process.first_live_thread(task),
        };
        let mine = |child: &ThreadGroup| last || child.family.lock_nested().parent_thread == task.id();
        let child = process.family.lock().children.iter_arcs().find(|child| mine(child)).cloned();
        let Some(child) = child else { break };
        if last {
            process.disown(&child);
            heir.adopt(&child, thread);
            child.exit_signal.store(SIGCHLD as i32, Ordering::Relaxed);
        } else {
            child.family.lock().parent_thread = thread;
        }
        drop(tree);
        if let Some(leader) = child.leader() {
            let death = leader.parent_death_signal.load(Ordering::Relaxed);
            if death != 0 {
                let _ = signal::send_to_group(&child, SignalInfo { signal: death, ..SignalInfo::sent(death, 0, task) });
            }
        }
        if last {
            // A tracer that is another process sees the end first.
            let traced = child.leader().is_some_and(|leader| leader.trace.is_attached());
            if child.is_zombie() && !traced {
                tell_parent(&child, &heir);
            }
            orphaned_by(&child, process);
        }
        if !last && thread == task.id() {
            break;
        }
    }
}

/// A process group that loses its last link to its session's job control is told, if somebody in it is stopped.
fn orphan_groups(process: &Arc<ThreadGroup>) {
    let Some(parent) = process.parent() else { return };
    tell_if_orphaned(process, &parent, Some(process));
}

/// As a child is given to another parent.
fn orphaned_by(child: &Arc<ThreadGroup>, old_parent: &Arc<ThreadGroup>) {
    tell_if_orphaned(child, old_parent, None);
}

fn tell_if_orphaned(process: &Arc<ThreadGroup>, parent: &Arc<ThreadGroup>, except: Option<&ThreadGroup>) {
    let (own, parents) = (process.process_group(), parent.process_group());
    if Arc::ptr_eq(&own, &parents) || !Arc::ptr_eq(own.session(), parents.session()) {
        return;
    }
    let tree = TREE.lock();
    let stranded = own.has_stopped() && own.is_orphaned_without(except);
    drop(tree);
    if stranded {
        signal::send_to_process_group(&own, SignalInfo::kernel(SIGHUP));
        signal::send_to_process_group(&own, SignalInfo::kernel(SIGCONT));
    }
}

/// Takes a claimed zombie off all lists and gives its numbers back.
pub(super) fn release(process: &Arc<ThreadGroup>) {
    let group = process.process_group();
    let tree = TREE.lock();
    let parent = process.parent();
    if let Some(parent) = &parent {
        parent.disown(process);
    }
    let emptied = group.remove(process);
    let untraced = process.leader().map(|leader| crate::ptrace::unlink(&leader));
    drop(tree);
    drop(untraced);
    if let Some(parent) = &parent {
        let own = process.usage.lock();
        let (sum, children) = (own.own, own.children);
        drop(own);
        let mut usage = parent.usage.lock();
        usage.children.add(&sum);
        usage.children.add(&children);
    }
    if let Some(leader) = process.leader() {
        super::clone::count_out(&leader);
        process.pid().detach_task(&leader);
    }
    process.set_leader(None);
    if emptied {
        group.retire();
    }
    let old_parent = core::mem::take(&mut process.family.lock().parent);
    drop(old_parent);
}

/// Undoes a task that was built but never started.
pub(super) fn abandon(task: &Arc<Task>) {
    crate::perf::leave(task);
    task.files().leave();
    task.context().leave();
    super::clone::count_out(task);
    task.pid().abandon();
}
