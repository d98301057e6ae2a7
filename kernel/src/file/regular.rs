//! Regular files read and written through the page cache, and opened directories.
use super::inode::Inode;
use super::open_file::FileOperations;
use crate::error::*;
use alloc::{boxed::Box, sync::Arc};

/// The operations of an opened regular file or directory.
pub fn open(_inode: &Arc<Inode>) -> Result<Box<dyn FileOperations>> {
    todo!()
}
