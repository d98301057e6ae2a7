//! The texts of /proc/PID/mounts, mountinfo and mountstats.
use super::mount::{Mount, Propagation, mount_flag};
use super::path::Path;
use super::superblock::superblock_flag;
use crate::error::*;
use alloc::{string::String, sync::Arc};
use core::fmt::Write;

/// Writes bytes with blanks, newlines, backslashes and the like as octal escapes.
fn escape(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' => {
                let _ = write!(out, "\\{byte:03o}");
            }
            byte if byte.is_ascii() => out.push(*byte as char),
            // Not text: shown byte by byte as the bytes they are is impossible in a `String`; octal keeps it readable.
            byte => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
}

fn mount_options(out: &mut String, flags: u32) {
    out.push_str(if flags & mount_flag::READ_ONLY != 0 { "ro" } else { "rw" });
    let names = [
        (mount_flag::NO_SET_ID, ",nosuid"),
        (mount_flag::NO_DEVICES, ",nodev"),
        (mount_flag::NO_EXECUTE, ",noexec"),
        (mount_flag::NO_ACCESS_TIME, ",noatime"),
        (mount_flag::NO_DIRECTORY_ACCESS_TIME, ",nodiratime"),
        (mount_flag::RELATIVE_ACCESS_TIME, ",relatime"),
        (mount_flag::NO_LINKS, ",nosymfollow"),
    ];
    for (flag, name) in names {
        if flags & flag != 0 {
            out.push_str(name);
        }
    }
}
fn superblock_options(out: &mut String, flags: u32) {
    let names = [
        (superblock_flag::SYNCHRONOUS, ",sync"),
        (superblock_flag::DIRECTORY_SYNCHRONOUS, ",dirsync"),
        (superblock_flag::MANDATORY_LOCKS, ",mand"),
        (superblock_flag::LAZY_TIME, ",lazytime"),
    ];
    for (flag, name) in names {
        if flags & flag != 0 {
            out.push_str(name);
        }
    }
}

/// The mounts that can be reached from `root`, with their paths below it.
fn visible(root: &Path, mut show: impl FnMut(&Arc<Mount>, &[u8]) -> Result<()>) -> Result<()> {
    let Some(namespace) = root.mount.namespace() else { return Ok(()) };
    for mount in namespace.mounts()? {
        let at = Path { mount: mount.clone(), dentry: mount.root().clone() };
        let (path, reached) = at.walk_up(root)?;
        if reached {
            show(&mount, &path)?;
        }
    }
    Ok(())
}

/// /proc/PID/mounts for a process whose root is `root`.
pub fn mounts(root: &Path) -> Result<String> {
    let mut out = String::new();
    visible(root, |mount, path| {
        escape(&mut out, mount.source());
        out.push(' ');
        escape(&mut out, path);
        out.push(' ');
        out.push_str(mount.superblock().type_name());
        out.push(' ');
        let superblock = mount.superblock();
        let read_only = superblock.flags() & superblock_flag::READ_ONLY;
        let mut options = String::new();
        mount_options(&mut options, mount.flags() | read_only);
        let (first, rest) = options.split_at(2);
        out.push_str(first);
        superblock_options(&mut out, superblock.flags());
        out.push_str(rest);
        let _ = superblock.operations().show_options(&mut out);
        out.push_str(" 0 0\n");
        Ok(())
    })?;
    Ok(out)
}

/// /proc/PID/mountinfo for a process whose root is `root`.
pub fn mountinfo(root: &Path) -> Result<String> {
    let mut out = String::new();
    visible(root, |mount, path| {
        let superblock = mount.superblock();
        let device = superblock.device();
        let parent = mount.place_counted().map_or(mount.id(), |place| place.mount.id());
        let _ = write!(out, "{} {} {}:{} ", mount.id(), parent, device.major, device.minor);
        let below = Path { mount: mount.clone(), dentry: mount.root().clone() };
        escape(&mut out, &below.within_file_system()?);
        out.push(' ');
        escape(&mut out, path);
        out.push(' ');
        mount_options(&mut out, mount.flags());
        match mount.propagation() {
            Propagation::Shared => {
                let _ = write!(out, " shared:{}", mount.peer_group());
            }
            Propagation::Unbindable => out.push_str(" unbindable"),
            _ => {}
        }
        let _ = write!(out, " - {} ", superblock.type_name());
        escape(&mut out, mount.source());
        out.push_str(if superblock.is_read_only() { " ro" } else { " rw" });
        superblock_options(&mut out, superblock.flags());
        let _ = superblock.operations().show_options(&mut out);
        out.push('\n');
        Ok(())
    })?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_characters_are_escaped() {
        let mut out = String::new();
        escape(&mut out, b"a b\\c\n#");
        assert_eq!(out, "a\\040b\\134c\\012\\043");
    }
    #[test]
    fn options_come_in_linux_order() {
        let mut out = String::new();
        mount_options(&mut out, mount_flag::NO_SET_ID | mount_flag::READ_ONLY | mount_flag::RELATIVE_ACCESS_TIME);
        assert_eq!(out, "ro,nosuid,relatime");
    }
}
