//! The table of all sockets that have a port.
use super::address::{ANY, Endpoint};
use super::{InetSocket, State};
use crate::error::*;
use crate::net::listing::gather;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::collections::List;

const STRIPES: usize = 256;
static PORTS: [SpinLock<List<InetSocket>>; STRIPES] =
    [const { SpinLock::new(rank::SOCKET_NAMES, List::new()) }; STRIPES];

fn stripe(network: u64, port: u16) -> Option<&'static SpinLock<List<InetSocket>>> {
    let mixed = (u64::from(port) ^ network << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    PORTS.get((mixed >> 56) as usize % STRIPES)
}

/// Gives a socket without a port this endpoint; `choose` notes what of it was asked for. EADDRINUSE; EINVAL if it has a port.
pub fn bind(socket: &Arc<InetSocket>, own: Endpoint, choose: impl FnOnce(&mut State)) -> Result<()> {
    let network = socket.network.identity.inode;
    let mut sockets = stripe(network, own.port).ok_or(ENOMEM)?.lock();
    let collides = |other: &InetSocket| {
        other.network.identity.inode == network && {
            let theirs = other.state.lock().own;
            let meet = theirs.address == own.address || theirs.address == ANY || own.address == ANY;
            theirs.port == own.port && meet && !other.shares_with(socket)
        }
    };
    if sockets.iter().any(collides) {
        return Err(EADDRINUSE);
    }
    {
        let mut state = socket.state.lock();
        if state.own.port != 0 {
            return Err(EINVAL);
        }
        state.own = own;
        choose(&mut state);
    }
    // A socket without a port is on no list.
    let refused = sockets.push_back(socket.clone());
    drop(sockets);
    drop(refused);
    Ok(())
}
/// Takes a socket's port away.
pub fn remove(socket: &InetSocket) {
    let port = socket.state.lock().own.port;
    if port == 0 {
        return;
    }
    let Some(sockets) = stripe(socket.network.identity.inode, port) else { return };
    let removed = {
        let mut sockets = sockets.lock();
        let removed = sockets.remove(socket);
        if removed.is_some() {
            socket.state.lock().own.port = 0;
        }
        removed
    };
    drop(removed);
}
/// Who a datagram is for: the socket of the port that knows most of its ends, of those the one that has it last.
pub fn find(network: u64, from: Endpoint, to: Endpoint) -> Option<Arc<InetSocket>> {
    let sockets = stripe(network, to.port)?.lock();
    let mut best: Option<(u32, &Arc<InetSocket>)> = None;
    for socket in sockets.iter_arcs() {
        let Some(score) = score(socket, network, from, to) else { continue };
        if best.is_none_or(|(other, _)| score >= other) {
            best = Some((score, socket));
        }
    }
    best.map(|(_, socket)| socket.clone())
}
/// How much of a datagram's ends a socket names; `None` if it is not for it.
fn score(socket: &InetSocket, network: u64, from: Endpoint, to: Endpoint) -> Option<u32> {
    if socket.network.identity.inode != network {
        return None;
    }
    let state = socket.state.lock();
    if state.own.port != to.port || (state.own.address != ANY && state.own.address != to.address) {
        return None;
    }
    let named = u32::from(state.own.address != ANY);
    match state.peer {
        Some(peer) => (peer == from).then_some(named + 2),
        None => Some(named),
    }
}
/// All sockets of a network namespace that have a port; ENOMEM.
pub fn all(network: u64) -> Result<Vec<Arc<InetSocket>>> {
    let mut found = Vec::new();
    for stripe in &PORTS {
        gather(stripe, &mut found, |socket| socket.network.identity.inode == network)?;
    }
    Ok(found)
}
