//! Overcommit: how much memory is promised, and what may be promised (vm.overcommit_memory).
use crate::error::{ENOMEM, Result};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// vm.overcommit_memory: 0 refuses only what can obviously not be had, 1 nothing, 2 keeps to a limit.
pub static MODE: AtomicU32 = AtomicU32::new(0);
/// vm.overcommit_ratio, percent of memory that mode 2 allows.
pub static RATIO: AtomicU32 = AtomicU32::new(50);
/// vm.admin_reserve_kbytes.
pub static ADMIN_RESERVE: AtomicU64 = AtomicU64::new(8192);
static COMMITTED: AtomicU64 = AtomicU64::new(0);

/// Pages promised (Committed_AS).
pub fn committed() -> u64 {
    COMMITTED.load(Ordering::Relaxed)
}
/// Pages that mode 2 may promise (CommitLimit).
pub fn limit() -> u64 {
    let total = machine::memory::statistics().total as u64;
    total * u64::from(RATIO.load(Ordering::Relaxed)) / 100
}
/// Promises pages; ENOMEM if the mode refuses.
pub fn charge(pages: u64, privileged: bool) -> Result<()> {
    if pages == 0 {
        return Ok(());
    }
    let promised = COMMITTED.fetch_add(pages, Ordering::Relaxed).saturating_add(pages);
    let allowed = match MODE.load(Ordering::Relaxed) {
        1 => true,
        2 => {
            let reserve = if privileged { 0 } else { ADMIN_RESERVE.load(Ordering::Relaxed) >> 2 };
            promised < limit().saturating_sub(reserve)
        }
        _ => pages <= machine::memory::statistics().total as u64,
    };
    if !allowed {
        release(pages);
        return Err(ENOMEM.because("overcommit"));
    }
    Ok(())
}
/// Takes a promise back.
pub fn release(pages: u64) {
    COMMITTED.fetch_sub(pages, Ordering::Relaxed);
}
