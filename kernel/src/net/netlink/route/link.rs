//! Devices: RTM_GETLINK and its like.
use super::super::request::{Outcome, Request, message_flag, word};
use super::super::writer::{Writer, attributes, find};
use super::{NEW_LINK, change};
use crate::error::*;
use crate::net::device::{Device, KIND_LOOPBACK, device_flag};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// Bytes of `struct ifinfomsg`.
const INFORMATION: usize = 16;
/// IFLA_* attributes.
mod attribute {
    pub const ADDRESS: u16 = 1;
    pub const BROADCAST: u16 = 2;
    pub const NAME: u16 = 3;
    pub const MTU: u16 = 4;
    pub const QUEUE_DISCIPLINE: u16 = 6;
    pub const STATISTICS_32: u16 = 7;
    pub const QUEUE_LENGTH: u16 = 13;
    pub const MAP: u16 = 14;
    pub const OPERATIONAL_STATE: u16 = 16;
    pub const LINK_MODE: u16 = 17;
    pub const INFORMATION: u16 = 18;
    pub const STATISTICS: u16 = 23;
    pub const AF_SPECIFIC: u16 = 26;
    pub const GROUP: u16 = 27;
    pub const EXTENSION_MASK: u16 = 29;
    pub const PROMISCUITY: u16 = 30;
    pub const SEND_QUEUES: u16 = 31;
    pub const RECEIVE_QUEUES: u16 = 32;
    pub const CARRIER: u16 = 33;
    pub const CARRIER_CHANGES: u16 = 35;
    pub const PROTOCOL_DOWN: u16 = 39;
    pub const CARRIER_UPS: u16 = 47;
    pub const CARRIER_DOWNS: u16 = 48;
    pub const LEAST_MTU: u16 = 50;
    pub const LARGEST_MTU: u16 = 51;
    pub const OTHER_NAME: u16 = 53;
}
/// IF_OPER_DOWN; a loopback device that is up has none (IF_OPER_UNKNOWN).
const STATE_DOWN: u8 = 2;

/// Writes all about a device; `changed` are the flags that have changed.
pub fn describe(device: &Device, changed: u32, writer: &mut Writer) -> Result<()> {
    let flags = device.flags();
    let is_up = flags & device_flag::UP != 0;
    writer.put(&[0, 0])?;
    writer.put(&KIND_LOOPBACK.to_le_bytes())?;
    for value in [device.index, flags, changed] {
        writer.put(&value.to_le_bytes())?;
    }
    writer.text(attribute::NAME, device.name.as_bytes())?;
    writer.word(attribute::QUEUE_LENGTH, device.queue_length())?;
    writer.attribute(attribute::OPERATIONAL_STATE, &[if is_up { 0 } else { STATE_DOWN }])?;
    writer.attribute(attribute::LINK_MODE, &[0])?;
    writer.word(attribute::MTU, device.mtu())?;
    writer.word(attribute::LEAST_MTU, 0)?;
    writer.word(attribute::LARGEST_MTU, 0)?;
    writer.word(attribute::GROUP, 0)?;
    writer.word(attribute::PROMISCUITY, u32::from(flags & device_flag::PROMISCUOUS != 0))?;
    writer.word(attribute::SEND_QUEUES, 1)?;
    writer.word(attribute::RECEIVE_QUEUES, 1)?;
    writer.attribute(attribute::CARRIER, &[1])?;
    writer.text(attribute::QUEUE_DISCIPLINE, if device.has_been_up() { b"noqueue" } else { b"noop" })?;
    for kind in [attribute::CARRIER_CHANGES, attribute::CARRIER_UPS, attribute::CARRIER_DOWNS] {
        writer.word(kind, 0)?;
    }
    writer.attribute(attribute::PROTOCOL_DOWN, &[0])?;
    writer.attribute(attribute::MAP, &[0; 32])?;
    writer.attribute(attribute::ADDRESS, &[0; 6])?;
    writer.attribute(attribute::BROADCAST, &[0; 6])?;
    statistics(device, writer)
}

/// The counts, as words of 64 and of 32 bits: received, sent, their bytes, errors, and what was dropped.
fn statistics(device: &Device, writer: &mut Writer) -> Result<()> {
    /// How many counts there are, and how many of them a structure of 32 bits has.
    const COUNTS: usize = 25;
    const COUNTS_32: usize = 24;
    let read = |count: &core::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    let (packets, bytes) = (read(&device.counts.packets), read(&device.counts.bytes));
    let mut counts = [0u64; COUNTS];
    counts
        .iter_mut()
        .zip([packets, packets, bytes, bytes, 0, 0, read(&device.counts.dropped)])
        .for_each(|(to, from)| *to = from);
    let start = writer.nest(attribute::STATISTICS)?;
    for count in counts {
        writer.put(&count.to_le_bytes())?;
    }
    writer.end_nest(start);
    let start = writer.nest(attribute::STATISTICS_32)?;
    for count in counts.iter().take(COUNTS_32) {
        writer.put(&(*count as u32).to_le_bytes())?;
    }
    writer.end_nest(start);
    Ok(())
}

/// What a request about a device says.
struct Wanted<'a> {
    index: u32,
    flags: u32,
    changed: u32,
    name: Option<&'a [u8]>,
    attributes: &'a [u8],
}
fn read<'a>(request: &Request<'a>) -> Result<Wanted<'a>> {
    let field = |at: usize| word(request.body, at).ok_or(EINVAL);
    let attributes = request.body.get(INFORMATION..).ok_or(EINVAL.because("the header is cut short"))?;
    let name = find(attributes, attribute::NAME).or_else(|| find(attributes, attribute::OTHER_NAME));
    Ok(Wanted { index: field(4)?, flags: field(8)?, changed: field(12)?, name, attributes })
}
/// The device of a request: by number, or else by name; EINVAL if it says neither, ENODEV.
fn device_of<'a>(request: &Request<'a>, wanted: &Wanted) -> Result<&'a Arc<Device>> {
    let network = &request.socket.network;
    match (wanted.index as i32, wanted.name) {
        (1.., _) => network.device(wanted.index),
        (_, Some(name)) => network.device_named(name),
        _ => return Err(EINVAL),
    }
    .ok_or(ENODEV)
}

/// RTM_GETLINK of one device.
pub fn get(request: &Request) -> Result<Outcome> {
    let wanted = read(request)?;
    let device = device_of(request, &wanted)?;
    let mut writer = request.writer();
    writer.begin(NEW_LINK, 0)?;
    describe(device, 0, &mut writer)?;
    writer.end();
    request.socket.answer(writer.into_bytes())?;
    Ok(Outcome::Done)
}

/// RTM_SETLINK.
pub fn set(request: &Request) -> Result<Outcome> {
    let wanted = read(request)?;
    let device = device_of(request, &wanted)?;
    apply(request, device, &wanted)
}

/// RTM_NEWLINK: changes a device that there is; no other can be made.
pub fn make(request: &Request) -> Result<Outcome> {
    let wanted = read(request)?;
    match device_of(request, &wanted) {
        Ok(_) if request.header.has(message_flag::EXCLUSIVE) => Err(EEXIST),
        Ok(_) if request.header.has(message_flag::REPLACE) => Err(EOPNOTSUPP),
        Ok(device) => apply(request, device, &wanted),
        Err(error) if request.header.has(message_flag::CREATE) => {
            let _ = error;
            Err(EOPNOTSUPP.because("no kind of device can be made"))
        }
        Err(_) => Err(ENODEV),
    }
}

/// RTM_DELLINK: the loopback device stays.
pub fn delete(request: &Request) -> Result<Outcome> {
    let wanted = read(request)?;
    device_of(request, &wanted)?;
    Err(EOPNOTSUPP)
}

fn apply(request: &Request, device: &Arc<Device>, wanted: &Wanted) -> Result<Outcome> {
    let network = &request.socket.network;
    for (kind, value) in attributes(wanted.attributes) {
        match kind {
            attribute::MTU => {
                let mtu = word(value, 0).ok_or(ERANGE)?;
                change::set_mtu(network, device, i32::try_from(mtu).map_err(|_| EINVAL)?)?;
            }
            attribute::QUEUE_LENGTH => change::set_queue_length(network, device, word(value, 0).ok_or(ERANGE)?),
            // How it was found, or what asks for nothing.
            attribute::NAME | attribute::OTHER_NAME if wanted.index == 0 => {}
            attribute::EXTENSION_MASK => {}
            attribute::NAME if value.split(|byte| *byte == 0).next() == Some(device.name.as_bytes()) => {}
            attribute::INFORMATION | attribute::AF_SPECIFIC if value.is_empty() => {}
            _ => return Err(EOPNOTSUPP.because("this of a device cannot be changed")),
        }
    }
    if wanted.flags != 0 || wanted.changed != 0 {
        let flags = match wanted.changed {
            0 => wanted.flags,
            changed => wanted.flags & changed | device.flags() & !changed,
        };
        change::set_flags(network, device, flags)?;
    }
    Ok(Outcome::Done)
}
