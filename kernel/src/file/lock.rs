//! Advisory locks: flock(2), POSIX record locks, open-file-description locks.
use super::open_file::File;

/// The locks of one inode.
#[derive(Default)]
pub struct InodeLocks {}

/// The last reference to an open file is gone: its flock and OFD locks end.
pub(super) fn release_file(_file: &File) {
    todo!()
}
