//! Which drivers serve which device numbers, and their nodes in devtmpfs.
use crate::error::*;
use crate::file::attributes::DeviceNumber;
use crate::file::{FileOperations, Inode};
use crate::sync::{Mutex, rank};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::ops::Range;

/// Opens a device: gets the node's inode (its device number says which) and the O_* flags.
pub type OpenDevice = fn(node: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>>;

#[derive(Clone)]
struct Registration {
    major: u32,
    minors: Range<u32>,
    name: &'static str,
    open: OpenDevice,
}

static CHARACTER_DEVICES: Mutex<Vec<Registration>> = Mutex::new(rank::DEVICE_REGISTRY, Vec::new());

/// Makes a driver serve a range of character devices; EBUSY if some of it is taken. Nodes are made by
/// [`crate::file::devtmpfs::add_node`].
pub fn register_character(major: u32, minors: Range<u32>, name: &'static str, open: OpenDevice) -> Result<()> {
    let mut devices = CHARACTER_DEVICES.lock();
    let overlaps = |other: &Registration| {
        other.major == major && other.minors.start < minors.end && minors.start < other.minors.end
    };
    if devices.iter().any(overlaps) {
        return Err(EBUSY);
    }
    devices.try_reserve(1)?;
    devices.push(Registration { major, minors, name, open });
    Ok(())
}

/// Takes a driver's registration back.
pub fn unregister_character(major: u32, minors: Range<u32>) {
    CHARACTER_DEVICES.lock().retain(|device| device.major != major || device.minors != minors);
}

/// Opens the character device behind a node; ENXIO without a driver.
pub fn open_character(node: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>> {
    let DeviceNumber { major, minor } = node.device();
    let serves = |device: &&Registration| device.major == major && device.minors.contains(&minor);
    let open = CHARACTER_DEVICES.lock().iter().find(serves).map(|device| device.open).ok_or(ENXIO)?;
    open(node, flags)
}

/// The text of /proc/devices.
pub fn devices() -> String {
    use core::fmt::Write;
    let mut text = String::from("Character devices:\n");
    let mut seen: Vec<(u32, &'static str)> =
        CHARACTER_DEVICES.lock().iter().map(|device| (device.major, device.name)).collect();
    crate::sort::by_key(&mut seen, |device| *device);
    seen.dedup();
    for (major, name) in seen {
        let _ = writeln!(text, "{major:3} {name}");
    }
    text.push_str("\nBlock devices:\n");
    text
}
