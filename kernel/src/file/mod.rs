//! Files: open file descriptions, descriptor tables, the VFS and its file systems.
pub mod buffer;
pub mod context;
pub mod descriptor;
pub mod inode;
pub mod open_file;
pub mod poll;

pub use buffer::IoBuffer;
pub use context::FileSystemContext;
pub use descriptor::FileTable;
pub use inode::{Inode, InodeOperations};
pub use open_file::{File, FileOperations};
pub use poll::{PollEvents, PollTable};
