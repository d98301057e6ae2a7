//! The protocol's requests as functions.
use super::Inode;
use crate::device::virtio::ninep::{Channel, Ticket};
use crate::error::*;
use crate::sync::{Mutex, SpinLock, rank};
use abi::Errno;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use machine::memory::{Frame, PAGE_SIZE};
use ninep::{Attributes, Failure, Qid, Request, Statistics};

const DIALECT: &[u8] = b"9P2000.L";
/// Bytes of a page's half, where short answers go.
const SHORT: usize = PAGE_SIZE / 2;
/// Fids to be forgotten that are remembered until the next request.
const MOST_FORGOTTEN: usize = 64;

/// Inodes by the server's number, so that hard links and repeated lookups meet in one.
pub struct InodeTable {
    map: BTreeMap<u64, Weak<Inode>>,
    next_sweep: usize,
}
impl InodeTable {
    pub fn get(&self, path: u64) -> Option<Arc<Inode>> {
        self.map.get(&path).and_then(Weak::upgrade)
    }
    pub fn insert(&mut self, path: u64, inode: &Arc<Inode>) {
        if self.map.len() >= self.next_sweep {
            self.map.retain(|_, inode| inode.strong_count() > 0);
            self.next_sweep = (self.map.len() * 2).max(1024);
        }
        self.map.insert(path, Arc::downgrade(inode));
    }
}

/// A connection to a server.
pub struct Client {
    channel: Arc<Channel>,
    longest: u32,
    next_fid: AtomicU32,
    free_fids: SpinLock<Vec<u32>>,
    /// Fids of inodes that are gone.
    forgotten: SpinLock<Vec<u32>>,
    pub(super) inodes: Mutex<InodeTable>,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Error(number) => u16::try_from(number).ok().and_then(Errno::from_number).map_or(EIO, Error::from),
            Failure::Malformed => EIO.because("a malformed answer of the 9P server"),
        }
    }
}
impl From<ninep::Malformed> for Error {
    fn from(_: ninep::Malformed) -> Self {
        Failure::Malformed.into()
    }
}

impl Client {
    /// Agrees with the server on the dialect. EPROTONOSUPPORT if it speaks another.
    pub fn connect(channel: Arc<Channel>, longest: u32) -> Result<Self> {
        let mut client = Client {
            channel,
            longest,
            next_fid: AtomicU32::new(1),
            free_fids: SpinLock::new(rank::LEAF, Vec::new()),
            forgotten: SpinLock::new(rank::LEAF, Vec::with_capacity(MOST_FORGOTTEN)),
            inodes: Mutex::new(rank::INODE_TABLE, InodeTable { map: BTreeMap::new(), next_sweep: 1024 }),
        };
        let mut ticket = client.channel.reserve()?;
        let request = Request::Version { longest, dialect: DIALECT };
        ticket.send(&request.encode(ninep::NO_TAG)?, 0, &[])?;
        let bytes = ticket.receive()?.to_vec()?;
        let body = ninep::open_response(&bytes, request.response_kind(), ninep::NO_TAG, SHORT)?;
        let (agreed, dialect) = ninep::version(body)?;
        if dialect != DIALECT {
            return Err(EPROTONOSUPPORT);
        }
        if agreed > longest || agreed < 4096 {
            return Err(EIO.because("the 9P server wants impossible messages"));
        }
        client.longest = agreed;
        Ok(client)
    }

    /// Sends a request and waits for the answer: its body in `into`'s hands.
    fn ask<R>(&self, request: &Request, read: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
        self.forget_some();
        let ticket = self.begin(request, 0, &[])?;
        let tag = ticket.tag();
        let bytes = ticket.receive()?.to_vec()?;
        read(ninep::open_response(&bytes, request.response_kind(), tag, SHORT)?)
    }
    fn begin(&self, request: &Request, head: usize, data: &[Frame]) -> Result<Ticket<'_>> {
        let mut ticket = self.channel.reserve()?;
        let message = request.encode(ticket.tag())?;
        ticket.send(&message, head, data)?;
        Ok(ticket)
    }

    fn new_fid(&self) -> u32 {
        let free = self.free_fids.lock().pop();
        free.unwrap_or_else(|| self.next_fid.fetch_add(1, Ordering::Relaxed))
    }
    fn give_back(&self, fid: u32) {
        // Without memory the number is not used again; there are four thousand million.
        let room = {
            let free = self.free_fids.lock();
            free.len() < free.capacity()
        };
        if !room {
            let mut grown = Vec::new();
            let mut free = self.free_fids.lock();
            let wanted = free.capacity().saturating_mul(2).max(64);
            drop(free);
            if grown.try_reserve_exact(wanted).is_err() {
                return;
            }
            free = self.free_fids.lock();
            if grown.capacity() > free.len() {
                grown.append(&mut free);
                core::mem::swap(&mut *free, &mut grown);
            }
            drop(free);
        }
        let mut free = self.free_fids.lock();
        if free.len() < free.capacity() {
            free.push(fid);
        }
    }

    /// Makes a fid of the tree's root.
    pub fn attach(&self, user: &[u8], tree: &[u8]) -> Result<(u32, Qid)> {
        let fid = self.new_fid();
        let request = Request::Attach { fid, user, tree, user_number: u32::MAX };
        let qid = self.ask(&request, |body| Ok(ninep::attach(body)?))?;
        Ok((fid, qid))
    }
    /// A new fid of the entry `name` of `directory`; ENOENT. Without a name, a copy of the fid.
    pub fn walk(&self, directory: u32, name: Option<&[u8]>) -> Result<u32> {
        let new_fid = self.new_fid();
        let names = name.as_slice();
        let request = Request::Walk { fid: directory, new_fid, names };
        let walked = self.ask(&request, |body| Ok(ninep::walk(body)?));
        match walked {
            Ok((count, _)) if count == names.len() => Ok(new_fid),
            Ok(_) => {
                self.give_back(new_fid);
                Err(ENOENT)
            }
            Err(error) => {
                if !error.is_restart() {
                    self.give_back(new_fid);
                }
                Err(error)
            }
        }
    }
    /// The attributes of a fid.
    pub fn attributes(&self, fid: u32) -> Result<Attributes> {
        let request = Request::Attributes { fid, mask: ninep::attribute::BASIC };
        self.ask(&request, |body| Ok(ninep::attributes(body)?))
    }
    /// Opens a fid for reading.
    pub fn open(&self, fid: u32, flags: u32) -> Result<()> {
        self.ask(&Request::Open { fid, flags }, |body| Ok(ninep::open(body).map(|_| ())?))
    }
    /// The target of a symbolic link.
    pub fn read_link(&self, fid: u32) -> Result<Vec<u8>> {
        self.ask(&Request::ReadLink { fid }, |body| {
            let target = ninep::link(body)?;
            let mut copy = Vec::new();
            copy.try_reserve_exact(target.len())?;
            copy.extend_from_slice(target);
            if copy.is_empty() || copy.contains(&0) { Err(EIO) } else { Ok(copy) }
        })
    }
    /// Counts of the file system.
    pub fn statistics(&self, fid: u32) -> Result<Statistics> {
        self.ask(&Request::Statistics { fid }, |body| Ok(ninep::statistics(body)?))
    }
    /// Entries of an open directory after `offset`: the body of the answer.
    pub fn read_directory(&self, fid: u32, offset: u64) -> Result<Vec<u8>> {
        /// Pages of entries asked for at once.
        const PAGES: usize = 4;
        let count = (PAGES * PAGE_SIZE) as u32;
        let count = count.min(self.longest.saturating_sub(ninep::READ_HEADER as u32));
        let request = Request::ReadDirectory { fid, offset, count };
        let frames = pages(PAGES)?;
        let (length, _) = self.ask_for_data(&request, &frames, count)?;
        let mut body = Vec::new();
        body.try_reserve_exact(4 + length)?;
        body.extend_from_slice(&(length as u32).to_le_bytes());
        body.resize(4 + length, 0);
        for (frame, piece) in frames.iter().zip(body.get_mut(4..).unwrap_or_default().chunks_mut(PAGE_SIZE)) {
            frame.read(0, piece);
        }
        Ok(body)
    }
    /// Sends a request whose answer carries data, and waits: bytes of data.
    fn ask_for_data(&self, request: &Request, frames: &[Frame], count: u32) -> Result<(usize, bool)> {
        self.forget_some();
        let ticket = self.begin(request, ninep::READ_HEADER, frames)?;
        self.take_data(ticket, request.response_kind(), count)
    }
    fn take_data(&self, ticket: Ticket<'_>, kind: u8, count: u32) -> Result<(usize, bool)> {
        let tag = ticket.tag();
        let bytes = ticket.receive()?.to_vec()?;
        let longest = ninep::READ_HEADER + count as usize;
        let body = ninep::open_response(&bytes, kind, tag, longest)?;
        let length = ninep::count(body)?;
        if length > count {
            return Err(EIO.because("the 9P server sent more than was asked for"));
        }
        Ok((length as usize, length < count))
    }

    /// Reads whole pages of an open file into zeroed frames, several requests at a time: how many frames have what the file
    /// has there.
    pub fn read_pages(&self, fid: u32, offset: u64, frames: &[Frame]) -> Result<usize> {
        self.forget_some();
        let by_message = (self.longest as usize).saturating_sub(ninep::READ_HEADER) / PAGE_SIZE;
        let step = by_message.min(self.channel.largest_data()).max(1);
        let mut tickets = Vec::new();
        tickets.try_reserve_exact(frames.len().div_ceil(step))?;
        let mut at = offset;
        let mut failure = None;
        for frames in frames.chunks(step) {
            let count = (frames.len() * PAGE_SIZE) as u32;
            let request = Request::Read { fid, offset: at, count };
            match self.begin(&request, ninep::READ_HEADER, frames) {
                Ok(ticket) => tickets.push((ticket, count)),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
            at = at.saturating_add(count.into());
        }
        let mut whole = 0;
        let mut ended = false;
        for (ticket, count) in tickets {
            if failure.is_some() || ended {
                // What comes after a gap is of no use; its buffers stay with the device until it answers.
                ticket.forget();
                continue;
            }
            match self.take_data(ticket, ninep::kind::READ, count) {
                Ok((length, short)) => {
                    // A short answer is the end of the file: the rest of the frames is zero as it should be.
                    whole += if short { length.div_ceil(PAGE_SIZE).max(1) } else { count as usize / PAGE_SIZE };
                    ended = short;
                }
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if whole == 0 => Err(error),
            _ => Ok(whole),
        }
    }

    /// Forgets a fid now, without waiting for the answer.
    pub fn clunk(&self, fid: u32) {
        // Not answered, the number is not used again: it may still mean something to the server.
        if let Ok(ticket) = self.begin(&Request::Clunk { fid }, 0, &[]) {
            ticket.forget();
        }
    }
    /// Forgets a fid with one of the next requests. No sleep.
    pub fn clunk_later(&self, fid: u32) {
        let mut forgotten = self.forgotten.lock();
        // Beyond that the server keeps it.
        if forgotten.len() < forgotten.capacity() {
            forgotten.push(fid);
        }
    }
    fn forget_some(&self) {
        for _ in 0..4 {
            let Some(fid) = self.forgotten.lock().pop() else { return };
            self.clunk(fid);
        }
    }
    /// The file system is unmounted: inodes are no longer found by number.
    pub fn forget_inodes(&self) {
        let map = core::mem::take(&mut self.inodes.lock().map);
        drop(map);
    }
}

/// Fresh frames.
fn pages(count: usize) -> Result<Vec<Frame>> {
    let mut frames = Vec::new();
    frames.try_reserve_exact(count)?;
    for _ in 0..count {
        frames.push(Frame::zeroed()?);
    }
    Ok(frames)
}
