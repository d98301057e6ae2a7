//! The end of a thread whose module's code has failed: by an exception, or by a panic of its own.
//!
//! The thread's stack is given up as it is. What functions on it own is leaked, locks that they hold stay locked, and nothing of it is
//! ever used again, as if the thread slept for ever; where that could harm others (a spin lock, a guard, an interrupt handler)
//! the whole kernel ends instead.
use crate::cpu::local;
use crate::paging::is_module_address;
use crate::{Kernel, instructions, thread};
use core::fmt;

/// The current thread's stack has been given up: nothing on it is used any more. Only the machine makes one.
pub struct Abandoned(());

/// Whether code that fails at `place` can be ended with its thread alone; asked by the thread itself, or its exception.
pub(crate) fn ends_thread_alone(place: u64) -> bool {
    is_module_address(place) && thread::may_sleep()
}

/// Gives up the current thread. Interrupts are off, [`ends_thread_alone`] has said yes.
pub(crate) fn give_up<K: Kernel>(what: fmt::Arguments<'_>) -> ! {
    // SAFETY: a current task exists, since it may sleep; it stays alive while it runs.
    let task = unsafe { &*(local::current_task() as *const K::Task) };
    // SAFETY: no guard is held, since the thread may sleep.
    unsafe { instructions::enable_interrupts() };
    K::module_fault(task, what, Abandoned(()))
}
