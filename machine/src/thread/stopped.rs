//! The state of a thread that no CPU runs, as a tracer sees and changes it.
use super::{Breakpoints, Segment, Selectors, Thread};
use crate::entry::UserFrame;
use crate::paging::USER_END;

/// A thread that stays off every CPU as long as this is held.
pub struct Stopped<'a> {
    thread: &'a Thread,
    frame: &'a mut UserFrame,
}

impl Thread {
    /// Runs `look` on the state of a thread that is not on any CPU; `None` if it is running or has no user registers. `look` must
    /// not sleep.
    pub fn while_stopped<R>(&self, look: impl FnOnce(&mut Stopped<'_>) -> R) -> Option<R> {
        let place = self.user_frame()?;
        self.inspect(|| {
            // SAFETY: as in `with_user_frame`.
            let frame = unsafe { &mut *place };
            look(&mut Stopped { thread: self, frame })
        })
    }
    /// Runs `look` on the state of the current thread, whose user registers are in `frame`, as another would see it if it slept
    /// now. `look` must not sleep. Panics for another thread.
    pub fn while_current<R>(&self, frame: &mut UserFrame, look: impl FnOnce(&Stopped<'_>) -> R) -> R {
        let guard = crate::cpu::InterruptGuard::new();
        assert!(self.is_current(), "the state of another thread");
        let local = crate::cpu::local::this();
        self.save_segments(local);
        self.save_floating_point(local);
        let result = look(&Stopped { thread: self, frame });
        drop(guard);
        result
    }
}

impl Stopped<'_> {
    /// The user registers.
    pub fn frame(&self) -> &UserFrame {
        self.frame
    }
    /// The user registers, to be changed: all of them are restored on the way to user mode.
    pub fn frame_mut(&mut self) -> &mut UserFrame {
        self.frame.touch();
        self.frame
    }
    /// The selectors of the data segments.
    pub fn selectors(&self) -> Selectors {
        Selectors::unpacked(self.thread.selectors.get())
    }
    /// Sets them; those that cannot be loaded become 0 as the thread goes on.
    pub fn set_selectors(&mut self, selectors: Selectors) {
        self.thread.selectors.set(selectors.packed());
    }
    /// A thread-local segment, 0 to 2.
    pub fn local_segment(&self, number: usize) -> Segment {
        self.thread.local_segments.get().get(number).copied().unwrap_or_default()
    }
    /// Sets one, as [`Thread::set_local_segment`] does.
    pub fn set_local_segment(&mut self, number: usize, segment: Segment) {
        self.thread.change_local_segment(number, segment, false);
    }
    /// FS base.
    pub fn fs_base(&self) -> u64 {
        self.thread.fs_base.get()
    }
    /// Sets the FS base; false if it is not a user address.
    pub fn set_fs_base(&mut self, value: u64) -> bool {
        if value < USER_END {
            self.thread.fs_base.set(value);
        }
        value < USER_END
    }
    /// User GS base.
    pub fn gs_base(&self) -> u64 {
        self.thread.gs_base.get()
    }
    /// Sets the user GS base; false if it is not a user address.
    pub fn set_gs_base(&mut self, value: u64) -> bool {
        if value < USER_END {
            self.thread.gs_base.set(value);
        }
        value < USER_END
    }
    /// Copies the FPU state in XSAVE layout; how many bytes there are.
    pub fn read_fpu(&self, into: &mut [u8]) -> usize {
        // SAFETY: held by `while_stopped` or `while_current`.
        unsafe { self.thread.floating_point() }.map_or(0, |state| state.copy_to(into))
    }
    /// Replaces the FPU state by XSAVE (or FXSAVE) bytes of user origin, sanitized; false if they are malformed.
    pub fn write_fpu(&mut self, from: &[u8]) -> bool {
        // SAFETY: held by `while_stopped` or `while_current`.
        unsafe { self.thread.floating_point() }.is_some_and(|state| state.assign(from))
    }
    /// The breakpoints.
    pub fn breakpoints(&self) -> Breakpoints {
        self.thread.breakpoints.get()
    }
    /// Sets the breakpoints; the CPU that runs the thread next watches for them.
    pub fn set_breakpoints(&mut self, breakpoints: Breakpoints) {
        self.thread.breakpoints.set(breakpoints);
    }
}
