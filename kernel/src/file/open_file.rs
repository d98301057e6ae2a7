//! Open file descriptions.
use super::{Inode, IoBuffer, PollEvents, PollTable};
use crate::{error::*, process::Task};
use alloc::{boxed::Box, sync::Arc};
use core::any::Any;

/// What a kind of file does. Every method gets the open file, for its flags and position.
pub trait FileOperations: Any + Send + Sync {
    /// Reads at `offset` (ignored by streams). Returns bytes moved into the buffer; EAGAIN if it would block and the file is
    /// non-blocking.
    fn read(&self, _file: &File, _into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        Err(EINVAL)
    }
    /// Writes at `offset` (ignored by streams; appending files choose it themselves). Returns bytes taken from the buffer.
    fn write(&self, _file: &File, _from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        Err(EINVAL)
    }
    /// Ready events now; registers with the wait queues when a table is given.
    fn poll(&self, _file: &File, _table: Option<&mut PollTable>) -> PollEvents {
        PollEvents::IN | PollEvents::OUT | PollEvents::RDNORM | PollEvents::WRNORM
    }
    /// Whether `poll` means something: epoll refuses files that are always ready (EPERM). Streams are, files with offsets are not.
    fn is_pollable(&self) -> bool {
        !self.is_seekable()
    }
    /// Device control; ENOTTY for a command this file does not know.
    fn ioctl(&self, _file: &File, _task: &Task, _command: u32, _argument: u64) -> Result<usize> {
        Err(ENOTTY)
    }
    /// The page cache that mmap(2) maps, ENODEV if the file cannot be mapped.
    fn mapping(&self, _file: &File) -> Result<Arc<crate::memory::Mapping>> {
        Err(ENODEV)
    }
    /// Whether lseek, pread and pwrite work on it (else ESPIPE).
    fn is_seekable(&self) -> bool {
        true
    }
    /// The last descriptor of one process's table was closed (close(2)'s error).
    fn flush(&self, _file: &File) -> Result<()> {
        Ok(())
    }
    /// The last reference is gone.
    fn release(&self, _file: &File) {}
    /// For downcasts.
    fn as_any(&self) -> &dyn Any;
}

/// An open file description: shared by dup(2) and fork(2).
pub struct File {
    operations: Box<dyn FileOperations>,
}
impl File {
    /// A file without a path of its own (pipes, epoll, anonymous inodes); `name` as in /proc/PID/fd ("pipe:[12]").
    pub fn anonymous(_operations: Box<dyn FileOperations>, _name: &'static str, _flags: u32) -> Result<Arc<File>> {
        todo!()
    }
    /// The operations.
    pub fn operations(&self) -> &dyn FileOperations {
        &*self.operations
    }
    /// The operations as a concrete type.
    pub fn downcast<T: 'static>(&self) -> Option<&T> {
        self.operations.as_any().downcast_ref()
    }
    /// O_* flags now.
    pub fn flags(&self) -> u32 {
        todo!()
    }
    /// Whether O_NONBLOCK is set.
    pub fn is_nonblocking(&self) -> bool {
        todo!()
    }
    /// The inode.
    pub fn inode(&self) -> &Arc<Inode> {
        todo!()
    }
}
