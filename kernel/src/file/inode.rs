//! Inodes.
/// What a file system does with an inode.
pub trait InodeOperations: Send + Sync {}
/// A file, whatever its names.
pub struct Inode {}
