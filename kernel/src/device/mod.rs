//! Devices and their drivers.
pub mod kmsg;
pub mod memory;
pub mod registry;
pub mod virtio;

pub use registry::{register_character, unregister_character};

use crate::error::Result;
use crate::file::attributes::FileType;
use crate::file::{DeviceNumber, devtmpfs};

/// Registers the character devices that need no hardware and makes their nodes. Once, at boot, when devtmpfs is there.
pub fn initialize() -> Result<()> {
    memory::initialize()?;
    virtio::console::initialize()
}

/// Makes the node of a character device in devtmpfs.
pub(crate) fn add_character_node(name: &str, permissions: u32, major: u32, minor: u32) -> Result<()> {
    devtmpfs::add_node(name, FileType::CharacterDevice as u32 | permissions, DeviceNumber::new(major, minor))
}
