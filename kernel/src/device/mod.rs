//! Devices and their drivers.
pub mod kmsg;
pub mod memory;
pub mod registry;
pub mod tty;
pub mod virtio;

pub use registry::{register_character, unregister_character};

use crate::error::Result;
use crate::file::attributes::FileType;
use crate::file::{DeviceNumber, devtmpfs, sysfs};

/// Registers the drivers, makes their nodes and starts the devices that are there. Once, at boot, by pid 1.
pub fn initialize() -> Result<()> {
    sysfs::system::add_processors()?;
    memory::initialize()?;
    tty::initialize()?;
    crate::trace::device::initialize()?;
    virtio::console::initialize()?;
    virtio::initialize();
    Ok(())
}

/// Makes the node of a character device in devtmpfs, and shows it in sysfs.
pub(crate) fn add_character_node(name: &str, permissions: u32, major: u32, minor: u32) -> Result<()> {
    devtmpfs::add_node(name, FileType::CharacterDevice as u32 | permissions, DeviceNumber::new(major, minor))?;
    sysfs::system::add_device(name, permissions, major, minor)
        .inspect_err(|_| remove_character_node(name, major, minor))
}

/// Removes both. A node that somebody has removed already is no matter.
pub(crate) fn remove_character_node(name: &str, major: u32, minor: u32) {
    let _ = devtmpfs::remove_node(name);
    sysfs::system::remove_device(name, major, minor);
}
