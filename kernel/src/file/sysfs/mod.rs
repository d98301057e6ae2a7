//! sysfs: the kernel's objects as directories, their attributes as files, what belongs together as links.
//!
//! Whoever has objects to show adds nodes to the one tree ([`directory`], [`Node`]) and removes them when the objects go; an open
//! file of an object that is gone gives ENODEV. The file-system side (`node.rs`) knows nothing of what the nodes mean.
mod node;
pub mod system;
mod tree;

pub use tree::{Attribute, Node};

use super::mount::Mount;
use super::superblock::*;
use crate::error::*;
use crate::process::Task;
use crate::process::namespace::UserNamespace;
use crate::sync::Once;
use alloc::sync::Arc;
use core::any::Any;
use machine::memory::try_box;

/// SYSFS_MAGIC.
const MAGIC: u64 = 0x6265_6572;

/// The tree, and the file system that shows it in every mount.
struct Instance {
    root: Arc<Node>,
    superblock: Arc<Superblock>,
    /// Mounts come and go; the root, and its place among the names, stays.
    _mount: Arc<Mount>,
}
static INSTANCE: Once<Instance> = Once::new();

/// Makes the tree, with what does not depend on devices, and registers the file system. Once, at boot.
pub fn initialize() -> Result<()> {
    let root = Node::root()?;
    system::populate(&root)?;
    let treatment = SuperblockOptions {
        magic: MAGIC,
        revalidates: true,
        negative: NegativeEntries::Never,
        ..SuperblockOptions::default()
    };
    let superblock = Superblock::new("sysfs", treatment, try_box(Operations)?)?;
    superblock.set_root(node::inode(&superblock, &root)?);
    let mount = Mount::internal(&superblock)?;
    INSTANCE.set(Instance { root, superblock, _mount: mount }).map_err(|_| EBUSY)?;
    register_file_system(&Type)
}

struct Type;
impl FileSystemType for Type {
    fn name(&self) -> &'static str {
        "sysfs"
    }
    fn owner(&self, task: &Task) -> Option<Arc<UserNamespace>> {
        Some(task.namespaces().network.identity.owner.clone())
    }
    fn reveals_system(&self) -> bool {
        true
    }
    fn takes_flags_as_options(&self) -> bool {
        true
    }
    fn check_options(&self, data: &[u8]) -> Result<()> {
        // It has none.
        if data.iter().all(|byte| *byte == b',') { Ok(()) } else { Err(EINVAL) }
    }
    fn mount(&self, _: &MountRequest) -> Result<Arc<Superblock>> {
        Ok(INSTANCE.get().ok_or(ENODEV)?.superblock.clone())
    }
}

struct Operations;
impl SuperblockOperations for Operations {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The directory of a path such as "module", made with those above it if missing. ENODEV before [`initialize`].
pub fn directory(path: &str) -> Result<Arc<Node>> {
    let mut at = INSTANCE.get().ok_or(ENODEV)?.root.clone();
    for name in path.split('/') {
        at = at.directory(name.as_bytes())?;
    }
    Ok(at)
}
