//! Files: open file descriptions, descriptor tables, the VFS and its file systems.
pub mod anonymous;
pub mod attributes;
pub mod buffer;
pub mod context;
pub mod dentry;
pub mod descriptor;
pub mod devtmpfs;
pub mod inode;
pub mod lock;
pub mod mount;
pub mod open_file;
pub mod path;
pub mod poll;
pub mod regular;
pub mod superblock;
pub mod text;

pub use attributes::{DeviceNumber, FileType, Timestamp};
pub use buffer::IoBuffer;
pub use context::FileSystemContext;
pub use dentry::Dentry;
pub use descriptor::FileTable;
pub use inode::{Inode, InodeOperations};
pub use mount::{Mount, MountNamespace};
pub use open_file::{File, FileOperations};
pub use path::Path;
pub use poll::{PollEvents, PollTable};
pub use superblock::{FileSystemType, Superblock, SuperblockOperations};
