//! shmctl(2).
use super::super::layout::{Form, Packer, read_change};
use super::super::{IpcNamespace, access, command, is_capable, namespace, now};
use super::{Segment, mark};
use crate::error::*;
use crate::process::limits::{Resource, UNLIMITED};
use crate::process::{Capability, Task};
use crate::syscall::UserBytes;
use abi::Abi;
use core::sync::atomic::Ordering;

const LOCK: i32 = 11;
const UNLOCK: i32 = 12;
const STATUS_AT: i32 = 13;
const USAGE: i32 = 14;
const STATUS_OF_ANY: i32 = 15;
/// Bytes of `struct shmid64_ds` in the 64-bit ABIs.
const SIZE: usize = 112;

/// shmctl(2).
pub fn shmctl(task: &Task, id: i32, command: i32, buffer: UserBytes) -> Result<i32> {
    control(task, id, command, buffer.0, Form::Current)
}

/// shmctl(2) with either form of its structures.
pub fn control(task: &Task, id: i32, command: i32, buffer: u64, form: Form) -> Result<i32> {
    if command < 0 || id < 0 {
        return Err(EINVAL);
    }
    let space = namespace(task);
    match command {
        command::INFORMATION => limits(task, &space, form).write(buffer).map(|()| highest(&space)),
        USAGE => usage(task, &space).write(buffer).map(|()| highest(&space)),
        command::STATUS | STATUS_AT | STATUS_OF_ANY => {
            let segment = if command == command::STATUS { space.segments.find(id) } else { space.segments.at(id) }?;
            if command != STATUS_OF_ANY {
                segment.permissions.check(task, access::READ)?;
            }
            status(task, &segment, form).write(buffer)?;
            Ok(if command == command::STATUS { 0 } else { segment.id() })
        }
        command::SET => {
            let change = read_change(task, form, buffer, SIZE, None)?;
            let segment = space.segments.find(id)?;
            segment.permissions.check_control(task)?;
            segment.permissions.change(&change.permissions)?;
            segment.change_time.store(now(), Ordering::Relaxed);
            Ok(0)
        }
        command::REMOVE => {
            let segment = space.segments.find(id)?;
            segment.permissions.check_control(task)?;
            segment.remove(&space);
            Ok(0)
        }
        LOCK | UNLOCK => lock(task, &*space.segments.find(id)?, command == LOCK).map(|()| 0),
        _ => Err(EINVAL),
    }
}

/// The highest place in use, as commands about the whole answer.
fn highest(space: &IpcNamespace) -> i32 {
    space.segments.usage().highest as i32
}

/// `struct shminfo64`, `struct shminfo`.
fn limits(task: &Task, space: &IpcNamespace, form: Form) -> Packer {
    let limits = &space.limits;
    let mut bytes = limits.segment_bytes.load(Ordering::Relaxed);
    if matches!(task.abi(), Abi::I386) {
        bytes = bytes.min(i32::MAX as u64);
    }
    let segments = limits.segments.load(Ordering::Relaxed).into();
    let mut packer = Packer::new(task, form);
    packer.long(bytes).long(1).long(segments).long(segments).long(limits.segment_pages.load(Ordering::Relaxed));
    if form == Form::Current {
        packer.long(0).long(0).long(0).long(0);
    }
    packer
}

/// `struct shm_info`.
fn usage(task: &Task, space: &IpcNamespace) -> Packer {
    let (usage, mut resident, mut at) = (space.segments.usage(), 0, 0);
    while let Some((place, segment)) = space.segments.at_or_after(at) {
        resident += segment.resident_pages();
        at = place + 1;
    }
    let mut packer = Packer::new(task, Form::Current);
    let alignment = if matches!(task.abi(), Abi::I386) { 4 } else { 8 };
    packer.int(usage.used as u32).align(alignment).long(usage.total).long(resident).long(0).long(0).long(0);
    packer
}

/// `struct shmid64_ds`, `struct shmid_ds`.
fn status(task: &Task, segment: &Segment, form: Form) -> Packer {
    let status = segment.status(task);
    let mut packer = Packer::new(task, form);
    packer.permissions(&status.permissions);
    match form {
        Form::Current => packer.long(status.size),
        Form::Old => packer.int(u32::try_from(status.size).unwrap_or(u32::MAX)),
    };
    packer.time(status.attach_time).time(status.detach_time).time(status.change_time);
    match form {
        Form::Current => {
            packer.int(status.creator).int(status.last).long(status.attached).long(0).long(0);
        }
        Form::Old => {
            packer.short(status.creator.into()).short(status.last.into()).short(status.attached).short(0).int(0).int(0);
        }
    }
    packer
}

/// SHM_LOCK and SHM_UNLOCK. There is no swap: locking counts, and shows. EPERM; ENOMEM beyond RLIMIT_MEMLOCK.
fn lock(task: &Task, segment: &Segment, locks: bool) -> Result<()> {
    let is_privileged = is_capable(task, Capability::IpcLock);
    let limit = task.group().limit(Resource::LockedMemory);
    if !is_privileged && (!segment.permissions.is_owned_by(task) || locks && limit == 0) {
        return Err(EPERM);
    }
    if !locks {
        segment.permissions.mark(mark::LOCKED, false);
        segment.unlock();
        return Ok(());
    }
    let record = task.with_credentials(|own| own.record.clone());
    let pages = super::pages(segment.size);
    let mut locker = segment.locker.lock();
    if locker.is_some() {
        return Ok(());
    }
    let locked = record.locked_pages.fetch_add(pages, Ordering::Relaxed).saturating_add(pages);
    if !is_privileged && limit != UNLIMITED && locked > limit >> 12 {
        record.locked_pages.fetch_sub(pages, Ordering::Relaxed);
        return Err(ENOMEM.because("over RLIMIT_MEMLOCK"));
    }
    *locker = Some(record.clone());
    drop(locker);
    segment.permissions.mark(mark::LOCKED, true);
    Ok(())
}
