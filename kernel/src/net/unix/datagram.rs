//! Messages with bounds: SOCK_DGRAM, and SOCK_SEQPACKET, whose sockets are connected.
use super::bind::{find, validate};
use super::message::{Extras, Message};
use super::{Kind, Phase, READABLE, UnixSocket, WRITABLE};
use crate::error::*;
use crate::file::IoBuffer;
use crate::file::signal_driven::Reason;
use crate::net::socket::{Incoming, Outgoing};
use crate::net::{closed, message_flag};
use crate::process::Task;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::memory::PAGE_SIZE;

/// Bytes that Linux puts into one block before it takes pages, and most pages that it takes.
const IN_BLOCK: usize = 16_064;
const MOST_PAGES: usize = 17;

impl UnixSocket {
    /// send(2) of a connected socket of packets.
    pub(super) fn send_packet(
        self: &Arc<Self>,
        task: &Task,
        from: &mut IoBuffer,
        mut outgoing: Outgoing,
    ) -> Result<usize> {
        self.options.take_error()?;
        if self.phase() != Phase::Connected {
            return Err(ENOTCONN);
        }
        outgoing.address = None;
        self.send_datagram(task, from, outgoing)
    }

    /// send(2): all or nothing.
    pub(super) fn send_datagram(
        self: &Arc<Self>,
        task: &Task,
        from: &mut IoBuffer,
        mut outgoing: Outgoing,
    ) -> Result<usize> {
        if outgoing.flags & message_flag::OUT_OF_BAND != 0 {
            return Err(EOPNOTSUPP);
        }
        let address = outgoing.address.filter(|address| !address.as_bytes().is_empty());
        let mut target = match address {
            Some(address) => {
                validate(address)?;
                None
            }
            None => Some(self.peer().ok_or(ENOTCONN)?),
        };
        self.bind_if_it_passes_credentials(task)?;
        let length = from.remaining();
        if length > self.options.send_buffer().saturating_sub(32) {
            return Err(EMSGSIZE);
        }
        let nonblocking = outgoing.flags & message_flag::DO_NOT_WAIT != 0;
        self.wait_for_room(nonblocking)?;
        let in_pages = length.saturating_sub(IN_BLOCK).min(MOST_PAGES * PAGE_SIZE).next_multiple_of(PAGE_SIZE);
        let extras = Extras {
            credentials: outgoing.credentials.take().or_else(|| match &target {
                Some(target) => self.sender_shown(task, target),
                None => None,
            }),
            rights: outgoing.rights.take(),
            time: None,
        };
        let mut message = Message::new(self, from, length, in_pages.min(length), extras)?;
        let patience = self.options.send_patience(nonblocking);
        loop {
            let other = match (&target, address) {
                (Some(other), _) => other.clone(),
                (None, Some(address)) => {
                    let found = find(task, address, self.kind)?;
                    if let Some(fresh) = Arc::get_mut(&mut message) {
                        fresh.show_sender(self.sender_shown(task, &found));
                    }
                    target = Some(found.clone());
                    found
                }
                (None, None) => return Err(ECONNRESET),
            };
            if other.options.wants_time()
                && let Some(fresh) = Arc::get_mut(&mut message)
            {
                fresh.set_time(crate::time::clock::realtime());
            }
            if !other.takes_messages_of(self) {
                return Err(EPERM);
            }
            if other.is_dead() {
                target = None;
                if self.kind == Kind::Packets {
                    return Err(EPIPE);
                }
                if self.leave(&other) {
                    return Err(ECONNREFUSED);
                }
                continue;
            }
            if other.is_closed(closed::RECEIVE) {
                return Err(EPIPE);
            }
            let is_own = Arc::ptr_eq(&other, self);
            if !is_own && other.is_full() && !other.has_peer(self) {
                patience.wait(&other.room, true, || {
                    other.is_dead() || other.is_closed(closed::RECEIVE) || !other.is_full()
                })?;
                continue;
            }
            if other.enqueue(&message, false) {
                other.activity.wake(READABLE);
                other.signals.arrived(Reason::Input);
                return Ok(length);
            }
        }
    }
    /// Leaves a peer that is gone; false if it was none.
    fn leave(&self, peer: &Arc<UnixSocket>) -> bool {
        let mut state = self.state.lock();
        if !state.peer.as_ref().is_some_and(|own| Arc::ptr_eq(own, peer)) {
            return false;
        }
        let left = state.peer.take();
        state.phase = Phase::Idle;
        drop(state);
        drop(left);
        self.forget_messages_of(peer);
        true
    }

    /// The next message, which is taken off the queue unless it is only looked at, past `skip` bytes that were looked at before.
    fn next_message(&self, peeks: bool, skip: &mut usize) -> Option<Arc<Message>> {
        let mut queue = self.queue.lock();
        if !peeks {
            let taken = queue.messages.pop_front();
            if taken.is_some() {
                self.queued.fetch_sub(1, Ordering::Release);
            }
            return taken;
        }
        for message in queue.messages.iter_arcs() {
            if *skip == 0 || *skip < message.length() {
                return Some(message.clone());
            }
            *skip -= message.length();
        }
        None
    }

    /// recv(2): one message; MSG_TRUNC tells of what had no room.
    pub(super) fn receive_datagram(&self, into: &mut IoBuffer, incoming: &mut Incoming) -> Result<usize> {
        if self.kind == Kind::Packets && self.phase() != Phase::Connected {
            return Err(ENOTCONN);
        }
        if incoming.has(message_flag::OUT_OF_BAND) {
            return Err(EOPNOTSUPP);
        }
        let nonblocking = incoming.has(message_flag::DO_NOT_WAIT);
        let peeks = incoming.has(message_flag::PEEK);
        let mut patience = None;
        let mut skip;
        let (reading, message) = loop {
            let reading = self.reading.lock();
            self.options.take_error()?;
            let arrivals = self.arrivals.load(Ordering::Acquire);
            skip = if peeks { self.peek_offset.load(Ordering::Relaxed).max(0) as usize } else { 0 };
            if let Some(message) = self.next_message(peeks, &mut skip) {
                break (reading, message);
            }
            drop(reading);
            let is_closed = self.is_closed(closed::RECEIVE);
            if is_closed && (!nonblocking || self.kind == Kind::Packets) {
                // What was sent before the way was closed comes first.
                if self.arrivals.load(Ordering::Acquire) != arrivals {
                    continue;
                }
                return Ok(0);
            }
            let patience = *patience.get_or_insert_with(|| self.options.receive_patience(nonblocking));
            patience.wait(&self.activity, true, || {
                self.arrivals.load(Ordering::Acquire) != arrivals
                    || self.is_closed(closed::RECEIVE)
                    || self.options.has_error()
            })?;
        };
        if !peeks && message.files() > 0 {
            self.files_received(&message);
        }
        self.room.wake(WRITABLE);
        incoming.keep_address(&message);
        let left = message.length() - skip;
        let size = left.min(into.remaining());
        if size < left {
            incoming.answered |= message_flag::TRUNCATED;
        }
        if message.copy(skip, size, into)? < size {
            return Err(EFAULT);
        }
        incoming.credentials = message.credentials().cloned();
        incoming.time = message.time();
        if message.files() > 0 {
            incoming.rights = message.rights(!peeks);
        }
        match peeks {
            true => self.move_peek_offset(size as i32),
            false => self.move_peek_offset(-(message.length() as i32)),
        }
        drop(reading);
        Ok(if incoming.has(message_flag::TRUNCATED) { left } else { size })
    }
}
