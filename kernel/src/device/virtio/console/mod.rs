//! virtio-console with several ports (virtio 1.2, section 5.3): each port is a character device `vportNpM`.
//!
//! The interrupt handler acknowledges and wakes; queues are emptied by whoever uses a port. Control messages are served by
//! one kernel thread per device. Lock order: a port's reader or writer lock, then one queue's spin lock; no two queues at once.
mod control;
mod port;

pub use port::{Port, PortFile};

use super::transport::Transport;
use crate::error::*;
use crate::file::{FileOperations, Inode};
use crate::sync::{Once, SpinLock, rank};
use crate::wait::{Sleep, WaitQueue};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use control::{ControlQueues, Event, Message};
use core::sync::atomic::{AtomicU32, Ordering};

const FEATURE_MULTIPORT: u64 = 1 << 1;
/// Ports served on one device; the host is told that further ones failed.
const MOST_PORTS: usize = 16;
/// Devices whose ports get nodes.
const MOST_DEVICES: u32 = 16;
/// Offset of `max_nr_ports` in the device's configuration.
const CONFIGURATION_PORTS: usize = 4;
/// Descriptors of a port's queue.
const PORT_QUEUE_SIZE: u16 = 64;

/// Major number of ports.
const MAJOR: u32 = 250;
/// Every port with its minor number.
static PORTS: SpinLock<Vec<(u32, Arc<Port>)>> = SpinLock::new(rank::LEAF, Vec::new());

/// Registers the driver of port devices.
pub fn initialize() -> Result<()> {
    crate::device::register_character(MAJOR, 0..MOST_DEVICES * MOST_PORTS as u32, "virtio-portsdev", open_port)
}

fn open_port(node: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
    let minor = node.device().minor;
    let port = PORTS.lock().iter().find(|(number, _)| *number == minor).map(|(_, port)| port.clone());
    port.ok_or(ENXIO)?.open()
}

/// One virtio-console device.
pub struct Console {
    transport: Arc<dyn Transport>,
    /// The N in `vportNpM`.
    number: u32,
    control: SpinLock<ControlQueues>,
    control_wait: WaitQueue,
    ports: [Once<Arc<Port>>; MOST_PORTS],
}

/// Starts the driver on a device.
pub fn start(transport: Arc<dyn Transport>) -> Result<(), &'static str> {
    static DEVICES: AtomicU32 = AtomicU32::new(0);
    let number = DEVICES.fetch_add(1, Ordering::Relaxed);
    if number >= MOST_DEVICES {
        return Err("there are too many of them");
    }
    let features = super::negotiate(&*transport, FEATURE_MULTIPORT)?;
    if features & FEATURE_MULTIPORT == 0 {
        return Err("it has a single port, which is not supported");
    }
    let mut bytes = [0; 4];
    transport.read_configuration(CONFIGURATION_PORTS, &mut bytes);
    let count = usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX).min(MOST_PORTS);
    let control = ControlQueues::new(&*transport)?;
    let device = Arc::new(Console {
        transport: transport.clone(),
        number,
        control: SpinLock::new(rank::DEVICE, control),
        control_wait: WaitQueue::new(),
        ports: [const { Once::new() }; MOST_PORTS],
    });
    for (slot, id) in device.ports.iter().take(count).zip(0u32..) {
        let (input, output) = queue_indices(id);
        let input = super::set_up_queue(&*transport, input, PORT_QUEUE_SIZE)?;
        let output = super::set_up_queue(&*transport, output, PORT_QUEUE_SIZE)?;
        let port = Arc::new(Port::new(Arc::downgrade(&device), device.number, id, input, output));
        let entry = (port.minor(), port.clone());
        let mut grown = Vec::with_capacity(MOST_PORTS * MOST_DEVICES as usize);
        let mut ports = PORTS.lock();
        if ports.len() == ports.capacity() {
            grown.append(&mut ports);
            core::mem::swap(&mut *ports, &mut grown);
        }
        ports.push(entry);
        drop(ports);
        let _ = slot.set(port);
    }
    let handler = device.clone();
    machine::interrupt::register(transport.line(), Box::new(move || handler.interrupt()));
    super::ready(&*transport);
    device.control.lock().fill(&*transport);
    device.send(0, Event::DeviceReady, 1);
    let worker = device.clone();
    crate::process::kernel_thread::spawn("virtio-console", move || worker.serve_control())
        .map(|_| ())
        .map_err(|_| "no memory for its thread")
}

/// The receive and transmit queues of a port: port 0 has the first two, the control queues follow.
fn queue_indices(id: u32) -> (u16, u16) {
    let first = if id == 0 { 0 } else { (id as u16).wrapping_add(1).wrapping_mul(2) };
    (first, first.wrapping_add(1))
}

impl Console {
    /// Interrupt context.
    fn interrupt(&self) {
        if self.transport.acknowledge_interrupt() == 0 {
            return;
        }
        // A queue that somebody is using now is looked at by its user or, to be sure, by its waiters.
        if self.control.try_lock().is_none_or(|control| control.has_received()) {
            self.control_wait.wake_all();
        }
        for port in self.ports.iter().filter_map(Once::get) {
            port.interrupt();
        }
    }

    /// Sends a control message to the host.
    fn send(&self, id: u32, event: Event, value: u16) {
        // The frame is made before the lock is taken; without memory the message is lost, as on a full queue.
        let Ok(frame) = machine::memory::Frame::zeroed() else { return };
        self.control.lock().send(&*self.transport, frame, &Message { id, event: event as u16, value });
    }

    /// The body of the device's kernel thread.
    fn serve_control(&self) {
        loop {
            let received = self
                .control_wait
                .wait_until(Sleep::Interruptible, None, || self.control.lock().receive(&*self.transport));
            if let Ok((message, name)) = received {
                self.obey(&message, name.as_bytes());
            }
        }
    }

    fn obey(&self, message: &Message, name: &[u8]) {
        let port = usize::try_from(message.id).ok().and_then(|id| self.ports.get(id)).and_then(Once::get);
        let Some(port) = port else {
            if message.event == Event::DeviceAdd as u16 {
                self.send(message.id, Event::PortReady, 0);
            }
            return;
        };
        match message.event {
            event if event == Event::DeviceAdd as u16 => {
                let ready = port.appear().is_ok();
                self.send(message.id, Event::PortReady, ready.into());
            }
            event if event == Event::DeviceRemove as u16 => port.disappear(),
            event if event == Event::ConsolePort as u16 => port.set_console(),
            event if event == Event::PortOpen as u16 => port.set_host_connected(message.value != 0),
            event if event == Event::PortName as u16 => port.set_name(name),
            // Resize concerns console ports, which are not served.
            _ => {}
        }
    }
}
