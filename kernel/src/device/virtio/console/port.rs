//! One port: a byte stream to the host and one from it.
//!
//! Input arrives in page-sized frames that go straight to user memory; output goes out in large buffers, several in flight.
use super::super::transport::Transport;
use super::{Console, Event, MAJOR, MOST_PORTS, queue_indices};
use crate::error::*;
use crate::file::{File, FileOperations, IoBuffer, PollEvents, PollTable};
use crate::sync::{Mutex, SpinLock, rank};
use crate::wait::{Sleep, WaitQueue};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::device::DmaBuffer;
use machine::memory::{Frame, PAGE_SIZE};
use machine::virtqueue::{Piece, Request, Virtqueue};

/// Frames lent to the device for input.
const INPUT_BUFFERS: usize = 32;
/// Bytes of an output buffer.
const OUTPUT_BYTES: usize = 32 * 1024;
/// Output buffers in flight at most.
const OUTPUT_BUFFERS: usize = 8;

/// Input that arrived: a request with `start..end` of its frame unread.
struct Chunk {
    request: Request,
    start: usize,
    end: usize,
}
struct Input {
    queue: Virtqueue,
    ready: VecDeque<Chunk>,
    /// Whether the device has buffers yet.
    filled: bool,
}
struct Output {
    queue: Virtqueue,
    /// Buffers made so far: in flight, spare, or being filled.
    made: usize,
    spare: Vec<DmaBuffer>,
}

/// A port.
pub struct Port {
    device: Weak<Console>,
    device_number: u32,
    id: u32,
    name: SpinLock<Vec<u8>>,
    exists: AtomicBool,
    is_console: AtomicBool,
    host_connected: AtomicBool,
    guest_connected: AtomicBool,
    input: SpinLock<Input>,
    output: SpinLock<Output>,
    /// Serializes readers.
    reader: Mutex<()>,
    /// Serializes writers; the bytes on their way from user memory to a DMA buffer.
    writer: Mutex<Vec<u8>>,
    wait: Arc<WaitQueue>,
}

impl Port {
    pub(super) fn new(device: Weak<Console>, device_number: u32, id: u32, input: Virtqueue, output: Virtqueue) -> Self {
        Port {
            device,
            device_number,
            id,
            name: SpinLock::new(rank::LEAF, Vec::new()),
            exists: AtomicBool::new(false),
            is_console: AtomicBool::new(false),
            host_connected: AtomicBool::new(false),
            guest_connected: AtomicBool::new(false),
            input: SpinLock::new(rank::DEVICE, Input { queue: input, ready: VecDeque::new(), filled: false }),
            // Room from the start, so that collecting buffers under the spin lock never allocates.
            output: SpinLock::new(
                rank::DEVICE,
                Output { queue: output, made: 0, spare: Vec::with_capacity(OUTPUT_BUFFERS) },
            ),
            reader: Mutex::new(rank::PIPE, ()),
            writer: Mutex::new(rank::PIPE, Vec::new()),
            wait: Arc::new(WaitQueue::new()),
        }
    }

    /// The host's name for the port.
    pub fn name(&self) -> Vec<u8> {
        self.name.lock().clone()
    }

    pub(super) fn wake(&self) {
        self.wait.wake_all();
    }
    /// After an interrupt: wakes whom the port's queues concern. Interrupt context.
    pub(super) fn interrupt(&self) {
        // What a poller has collected before this looks counts too: others may wait for it.
        let input = self.input.try_lock().is_none_or(|input| input.queue.has_used() || !input.ready.is_empty());
        if input || self.output.try_lock().is_none_or(|output| output.queue.has_used() || !output.spare.is_empty()) {
            self.wake();
        }
    }

    /// Minor number of its device.
    pub(super) fn minor(&self) -> u32 {
        self.device_number * MOST_PORTS as u32 + self.id
    }
    fn node_name(&self) -> String {
        alloc::format!("vport{}p{}", self.device_number, self.id)
    }

    /// The host has added the port: its node appears.
    pub(super) fn appear(self: &Arc<Self>) -> Result<()> {
        if !self.exists.swap(true, Ordering::AcqRel) {
            crate::device::add_character_node(self.node_name().as_str(), 0o600, MAJOR, self.minor())?;
        }
        Ok(())
    }
    pub(super) fn disappear(&self) {
        self.host_connected.store(false, Ordering::Release);
        if self.exists.swap(false, Ordering::AcqRel) {
            crate::device::remove_character_node(self.node_name().as_str(), MAJOR, self.minor());
        }
        self.wake();
    }
    pub(super) fn set_console(&self) {
        self.is_console.store(true, Ordering::Release);
    }
    pub(super) fn set_host_connected(&self, connected: bool) {
        self.host_connected.store(connected, Ordering::Release);
        self.wake();
    }
    pub(super) fn set_name(&self, name: &[u8]) {
        let name = name.to_vec();
        *self.name.lock() = name;
    }

    fn send(&self, event: Event, value: u16) {
        if let Some(device) = self.device.upgrade() {
            device.send(self.id, event, value);
        }
    }
    fn transport(&self) -> Option<Arc<dyn Transport>> {
        self.device.upgrade().map(|device| device.transport.clone())
    }
    fn is_host_connected(&self) -> bool {
        self.host_connected.load(Ordering::Acquire)
    }
    fn exists(&self) -> bool {
        self.exists.load(Ordering::Acquire)
    }

    /// Opens the port: ENXIO for consoles and ports that are gone, EBUSY if it is open already.
    pub fn open(self: &Arc<Self>) -> Result<Box<dyn FileOperations>> {
        if !self.exists() || self.is_console.load(Ordering::Acquire) {
            return Err(ENXIO);
        }
        if self.guest_connected.swap(true, Ordering::AcqRel) {
            return Err(EBUSY);
        }
        if let Err(error) = self.fill_input() {
            self.guest_connected.store(false, Ordering::Release);
            return Err(error);
        }
        self.send(Event::PortOpen, 1);
        Ok(Box::new(PortFile { port: self.clone() }))
    }

    /// Lends the device its input buffers, on the first open.
    fn fill_input(&self) -> Result<()> {
        if self.input.lock().filled {
            return Ok(());
        }
        let mut requests = Vec::new();
        requests.try_reserve_exact(INPUT_BUFFERS)?;
        for _ in 0..INPUT_BUFFERS {
            let piece = Piece::Frame(Frame::zeroed()?, 0, PAGE_SIZE);
            requests.push(Request { readable: Vec::new(), writable: alloc::vec![piece] });
        }
        let mut ready = VecDeque::new();
        ready.try_reserve_exact(INPUT_BUFFERS)?;
        let mut input = self.input.lock();
        if !input.filled {
            input.filled = true;
            input.ready = ready;
            for request in requests {
                if input.queue.add(request, 0).is_err() {
                    break;
                }
            }
        }
        drop(input);
        self.notify(queue_indices(self.id).0);
        Ok(())
    }

    fn notify(&self, queue: u16) {
        if let Some(transport) = self.transport() {
            transport.notify(queue);
        }
    }

    /// Collects what has arrived; whether there is anything to read.
    fn has_input(&self) -> bool {
        let mut input = self.input.lock();
        while let Some((_, request, length)) = input.queue.take_used() {
            let end = length.min(PAGE_SIZE);
            input.ready.push_back(Chunk { request, start: 0, end });
        }
        !input.ready.is_empty()
    }
    /// Collects buffers that were sent; whether another may be queued.
    fn has_room(&self) -> bool {
        let mut output = self.output.lock();
        while let Some((_, mut request, _)) = output.queue.take_used() {
            // The spare list has room for every buffer made.
            if let Some(Piece::Buffer(buffer, ..)) = request.readable.pop() {
                output.spare.push(buffer);
            }
        }
        (!output.spare.is_empty() || output.made < OUTPUT_BUFFERS) && output.queue.free_descriptors() > 0
    }

    /// Reads what is there. Waits for the first byte unless `nonblocking`; 0 when the host is not connected.
    fn read(&self, into: &mut IoBuffer, nonblocking: bool) -> Result<usize> {
        if into.remaining() == 0 {
            return Ok(0);
        }
        if !self.has_input() {
            if !self.is_host_connected() {
                return Ok(0);
            }
            if nonblocking {
                return Err(EAGAIN);
            }
            let ready = || (self.has_input() || !self.is_host_connected()).then_some(());
            self.wait.wait_until(Sleep::Interruptible, None, ready).map_err(|_| ERESTARTSYS)?;
        }
        let _reader = self.reader.lock();
        let mut total = 0usize;
        let mut reposted = false;
        let result = loop {
            if into.remaining() == 0 || !self.has_input() {
                break Ok(());
            }
            let front = {
                let input = self.input.lock();
                input.ready.front().and_then(|chunk| match chunk.request.writable.first() {
                    Some(Piece::Frame(frame, ..)) => Some((frame.clone(), chunk.start, chunk.end)),
                    _ => None,
                })
            };
            let Some((frame, start, end)) = front else { break Ok(()) };
            let length = end.saturating_sub(start);
            let moved = if length == 0 { Ok(0) } else { into.put_frame(&frame, start, length.min(into.remaining())) };
            drop(frame);
            let moved = match moved {
                Ok(moved) => moved,
                Err(error) => break Err(error),
            };
            total = total.saturating_add(moved);
            let mut input = self.input.lock();
            if let Some(chunk) = input.ready.front_mut() {
                chunk.start = chunk.start.saturating_add(moved);
                if chunk.start >= chunk.end {
                    if let Some(chunk) = input.ready.pop_front() {
                        reposted |= input.queue.add(chunk.request, 0).is_ok();
                    }
                } else if into.remaining() > 0 {
                    // A fault cut the copy short.
                    break Ok(());
                }
            }
        };
        if reposted {
            self.notify(queue_indices(self.id).0);
        }
        match result {
            Err(error) if total == 0 => Err(error),
            _ => Ok(total),
        }
    }

    /// A buffer for output, if one may be queued.
    fn take_output_buffer(&self) -> Option<Result<DmaBuffer>> {
        if !self.has_room() {
            return None;
        }
        {
            let mut output = self.output.lock();
            if let Some(buffer) = output.spare.pop() {
                return Some(Ok(buffer));
            }
            if output.made >= OUTPUT_BUFFERS {
                return None;
            }
            output.made += 1;
        }
        let made = DmaBuffer::new(OUTPUT_BYTES);
        if made.is_err() {
            self.output.lock().made -= 1;
        }
        Some(made.map_err(Error::from))
    }

    /// Queues bytes for the host. Waits while the queue is full or the host is not connected, unless `nonblocking`.
    fn write(&self, from: &mut IoBuffer, nonblocking: bool) -> Result<usize> {
        if from.remaining() == 0 {
            return Ok(0);
        }
        let mut scratch = self.writer.lock();
        if scratch.is_empty() {
            scratch.try_reserve_exact(PAGE_SIZE)?;
            scratch.resize(PAGE_SIZE, 0);
        }
        let mut total = 0usize;
        let result = loop {
            if from.remaining() == 0 {
                break Ok(());
            }
            if !self.exists() {
                break Err(ENODEV);
            }
            let taken = if self.is_host_connected() { self.take_output_buffer() } else { None };
            let buffer = match taken {
                Some(Ok(buffer)) => buffer,
                Some(Err(error)) => break Err(error),
                None if nonblocking => break Err(EAGAIN),
                None => {
                    let ready = || {
                        let writable = self.is_host_connected() && self.has_room();
                        (writable || !self.exists()).then_some(())
                    };
                    match self.wait.wait_until(Sleep::Interruptible, None, ready) {
                        Ok(()) => continue,
                        Err(_) => break Err(ERESTARTSYS),
                    }
                }
            };
            match self.fill_and_queue(buffer, from, &mut scratch) {
                Ok(moved) => total = total.saturating_add(moved),
                Err(error) => break Err(error),
            }
        };
        match result {
            Err(error) if total == 0 => Err(error),
            _ => Ok(total),
        }
    }

    fn fill_and_queue(&self, mut buffer: DmaBuffer, from: &mut IoBuffer, scratch: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        let mut fault = None;
        while filled < OUTPUT_BYTES && from.remaining() > 0 {
            let step = scratch.len().min(OUTPUT_BYTES - filled).min(from.remaining());
            let Some(room) = scratch.get_mut(..step) else { break };
            match from.take(room) {
                Ok(moved) => {
                    buffer.write(filled, room.get(..moved).unwrap_or_default());
                    filled += moved;
                    if moved < step {
                        fault = Some(EFAULT);
                        break;
                    }
                }
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        if filled == 0 {
            self.output.lock().spare.push(buffer);
            return Err(fault.unwrap_or(EFAULT));
        }
        let mut readable = Vec::new();
        readable.try_reserve_exact(1)?;
        readable.push(Piece::Buffer(buffer, 0, filled));
        let mut output = self.output.lock();
        if let Err(mut request) = output.queue.add(Request { readable, writable: Vec::new() }, 0) {
            // Only one writer queues at a time and it has seen room, so this does not happen.
            if let Some(Piece::Buffer(buffer, ..)) = request.readable.pop() {
                output.spare.push(buffer);
            }
            return Err(EAGAIN);
        }
        let wanted = output.queue.needs_notification();
        drop(output);
        if wanted {
            self.notify(queue_indices(self.id).1);
        }
        Ok(filled)
    }

    fn poll(&self) -> PollEvents {
        if !self.exists() {
            return PollEvents::HUP;
        }
        let connected = self.is_host_connected();
        let mut events = PollEvents::NONE;
        if !connected || self.has_input() {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        if connected && self.has_room() {
            events |= PollEvents::OUT;
        }
        if !connected {
            events |= PollEvents::HUP;
        }
        events
    }

    fn close(&self) {
        self.send(Event::PortOpen, 0);
        let mut reposted = false;
        if self.has_input() {
            let mut input = self.input.lock();
            while let Some(chunk) = input.ready.pop_front() {
                reposted |= input.queue.add(chunk.request, 0).is_ok();
            }
        }
        if reposted {
            self.notify(queue_indices(self.id).0);
        }
        self.has_room();
        loop {
            // Large buffers are freed one by one, outside the lock.
            let mut output = self.output.lock();
            let Some(buffer) = output.spare.pop() else { break };
            output.made = output.made.saturating_sub(1);
            drop(output);
            drop(buffer);
        }
        let scratch = core::mem::take(&mut *self.writer.lock());
        drop(scratch);
        self.guest_connected.store(false, Ordering::Release);
    }
}

/// A port that is open.
pub struct PortFile {
    port: Arc<Port>,
}
impl FileOperations for PortFile {
    fn read(&self, file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        self.port.read(into, file.is_nonblocking())
    }
    fn write(&self, file: &File, from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        self.port.write(from, file.is_nonblocking())
    }
    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.port.wait);
        }
        self.port.poll()
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn release(&self, _file: &File) {
        self.port.close();
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
