//! connect(2): the peer whom a socket sends to, and hears from alone.
use super::address::{ANY, BROADCAST, Endpoint, UNSPECIFIED, is_multicast};
use super::{FAMILY, InetSocket, table};
use crate::error::*;
use crate::net::SocketAddress;
use alloc::sync::Arc;

/// The address of the loopback device that is there first.
const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

impl InetSocket {
    /// Names the peer, or with AF_UNSPEC forgets it: EINVAL, EAFNOSUPPORT, ENETUNREACH, EAGAIN without a port.
    pub(super) fn connect(self: &Arc<Self>, address: &SocketAddress) -> Result<()> {
        if address.family().ok_or(EINVAL)? == UNSPECIFIED {
            self.disconnect();
            return Ok(());
        }
        self.ensure_port()?;
        let (family, wanted) = Endpoint::decode(address)?;
        if family != FAMILY as u16 {
            return Err(EAFNOSUPPORT);
        }
        let own = self.state.lock().own.address;
        let (to, source) = self.route(wanted, own)?;
        let mut state = self.state.lock();
        if state.own.address == ANY {
            state.own.address = source;
        }
        state.peer = Some(to);
        Ok(())
    }
    fn disconnect(&self) {
        let gives_port_back = {
            let mut state = self.state.lock();
            state.peer = None;
            if !state.address_is_chosen {
                state.own.address = ANY;
            }
            !state.port_is_chosen
        };
        if gives_port_back {
            table::remove(self);
        }
    }
    /// Where a datagram really goes, and the address it comes from unless the socket has one: ENETUNREACH. To no address in particular
    /// is to the socket's own, whatever the device's state.
    pub(super) fn route(&self, to: Endpoint, own: [u8; 4]) -> Result<(Endpoint, [u8; 4])> {
        let device = &self.network.loopback;
        if to.address == ANY {
            let address = if own == ANY { LOOPBACK } else { own };
            return Ok((Endpoint { address, ..to }, address));
        }
        if is_multicast(to.address) || to.address == BROADCAST || !device.takes(to.address) {
            return Err(ENETUNREACH);
        }
        // An address of the device's own is what it is sent from as well; another one of its network is reached from the network's.
        let source = device.with_addresses(|addresses, _| {
            let own = addresses.iter().find(|own| own.local == to.address);
            own.or_else(|| addresses.iter().find(|own| own.has_in_network(to.address))).map(|own| own.local)
        });
        Ok((to, source.ok_or(ENETUNREACH)?))
    }
}
