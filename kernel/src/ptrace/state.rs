//! What a task keeps about being traced.
use crate::process::Task;
use crate::signal::SignalInfo;
use crate::sync::{IrqLock, SpinLock, rank};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Options of PTRACE_SETOPTIONS, as they are numbered there.
pub(super) mod option {
    pub const TRACESYSGOOD: u32 = 1;
    pub const EXITKILL: u32 = 1 << 20;
    pub const SUSPEND_SECCOMP: u32 = 1 << 21;
    /// All of them; the events are bits 1 to 7.
    pub const ALL: u32 = 0xff | EXITKILL | SUSPEND_SECCOMP;
}
/// The bits beside the options.
pub(super) mod bit {
    /// Somebody traces the task.
    pub const ATTACHED: u32 = 1 << 31;
    /// By PTRACE_SEIZE.
    pub const SEIZED: u32 = 1 << 30;
}
/// What a tracee is to stop for as soon as it can.
pub(super) mod trap {
    /// PTRACE_INTERRUPT, a group stop, the first stop of a new tracee.
    pub const STOP: u32 = 1 << 0;
    /// The state of job control has changed (seized tracees).
    pub const NOTIFY: u32 = 1 << 1;
    /// Any of them.
    pub const ANY: u32 = STOP | NOTIFY;
    /// PTRACE_LISTEN: stopped for job control, and for the tracer as if it ran.
    pub const LISTENING: u32 = 1 << 2;
    /// On the way from a group stop to a stop for the tracer that has attached.
    pub const TRAPPING: u32 = 1 << 3;
}
/// How a tracee was resumed.
pub(super) mod mode {
    /// Stops as system calls begin and end.
    pub const CALLS: u32 = 1 << 0;
    /// Stops as system calls begin, which are not made.
    pub const EMULATE: u32 = 1 << 1;
    /// Stops after one instruction.
    pub const STEP: u32 = 1 << 2;
    /// The trap flag was set by the tracer, not by the program.
    pub const FORCED_FLAG: u32 = 1 << 3;
    /// Beside `STEP`: stops after the next branch that is taken.
    pub const BLOCK: u32 = 1 << 4;
}

/// A stop, while `active`.
#[derive(Default)]
pub(super) struct Stop {
    pub active: bool,
    /// What wait(2) reports (0 once it has); when the stop ends, the signal the tracer chose.
    pub code: u32,
    /// What PTRACE_GETSIGINFO shows; none in group stops of tracees that were not seized.
    pub info: Option<SignalInfo>,
}

/// A task as a tracee.
pub struct Tracee {
    bits: AtomicU32,
    tracer: SpinLock<Option<Arc<Task>>>,
    pub(super) stop: IrqLock<Stop>,
    traps: AtomicU32,
    mode: AtomicU32,
    /// PTRACE_GETEVENTMSG.
    pub(super) message: AtomicU64,
    /// DR6 and DR7 as the tracer sees them.
    pub(super) debug_status: AtomicU64,
    pub(super) debug_control: AtomicU64,
    /// The thread, not a leader, has ended and waits for its tracer to see that.
    pub(super) ended: AtomicBool,
}

impl Tracee {
    /// Nobody traces.
    pub fn new() -> Self {
        Tracee {
            bits: AtomicU32::new(0),
            tracer: SpinLock::new(rank::LEAF, None),
            stop: IrqLock::new(rank::LEAF, Stop::default()),
            traps: AtomicU32::new(0),
            mode: AtomicU32::new(0),
            message: AtomicU64::new(0),
            debug_status: AtomicU64::new(0),
            debug_control: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        }
    }
    /// Whether somebody traces the task.
    #[inline]
    pub fn is_attached(&self) -> bool {
        self.bits.load(Ordering::Acquire) & bit::ATTACHED != 0
    }
    pub(crate) fn is_seized(&self) -> bool {
        self.bits.load(Ordering::Acquire) & bit::SEIZED != 0
    }
    pub(super) fn has_option(&self, options: u32) -> bool {
        self.bits.load(Ordering::Acquire) & options != 0
    }
    pub(super) fn bits(&self) -> u32 {
        self.bits.load(Ordering::Acquire)
    }
    pub(super) fn set_bits(&self, bits: u32) {
        self.bits.store(bits, Ordering::Release);
    }
    /// The tracing thread.
    pub fn tracer(&self) -> Option<Arc<Task>> {
        self.tracer.lock().clone()
    }
    /// Whether filters are not asked (PTRACE_O_SUSPEND_SECCOMP).
    pub fn suspends_filters(&self) -> bool {
        self.has_option(option::SUSPEND_SECCOMP)
    }
    pub(super) fn set_tracer(&self, tracer: Option<Arc<Task>>) -> Option<Arc<Task>> {
        core::mem::replace(&mut *self.tracer.lock(), tracer)
    }
    /// Whether the tracee is to stop soon, for its tracer.
    pub fn has_trap(&self) -> bool {
        self.has_traps(trap::ANY)
    }
    pub(super) fn has_traps(&self, bits: u32) -> bool {
        self.traps.load(Ordering::Relaxed) & bits != 0
    }
    /// Sets traps; the lock of the process's signals is held.
    pub(super) fn set_traps(&self, bits: u32) {
        self.traps.fetch_or(bits, Ordering::Relaxed);
    }
    /// Clears traps; the lock of the process's signals is held.
    pub(super) fn clear_traps(&self, bits: u32) {
        self.traps.fetch_and(!bits, Ordering::Relaxed);
    }
    /// A group stop is to be a stop for the tracer; the lock of the process's signals is held.
    pub fn trap_for_group_stop(&self) {
        self.set_traps(trap::STOP);
    }
    /// Nothing is to stop the task any more, it is being killed. The lock of the process's signals is held.
    pub fn forget_traps(&self) {
        self.clear_traps(trap::ANY);
    }
    pub(super) fn mode(&self) -> u32 {
        self.mode.load(Ordering::Relaxed)
    }
    pub(super) fn set_mode(&self, mode: u32) {
        self.mode.store(mode, Ordering::Relaxed);
    }
    /// The thread, not a leader, has ended, and its tracer has yet to see that.
    pub fn set_ended(&self, ended: bool) {
        self.ended.store(ended, Ordering::Release);
    }
    /// Whether the tracee is in a stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.lock().active
    }
}
impl Default for Tracee {
    fn default() -> Self {
        Self::new()
    }
}
