//! Sending: to one socket, to a group, to the kernel.
use super::bind::{destination, parse};
use super::message::{Delivery, Packet, charge_for, take};
use super::table::Place;
use super::{NetlinkSocket, request, table};
use crate::error::*;
use crate::file::IoBuffer;
use crate::net::message_flag;
use crate::net::socket::{Outgoing, Patience};
use crate::process::Task;
use alloc::sync::Arc;
use machine::memory::try_arc;

impl NetlinkSocket {
    /// send(2): all or nothing. ENODATA for no bytes, EMSGSIZE, ECONNREFUSED for a port that nobody has, EPERM.
    pub(super) fn send(self: &Arc<Self>, task: &Task, from: &mut IoBuffer, outgoing: Outgoing) -> Result<usize> {
        if outgoing.flags & message_flag::OUT_OF_BAND != 0 {
            return Err(EOPNOTSUPP);
        }
        let length = from.remaining();
        if length == 0 {
            return Err(ENODATA);
        }
        if outgoing.rights.is_some() {
            return Err(EINVAL.because("netlink passes no files"));
        }
        let named = outgoing.address.filter(|address| !address.as_bytes().is_empty());
        let to = match named {
            Some(address) => {
                let (port, groups) = parse(address)?;
                if (port != 0 || groups != 0) && !self.may_send_to_others(task) {
                    return Err(EPERM);
                }
                destination(port, groups)
            }
            None => self.state.lock().destination,
        };
        if !self.is_bound() {
            self.bind_to_any(task)?;
        }
        if length > self.options.send_buffer().saturating_sub(32) {
            return Err(EMSGSIZE);
        }
        let credentials = match &outgoing.credentials {
            Some(claimed) => [claimed.process.number_in(task.pid_namespace()), claimed.user, claimed.group],
            None => {
                let (user, group) = task.with_credentials(|own| (own.user, own.group));
                [task.group().id_in_own_namespace(), user, group]
            }
        };
        let bytes = take(from)?;
        let charge = charge_for(length, to.group != 0);
        let packet = Packet { bytes, port: self.port(), group: to.group, credentials, charge };
        let packet = try_arc(packet).map_err(|_| ENOBUFS)?;
        if to.group != 0 {
            // What becomes of it is not the sender's to know.
            let _ =
                broadcast(Place::Namespace(self.network.identity.inode), self.protocol, &packet, to.port, Some(self));
        }
        if to.port == 0 {
            if !self.protocol.has_kernel() {
                return Err(ECONNREFUSED);
            }
            request::handle(self, task, &packet.bytes, packet.port, named.is_some());
            return Ok(length);
        }
        let nonblocking = outgoing.flags & message_flag::DO_NOT_WAIT != 0;
        self.send_to(to.port, &packet, self.options.send_patience(nonblocking))?;
        Ok(length)
    }
    /// Sends to the socket of a port, which may wait for room.
    fn send_to(&self, port: u32, packet: &Arc<Packet>, patience: Patience) -> Result<()> {
        loop {
            let other = table::find(self.network.identity.inode, self.protocol, port).ok_or(ECONNREFUSED)?;
            {
                let state = other.state.lock();
                if state.is_connected && state.destination.port != packet.port {
                    return Err(ECONNREFUSED);
                }
            }
            match other.deliver(packet)? {
                Delivery::Done => return Ok(()),
                Delivery::Dead => return Err(ECONNREFUSED),
                Delivery::Full => {
                    patience.wait(&other.room, false, || !other.is_full_for(packet.charge) || other.is_dead())?
                }
            }
        }
    }
}

/// Sends a message to all who listen to its group but the socket of one port and the sender's own: ESRCH if nobody does, ENOBUFS if
/// one of those who asked for that could not take it.
pub fn broadcast(
    place: Place,
    protocol: super::Protocol,
    packet: &Arc<Packet>,
    but: u32,
    sender: Option<&NetlinkSocket>,
) -> Result<()> {
    let (mut delivered, mut failed) = (false, false);
    for socket in table::members(place, protocol, packet.group)? {
        if sender.is_some_and(|sender| core::ptr::eq(sender, &raw const *socket)) || socket.port() == but {
            continue;
        }
        match socket.deliver(packet) {
            Ok(Delivery::Done) => delivered = true,
            Ok(Delivery::Dead) => {}
            Ok(Delivery::Full) | Err(_) => {
                socket.overrun();
                failed |= socket.has_flag(super::flag::BROADCAST_ERROR);
            }
        }
    }
    match (failed, delivered) {
        (true, _) => Err(ENOBUFS),
        (false, false) => Err(ESRCH),
        (false, true) => Ok(()),
    }
}
