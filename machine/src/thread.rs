//! The machine's part of a task: kernel stack, saved context, FPU state, user space, work flags.
mod breakpoints;
mod context;
mod counter;
mod descriptor;
mod floating_point;
mod fpu_area;
mod local_table;
mod segments;
mod selectors;
mod stopped;

pub use breakpoints::Breakpoints;
pub(crate) use breakpoints::end_branch_steps;
pub use context::{adopt_idle, current, current_arc, switch_to};
pub(crate) use context::{arrive_first_time, may_sleep, tag};
pub use descriptor::{Segment, SegmentKind};
pub(crate) use floating_point::first_use;
pub use floating_point::{fpu_features, fpu_state_size, has_protection_keys, key_allows, set_key_rights};
pub use local_table::LOCAL_TABLE_ENTRIES;
pub(crate) use local_table::{LocalTable, refresh_local_table};
pub use selectors::{Selectors, is_stack_segment};
pub use stopped::Stopped;

use crate::cpu::local;
use crate::paging::{KernelStack, UserSpace};
use crate::{OutOfMemory, entry::UserFrame};
use alloc::{boxed::Box, sync::Arc};
use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicU32, Ordering};
use fpu_area::FloatingPoint;

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
    /// The system call that is about to end is watched: its result is to be shown first of all.
    pub const CALL_END: u32 = 1 << 3;
    /// A tracer wants to see system calls (PTRACE_SYSCALL).
    pub const TRACE_CALLS: u32 = 1 << 8;
    /// A tracer sees system calls instead of the kernel (PTRACE_SYSEMU).
    pub const EMULATE_CALLS: u32 = 1 << 9;
    /// Programs decide which system calls may be made (seccomp).
    pub const FILTER_CALLS: u32 = 1 << 10;
    /// The kernel's own tracer watches system calls.
    pub const KERNEL_TRACE: u32 = 1 << 11;
    /// Some calls are the program's own to serve (prctl's PR_SET_SYSCALL_USER_DISPATCH).
    pub const DISPATCH_TO_USER: u32 = 1 << 12;
    /// Mask of the bits tested on the way out.
    pub const ON_EXIT: u32 = 0xff;
    /// Mask of the bits tested as a system call begins.
    pub const ON_ENTRY: u32 = 0xff00;
}

/// Nobody uses the thread's saved state.
const FREE: u32 = 0;
/// A CPU runs the thread, or is still saving its context.
const RUNNING: u32 = 1;
/// Another task looks at the saved state.
const INSPECTED: u32 = 2;

/// The machine's part of a task.
///
/// Who holds `state` (by changing it from [`FREE`]) owns all the cells: the CPU that runs the thread, or an inspector.
pub struct Thread {
    work: AtomicU32,
    state: AtomicU32,
    /// Where the context was saved; 0 while there is none to switch to.
    saved_stack: Cell<u64>,
    stack: Option<KernelStack>,
    has_user_frame: bool,
    /// The scheduler was let in, and may have switched to others: see [`crate::cpu::reschedule`].
    pub(crate) being_preempted: Cell<bool>,
    space: UnsafeCell<Option<Arc<UserSpace>>>,
    fs_base: Cell<u64>,
    gs_base: Cell<u64>,
    breakpoints: Cell<Breakpoints>,
    /// Reading the time stamp counter faults.
    counter_forbidden: Cell<bool>,
    /// Packed [`Selectors`].
    selectors: Cell<u64>,
    local_segments: Cell<[Segment; 3]>,
    has_local_segments: Cell<bool>,
    fast_call_landing: AtomicU32,
    floating_point: UnsafeCell<Option<FloatingPoint>>,
    body: UnsafeCell<Option<Box<dyn FnOnce() + Send>>>,
}

// SAFETY: the cells are used by the holder of `state` only (see there); everything in them may move between threads.
unsafe impl Send for Thread {}
// SAFETY: as above.
unsafe impl Sync for Thread {}

/// Bytes of a saved context: six registers and the return address.
const CONTEXT_SIZE: u64 = 56;

impl Thread {
    fn new(stack: Option<KernelStack>) -> Self {
        Thread {
            work: AtomicU32::new(0),
            state: AtomicU32::new(FREE),
            saved_stack: Cell::new(0),
            stack,
            has_user_frame: false,
            being_preempted: Cell::new(false),
            space: UnsafeCell::new(None),
            fs_base: Cell::new(0),
            gs_base: Cell::new(0),
            breakpoints: Cell::new(Breakpoints::NONE),
            counter_forbidden: Cell::new(false),
            selectors: Cell::new(0),
            local_segments: Cell::new([Segment::NONE; 3]),
            has_local_segments: Cell::new(false),
            fast_call_landing: AtomicU32::new(0),
            floating_point: UnsafeCell::new(None),
            body: UnsafeCell::new(None),
        }
    }
    /// The context a CPU booted on; to be adopted by it with [`adopt_idle`].
    pub fn idle() -> Thread {
        Thread::new(None)
    }
    /// A kernel thread that will run `body` once. The body must not return: it ends by switching away for good, as its task
    /// exits. (A body that returns all the same stops the kernel.)
    pub fn kernel(body: Box<dyn FnOnce() + Send>) -> Result<Thread, OutOfMemory> {
        let mut thread = Thread::new(Some(KernelStack::new()?));
        *thread.body.get_mut() = Some(body);
        // 8 bytes short of the top, so that the stub starts as a function does.
        thread.prepare(8, context::kernel_start as *const () as u64);
        if let Some(stack) = &thread.stack {
            // SAFETY: within the stack, which nobody uses yet: the place of a return address, to end back traces.
            unsafe { ((stack.top() - 8) as *mut u64).write(0) };
        }
        Ok(thread)
    }
    /// A user thread that starts in user mode with these registers (through `return_to_user` if flags are set).
    pub fn user(frame: &UserFrame, space: Arc<UserSpace>) -> Result<Thread, OutOfMemory> {
        let mut thread = Thread::new(Some(KernelStack::new()?));
        *thread.floating_point.get_mut() = Some(FloatingPoint::new()?);
        *thread.space.get_mut() = Some(space);
        thread.has_user_frame = true;
        thread.prepare(size_of::<UserFrame>() as u64, crate::hooks().map_or(0, |hooks| hooks.user_start));
        if let Some(place) = thread.user_frame() {
            let mut frame = frame.clone();
            frame.touch();
            // SAFETY: the place is at the top of this thread's stack, which nobody uses yet.
            unsafe { place.write(frame) };
        }
        Ok(thread)
    }
    /// Lays out the first context: `above` bytes are left free at the top of the stack, control goes to `start`.
    fn prepare(&mut self, above: u64, start: u64) {
        let Some(stack) = &self.stack else { return };
        let saved = stack.top() - above - CONTEXT_SIZE;
        // SAFETY: within the stack of 16 KiB, which nobody uses yet.
        unsafe {
            let context = saved as *mut u64;
            for register in 0..6 {
                context.add(register).write(0);
            }
            context.add(6).write(start);
        }
        self.saved_stack.set(saved);
    }
    /// The kernel stack, if it is not the one a CPU booted on.
    pub(crate) fn stack_range(&self) -> Option<core::ops::Range<u64>> {
        self.stack.as_ref().map(|stack| stack.bottom()..stack.top())
    }
    fn user_frame(&self) -> Option<*mut UserFrame> {
        let stack = self.stack.as_ref().filter(|_| self.has_user_frame)?;
        Some((stack.top() - size_of::<UserFrame>() as u64) as *mut UserFrame)
    }
    /// Sets work flags (any CPU); the caller kicks the CPU if the task is running elsewhere.
    pub fn set_work(&self, flags: u32) {
        self.work.fetch_or(flags, Ordering::Release);
    }
    /// Clears work flags.
    pub fn clear_work(&self, flags: u32) {
        self.work.fetch_and(!flags, Ordering::AcqRel);
    }
    /// Whether any of these work flags is set. Where the answer decides a branch these are two instructions; a load and a test
    /// would be three, on the way of every system call.
    #[inline(always)]
    pub fn has_work<const FLAGS: u32>(&self) -> bool {
        // SAFETY: reads the word of this thread; x86 gives every load the ordering of `Acquire`, and without `nomem` the
        // compiler moves no access over it.
        unsafe {
            core::arch::asm!(
                "test dword ptr [{thread} + {work}], {flags}",
                "jnz {set}",
                thread = in(reg) core::ptr::from_ref(self),
                work = const core::mem::offset_of!(Thread, work),
                flags = const FLAGS as i32,
                set = label { return true },
                options(nostack),
            );
        }
        false
    }
    /// The work flags.
    #[inline(always)]
    pub fn work(&self) -> u32 {
        self.work.load(Ordering::Acquire)
    }
    /// Whether a CPU is running this thread or still saving its context.
    pub fn is_on_cpu(&self) -> bool {
        self.state.load(Ordering::Acquire) == RUNNING
    }
    fn is_current(&self) -> bool {
        core::ptr::eq(local::this().thread.get(), self)
    }
    /// Runs `body` as the holder of the saved state, if no CPU runs the thread.
    fn inspect<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        let guard = crate::cpu::PreemptGuard::new();
        loop {
            match self.state.compare_exchange(FREE, INSPECTED, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => break,
                Err(RUNNING) => return None,
                Err(_) => core::hint::spin_loop(),
            }
        }
        let result = body();
        self.state.store(FREE, Ordering::Release);
        drop(guard);
        Some(result)
    }
    /// Runs `body` as the holder of the cells: as the current thread (with interrupts off) or as an inspector. Panics for a
    /// thread that runs on another CPU.
    fn with_state<R>(&self, body: impl FnOnce(bool) -> R) -> R {
        let guard = crate::cpu::InterruptGuard::new();
        let current = self.is_current();
        let result = if current { Some(body(true)) } else { self.inspect(|| body(false)) };
        drop(guard);
        result.expect("state of a thread that runs on another CPU")
    }
    /// Replaces the user space of the current thread (execve, exit) and loads it. Panics if the thread is not current.
    pub fn set_user_space(&self, space: Option<Arc<UserSpace>>) {
        let guard = crate::cpu::InterruptGuard::new();
        assert!(self.is_current(), "user space of another thread");
        // SAFETY: this is the current thread, and interrupts are off.
        let old = unsafe { core::mem::replace(&mut *self.space.get(), space.clone()) };
        let loaded = context::change_space(space.as_ref());
        drop(guard);
        // Their last drop may free much: with interrupts on.
        drop(loaded);
        drop(old);
    }
    /// Return addresses of a thread that is not running, innermost first (for /proc/PID/stack and reports).
    pub fn back_trace(&self, visit: &mut dyn FnMut(u64)) {
        let mut addresses = [0u64; 32];
        let mut count = 0;
        self.inspect(|| {
            let (Some(stack), saved) = (&self.stack, self.saved_stack.get()) else { return };
            if saved < stack.bottom() || saved > stack.top() - CONTEXT_SIZE {
                return;
            }
            // SAFETY: the saved context lies within the stack, which nobody uses meanwhile.
            let (frame_pointer, start) = unsafe { (*(saved as *const u64).add(5), *(saved as *const u64).add(6)) };
            let mut keep = |address| {
                if let Some(place) = addresses.get_mut(count) {
                    *place = address;
                    count += 1;
                }
            };
            keep(start);
            crate::report::walk(frame_pointer, stack.bottom()..stack.top(), &mut keep);
        });
        addresses.iter().take(count).for_each(|&address| visit(address));
    }
    /// Runs `f` on the saved user registers of a thread that is not on any CPU; None if it is running or has none. `f` must
    /// not sleep.
    pub fn with_user_frame<R>(&self, f: impl FnOnce(&mut UserFrame) -> R) -> Option<R> {
        let place = self.user_frame()?;
        self.inspect(|| {
            // SAFETY: the frame lies at the top of the thread's stack, which nobody uses while it is inspected; it was
            // written when the thread was made, and at each entry since. A stopped thread holds no reference to it that it
            // uses before it runs again.
            let frame = unsafe { &mut *place };
            frame.touch();
            f(frame)
        })
    }
    /// A copy of the user registers of the current thread, as they were when it entered the kernel; None for another thread, or one
    /// without any.
    pub fn own_user_frame(&self) -> Option<UserFrame> {
        let place = self.user_frame().filter(|_| self.is_current())?;
        // SAFETY: the frame lies at the top of this thread's own stack and was written as it entered the kernel. It is read as
        // bytes that no other thread writes.
        Some(unsafe { place.read_volatile() })
    }
    /// Most bytes of this kernel stack ever used (debug builds; 0 otherwise).
    pub fn stack_high_water(&self) -> usize {
        if !cfg!(debug_assertions) {
            return 0;
        }
        let Some(stack) = &self.stack else { return 0 };
        let mut at = stack.bottom();
        // SAFETY: reads words of the stack, which exists; torn values do not matter.
        while at < stack.top() && unsafe { (at as *const u64).read_volatile() } == 0 {
            at += 8;
        }
        (stack.top() - at) as usize
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        assert!(*self.state.get_mut() == FREE, "a running thread was dropped");
    }
}
