//! Changes of devices, one after the other, and who is told of them.
use super::super::Protocol;
use super::super::message::Packet;
use super::super::send::broadcast;
use super::super::table::Place;
use super::super::writer::Writer;
use super::{DELETE_ADDRESS, GROUP_ADDRESS, GROUP_LINK, NEW_ADDRESS, NEW_LINK, address, link};
use crate::error::*;
use crate::net::NetworkNamespace;
use crate::net::device::{Device, DeviceAddress, SECONDARY};

/// Tells a group; without memory it is not told.
fn tell(
    network: &NetworkNamespace,
    kind: u16,
    group: u32,
    asker: (u32, u32),
    write: impl FnOnce(&mut Writer) -> Result<()>,
) {
    let mut writer = Writer::new(asker.0, asker.1);
    let written = writer.begin(kind, 0).and_then(|()| write(&mut writer));
    writer.end();
    if written.is_ok()
        && let Ok(packet) = Packet::of_kernel(writer.into_bytes(), group)
    {
        // Nobody needs to listen.
        let _ = broadcast(Place::Namespace(network.identity.inode), Protocol::Route, &packet, 0, None);
    }
}
fn tell_of_device(network: &NetworkNamespace, device: &Device, changed: u32) {
    tell(network, NEW_LINK, GROUP_LINK, (0, 0), |writer| link::describe(device, changed, writer));
}

/// Sets the flags of a device; ENOMEM.
pub fn set_flags(network: &NetworkNamespace, device: &Device, flags: u32) -> Result<()> {
    let guard = network.changes.lock();
    let had_address = device.address(0).is_some();
    let changed = device.set_flags(flags)?;
    if changed != 0 {
        tell_of_device(network, device, changed);
    }
    if !had_address && let Some(address) = device.address(0) {
        tell_of_address(network, device, &address, NEW_ADDRESS, (0, 0));
    }
    drop(guard);
    Ok(())
}
/// Sets the most bytes of a message; EINVAL for a negative number. Below what IPv4 needs, the device loses its addresses.
pub fn set_mtu(network: &NetworkNamespace, device: &Device, mtu: i32) -> Result<()> {
    const LEAST_OF_INET: i32 = 68;
    let mtu_bytes = u32::try_from(mtu).map_err(|_| EINVAL)?;
    let guard = network.changes.lock();
    if device.set_mtu(mtu_bytes) {
        if mtu < LEAST_OF_INET {
            while let Some(address) = device.remove_address(|_| true) {
                tell_of_address(network, device, &address, DELETE_ADDRESS, (0, 0));
            }
        }
        tell_of_device(network, device, 0);
    }
    drop(guard);
    Ok(())
}
/// Sets the length of the queue.
pub fn set_queue_length(network: &NetworkNamespace, device: &Device, length: u32) {
    let guard = network.changes.lock();
    if device.set_queue_length(length) {
        tell_of_device(network, device, 0);
    }
    drop(guard);
}

fn tell_of_address(network: &NetworkNamespace, device: &Device, address: &DeviceAddress, kind: u16, asker: (u32, u32)) {
    tell(network, kind, GROUP_ADDRESS, asker, |writer| address::describe(device, address, writer));
}
/// Adds an address: EEXIST, EINVAL for another scope than others of its network have, ENOBUFS. `asker` is a port and the number of
/// its request.
pub fn add_address(
    network: &NetworkNamespace,
    device: &Device,
    address: DeviceAddress,
    asker: (u32, u32),
) -> Result<()> {
    let guard = network.changes.lock();
    let added = device.add_address(address)?;
    tell_of_address(network, device, &added, NEW_ADDRESS, asker);
    drop(guard);
    Ok(())
}
/// Takes an address away, and with the first of a network the others of it: EADDRNOTAVAIL.
pub fn remove_address(
    network: &NetworkNamespace,
    device: &Device,
    asker: (u32, u32),
    choose: impl Fn(&DeviceAddress) -> bool,
) -> Result<()> {
    let guard = network.changes.lock();
    let removed = device.remove_address(choose).ok_or(EADDRNOTAVAIL)?;
    if removed.flags & SECONDARY == 0 {
        let follows = |other: &DeviceAddress| {
            other.flags & SECONDARY != 0 && other.prefix == removed.prefix && other.has_in_network(removed.peer)
        };
        while let Some(other) = device.remove_address(follows) {
            tell_of_address(network, device, &other, DELETE_ADDRESS, asker);
        }
    }
    tell_of_address(network, device, &removed, DELETE_ADDRESS, asker);
    drop(guard);
    Ok(())
}
