//! The tree in memory: directories of objects, and files and links in them.
use crate::error::*;
use crate::output::Output;
use crate::sync::{RwLock, rank};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use machine::memory::try_arc;

/// What a file shows and takes.
pub trait Attribute: Send + Sync {
    /// Writes its text.
    fn show(&self, out: &mut Output) -> Result<()>;
    /// Takes what was written; EIO where nothing can be.
    fn store(&self, _text: &[u8]) -> Result<()> {
        Err(EIO)
    }
}
impl<F: Fn(&mut Output) -> Result<()> + Send + Sync> Attribute for F {
    fn show(&self, out: &mut Output) -> Result<()> {
        self(out)
    }
}

/// What a node is.
pub enum Content {
    /// A directory with its entries, in the order they came.
    Directory(RwLock<Vec<Arc<Node>>>),
    /// A file of text.
    Text(Box<dyn Attribute>),
    /// A symbolic link.
    Link(Box<[u8]>),
}

/// A directory, file or link. A node that was removed stays removed: another of the same name is another node.
pub struct Node {
    name: Box<[u8]>,
    number: u64,
    permissions: u32,
    content: Content,
    above: Weak<Node>,
    removed: AtomicBool,
}

/// The root has number 1.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

fn copy(bytes: &[u8]) -> Result<Box<[u8]>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy.into_boxed_slice())
}

impl Node {
    fn new(above: Weak<Node>, name: &[u8], permissions: u32, content: Content) -> Result<Arc<Node>> {
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(try_arc(Node { name: copy(name)?, number, permissions, content, above, removed: AtomicBool::new(false) })?)
    }
    /// A root, which is in no directory.
    pub fn root() -> Result<Arc<Node>> {
        Node::new(Weak::new(), b"", 0o755, Content::Directory(RwLock::new(rank::SYSFS, Vec::new())))
    }
    /// The name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }
    /// The inode number.
    pub fn number(&self) -> u64 {
        self.number
    }
    /// Permission bits.
    pub fn permissions(&self) -> u32 {
        self.permissions
    }
    /// What it is.
    pub fn content(&self) -> &Content {
        &self.content
    }
    /// Whether it is no more in the tree.
    pub fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }
    fn entries(&self) -> Result<&RwLock<Vec<Arc<Node>>>> {
        match &self.content {
            Content::Directory(entries) => Ok(entries),
            _ => Err(ENOTDIR),
        }
    }
    /// The entry of a name; ENOENT.
    pub fn find(&self, name: &[u8]) -> Result<Arc<Node>> {
        self.entries()?.read().iter().find(|node| *node.name == *name).cloned().ok_or(ENOENT)
    }
    /// The entry with the lowest number from this one on (directory listings).
    pub fn entry_from(&self, number: u64) -> Option<Arc<Node>> {
        let entries = self.entries().ok()?.read();
        entries.iter().filter(|node| node.number >= number).min_by_key(|node| node.number).cloned()
    }
    /// How many directories are in it.
    pub fn directories(&self) -> usize {
        let Ok(entries) = self.entries() else { return 0 };
        entries.read().iter().filter(|node| matches!(node.content, Content::Directory(_))).count()
    }
    fn add(self: &Arc<Self>, name: &[u8], permissions: u32, content: Content) -> Result<Arc<Node>> {
        let node = Node::new(Arc::downgrade(self), name, permissions, content)?;
        let mut entries = self.entries()?.write();
        if self.is_removed() {
            return Err(ENOENT);
        }
        if entries.iter().any(|other| *other.name == *name) {
            return Err(EEXIST);
        }
        entries.try_reserve(1)?;
        entries.push(node.clone());
        Ok(node)
    }
    /// Makes a directory; EEXIST.
    pub fn add_directory(self: &Arc<Self>, name: &[u8]) -> Result<Arc<Node>> {
        self.add(name, 0o755, Content::Directory(RwLock::new(rank::SYSFS, Vec::new())))
    }
    /// The directory of a name, made if there is none. ENOTDIR.
    pub fn directory(self: &Arc<Self>, name: &[u8]) -> Result<Arc<Node>> {
        match self.add_directory(name) {
            Err(EEXIST) => self.find(name),
            made => made,
        }
    }
    /// Makes a file; EEXIST.
    pub fn add_file(self: &Arc<Self>, name: &[u8], permissions: u32, attribute: Box<dyn Attribute>) -> Result<()> {
        self.add(name, permissions, Content::Text(attribute)).map(|_| ())
    }
    /// Makes a file that can be read by all.
    pub fn add_text(
        self: &Arc<Self>,
        name: &str,
        show: impl Fn(&mut Output) -> Result<()> + Send + Sync + 'static,
    ) -> Result<()> {
        self.add_file(name.as_bytes(), 0o444, machine::memory::try_box(show)?)
    }
    /// Makes a symbolic link; EEXIST.
    pub fn add_link(self: &Arc<Self>, name: &[u8], target: &[u8]) -> Result<()> {
        self.add(name, 0o777, Content::Link(copy(target)?)).map(|_| ())
    }
    /// Takes the node with all below it out of the tree.
    pub fn remove(&self) {
        if let Some(above) = self.above.upgrade()
            && let Ok(entries) = above.entries()
        {
            let mut entries = entries.write();
            let place = entries.iter().position(|node| core::ptr::eq(&**node, self));
            let removed = place.map(|place| entries.remove(place));
            drop(entries);
            self.forget();
            drop(removed);
        }
    }
    /// Notes that the node and all below it are gone. The tree is as deep as drivers make it: a few levels.
    fn forget(&self) {
        self.removed.store(true, Ordering::Release);
        if let Content::Directory(entries) = &self.content {
            let below = core::mem::take(&mut *entries.write());
            below.iter().for_each(|node| node.forget());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_and_go() {
        let root = Node::root().unwrap();
        let module = root.add_directory(b"module").unwrap();
        let one = module.add_directory(b"one").unwrap();
        one.add_text("state", |out| out.put(b"live\n")).unwrap();
        one.add_link(b"up", b"..").unwrap();
        assert!(matches!(module.add_directory(b"one"), Err(EEXIST)));
        assert!(Arc::ptr_eq(&module.directory(b"one").unwrap(), &one));
        assert_eq!((module.directories(), one.directories()), (1, 0));
        let state = one.find(b"state").unwrap();
        let Content::Text(attribute) = state.content() else { panic!("not a file") };
        let mut out = Output::new();
        attribute.show(&mut out).unwrap();
        assert_eq!(out.as_bytes(), b"live\n");
        assert_eq!(attribute.store(b"x"), Err(EIO));
        let first = one.entry_from(0).unwrap();
        assert_eq!(first.name(), b"state");
        assert_eq!(one.entry_from(first.number() + 1).unwrap().name(), b"up");
        one.remove();
        assert!(one.is_removed() && state.is_removed() && !module.is_removed());
        assert!(matches!(module.find(b"one"), Err(ENOENT)));
        assert!(matches!(one.add_directory(b"late"), Err(ENOENT)));
        let again = module.directory(b"one").unwrap();
        assert!(!again.is_removed() && again.number() != one.number());
    }
}
