//! Notification of what happens to files: inotify(7), and F_NOTIFY of fcntl(2).
//!
//! Who watches an inode is noted on the inode, made when first used. The places where something happens ask one counter whether
//! anything is watched at all, then a flag of the inode and of its parent; the rest is in [`hooks`].
mod calls;
pub mod directory;
mod hooks;
mod instance;
mod marks;
mod queue;

pub use calls::{inotify_add_watch, inotify_init, inotify_init1, inotify_rm_watch};
pub use hooks::{
    accessed, changed_links, changed_path, closed, created, deleted, gone_if_unused, is_used, modified,
    modified_by_kernel, moved, opened, opened_for_execution, unmounted,
};
pub use instance::{INSTANCES_MAXIMUM, QUEUED_MAXIMUM, WATCHES_MAXIMUM};
pub use marks::{Marks, WATCHED};

/// What happens, numbered as inotify(7) has it, and what else the bits of a watch mean.
#[allow(missing_docs)]
pub mod event {
    pub const ACCESS: u32 = 1;
    pub const MODIFY: u32 = 2;
    pub const ATTRIBUTES: u32 = 4;
    pub const CLOSE_WRITE: u32 = 8;
    pub const CLOSE_NO_WRITE: u32 = 0x10;
    pub const OPEN: u32 = 0x20;
    pub const MOVED_FROM: u32 = 0x40;
    pub const MOVED_TO: u32 = 0x80;
    pub const CREATE: u32 = 0x100;
    pub const DELETE: u32 = 0x200;
    pub const DELETE_SELF: u32 = 0x400;
    pub const MOVE_SELF: u32 = 0x800;
    pub const ALL: u32 = 0xfff;
    pub const UNMOUNT: u32 = 0x2000;
    pub const OVERFLOW: u32 = 0x4000;
    pub const IGNORED: u32 = 0x8000;
    pub const ONLY_DIRECTORY: u32 = 0x0100_0000;
    pub const DO_NOT_FOLLOW: u32 = 0x0200_0000;
    pub const EXCLUDE_UNLINKED: u32 = 0x0400_0000;
    /// A name changed within one directory (DN_RENAME); inotify has no such event.
    pub const RENAME: u32 = 0x0800_0000;
    pub const MASK_CREATE: u32 = 0x1000_0000;
    pub const MASK_ADD: u32 = 0x2000_0000;
    pub const IS_DIRECTORY: u32 = 0x4000_0000;
    pub const ONE_SHOT: u32 = 0x8000_0000;
    /// Bits that inotify_add_watch(2) takes.
    pub const KNOWN: u32 = ALL
        | UNMOUNT
        | OVERFLOW
        | IGNORED
        | ONLY_DIRECTORY
        | DO_NOT_FOLLOW
        | EXCLUDE_UNLINKED
        | MASK_CREATE
        | MASK_ADD
        | IS_DIRECTORY
        | ONE_SHOT;
}
