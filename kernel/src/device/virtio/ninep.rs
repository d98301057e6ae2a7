//! virtio-9p (virtio 1.2, section 5.15): carries 9P messages, many at a time.
//!
//! A request's slot is its tag. Whoever waits collects finished requests for everybody; a waiter that gives up leaves its slot
//! to be freed when the answer comes, since the device may still write to its buffers.
use super::transport::Transport;
use crate::error::*;
use crate::sync::{SpinLock, rank};
use crate::wait::{Sleep, WaitQueue};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::memory::{Frame, PAGE_SIZE};
use machine::virtqueue::{Piece, Request, Virtqueue};

const FEATURE_MOUNT_TAG: u64 = 1;
const QUEUE_SIZE: u16 = 256;
/// Requests under way at most.
const SLOTS: usize = 64;

enum Slot {
    Free,
    /// With the device, or about to be.
    Busy,
    /// Nobody waits for the answer.
    Abandoned,
    /// Answered: the request, bytes written.
    Done(Request, usize),
}

struct State {
    queue: Virtqueue,
    slots: [Slot; SLOTS],
}

/// A device, under its mount tag.
pub struct Channel {
    transport: Arc<dyn Transport>,
    tag: Vec<u8>,
    state: SpinLock<State>,
    wait: WaitQueue,
}

static CHANNELS: SpinLock<Vec<Arc<Channel>>> = SpinLock::new(rank::LEAF, Vec::new());

/// Starts the driver on a device.
pub fn start(transport: Arc<dyn Transport>) -> Result<(), &'static str> {
    let features = super::negotiate(&*transport, FEATURE_MOUNT_TAG)?;
    if features & FEATURE_MOUNT_TAG == 0 {
        return Err("it has no mount tag");
    }
    let mut length = [0; 2];
    transport.read_configuration(0, &mut length);
    let mut tag = alloc::vec![0; usize::from(u16::from_le_bytes(length)).min(255)];
    transport.read_configuration(2, &mut tag);
    let queue = super::set_up_queue(&*transport, 0, QUEUE_SIZE)?;
    let state = State { queue, slots: [const { Slot::Free }; SLOTS] };
    let channel = Arc::new(Channel {
        transport: transport.clone(),
        tag,
        state: SpinLock::new(rank::DEVICE, state),
        wait: WaitQueue::new(),
    });
    let handler = channel.clone();
    machine::interrupt::register(
        transport.line(),
        Box::new(move || {
            if handler.transport.acknowledge_interrupt() != 0 {
                handler.wait.wake_all();
            }
        }),
    );
    super::ready(&*transport);
    let mut grown = Vec::with_capacity(16);
    let mut channels = CHANNELS.lock();
    if channels.capacity() == 0 {
        core::mem::swap(&mut *channels, &mut grown);
    }
    if channels.len() == channels.capacity() {
        return Err("there are too many of them");
    }
    channels.push(channel);
    Ok(())
}

/// The device with a mount tag; ENOENT.
pub fn find(tag: &[u8]) -> Result<Arc<Channel>> {
    CHANNELS.lock().iter().find(|channel| channel.tag == tag).cloned().ok_or(ENOENT)
}

/// A request on its way.
#[must_use]
pub struct Ticket<'a> {
    channel: &'a Channel,
    slot: usize,
    waiting: bool,
}

/// The first bytes of an answer.
pub struct Answer {
    frame: Frame,
    offset: usize,
    /// Bytes that were written there.
    pub length: usize,
}
impl Answer {
    /// Copies the bytes out.
    pub fn to_vec(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(self.length)?;
        bytes.resize(self.length, 0);
        self.frame.read(self.offset, &mut bytes);
        Ok(bytes)
    }
}

impl Channel {
    /// Descriptors that one request may use for data.
    pub fn largest_data(&self) -> usize {
        usize::from(self.state.lock().queue.size()).saturating_sub(2).min(32)
    }

    /// Reserves a tag, waiting for one if all are used. ERESTARTSYS if a fatal signal comes.
    pub fn reserve(&self) -> Result<Ticket<'_>> {
        let take = || {
            let mut state = self.state.lock();
            state.collect();
            let slot = state.slots.iter().position(|slot| matches!(slot, Slot::Free))?;
            if let Some(place) = state.slots.get_mut(slot) {
                *place = Slot::Busy;
            }
            Some(slot)
        };
        let slot = self.wait.wait_until(Sleep::Killable, None, take).map_err(|_| ERESTARTSYS)?;
        Ok(Ticket { channel: self, slot, waiting: false })
    }
}

impl State {
    /// Collects what the device has answered.
    fn collect(&mut self) {
        while let Some((token, request, length)) = self.queue.take_used() {
            let place = usize::try_from(token).ok().and_then(|slot| self.slots.get_mut(slot));
            if let Some(place) = place {
                *place = if matches!(place, Slot::Abandoned) { Slot::Free } else { Slot::Done(request, length) };
            }
        }
    }
}

impl Ticket<'_> {
    /// The tag to put into the message.
    pub fn tag(&self) -> u16 {
        self.slot as u16
    }

    /// Sends a message of at most half a page. The answer's beginning goes behind it in the same page: `head` bytes (0: as much
    /// as fits), the rest to `data`.
    pub fn send(&mut self, message: &[u8], head: usize, data: &[Frame]) -> Result<()> {
        let answer = PAGE_SIZE / 2;
        if message.len() > answer {
            return Err(ENAMETOOLONG);
        }
        let frame = Frame::zeroed()?;
        frame.write(0, message);
        let mut readable = Vec::new();
        let mut writable = Vec::new();
        readable.try_reserve_exact(1)?;
        writable.try_reserve_exact(1 + data.len())?;
        readable.push(Piece::Frame(frame.clone(), 0, message.len()));
        writable.push(Piece::Frame(frame, answer, if head == 0 { answer } else { head }));
        writable.extend(data.iter().map(|frame| Piece::Frame(frame.clone(), 0, PAGE_SIZE)));
        let mut request = Some(Request { readable, writable });
        let slot = self.slot as u64;
        let add = || {
            let mut state = self.channel.state.lock();
            state.collect();
            match state.queue.add(request.take()?, slot) {
                Ok(()) => Some(state.queue.needs_notification()),
                Err(back) => {
                    request = Some(back);
                    None
                }
            }
        };
        let notify = self.channel.wait.wait_until(Sleep::Killable, None, add).map_err(|_| ERESTARTSYS)?;
        self.waiting = true;
        if notify {
            self.channel.transport.notify(0);
        }
        Ok(())
    }

    /// Waits for the answer. ERESTARTSYS if a fatal signal comes first.
    pub fn receive(mut self) -> Result<Answer> {
        let take = || {
            let mut state = self.channel.state.lock();
            state.collect();
            let place = state.slots.get_mut(self.slot)?;
            match core::mem::replace(place, Slot::Free) {
                Slot::Done(request, length) => Some((request, length)),
                other => {
                    *place = other;
                    None
                }
            }
        };
        let (request, length) = self.channel.wait.wait_until(Sleep::Killable, None, take).map_err(|_| ERESTARTSYS)?;
        // The slot is free already, and another may have it.
        self.waiting = false;
        self.slot = usize::MAX;
        self.channel.wait.wake_all();
        match request.writable.into_iter().next() {
            Some(Piece::Frame(frame, offset, room)) => Ok(Answer { frame, offset, length: length.min(room) }),
            _ => Err(EIO),
        }
    }

    /// Lets the answer come without waiting for it.
    pub fn forget(self) {}
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.channel.state.lock();
        let Some(place) = state.slots.get_mut(self.slot) else { return };
        let freed = match core::mem::replace(place, Slot::Free) {
            Slot::Busy if self.waiting => {
                *place = Slot::Abandoned;
                None
            }
            other => Some(other),
        };
        drop(state);
        drop(freed);
    }
}
