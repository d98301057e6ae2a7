//! Virtio devices: negotiation and the drivers.
pub mod console;
pub mod ninep;
pub mod transport;

use crate::{info, warn};
use alloc::sync::Arc;
use machine::device::VirtioTransport;
use machine::virtqueue::Virtqueue;
use transport::{MmioTransport, PciTransport, Transport, status};

/// The feature without which a device is a legacy one.
pub const FEATURE_VERSION_1: u64 = 1 << 32;

const ID_CONSOLE: u32 = 3;
const ID_9P: u32 = 9;

/// Finds every virtio device and starts the drivers. Called once, when kernel threads can run.
pub fn initialize() {
    for found in machine::device::virtio_devices() {
        let transport: Arc<dyn Transport> = match found {
            VirtioTransport::Mmio(registers, line) => match MmioTransport::new(registers, line) {
                Some(transport) => Arc::new(transport),
                None => continue,
            },
            VirtioTransport::Pci(function) => Arc::new(PciTransport::new(function)),
        };
        let id = transport.device_id();
        let result = match id {
            ID_CONSOLE => console::start(transport.clone()),
            ID_9P => ninep::start(transport.clone()),
            0 => continue,
            _ => {
                info!("virtio: no driver for device id {id}");
                continue;
            }
        };
        if let Err(reason) = result {
            transport.set_status(status::FAILED);
            warn!("virtio: device id {id} does not work: {reason}");
        }
    }
}

/// Resets the device and agrees on features: those of `wanted` that it offers. Queues are to be set up next, then
/// [`ready`] called.
pub fn negotiate(transport: &dyn Transport, wanted: u64) -> Result<u64, &'static str> {
    transport.set_status(0);
    let mut rounds = 0;
    while transport.status() != 0 {
        rounds += 1;
        if rounds > 100_000 {
            return Err("it does not reset");
        }
    }
    transport.set_status(status::ACKNOWLEDGE);
    transport.set_status(status::ACKNOWLEDGE | status::DRIVER);
    let offered = transport.device_features();
    if offered & FEATURE_VERSION_1 == 0 {
        return Err("it is a legacy device");
    }
    let agreed = offered & (wanted | FEATURE_VERSION_1);
    transport.set_driver_features(agreed);
    transport.set_status(status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK);
    if transport.status() & status::FEATURES_OK == 0 {
        return Err("it refuses the features");
    }
    Ok(agreed)
}

/// Makes a queue of at most `most` descriptors and hands it to the device.
pub fn set_up_queue(transport: &dyn Transport, index: u16, most: u16) -> Result<Virtqueue, &'static str> {
    let limit = transport.queue_size_limit(index).min(most);
    if limit == 0 {
        return Err("a queue is missing");
    }
    // The largest power of two within the limit.
    let size = 1 << (15 - limit.leading_zeros());
    let queue = Virtqueue::new(size).map_err(|_| "no memory for a queue")?;
    if transport.enable_queue(index, &queue) { Ok(queue) } else { Err("a queue cannot be enabled") }
}

/// Sets the device going.
pub fn ready(transport: &dyn Transport) {
    transport.set_status(status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK | status::DRIVER_OK);
}
