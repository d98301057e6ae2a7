//! NETLINK_ROUTE: network devices, their addresses, and the routes that follow from those (rtnetlink(7)).
mod address;
pub mod change;
mod link;
mod table;

use super::NetlinkSocket;
use super::request::{Dump, DumpKind, Outcome, Request, message_flag};
use super::writer::Writer;
use crate::error::*;
use crate::process::Capability;
use alloc::sync::Arc;

const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const SET_LINK: u16 = 19;
const NEW_ADDRESS: u16 = 20;
const DELETE_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;
const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
/// RTM_MAX.
const LAST: u16 = 123;
/// RTNLGRP_* groups that changes are told to.
const GROUP_LINK: u32 = 1;
const GROUP_ADDRESS: u32 = 5;
/// AF_INET, and AF_BRIDGE.
const INET: u8 = 2;
const BRIDGE: u8 = 7;

/// The lists there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum List {
    /// Devices.
    Links,
    /// IPv4 addresses, of one device if it has a number.
    Addresses(u32),
    /// IPv4 routes.
    Routes,
    /// Nothing.
    Empty,
}

/// Handles one request: EPERM for changes by who may not, EOPNOTSUPP for what there is not.
pub fn handle(request: &Request) -> Result<Outcome> {
    let kind = request.header.kind;
    if kind > LAST {
        return Err(EOPNOTSUPP);
    }
    let Some(family) = request.body.first().copied() else { return Ok(Outcome::Done) };
    let asks = kind & 3 == 2;
    if !asks {
        request.require(&request.socket.network.identity.owner, Capability::NetAdmin)?;
    }
    if asks && request.header.has(message_flag::DUMP) {
        let list = match kind {
            GET_LINK if family == BRIDGE => List::Empty,
            GET_LINK => List::Links,
            GET_ADDRESS => List::Addresses(address::list_filter(request)?),
            GET_ROUTE => List::Routes,
            _ => return Err(EOPNOTSUPP),
        };
        return request.start_dump(DumpKind::Route(list));
    }
    match kind {
        GET_LINK => link::get(request),
        NEW_LINK => link::make(request),
        SET_LINK => link::set(request),
        DELETE_LINK => link::delete(request),
        NEW_ADDRESS if family == INET => address::add(request),
        DELETE_ADDRESS if family == INET => address::delete(request),
        _ => Err(EOPNOTSUPP),
    }
}

/// Writes the next entries of a list.
pub fn fill(socket: &Arc<NetlinkSocket>, list: List, dump: &mut Dump, writer: &mut Writer) -> Result<()> {
    let network = &socket.network;
    let device = &network.loopback;
    match list {
        List::Empty => {}
        List::Links => {
            if dump.place == 0 && writer.add(NEW_LINK, |writer| link::describe(device, 0, writer))? {
                dump.place = 1;
                dump.answered += 1;
            }
        }
        List::Addresses(index) if index != 0 && index != device.index => {}
        List::Addresses(_) => {
            while let Some(address) = device.address(dump.place) {
                if !writer.add(NEW_ADDRESS, |writer| address::describe(device, &address, writer))? {
                    break;
                }
                dump.place += 1;
                dump.answered += 1;
            }
        }
        List::Routes => {
            while let Some((place, route)) = table::next(device, dump.place as u64) {
                if !writer.add(NEW_ROUTE, |writer| table::describe(device, &route, writer))? {
                    break;
                }
                dump.place = place as usize;
                dump.answered += 1;
            }
        }
    }
    Ok(())
}
