//! The tables of all sockets: by port, and by protocol those that listen to groups.
use super::{BY_GROUP, NetlinkSocket, Protocol};
use crate::error::*;
use crate::net::NetworkNamespace;
use crate::net::listing::gather;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::collections::List;

const STRIPES: usize = 64;
static PORTS: [SpinLock<List<NetlinkSocket>>; STRIPES] =
    [const { SpinLock::new(rank::SOCKET_NAMES, List::new()) }; STRIPES];
static LISTENERS: [SpinLock<List<NetlinkSocket, BY_GROUP>>; super::PROTOCOLS_END as usize] =
    [const { SpinLock::new(rank::SOCKET_NAMES, List::new()) }; super::PROTOCOLS_END as usize];

fn stripe(network: u64, protocol: Protocol, port: u32) -> Option<&'static SpinLock<List<NetlinkSocket>>> {
    let mixed = (u64::from(port) ^ network << 8 ^ u64::from(protocol as u32) << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    PORTS.get((mixed >> 58) as usize % STRIPES)
}
fn listeners(protocol: Protocol) -> Option<&'static SpinLock<List<NetlinkSocket, BY_GROUP>>> {
    LISTENERS.get(protocol as usize)
}
/// Whether a socket has this port.
fn has_port(socket: &NetlinkSocket, network: u64, protocol: Protocol, port: u32) -> bool {
    socket.network.identity.inode == network && socket.protocol == protocol && {
        let state = socket.state.lock();
        state.is_bound && state.port == port
    }
}

/// Gives a socket without a port this one: EADDRINUSE; EBUSY if it has got another one meanwhile.
pub fn bind(socket: &Arc<NetlinkSocket>, port: u32) -> Result<()> {
    let network = socket.network.identity.inode;
    let mut sockets = stripe(network, socket.protocol, port).ok_or(ENOMEM)?.lock();
    {
        let mut state = socket.state.lock();
        if state.is_bound {
            return if state.port == port { Ok(()) } else { Err(EBUSY) };
        }
        state.port = port;
    }
    if sockets.iter().any(|other| has_port(other, network, socket.protocol, port)) {
        return Err(EADDRINUSE);
    }
    {
        let mut state = socket.state.lock();
        if state.is_bound {
            return Err(EBUSY);
        }
        (state.port, state.is_bound) = (port, true);
    }
    // A socket without a port is on no list.
    let refused = sockets.push_back(socket.clone());
    drop(sockets);
    drop(refused);
    Ok(())
}
/// The socket of a port.
pub fn find(network: u64, protocol: Protocol, port: u32) -> Option<Arc<NetlinkSocket>> {
    let sockets = stripe(network, protocol, port)?.lock();
    sockets.iter_arcs().find(|socket| has_port(socket, network, protocol, port)).cloned()
}
/// Notes whether a socket listens to groups.
pub fn note_groups(socket: &Arc<NetlinkSocket>) {
    let Some(listeners) = listeners(socket.protocol) else { return };
    let mut list = listeners.lock();
    let listens = socket.state.lock().groups != 0;
    // Put there twice is refused.
    let left = if listens { list.push_back(socket.clone()).err() } else { list.remove(socket) };
    drop(list);
    drop(left);
}
/// Takes a socket out of both tables.
pub fn remove(socket: &NetlinkSocket) {
    let (port, is_bound) = {
        let mut state = socket.state.lock();
        state.groups = 0;
        (state.port, state.is_bound)
    };
    if is_bound && let Some(sockets) = stripe(socket.network.identity.inode, socket.protocol, port) {
        let removed = sockets.lock().remove(socket);
        drop(removed);
    }
    if let Some(listeners) = listeners(socket.protocol) {
        let removed = listeners.lock().remove(socket);
        drop(removed);
    }
}

/// Where those are whom a message to a group is for.
#[derive(Clone, Copy)]
pub enum Place {
    /// In the network namespace of this number.
    Namespace(u64),
    /// In every one that the first user namespace owns.
    OfFirstUsers,
}
impl Place {
    fn has(self, network: &NetworkNamespace) -> bool {
        match self {
            Place::Namespace(number) => network.identity.inode == number,
            Place::OfFirstUsers => network.identity.owner.level() == 0,
        }
    }
}
/// The sockets of network namespaces that listen to a group, counted from 1. Those of other namespaces that want to hear of all
/// namespaces they have a number for (NETLINK_LISTEN_ALL_NSID) have none for this one: there are no such numbers.
pub fn members(place: Place, protocol: Protocol, group: u32) -> Result<Vec<Arc<NetlinkSocket>>> {
    let mut found = Vec::new();
    let bit = group.checked_sub(1).and_then(|bit| 1u64.checked_shl(bit)).unwrap_or(0);
    if let Some(listeners) = listeners(protocol) {
        let is_member = |socket: &NetlinkSocket| place.has(&socket.network) && socket.state.lock().groups & bit != 0;
        gather(listeners, &mut found, is_member)?;
    }
    Ok(found)
}
/// All sockets of a network namespace that have a port.
pub fn all(network: u64) -> Result<Vec<Arc<NetlinkSocket>>> {
    let mut found = Vec::new();
    for stripe in &PORTS {
        gather(stripe, &mut found, |socket| socket.network.identity.inode == network)?;
    }
    Ok(found)
}
