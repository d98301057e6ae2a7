//! A virtio entropy device, by interrupt, if the machine has one.
use crate::kernel::wait_for;
use crate::say;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::device::virtio::transport::{MmioTransport, PciTransport, Transport};
use kernel::device::virtio::{negotiate, ready};
use machine::device::{DmaBuffer, VirtioTransport, virtio_devices};
use machine::virtqueue::{Piece, Request, Virtqueue};

/// The cases.
pub const CASES: &[(&str, fn() -> bool)] = &[("virtio devices", devices)];

const ENTROPY: u32 = 4;
const ROUNDS: u64 = 20;

fn devices() -> bool {
    let mut good = true;
    for found in virtio_devices() {
        let transport: Arc<dyn Transport> = match found {
            VirtioTransport::Mmio(registers, line) => match MmioTransport::new(registers, line) {
                Some(transport) => Arc::new(transport),
                None => return false,
            },
            VirtioTransport::Pci(function) => Arc::new(PciTransport::new(function)),
        };
        say!("     virtio device {} on line {}", transport.device_id(), transport.line().gsi);
        if transport.device_id() == ENTROPY {
            good &= entropy(transport);
        }
    }
    good
}

/// Reads a few times, each answer awaited by interrupt.
fn entropy(transport: Arc<dyn Transport>) -> bool {
    let Ok(_) = negotiate(&*transport, 0) else { return false };
    let Ok(mut queue) = Virtqueue::new(8) else { return false };
    if !transport.enable_queue(0, &queue) {
        return false;
    }
    ready(&*transport);
    let interrupts = Arc::new(AtomicU64::new(0));
    let (count, device) = (interrupts.clone(), transport.clone());
    machine::interrupt::register(
        transport.line(),
        Box::new(move || {
            count.fetch_add(u64::from(device.acknowledge_interrupt() != 0), Ordering::Relaxed);
        }),
    );
    for round in 0..ROUNDS {
        let Ok(buffer) = DmaBuffer::new(64) else { return false };
        let request = Request { readable: vec![], writable: vec![Piece::Buffer(buffer, 0, 64)] };
        if queue.add(request, round).is_err() {
            return false;
        }
        transport.notify(0);
        if !wait_for(2000, || interrupts.load(Ordering::Relaxed) > round) {
            return false;
        }
        let Some((token, request, length)) = queue.take_used() else { return false };
        let Some(Piece::Buffer(buffer, ..)) = request.writable.first() else { return false };
        let mut bytes = [0; 64];
        buffer.read(0, &mut bytes);
        if token != round || length != 64 || bytes == [0; 64] {
            return false;
        }
    }
    transport.set_status(0);
    interrupts.load(Ordering::Relaxed) == ROUNDS
}
