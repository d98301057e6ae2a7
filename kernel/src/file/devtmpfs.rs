//! devtmpfs: a tmpfs in which drivers make their nodes.
use super::attributes::DeviceNumber;
use crate::error::*;

/// Makes a node such as "null" or "pts/ptmx" (directories on the way are made); `mode` with type bits.
pub fn add_node(_path: &str, _mode: u32, _device: DeviceNumber) -> Result<()> {
    todo!()
}
/// Makes a symbolic link such as "fd" to "/proc/self/fd".
pub fn add_link(_path: &str, _target: &str) -> Result<()> {
    todo!()
}
/// Removes a node.
pub fn remove_node(_path: &str) -> Result<()> {
    todo!()
}
