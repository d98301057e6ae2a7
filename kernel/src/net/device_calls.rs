//! Device control of sockets: netdevice(7). It works on a socket of any family.
use super::NetworkNamespace;
use super::device::{Device, KIND_LOOPBACK, NAME_LENGTH};
use super::netlink::route::change;
use crate::error::*;
use crate::process::Task;
use crate::syscall::{UserPtr, UserSlice};
use abi::Abi;
use alloc::sync::Arc;

/// SIOC* commands.
mod command {
    pub const GET_NAME: u32 = 0x8910;
    pub const GET_CONFIGURATION: u32 = 0x8912;
    pub const GET_FLAGS: u32 = 0x8913;
    pub const SET_FLAGS: u32 = 0x8914;
    pub const GET_METRIC: u32 = 0x891d;
    pub const SET_METRIC: u32 = 0x891e;
    pub const GET_MTU: u32 = 0x8921;
    pub const SET_MTU: u32 = 0x8922;
    pub const SET_NAME: u32 = 0x8923;
    pub const SET_HARDWARE_ADDRESS: u32 = 0x8924;
    pub const GET_HARDWARE_ADDRESS: u32 = 0x8927;
    pub const GET_SLAVE: u32 = 0x8929;
    pub const SET_SLAVE: u32 = 0x8930;
    pub const ADD_MULTICAST: u32 = 0x8931;
    pub const DELETE_MULTICAST: u32 = 0x8932;
    pub const GET_INDEX: u32 = 0x8933;
    pub const SET_BROADCAST: u32 = 0x8937;
    pub const GET_QUEUE_LENGTH: u32 = 0x8942;
    pub const SET_QUEUE_LENGTH: u32 = 0x8943;
    pub const GET_MAP: u32 = 0x8970;
    pub const SET_MAP: u32 = 0x8971;
    /// What is asked of a device, and changes of one.
    pub const GETS: [u32; 8] =
        [GET_FLAGS, GET_METRIC, GET_MTU, GET_SLAVE, GET_INDEX, GET_QUEUE_LENGTH, GET_MAP, GET_HARDWARE_ADDRESS];
    pub const SETS: [u32; 11] = [
        SET_FLAGS,
        SET_METRIC,
        SET_MTU,
        SET_NAME,
        SET_HARDWARE_ADDRESS,
        SET_SLAVE,
        ADD_MULTICAST,
        DELETE_MULTICAST,
        SET_BROADCAST,
        SET_QUEUE_LENGTH,
        SET_MAP,
    ];
}
/// Commands of sockets have this in their second byte.
const OF_SOCKETS: u32 = 0x89;
/// Bytes of `struct ifreq`: the union at its end has 24, or 16 where words have 32 bits.
const LARGEST: usize = 40;

fn request_size(task: &Task) -> usize {
    if matches!(task.abi(), Abi::X86_64) { LARGEST } else { 32 }
}

/// One command: ENOTTY if it is none of a device's, EFAULT, ENODEV, EPERM for a change by who may not.
pub fn ioctl(task: &Task, network: &NetworkNamespace, command: u32, argument: u64) -> Result<usize> {
    if command >> 8 != OF_SOCKETS {
        return Err(ENOTTY);
    }
    let is_of_slaves = matches!(command, command::GET_SLAVE | command::SET_SLAVE);
    if is_of_slaves && !matches!(task.abi(), Abi::X86_64) {
        return Err(ENOTTY.because("Linux does not translate it"));
    }
    if command == command::GET_CONFIGURATION {
        return configuration(task, network, argument).map(|()| 0);
    }
    let mut request = [0; LARGEST];
    let size = request_size(task);
    UserSlice::new(argument, size).read(request.get_mut(..size).unwrap_or(&mut []))?;
    if command == command::GET_NAME {
        let index = number(&request);
        let device = u32::try_from(index).ok().and_then(|index| network.device(index)).ok_or(ENODEV)?;
        let name = super::device::label(device.name.as_bytes());
        request.iter_mut().zip(name).for_each(|(to, from)| *to = from);
    } else {
        let is_change = command::SETS.contains(&command);
        if !is_change && !command::GETS.contains(&command) {
            return Err(ENOTTY);
        }
        if is_change {
            network.require_administrator(task)?;
        }
        let name = request.get(..NAME_LENGTH - 1).unwrap_or(&[]);
        // What follows a colon names one of a device's addresses.
        let name = name.split(|byte| *byte == b':').next().unwrap_or(name);
        let device = network.device_named(name).ok_or(ENODEV)?;
        if is_change {
            return set(network, device, command, number(&request)).map(|()| 0);
        }
        get(device, command, &mut request)?;
    }
    UserSlice::new(argument, size).write(request.get(..size).unwrap_or(&[]))?;
    Ok(0)
}

/// The number behind the name.
fn number(request: &[u8; LARGEST]) -> i32 {
    request.get(NAME_LENGTH..NAME_LENGTH + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_le_bytes)
}
fn put(request: &mut [u8; LARGEST], bytes: &[u8]) {
    request.iter_mut().skip(NAME_LENGTH).zip(bytes).for_each(|(to, from)| *to = *from);
}

fn get(device: &Device, command: u32, request: &mut [u8; LARGEST]) -> Result<()> {
    match command {
        command::GET_FLAGS => put(request, &(device.flags() as u16).to_le_bytes()),
        command::GET_METRIC => put(request, &[0; 4]),
        command::GET_MTU => put(request, &device.mtu().to_le_bytes()),
        command::GET_INDEX => put(request, &device.index.to_le_bytes()),
        command::GET_QUEUE_LENGTH => put(request, &device.queue_length().to_le_bytes()),
        command::GET_MAP => put(request, &[0; 21]),
        command::GET_HARDWARE_ADDRESS => {
            let mut address = [0; 16];
            address.iter_mut().zip(KIND_LOOPBACK.to_le_bytes()).for_each(|(to, from)| *to = from);
            put(request, &address);
        }
        _ => return Err(EINVAL),
    }
    Ok(())
}

fn set(network: &NetworkNamespace, device: &Arc<Device>, command: u32, value: i32) -> Result<()> {
    match command {
        command::SET_FLAGS => change::set_flags(network, device, value as u32 & 0xffff),
        command::SET_MTU => change::set_mtu(network, device, value),
        command::SET_QUEUE_LENGTH => {
            change::set_queue_length(network, device, u32::try_from(value).map_err(|_| EINVAL)?);
            Ok(())
        }
        command::SET_SLAVE => Err(EINVAL),
        _ => Err(EOPNOTSUPP),
    }
}

/// SIOCGIFCONF: the addresses of all devices, or without a buffer the bytes they would take.
fn configuration(task: &Task, network: &NetworkNamespace, argument: u64) -> Result<()> {
    const INET: u16 = 2;
    let room = UserPtr::<i32>::new(argument).read(task)?;
    let buffer = match task.abi() {
        Abi::X86_64 => UserPtr::<u64>::new(argument.wrapping_add(8)).read(task)?,
        _ => UserPtr::<u32>::new(argument.wrapping_add(4)).read(task)?.into(),
    };
    let size = request_size(task);
    let mut total = 0;
    let mut place = 0;
    while let Some(address) = network.loopback.address(place) {
        place += 1;
        if buffer != 0 {
            if (room - total as i32) < size as i32 {
                break;
            }
            let mut entry = [0; LARGEST];
            entry.iter_mut().zip(address.label).for_each(|(to, from)| *to = from);
            let [low, high] = INET.to_le_bytes();
            let [a, b, c, d] = address.local;
            put(&mut entry, &[low, high, 0, 0, a, b, c, d]);
            UserSlice::new(buffer.wrapping_add(total as u64), size).write(entry.get(..size).unwrap_or(&[]))?;
        }
        total += size;
    }
    UserPtr::<i32>::new(argument).write(task, &(total as i32))
}
