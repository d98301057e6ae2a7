//! Messages in a socket's queue.
use super::{UnixSocket, WRITABLE};
use crate::error::*;
use crate::file::IoBuffer;
use crate::net::message::{MessageCredentials, Rights};
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use machine::collections::{Linked, Links};
use machine::memory::{Frame, PAGE_SIZE, try_arc};

/// Bytes that are kept in the message itself.
const INLINE: usize = 64;
/// Bytes that are kept in one block of the heap; more are kept in frames.
const BLOCK: usize = 1024;

/// The bytes of a message.
enum Data {
    Inline([u8; INLINE]),
    Block(Vec<u8>),
    Frames(Vec<Frame>),
    /// None: a connection that waits to be accepted.
    Connection(Arc<UnixSocket>),
}

/// What was sent at once.
pub struct Message {
    links: Links,
    data: Data,
    length: usize,
    /// Bytes that were received already (of a stream).
    consumed: AtomicUsize,
    /// What the sender is charged.
    charge: usize,
    sender: Arc<UnixSocket>,
    credentials: Option<MessageCredentials>,
    /// How many files it was sent with.
    files: u32,
    rights: SpinLock<Option<Arc<Rights>>>,
    /// When it was sent, where the receiver wanted to know that.
    time: Option<u64>,
}
impl Linked for Message {
    fn links(&self) -> &Links {
        &self.links
    }
}

/// What goes with the bytes of a message.
#[derive(Default)]
pub struct Extras {
    /// Who sends it.
    pub credentials: Option<MessageCredentials>,
    /// Files.
    pub rights: Option<Arc<Rights>>,
    /// When.
    pub time: Option<u64>,
}

/// What Linux charges for a message of `head` bytes in one block and so many pages: senders wait for the same reason at the same
/// byte as there.
pub fn charge_for(head: usize, pages: usize) -> usize {
    const LINE: usize = 64;
    // The structure that ends the block, and the one that describes the message.
    const TAIL: usize = 320;
    const DESCRIPTION: usize = 256;
    let block = head.next_multiple_of(LINE) + TAIL;
    let block = if block <= 8192 { block.next_power_of_two().max(512) } else { block.next_power_of_two() };
    block + DESCRIPTION + pages * PAGE_SIZE
}

impl Message {
    /// A message of the next `length` bytes of `from`, charged to its sender; `pages` is how much of it Linux keeps in pages.
    /// EFAULT if they are not all there, ENOMEM.
    pub fn new(
        sender: &Arc<UnixSocket>,
        from: &mut IoBuffer,
        length: usize,
        in_pages: usize,
        extras: Extras,
    ) -> Result<Arc<Message>> {
        let charge = charge_for(length - in_pages, in_pages.div_ceil(PAGE_SIZE));
        let data = match length {
            0..=INLINE => {
                let mut bytes = [0; INLINE];
                take_all(from, bytes.get_mut(..length).unwrap_or(&mut []))?;
                Data::Inline(bytes)
            }
            length if length <= BLOCK => {
                let mut bytes = Vec::new();
                bytes.try_reserve_exact(length)?;
                bytes.resize(length, 0);
                take_all(from, &mut bytes)?;
                Data::Block(bytes)
            }
            _ => Data::Frames(take_frames(from, length)?),
        };
        let message = try_arc(Message::with(sender, data, length, charge, extras))?;
        sender.charged.fetch_add(charge, Ordering::AcqRel);
        Ok(message)
    }
    fn with(sender: &Arc<UnixSocket>, data: Data, length: usize, charge: usize, extras: Extras) -> Message {
        Message {
            links: Links::new(),
            data,
            length,
            consumed: AtomicUsize::new(0),
            charge,
            sender: sender.clone(),
            credentials: extras.credentials,
            files: extras.rights.as_ref().map_or(0, |rights| rights.files.count() as u32),
            rights: SpinLock::new(rank::SOCKET_RIGHTS, extras.rights),
            time: extras.time,
        }
    }
    /// A connection for a listener's queue.
    pub fn of_connection(connection: &Arc<UnixSocket>) -> Result<Arc<Message>> {
        let data = Data::Connection(connection.clone());
        Ok(try_arc(Message::with(connection, data, 0, 0, Extras::default()))?)
    }
    /// The connection that waits to be accepted.
    pub fn connection(&self) -> Option<&Arc<UnixSocket>> {
        match &self.data {
            Data::Connection(connection) => Some(connection),
            _ => None,
        }
    }
    /// All its bytes.
    pub fn length(&self) -> usize {
        self.length
    }
    /// Bytes not received yet.
    #[inline(always)]
    pub fn left(&self) -> usize {
        self.length - self.consumed.load(Ordering::Relaxed)
    }
    /// Whether nothing of it is left though it is in the queue still: a byte out of band that was received.
    pub fn is_read_out(&self) -> bool {
        self.length > 0 && self.left() == 0
    }
    /// Notes that bytes were received; the socket's readers are locked out.
    #[inline(always)]
    pub fn consume(&self, count: usize) {
        self.consumed.fetch_add(count, Ordering::Relaxed);
    }
    /// Who sent it.
    pub fn sender(&self) -> &Arc<UnixSocket> {
        &self.sender
    }
    /// Who sent it, if somebody asked for that.
    #[inline(always)]
    pub fn credentials(&self) -> Option<&MessageCredentials> {
        self.credentials.as_ref()
    }
    /// When it was sent, if somebody asked for that.
    pub fn time(&self) -> Option<u64> {
        self.time
    }
    /// How many files it was sent with.
    #[inline(always)]
    pub fn files(&self) -> u32 {
        self.files
    }
    /// Says who sends it, unless it says so already.
    pub fn show_sender(&mut self, credentials: Option<MessageCredentials>) {
        if self.credentials.is_none() {
            self.credentials = credentials;
        }
    }
    /// Says when it was sent.
    pub fn set_time(&mut self, time: u64) {
        self.time = Some(time);
    }
    /// The files, which are taken from it or stay in it.
    pub fn rights(&self, take: bool) -> Option<Arc<Rights>> {
        let mut rights = self.rights.lock();
        if take { rights.take() } else { rights.clone() }
    }
    /// Runs `look` on its files, if it has some still.
    pub fn with_rights(&self, look: impl FnOnce(&Arc<Rights>)) {
        if self.files > 0
            && let Some(rights) = &*self.rights.lock()
        {
            look(rights);
        }
    }
    /// Copies bytes from `offset` on into the buffer: how many; EFAULT if none could be.
    #[inline]
    pub fn copy(&self, offset: usize, count: usize, into: &mut IoBuffer) -> Result<usize> {
        let end = offset.saturating_add(count).min(self.length);
        match &self.data {
            Data::Inline(bytes) => into.put(bytes.get(offset..end).unwrap_or(&[])),
            Data::Block(bytes) => into.put(bytes.get(offset..end).unwrap_or(&[])),
            Data::Frames(frames) => copy_frames(frames, offset, end, into),
            Data::Connection(_) => Ok(0),
        }
    }
}

fn take_all(from: &mut IoBuffer, room: &mut [u8]) -> Result<()> {
    if room.is_empty() {
        return Ok(());
    }
    let wanted = room.len();
    if from.take(room)? < wanted { Err(EFAULT) } else { Ok(()) }
}

fn take_frames(from: &mut IoBuffer, length: usize) -> Result<Vec<Frame>> {
    let mut frames = Vec::new();
    frames.try_reserve_exact(length.div_ceil(PAGE_SIZE))?;
    let mut done = 0;
    while done < length {
        let frame = Frame::zeroed()?;
        let wanted = (length - done).min(PAGE_SIZE);
        if from.take_frame(&frame, 0, wanted)? < wanted {
            return Err(EFAULT);
        }
        frames.push(frame);
        done += wanted;
    }
    Ok(frames)
}

fn copy_frames(frames: &[Frame], offset: usize, end: usize, into: &mut IoBuffer) -> Result<usize> {
    let mut at = offset;
    while at < end {
        let Some(frame) = frames.get(at / PAGE_SIZE) else { break };
        let wanted = (PAGE_SIZE - at % PAGE_SIZE).min(end - at);
        let done = match into.put_frame(frame, at % PAGE_SIZE, wanted) {
            Ok(done) => done,
            Err(error) if at == offset => return Err(error),
            Err(_) => break,
        };
        at += done;
        if done < wanted {
            break;
        }
    }
    Ok(at - offset)
}

impl Drop for Message {
    fn drop(&mut self) {
        if self.charge == 0 {
            return;
        }
        self.sender.charged.fetch_sub(self.charge, Ordering::AcqRel);
        if self.sender.is_writable() {
            self.sender.activity.wake(WRITABLE);
            self.sender.signals.has_room();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::charge_for;

    #[test]
    fn charges_are_those_of_linux() {
        assert_eq!(charge_for(1, 0), 768);
        assert_eq!(charge_for(192, 0), 768);
        assert_eq!(charge_for(193, 0), 1280);
        assert_eq!(charge_for(0, 1), 768 + 4096);
    }
}
