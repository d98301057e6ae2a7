//! Routes: there are no others than those that follow from addresses (RTM_GETROUTE). Those to the machine itself stay when the device
//! goes down.
use super::super::writer::Writer;
use super::INET;
use crate::error::*;
use crate::net::device::{Device, DeviceAddress, SECONDARY};

/// RT_TABLE_LOCAL and RTPROT_KERNEL.
const TABLE_LOCAL: u8 = 255;
const BY_KERNEL: u8 = 2;
const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;
/// RTN_* types.
const LOCAL: u8 = 2;
const BROADCAST: u8 = 3;
/// RTA_* attributes.
mod attribute {
    pub const DESTINATION: u16 = 1;
    pub const DEVICE: u16 = 4;
    pub const SOURCE: u16 = 7;
    pub const TABLE: u16 = 15;
}

/// A route of the table of local addresses.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    destination: u32,
    prefix: u8,
    kind: u8,
    source: [u8; 4],
}

impl Route {
    /// Where it is in the list: by destination, then the narrowest network first. Never 0.
    fn key(&self) -> u64 {
        u64::from(self.destination) << 16 | u64::from(33 - self.prefix.min(32)) << 8 | u64::from(self.kind)
    }
}

/// The routes of one address: to itself, to its network, to all in that, and to those it names itself as all.
fn routes_of(address: &DeviceAddress, is_up: bool) -> [Option<Route>; 4] {
    if !address.is_routed {
        return [None; 4];
    }
    let (mask, source) = (address.mask(), address.local);
    let own = u32::from_be_bytes(address.local);
    let network = u32::from_be_bytes(address.peer) & mask;
    let route = |destination: u32, prefix: u8, kind: u8| Some(Route { destination, prefix, kind, source });
    let is_first = address.flags & SECONDARY == 0;
    let has_network = is_first && (network != own || address.prefix < 32) && network >> 24 != 0;
    [
        if has_network { route(network, address.prefix, LOCAL) } else { None },
        route(own, 32, LOCAL),
        address
            .broadcast
            .filter(|all| is_up && *all != [255; 4])
            .and_then(|all| route(u32::from_be_bytes(all), 32, BROADCAST)),
        if has_network && address.prefix < 31 && is_up { route(network | !mask, 32, BROADCAST) } else { None },
    ]
}
/// The first route behind a place in the list, and its own place; the list begins behind 0.
pub fn next(device: &Device, place: u64) -> Option<(u64, Route)> {
    device.with_addresses(|addresses, is_up| {
        let routes = addresses.iter().flat_map(|address| routes_of(address, is_up).map(|route| (address, route)));
        let behind =
            routes.filter_map(|(address, route)| Some((address, route?))).filter(|(_, route)| route.key() > place);
        let (address, mut route) = behind.min_by_key(|(_, route)| route.key())?;
        if address.flags & SECONDARY != 0 {
            // Messages to it answer from the first address of its network.
            let is_first = |other: &&DeviceAddress| {
                other.flags & SECONDARY == 0 && other.prefix == address.prefix && other.has_in_network(address.peer)
            };
            route.source = addresses.iter().find(is_first).map_or(route.source, |first| first.local);
        }
        Some((route.key(), route))
    })
}
/// Writes all about a route.
pub fn describe(device: &Device, route: &Route, writer: &mut Writer) -> Result<()> {
    let scope = if route.kind == BROADCAST { SCOPE_LINK } else { SCOPE_HOST };
    writer.put(&[INET, route.prefix, 0, 0, TABLE_LOCAL, BY_KERNEL, scope, route.kind])?;
    writer.put(&[0; 4])?;
    writer.word(attribute::TABLE, TABLE_LOCAL.into())?;
    if route.prefix > 0 {
        writer.attribute(attribute::DESTINATION, &route.destination.to_be_bytes())?;
    }
    writer.attribute(attribute::SOURCE, &route.source)?;
    writer.word(attribute::DEVICE, device.index)
}
