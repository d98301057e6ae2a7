//! /proc/PID/mounts and mountinfo.
use super::{Output, Subject};
use crate::error::*;
use crate::file::mount::{Mount, mount_flag};
use crate::file::superblock::superblock_flag;
use crate::file::{Path, Superblock};
use alloc::sync::Arc;
use core::fmt::Write;

/// Bytes that are escaped in names.
const SPECIAL: &[u8] = b" \t\n\\#";

/// The mounts a process sees, with the paths they have for it.
fn for_each(subject: &Subject, mut show: impl FnMut(&Arc<Mount>, &[u8]) -> Result<()>) -> Result<()> {
    let context = subject.task()?.context_if_any().ok_or(EINVAL)?;
    let root = context.root();
    for mount in context.namespace().mounts()? {
        let top = Path { mount: mount.clone(), dentry: mount.root().clone() };
        // Mounts outside of the process's root are not shown.
        let (path, reached) = top.walk_up(&root)?;
        if reached {
            show(&mount, &path)?;
        }
    }
    Ok(())
}

fn mount_options(mount: &Mount, out: &mut Output) -> Result<()> {
    for (flag, name) in [
        (mount_flag::NO_SET_ID, ",nosuid"),
        (mount_flag::NO_DEVICES, ",nodev"),
        (mount_flag::NO_EXECUTE, ",noexec"),
        (mount_flag::NO_ACCESS_TIME, ",noatime"),
        (mount_flag::NO_DIRECTORY_ACCESS_TIME, ",nodiratime"),
        (mount_flag::RELATIVE_ACCESS_TIME, ",relatime"),
        (mount_flag::NO_LINKS, ",nosymfollow"),
    ] {
        if mount.flags() & flag != 0 {
            out.put(name.as_bytes())?;
        }
    }
    Ok(())
}
fn superblock_options(superblock: &Superblock, out: &mut Output) -> Result<()> {
    for (flag, name) in [
        (superblock_flag::SYNCHRONOUS, ",sync"),
        (superblock_flag::DIRECTORY_SYNCHRONOUS, ",dirsync"),
        (superblock_flag::MANDATORY_LOCKS, ",mand"),
        (superblock_flag::LAZY_TIME, ",lazytime"),
    ] {
        if superblock.flags() & flag != 0 {
            out.put(name.as_bytes())?;
        }
    }
    Ok(())
}
fn read_only(is_read_only: bool) -> &'static str {
    if is_read_only { "ro" } else { "rw" }
}
fn source(mount: &Mount, out: &mut Output) -> Result<()> {
    out.put_escaped(mount.source(), SPECIAL)
}

pub fn mounts(subject: &Subject, out: &mut Output) -> Result<()> {
    for_each(subject, |mount, path| {
        let superblock = mount.superblock();
        source(mount, out)?;
        out.put(b" ")?;
        out.put_escaped(path, SPECIAL)?;
        let read_only = read_only(mount.is_read_only() || superblock.is_read_only());
        write!(out, " {} {read_only}", superblock.type_name())?;
        superblock_options(superblock, out)?;
        mount_options(mount, out)?;
        superblock.operations().show_options(out)?;
        out.put(b" 0 0\n")
    })
}

pub fn mount_information(subject: &Subject, out: &mut Output) -> Result<()> {
    for_each(subject, |mount, path| {
        let superblock = mount.superblock();
        let parent = mount.place_counted().map_or(mount.id(), |place| place.mount.id());
        let device = superblock.device();
        write!(out, "{} {parent} {}:{} ", mount.id(), device.major, device.minor)?;
        let top = Path { mount: mount.clone(), dentry: mount.root().clone() };
        out.put_escaped(&within_file_system(&top)?, SPECIAL)?;
        out.put(b" ")?;
        out.put_escaped(path, SPECIAL)?;
        write!(out, " {}", read_only(mount.is_read_only()))?;
        mount_options(mount, out)?;
        if let Some(group) = mount.peer_group() {
            write!(out, " shared:{}", group.id())?;
        }
        if let Some(master) = mount.master() {
            write!(out, " master:{}", master.id())?;
        }
        if mount.is_unbindable() {
            write!(out, " unbindable")?;
        }
        write!(out, " - {} ", superblock.type_name())?;
        source(mount, out)?;
        write!(out, " {}", read_only(superblock.is_read_only()))?;
        superblock_options(superblock, out)?;
        superblock.operations().show_options(out)?;
        out.put(b"\n")
    })
}

/// The path of a mount's root within its file system ("/" unless it is a bind mount of a part).
fn within_file_system(top: &Path) -> Result<alloc::vec::Vec<u8>> {
    if crate::file::nsfs::namespace_at(top).is_some() {
        return top.dentry.name_bytes();
    }
    if let Some(path) = top.mount.superblock().operations().show_root(&top.dentry) {
        return path;
    }
    let mut names = alloc::vec::Vec::new();
    let mut dentry = top.dentry.clone();
    while let Some(parent) = dentry.parent() {
        names.try_reserve(1)?;
        names.push(dentry.name_bytes()?);
        dentry = parent;
    }
    let mut path = alloc::vec::Vec::new();
    for name in names.iter().rev() {
        path.try_reserve(name.len() + 1)?;
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.try_reserve(1)?;
        path.push(b'/');
    }
    Ok(path)
}
