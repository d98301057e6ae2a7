//! The kernel's functions for code of this crate that is not generic over [`Kernel`].
use crate::cpu::{CpuId, local};
use crate::sync::Once;
use crate::thread::tag;
use crate::{Kernel, entry};
use alloc::sync::Arc;
use core::fmt::{self, Write};

/// The functions.
pub(crate) struct Hooks {
    pub preempt: fn(),
    pub timer_interrupt: fn(),
    pub report: fn(&mut dyn Write),
    pub give_up: fn(fmt::Arguments<'_>) -> !,
    pub start_secondary: fn(CpuId) -> !,
    /// # Safety
    /// The pointer is a counted reference to a task (`Arc::into_raw`), which is given away.
    pub switched_from: unsafe fn(*const ()),
    /// # Safety
    /// Once per CPU, after its descriptor tables are loaded.
    pub load_system_call_registers: unsafe fn(),
    /// Address of the first code of user threads.
    pub user_start: u64,
    /// Address of the code for returns to a stack segment of 16 bits that have failed.
    pub narrow_return_failed: u64,
    /// Identifies the kernel's task type.
    pub task_tag: usize,
}

static HOOKS: Once<Hooks> = Once::new();

/// The hooks; `None` early in boot.
#[inline(always)]
pub(crate) fn hooks() -> Option<&'static Hooks> {
    HOOKS.get()
}

/// # Safety
/// As for [`Hooks::switched_from`].
unsafe fn switched_from<K: Kernel>(previous: *const ()) {
    // SAFETY: `switch_to` and `adopt_idle` check that tasks are of the kernel's type.
    K::switched_from(unsafe { Arc::from_raw(previous as *const K::Task) });
}

/// Names the kernel. Boot CPU, once.
#[cfg_attr(not(target_os = "none"), allow(dead_code))]
pub(crate) fn set<K: Kernel>() {
    let hooks = Hooks {
        preempt: K::preempt,
        timer_interrupt: K::timer_interrupt,
        report: K::report,
        give_up: crate::module::fault::give_up::<K>,
        start_secondary: K::start_secondary,
        switched_from: switched_from::<K>,
        load_system_call_registers: entry::load_system_call_registers::<K>,
        user_start: entry::user_start::<K> as *const () as u64,
        narrow_return_failed: entry::narrow_return_failed::<K> as *const () as u64,
        task_tag: tag::<K::Task>(),
    };
    local::this().task_tag.set(hooks.task_tag);
    let _ = HOOKS.set(hooks);
    crate::memory::register_reclaim(K::reclaim);
}
