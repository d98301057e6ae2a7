//! tmpfs's inodes.
use super::entries::{Entries, Name};
use super::{Tmpfs, Usage};
use crate::error::*;
use crate::file::attributes::*;
use crate::file::inode::*;
use crate::file::superblock::Superblock;
use crate::memory::Mapping;
use crate::sync::{Mutex, rank};
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};
use machine::memory::{PAGE_SIZE, try_box};

const PAGE: u64 = PAGE_SIZE as u64;
/// What one entry adds to a directory's size.
const ENTRY_SIZE: u64 = 20;

enum Content {
    Directory(Mutex<Entries>),
    Link(Box<[u8]>),
    Other,
}

/// Values of extended attributes by name.
type ExtendedAttributes = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// What an inode of a tmpfs has beside the common attributes.
pub struct Node {
    content: Content,
    usage: Arc<Usage>,
    /// Pages counted in `usage` for this file.
    counted: AtomicU64,
    attributes: Mutex<ExtendedAttributes>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.usage.change_pages(self.counted.load(Ordering::Relaxed), 0);
        self.usage.remove_inode();
    }
}

/// Drops a whole tree step by step: it may be deeper than the stack.
pub fn dissolve(root: Arc<Inode>) {
    let mut waiting = alloc::vec![root];
    while let Some(inode) = waiting.pop() {
        if let Some(Node { content: Content::Directory(entries), .. }) = inode.downcast::<Node>() {
            let entries = core::mem::take(&mut *entries.lock());
            waiting.extend(entries.into_inodes());
        }
    }
}

/// How many inodes have a name in the tree below `root`, itself included.
pub fn count_named(root: &Arc<Inode>) -> Result<u64> {
    let mut waiting = Vec::new();
    // Numbers of those that may be met again, since they have several names.
    let mut known: Vec<u64> = Vec::new();
    waiting.try_reserve(1)?;
    waiting.push(root.clone());
    let mut count = 0;
    while let Some(inode) = waiting.pop() {
        count += 1;
        if !inode.is_directory() && inode.links() > 1 {
            known.try_reserve(1)?;
            known.push(inode.number());
        }
        if let Some(Node { content: Content::Directory(entries), .. }) = inode.downcast::<Node>() {
            let entries = entries.lock();
            waiting.try_reserve(entries.count())?;
            waiting.extend(entries.inodes().cloned());
        }
    }
    crate::sort::by_key(&mut known, |number| *number);
    let met = known.len();
    known.dedup();
    Ok(count - (met - known.len()) as u64)
}

impl Node {
    /// Makes an inode; a symbolic link with its target.
    pub fn make(superblock: &Arc<Superblock>, new: &NewInode, target: Option<&[u8]>) -> Result<Arc<Inode>> {
        let usage = superblock.downcast::<Tmpfs>().ok_or(EINVAL)?.usage.clone();
        let kind = FileType::of_mode(new.mode);
        let content = match (kind, target) {
            (FileType::Directory, _) => Content::Directory(Mutex::new(rank::TMPFS, Entries::default())),
            (FileType::SymbolicLink, Some(target)) => {
                let mut text = Vec::new();
                text.try_reserve_exact(target.len())?;
                text.extend_from_slice(target);
                Content::Link(text.into_boxed_slice())
            }
            _ => Content::Other,
        };
        let mapping = if kind == FileType::Regular { Some(Mapping::new(None)?) } else { None };
        let mut attributes = InodeAttributes::new(superblock.next_inode_number(), new);
        attributes.size = match &content {
            Content::Directory(_) => 2 * ENTRY_SIZE,
            Content::Link(text) => text.len() as u64,
            Content::Other => 0,
        };
        usage.add_inode()?;
        let node =
            Node { content, usage, counted: AtomicU64::new(0), attributes: Mutex::new(rank::TMPFS, BTreeMap::new()) };
        Inode::new(superblock.clone(), &attributes, try_box(node)?, mapping)
    }
    /// Makes an inode in a directory, whose flags it inherits.
    fn make_in(directory: &Arc<Inode>, new: &NewInode, target: Option<&[u8]>) -> Result<Arc<Inode>> {
        let inode = Node::make(directory.superblock(), new, target)?;
        let inherited = directory.user_flags().0 & UserFlags::INHERITED;
        if inherited != 0 {
            inode.set_user_flags(UserFlags(inherited));
        }
        Ok(inode)
    }
    fn entries(&self) -> Result<&Mutex<Entries>> {
        match &self.content {
            Content::Directory(entries) => Ok(entries),
            _ => Err(ENOTDIR),
        }
    }
    fn add(&self, directory: &Arc<Inode>, name: &[u8], inode: Arc<Inode>) -> Result<()> {
        let name = self.entries()?.lock().prepare(name)?;
        self.add_prepared(directory, name, inode)
    }
    fn add_prepared(&self, directory: &Arc<Inode>, name: Name, inode: Arc<Inode>) -> Result<()> {
        if inode.is_directory() {
            directory.adjust_links(1);
        }
        self.entries()?.lock().insert(name, inode);
        directory.set_size(directory.size() + ENTRY_SIZE);
        directory.touch_modified();
        Ok(())
    }
    fn take(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let inode = self.entries()?.lock().remove(name).ok_or(ENOENT)?;
        directory.set_size(directory.size().saturating_sub(ENTRY_SIZE));
        directory.touch_modified();
        Ok(inode)
    }
    fn is_empty(inode: &Arc<Inode>) -> bool {
        match inode.downcast::<Node>().map(|node| &node.content) {
            Some(Content::Directory(entries)) => entries.lock().is_empty(),
            _ => true,
        }
    }
}

/// The node behind another inode of the same file system.
fn node(inode: &Arc<Inode>) -> Result<&Node> {
    inode.downcast::<Node>().ok_or(EXDEV)
}

impl InodeOperations for Node {
    fn lookup(&self, _: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        self.entries()?.lock().get(name).cloned().ok_or(ENOENT)
    }
    fn create(&self, directory: &Arc<Inode>, name: &[u8], new: &NewInode) -> Result<Arc<Inode>> {
        let inode = Node::make_in(directory, new, None)?;
        self.add(directory, name, inode.clone())?;
        Ok(inode)
    }
    fn create_link(&self, directory: &Arc<Inode>, name: &[u8], target: &[u8], new: &NewInode) -> Result<Arc<Inode>> {
        let inode = Node::make_in(directory, new, Some(target))?;
        self.add(directory, name, inode.clone())?;
        Ok(inode)
    }
    fn create_unnamed(&self, directory: &Arc<Inode>, new: &NewInode) -> Result<Arc<Inode>> {
        let inode = Node::make_in(directory, new, None)?;
        inode.set_links(0);
        Ok(inode)
    }
    fn link(&self, directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        inode.adjust_links(1);
        inode.touch_changed();
        self.add(directory, name, inode.clone())
    }
    fn unlink(&self, directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        self.take(directory, name)?;
        inode.adjust_links(-1);
        inode.touch_changed();
        Ok(())
    }
    fn remove_directory(&self, directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        if !Node::is_empty(inode) {
            return Err(ENOTEMPTY);
        }
        self.take(directory, name)?;
        directory.adjust_links(-1);
        inode.set_links(0);
        inode.touch_changed();
        Ok(())
    }
    fn rename(&self, request: &RenameRequest) -> Result<()> {
        let RenameRequest { from, from_name, inode, to, to_name, replaced, exchange, whiteout } = *request;
        let target = node(to)?;
        let across = !Arc::ptr_eq(from, to);
        if let (Some(other), true) = (replaced, exchange) {
            self.entries()?.lock().exchange(from_name, other.clone());
            target.entries()?.lock().exchange(to_name, inode.clone());
            if across && inode.is_directory() != other.is_directory() {
                let (gains, loses) = if inode.is_directory() { (to, from) } else { (from, to) };
                gains.adjust_links(1);
                loses.adjust_links(-1);
            }
            other.touch_changed();
        } else {
            if let Some(replaced) = replaced {
                if !Node::is_empty(replaced) {
                    return Err(ENOTEMPTY);
                }
                target.take(to, to_name)?;
                if replaced.is_directory() {
                    to.adjust_links(-1);
                    replaced.set_links(0);
                } else {
                    replaced.adjust_links(-1);
                }
                replaced.touch_changed();
            }
            let white = match whiteout {
                true => {
                    let new = NewInode {
                        mode: FileType::CharacterDevice as u32,
                        user: 0,
                        group: 0,
                        device: DeviceNumber::default(),
                    };
                    Some(Node::make_in(from, &new, None)?)
                }
                false => None,
            };
            let name = target.entries()?.lock().prepare(to_name)?;
            let moved = self.take(from, from_name)?;
            if moved.is_directory() {
                from.adjust_links(-1);
            }
            target.add_prepared(to, name, moved)?;
            if let Some(white) = white {
                self.add(from, from_name, white)?;
            }
        }
        inode.touch_changed();
        from.touch_modified();
        to.touch_modified();
        Ok(())
    }
    fn iterate(&self, _: &Arc<Inode>, from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
        let entries = self.entries()?.lock();
        for (cursor, name, inode) in entries.from(from) {
            if !emit(DirectoryEntry { inode: inode.number(), kind: inode.kind(), name, next: cursor + 1 }) {
                break;
            }
        }
        Ok(())
    }
    fn follow_link(&self, _: &Arc<Inode>) -> Result<LinkTarget> {
        let Content::Link(text) = &self.content else { return Err(EINVAL) };
        let mut copy = Vec::new();
        copy.try_reserve_exact(text.len())?;
        copy.extend_from_slice(text);
        Ok(LinkTarget::Text(copy))
    }
    fn link_in_memory(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Link(text) => Some(text),
            _ => None,
        }
    }
    fn set_attributes(&self, inode: &Arc<Inode>, changes: &AttributeChanges) -> Result<()> {
        if let (Some(size), Some(mapping)) = (changes.size, inode.mapping()) {
            let (seals, old) = (mapping.seals(), inode.size());
            if size < old && seals & seal::SHRINK != 0 || size > old && seals & seal::GROW != 0 {
                return Err(EPERM.because("the file is sealed"));
            }
        }
        inode.apply(changes)
    }
    fn user_flags(&self, inode: &Inode) -> Result<UserFlags> {
        match inode.kind() {
            FileType::Regular | FileType::Directory => Ok(inode.user_flags()),
            _ => Err(ENOTTY),
        }
    }
    fn set_user_flags(&self, inode: &Inode, flags: UserFlags) -> Result<()> {
        if flags.0 & !UserFlags::KNOWN != 0 {
            return Err(EOPNOTSUPP);
        }
        inode.set_user_flags(flags);
        inode.touch_changed();
        Ok(())
    }
    fn allocate(&self, inode: &Arc<Inode>, mode: u32, offset: u64, length: u64) -> Result<()> {
        const KEEP_SIZE: u32 = 1;
        const PUNCH_HOLE: u32 = 2;
        if mode & !(KEEP_SIZE | PUNCH_HOLE) != 0 {
            return Err(EOPNOTSUPP);
        }
        let mapping = inode.mapping().ok_or(EOPNOTSUPP)?;
        let end = offset.checked_add(length).ok_or(EFBIG)?;
        if mode & PUNCH_HOLE != 0 {
            if mapping.seals() & (seal::WRITE | seal::FUTURE_WRITE) != 0 {
                return Err(EPERM);
            }
            mapping.punch(offset..end);
            self.settle(inode);
            return Ok(());
        }
        if mode & KEEP_SIZE == 0 && end > inode.size() && mapping.seals() & seal::GROW != 0 {
            return Err(EPERM);
        }
        let mut result = Ok(());
        for index in offset / PAGE..end.div_ceil(PAGE) {
            if mapping.cached(index).is_none() {
                result = self.usage.check_pages(1).and_then(|()| mapping.page(index).map(|_| ()));
                self.settle(inode);
            }
            if result.is_err() || crate::process::Task::current().fatal_signal_pending() {
                return result.and(Err(EINTR));
            }
        }
        if mode & KEEP_SIZE == 0 {
            mapping.extend(end);
        }
        inode.touch_modified();
        Ok(())
    }
    fn reserve(&self, _: &Inode, pages: u64) -> Result<()> {
        self.usage.check_pages(pages)
    }
    fn settle(&self, inode: &Inode) {
        if let Some(mapping) = inode.mapping() {
            let now = mapping.pages() as u64;
            let before = self.counted.swap(now, Ordering::Relaxed);
            if before != now {
                self.usage.change_pages(before, now);
            }
        }
    }
    fn blocks(&self, inode: &Inode) -> u64 {
        match &self.content {
            Content::Link(text) if text.len() >= 128 => PAGE / 512,
            _ => inode.mapping().map_or(0, |mapping| mapping.pages() as u64 * (PAGE / 512)),
        }
    }
    fn sync(&self, _: &Inode, _: bool) -> Result<()> {
        Ok(())
    }
    fn extended_attribute(&self, _: &Inode, name: &[u8]) -> Result<Vec<u8>> {
        check_attribute(name)?;
        let attributes = self.attributes.lock();
        let value = attributes.get(name).ok_or(ENODATA)?;
        let mut copy = Vec::new();
        copy.try_reserve_exact(value.len())?;
        copy.extend_from_slice(value);
        Ok(copy)
    }
    fn set_extended_attribute(
        &self,
        inode: &Inode,
        name: &[u8],
        value: &[u8],
        create: bool,
        replace: bool,
    ) -> Result<()> {
        check_attribute(name)?;
        let mut attributes = self.attributes.lock();
        match attributes.contains_key(name) {
            true if create => return Err(EEXIST),
            false if replace => return Err(ENODATA),
            _ => {}
        }
        attributes.insert(copy_bytes(name)?, copy_bytes(value)?);
        inode.touch_changed();
        Ok(())
    }
    fn remove_extended_attribute(&self, inode: &Inode, name: &[u8]) -> Result<()> {
        check_attribute(name)?;
        self.attributes.lock().remove(name).ok_or(ENODATA)?;
        inode.touch_changed();
        Ok(())
    }
    fn extended_attribute_names(&self, _: &Inode) -> Result<Vec<u8>> {
        let attributes = self.attributes.lock();
        let mut names = Vec::new();
        for name in attributes.keys() {
            names.try_reserve(name.len() + 1)?;
            names.extend_from_slice(name);
            names.push(0);
        }
        Ok(names)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn copy_bytes(bytes: &[u8]) -> Result<Box<[u8]>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy.into_boxed_slice())
}

/// tmpfs keeps security.* and trusted.* attributes; EOPNOTSUPP for others.
fn check_attribute(name: &[u8]) -> Result<()> {
    if name.starts_with(b"security.") || name.starts_with(b"trusted.") { Ok(()) } else { Err(EOPNOTSUPP) }
}

/// F_SEAL_* bits.
mod seal {
    pub const SHRINK: u32 = 2;
    pub const GROW: u32 = 4;
    pub const WRITE: u32 = 8;
    pub const FUTURE_WRITE: u32 = 16;
}
