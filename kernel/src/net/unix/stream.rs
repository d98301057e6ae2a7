//! Streams: bytes without bounds, SOCK_STREAM.
use super::message::{Extras, Message};
use super::{Phase, READABLE, UnixSocket};
use crate::error::*;
use crate::file::IoBuffer;
use crate::file::signal_driven::Reason;
use crate::net::message::MessageCredentials;
use crate::net::socket::{Incoming, Outgoing};
use crate::net::{closed, message_flag};
use crate::process::Task;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::memory::PAGE_SIZE;

/// Bytes that Linux puts into one block before it takes pages, and most that it sends at once.
const IN_BLOCK: usize = 3776;
const LARGEST_PIECE: usize = IN_BLOCK + 32_768;

impl UnixSocket {
    /// Waits until another message may be charged: the error that was left, EPIPE when nothing more may be sent, EAGAIN.
    #[inline]
    pub(super) fn wait_for_room(&self, nonblocking: bool) -> Result<()> {
        loop {
            self.options.take_error()?;
            if self.is_closed(closed::SEND) {
                return Err(EPIPE);
            }
            if self.has_room() {
                return Ok(());
            }
            self.signals.wants_room.store(true, Ordering::Relaxed);
            let patience = self.options.send_patience(nonblocking);
            patience.wait(&self.activity, false, || {
                self.has_room() || self.is_closed(closed::SEND) || self.options.has_error()
            })?;
        }
    }
    /// Puts a message at the end of the queue; false where nothing is received any more.
    #[inline]
    pub(super) fn enqueue(&self, message: &Arc<Message>, urgent: bool) -> bool {
        let mut queue = self.queue.lock();
        if self.is_dead() || self.is_closed(closed::RECEIVE) {
            return false;
        }
        if message.files() > 0 {
            self.files_queued.fetch_add(message.files(), Ordering::Relaxed);
        }
        let replaced = if urgent { queue.urgent.replace(message.clone()) } else { None };
        // A new message is on no list.
        let refused = queue.messages.push_back(message.clone());
        self.queued.fetch_add(1, Ordering::Release);
        self.arrivals.fetch_add(1, Ordering::Release);
        drop(queue);
        drop((replaced, refused));
        true
    }
    /// Who sends a message, if either side wants to know, or nobody has accepted the connection yet.
    #[inline]
    pub(super) fn sender_shown(&self, task: &Task, receiver: &UnixSocket) -> Option<MessageCredentials> {
        let asked = self.options.passes_credentials()
            || receiver.options.passes_credentials()
            || receiver.inode.load(Ordering::Relaxed) == 0;
        asked.then(|| MessageCredentials::of(task))
    }

    /// send(2): bytes that went before an error are counted, and the error is not told.
    pub(super) fn send_stream(
        self: &Arc<Self>,
        task: &Task,
        from: &mut IoBuffer,
        mut outgoing: Outgoing,
    ) -> Result<usize> {
        let urgent = outgoing.flags & message_flag::OUT_OF_BAND != 0;
        let total = from.remaining();
        // The last byte is the urgent one.
        let length = if urgent { total.checked_sub(1).ok_or(EOPNOTSUPP)? } else { total };
        if outgoing.address.is_some_and(|address| !address.as_bytes().is_empty()) {
            return Err(if self.phase() == Phase::Connected { EISCONN } else { EOPNOTSUPP });
        }
        let peer = self.peer().ok_or(ENOTCONN)?;
        if self.is_closed(closed::SEND) {
            return Err(broken_pipe(&outgoing));
        }
        let nonblocking = outgoing.flags & message_flag::DO_NOT_WAIT != 0;
        let mut sent = 0;
        while sent < total {
            let is_urgent = sent == length;
            let size = match is_urgent {
                true => 1,
                false => (length - sent).min(self.options.send_buffer() / 2 - 64).min(LARGEST_PIECE),
            };
            let in_pages = size.saturating_sub(IN_BLOCK).next_multiple_of(PAGE_SIZE).min(size);
            let message = self.wait_for_room(nonblocking || is_urgent).and_then(|()| {
                let extras = Extras {
                    credentials: outgoing.credentials.clone().or_else(|| self.sender_shown(task, &peer)),
                    rights: outgoing.rights.take(),
                    time: None,
                };
                Message::new(self, from, size, in_pages, extras)
            });
            let message = match message {
                Ok(message) => message,
                Err(error) => return if sent > 0 { Ok(sent) } else { Err(error) },
            };
            if !peer.enqueue(&message, is_urgent) {
                drop(message);
                return match sent {
                    0 if is_urgent => Err(EPIPE),
                    0 => Err(broken_pipe(&outgoing)),
                    sent => Ok(sent),
                };
            }
            drop(message);
            if is_urgent {
                peer.signals.is_urgent();
            }
            peer.activity.wake(READABLE);
            peer.signals.arrived(Reason::Input);
            sent += size;
        }
        Ok(sent)
    }

    /// The first message that bytes come from, past `skip` bytes that were looked at before; none where there is no more. What is
    /// out of band is passed over or taken out, as manage_oob of Linux does.
    fn next_piece(&self, incoming: &Incoming, skip: &mut usize, copied: bool) -> Option<Arc<Message>> {
        let peeks = incoming.has(message_flag::PEEK);
        loop {
            let mut queue = self.queue.lock();
            let first = queue.messages.front().cloned()?;
            let is_urgent = queue.urgent.as_ref().is_some_and(|urgent| Arc::ptr_eq(urgent, &first));
            let is_inline = is_urgent && self.options.keeps_urgent_inline();
            if first.is_read_out() && !peeks || is_urgent && !copied && !is_inline && !peeks {
                let urgent = if is_urgent { queue.urgent.take() } else { None };
                let taken = self.unlink(&mut queue, &first);
                // Messages, and the files in them, go when the queue is not locked any more.
                drop(queue);
                self.files_received(&first);
                drop((urgent, taken, first));
                continue;
            }
            if is_urgent && (copied || !is_inline) {
                return None;
            }
            if is_inline {
                let urgent = if peeks { None } else { queue.urgent.take() };
                drop(queue);
                drop(urgent);
                return Some(first);
            }
            for message in queue.messages.iter_arcs() {
                // One that only held a byte out of band is empty.
                if message.left() > *skip {
                    return Some(message.clone());
                }
                *skip -= message.left();
            }
            return None;
        }
    }
    /// Takes a message out of the queue.
    pub(super) fn unlink(&self, queue: &mut super::Queue, message: &Message) -> Option<Arc<Message>> {
        let taken = queue.messages.remove(message);
        if taken.is_some() {
            self.queued.fetch_sub(1, Ordering::Release);
        }
        taken
    }
    /// The message behind another one.
    fn piece_after(&self, message: &Arc<Message>) -> Option<Arc<Message>> {
        let queue = self.queue.lock();
        let mut rest = queue.messages.iter_arcs().skip_while(|other| !Arc::ptr_eq(other, message));
        rest.next();
        rest.next().cloned()
    }

    /// recv(2).
    pub(super) fn receive_stream(self: &Arc<Self>, into: &mut IoBuffer, incoming: &mut Incoming) -> Result<usize> {
        if self.phase() != Phase::Connected {
            return Err(EINVAL);
        }
        if incoming.has(message_flag::OUT_OF_BAND) {
            return self.receive_urgent(into, incoming);
        }
        let nonblocking = incoming.has(message_flag::DO_NOT_WAIT);
        let target = self.options.receive_target(into.remaining(), incoming.has(message_flag::WAIT_FOR_ALL));
        let peeks = incoming.has(message_flag::PEEK);
        let mut skip = if peeks { self.peek_offset.load(Ordering::Relaxed).max(0) as usize } else { 0 };
        let mut patience = None;
        let mut copied = 0;
        let mut reading = self.reading.lock();
        let result = loop {
            let arrivals = self.arrivals.load(Ordering::Acquire);
            let Some(message) = self.next_piece(incoming, &mut skip, copied > 0) else {
                if copied >= target || copied > 0 && self.is_at_mark() {
                    break Ok(());
                }
                if let Err(error) = self.options.take_error() {
                    break Err(error);
                }
                if self.is_closed(closed::RECEIVE) {
                    // What was sent before the way was closed comes first.
                    if self.arrivals.load(Ordering::Acquire) != arrivals {
                        continue;
                    }
                    break Ok(());
                }
                let patience = *patience.get_or_insert_with(|| self.options.receive_patience(nonblocking));
                drop(reading);
                self.signals.reader_waits.store(true, Ordering::Relaxed);
                let waited = patience.wait(&self.activity, false, || {
                    self.arrivals.load(Ordering::Acquire) != arrivals
                        || self.is_closed(closed::RECEIVE)
                        || self.options.has_error()
                });
                self.signals.reader_waits.store(false, Ordering::Relaxed);
                match waited {
                    Ok(()) => reading = self.reading.lock(),
                    // What came with bytes already received goes to nobody then, as in Linux.
                    Err(error) if copied == 0 => return Err(error),
                    Err(_) => return Ok(copied),
                }
                continue;
            };
            if copied > 0 || incoming.credentials.is_some() {
                // Bytes of several senders do not mix where the reader wants to know who they are.
                if self.options.passes_credentials() && !is_same_sender(incoming, &message) {
                    break Ok(());
                }
            } else if self.options.passes_credentials() {
                incoming.credentials = message.credentials().cloned();
            }
            incoming.keep_address(&message);
            let wanted = (message.left() - skip.min(message.left())).min(into.remaining());
            let start = message.length() - message.left() + skip;
            let count = match message.copy(start, wanted, into) {
                Ok(count) if count == wanted => count,
                _ if copied > 0 => break Ok(()),
                _ => break Err(EFAULT),
            };
            copied += count;
            if peeks {
                self.move_peek_offset(count as i32);
                if message.files() > 0 {
                    incoming.rights = message.rights(false);
                    break Ok(());
                }
                match self.piece_after(&message) {
                    Some(_) if into.remaining() > 0 => skip = self.bytes_up_to(&message),
                    _ => break Ok(()),
                }
                continue;
            }
            message.consume(count);
            self.move_peek_offset(-(count as i32));
            if message.files() > 0 {
                self.files_received(&message);
                incoming.rights = message.rights(true).or(incoming.rights.take());
            }
            if message.left() > 0 {
                break Ok(());
            }
            let taken = self.unlink(&mut self.queue.lock(), &message);
            drop(taken);
            if incoming.rights.is_some() || into.remaining() == 0 {
                break Ok(());
            }
        };
        drop(reading);
        match result {
            Err(error) if copied == 0 => Err(error),
            _ => Ok(copied),
        }
    }
    /// Bytes in the queue up to the end of a message.
    fn bytes_up_to(&self, message: &Arc<Message>) -> usize {
        let queue = self.queue.lock();
        let mut sum = 0;
        for other in queue.messages.iter_arcs() {
            sum += other.left();
            if Arc::ptr_eq(other, message) {
                break;
            }
        }
        sum
    }
    /// SO_PEEK_OFF follows what is looked at and what is taken away.
    pub(super) fn move_peek_offset(&self, by: i32) {
        let offset = self.peek_offset.load(Ordering::Relaxed);
        if offset >= 0 {
            self.peek_offset.store(offset.saturating_add(by).max(0), Ordering::Relaxed);
        }
    }
    /// A message's files leave the queue.
    pub(super) fn files_received(&self, message: &Message) {
        message.with_rights(|_| {
            self.files_queued.fetch_sub(message.files(), Ordering::Relaxed);
        });
    }
    /// recv(2) with MSG_OOB: EINVAL where no byte is out of band.
    fn receive_urgent(&self, into: &mut IoBuffer, incoming: &mut Incoming) -> Result<usize> {
        let reading = self.reading.lock();
        let peeks = incoming.has(message_flag::PEEK);
        let urgent = {
            let mut queue = self.queue.lock();
            if self.options.keeps_urgent_inline() {
                return Err(EINVAL);
            }
            if peeks { queue.urgent.clone() } else { queue.urgent.take() }
        };
        let urgent = urgent.ok_or(EINVAL)?;
        let room = into.remaining().min(1);
        let copied = urgent.copy(0, room, into);
        if !peeks {
            urgent.consume(1);
        }
        drop(reading);
        if copied.map_or(true, |count| count < room) {
            return Err(EFAULT);
        }
        incoming.answered |= message_flag::OUT_OF_BAND;
        Ok(1)
    }
    /// Whether the next byte is the one out of band (SIOCATMARK).
    pub(super) fn is_at_mark(&self) -> bool {
        let queue = self.queue.lock();
        match (queue.messages.front(), &queue.urgent) {
            (Some(first), Some(urgent)) => Arc::ptr_eq(first, urgent),
            _ => false,
        }
    }
}

fn is_same_sender(incoming: &Incoming, message: &Message) -> bool {
    match (&incoming.credentials, message.credentials()) {
        (Some(one), Some(other)) => one.is_same(other),
        (None, None) => true,
        _ => false,
    }
}

/// EPIPE, with SIGPIPE unless the caller does not want it.
fn broken_pipe(outgoing: &Outgoing) -> Error {
    if outgoing.flags & message_flag::NO_SIGNAL == 0 {
        crate::signal::send_to_current(crate::signal::SIGPIPE);
    }
    EPIPE
}

impl Incoming {
    /// Keeps the address of who sent a message, if that has one.
    pub(super) fn keep_address(&mut self, message: &Message) {
        if core::mem::take(&mut self.wants_address) {
            let address = message.sender().state.lock().address.clone();
            self.address = address.and_then(|address| machine::memory::try_box(*address).ok());
        }
    }
}
