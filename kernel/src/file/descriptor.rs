//! Descriptor tables.
use super::File;
use crate::{error::Result, syscall::Fd};
use alloc::sync::Arc;

/// What CLONE_FILES shares: descriptors and their close-on-exec flags.
pub struct FileTable {}
impl FileTable {
    /// The open file behind a descriptor, EBADF (O_PATH ones count; `get_io` refuses them).
    pub fn get(&self, _fd: Fd) -> Result<Arc<File>> {
        todo!()
    }
    /// The open file behind a descriptor for reading, writing, polling and control: EBADF for O_PATH ones too.
    pub fn get_io(&self, _fd: Fd) -> Result<Arc<File>> {
        todo!()
    }
    /// Descriptors the table can hold now without growing (a multiple of 64): select(2) looks no further.
    pub fn capacity(&self) -> usize {
        todo!()
    }
    /// Installs a file at the lowest free descriptor >= `from`; EMFILE.
    pub fn install(&self, _file: Arc<File>, _from: u32, _close_on_exec: bool) -> Result<Fd> {
        todo!()
    }
}
