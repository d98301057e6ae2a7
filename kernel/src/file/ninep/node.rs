//! Inodes of a 9P tree.
use super::client::Client;
use super::{FRESH, timestamp};
use crate::error::*;
use crate::file::attributes::FileType;
use crate::file::inode::{DirectoryEntry, Inode, InodeOperations, LinkTarget};
use crate::file::{FileOperations, regular};
use crate::memory::mapping::PageSource;
use crate::sync::{Mutex, Once, rank};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use machine::memory::Frame;
use ninep::Attributes;

const O_DIRECTORY: u32 = 0o200_000;
const O_LARGEFILE: u32 = 0o100_000;
const O_NOFOLLOW: u32 = 0o400_000;
/// Pages read at once.
const WINDOW: usize = 64;

/// What the client knows of a file.
pub struct Node {
    client: Arc<Client>,
    /// Walked to, never opened.
    fid: u32,
    path: u64,
    /// A fid opened for reading, made when first needed.
    reading: Mutex<Option<u32>>,
    /// The server's version of the content that is cached.
    version: AtomicU32,
    blocks: AtomicU64,
    /// Monotonic time until which the attributes are believed.
    fresh_until: AtomicU64,
    /// A symbolic link's target, which never changes.
    target: Once<Vec<u8>>,
}

impl Node {
    pub fn new(client: Arc<Client>, fid: u32, attributes: &Attributes) -> Self {
        Node {
            client,
            fid,
            path: attributes.qid.path,
            reading: Mutex::new(rank::PAGE_CACHE_FILL, None),
            version: AtomicU32::new(attributes.qid.version),
            blocks: AtomicU64::new(attributes.blocks),
            fresh_until: AtomicU64::new(0),
            target: Once::new(),
        }
    }
    pub fn fid(&self) -> u32 {
        self.fid
    }

    /// Takes over what the server says now. A changed file loses its cached pages.
    pub fn update(&self, inode: &Inode, attributes: &Attributes) {
        inode.set_mode(attributes.mode);
        inode.set_owner(attributes.user, attributes.group);
        inode.set_links(u32::try_from(attributes.links).unwrap_or(u32::MAX));
        let times = (timestamp(attributes.access), timestamp(attributes.modification), timestamp(attributes.change));
        let size = attributes.size.min(i64::MAX as u64);
        let changed = self.version.swap(attributes.qid.version, Ordering::AcqRel) != attributes.qid.version
            || inode.size() != size
            || inode.modification_time() != times.1;
        match inode.mapping() {
            Some(mapping) if changed && mapping.pages() > 0 => {
                mapping.set_size(size);
                mapping.punch(0..u64::MAX - 4095);
            }
            _ => inode.set_size(size),
        }
        inode.set_times(times.0, times.1, times.2);
        self.blocks.store(attributes.blocks, Ordering::Relaxed);
        self.fresh_until.store(machine::time::monotonic().saturating_add(FRESH), Ordering::Release);
    }

    fn is_fresh(&self) -> bool {
        machine::time::monotonic() < self.fresh_until.load(Ordering::Acquire)
    }
    fn refresh(&self, inode: &Inode) -> Result<()> {
        if self.is_fresh() {
            return Ok(());
        }
        self.ask_again(inode)
    }
    fn ask_again(&self, inode: &Inode) -> Result<()> {
        let attributes = self.client.attributes(self.fid)?;
        if attributes.qid.path != self.path {
            return Err(ESTALE);
        }
        self.update(inode, &attributes);
        Ok(())
    }

    /// The fid that is open for reading.
    fn reading_fid(&self, flags: u32) -> Result<u32> {
        let mut reading = self.reading.lock();
        if let Some(fid) = *reading {
            return Ok(fid);
        }
        let fid = self.client.walk(self.fid, None)?;
        if let Err(error) = self.client.open(fid, flags | O_LARGEFILE | O_NOFOLLOW) {
            self.client.clunk(fid);
            return Err(error);
        }
        *reading = Some(fid);
        Ok(fid)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.client.clunk_later(self.fid);
        if let Some(fid) = self.reading.get_mut().take() {
            self.client.clunk_later(fid);
        }
    }
}

impl PageSource for Node {
    fn read_page(&self, index: u64, frame: &Frame) -> Result<()> {
        self.read_pages(index, core::slice::from_ref(frame)).map(|_| ())
    }
    fn read_pages(&self, index: u64, frames: &[Frame]) -> Result<usize> {
        let fid = self.reading_fid(0)?;
        let offset = index.checked_mul(machine::memory::PAGE_SIZE as u64).ok_or(EFBIG)?;
        self.client.read_pages(fid, offset, frames)
    }
    fn window(&self) -> usize {
        WINDOW
    }
    fn write_page(&self, _index: u64, _frame: &Frame) -> Result<()> {
        Err(EROFS)
    }
    fn is_reclaimable(&self) -> bool {
        true
    }
}

/// The operations of an inode.
pub struct NodeOperations(pub Arc<Node>);

/// An entry's cursor: 0 and 1 are the VFS's own, the server's 0 is where a listing begins.
fn to_cursor(offset: u64) -> u64 {
    if offset < i64::MAX as u64 - 2 { offset + 2 } else { offset }
}
fn from_cursor(cursor: u64) -> u64 {
    if cursor < i64::MAX as u64 { cursor.saturating_sub(2) } else { cursor }
}

impl InodeOperations for NodeOperations {
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let client = &self.0.client;
        let fid = client.walk(self.0.fid, Some(name))?;
        let found =
            client.attributes(fid).and_then(|attributes| client.inode(directory.superblock(), fid, &attributes));
        if found.is_err() {
            client.clunk(fid);
        }
        found
    }
    fn is_fresh(&self, _inode: &Inode) -> bool {
        self.0.is_fresh()
    }
    fn revalidate(&self, _directory: &Arc<Inode>, name: &[u8], child: &Arc<Inode>) -> Result<bool> {
        let Some(known) = child.downcast::<NodeOperations>() else { return Ok(false) };
        let client = &self.0.client;
        let fid = match client.walk(self.0.fid, Some(name)) {
            Ok(fid) => fid,
            Err(ENOENT) => return Ok(false),
            Err(error) => return Err(error),
        };
        let attributes = client.attributes(fid);
        client.clunk(fid);
        let attributes = attributes?;
        let same_kind = child.mode() & 0o170_000 == attributes.mode & 0o170_000;
        if attributes.qid.path != known.0.path || !same_kind {
            return Ok(false);
        }
        known.0.update(child, &attributes);
        Ok(true)
    }
    fn iterate(&self, _directory: &Arc<Inode>, from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
        let fid = self.0.reading_fid(O_DIRECTORY)?;
        let mut offset = from_cursor(from);
        loop {
            let body = self.0.client.read_directory(fid, offset)?;
            let mut last = None;
            for entry in ninep::directory(&body)? {
                let entry = entry?;
                last = Some(entry.offset);
                if entry.name == b"." || entry.name == b".." {
                    continue;
                }
                let kind = FileType::of_mode(u32::from(entry.kind) << 12);
                let next = to_cursor(entry.offset);
                if !emit(DirectoryEntry { inode: entry.qid.path, kind, name: entry.name, next }) {
                    return Ok(());
                }
            }
            match last {
                // A server that does not get on would never end.
                Some(next) if next != offset => offset = next,
                _ => return Ok(()),
            }
        }
    }
    fn follow_link(&self, _inode: &Arc<Inode>) -> Result<LinkTarget> {
        if self.0.target.get().is_none() {
            // Whoever comes second has the same text.
            let _ = self.0.target.set(self.0.client.read_link(self.0.fid)?);
        }
        let target = self.0.target.get().ok_or(EIO)?;
        let mut copy = Vec::new();
        copy.try_reserve_exact(target.len())?;
        copy.extend_from_slice(target);
        Ok(LinkTarget::Text(copy))
    }
    fn link_in_memory(&self) -> Option<&[u8]> {
        self.0.target.get().map(Vec::as_slice)
    }
    fn open(&self, inode: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
        self.0.refresh(inode)?;
        regular::open(inode)
    }
    fn refresh(&self, inode: &Arc<Inode>) -> Result<()> {
        self.0.refresh(inode)
    }
    fn blocks(&self, _inode: &Inode) -> u64 {
        self.0.blocks.load(Ordering::Relaxed)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
