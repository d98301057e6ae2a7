//! Open files of pipes and FIFOs, and the calls that make them.
use super::Pipe;
use crate::error::*;
use crate::file::open_file::{File, FileOperations, open_flag};
use crate::file::signal_driven::Lists;
use crate::file::{Inode, IoBuffer, PollEvents, PollTable, anonymous};
use crate::process::Task;
use crate::syscall::{Fd, UserPtr};
use crate::wait::Sleep;
use alloc::{boxed::Box, sync::Arc};
use core::any::Any;
use core::sync::atomic::Ordering;
use machine::memory::try_box;

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
        if table.is_some() {
            pipe.polled.store(true, Ordering::Relaxed);
        }
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
    fn signal_lists<'a>(&'a self, _: &'a File) -> Lists<'a> {
        let reader = self.reads.then_some(&self.pipe.reader_signals);
        [reader, self.writes.then_some(&self.pipe.writer_signals)]
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
    // A partner that waits for this end is a partner, though it may have done its work and left before the next look.
    let (had_readers, had_writers) = (pipe.has_readers(), pipe.has_writers());
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
    } else if reads && !had_writers && !pipe.has_writers() {
        if nonblocking {
            end.writers_before = Some(writers_before);
            Ok(())
        } else {
            let came = || (pipe.writers_ever.load(Ordering::Acquire) != writers_before).then_some(());
            pipe.to_read.wait_until(Sleep::Interruptible, None, came)
        }
    } else if writes && !had_readers && !pipe.has_readers() {
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
