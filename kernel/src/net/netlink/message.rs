//! Messages in sockets' queues.
use super::NetlinkSocket;
use crate::error::*;
use crate::file::IoBuffer;
use crate::file::signal_driven::Reason;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use machine::collections::{Linked, Links};
use machine::memory::try_arc;

/// Bytes that Linux puts into one block of the heap; more are in pages of their own.
pub const IN_BLOCK: usize = 3776;

/// What was sent at once: one for all who receive it.
pub struct Packet {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The sender's port; the kernel's is 0.
    pub port: u32,
    /// The group it was sent to, counted from 1; 0 for a message to one socket.
    pub group: u32,
    /// The sender's process as he sees it, user and group; all 0 of the kernel's messages.
    pub credentials: [u32; 3],
    /// What a queue is charged for it.
    pub charge: usize,
}
impl Packet {
    /// A message of the kernel's.
    pub fn of_kernel(bytes: Vec<u8>, group: u32) -> Result<Arc<Packet>> {
        let room = bytes.len();
        Packet::of_kernel_in(bytes, group, room)
    }
    /// As `of_kernel`, of what was made in a block of so many bytes.
    pub fn of_kernel_in(bytes: Vec<u8>, group: u32, room: usize) -> Result<Arc<Packet>> {
        let charge = charge_for(room, true);
        Ok(try_arc(Packet { bytes, port: 0, group, credentials: [0; 3], charge })?)
    }
}

/// What Linux charges for a message of so many bytes; those to groups are in one block, however large.
pub fn charge_for(length: usize, in_block: bool) -> usize {
    match in_block || length <= IN_BLOCK {
        true => crate::net::unix::charge_for(length, 0),
        // The structures that describe the message, and that end it.
        false => length.next_multiple_of(64) + 256 + 320,
    }
}

/// A message in a queue.
pub struct Waiting {
    links: Links,
    /// The message.
    pub packet: Arc<Packet>,
    charge: usize,
}
impl Linked for Waiting {
    fn links(&self) -> &Links {
        &self.links
    }
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// It is in the queue.
    Done,
    /// The queue has no room.
    Full,
    /// The socket is closed.
    Dead,
}

impl NetlinkSocket {
    /// Puts a message into the queue if there is room.
    pub(super) fn deliver(&self, packet: &Arc<Packet>) -> Result<Delivery> {
        self.enqueue(packet, false)
    }
    /// As `deliver`, also without room: for a piece of a list, which its reader waits for, and of which there is one.
    pub(super) fn deliver_always(&self, packet: &Arc<Packet>) -> Result<Delivery> {
        self.enqueue(packet, true)
    }
    fn enqueue(&self, packet: &Arc<Packet>, always: bool) -> Result<Delivery> {
        let charge = packet.charge;
        let waiting = try_arc(Waiting { links: Links::new(), packet: packet.clone(), charge })?;
        let mut queue = self.queue.lock();
        if queue.is_dead {
            return Ok(Delivery::Dead);
        }
        if !always && self.is_full_for(charge) {
            return Ok(Delivery::Full);
        }
        self.charged.fetch_add(charge, Ordering::AcqRel);
        // A new node is on no list.
        let refused = queue.messages.push_back(waiting);
        drop(queue);
        drop(refused);
        self.activity.wake(super::receive::READABLE);
        self.signals.notify(Reason::Input);
        Ok(Delivery::Done)
    }
    /// The kernel's answer to a message of this socket. Without room or memory it is lost, and the next call says so.
    pub(super) fn answer(&self, bytes: Vec<u8>) -> Result<()> {
        match Packet::of_kernel(bytes, 0).and_then(|packet| self.deliver(&packet)) {
            Ok(Delivery::Done) => Ok(()),
            Ok(Delivery::Full) => {
                self.overrun();
                Err(EAGAIN)
            }
            Ok(Delivery::Dead) => Err(ECONNREFUSED),
            Err(error) => Err(error),
        }
    }
    /// The next message, which is taken off the queue unless it is only looked at.
    pub(super) fn next(&self, peeks: bool) -> Option<Arc<Packet>> {
        let mut queue = self.queue.lock();
        if peeks {
            return queue.messages.front().map(|waiting| waiting.packet.clone());
        }
        let taken = queue.messages.pop_front()?;
        self.charged.fetch_sub(taken.charge, Ordering::AcqRel);
        drop(queue);
        Some(taken.packet.clone())
    }
    /// Lets those send again that wait for room, once there is some: after a message was lost, when nothing is left.
    pub(super) fn has_been_read(&self) {
        if self.is_congested.load(Ordering::Acquire) && self.queue.lock().messages.is_empty() {
            self.is_congested.store(false, Ordering::Release);
        }
        if !self.is_congested.load(Ordering::Acquire) {
            self.room.wake_all();
        }
    }
}

/// Takes the bytes of a message: EFAULT if they are not all there, ENOBUFS.
pub fn take(from: &mut IoBuffer) -> Result<Vec<u8>> {
    let length = from.remaining();
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| ENOBUFS)?;
    bytes.resize(length, 0);
    match from.take(&mut bytes) {
        Ok(taken) if taken == length => Ok(bytes),
        _ => Err(EFAULT),
    }
}
