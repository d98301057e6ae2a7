//! /proc/sysvipc: the reader's namespace, a line per object.
use super::permissions::PermissionValues;
use super::{namespace, number};
use crate::error::*;
use crate::output::Output;
use crate::process::Task;
use core::fmt::Write;

/// The place behind the heading, or behind an object's.
const fn behind(place: u64) -> Option<u64> {
    Some(place + 1)
}
fn owners(values: &PermissionValues, out: &mut Output) -> Result<()> {
    let PermissionValues { user, group, creator_user, creator_group, .. } = values;
    Ok(write!(out, " {user:>5} {group:>5} {creator_user:>5} {creator_group:>5}")?)
}

/// The heading, or the first segment at a place or behind it.
pub fn segments(from: u64, out: &mut Output) -> Result<Option<u64>> {
    let Some(place) = from.checked_sub(1) else {
        out.put(b"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n")?;
        return Ok(behind(0));
    };
    let task = Task::current();
    let Some((place, segment)) = namespace(task).segments.at_or_after(place as usize) else { return Ok(None) };
    let status = segment.status(task);
    let values = &status.permissions;
    write!(
        out,
        "{:>10} {:>10}  {:>4o} {:>21} {:>5} {:>5}  {:>5}",
        values.key,
        segment.id(),
        values.mode,
        status.size,
        status.creator,
        status.last,
        status.attached
    )?;
    owners(values, out)?;
    let [attach, detach, change] = [status.attach_time, status.detach_time, status.change_time];
    writeln!(out, " {attach:>10} {detach:>10} {change:>10} {:>21} {:>21}", segment.resident_pages() << 12, 0)?;
    Ok(behind(place as u64 + 1))
}

/// The heading, or the first semaphore set at a place or behind it.
pub fn semaphores(from: u64, out: &mut Output) -> Result<Option<u64>> {
    let Some(place) = from.checked_sub(1) else {
        out.put(b"       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n")?;
        return Ok(behind(0));
    };
    let task = Task::current();
    let Some((place, set)) = namespace(task).semaphores.at_or_after(place as usize) else { return Ok(None) };
    let status = set.status();
    let values = &status.permissions;
    write!(out, "{:>10} {:>10}  {:>4o} {:>10}", values.key, set.id(), values.mode, status.count)?;
    owners(values, out)?;
    writeln!(out, " {:>10} {:>10}", status.operation_time, status.change_time)?;
    Ok(behind(place as u64 + 1))
}

/// The heading, or the first queue at a place or behind it.
pub fn queues(from: u64, out: &mut Output) -> Result<Option<u64>> {
    let Some(place) = from.checked_sub(1) else {
        out.put(b"       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n")?;
        return Ok(behind(0));
    };
    let task = Task::current();
    let Some((place, queue)) = namespace(task).queues.at_or_after(place as usize) else { return Ok(None) };
    let status = queue.status();
    let values = &status.permissions;
    write!(
        out,
        "{:>10} {:>10}  {:>4o}  {:>10} {:>10} {:>5} {:>5}",
        values.key,
        queue.id(),
        values.mode,
        status.bytes,
        status.messages,
        number(&status.last_sender, task),
        number(&status.last_receiver, task)
    )?;
    owners(values, out)?;
    writeln!(out, " {:>10} {:>10} {:>10}", status.send_time, status.receive_time, status.change_time)?;
    Ok(behind(place as u64 + 1))
}
