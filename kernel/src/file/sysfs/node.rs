//! The tree as inodes and open files.
use super::tree::{Content, Node};
use crate::error::*;
use crate::file::attributes::{AttributeChanges, FileType, NewInode, Timestamp};
use crate::file::inode::{DirectoryEntry, Inode, InodeAttributes, InodeOperations, LinkTarget};
use crate::file::open_file::SeekFrom;
use crate::file::superblock::Superblock;
use crate::file::{DeviceNumber, File, FileOperations, IoBuffer};
use crate::output::Output;
use crate::sync::{Mutex, rank};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use machine::memory::try_box;

/// What stat(2) shows as the size of a file, and the most that one write(2) takes.
const SIZE: usize = 4096;
/// First cursor of a directory's own entries: 0 and 1 are the VFS's.
const FIRST: u64 = 2;

struct Entry(Arc<Node>);

fn kind_of(node: &Node) -> FileType {
    match node.content() {
        Content::Directory(_) => FileType::Directory,
        Content::Text(_) => FileType::Regular,
        Content::Link(_) => FileType::SymbolicLink,
    }
}

/// Makes the inode of a node.
pub fn inode(superblock: &Arc<Superblock>, node: &Arc<Node>) -> Result<Arc<Inode>> {
    let kind = kind_of(node);
    let is_directory = kind == FileType::Directory;
    let attributes = InodeAttributes {
        number: node.number(),
        mode: kind as u32 | node.permissions(),
        user: 0,
        group: 0,
        links: if is_directory { 2 + node.directories() as u32 } else { 1 },
        size: if kind == FileType::Regular { SIZE as u64 } else { 0 },
        device: DeviceNumber::default(),
        time: Timestamp::now(),
    };
    let inode = Inode::new(superblock.clone(), &attributes, try_box(Entry(node.clone()))?, None)?;
    inode.ignore_access_time();
    Ok(inode)
}

impl InodeOperations for Entry {
    /// Only the kernel makes objects: EACCES for files, EPERM for all else.
    fn create(&self, _directory: &Arc<Inode>, _name: &[u8], new: &NewInode) -> Result<Arc<Inode>> {
        Err(if FileType::of_mode(new.mode) == FileType::Regular { EACCES } else { EPERM })
    }
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        inode(directory.superblock(), &self.0.find(name)?)
    }
    fn iterate(&self, _directory: &Arc<Inode>, from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
        let mut number = from.saturating_sub(FIRST);
        while let Some(node) = self.0.entry_from(number) {
            number = node.number() + 1;
            let next = number.saturating_add(FIRST);
            if !emit(DirectoryEntry { inode: node.number(), kind: kind_of(&node), name: node.name(), next }) {
                break;
            }
        }
        Ok(())
    }
    fn is_fresh(&self, _inode: &Inode) -> bool {
        !self.0.is_removed()
    }
    fn revalidate(&self, _directory: &Arc<Inode>, _name: &[u8], child: &Arc<Inode>) -> Result<bool> {
        Ok(child.operations().is_fresh(child))
    }
    fn refresh(&self, inode: &Arc<Inode>) -> Result<()> {
        if inode.is_directory() {
            inode.set_links(2 + self.0.directories() as u32);
        }
        Ok(())
    }
    fn follow_link(&self, _inode: &Arc<Inode>) -> Result<LinkTarget> {
        let Content::Link(target) = self.0.content() else { return Err(EINVAL) };
        let mut text = Vec::new();
        text.try_reserve_exact(target.len())?;
        text.extend_from_slice(target);
        Ok(LinkTarget::Text(text))
    }
    /// EACCES for what nobody may do with the file, whatever his capabilities; ENODEV once it is gone.
    fn open(&self, _inode: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>> {
        if self.0.is_removed() {
            return Err(ENODEV);
        }
        if kind_of(&self.0) == FileType::Directory {
            return Ok(try_box(Directory)?);
        }
        let (reads, writes) = match flags & 3 {
            0 => (true, false),
            1 => (false, true),
            _ => (true, true),
        };
        let permissions = self.0.permissions();
        if writes && permissions & 0o222 == 0 || reads && permissions & 0o444 == 0 {
            return Err(EACCES);
        }
        Ok(try_box(TextFile { node: self.0.clone(), text: Mutex::new(rank::FILE_POSITION, None) })?)
    }
    /// A length is taken and changes nothing.
    fn set_attributes(&self, inode: &Arc<Inode>, changes: &AttributeChanges) -> Result<()> {
        inode.apply(&AttributeChanges { size: None, ..*changes })
    }
    fn blocks(&self, _inode: &Inode) -> u64 {
        0
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An open directory; its entries come from the inode.
struct Directory;
impl FileOperations for Directory {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An open file: its text is made when it is read from its beginning.
struct TextFile {
    node: Arc<Node>,
    text: Mutex<Option<Output>>,
}
impl TextFile {
    fn attribute(&self) -> Result<&dyn super::Attribute> {
        match self.node.content() {
            Content::Text(attribute) if !self.node.is_removed() => Ok(&**attribute),
            _ => Err(ENODEV),
        }
    }
}
impl FileOperations for TextFile {
    fn read(&self, _file: &File, into: &mut IoBuffer, offset: u64) -> Result<usize> {
        let attribute = self.attribute()?;
        if offset == 0 || self.text.lock().is_none() {
            let mut fresh = Output::new();
            attribute.show(&mut fresh)?;
            let before = self.text.lock().replace(fresh);
            drop(before);
        }
        let text = self.text.lock();
        let bytes = text.as_ref().map(Output::as_bytes).unwrap_or_default();
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        into.put(rest.get(..rest.len().min(into.remaining())).unwrap_or_default())
    }
    fn write(&self, _file: &File, from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        let attribute = self.attribute()?;
        let taken = from.remaining().min(SIZE);
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(taken)?;
        bytes.resize(taken, 0);
        if from.take(&mut bytes)? < taken {
            return Err(EFAULT);
        }
        attribute.store(&bytes).map(|()| taken)
    }
    fn is_positioned(&self) -> bool {
        true
    }
    fn is_pollable(&self) -> bool {
        false
    }
    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        file.seek_in(to, SIZE as u64)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
