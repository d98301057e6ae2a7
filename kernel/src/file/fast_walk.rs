//! Path resolution from the dentry cache alone: no locks, no counts but those of the result.
//!
//! Answers only what needs nothing else; whatever is out of the ordinary (a name that is not cached, a link, an error) gives
//! `None`, and the caller walks again the careful way. Errors are never decided here, except that a name is known to be missing.
use super::attributes::{Access, FileType};
use super::dentry::{self, Dentry};
use super::mount::Mount;
use super::path::Path;
use super::walk::{next_component, walk_flag as flag};
use crate::error::*;
use crate::process::Task;
use crate::sync::RcuGuard;
use crate::syscall::Fd;
use alloc::sync::Arc;

/// Resolves a path if that takes nothing but cached names.
#[inline]
pub fn resolve(task: &Task, directory: Fd, path: &[u8], flags: u32) -> Option<Result<Path>> {
    const UNDERSTOOD: u32 = flag::FOLLOW | flag::DIRECTORY | flag::CACHED;
    if flags & !UNDERSTOOD != 0 || path.is_empty() {
        return None;
    }
    let guard = RcuGuard::new();
    let places = task.context_ref(&guard).read(&guard);
    let start = match path.first() {
        Some(b'/') => &places.root,
        _ if directory == Fd::WORKING_DIRECTORY => &places.working_directory,
        _ => return None,
    };
    let credentials = task.credentials_ref(&guard);
    let (mut mount, mut at): (&Arc<Mount>, &Arc<Dentry>) = (&start.mount, &start.dentry);
    let mut rest = path;
    loop {
        let (name, after) = next_component(rest);
        if name.is_empty() {
            break;
        }
        rest = after;
        let inode = at.inode()?;
        if !inode.is_directory() || inode.operations().permission(inode, credentials, Access::EXECUTE).is_err() {
            return None;
        }
        match name {
            b"." => continue,
            b".." => {
                if Arc::ptr_eq(at, &places.root.dentry) && Arc::ptr_eq(mount, &places.root.mount) {
                    continue;
                }
                if Arc::ptr_eq(at, mount.root()) {
                    return None;
                }
                at = at.place(&guard).parent.as_ref()?;
            }
            _ => {
                at = dentry::lookup(&guard, at, name)?;
                if !at.is_fresh() {
                    return None;
                }
            }
        }
        while at.is_mount_point() {
            let Some(top) = mount.child_at(&guard, at) else { break };
            mount = top;
            at = mount.root();
        }
        let Some(inode) = at.inode() else {
            // Known to be missing: where more follows, that is the error too.
            return Some(Err(ENOENT));
        };
        if inode.kind() == FileType::SymbolicLink && (!rest.is_empty() || flags & flag::FOLLOW != 0) {
            return None;
        }
    }
    let must_be_directory = flags & flag::DIRECTORY != 0 || path.last() == Some(&b'/');
    if must_be_directory && !at.inode()?.is_directory() {
        return None;
    }
    let path = Path { mount: mount.clone(), dentry: at.clone() };
    if path.dentry.is_evicted() { None } else { Some(Ok(path)) }
}
