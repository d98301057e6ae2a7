//! Pipes and FIFOs: pipe(7), fifo(7).
//!
//! A pipe is a queue of page-sized buffers, as in Linux: a write that fits is added to the last buffer, else it takes new ones.
//! So writes of up to PIPE_BUF bytes are atomic, and how much fits is the same as there.
mod file;
mod piece;

pub use file::{PipeFile, create, open_fifo, pipe, pipe2};
pub(super) use piece::Piece;

use crate::error::*;
use crate::file::signal_driven::{Reason, SignalList};
use crate::file::{IoBuffer, PollEvents};
use crate::process::{Capability, Task};
use crate::sync::{Mutex, rank};
use crate::wait::{Sleep, WaitQueue};
use alloc::{collections::VecDeque, sync::Arc};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use machine::memory::{Frame, PAGE_SIZE, try_arc};

/// Buffers of a new pipe: 64 KiB.
const DEFAULT_BUFFERS: usize = 16;
/// Most bytes that F_SETPIPE_SZ gives without CAP_SYS_RESOURCE (fs.pipe-max-size).
const LARGEST_UNPRIVILEGED: usize = 1 << 20;
/// Largest pipe at all.
const LARGEST: usize = 1 << 31;

struct Buffer {
    frame: Frame,
    offset: u32,
    length: u32,
    /// Written in packet mode (O_DIRECT): read whole or cut off, never joined.
    packet: bool,
    /// The frame is in another pipe too (tee): what follows must not be added to it.
    shared: bool,
}

struct Contents {
    buffers: VecDeque<Buffer>,
    /// Frames kept for the next writes.
    spare: [Option<Frame>; 2],
}
impl Contents {
    fn take_frame(&mut self) -> Result<Frame> {
        match self.spare.iter_mut().find_map(Option::take) {
            Some(frame) => Ok(frame),
            None => Ok(Frame::zeroed()?),
        }
    }
    fn keep(&mut self, frame: Frame) {
        // A frame that somebody else holds would change under them.
        if frame.reference_count() != 1 {
            return;
        }
        if let Some(slot) = self.spare.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(frame);
        }
    }
}

/// A pipe's buffers and ends.
pub struct Pipe {
    contents: Mutex<Contents>,
    /// Buffers in use: `contents` is asked only with its lock.
    used: AtomicUsize,
    /// Most buffers.
    limit: AtomicUsize,
    readers: AtomicU32,
    writers: AtomicU32,
    /// Ends ever opened, to see that a partner came even if it left again.
    readers_ever: AtomicU32,
    writers_ever: AtomicU32,
    /// Open files; changed under the inode's `pipe` lock.
    files: AtomicU32,
    /// Somebody has polled it: edge-triggered epoll wants to hear of every write.
    polled: AtomicBool,
    to_read: Arc<WaitQueue>,
    to_write: Arc<WaitQueue>,
    /// Who gets signals, of the files that read and of those that write.
    reader_signals: SignalList,
    writer_signals: SignalList,
}

/// What became of an attempt to write.
struct Put {
    /// Bytes that went in.
    moved: Result<usize>,
    /// Whether the pipe was empty before.
    was_empty: bool,
    /// Something else than want of room ended it.
    stopped: bool,
}

const READABLE: u32 = PollEvents::IN.0 | PollEvents::RDNORM.0;
const WRITABLE: u32 = PollEvents::OUT.0 | PollEvents::WRNORM.0;

impl Pipe {
    /// An empty pipe without ends.
    pub fn new() -> Result<Arc<Pipe>> {
        let mut buffers = VecDeque::new();
        buffers.try_reserve_exact(DEFAULT_BUFFERS)?;
        Ok(try_arc(Pipe {
            contents: Mutex::new(rank::PIPE, Contents { buffers, spare: [None, None] }),
            used: AtomicUsize::new(0),
            limit: AtomicUsize::new(DEFAULT_BUFFERS),
            readers: AtomicU32::new(0),
            writers: AtomicU32::new(0),
            readers_ever: AtomicU32::new(0),
            writers_ever: AtomicU32::new(0),
            polled: AtomicBool::new(false),
            files: AtomicU32::new(0),
            to_read: try_arc(WaitQueue::new())?,
            to_write: try_arc(WaitQueue::new())?,
            reader_signals: SignalList::new(),
            writer_signals: SignalList::new(),
        })?)
    }
    fn is_empty(&self) -> bool {
        self.used.load(Ordering::Acquire) == 0
    }
    fn is_full(&self) -> bool {
        self.used.load(Ordering::Acquire) >= self.limit.load(Ordering::Relaxed)
    }
    fn has_writers(&self) -> bool {
        self.writers.load(Ordering::Acquire) != 0
    }
    fn has_readers(&self) -> bool {
        self.readers.load(Ordering::Acquire) != 0
    }
    /// Bytes that can be read now (FIONREAD).
    pub fn available(&self) -> usize {
        self.contents.lock().buffers.iter().map(|buffer| buffer.length as usize).sum()
    }

    fn add_reader(&self) {
        self.readers_ever.fetch_add(1, Ordering::AcqRel);
        if self.readers.fetch_add(1, Ordering::AcqRel) == 0 {
            self.to_write.wake_all();
        }
    }
    fn add_writer(&self) {
        self.writers_ever.fetch_add(1, Ordering::AcqRel);
        if self.writers.fetch_add(1, Ordering::AcqRel) == 0 {
            self.to_read.wake_all();
        }
    }
    fn remove_ends(&self, reads: bool, writes: bool) {
        if reads {
            self.readers.fetch_sub(1, Ordering::AcqRel);
        }
        if writes {
            self.writers.fetch_sub(1, Ordering::AcqRel);
        }
        if self.has_readers() != self.has_writers() {
            self.to_read.wake_all();
            self.to_write.wake_all();
            self.reader_signals.notify(Reason::Input);
            self.writer_signals.notify(Reason::Output);
        }
    }

    /// Moves what there is into `into`; the bytes, and whether room came about in a full pipe.
    fn take(&self, into: &mut IoBuffer) -> (Result<usize>, bool) {
        let mut contents = self.contents.lock();
        let was_full = self.is_full();
        let (mut done, mut freed) = (0, false);
        let result = loop {
            let Some(buffer) = contents.buffers.front_mut() else { break Ok(done) };
            let wanted = (buffer.length as usize).min(into.remaining());
            let moved = match into.put_frame(&buffer.frame, buffer.offset as usize, wanted) {
                // What a fault cut short stays in the pipe, as in Linux.
                Ok(moved) if moved < wanted => break if done == 0 { Err(EFAULT) } else { Ok(done) },
                Ok(moved) => moved,
                Err(error) => break if done == 0 { Err(error) } else { Ok(done) },
            };
            done += moved;
            buffer.offset += moved as u32;
            buffer.length -= moved as u32;
            let packet = buffer.packet;
            if packet {
                buffer.length = 0;
            }
            if buffer.length == 0
                && let Some(Buffer { frame, .. }) = contents.buffers.pop_front()
            {
                contents.keep(frame);
                self.used.store(contents.buffers.len(), Ordering::Release);
                freed = true;
            }
            if packet || into.remaining() == 0 {
                break Ok(done);
            }
        };
        (result, was_full && freed)
    }

    fn read(&self, into: &mut IoBuffer, nonblocking: bool) -> Result<usize> {
        if into.remaining() == 0 {
            return Ok(0);
        }
        let mut slept = false;
        loop {
            let (result, made_room) = self.take(into);
            if made_room {
                self.to_write.wake(WRITABLE);
            }
            match result {
                Ok(0) if self.is_empty() => {
                    if !self.has_writers() {
                        // What the last writer left may have come since the look.
                        if self.is_empty() {
                            self.writer_signals.notify(Reason::Output);
                            return Ok(0);
                        }
                        continue;
                    }
                    // Every read tells those that write, whether it made room or not, as on Linux.
                    self.writer_signals.notify(Reason::Output);
                    if nonblocking {
                        return Err(EAGAIN);
                    }
                    let ready = || (!self.is_empty() || !self.has_writers()).then_some(());
                    self.to_read.wait_exclusive(Sleep::Interruptible, None, ready).map_err(|_| ERESTARTSYS)?;
                    slept = true;
                }
                Ok(0) => continue,
                result => {
                    // Whoever was woken alone passes on what is left.
                    if slept && !self.is_empty() {
                        self.to_read.wake(READABLE);
                    }
                    self.writer_signals.notify(Reason::Output);
                    return result;
                }
            }
        }
    }

    /// Moves as much of `from` in as there is room for.
    fn put(&self, from: &mut IoBuffer, packet: bool) -> Put {
        let mut contents = self.contents.lock();
        let was_empty = contents.buffers.is_empty();
        let stop = |error, done| {
            let moved = if done == 0 { Err(error) } else { Ok(done) };
            Put { moved, was_empty, stopped: true }
        };
        let mut done = 0;
        let tail = from.remaining() % PAGE_SIZE;
        if tail != 0
            && !packet
            && let Some(last) = contents.buffers.back_mut().filter(|last| !last.packet && !last.shared)
        {
            let end = (last.offset + last.length) as usize;
            if end + tail <= PAGE_SIZE {
                match from.take_frame(&last.frame, end, tail) {
                    // What a fault cut short was not written, as in Linux.
                    Ok(moved) if moved < tail => return stop(EFAULT, 0),
                    Ok(moved) => {
                        last.length += moved as u32;
                        done += moved;
                    }
                    Err(error) => return stop(error, 0),
                }
            }
        }
        while from.remaining() > 0 && contents.buffers.len() < self.limit.load(Ordering::Relaxed) {
            if contents.buffers.try_reserve(1).is_err() {
                return stop(ENOMEM, done);
            }
            let frame = match contents.take_frame() {
                Ok(frame) => frame,
                Err(error) => return stop(error, done),
            };
            let wanted = from.remaining().min(PAGE_SIZE);
            match from.take_frame(&frame, 0, wanted) {
                Ok(moved) if moved < wanted => {
                    contents.keep(frame);
                    return stop(EFAULT, done);
                }
                Ok(moved) => {
                    done += moved;
                    contents.buffers.push_back(Buffer {
                        frame,
                        offset: 0,
                        length: moved as u32,
                        packet,
                        shared: false,
                    });
                    self.used.store(contents.buffers.len(), Ordering::Release);
                }
                Err(error) => {
                    contents.keep(frame);
                    return stop(error, done);
                }
            }
        }
        Put { moved: Ok(done), was_empty, stopped: false }
    }

    fn write(&self, from: &mut IoBuffer, nonblocking: bool, packet: bool) -> Result<usize> {
        let total = from.remaining();
        if total == 0 {
            return Ok(0);
        }
        let (mut done, mut slept) = (0, false);
        let result = loop {
            if !self.has_readers() {
                crate::signal::send_to_current(crate::signal::SIGPIPE);
                break Err(EPIPE);
            }
            let Put { moved: result, was_empty, stopped } = self.put(from, packet);
            if was_empty && !self.is_empty() {
                self.to_read.wake(READABLE);
            }
            match result {
                Ok(moved) => {
                    done += moved;
                    if moved > 0 && !was_empty && self.polled.load(Ordering::Relaxed) {
                        self.to_read.wake(READABLE);
                    }
                    if from.remaining() == 0 || stopped {
                        break Ok(done);
                    }
                }
                Err(error) => break Err(error),
            }
            if nonblocking {
                break Err(EAGAIN);
            }
            if Task::current().signal_pending() {
                break Err(ERESTARTSYS);
            }
            self.reader_signals.notify(Reason::Input);
            let ready = || (!self.is_full() || !self.has_readers()).then_some(());
            if self.to_write.wait_exclusive(Sleep::Interruptible, None, ready).is_err() {
                break Err(ERESTARTSYS);
            }
            slept = true;
        };
        if slept && !self.is_full() {
            self.to_write.wake(WRITABLE);
        }
        self.reader_signals.notify(Reason::Input);
        if done > 0 { Ok(done) } else { result }
    }

    /// F_SETPIPE_SZ: the size that it became. EINVAL, EPERM, EBUSY when more is in it.
    fn set_size(&self, size: u64) -> Result<u64> {
        if size > LARGEST as u64 {
            return Err(EINVAL);
        }
        let size = (size as usize).max(PAGE_SIZE).next_power_of_two();
        let limit = size / PAGE_SIZE;
        if limit > self.limit.load(Ordering::Relaxed)
            && size > LARGEST_UNPRIVILEGED
            && !Task::current().capable(Capability::SysResource)
        {
            return Err(EPERM);
        }
        let mut contents = self.contents.lock();
        if contents.buffers.len() > limit {
            return Err(EBUSY);
        }
        let used = contents.buffers.len();
        contents.buffers.try_reserve_exact(limit.min(1024).saturating_sub(used))?;
        self.limit.store(limit, Ordering::Relaxed);
        drop(contents);
        self.to_write.wake_all();
        Ok(size as u64)
    }
    fn size(&self) -> u64 {
        (self.limit.load(Ordering::Relaxed) * PAGE_SIZE) as u64
    }
}
