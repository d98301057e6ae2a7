//! What is ready: poll(2), FIONREAD.
use super::{Kind, Phase, UnixSocket};
use crate::error::*;
use crate::file::{PollEvents, PollTable};
use crate::net::closed;
use core::sync::atomic::Ordering;

impl UnixSocket {
    /// Ready events now; registers with the wait queues when a table is given.
    pub(super) fn ready(&self, mut table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = &mut table {
            table.wait_on(&self.activity);
        }
        let mut events = PollEvents::NONE;
        let shutdown = self.shutdown.load(Ordering::Acquire);
        if self.options.has_error() {
            events |= PollEvents::ERR;
        }
        if shutdown == closed::BOTH {
            events |= PollEvents::HUP;
        }
        if shutdown & closed::RECEIVE != 0 {
            events |= PollEvents::RDHUP | PollEvents::IN | PollEvents::RDNORM;
        }
        if self.has_messages() {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        let phase = self.phase();
        if self.kind != Kind::Datagram && phase == Phase::Idle {
            events |= PollEvents::HUP;
        }
        if self.kind == Kind::Stream && self.queue.lock().urgent.is_some() {
            events |= PollEvents::PRI;
        }
        if phase != Phase::Listening && self.is_writable() && self.peer_has_room(table) {
            events |= PollEvents::OUT | PollEvents::WRNORM | PollEvents::WRBAND;
        } else if self.kind != Kind::Stream {
            self.signals.wants_room.store(true, Ordering::Relaxed);
        }
        events
    }
    /// Whether a message to the peer of a datagram socket would find room in its queue.
    fn peer_has_room(&self, table: Option<&mut PollTable>) -> bool {
        if self.kind == Kind::Stream {
            return true;
        }
        let Some(peer) = self.peer() else { return true };
        if let Some(table) = table {
            table.wait_on(&peer.room);
        }
        peer.has_peer(self) || !peer.is_full()
    }
    /// Bytes that can be received (FIONREAD): of the first message where messages have bounds; EINVAL for a listener.
    pub(super) fn bytes_queued(&self) -> Result<i32> {
        if self.phase() == Phase::Listening {
            return Err(EINVAL);
        }
        let queue = self.queue.lock();
        let bytes = match self.kind {
            Kind::Datagram => queue.messages.front().map_or(0, |message| message.left()),
            _ => queue.messages.iter().map(|message| message.left()).sum(),
        };
        Ok(bytes as i32)
    }
}
