//! The control queues: small messages about ports.
use super::super::transport::Transport;
use machine::memory::Frame;
use machine::virtqueue::{Piece, Request, Virtqueue};

const RECEIVE_QUEUE: u16 = 2;
const TRANSMIT_QUEUE: u16 = 3;
/// Room for one received message: the header and a port's name.
const SLOT: usize = 128;
const SLOTS: usize = 32;
const HEADER: usize = 8;

/// What a control message is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum Event {
    /// To the host: the driver is ready.
    DeviceReady = 0,
    /// A port exists.
    DeviceAdd = 1,
    /// A port is gone.
    DeviceRemove = 2,
    /// To the host: a port can be used.
    PortReady = 3,
    /// A port is a console.
    ConsolePort = 4,
    /// A port was opened (1) or closed (0) on the other side.
    PortOpen = 6,
    /// A port's name follows.
    PortName = 7,
}

/// A control message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// The port.
    pub id: u32,
    /// See [`Event`]; the host may send others.
    pub event: u16,
    /// Its argument.
    pub value: u16,
}
impl Message {
    fn encode(&self) -> [u8; HEADER] {
        let [a, b, c, d] = self.id.to_le_bytes();
        let [e, f] = self.event.to_le_bytes();
        let [g, h] = self.value.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }
    fn decode([a, b, c, d, e, f, g, h]: [u8; HEADER]) -> Self {
        let id = u32::from_le_bytes([a, b, c, d]);
        Message { id, event: u16::from_le_bytes([e, f]), value: u16::from_le_bytes([g, h]) }
    }
}

/// What follows a received message, without the trailing NUL.
#[derive(Clone, Copy)]
pub struct Trailer {
    bytes: [u8; SLOT],
    length: usize,
}
impl Trailer {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        bytes.strip_suffix(&[0]).unwrap_or(bytes)
    }
}

/// Both control queues.
pub struct ControlQueues {
    receive: Virtqueue,
    transmit: Virtqueue,
    /// Receive buffers not yet with the device.
    spare: alloc::vec::Vec<Request>,
}
impl ControlQueues {
    /// Sets up the queues; the buffers go to the device by [`ControlQueues::fill`].
    pub fn new(transport: &dyn Transport) -> Result<Self, &'static str> {
        let receive = super::super::set_up_queue(transport, RECEIVE_QUEUE, SLOTS as u16)?;
        let transmit = super::super::set_up_queue(transport, TRANSMIT_QUEUE, 64)?;
        let frame = Frame::zeroed().map_err(|_| "no memory for control messages")?;
        let spare = (0..SLOTS)
            .map(|slot| Request {
                readable: alloc::vec::Vec::new(),
                writable: alloc::vec![Piece::Frame(frame.clone(), slot * SLOT, SLOT)],
            })
            .collect();
        Ok(ControlQueues { receive, transmit, spare })
    }

    /// Gives all receive buffers to the device.
    pub fn fill(&mut self, transport: &dyn Transport) {
        while let Some(request) = self.spare.pop() {
            if let Err(request) = self.receive.add(request, 0) {
                self.spare.push(request);
                break;
            }
        }
        transport.notify(RECEIVE_QUEUE);
    }

    /// Whether a message waits.
    pub fn has_received(&self) -> bool {
        self.receive.has_used()
    }

    /// The next message from the host, if there is one.
    pub fn receive(&mut self, transport: &dyn Transport) -> Option<(Message, Trailer)> {
        loop {
            let (_, request, length) = self.receive.take_used()?;
            let mut bytes = [0; SLOT];
            if let Some(Piece::Frame(frame, offset, _)) = request.writable.first() {
                frame.read(*offset, &mut bytes);
            }
            self.spare.push(request);
            self.fill(transport);
            let length = length.min(SLOT);
            let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { continue };
            let Some(rest_length) = length.checked_sub(HEADER) else { continue };
            let mut trailer = Trailer { bytes: [0; SLOT], length: rest_length };
            trailer.bytes.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            return Some((Message::decode(*header), trailer));
        }
    }

    /// Sends a message in `frame`. Lost if the queue is full, which a host that answers never lets happen.
    pub fn send(&mut self, transport: &dyn Transport, frame: Frame, message: &Message) {
        while self.transmit.take_used().is_some() {}
        frame.write(0, &message.encode());
        let piece = Piece::Frame(frame, 0, HEADER);
        let request = Request { readable: alloc::vec![piece], writable: alloc::vec::Vec::new() };
        if self.transmit.add(request, 0).is_ok() {
            transport.notify(TRANSMIT_QUEUE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire() {
        let message = Message { id: 0x0403_0201, event: Event::PortOpen as u16, value: 1 };
        assert_eq!(message.encode(), [1, 2, 3, 4, 6, 0, 1, 0]);
        assert_eq!(Message::decode(message.encode()), message);
    }
}
