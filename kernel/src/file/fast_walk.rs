//! Path resolution from the dentry cache alone: no locks, no counts but those of the result.
//!
//! Answers only what needs nothing else; whatever is out of the ordinary (a name that is not cached, a link that must be
//! read, an error) gives `None`, and the caller walks again the careful way. Errors are never decided here, except that a
//! name is known to be missing.
use super::attributes::{Access, FileType};
use super::dentry::{self, Dentry};
use super::mount::{Mount, mount_flag};
use super::path::{Path, note_access};
use super::walk::{may_follow, next_component, walk_flag as flag};
use crate::error::*;
use crate::process::{Credentials, Task};
use crate::sync::RcuGuard;
use crate::syscall::Fd;
use alloc::sync::Arc;

/// Links whose rest is still to be walked; deeper nesting goes the careful way.
const DEEPEST: usize = 8;
/// Links followed in all; more go the careful way.
const MOST_LINKS: usize = 16;

/// Resolves a path if that takes nothing but cached names.
#[inline]
pub fn resolve(task: &Task, directory: Fd, path: &[u8], flags: u32) -> Option<Result<Path>> {
    const UNDERSTOOD: u32 = flag::FOLLOW | flag::DIRECTORY | flag::CACHED;
    let first = path.first()?;
    if flags & !UNDERSTOOD != 0 {
        return None;
    }
    let opened;
    let guard = RcuGuard::new();
    let places = task.context_ref(&guard).read(&guard);
    let start = if *first == b'/' {
        &places.root
    } else if directory == Fd::WORKING_DIRECTORY {
        &places.working_directory
    } else {
        opened = task.files().get(directory).ok()?;
        opened.path()
    };
    let walk = Walk {
        guard: &guard,
        credentials: task.credentials_ref(&guard),
        root: &places.root,
        mount: &start.mount,
        at: &start.dentry,
        flags,
    };
    walk.run(path)
}

struct Walk<'g> {
    guard: &'g RcuGuard,
    credentials: &'g Credentials,
    root: &'g Path,
    mount: &'g Arc<Mount>,
    at: &'g Arc<Dentry>,
    flags: u32,
}

impl<'g> Walk<'g> {
    #[inline]
    fn run(mut self, path: &'g [u8]) -> Option<Result<Path>> {
        let mut pending: [&'g [u8]; DEEPEST] = [&[]; DEEPEST];
        let (mut depth, mut links) = (0, 0);
        let mut rest = path;
        let mut must_be_directory = self.flags & flag::DIRECTORY != 0 || path.last() == Some(&b'/');
        loop {
            let (name, after) = next_component(rest);
            if name.is_empty() {
                if depth == 0 {
                    break;
                }
                depth -= 1;
                rest = pending.get(depth)?;
                continue;
            }
            rest = after;
            let inode = self.at.inode()?;
            let searches = inode.operations().permission(inode, self.credentials, Access::EXECUTE);
            if !inode.is_directory() || searches.is_err() {
                return None;
            }
            match name {
                b"." => continue,
                b".." => {
                    if !self.go_up()? {
                        continue;
                    }
                }
                _ => {
                    self.at = dentry::lookup(self.guard, self.at, name)?;
                    if !self.at.is_fresh() {
                        return None;
                    }
                }
            }
            let parent = (self.mount, inode);
            while self.at.is_mount_point() {
                let Some(top) = self.mount.child_at(self.guard, self.at) else { break };
                self.mount = top;
                self.at = top.root();
            }
            let Some(inode) = self.at.inode() else {
                // Known to be missing: where more follows, that is the error too.
                return Some(Err(ENOENT));
            };
            if inode.kind() == FileType::SymbolicLink {
                let is_last = depth == 0 && rest.iter().all(|byte| *byte == b'/');
                if is_last && rest.is_empty() && self.flags & flag::FOLLOW == 0 {
                    break;
                }
                if is_last && !may_follow(self.credentials, parent.1, inode) {
                    return None;
                }
                let text = inode.operations().link_in_memory()?;
                links += 1;
                if links > MOST_LINKS || self.mount.flags() & mount_flag::NO_LINKS != 0 {
                    return None;
                }
                note_access(self.mount, inode);
                if !rest.is_empty() {
                    *pending.get_mut(depth)? = rest;
                    depth += 1;
                } else if is_last && text.last() == Some(&b'/') {
                    must_be_directory = true;
                }
                // The text counts from where the link lies, or from the root.
                match text.first()? {
                    b'/' => (self.mount, self.at) = (&self.root.mount, &self.root.dentry),
                    _ => {
                        self.mount = parent.0;
                        self.at = self.at.place(self.guard).parent.as_ref()?;
                    }
                }
                rest = text;
            }
        }
        if must_be_directory && !self.at.inode()?.is_directory() {
            return None;
        }
        let path = Path { mount: self.mount.clone(), dentry: self.at.clone() };
        if path.dentry.is_evicted() { None } else { Some(Ok(path)) }
    }

    /// Goes to the parent; false at the root, `None` where that leads to another mount.
    fn go_up(&mut self) -> Option<bool> {
        if Arc::ptr_eq(self.at, &self.root.dentry) && Arc::ptr_eq(self.mount, &self.root.mount) {
            return Some(false);
        }
        if Arc::ptr_eq(self.at, self.mount.root()) {
            return None;
        }
        self.at = self.at.place(self.guard).parent.as_ref()?;
        Some(true)
    }
}
