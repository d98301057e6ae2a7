//! IPv4 addresses of devices: RTM_GETADDR and its like.
use super::super::request::{Outcome, Request, message_flag, word};
use super::super::writer::{Writer, find};
use super::{INET, change};
use crate::error::*;
use crate::net::device::{Device, DeviceAddress, label};
use alloc::sync::Arc;

/// Bytes of `struct ifaddrmsg`.
const INFORMATION: usize = 8;
/// IFA_* attributes.
mod attribute {
    pub const ADDRESS: u16 = 1;
    pub const LOCAL: u16 = 2;
    pub const LABEL: u16 = 3;
    pub const BROADCAST: u16 = 4;
    pub const TIMES: u16 = 6;
    pub const FLAGS: u16 = 8;
}
/// IFA_F_PERMANENT, and those flags that a program may set.
const PERMANENT: u32 = 0x80;
const SETTABLE: u32 = 0x200;
const FOREVER: u32 = u32::MAX;

/// Writes all about an address.
pub fn describe(device: &Device, address: &DeviceAddress, writer: &mut Writer) -> Result<()> {
    writer.put(&[INET, address.prefix, address.flags as u8, address.scope])?;
    writer.put(&device.index.to_le_bytes())?;
    writer.attribute(attribute::ADDRESS, &address.peer)?;
    writer.attribute(attribute::LOCAL, &address.local)?;
    if let Some(broadcast) = address.broadcast {
        writer.attribute(attribute::BROADCAST, &broadcast)?;
    }
    let name = address.label.split(|byte| *byte == 0).next().unwrap_or(&[]);
    writer.text(attribute::LABEL, name)?;
    writer.word(attribute::FLAGS, address.flags)?;
    let made = (address.made / 10_000_000) as u32;
    let times = [FOREVER, FOREVER, made, made].map(u32::to_le_bytes);
    writer.attribute(attribute::TIMES, times.as_flattened())
}

/// The device that a list is to be of, where the socket wants requests taken at their word; 0 is all. EINVAL, ENODEV.
pub fn list_filter(request: &Request) -> Result<u32> {
    if !request.is_strict() {
        return Ok(0);
    }
    let index = word(request.body, 4).ok_or(EINVAL)?;
    match (request.body.get(1..4), index) {
        (Some([0, 0, 0]), 0) => Ok(0),
        (Some([0, 0, 0]), index) => request.socket.network.device(index).map(|_| index).ok_or(ENODEV),
        _ => Err(EINVAL),
    }
}

/// What a request says of an address.
struct Wanted<'a> {
    prefix: u8,
    flags: u8,
    scope: u8,
    index: u32,
    attributes: &'a [u8],
}
impl<'a> Wanted<'a> {
    fn read(request: &Request<'a>) -> Result<Wanted<'a>> {
        match (request.body, word(request.body, 4), request.body.get(INFORMATION..)) {
            ([_, prefix, flags, scope, ..], Some(index), Some(attributes)) => {
                Ok(Wanted { prefix: *prefix, flags: *flags, scope: *scope, index, attributes })
            }
            _ => Err(EINVAL.because("the header is cut short")),
        }
    }
    /// An address among the attributes; ERANGE for one that is too short.
    fn address(&self, kind: u16) -> Result<Option<[u8; 4]>> {
        let value = find(self.attributes, kind);
        value.map(|value| value.get(..4).and_then(|value| value.try_into().ok()).ok_or(ERANGE)).transpose()
    }
    fn device<'b>(&self, request: &Request<'b>) -> Result<&'b Arc<Device>> {
        request.socket.network.device(self.index).ok_or(ENODEV)
    }
}

/// RTM_NEWADDR: EINVAL, ENODEV, EEXIST. Addresses with an end are not known.
pub fn add(request: &Request) -> Result<Outcome> {
    let wanted = Wanted::read(request)?;
    let local = wanted.address(attribute::LOCAL)?;
    let (Some(local), 0..=32) = (local, wanted.prefix) else { return Err(EINVAL) };
    let device = wanted.device(request)?;
    if let Some(times) = find(wanted.attributes, attribute::TIMES)
        && (word(times, 0), word(times, 4)) != (Some(FOREVER), Some(FOREVER))
    {
        return Err(EOPNOTSUPP.because("addresses do not end by themselves"));
    }
    let flags =
        find(wanted.attributes, attribute::FLAGS).and_then(|value| word(value, 0)).unwrap_or(wanted.flags.into());
    let name = find(wanted.attributes, attribute::LABEL).unwrap_or(device.name.as_bytes());
    let address = DeviceAddress {
        local,
        peer: wanted.address(attribute::ADDRESS)?.unwrap_or(local),
        broadcast: wanted.address(attribute::BROADCAST)?,
        prefix: wanted.prefix,
        scope: wanted.scope,
        flags: flags & SETTABLE | PERMANENT,
        label: label(name.split(|byte| *byte == 0).next().unwrap_or(name)),
        is_routed: false,
        made: machine::time::monotonic(),
    };
    let network = &request.socket.network;
    let asker = (request.port, request.header.sequence);
    match change::add_address(network, device, address, asker) {
        // It is as it was asked for.
        Err(error)
            if error == EEXIST
                && request.header.has(message_flag::REPLACE)
                && !request.header.has(message_flag::EXCLUSIVE) =>
        {
            Ok(Outcome::Done)
        }
        other => other.map(|()| Outcome::Done),
    }
}

/// RTM_DELADDR: EADDRNOTAVAIL.
pub fn delete(request: &Request) -> Result<Outcome> {
    let wanted = Wanted::read(request)?;
    let device = wanted.device(request)?;
    let (local, peer) = (wanted.address(attribute::LOCAL)?, wanted.address(attribute::ADDRESS)?);
    let name = find(wanted.attributes, attribute::LABEL)
        .map(|name| label(name.split(|byte| *byte == 0).next().unwrap_or(name)));
    let choose = |own: &DeviceAddress| {
        local.is_none_or(|local| own.local == local)
            && name.is_none_or(|name| own.label == name)
            && peer.is_none_or(|peer| own.prefix == wanted.prefix && own.has_in_network(peer))
    };
    let asker = (request.port, request.header.sequence);
    change::remove_address(&request.socket.network, device, asker, choose).map(|()| Outcome::Done)
}
