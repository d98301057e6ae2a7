//! mount(2) with MS_REMOUNT: the flags of one mount, or of a whole file system.
use super::mount::{Mount, mount_flag};
use super::superblock::{MountRequest, Superblock, find_file_system, superblock_flag};
use crate::error::*;
use crate::process::{Capability, Task};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{Ordering, fence};

/// MS_STRICTATIME.
const STRICT_ACCESS_TIME: u32 = 1 << 24;

/// The flags of one mount in mount(2)'s word; a remount without any access-time flag keeps those there are.
pub(super) fn mount_flags(flags: u32, remounted: Option<&Arc<Mount>>) -> u32 {
    use mount_flag::{ACCESS_TIMES, ALL, NO_ACCESS_TIME, RELATIVE_ACCESS_TIME};
    let mut result = flags & ALL & !RELATIVE_ACCESS_TIME;
    if flags & NO_ACCESS_TIME == 0 {
        result |= RELATIVE_ACCESS_TIME;
    }
    if flags & STRICT_ACCESS_TIME != 0 {
        result &= !(RELATIVE_ACCESS_TIME | NO_ACCESS_TIME);
    }
    if let Some(mount) = remounted.filter(|_| flags & (ACCESS_TIMES | STRICT_ACCESS_TIME) == 0) {
        result = result & !ACCESS_TIMES | mount.flags() & ACCESS_TIMES;
    }
    result
}

/// EPERM for flags that would take back what a namespace of another owner set.
fn check_locked_flags(mount: &Mount, flags: u32) -> Result<()> {
    let locked = mount.locked_flags();
    let kept = locked & !mount_flag::ACCESS_TIMES & !flags == 0;
    let times = locked & mount_flag::ACCESS_TIMES == 0 || (flags ^ mount.flags()) & mount_flag::ACCESS_TIMES == 0;
    if kept && times { Ok(()) } else { Err(EPERM) }
}

/// Whether the caller may change what belongs to a file system as a whole.
fn may_change_superblock(task: &Task, superblock: &Superblock) -> bool {
    match superblock.owner() {
        None => task.capable(Capability::SysAdmin),
        Some(owner) => task.capable_in(owner, Capability::SysAdmin),
    }
}

/// Changes the flags of one mount. EPERM; EBUSY if it is to be read-only and files are open for writing through it.
pub(super) fn change_mount(mount: &Arc<Mount>, flags: u32) -> Result<()> {
    check_locked_flags(mount, flags)?;
    let before = mount.flags();
    mount.set_flags(flags);
    // Whoever opens a file counts it before looking at the flags.
    fence(Ordering::SeqCst);
    if flags & !before & mount_flag::READ_ONLY != 0 && mount.has_writers() {
        mount.set_flags(before);
        return Err(EBUSY.because("files are open for writing"));
    }
    Ok(())
}

/// Changes the flags and options of a file system, and then those of the mount. EPERM, EBUSY as for a mount, and what the file
/// system finds wrong with its options.
pub(super) fn change_file_system(task: &Task, mount: &Arc<Mount>, flags: u32, own: u32, data: &[u8]) -> Result<()> {
    check_locked_flags(mount, own)?;
    let superblock = mount.superblock();
    let mut options = SplitOptions { flags: flags & REMOUNTED, mask: REMOUNTED, rest: Vec::new() };
    match find_file_system(superblock.type_name().as_bytes()) {
        Ok(kind) if kind.takes_flags_as_options() => options.split(data)?,
        _ => options.rest = copy(data)?,
    }
    if let Ok(kind) = find_file_system(superblock.type_name().as_bytes()) {
        kind.check_options(&options.rest)?;
    }
    if !may_change_superblock(task, superblock) {
        return Err(EPERM);
    }
    if options.mask & !REMOUNTED != 0 {
        return Err(EINVAL.because("only a new file system can be given that flag"));
    }
    let before = superblock.flags();
    change_superblock(superblock, before & !REMOUNTED | options.flags)?;
    superblock.operations().remount(superblock, &options.rest).inspect_err(|_| superblock.set_flags(before))?;
    mount.set_flags(own);
    Ok(())
}
/// The flags of a file system that a remount changes.
const REMOUNTED: u32 = superblock_flag::ALL & !superblock_flag::DIRECTORY_SYNCHRONOUS;

/// EBUSY if the file system is to be read-only and is written to.
fn change_superblock(superblock: &Arc<Superblock>, flags: u32) -> Result<()> {
    let before = superblock.flags();
    superblock.set_flags(flags);
    fence(Ordering::SeqCst);
    let busy = flags & !before & superblock_flag::READ_ONLY != 0
        && (superblock.has_writers() || superblock.operations().has_removed_files(superblock)?);
    if busy {
        superblock.set_flags(before);
        return Err(EBUSY.because("files are open for writing, or yet to be removed"));
    }
    Ok(())
}

/// What umount2(2) makes of the caller's root: it becomes read-only. EPERM, EBUSY.
pub(super) fn make_root_read_only(task: &Task, mount: &Arc<Mount>) -> Result<()> {
    let superblock = mount.superblock();
    if !may_change_superblock(task, superblock) {
        return Err(EPERM);
    }
    change_superblock(superblock, superblock.flags() | superblock_flag::READ_ONLY)
}

fn copy(data: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(data.len())?;
    bytes.extend_from_slice(data);
    Ok(bytes)
}

/// The options of a file system, with the words among them that are flags of mount(2).
pub(super) struct SplitOptions {
    /// Flags of [`superblock_flag`].
    pub flags: u32,
    /// Those that were named.
    pub mask: u32,
    /// The other options.
    pub rest: Vec<u8>,
}

impl SplitOptions {
    /// For a new file system: the flags of the call, changed by the options where its type has it so.
    pub fn of(request: &MountRequest, takes_flags: bool) -> Result<SplitOptions> {
        let mut options = SplitOptions { flags: request.flags, mask: 0, rest: Vec::new() };
        match takes_flags {
            true => options.split(request.data)?,
            false => options.rest = copy(request.data)?,
        }
        Ok(options)
    }
    fn split(&mut self, data: &[u8]) -> Result<()> {
        use superblock_flag::*;
        self.rest.try_reserve_exact(data.len() + 1)?;
        for option in data.split(|byte| *byte == b',') {
            let name = option.split(|byte| *byte == b'=').next().unwrap_or_default();
            let (flag, set) = match name {
                b"ro" => (READ_ONLY, true),
                b"sync" => (SYNCHRONOUS, true),
                b"dirsync" => (DIRECTORY_SYNCHRONOUS, true),
                b"mand" => (MANDATORY_LOCKS, true),
                b"lazytime" => (LAZY_TIME, true),
                b"rw" => (READ_ONLY, false),
                b"async" => (SYNCHRONOUS, false),
                b"nomand" => (MANDATORY_LOCKS, false),
                b"nolazytime" => (LAZY_TIME, false),
                _ => {
                    if !self.rest.is_empty() {
                        self.rest.push(b',');
                    }
                    self.rest.extend_from_slice(option);
                    continue;
                }
            };
            self.mask |= flag;
            self.flags = if set { self.flags | flag } else { self.flags & !flag };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_among_options_are_taken_out() {
        let mut options = SplitOptions { flags: superblock_flag::SYNCHRONOUS, mask: 0, rest: Vec::new() };
        options.split(b"size=4k,ro,,async=1,mode=700").unwrap();
        assert_eq!(options.flags, superblock_flag::READ_ONLY);
        assert_eq!(options.mask, superblock_flag::READ_ONLY | superblock_flag::SYNCHRONOUS);
        assert_eq!(options.rest, b"size=4k,,mode=700");
    }

    #[test]
    fn strict_access_times_win() {
        use mount_flag::*;
        assert_eq!(mount_flags(0, None), RELATIVE_ACCESS_TIME);
        assert_eq!(mount_flags(NO_ACCESS_TIME, None), NO_ACCESS_TIME);
        assert_eq!(mount_flags(NO_ACCESS_TIME | STRICT_ACCESS_TIME, None), 0);
        assert_eq!(mount_flags(NO_DIRECTORY_ACCESS_TIME | STRICT_ACCESS_TIME, None), NO_DIRECTORY_ACCESS_TIME);
    }
}
