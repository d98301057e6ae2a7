//! 9P as a file system (trans=virtio, version=9p2000.L): a folder of the host, live and read-only.
//!
//! Files are cached by the page cache; attributes and names are believed for [`FRESH`] and then asked for again, so that
//! changes on the host appear. A file whose server-side version changed loses its cached pages when it is next opened or looked
//! at. The server is not trusted: what it sends is checked, and what it never answers can be killed.
mod client;
mod node;
mod options;

use super::inode::{Inode, InodeAttributes};
use super::superblock::*;
use crate::device::virtio::ninep as virtio;
use crate::error::*;
use alloc::sync::Arc;
use client::Client;
use core::any::Any;
use core::fmt;
use machine::memory::{try_arc, try_box};
use node::{Node, NodeOperations};
use options::Options;

/// V9FS_MAGIC.
const MAGIC: u64 = 0x0102_1997;
/// Nanoseconds for which the server's word is taken.
const FRESH: u64 = 1_000_000_000;

/// Registers the file system.
pub fn initialize() -> Result<()> {
    register_file_system(&NinepType)
}

struct NinepType;
impl FileSystemType for NinepType {
    fn name(&self) -> &'static str {
        "9p"
    }
    fn mount(&self, request: &MountRequest) -> Result<Arc<Superblock>> {
        let options = Options::parse(request.data)?;
        let channel = virtio::find(request.source)?;
        let client = try_arc(Client::connect(channel, options.longest_message)?)?;
        let (fid, qid) = client.attach(&options.user, &options.tree)?;
        let attributes = client.attributes(fid)?;
        let treatment = SuperblockOptions {
            magic: MAGIC,
            revalidates: true,
            negative: NegativeEntries::For(FRESH),
            ..SuperblockOptions::default()
        };
        let operations = Ninep { client: client.clone(), options };
        let superblock = Superblock::new("9p", treatment, try_box(operations)?)?;
        superblock.set_flags(superblock.flags() | superblock_flag::READ_ONLY);
        if qid.path != attributes.qid.path {
            return Err(EIO.because("the server contradicts itself"));
        }
        superblock.set_root(client.inode(&superblock, fid, &attributes)?);
        Ok(superblock)
    }
}

/// One mounted tree.
struct Ninep {
    client: Arc<Client>,
    options: Options,
}
impl SuperblockOperations for Ninep {
    fn statistics(&self, superblock: &Superblock) -> Result<FileSystemStatistics> {
        let root = superblock.root()?;
        let node = root.downcast::<NodeOperations>().ok_or(EIO)?;
        let counts = self.client.statistics(node.0.fid())?;
        // Counted in the server's blocks, shown in ours.
        let scale = |blocks: u64| {
            let bytes = u128::from(blocks) * u128::from(counts.block_size);
            u64::try_from(bytes / u128::from(superblock.block_size().max(1))).unwrap_or(u64::MAX)
        };
        Ok(FileSystemStatistics {
            blocks: scale(counts.blocks),
            free: scale(counts.free),
            available: scale(counts.available),
            inodes: counts.files,
            free_inodes: counts.free_files,
        })
    }
    fn show_options(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, ",access=client,msize={},trans=virtio", self.options.longest_message)
    }
    fn shut_down(&self, superblock: &Superblock) {
        drop(superblock.take_root());
        self.client.forget_inodes();
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The attributes of an inode from those of the server.
fn inode_attributes(from: &::ninep::Attributes) -> InodeAttributes {
    InodeAttributes {
        number: from.qid.path,
        mode: from.mode,
        user: from.user,
        group: from.group,
        links: u32::try_from(from.links).unwrap_or(u32::MAX),
        size: from.size.min(i64::MAX as u64),
        device: super::DeviceNumber::decode(u32::try_from(from.device).unwrap_or(0)),
        time: timestamp(from.modification),
    }
}

fn timestamp((seconds, nanoseconds): ::ninep::Time) -> super::Timestamp {
    super::Timestamp {
        seconds: seconds as i64,
        nanoseconds: u32::try_from(nanoseconds).ok().filter(|part| *part < 1_000_000_000).unwrap_or(0),
    }
}

impl Client {
    /// The inode of what a fid means; the fid is the inode's from now on, or forgotten if the inode is there already.
    fn inode(
        self: &Arc<Self>,
        superblock: &Arc<Superblock>,
        fid: u32,
        attributes: &::ninep::Attributes,
    ) -> Result<Arc<Inode>> {
        let path = attributes.qid.path;
        let mut inodes = self.inodes.lock();
        if let Some(inode) = inodes.get(path) {
            let same_kind = inode.mode() & 0o170_000 == attributes.mode & 0o170_000;
            if same_kind {
                drop(inodes);
                self.clunk(fid);
                if let Some(node) = inode.downcast::<NodeOperations>() {
                    node.0.update(&inode, attributes);
                }
                return Ok(inode);
            }
        }
        let node = try_arc(Node::new(self.clone(), fid, attributes))?;
        let is_regular = attributes.mode & 0o170_000 == 0o100_000;
        let mapping = if is_regular { Some(crate::memory::Mapping::new(Some(node.clone()))?) } else { None };
        let inode = Inode::new(
            superblock.clone(),
            &inode_attributes(attributes),
            try_box(NodeOperations(node.clone()))?,
            mapping,
        )?;
        node.update(&inode, attributes);
        inodes.insert(path, &inode);
        Ok(inode)
    }
}
