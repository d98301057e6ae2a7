//! The memory that maps take: together no more than half of all there is.
use crate::error::*;
use core::sync::atomic::{AtomicU64, Ordering};

/// Bytes of all maps.
static USED: AtomicU64 = AtomicU64::new(0);

/// Memory that a map may take, given back as it goes.
#[derive(Default)]
pub(super) struct Charge(AtomicU64);

impl Charge {
    /// ENOMEM.
    pub fn new(bytes: u64) -> Result<Charge> {
        let charge = Charge::default();
        charge.add(bytes)?;
        Ok(charge)
    }
    /// More of it; ENOMEM.
    pub fn add(&self, bytes: u64) -> Result<()> {
        let limit = (machine::memory::statistics().total as u64).saturating_mul(crate::memory::PAGE_BYTES) / 2;
        let fits = |used: u64| used.checked_add(bytes).filter(|used| *used <= limit);
        USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map_err(|_| ENOMEM)?;
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
    /// Gives some of it back.
    pub fn release(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
        USED.fetch_sub(bytes, Ordering::Relaxed);
    }
}
impl Drop for Charge {
    fn drop(&mut self) {
        USED.fetch_sub(*self.0.get_mut(), Ordering::Relaxed);
    }
}
