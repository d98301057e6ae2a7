//! Sending and receiving: one datagram at a time.
use super::address::{ANY, Endpoint, UNSPECIFIED};
use super::{FAMILY, InetSocket, table};
use crate::error::*;
use crate::file::signal_driven::Reason;
use crate::file::{IoBuffer, PollEvents};
use crate::net::socket::{Incoming, Outgoing};
use crate::net::{closed, message_flag};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use machine::collections::{Linked, Links};
use machine::memory::{try_arc, try_box};

const READABLE: u32 = PollEvents::IN.0 | PollEvents::RDNORM.0;
/// Most bytes of a packet, and those of its two headers.
const LARGEST_PACKET: usize = 0xffff;
const HEADERS: usize = 20 + 8;

/// A datagram in a queue.
pub struct Datagram {
    links: Links,
    bytes: Vec<u8>,
    from: Endpoint,
    /// What the queue is charged for it.
    charge: usize,
    /// When it was sent, in nanoseconds of the real-time clock.
    time: u64,
}
impl Linked for Datagram {
    fn links(&self) -> &Links {
        &self.links
    }
}

impl InetSocket {
    /// send(2), in Linux's order: EMSGSIZE, EOPNOTSUPP, EINVAL, EAFNOSUPPORT, EDESTADDRREQ, what was left by an earlier one, EPIPE. What
    /// has no receiver, or one without room, is lost; only a connected socket is told of the former.
    pub(super) fn send(self: &Arc<Self>, from: &mut IoBuffer, outgoing: &Outgoing) -> Result<usize> {
        self.ensure_port()?;
        let length = from.remaining();
        if length > LARGEST_PACKET {
            return Err(EMSGSIZE);
        }
        if outgoing.flags & message_flag::OUT_OF_BAND != 0 {
            return Err(EOPNOTSUPP);
        }
        let named = match outgoing.address.filter(|address| !address.as_bytes().is_empty()) {
            Some(address) => {
                let (family, to) = Endpoint::decode(address)?;
                if family != FAMILY as u16 && family != UNSPECIFIED {
                    return Err(EAFNOSUPPORT);
                }
                if to.port == 0 {
                    return Err(EINVAL);
                }
                Some(to)
            }
            None => None,
        };
        let (own, peer) = {
            let state = self.state.lock();
            (state.own, state.peer)
        };
        let (to, source) = self.route(named.or(peer).ok_or(EDESTADDRREQ)?, own.address)?;
        if length > LARGEST_PACKET - HEADERS {
            return Err(EMSGSIZE);
        }
        self.options.take_error()?;
        if self.is_closed(closed::SEND) {
            return Err(EPIPE);
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| ENOBUFS)?;
        bytes.resize(length, 0);
        if from.take(&mut bytes)? < length {
            return Err(EFAULT);
        }
        let address = if own.address == ANY { source } else { own.address };
        let datagram = Datagram {
            links: Links::new(),
            bytes,
            from: Endpoint { address, ..own },
            charge: crate::net::unix::charge_for(length + HEADERS, 0),
            time: crate::time::clock::realtime(),
        };
        self.network.loopback.counts.count(length + HEADERS);
        let from = datagram.from;
        let datagram = try_arc(datagram).map_err(|_| ENOBUFS)?;
        let network = &self.network;
        // A device that is down takes what it is given and loses it.
        let is_taken = !network.loopback.is_up()
            || table::find(network.identity.inode, from, to).is_some_and(|receiver| receiver.enqueue(datagram));
        if !is_taken && named.is_none() {
            self.options.set_error(abi::Errno::ECONNREFUSED);
            self.activity.wake_all();
            self.signals.notify(Reason::Error);
        }
        Ok(length)
    }
    /// False if the socket has ended. Without room the datagram is dropped.
    fn enqueue(&self, datagram: Arc<Datagram>) -> bool {
        let mut queue = self.queue.lock();
        if queue.is_dead {
            return false;
        }
        if queue.charged > self.options.receive_buffer() {
            drop(queue);
            self.drops.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        queue.charged += datagram.charge;
        // A new node is on no list.
        let refused = queue.datagrams.push_back(datagram);
        drop(queue);
        drop(refused);
        self.activity.wake(READABLE);
        self.signals.notify(Reason::Input);
        true
    }
    /// Bytes of the next datagram; 0 if there is none.
    pub(super) fn next_length(&self) -> usize {
        self.queue.lock().datagrams.front().map_or(0, |next| next.bytes.len())
    }
    fn next(&self, peeks: bool) -> Option<Arc<Datagram>> {
        let mut queue = self.queue.lock();
        if peeks {
            return queue.datagrams.iter_arcs().next().cloned();
        }
        let taken = queue.datagrams.pop_front()?;
        queue.charged -= taken.charge.min(queue.charged);
        Some(taken)
    }
    /// recv(2): one datagram; MSG_TRUNC tells of what had no room. 0 after the way in was closed.
    pub(super) fn receive(&self, into: &mut IoBuffer, incoming: &mut Incoming) -> Result<usize> {
        if incoming.has(message_flag::ERROR_QUEUE) {
            return Err(EAGAIN);
        }
        let peeks = incoming.has(message_flag::PEEK);
        let mut patience = None;
        let datagram = loop {
            self.options.take_error()?;
            if let Some(datagram) = self.next(peeks) {
                break datagram;
            }
            let nonblocking = incoming.has(message_flag::DO_NOT_WAIT);
            if self.is_closed(closed::RECEIVE) && !nonblocking {
                return Ok(0);
            }
            let patience = *patience.get_or_insert_with(|| self.options.receive_patience(nonblocking));
            patience.wait(&self.activity, true, || {
                self.options.has_error() || self.is_closed(closed::RECEIVE) || !self.queue.lock().datagrams.is_empty()
            })?;
        };
        let length = datagram.bytes.len();
        let size = length.min(into.remaining());
        if size < length {
            incoming.answered |= message_flag::TRUNCATED;
        }
        if into.put(datagram.bytes.get(..size).unwrap_or(&[]))? < size {
            return Err(EFAULT);
        }
        if incoming.wants_address {
            incoming.address = Some(try_box(datagram.from.encode())?);
        }
        incoming.time = self.options.wants_time().then_some(datagram.time);
        Ok(if incoming.has(message_flag::TRUNCATED) { length } else { size })
    }
}
