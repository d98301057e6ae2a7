//! Pipes and FIFOs: pipe(7), fifo(7).
//!
//! A pipe is a queue of page-sized buffers, as in Linux: a write that fits is added to the last buffer, else it takes new ones.
//! So writes of up to PIPE_BUF bytes are atomic, and how much fits is the same as there.
use crate::error::*;
use crate::file::open_file::{File, FileOperations, open_flag};
use crate::file::{Inode, IoBuffer, PollEvents, PollTable, anonymous};
use crate::process::{Capability, Task};
use crate::sync::{Mutex, rank};
use crate::syscall::{Fd, UserPtr};
use crate::wait::{Sleep, WaitQueue};
use alloc::{boxed::Box, collections::VecDeque, sync::Arc};
use core::any::Any;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use machine::memory::{Frame, PAGE_SIZE, try_arc, try_box};

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
    to_read: Arc<WaitQueue>,
    to_write: Arc<WaitQueue>,
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
            files: AtomicU32::new(0),
            to_read: try_arc(WaitQueue::new())?,
            to_write: try_arc(WaitQueue::new())?,
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
            if packet || moved < wanted || into.remaining() == 0 {
                break Ok(done);
            }
        };
        (result, was_full && freed)
    }

    fn read(&self, into: &mut IoBuffer, nonblocking: bool) -> Result<usize> {
        if into.remaining() == 0 {
            return Ok(0);
        }
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
                            return Ok(0);
                        }
                        continue;
                    }
                    if nonblocking {
                        return Err(EAGAIN);
                    }
                    let ready = || (!self.is_empty() || !self.has_writers()).then_some(());
                    self.to_read.wait_exclusive(Sleep::Interruptible, None, ready).map_err(|_| ERESTARTSYS)?;
                }
                Ok(0) => continue,
                result => {
                    if !self.is_empty() && !self.to_read.is_empty() {
                        self.to_read.wake(READABLE);
                    }
                    return result;
                }
            }
        }
    }

    /// Moves as much of `from` in as there is room for; whether the pipe was empty before.
    fn put(&self, from: &mut IoBuffer, packet: bool) -> (Result<usize>, bool) {
        let mut contents = self.contents.lock();
        let was_empty = contents.buffers.is_empty();
        let mut done = 0;
        let tail = from.remaining() % PAGE_SIZE;
        if tail != 0
            && !packet
            && let Some(last) = contents.buffers.back_mut().filter(|last| !last.packet)
        {
            let end = (last.offset + last.length) as usize;
            if end + tail <= PAGE_SIZE {
                match from.take_frame(&last.frame, end, tail) {
                    Ok(moved) => {
                        last.length += moved as u32;
                        done += moved;
                        if moved < tail {
                            return (Ok(done), was_empty);
                        }
                    }
                    Err(error) => return (Err(error), was_empty),
                }
            }
        }
        while from.remaining() > 0 && contents.buffers.len() < self.limit.load(Ordering::Relaxed) {
            let partial = |error, done| if done == 0 { Err(error) } else { Ok(done) };
            if contents.buffers.try_reserve(1).is_err() {
                return (partial(ENOMEM, done), was_empty);
            }
            let frame = match contents.take_frame() {
                Ok(frame) => frame,
                Err(error) => return (partial(error, done), was_empty),
            };
            let wanted = from.remaining().min(PAGE_SIZE);
            match from.take_frame(&frame, 0, wanted) {
                Ok(moved) => {
                    done += moved;
                    contents.buffers.push_back(Buffer { frame, offset: 0, length: moved as u32, packet });
                    self.used.store(contents.buffers.len(), Ordering::Release);
                    if moved < wanted {
                        break;
                    }
                }
                Err(error) => {
                    contents.keep(frame);
                    return (partial(error, done), was_empty);
                }
            }
        }
        (Ok(done), was_empty)
    }

    fn write(&self, from: &mut IoBuffer, nonblocking: bool, packet: bool) -> Result<usize> {
        let total = from.remaining();
        if total == 0 {
            return Ok(0);
        }
        let mut done = 0;
        let result = loop {
            if !self.has_readers() {
                crate::signal::send_to_current(crate::signal::SIGPIPE);
                break Err(EPIPE);
            }
            let before = from.remaining();
            let (result, was_empty) = self.put(from, packet);
            if was_empty && !self.is_empty() {
                self.to_read.wake(READABLE);
            }
            match result {
                Ok(moved) => {
                    done += moved;
                    // A fault stopped it, or all is in.
                    if from.remaining() == 0 || moved != 0 && !self.is_full() && before != moved {
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
            let ready = || (!self.is_full() || !self.has_readers()).then_some(());
            if self.to_write.wait_exclusive(Sleep::Interruptible, None, ready).is_err() {
                break Err(ERESTARTSYS);
            }
        };
        if !self.is_full() && !self.to_write.is_empty() {
            self.to_write.wake(WRITABLE);
        }
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

/// One open file of a pipe.
pub struct PipeFile {
    pipe: Arc<Pipe>,
    inode: Arc<Inode>,
    /// A FIFO's times are kept; a pipe's are not worth a look at the clock.
    is_fifo: bool,
    reads: bool,
    writes: bool,
    /// Writers there had been when a FIFO was opened: it has hung up only when others came and went since.
    writers_before: Option<u32>,
}

impl PipeFile {
    /// The pipe.
    pub fn pipe(&self) -> &Arc<Pipe> {
        &self.pipe
    }
}

impl FileOperations for PipeFile {
    fn read(&self, file: &File, into: &mut IoBuffer, _: u64) -> Result<usize> {
        let count = self.pipe.read(into, file.is_nonblocking())?;
        if self.is_fifo && count > 0 {
            self.inode.touch_accessed();
        }
        Ok(count)
    }
    fn write(&self, file: &File, from: &mut IoBuffer, _: u64) -> Result<usize> {
        let packet = file.flags() & open_flag::DIRECT != 0;
        let count = self.pipe.write(from, file.is_nonblocking(), packet)?;
        if self.is_fifo && count > 0 {
            self.inode.touch_modified();
        }
        Ok(count)
    }
    fn poll(&self, _: &File, mut table: Option<&mut PollTable>) -> PollEvents {
        let pipe = &*self.pipe;
        let mut events = PollEvents::NONE;
        if self.reads {
            if let Some(table) = &mut table {
                table.wait_on(&pipe.to_read);
            }
            if !pipe.is_empty() {
                events |= PollEvents::IN | PollEvents::RDNORM;
            }
            if !pipe.has_writers() && self.writers_before != Some(pipe.writers_ever.load(Ordering::Acquire)) {
                events |= PollEvents::HUP;
            }
        }
        if self.writes {
            if let Some(table) = &mut table {
                table.wait_on(&pipe.to_write);
            }
            if !pipe.is_full() {
                events |= PollEvents::OUT | PollEvents::WRNORM;
            }
            if !pipe.has_readers() {
                events |= PollEvents::ERR;
            }
        }
        events
    }
    fn ioctl(&self, _: &File, task: &Task, command: u32, argument: u64) -> Result<usize> {
        const FIONREAD: u32 = 0x541b;
        match command {
            FIONREAD => {
                let available = self.pipe.available() as i32;
                UserPtr::<i32>::new(argument).write(task, &available)?;
                Ok(0)
            }
            _ => Err(ENOTTY),
        }
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn check_flags(&self, _: &File, _: u32) -> Result<()> {
        Ok(())
    }
    fn control(&self, _: &File, _: &Task, command: u32, argument: u64) -> Result<u64> {
        const F_SETPIPE_SZ: u32 = 1031;
        const F_GETPIPE_SZ: u32 = 1032;
        match command {
            F_SETPIPE_SZ => self.pipe.set_size(u64::from(argument as u32)),
            F_GETPIPE_SZ => Ok(self.pipe.size()),
            _ => Err(EINVAL),
        }
    }
    fn release(&self, _: &File) {
        leave(self);
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn leave(file: &PipeFile) {
    file.pipe.remove_ends(file.reads, file.writes);
    let mut slot = file.inode.pipe.lock();
    let last = file.pipe.files.fetch_sub(1, Ordering::AcqRel) == 1;
    let gone = if last { slot.take() } else { None };
    drop(slot);
    drop(gone);
}

/// Opens a FIFO (or reopens a pipe through /proc/PID/fd): waits for the other end as fifo(7) says. ENXIO for a non-blocking
/// writer without readers.
pub fn open_fifo(inode: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>> {
    let access = flags & open_flag::ACCESS_MODE;
    let (reads, writes) = match access {
        open_flag::READ_ONLY => (true, false),
        open_flag::WRITE_ONLY => (false, true),
        open_flag::READ_WRITE => (true, true),
        _ => return Err(EINVAL),
    };
    let is_pipe = inode.superblock().type_name() == "pipefs";
    let fresh = Pipe::new()?;
    let pipe = {
        let mut slot = inode.pipe.lock();
        let pipe = slot.get_or_insert(fresh).clone();
        pipe.files.fetch_add(1, Ordering::AcqRel);
        pipe
    };
    let mut end = PipeFile {
        pipe: pipe.clone(),
        inode: inode.clone(),
        is_fifo: !is_pipe,
        reads: false,
        writes: false,
        writers_before: None,
    };
    let nonblocking = flags & open_flag::NON_BLOCKING != 0;
    if writes && !reads && !is_pipe && nonblocking && !pipe.has_readers() {
        leave(&end);
        return Err(ENXIO.because("nobody reads the FIFO"));
    }
    let (readers_before, writers_before) =
        (pipe.readers_ever.load(Ordering::Acquire), pipe.writers_ever.load(Ordering::Acquire));
    if reads {
        pipe.add_reader();
        end.reads = true;
    }
    if writes {
        pipe.add_writer();
        end.writes = true;
    }
    let waited = if is_pipe || reads && writes {
        Ok(())
    } else if reads && !pipe.has_writers() {
        if nonblocking {
            end.writers_before = Some(writers_before);
            Ok(())
        } else {
            let came = || (pipe.writers_ever.load(Ordering::Acquire) != writers_before).then_some(());
            pipe.to_read.wait_until(Sleep::Interruptible, None, came)
        }
    } else if writes && !pipe.has_readers() {
        let came = || (pipe.readers_ever.load(Ordering::Acquire) != readers_before).then_some(());
        pipe.to_write.wait_until(Sleep::Interruptible, None, came)
    } else {
        Ok(())
    };
    if waited.is_err() {
        leave(&end);
        return Err(ERESTARTSYS);
    }
    match try_box(end) {
        Ok(end) => Ok(end),
        Err(error) => Err(error.into()),
    }
}

/// Makes a pipe: its reading and its writing end.
pub fn create(task: &Task, flags: u32) -> Result<(Arc<File>, Arc<File>)> {
    let credentials = task.credentials();
    let path = anonymous::pipe_path(credentials.file_system_user, credentials.file_system_group)?;
    let inode = path.inode()?.clone();
    let pipe = Pipe::new()?;
    *inode.pipe.lock() = Some(pipe.clone());
    pipe.files.store(2, Ordering::Release);
    let end = |reads: bool, access: u32| -> Result<Arc<File>> {
        let end = PipeFile {
            pipe: pipe.clone(),
            inode: inode.clone(),
            is_fifo: false,
            reads,
            writes: !reads,
            writers_before: None,
        };
        if reads {
            pipe.add_reader();
        } else {
            pipe.add_writer();
        }
        File::new(
            path.clone(),
            try_box(end)?,
            flags & (open_flag::NON_BLOCKING | open_flag::DIRECT) | access,
            credentials.clone(),
        )
    };
    Ok((end(true, open_flag::READ_ONLY)?, end(false, open_flag::WRITE_ONLY)?))
}

/// pipe(2).
pub fn pipe(task: &Task, descriptors: UserPtr<[u32; 2]>) -> Result<()> {
    pipe2(task, descriptors, 0)
}

/// pipe2(2).
pub fn pipe2(task: &Task, descriptors: UserPtr<[u32; 2]>, flags: u32) -> Result<()> {
    const NOTIFICATION: u32 = open_flag::EXCLUSIVE;
    if flags & !(open_flag::CLOSE_ON_EXEC | open_flag::NON_BLOCKING | open_flag::DIRECT | NOTIFICATION) != 0 {
        return Err(EINVAL);
    }
    if flags & NOTIFICATION != 0 {
        return Err(ENOPKG.because("no notification pipes"));
    }
    let (reader, writer) = create(task, flags)?;
    let files = task.files();
    let close_on_exec = flags & open_flag::CLOSE_ON_EXEC != 0;
    let first = files.reserve(0, close_on_exec)?;
    let second = files.reserve(0, close_on_exec)?;
    let numbers = [first.fd(), second.fd()];
    let pointer = UserPtr::<i32>::new(descriptors.address());
    for (index, Fd(number)) in numbers.iter().enumerate() {
        pointer.element(task, index).write(task, number)?;
    }
    first.install(reader);
    second.install(writer);
    Ok(())
}
