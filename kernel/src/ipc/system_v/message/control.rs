//! msgctl(2).
use super::super::layout::{Form, Packer, read_change};
use super::super::{IpcNamespace, access, command, namespace, now, number};
use super::Queue;
use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::UserBytes;
use core::sync::atomic::Ordering;

const STATUS_AT: i32 = 11;
const USAGE: i32 = 12;
const STATUS_OF_ANY: i32 = 13;
/// Bytes of `struct msqid64_ds` in the 64-bit ABIs.
const SIZE: usize = 120;
/// Where i386 has the bytes of a queue in `struct msqid64_ds` and `struct msqid_ds`.
const QUEUE_BYTES_AT: [usize; 2] = [68, 48];

/// msgctl(2).
pub fn msgctl(task: &Task, id: i32, command: i32, buffer: UserBytes) -> Result<i32> {
    control(task, id, command, buffer.0, Form::Current)
}

/// msgctl(2) with either form of its structures.
pub fn control(task: &Task, id: i32, command: i32, buffer: u64, form: Form) -> Result<i32> {
    if id < 0 || command < 0 {
        return Err(EINVAL);
    }
    let space = namespace(task);
    match command {
        command::INFORMATION | USAGE => {
            information(task, &space, command == USAGE).write(buffer)?;
            Ok(space.queues.usage().highest as i32)
        }
        command::STATUS | STATUS_AT | STATUS_OF_ANY => {
            let queue = if command == command::STATUS { space.queues.find(id) } else { space.queues.at(id) }?;
            if command != STATUS_OF_ANY {
                queue.permissions.check(task, access::READ)?;
            }
            status(task, &queue, form).write(buffer)?;
            Ok(if command == command::STATUS { 0 } else { queue.id() })
        }
        command::SET => {
            let change = read_change(task, form, buffer, SIZE, Some(QUEUE_BYTES_AT))?;
            let queue = space.queues.find(id)?;
            queue.permissions.check_control(task)?;
            let most = space.limits.queue_bytes.load(Ordering::Relaxed);
            if change.queue_bytes > most.into() && !task.capable(Capability::SysResource) {
                return Err(EPERM);
            }
            let mut state = queue.state.lock();
            queue.permissions.change(&change.permissions)?;
            (state.most_bytes, state.change_time) = (change.queue_bytes, now());
            // Who waits to receive may not be allowed to any more, who waits to send may have room.
            state.end_receivers(EAGAIN);
            state.wake_senders();
            Ok(0)
        }
        command::REMOVE => {
            let queue = space.queues.find(id)?;
            queue.permissions.check_control(task)?;
            queue.remove(&space);
            Ok(0)
        }
        _ => Err(EINVAL),
    }
}

/// `struct msginfo`.
fn information(task: &Task, space: &IpcNamespace, is_usage: bool) -> Packer {
    let limits = &space.limits;
    // The pool in KiB, entries of the map and headers, and their size, as Linux once had them.
    let (mut pool, mut map, mut headers) = (512_000, 16_384, 16_384);
    if is_usage {
        (pool, map, headers) = (space.queues.usage().used as u32, 0, 0);
        let mut at = 0;
        while let Some((place, queue)) = space.queues.at_or_after(at) {
            let state = queue.state.lock();
            map += state.messages.len() as u32;
            headers += state.bytes as u32;
            at = place + 1;
        }
    }
    let mut packer = Packer::new(task, Form::Current);
    packer.int(pool).int(map).int(limits.message_bytes.load(Ordering::Relaxed));
    packer.int(limits.queue_bytes.load(Ordering::Relaxed)).int(limits.queues.load(Ordering::Relaxed));
    packer.int(16).int(headers).short(0xffff).short(0);
    packer
}

/// `struct msqid64_ds`, `struct msqid_ds`.
fn status(task: &Task, queue: &Queue, form: Form) -> Packer {
    let status = queue.status();
    let (sender, receiver) = (number(&status.last_sender, task), number(&status.last_receiver, task));
    let messages = status.messages as u64;
    let mut packer = Packer::new(task, form);
    packer.permissions(&status.permissions);
    if form == Form::Old {
        packer.int(0).int(0);
    }
    packer.time(status.send_time).time(status.receive_time).time(status.change_time);
    match form {
        Form::Current => {
            packer.long(status.bytes).long(messages).long(status.most_bytes);
            packer.int(sender).int(receiver).long(0).long(0);
        }
        Form::Old => {
            packer.int(0).int(0).short(status.bytes).short(messages).short(status.most_bytes);
            packer.short(sender.into()).short(receiver.into()).short(0);
        }
    }
    packer
}
