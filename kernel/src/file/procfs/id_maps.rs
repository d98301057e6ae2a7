//! /proc/PID/uid_map, gid_map, projid_map and setgroups (user_namespaces(7)), timens_offsets (time_namespaces(7)).
use super::text::seek;
use super::{Output, Subject};
use crate::error::*;
use crate::file::open_file::SeekFrom;
use crate::file::{File, FileOperations, IoBuffer};
use crate::process::namespace::{Ids, TimeNamespace, UserNamespace};
use crate::process::{Capability, Task};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt::Write;
use machine::memory::{PAGE_SIZE, try_box};

/// What a file is about.
enum MapFile {
    Ids(Arc<UserNamespace>, Ids),
    SetGroups(Arc<UserNamespace>),
    Clocks(Arc<TimeNamespace>),
}

fn namespace(subject: &Subject) -> Result<Arc<UserNamespace>> {
    Ok(subject.task()?.credentials().namespace.clone())
}
fn open(subject: &Subject, ids: Ids) -> Result<Box<dyn FileOperations>> {
    Ok(try_box(MapFile::Ids(namespace(subject)?, ids))?)
}
/// uid_map.
pub fn users(subject: &Subject) -> Result<Box<dyn FileOperations>> {
    open(subject, Ids::Users)
}
/// gid_map.
pub fn groups(subject: &Subject) -> Result<Box<dyn FileOperations>> {
    open(subject, Ids::Groups)
}
/// projid_map.
pub fn projects(subject: &Subject) -> Result<Box<dyn FileOperations>> {
    open(subject, Ids::Projects)
}
/// setgroups.
pub fn setgroups(subject: &Subject) -> Result<Box<dyn FileOperations>> {
    Ok(try_box(MapFile::SetGroups(namespace(subject)?))?)
}
/// timens_offsets.
pub fn clocks(subject: &Subject) -> Result<Box<dyn FileOperations>> {
    let task = subject.task()?;
    task.context_if_any().ok_or(ESRCH)?;
    Ok(try_box(MapFile::Clocks(task.namespaces().time_for_children.clone()))?)
}

/// The ids of outside are shown as the reader's namespace has them, its own as its parent has them.
fn show_map(namespace: &Arc<UserNamespace>, ids: Ids, reader: &Arc<UserNamespace>, out: &mut Output) -> Result<()> {
    if namespace.level() == 0 {
        return Ok(writeln!(out, "{:10} {:10} {:10}", 0, 0, u32::MAX)?);
    }
    let outside = match namespace.parent() {
        Some(parent) if Arc::ptr_eq(reader, namespace) => parent,
        _ => reader,
    };
    for extent in namespace.map(ids).map(|map| map.extents()).unwrap_or_default() {
        let shown = outside.shown(ids, extent.outside).unwrap_or(u32::MAX);
        writeln!(out, "{:10} {:10} {:10}", extent.first, shown, extent.count)?;
    }
    Ok(())
}

/// Takes "allow" or "deny".
fn accept_setgroups(namespace: &UserNamespace, text: &[u8]) -> Result<()> {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let word = text.split(is_blank).next().unwrap_or_default();
    if !text.get(word.len()..).unwrap_or_default().iter().all(is_blank) {
        return Err(EINVAL);
    }
    match word {
        b"allow" => namespace.set_setgroups(true),
        b"deny" => namespace.set_setgroups(false),
        _ => Err(EINVAL),
    }
}

impl FileOperations for MapFile {
    fn read(&self, file: &File, into: &mut IoBuffer, offset: u64) -> Result<usize> {
        let mut out = Output::new();
        match self {
            MapFile::Ids(namespace, ids) => show_map(namespace, *ids, &file.credentials().namespace, &mut out)?,
            MapFile::SetGroups(namespace) if namespace.allows_setgroups() => out.put(b"allow\n")?,
            MapFile::SetGroups(_) => out.put(b"deny\n")?,
            MapFile::Clocks(namespace) => namespace.show(&mut out)?,
        }
        let rest = usize::try_from(offset).ok().and_then(|offset| out.as_bytes().get(offset..)).unwrap_or_default();
        let count = rest.len().min(into.remaining());
        into.put(rest.get(..count).unwrap_or_default())
    }
    fn write(&self, file: &File, from: &mut IoBuffer, offset: u64) -> Result<usize> {
        const LONGEST_WORD: usize = 8;
        let length = from.remaining();
        let most = if matches!(self, MapFile::SetGroups(_)) { LONGEST_WORD } else { PAGE_SIZE };
        if offset != 0 || length >= most {
            return Err(EINVAL);
        }
        if let MapFile::SetGroups(namespace) = self
            && !file.credentials().capable_in(namespace, Capability::SysAdmin)
        {
            return Err(EPERM);
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length)?;
        bytes.resize(length, 0);
        if from.take(&mut bytes)? < length {
            return Err(EFAULT);
        }
        match self {
            MapFile::Ids(namespace, ids) => namespace.write_map(Task::current(), file.credentials(), *ids, &bytes)?,
            MapFile::SetGroups(namespace) => accept_setgroups(namespace, &bytes)?,
            MapFile::Clocks(namespace) => return namespace.accept(file.credentials(), &bytes),
        }
        Ok(length)
    }
    fn is_positioned(&self) -> bool {
        true
    }
    fn is_pollable(&self) -> bool {
        false
    }
    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        seek(file, to)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
