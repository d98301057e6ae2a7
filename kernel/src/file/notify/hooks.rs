//! What file operations say of what they do.
use super::event;
use super::marks::{Told, USED, WATCHED};
use crate::file::inode::Inode;
use crate::file::{Dentry, File, Path, Superblock};
use crate::sync::RcuGuard;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

/// Joins the two halves of a move.
static COOKIE: AtomicU32 = AtomicU32::new(0);

/// Whether anything is watched at all.
#[inline(always)]
pub fn is_used() -> bool {
    USED.load(Ordering::Relaxed) != 0
}

fn directory_bit(inode: &Inode) -> u32 {
    if inode.is_directory() { event::IS_DIRECTORY } else { 0 }
}

/// Tells who watches an inode of something that happened to it.
fn to_inode(inode: &Arc<Inode>, mask: u32, unlinked: bool) {
    if inode.is_watched()
        && let Some(marks) = inode.marks()
    {
        marks.tell(inode, Told { mask: mask | directory_bit(inode), name: None, cookie: 0, unlinked });
    }
}
/// Tells who watches a directory of something that happened to a name in it.
fn to_directory(directory: &Arc<Inode>, mask: u32, name: &[u8], cookie: u32) {
    if directory.is_watched()
        && let Some(marks) = directory.marks()
    {
        marks.tell(directory, Told { mask, name: Some(name), cookie, unlinked: false });
    }
}
/// Something happened to an inode by way of a name: tells who watches its directory, then who watches it. Whether it was done to
/// a file that is open: of such, those whose name is removed can be left out.
#[cold]
fn by_name(dentry: &Dentry, inode: &Arc<Inode>, mask: u32, by_file: bool) {
    let mask = mask | directory_bit(inode);
    let unlinked = by_file && dentry.is_deleted();
    let parent_is_watched = {
        let guard = RcuGuard::new();
        let parent = dentry.place(&guard).parent.as_ref().and_then(|parent| parent.inode());
        parent.is_some_and(|parent| parent.is_watched())
    };
    if parent_is_watched
        && let Some(parent) = dentry.parent()
        && let Some(directory) = parent.inode()
        && let Some(marks) = directory.marks()
        && let Ok(name) = dentry.name_bytes()
    {
        marks.tell(directory, Told { mask, name: Some(&name), cookie: 0, unlinked });
    }
    to_inode(inode, mask, unlinked);
}
fn by_file(file: &File, mask: u32) {
    if !file.is_path() {
        by_name(&file.path().dentry, file.inode(), mask, true);
    }
}

/// Bytes or entries of a file were read.
#[inline(always)]
pub fn accessed(file: &File) {
    if is_used() {
        by_file(file, event::ACCESS);
    }
}
/// A file was written.
#[inline(always)]
pub fn modified(file: &File) {
    if is_used() {
        by_file(file, event::MODIFY);
    }
}
/// The kernel changed what a file shows; told to who watches it, or its directory, if these are known.
#[cold]
pub fn modified_by_kernel(directory: Option<Arc<Inode>>, inode: Option<Arc<Inode>>, name: &[u8]) {
    if let Some(directory) = directory {
        to_directory(&directory, event::MODIFY, name, 0);
    }
    if let Some(inode) = inode {
        to_inode(&inode, event::MODIFY, false);
    }
}
/// A file was opened.
#[inline(always)]
pub fn opened(file: &File) {
    if is_used() {
        by_file(file, event::OPEN);
    }
}
/// A program was opened to be run, and its first bytes are read.
pub fn opened_for_execution(file: &File) {
    opened(file);
    accessed(file);
}
/// The last reference to an open file is about to go.
#[inline(always)]
pub fn closed(file: &File) {
    if is_used() {
        by_file(file, if file.is_writable() { event::CLOSE_WRITE } else { event::CLOSE_NO_WRITE });
    }
}
/// Attributes of what is at a place changed, in a way that is one of ATTRIBUTES, MODIFY or ACCESS.
#[inline(always)]
pub fn changed_path(path: &Path, mask: u32) {
    if is_used()
        && let Some(inode) = path.dentry.inode()
    {
        by_name(&path.dentry, inode, mask, false);
    }
}

/// An entry was made in a directory.
#[inline(always)]
pub fn created(directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) {
    if is_used() {
        to_directory(directory, event::CREATE | directory_bit(inode), name, 0);
    }
}
/// An inode has another name, or one name less.
#[inline(always)]
pub fn changed_links(inode: &Arc<Inode>) {
    if is_used() {
        to_inode(inode, event::ATTRIBUTES, false);
    }
}
/// An entry was removed from a directory, which is locked.
#[inline(always)]
pub fn deleted(directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) {
    if is_used() {
        gone_if_unused(inode);
        to_directory(directory, event::DELETE | directory_bit(inode), name, 0);
    }
}
/// If an inode has no name any more and nobody has it open, it is gone, and so are those who watch it.
#[inline(always)]
pub fn gone_if_unused(inode: &Arc<Inode>) {
    if inode.is_watched() {
        gone(inode);
    }
}
#[cold]
fn gone(inode: &Arc<Inode>) {
    let has_name = if inode.is_directory() { !inode.is_dead() } else { inode.links() != 0 };
    if !has_name && inode.users().0 == 0 {
        to_inode(inode, event::DELETE_SELF, false);
        if let Some(marks) = inode.marks() {
            marks.end(inode);
        }
    }
}
/// An entry was moved, both directories being locked.
pub fn moved(from: (&Arc<Inode>, &[u8]), to: (&Arc<Inode>, &[u8]), inode: &Arc<Inode>, replaced: Option<&Arc<Inode>>) {
    if !is_used() {
        return;
    }
    let kind = directory_bit(inode);
    if Arc::ptr_eq(from.0, to.0) {
        to_directory(from.0, event::RENAME | kind, from.1, 0);
    }
    let cookie = COOKIE.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    to_directory(from.0, event::MOVED_FROM | kind, from.1, cookie);
    to_directory(to.0, event::MOVED_TO | kind, to.1, cookie);
    if let Some(replaced) = replaced {
        to_inode(replaced, event::ATTRIBUTES, false);
    }
    to_inode(inode, event::MOVE_SELF, false);
}

/// A file system is mounted nowhere any more.
pub fn unmounted(superblock: &Arc<Superblock>) {
    if !is_used() {
        return;
    }
    // Without memory nobody is told.
    for inode in WATCHED.living().unwrap_or_default() {
        let concerns = Arc::ptr_eq(inode.superblock(), superblock) && inode.is_watched();
        if let Some(marks) = inode.marks().filter(|_| concerns) {
            // Nothing but the event itself is told.
            let mask = event::UNMOUNT | directory_bit(&inode);
            marks.tell(&inode, Told { mask, name: None, cookie: 0, unlinked: false });
            marks.end(&inode);
        }
    }
}
