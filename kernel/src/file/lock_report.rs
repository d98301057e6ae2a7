//! Locks as /proc/locks and /proc/PID/fdinfo show them.
use super::File;
use super::descriptor::FileTable;
use super::inode::{Inode, InodeList};
use super::lock::{self, Shown};
use super::lock_range::{Kind, Owner};
use crate::error::*;
use crate::process::pid::PidNamespace;
use core::fmt::Write;

/// The inodes that ever had a lock, as long as they live.
pub static LOCKED: InodeList = InodeList::new();

fn line(out: &mut dyn Write, index: u32, shown: &Shown, inode: &Inode, namespace: &PidNamespace) -> core::fmt::Result {
    let kind = match shown.kind {
        Some(Kind::Read) => "READ",
        Some(Kind::Write) => "WRITE",
        None => "UNLCK",
    };
    let everybody = &crate::start::shared().namespaces.pid_for_children;
    let holder = u32::try_from(shown.id).ok().and_then(|number| everybody.find(number));
    let id = holder.map_or(shown.id, |holder| holder.number_in(namespace) as i32);
    let device = inode.superblock().device();
    write!(out, "{index}: {} {kind} {id} {:02x}:{:02x}:{} ", shown.what, device.major, device.minor, inode.number())?;
    match shown.range {
        None => writeln!(out, "0 EOF"),
        Some(range) if range.last == i64::MAX as u64 => writeln!(out, "{} EOF", range.first),
        Some(range) => writeln!(out, "{} {}", range.first, range.last),
    }
}

/// /proc/locks: a line for each lock.
pub fn show_all(out: &mut dyn Write, namespace: &PidNamespace) -> Result<()> {
    let (mut index, mut result) = (0, Ok(()));
    for inode in &LOCKED.living()? {
        lock::for_each(inode, |shown| {
            index += 1;
            result = result.and_then(|()| line(out, index, &shown, inode, namespace));
        });
    }
    Ok(result?)
}

/// The lines of /proc/PID/fdinfo for the locks of an open file, those of the process's own among them.
pub fn show_of(file: &File, table: &FileTable, out: &mut dyn Write, namespace: &PidNamespace) -> Result<()> {
    let own = [lock::file_owner(file), Owner::Table(core::ptr::from_ref(table).addr())];
    let (mut index, mut result) = (0, Ok(()));
    lock::for_each(file.inode(), |shown| {
        if own.contains(&shown.owner) {
            index += 1;
            let shown = |out: &mut dyn Write| line(out, index, &shown, file.inode(), namespace);
            result = result.and_then(|()| out.write_str("lock:\t")).and_then(|()| shown(out));
        }
    });
    Ok(result?)
}
