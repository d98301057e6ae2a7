//! Addresses of IPv4: `struct sockaddr_in` (ip(7)).
use super::FAMILY;
use crate::error::*;
use crate::net::SocketAddress;

/// Bytes of `struct sockaddr_in`.
pub const LENGTH: usize = 16;
/// INADDR_ANY.
pub const ANY: [u8; 4] = [0; 4];
/// INADDR_BROADCAST.
pub const BROADCAST: [u8; 4] = [255; 4];
/// AF_UNSPEC.
pub const UNSPECIFIED: u16 = 0;

/// An address and a port.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Endpoint {
    /// The address, in network order.
    pub address: [u8; 4],
    /// The port, in the machine's order.
    pub port: u16,
}

impl Endpoint {
    /// Family and endpoint of a structure: EINVAL if it is too short.
    pub fn decode(address: &SocketAddress) -> Result<(u16, Endpoint)> {
        let [low, high, port_high, port_low, a, b, c, d, ..] = *address.as_bytes() else { return Err(EINVAL) };
        if address.as_bytes().len() < LENGTH {
            return Err(EINVAL);
        }
        let endpoint = Endpoint { address: [a, b, c, d], port: u16::from_be_bytes([port_high, port_low]) };
        Ok((u16::from_le_bytes([low, high]), endpoint))
    }
    /// As a structure.
    pub fn encode(self) -> SocketAddress {
        let mut bytes = [0; LENGTH];
        let [port_high, port_low] = self.port.to_be_bytes();
        let [a, b, c, d] = self.address;
        let front = [FAMILY as u8, 0, port_high, port_low, a, b, c, d];
        bytes.iter_mut().zip(front).for_each(|(to, from)| *to = from);
        SocketAddress::new(&bytes)
    }
}

/// Whether an address is one of many receivers.
pub fn is_multicast(address: [u8; 4]) -> bool {
    address.first().is_some_and(|first| first & 0xf0 == 0xe0)
}
