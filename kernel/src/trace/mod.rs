//! Seeing what programs ask of the kernel: the kernel's own tracer.
//!
//! A session (`session.rs`) belongs to an open [`device`]; traced threads hold a [`Tracee`] each. What a thread does becomes
//! records (`record.rs`) in the session's ring (`ring.rs`), from which the device's reader takes them. Calls are written in
//! strace's notation (`notation/`), the arguments that are known at entry at once, the others as the call ends.
//!
//! A thread that is not traced pays nothing: the test on the way in is one for everybody who watches calls.
pub mod device;
pub mod notation;
pub mod record;
mod ring;
mod session;
mod show;
mod text;
mod tracee;

pub use session::Session;
pub use tracee::Tracee;

use crate::error::Result;
use crate::process::Task;
use crate::signal::SignalInfo;
use crate::sync::{SpinLock, rank};
use crate::syscall::multiplex::Carried;
use crate::syscall::watched::{Verdict, abi_of};
use abi::Abi;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::entry::UserFrame;
use machine::thread::work;

/// A system call as it was when the trace saw it begin.
pub struct Call {
    /// The ABI it came by.
    pub abi: Abi,
    /// `rax` as entered (the number, with x32's bit).
    pub number: u64,
    /// The arguments: its registers, unless the registers name another call.
    pub arguments: [u64; 6],
    /// The table that has the number: that of the ABI, but for calls that i386's socketcall(2) and ipc(2) carry x86-64's.
    pub table: Abi,
    /// It is send(2) or recv(2), under the numbers of sendto(2) and recvfrom(2).
    pub is_short: bool,
    /// Where in user memory its result is if it is not the register.
    result_at: Option<u64>,
}

impl Call {
    /// The call that a frame begins. What socketcall(2) and ipc(2) carry is a call of its own. May sleep.
    pub fn of(frame: &UserFrame) -> Call {
        let abi = abi_of(frame);
        let (number, arguments) = (frame.original_rax, frame.arguments(abi));
        let carried = (abi == Abi::I386).then(|| Carried::by(number as u32 as u64, &arguments)).flatten();
        match carried {
            Some(Carried { number, words, result_at, is_short }) => {
                Call { abi, number: number.into(), arguments: words, table: Abi::X86_64, is_short, result_at }
            }
            None => Call { abi, number, arguments, table: abi, is_short: false, result_at: None },
        }
    }
    /// Whether another call carries it.
    pub fn is_carried(&self) -> bool {
        self.table != self.abi
    }
    /// What it has answered, by its frame.
    fn result(&self, frame: &UserFrame) -> i64 {
        let result = frame.rax as i64;
        let elsewhere = self.result_at.filter(|_| result == 0).and_then(|at| machine::user::load_user::<u32>(at).ok());
        elsewhere.map_or(result, i64::from)
    }
}

/// A task's place for what the tracer keeps about it.
pub struct Slot {
    tracee: SpinLock<Option<Box<Tracee>>>,
    /// Why the current call is about to fail.
    reason: SpinLock<&'static str>,
}

impl Slot {
    /// Nobody traces.
    pub const fn new() -> Self {
        Slot { tracee: SpinLock::new(rank::LEAF, None), reason: SpinLock::new(rank::LEAF, "") }
    }
    fn take(&self) -> Option<Box<Tracee>> {
        self.tracee.lock().take()
    }
    fn put(&self, tracee: Box<Tracee>) {
        let replaced = self.tracee.lock().replace(tracee);
        drop(replaced);
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

/// Somebody has traced since boot.
static ACTIVE: AtomicBool = AtomicBool::new(false);

/// Whether the kernel's tracer watches a thread.
#[inline]
pub fn is_traced(task: &Task) -> bool {
    task.thread().work() & work::KERNEL_TRACE != 0
}

/// Traces a thread from now on. A thread has one tracer at a time; the new one takes over.
pub fn attach(task: &Task, tracee: Box<Tracee>) {
    ACTIVE.store(true, Ordering::Relaxed);
    task.kernel_trace.put(tracee);
    task.thread().set_work(work::KERNEL_TRACE);
}

fn detach(task: &Task) {
    task.thread().clear_work(work::KERNEL_TRACE);
    let tracee = task.kernel_trace.take();
    drop(tracee);
}

/// Lets `body` work with the thread's tracee, outside any lock: it may sleep. Stops tracing when nobody reads any more.
fn with_tracee<R>(task: &Task, body: impl FnOnce(&mut Tracee) -> R) -> Option<R> {
    let mut tracee = task.kernel_trace.take()?;
    if tracee.is_over() {
        drop(tracee);
        detach(task);
        return None;
    }
    let result = body(&mut tracee);
    task.kernel_trace.put(tracee);
    Some(result)
}

/// A call of a thread with `work::KERNEL_TRACE` begins. May change number and arguments in the frame, or give the result there
/// and skip the call. May sleep.
pub fn begin(task: &Task, frame: &mut UserFrame, call: &Call) -> Verdict {
    *task.kernel_trace.reason.lock() = "";
    with_tracee(task, |tracee| tracee.begin(task, frame, call)).unwrap_or(Verdict::Serve)
}

/// The call has ended; its result is in the frame's `rax`, a restart code included. Not reached by calls that do not return
/// (exit(2) of the thread returns here, and ends on the way out).
pub fn end(task: &Task, frame: &mut UserFrame, call: &Call) {
    let reason = *task.kernel_trace.reason.lock();
    with_tracee(task, |tracee| tracee.end(task, frame, call, reason));
}

/// A new task is being made. It is traced as well if the session follows children. ENOMEM.
pub fn inherit(parent: &Task, child: &Arc<Task>) -> Result<()> {
    if !is_traced(parent) {
        return Ok(());
    }
    let inherited = with_tracee(parent, |tracee| tracee.for_child()).unwrap_or(Ok(None))?;
    if let Some(mut tracee) = inherited {
        tracee.tell_begin(child);
        attach(child, tracee);
    }
    Ok(())
}

/// A signal is being delivered to the current task.
pub fn signal(task: &Task, info: &SignalInfo) {
    if is_traced(task) {
        with_tracee(task, |tracee| tracee.signal(task, info));
    }
}

/// The current task is ending with this wait status.
pub fn ended(task: &Task, status: i32) {
    if is_traced(task) {
        with_tracee(task, |tracee| tracee.ended(task, status));
        detach(task);
    }
}

/// Notes why the current call is about to fail. The trace gives it beside the errno.
#[cold]
pub fn note_reason(reason: &'static str) {
    if !ACTIVE.load(Ordering::Relaxed) || machine::cpu::in_interrupt() {
        return;
    }
    let task = Task::current();
    // Locks may be held; nobody else uses this one.
    if let Some(mut place) = is_traced(task).then(|| task.kernel_trace.reason.try_lock()).flatten() {
        *place = reason;
    }
}
