//! virtio-9p.
use super::transport::Transport;
use alloc::sync::Arc;

/// Starts the driver on a device.
pub fn start(_transport: Arc<dyn Transport>) -> Result<(), &'static str> {
    Err("not supported")
}
