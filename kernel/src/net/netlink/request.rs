//! Messages to the kernel: what is asked for, acknowledgements, and lists given in pieces.
use super::message::Packet;
use super::writer::{HEADER, Writer};
use super::{NetlinkSocket, Protocol, audit, flag, generic, route, uevent};
use crate::error::*;
use crate::process::namespace::UserNamespace;
use crate::process::{Capability, Task};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::memory::try_box;

/// NLM_F_* flags.
#[allow(missing_docs)]
pub mod message_flag {
    pub const REQUEST: u16 = 1;
    pub const MULTI: u16 = 2;
    pub const ACK: u16 = 4;
    /// NLM_F_ROOT | NLM_F_MATCH: of requests for information.
    pub const DUMP: u16 = 0x300;
    /// Of requests that make something.
    pub const REPLACE: u16 = 0x100;
    pub const EXCLUSIVE: u16 = 0x200;
    pub const CREATE: u16 = 0x400;
    /// Of acknowledgements: the request is not there whole.
    pub const CAPPED: u16 = 0x100;
}
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// Lower types mean the same in every protocol, and ask for nothing.
const FIRST_TYPE: u16 = 16;
/// What a piece of a list has at least (NLMSG_GOODSIZE).
const PIECE: usize = super::message::IN_BLOCK;

/// `struct nlmsghdr`.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Bytes, with the header.
    pub length: u32,
    /// Type.
    pub kind: u16,
    /// Flags.
    pub flags: u16,
    /// Number that the answer repeats.
    pub sequence: u32,
}
impl Header {
    /// The header at the front of these bytes, and what belongs to it; nothing unless all of it is there.
    fn split(bytes: &[u8]) -> Option<(Header, &[u8])> {
        let half = |at: usize| bytes.get(at..at + 2).and_then(|half| half.try_into().ok()).map(u16::from_le_bytes);
        let header = Header { length: word(bytes, 0)?, kind: half(4)?, flags: half(6)?, sequence: word(bytes, 8)? };
        let body = bytes.get(HEADER..).and_then(|_| bytes.get(HEADER..header.length as usize))?;
        Some((header, body))
    }
    /// Whether a flag is set.
    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}
/// A word of these bytes.
pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// One request.
pub struct Request<'a> {
    /// Who asks.
    pub socket: &'a Arc<NetlinkSocket>,
    /// The task that asks.
    pub task: &'a Task,
    /// Its port.
    pub port: u32,
    /// The message named its destination: so it is not somebody else's descriptor that speaks for the task.
    pub is_named: bool,
    /// The header.
    pub header: Header,
    /// What follows it.
    pub body: &'a [u8],
}
impl Request<'_> {
    /// Whether both the task and who opened the socket have a capability over what a user namespace owns; EPERM.
    pub fn require(&self, owner: &Arc<UserNamespace>, capability: Capability) -> Result<()> {
        let opener_may = self.is_named || self.socket.opener.capable_in(owner, capability);
        if opener_may && self.task.capable_in(owner, capability) { Ok(()) } else { Err(EPERM) }
    }
    /// The flags of a socket.
    pub fn is_strict(&self) -> bool {
        self.socket.has_flag(flag::STRICT)
    }
    /// Starts a list, which comes in pieces, the first of them now: EBUSY if one is under way.
    pub fn start_dump(&self, kind: DumpKind) -> Result<Outcome> {
        let fresh = try_box(Dump { kind, sequence: self.header.sequence, port: self.port, place: 0, answered: 0 })?;
        {
            let mut dump = self.socket.dump.lock();
            if dump.is_some() {
                return Err(EBUSY);
            }
            *dump = Some(fresh);
            self.socket.is_dumping.store(true, Ordering::Release);
        }
        self.socket.continue_dump()?;
        Ok(Outcome::Answered)
    }
    /// A writer of answers of this request.
    pub fn writer(&self) -> Writer {
        Writer::new(self.port, self.header.sequence)
    }
}

/// What a handler did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is to be acknowledged if that was asked for.
    Done,
    /// The answer says all: no acknowledgement.
    Answered,
}

/// A list that is given in pieces.
pub struct Dump {
    kind: DumpKind,
    sequence: u32,
    port: u32,
    /// Where the next piece begins; what that means is the list's business.
    pub place: usize,
    /// Messages that were given.
    pub answered: usize,
}
/// The lists there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DumpKind {
    /// Of NETLINK_ROUTE.
    Route(route::List),
    /// The families of NETLINK_GENERIC.
    Families,
}

/// Handles what a socket has sent to the kernel: each message in turn, up to one that is malformed.
pub fn handle(socket: &Arc<NetlinkSocket>, task: &Task, bytes: &[u8], port: u32, is_named: bool) {
    let mut rest = bytes;
    let mut late = None;
    while let Some((header, body)) = Header::split(rest) {
        let request = Request { socket, task, port, is_named, header, body };
        let result = match socket.protocol {
            Protocol::Audit => audit::handle(&request, &mut late),
            _ if !header.has(message_flag::REQUEST) || header.kind < FIRST_TYPE => Ok(Outcome::Done),
            Protocol::Route => route::handle(&request),
            Protocol::Uevent => uevent::handle(&request),
            Protocol::Generic => generic::handle(&request),
            Protocol::User => Ok(Outcome::Answered),
        };
        let acknowledged = match result {
            Ok(Outcome::Answered) => Ok(()),
            Ok(Outcome::Done) if header.has(message_flag::ACK) => acknowledge(&request, rest, None),
            Ok(Outcome::Done) => Ok(()),
            Err(error) => acknowledge(&request, rest, error.errno()),
        };
        if acknowledged.is_err_and(|error| error == ENOMEM) {
            socket.report(abi::Errno::ENOBUFS);
        }
        let length = (header.length as usize).next_multiple_of(4);
        rest = rest.get(length..).unwrap_or(&[]);
    }
    if let Some(answer) = late {
        // Who has no room for it has been told.
        let _ = socket.answer(answer);
    }
}

/// Answers with NLMSG_ERROR: of an error with the whole request, unless the socket does not want that.
fn acknowledge(request: &Request, message: &[u8], error: Option<abi::Errno>) -> Result<()> {
    let whole = error.is_some() && !request.socket.has_flag(flag::CAPPED);
    let flags = if whole { 0 } else { message_flag::CAPPED };
    let shown = if whole { request.header.length as usize } else { HEADER };
    let mut writer = request.writer();
    writer.begin(ERROR, flags)?;
    let number = error.map_or(0, |error| i32::from(error.number()));
    writer.put(&number.wrapping_neg().to_le_bytes())?;
    writer.put(message.get(..shown).unwrap_or(message))?;
    writer.end();
    request.socket.answer(writer.into_bytes())
}

impl NetlinkSocket {
    /// Puts the next piece of a list into the queue, or its end: ENOBUFS without room or memory for it.
    pub(super) fn continue_dump(self: &Arc<Self>) -> Result<()> {
        let mut slot = self.dump.lock();
        let Some(dump) = slot.as_mut() else { return Err(EINVAL) };
        let limit = self.largest_room.load(Ordering::Relaxed).max(PIECE);
        let mut writer = Writer::limited(dump.port, dump.sequence, limit);
        if !self.has_room_for(super::message::charge_for(limit, true)) {
            return Err(ENOBUFS);
        }
        let before = dump.answered;
        let filled = match dump.kind {
            DumpKind::Route(list) => route::fill(self, list, dump, &mut writer),
            DumpKind::Families => generic::fill(dump, &mut writer),
        };
        let failed = match filled {
            Ok(()) => None,
            Err(error) if error == ENOMEM => return Err(ENOBUFS),
            Err(error) => error.errno(),
        };
        let ends = dump.answered == before || failed.is_some();
        if ends {
            writer.begin(DONE, message_flag::MULTI)?;
            writer.put(&failed.map_or(0, |error| i32::from(error.number())).wrapping_neg().to_le_bytes())?;
            writer.end();
        }
        let ended: Option<Box<Dump>> = if ends { slot.take() } else { None };
        if ends {
            self.is_dumping.store(false, Ordering::Release);
        }
        let packet = Packet::of_kernel_in(writer.into_bytes(), 0, limit)?;
        // A socket that is closed meanwhile has no readers.
        let _ = self.deliver_always(&packet)?;
        drop(slot);
        drop(ended);
        Ok(())
    }
}
