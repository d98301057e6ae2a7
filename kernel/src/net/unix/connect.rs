//! Connections: connect(2), listen(2), accept(2).
use super::bind::{find, validate};
use super::message::Message;
use super::{Kind, PeerCredentials, Phase, READABLE, UnixSocket};
use crate::error::*;
use crate::file::signal_driven::Reason;
use crate::net::{SocketAddress, closed};
use crate::process::Task;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// AF_UNSPEC, which ends the connection of a datagram socket.
const UNSPECIFIED: u16 = 0;

impl UnixSocket {
    /// connect(2).
    pub(super) fn connect(self: &Arc<Self>, task: &Task, address: &SocketAddress, nonblocking: bool) -> Result<()> {
        match self.kind {
            Kind::Datagram => self.connect_datagram(task, address),
            Kind::Stream | Kind::Packets => self.connect_stream(task, address, nonblocking),
        }
    }
    /// Gives a socket a name that passes credentials and has none.
    pub(super) fn bind_if_it_passes_credentials(self: &Arc<Self>, task: &Task) -> Result<()> {
        if self.options.passes_credentials() && self.state.lock().address.is_none() {
            return self.bind_automatically(task);
        }
        Ok(())
    }

    fn connect_stream(self: &Arc<Self>, task: &Task, address: &SocketAddress, nonblocking: bool) -> Result<()> {
        validate(address)?;
        self.bind_if_it_passes_credentials(task)?;
        let patience = self.options.send_patience(nonblocking);
        let connection = UnixSocket::new(self.kind, self.network.clone())?;
        let credentials = PeerCredentials::of(task)?;
        let message = Message::of_connection(&connection)?;
        loop {
            let listener = find(task, address, self.kind)?;
            if listener.is_dead() {
                continue;
            }
            let (phase, listener_address, listener_credentials) = {
                let state = listener.state.lock();
                (state.phase, state.address.clone(), state.peer_credentials.clone())
            };
            if phase != Phase::Listening || listener.is_closed(closed::RECEIVE) {
                return Err(ECONNREFUSED);
            }
            if listener.is_full() {
                let gone = || listener.is_dead() || listener.is_closed(closed::RECEIVE) || !listener.is_full();
                patience.wait(&listener.room, true, gone)?;
                continue;
            }
            {
                let mut state = connection.state.lock();
                state.phase = Phase::Connected;
                state.peer = Some(self.clone());
                state.address = listener_address;
                state.peer_credentials = Some(credentials.clone());
            }
            {
                let mut state = self.state.lock();
                if state.phase != Phase::Idle || self.is_dead() {
                    let error = if state.phase == Phase::Connected { EISCONN } else { EINVAL };
                    drop(state);
                    // The room that it was woken for is somebody else's.
                    listener.room.wake_one();
                    return Err(error);
                }
                // Whoever accepts the connection finds this end ready.
                state.phase = Phase::Connected;
                state.peer = Some(connection.clone());
                state.peer_credentials = listener_credentials;
            }
            if listener.enqueue_connection(&message) {
                listener.activity.wake(READABLE);
                listener.signals.arrived(Reason::Input);
                self.activity.wake_all();
                return Ok(());
            }
            let mut state = self.state.lock();
            state.phase = Phase::Idle;
            let peer = state.peer.take();
            let credentials = state.peer_credentials.take();
            drop(state);
            drop((peer, credentials));
        }
    }
    /// Puts a connection into the queue of a listener; false if that has no room any more, or has ended.
    fn enqueue_connection(&self, message: &Arc<Message>) -> bool {
        let mut queue = self.queue.lock();
        if self.is_dead() || self.is_closed(closed::RECEIVE) || self.is_full() {
            return false;
        }
        // A new message is on no list.
        let refused = queue.messages.push_back(message.clone());
        self.queued.fetch_add(1, Ordering::Release);
        drop(queue);
        refused.is_ok()
    }

    /// listen(2).
    pub(super) fn listen(&self, task: &Task, backlog: u32) -> Result<()> {
        if self.kind == Kind::Datagram {
            return Err(EOPNOTSUPP);
        }
        let credentials = PeerCredentials::of(task)?;
        let mut state = self.state.lock();
        if state.address.is_none() {
            return Err(EINVAL.because("a listener needs a name"));
        }
        if !matches!(state.phase, Phase::Idle | Phase::Listening) {
            return Err(EINVAL);
        }
        state.phase = Phase::Listening;
        let old = state.peer_credentials.replace(credentials);
        let more = backlog > self.backlog.swap(backlog, Ordering::AcqRel);
        drop(state);
        drop(old);
        if more {
            self.room.wake_all();
        }
        Ok(())
    }

    /// accept(2): the connection that waited longest.
    pub(super) fn accept(&self, nonblocking: bool) -> Result<Arc<UnixSocket>> {
        if self.kind == Kind::Datagram {
            return Err(EOPNOTSUPP);
        }
        if self.phase() != Phase::Listening {
            return Err(EINVAL);
        }
        let patience = self.options.receive_patience(nonblocking);
        loop {
            self.options.take_error()?;
            let message = {
                let mut queue = self.queue.lock();
                let message = queue.messages.pop_front();
                self.queued.store(queue.messages.len() as u32, Ordering::Release);
                message
            };
            if let Some(connection) = message.as_ref().and_then(|message| message.connection()) {
                self.room.wake_one();
                connection.options.inherit(&self.options);
                return Ok(connection.clone());
            }
            // A listener that receives no more: EAGAIN while nobody waits, as Linux says.
            patience.wait(&self.activity, true, || {
                self.has_messages() || self.is_closed(closed::RECEIVE) || self.options.has_error()
            })?;
            if !self.has_messages() && self.is_closed(closed::RECEIVE) {
                return Err(EINVAL);
            }
        }
    }

    /// connect(2) of a datagram socket: sets where its messages go, and whose it takes.
    fn connect_datagram(self: &Arc<Self>, task: &Task, address: &SocketAddress) -> Result<()> {
        let family = address.family().ok_or(EINVAL)?;
        let peer = match family {
            UNSPECIFIED => None,
            _ => {
                validate(address)?;
                self.bind_if_it_passes_credentials(task)?;
                loop {
                    let other = find(task, address, self.kind)?;
                    if other.is_dead() {
                        continue;
                    }
                    if !other.takes_messages_of(self) {
                        return Err(EPERM);
                    }
                    other.state.lock().phase = Phase::Connected;
                    break Some(other);
                }
            }
        };
        let mut state = self.state.lock();
        let had = core::mem::replace(&mut state.peer, peer.clone());
        state.phase = if peer.is_some() { Phase::Connected } else { Phase::Idle };
        drop(state);
        if let Some(old) = had {
            // Who waited for room at the old peer looks at the new one.
            old.room.wake_all();
            let same = peer.as_ref().is_some_and(|peer| Arc::ptr_eq(peer, &old));
            if !same {
                self.forget_messages_of(&old);
            }
        }
        self.activity.wake_all();
        Ok(())
    }
    /// Whether a datagram socket takes messages of another: it is connected to nobody else.
    pub(super) fn takes_messages_of(&self, sender: &UnixSocket) -> bool {
        match &self.state.lock().peer {
            Some(peer) => core::ptr::eq(&raw const **peer, sender),
            None => true,
        }
    }
    /// After a datagram socket left its peer: what waits for it is lost, which a peer that is still connected learns.
    pub(super) fn forget_messages_of(&self, old: &UnixSocket) {
        let messages = {
            let mut queue = self.queue.lock();
            self.queued.store(0, Ordering::Release);
            self.files_queued.store(0, Ordering::Relaxed);
            core::mem::take(&mut queue.messages)
        };
        if !messages.is_empty() {
            drop(messages);
            self.room.wake_all();
            if !old.is_dead() && old.has_peer(self) {
                old.options.set_error(abi::Errno::ECONNRESET);
                old.activity.wake_all();
                old.signals.list.notify(Reason::Error);
            }
        }
        old.state.lock().phase = Phase::Idle;
    }
}
