//! Devices and their drivers.
pub mod kmsg;
pub mod memory;
pub mod registry;
pub mod tty;
pub mod virtio;

pub use registry::{register_character, unregister_character};

use crate::error::Result;
use crate::file::attributes::FileType;
use crate::file::{DeviceNumber, devtmpfs};

/// Registers the drivers, makes their nodes and starts the devices that are there. Once, at boot, by pid 1.
pub fn initialize() -> Result<()> {
    memory::initialize()?;
    tty::initialize()?;
    crate::trace::device::initialize()?;
    virtio::console::initialize()?;
    virtio::initialize();
    Ok(())
}

/// Makes the node of a character device in devtmpfs.
pub(crate) fn add_character_node(name: &str, permissions: u32, major: u32, minor: u32) -> Result<()> {
    devtmpfs::add_node(name, FileType::CharacterDevice as u32 | permissions, DeviceNumber::new(major, minor))
}
