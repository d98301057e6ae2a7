//! Seals (fcntl(2), F_ADD_SEALS) and the count of shared writable mappings that they ask for.
use super::Mapping;
use crate::error::{EBUSY, EINVAL, EPERM, Result};
use core::sync::atomic::Ordering;

/// No further seals.
pub const SEAL: u32 = 1;
/// The file cannot shrink.
pub const SHRINK: u32 = 2;
/// The file cannot grow.
pub const GROW: u32 = 4;
/// The content cannot change.
pub const WRITE: u32 = 8;
/// The content cannot change but through mappings that exist.
pub const FUTURE_WRITE: u32 = 0x10;
/// What a file has that was not made for sealing.
pub(super) const INITIAL: u32 = SEAL;
const ALL: u32 = SEAL | SHRINK | GROW | WRITE | FUTURE_WRITE;

impl Mapping {
    /// The seals set.
    pub fn seals(&self) -> u32 {
        self.seals.load(Ordering::Acquire)
    }
    /// Makes a fresh file sealable (memfd_create with MFD_ALLOW_SEALING).
    pub fn allow_sealing(&self) {
        self.seals.fetch_and(!SEAL, Ordering::AcqRel);
    }
    /// Adds seals: EINVAL for unknown ones, EPERM when sealed against it, EBUSY for F_SEAL_WRITE while there are shared
    /// writable mappings. The caller has checked that the descriptor is writable (EPERM) and holds the inode lock.
    pub fn add_seals(&self, seals: u32) -> Result<()> {
        if seals & !ALL != 0 {
            return Err(EINVAL);
        }
        if self.seals() & SEAL != 0 {
            return Err(EPERM);
        }
        if seals & WRITE != 0 && self.seals() & WRITE == 0 {
            self.deny_writable()?;
        }
        self.seals.fetch_or(seals, Ordering::AcqRel);
        Ok(())
    }
    /// No shared writable mapping may come any more; EBUSY if there is one.
    fn deny_writable(&self) -> Result<()> {
        let deny = |count: i32| (count <= 0).then(|| count.saturating_sub(1));
        self.writable.fetch_update(Ordering::AcqRel, Ordering::Acquire, deny).map(|_| ()).map_err(|_| EBUSY)
    }
    /// Counts a shared mapping that may become writable; EPERM when sealed.
    pub fn add_writable(&self) -> Result<()> {
        let add = |count: i32| (count >= 0).then(|| count.saturating_add(1));
        self.writable.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).map(|_| ()).map_err(|_| EPERM)
    }
    /// Takes back one [`Mapping::add_writable`].
    pub fn remove_writable(&self) {
        self.writable.fetch_sub(1, Ordering::AcqRel);
    }
}
