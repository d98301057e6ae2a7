//! The tables of all sockets: by the number of their inode for /proc/net/unix, by name for connect(2).
//!
//! A name is an inode, or bytes in a network namespace; names of the latter kind are apart for each kind of socket, as in Linux.
use super::{Kind, UnixSocket};
use crate::error::*;
use crate::file::Inode;
use crate::net::SocketAddress;
use crate::net::listing::gather;
use crate::sync::{SpinLock, rank};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use machine::collections::{Linked, Links, List};

const STRIPES: usize = 64;
static SOCKETS: [SpinLock<List<UnixSocket>>; STRIPES] =
    [const { SpinLock::new(rank::SOCKET_NAMES, List::new()) }; STRIPES];
static NAMES: [SpinLock<List<Name>>; STRIPES] = [const { SpinLock::new(rank::SOCKET_NAMES, List::new()) }; STRIPES];

/// What names a socket.
pub enum Key {
    /// An inode of kind socket, which the socket keeps: so the address names it.
    Inode(usize),
    /// Bytes.
    Abstract {
        /// The number of the network namespace.
        network: u64,
        /// What sockets are looked for.
        kind: Kind,
        /// The whole address.
        address: Arc<SocketAddress>,
    },
}
impl Key {
    /// The name that an inode is.
    pub fn of_inode(inode: &Arc<Inode>) -> Key {
        Key::Inode(Arc::as_ptr(inode).addr())
    }
    fn is_same(&self, other: &Key) -> bool {
        match (self, other) {
            (Key::Inode(one), Key::Inode(other)) => one == other,
            (
                Key::Abstract { network, kind, address },
                Key::Abstract { network: other_network, kind: other_kind, address: other_address },
            ) => network == other_network && kind == other_kind && address.as_bytes() == other_address.as_bytes(),
            _ => false,
        }
    }
    fn stripe(&self) -> usize {
        // FNV-1a: names are short, and an attacker gains nothing but his own names in one stripe.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        let start = 0xcbf2_9ce4_8422_2325;
        let hash = match self {
            Key::Inode(address) => address.to_ne_bytes().into_iter().fold(start, step),
            Key::Abstract { address, .. } => address.as_bytes().iter().copied().fold(start, step),
        };
        ((hash >> 32) ^ hash) as usize % STRIPES
    }
    fn names(&self) -> Option<&'static SpinLock<List<Name>>> {
        NAMES.get(self.stripe())
    }
}

/// A socket's place in the table of names.
pub struct Name {
    links: Links,
    key: Key,
    socket: Weak<UnixSocket>,
}
impl Linked for Name {
    fn links(&self) -> &Links {
        &self.links
    }
}

fn sockets(inode: u64) -> Option<&'static SpinLock<List<UnixSocket>>> {
    SOCKETS.get(inode as usize % STRIPES)
}

/// Lists a socket whose inode has a number.
pub fn add(socket: &Arc<UnixSocket>) {
    if let Some(stripe) = sockets(socket.inode.load(Ordering::Relaxed)) {
        // Refused where it is listed already.
        let refused = stripe.lock().push_back(socket.clone());
        drop(refused);
    }
}
/// Takes it off the list.
pub fn remove(socket: &UnixSocket) {
    if let Some(stripe) = sockets(socket.inode.load(Ordering::Relaxed)) {
        let removed = stripe.lock().remove(socket);
        drop(removed);
    }
}
/// All sockets of a network namespace; ENOMEM.
pub fn all(network: u64) -> Result<Vec<Arc<UnixSocket>>> {
    let mut found = Vec::new();
    for stripe in &SOCKETS {
        gather(stripe, &mut found, |socket| socket.network.identity.inode == network)?;
    }
    Ok(found)
}

/// Gives a socket a name; EADDRINUSE.
pub fn bind(key: Key, socket: &Arc<UnixSocket>) -> Result<Arc<Name>> {
    let name = machine::memory::try_arc(Name { links: Links::new(), key, socket: Arc::downgrade(socket) })?;
    let mut names = name.key.names().ok_or(ENOMEM)?.lock();
    if names.iter().any(|other| other.key.is_same(&name.key)) {
        return Err(EADDRINUSE);
    }
    // A new node is on no list.
    let refused = names.push_back(name.clone());
    drop(names);
    drop(refused);
    Ok(name)
}
/// Takes a name away.
pub fn unbind(name: &Name) {
    if let Some(names) = name.key.names() {
        let removed = names.lock().remove(name);
        drop(removed);
    }
}
/// The socket of a name.
pub fn find(key: &Key) -> Option<Arc<UnixSocket>> {
    let names = key.names()?.lock();
    names.iter().find(|name| name.key.is_same(key)).and_then(|name| name.socket.upgrade())
}
