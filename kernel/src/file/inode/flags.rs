//! Flags of inodes: those of the VFS, and those that users set (ioctl_iflags(2)).
use super::Inode;
use crate::error::*;
use core::sync::atomic::Ordering;

/// A directory that has been removed: nothing can be created in it any more (S_DEAD).
const DEAD: u32 = 1;
/// Reads leave the access time alone.
pub(super) const NO_ACCESS_TIME: u32 = 2;
/// A file without a name that may get one (O_TMPFILE without O_EXCL).
const LINKABLE: u32 = 4;
/// It has capabilities (security.capability).
const HAS_CAPABILITIES: u32 = 8;
/// Nobody changes it.
const IMMUTABLE: u32 = 16;
/// It only grows.
const APPEND_ONLY: u32 = 32;
/// dump(8) leaves it out.
const NO_DUMP: u32 = 64;
/// Somebody watches it.
const WATCHED: u32 = 2048;
/// Where the write hint is, and how wide.
const WRITE_HINT_SHIFT: u32 = 8;
const WRITE_HINT_MASK: u32 = 7;
/// Somebody has a lease on it.
const LEASED: u32 = 128;

/// Flags that users set, numbered as FS_IOC_SETFLAGS has them (FS_*_FL).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserFlags(pub u32);
impl UserFlags {
    /// Nobody changes, removes, renames or links it.
    pub const IMMUTABLE: u32 = 0x10;
    /// It is written only at its end.
    pub const APPEND_ONLY: u32 = 0x20;
    /// dump(8) leaves it out.
    pub const NO_DUMP: u32 = 0x40;
    /// Reads leave the access time alone.
    pub const NO_ACCESS_TIME: u32 = 0x80;
    /// Those that the VFS keeps.
    pub const KNOWN: u32 = Self::IMMUTABLE | Self::APPEND_ONLY | Self::NO_DUMP | Self::NO_ACCESS_TIME;
    /// Those that a new file has from its directory.
    pub const INHERITED: u32 = Self::NO_DUMP | Self::NO_ACCESS_TIME;
    /// Each with its bit in an inode.
    const BITS: [(u32, u32); 4] = [
        (Self::IMMUTABLE, IMMUTABLE),
        (Self::APPEND_ONLY, APPEND_ONLY),
        (Self::NO_DUMP, NO_DUMP),
        (Self::NO_ACCESS_TIME, NO_ACCESS_TIME),
    ];
}

impl Inode {
    #[inline(always)]
    pub(super) fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }
    /// The flags that users set.
    pub fn user_flags(&self) -> UserFlags {
        let flags = self.flags();
        UserFlags(UserFlags::BITS.iter().filter(|(_, bit)| flags & bit != 0).map(|(flag, _)| flag).sum())
    }
    /// Sets the flags that users set; the inode is locked, or new.
    pub fn set_user_flags(&self, flags: UserFlags) {
        for (flag, bit) in UserFlags::BITS {
            if flags.0 & flag != 0 {
                self.flags.fetch_or(bit, Ordering::Relaxed);
            } else {
                self.flags.fetch_and(!bit, Ordering::Relaxed);
            }
        }
    }
    /// Whether nobody may change it.
    #[inline(always)]
    pub fn is_immutable(&self) -> bool {
        self.flags() & IMMUTABLE != 0
    }
    /// Whether it only grows.
    #[inline(always)]
    pub fn is_append_only(&self) -> bool {
        self.flags() & APPEND_ONLY != 0
    }
    /// EPERM for what is immutable or only grows: its attributes and names stay as they are.
    #[inline]
    pub fn check_changeable(&self) -> Result<()> {
        if self.flags() & (IMMUTABLE | APPEND_ONLY) == 0 {
            return Ok(());
        }
        Err(EPERM.because("the file is immutable or only grows"))
    }
    /// EPERM for what only grows.
    #[inline]
    pub fn check_not_append_only(&self) -> Result<()> {
        if self.is_append_only() { Err(EPERM.because("the file only grows")) } else { Ok(()) }
    }
    /// Notes that the file has capabilities, which go when it is changed.
    pub fn note_capabilities(&self) {
        self.flags.fetch_or(HAS_CAPABILITIES, Ordering::Relaxed);
    }
    /// Takes the file's capabilities away: its contents or owner change.
    #[inline]
    pub fn remove_capabilities(&self) {
        if self.flags() & HAS_CAPABILITIES != 0 {
            self.flags.fetch_and(!HAS_CAPABILITIES, Ordering::Relaxed);
            // Nothing is lost where they are gone already.
            let _ = self.operations.remove_extended_attribute(self, crate::file::extended::CAPABILITIES);
        }
    }
    /// Never updates the access time (procfs, devices that should stay quiet).
    pub fn ignore_access_time(&self) {
        self.flags.fetch_or(NO_ACCESS_TIME, Ordering::Relaxed);
    }
    /// Whether the directory was removed.
    pub fn is_dead(&self) -> bool {
        self.flags() & DEAD != 0
    }
    /// Marks a removed directory.
    pub fn set_dead(&self) {
        self.flags.fetch_or(DEAD, Ordering::Relaxed);
    }
    /// Whether somebody may watch it.
    #[inline(always)]
    pub fn is_watched(&self) -> bool {
        self.flags() & WATCHED != 0
    }
    /// Notes whether somebody watches it.
    pub(in crate::file) fn set_watched(&self, watched: bool) {
        match watched {
            true => self.flags.fetch_or(WATCHED, Ordering::SeqCst),
            false => self.flags.fetch_and(!WATCHED, Ordering::SeqCst),
        };
    }
    /// How long what is written is likely to live (F_GET_RW_HINT).
    pub fn write_hint(&self) -> u32 {
        self.flags() >> WRITE_HINT_SHIFT & WRITE_HINT_MASK
    }
    /// Sets it; EINVAL for one that is unknown.
    pub fn set_write_hint(&self, hint: u32) -> Result<()> {
        const LONGEST: u32 = 5;
        if hint > LONGEST {
            return Err(EINVAL);
        }
        let change = |flags| Some(flags & !(WRITE_HINT_MASK << WRITE_HINT_SHIFT) | hint << WRITE_HINT_SHIFT);
        // Never refused.
        let _ = self.flags.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
        Ok(())
    }
    /// Whether somebody may have a lease on it.
    #[inline(always)]
    pub fn is_leased(&self) -> bool {
        self.flags.load(Ordering::SeqCst) & LEASED != 0
    }
    /// Notes whether somebody has a lease on it; its leases are locked.
    pub(in crate::file) fn set_leased(&self, leased: bool) {
        if leased != self.is_leased() {
            match leased {
                true => self.flags.fetch_or(LEASED, Ordering::SeqCst),
                false => self.flags.fetch_and(!LEASED, Ordering::SeqCst),
            };
        }
    }
    /// Whether a file without a name may get one.
    pub fn is_linkable(&self) -> bool {
        self.flags() & LINKABLE != 0
    }
    /// Lets a file without a name get one.
    pub fn set_linkable(&self) {
        self.flags.fetch_or(LINKABLE, Ordering::Relaxed);
    }
}
