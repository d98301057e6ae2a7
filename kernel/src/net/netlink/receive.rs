//! Receiving: one message at a time.
use super::{NetlinkSocket, address_of, flag, group_mask};
use crate::error::*;
use crate::file::{IoBuffer, PollEvents};
use crate::net::message_flag;
use crate::net::socket::{Incoming, NetlinkNotes};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::memory::try_box;

pub(super) const READABLE: u32 = PollEvents::IN.0 | PollEvents::RDNORM.0;
/// The most that a piece of a dump has.
const LARGEST_PIECE: usize = 32 * 1024 - 320;

impl NetlinkSocket {
    /// recv(2): one message; MSG_TRUNC tells of what had no room.
    pub(super) fn receive(self: &Arc<Self>, into: &mut IoBuffer, incoming: &mut Incoming) -> Result<usize> {
        if incoming.has(message_flag::OUT_OF_BAND) {
            return Err(EOPNOTSUPP);
        }
        let result = self.receive_next(into, incoming);
        self.has_been_read();
        result
    }
    fn receive_next(self: &Arc<Self>, into: &mut IoBuffer, incoming: &mut Incoming) -> Result<usize> {
        let peeks = incoming.has(message_flag::PEEK);
        let mut patience = None;
        let packet = loop {
            self.options.take_error()?;
            if let Some(packet) = self.next(peeks) {
                break packet;
            }
            let nonblocking = incoming.has(message_flag::DO_NOT_WAIT);
            let patience = *patience.get_or_insert_with(|| self.options.receive_patience(nonblocking));
            patience
                .wait(&self.activity, true, || self.options.has_error() || !self.queue.lock().messages.is_empty())?;
        };
        let room = into.remaining();
        self.largest_room.fetch_max(room.min(LARGEST_PIECE), Ordering::Relaxed);
        let length = packet.bytes.len();
        let size = length.min(room);
        if size < length {
            incoming.answered |= message_flag::TRUNCATED;
        }
        let copied = into.put(packet.bytes.get(..size).unwrap_or(&[]));
        if incoming.wants_address {
            incoming.address = Some(try_box(address_of(packet.port, group_mask(packet.group)))?);
        }
        incoming.notes = Some(NetlinkNotes {
            group: self.has_flag(flag::PACKET_INFORMATION).then_some(packet.group),
            credentials: packet.credentials,
        });
        drop(packet);
        if self.is_dumping.load(Ordering::Acquire)
            && self.charged.load(Ordering::Acquire) <= self.options.receive_buffer() / 2
            && let Err(error) = self.continue_dump()
            && let Some(errno) = error.errno()
        {
            self.report(errno);
        }
        if copied? < size {
            return Err(EFAULT);
        }
        Ok(if incoming.has(message_flag::TRUNCATED) { length } else { size })
    }
}
