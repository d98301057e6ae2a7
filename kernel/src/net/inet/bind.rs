//! Ports: bind(2), and those that sockets get by themselves.
use super::address::{ANY, BROADCAST, Endpoint, UNSPECIFIED, is_multicast};
use super::{FAMILY, InetSocket, table};
use crate::error::*;
use crate::net::SocketAddress;
use crate::process::{Capability, Task};
use alloc::sync::Arc;

/// The first port that everybody may have (net.ipv4.ip_unprivileged_port_start).
const FIRST_OPEN_PORT: u16 = 1024;
/// Ports that sockets get by themselves (net.ipv4.ip_local_port_range).
const FIRST_OWN_PORT: u16 = 32768;
const OWN_PORTS: u16 = 60999 - FIRST_OWN_PORT + 1;

impl InetSocket {
    /// bind(2), in Linux's order: EINVAL, EAFNOSUPPORT, EADDRNOTAVAIL, EACCES, EADDRINUSE.
    pub(super) fn bind(self: &Arc<Self>, task: &Task, address: &SocketAddress) -> Result<()> {
        let (family, wanted) = Endpoint::decode(address)?;
        let is_any = wanted.address == ANY;
        if family != FAMILY as u16 && !(family == UNSPECIFIED && is_any) {
            return Err(EAFNOSUPPORT);
        }
        let device = &self.network.loopback;
        // As on Linux, where a network that never had a route has no table that an address could be missing from.
        let had_routes = || device.has_been_up() || device.with_addresses(|all, _| all.iter().any(|own| own.is_routed));
        let is_own = || device.takes(wanted.address) || !had_routes();
        if !is_any && !is_multicast(wanted.address) && wanted.address != BROADCAST && !is_own() {
            return Err(EADDRNOTAVAIL);
        }
        let may_serve = || task.capable_in(&self.network.identity.owner, Capability::NetBindService);
        if wanted.port != 0 && wanted.port < FIRST_OPEN_PORT && !may_serve() {
            return Err(EACCES);
        }
        if self.state.lock().own.port != 0 {
            return Err(EINVAL.because("the socket has a port"));
        }
        match wanted.port {
            0 => self.take_free_port(wanted.address, true),
            _ => table::bind(self, wanted, |state| {
                (state.address_is_chosen, state.port_is_chosen) = (!is_any, true);
            }),
        }
    }
    /// Gives a socket without a port one, as whoever sends or connects needs it; EAGAIN if there is none.
    pub(super) fn ensure_port(self: &Arc<Self>) -> Result<()> {
        let own = self.state.lock().own;
        if own.port != 0 {
            return Ok(());
        }
        match self.take_free_port(own.address, false) {
            // Another thread was quicker.
            Err(error) if error == EINVAL => Ok(()),
            Err(error) if error == EADDRINUSE => Err(EAGAIN),
            result => result,
        }
    }
    /// Ports are tried from a random one on.
    fn take_free_port(self: &Arc<Self>, address: [u8; 4], is_bound: bool) -> Result<()> {
        let mut start = [0; 2];
        crate::random::fill(&mut start);
        let start = u16::from_le_bytes(start) % OWN_PORTS;
        for step in 0..OWN_PORTS {
            let place = (u32::from(start) + u32::from(step)) % u32::from(OWN_PORTS);
            let own = Endpoint { address, port: FIRST_OWN_PORT + place as u16 };
            let result = table::bind(self, own, |state| state.address_is_chosen |= is_bound && address != ANY);
            match result {
                Err(error) if error == EADDRINUSE => (),
                result => return result,
            }
        }
        Err(EADDRINUSE)
    }
    /// Whether another socket may have the same port: both say so, and for SO_REUSEPORT alone have one user.
    pub(super) fn shares_with(&self, other: &InetSocket) -> bool {
        let both_reuse = self.options.reuses_address() && other.options.reuses_address();
        both_reuse || (self.options.reuses_port() && other.options.reuses_port() && self.user == other.user)
    }
}
