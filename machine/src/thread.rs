//! The machine's part of a task: kernel stack, saved context, FPU state, user space, work flags.
use crate::{OutOfMemory, entry::UserFrame, paging::UserSpace};
use alloc::{boxed::Box, sync::Arc};

/// The kernel's task type embeds one [`Thread`].
pub trait Task: Send + Sync + Sized + 'static {
    /// The machine's part; always the same one.
    fn thread(&self) -> &Thread;
}

/// One bit each; any bit set sends the thread through [`crate::Kernel::return_to_user`] on its way to user mode.
pub mod work {
    /// A signal may be pending.
    pub const SIGNAL: u32 = 1 << 0;
    /// The task should give up the CPU.
    pub const RESCHEDULE: u32 = 1 << 1;
    /// Deferred drops, exit of the group, rseq and the like.
    pub const NOTIFY: u32 = 1 << 2;
    /// System calls must take the slow way in (trace, ptrace, seccomp).
    pub const TRACE: u32 = 1 << 8;
    /// Mask of the bits tested on the way out.
    pub const ON_EXIT: u32 = 0xff;
}

/// The machine's part of a task.
pub struct Thread {}
impl Thread {
    /// The context a CPU booted on; to be adopted by it with [`adopt_idle`].
    pub fn idle() -> Thread {
        todo!()
    }
    /// A kernel thread that will run `body` once and must not return from user's view: when `body` returns, `ended` is called and must not return.
    pub fn kernel(_body: Box<dyn FnOnce() + Send>) -> Result<Thread, OutOfMemory> {
        todo!()
    }
    /// A user thread that starts in user mode with these registers (through `return_to_user` if flags are set).
    pub fn user(_frame: &UserFrame, _space: Arc<UserSpace>) -> Result<Thread, OutOfMemory> {
        todo!()
    }
    /// Sets work flags (any CPU); the caller kicks the CPU if the task is running elsewhere.
    pub fn set_work(&self, _flags: u32) {
        todo!()
    }
    /// Clears work flags.
    pub fn clear_work(&self, _flags: u32) {
        todo!()
    }
    /// The work flags.
    #[inline(always)]
    pub fn work(&self) -> u32 {
        todo!()
    }
    /// Whether a CPU is running this thread or still saving its context.
    pub fn is_on_cpu(&self) -> bool {
        todo!()
    }
    /// Replaces the user space of the current thread (execve, exit) and loads it. Panics if the thread is not current.
    pub fn set_user_space(&self, _space: Option<Arc<UserSpace>>) {
        todo!()
    }
    /// FS base (current thread: live register).
    pub fn fs_base(&self) -> u64 {
        todo!()
    }
    /// Sets the FS base; false if not canonical user. For the current thread, a new one, or a stopped one.
    pub fn set_fs_base(&self, _value: u64) -> bool {
        todo!()
    }
    /// User GS base.
    pub fn gs_base(&self) -> u64 {
        todo!()
    }
    /// Sets the user GS base.
    pub fn set_gs_base(&self, _value: u64) -> bool {
        todo!()
    }
    /// The FPU state in XSAVE layout of the current or a stopped thread: bytes for signal frames and ptrace.
    pub fn fpu_read(&self, _into: &mut [u8]) -> usize {
        todo!()
    }
    /// Loads FPU state from XSAVE (or FXSAVE) bytes of user origin, sanitized; false if malformed.
    pub fn fpu_write(&self, _from: &[u8]) -> bool {
        todo!()
    }
    /// Initial FPU state (execve).
    pub fn fpu_reset(&self) {
        todo!()
    }
    /// Gives a new thread a copy of the current thread's FPU state, FS and GS bases (fork).
    pub fn copy_state_from_current(&self) {
        todo!()
    }
    /// Return addresses of a thread that is not running, innermost first (for /proc/PID/stack and reports).
    pub fn back_trace(&self, _visit: &mut dyn FnMut(u64)) {
        todo!()
    }
    /// Runs `f` on the saved user registers of a thread that is not on any CPU; None if it is running or has none.
    pub fn with_user_frame<R>(&self, _f: impl FnOnce(&mut UserFrame) -> R) -> Option<R> {
        todo!()
    }
    /// Most bytes of this kernel stack ever used (debug builds; 0 otherwise).
    pub fn stack_high_water(&self) -> usize {
        todo!()
    }
}
/// Size of XSAVE state on this machine.
pub fn fpu_state_size() -> usize {
    todo!()
}
/// XCR0: the enabled state components.
pub fn fpu_features() -> u64 {
    todo!()
}

/// Makes `task` the current task of this CPU, on the stack this CPU booted on.
pub fn adopt_idle<T: Task>(_task: Arc<T>) {
    todo!()
}
/// The current task. Panics before `adopt_idle`; the reference must not outlive the task's run, which no safe code can.
#[inline(always)]
pub fn current<T: Task>() -> &'static T {
    todo!()
}
/// A counted reference to the current task.
pub fn current_arc<T: Task>() -> Arc<T> {
    todo!()
}
/// Switches to another task; returns when something switches back. Interrupts must be off (the caller holds an
/// [`crate::cpu::InterruptGuard`]), the preemption count 0 but for that; waits until `next` is off every other CPU.
pub fn switch_to<T: Task>(_next: Arc<T>) {
    todo!()
}
