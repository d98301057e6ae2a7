//! The file system `cgroup2`: the tree of control groups as directories, with a few files in each (cgroups(7)).
//!
//! There is one, whatever its mounts; what a mount shows begins at the root of the mounter's cgroup namespace. A group keeps the
//! inodes of its files once they have been looked up, with the owners and permissions they were given, until it is removed.
mod files;
mod node;
mod open;

use super::dentry::Dentry;
use super::inode::Inode;
use super::mount::Mount;
use super::notify;
use super::path::Path;
use super::superblock::*;
use super::walk::lookup_locked;
use crate::error::*;
use crate::process::Task;
use crate::process::control_group::{self, ControlGroup, option};
use crate::process::namespace::UserNamespace;
use crate::sync::Once;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use machine::memory::try_box;

/// CGROUP2_SUPER_MAGIC.
const MAGIC: u64 = 0x6367_7270;

static SUPERBLOCK: Once<Arc<Superblock>> = Once::new();
/// One that is always there: groups stay when nobody has them mounted, with their inodes.
static MOUNT: Once<Arc<Mount>> = Once::new();

/// Makes the file system and registers its type. Once, as the first group is there.
pub fn initialize(root: &Arc<ControlGroup>) -> Result<()> {
    let treatment = SuperblockOptions { magic: MAGIC, revalidates: true, ..SuperblockOptions::default() };
    let superblock = Superblock::new("cgroup2", treatment, try_box(Operations)?)?;
    SUPERBLOCK.set(superblock.clone()).map_err(|_| EBUSY)?;
    superblock.set_root(node::directory(root)?);
    let _ = MOUNT.set(Mount::internal(&superblock)?);
    register_file_system(&Type)
}

fn superblock() -> Result<&'static Arc<Superblock>> {
    SUPERBLOCK.get().ok_or(ENODEV)
}

/// The bits of the options there are. EINVAL for any other word.
fn parse(data: &[u8]) -> Result<u32> {
    let mut options = 0;
    for word in data.split(|byte| *byte == b',').filter(|word| !word.is_empty()) {
        options |= OPTIONS.iter().find(|(name, _)| name.as_bytes() == word).ok_or(EINVAL)?.1;
    }
    Ok(options)
}
const OPTIONS: [(&str, u32); 4] = [
    ("nsdelegate", option::NAMESPACES_DELEGATE),
    ("favordynmods", option::FAVOR_CHANGES),
    ("memory_localevents", option::LOCAL_MEMORY_EVENTS),
    ("memory_recursiveprot", option::RECURSIVE_MEMORY_PROTECTION),
];

/// Options hold for all mounts; who is not in the first namespace says them in vain.
fn apply(task: &Task, data: &[u8]) -> Result<()> {
    let options = parse(data)?;
    if task.with_namespaces(|own| own.cgroup.is_first()) {
        control_group::set_options(options);
    }
    Ok(())
}

struct Type;
impl FileSystemType for Type {
    fn name(&self) -> &'static str {
        "cgroup2"
    }
    fn owner(&self, task: &Task) -> Option<Arc<UserNamespace>> {
        Some(task.namespaces().cgroup.identity.owner.clone())
    }
    fn is_everybodys(&self) -> bool {
        true
    }
    fn takes_flags_as_options(&self) -> bool {
        true
    }
    fn check_options(&self, data: &[u8]) -> Result<()> {
        parse(data).map(|_| ())
    }
    fn mount(&self, request: &MountRequest) -> Result<Arc<Superblock>> {
        apply(request.task, request.data)?;
        superblock().cloned()
    }
    fn root(&self, task: &Task, superblock: &Superblock) -> Result<Arc<Dentry>> {
        let own = task.namespaces().cgroup.root();
        let mut line: Vec<&Arc<ControlGroup>> = Vec::new();
        line.try_reserve_exact(own.level as usize)?;
        line.extend(own.line().filter(|group| group.parent().is_some()));
        let mut at = superblock.root_dentry()?;
        for group in line.into_iter().rev() {
            let directory = at.inode().ok_or(ENOENT)?.clone();
            let _guard = directory.lock.read();
            at = lookup_locked(&directory, &at, group.name())?;
        }
        // What was removed has no name, or another one has it.
        let is_it = at.inode().and_then(group_of).is_some_and(|group| Arc::ptr_eq(group, &own));
        if is_it { Ok(at) } else { Err(ENOENT) }
    }
}

struct Operations;
impl SuperblockOperations for Operations {
    fn remount(&self, _superblock: &Superblock, data: &[u8]) -> Result<()> {
        apply(Task::current(), data)
    }
    fn show_options(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let set = control_group::options();
        OPTIONS.iter().filter(|(_, bit)| set & bit != 0).try_for_each(|(name, _)| write!(out, ",{name}"))
    }
    /// Relative to the root of the reader's namespace.
    fn show_root(&self, root: &Dentry) -> Option<Result<Vec<u8>>> {
        let inode = root.inode()?;
        let entry = inode.downcast::<node::Entry>()?;
        let own = Task::current().namespaces().cgroup.root();
        Some(entry.group().path_from(&own).and_then(|mut path| {
            if let Some(name) = entry.name() {
                let slash: &[u8] = if path == b"/" { b"" } else { b"/" };
                path.try_reserve(slash.len() + name.len())?;
                path.extend_from_slice(slash);
                path.extend_from_slice(name.as_bytes());
            }
            Ok(path)
        }))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The group that an inode is the directory of.
fn group_of(inode: &Arc<Inode>) -> Option<&Arc<ControlGroup>> {
    inode.downcast::<node::Entry>().filter(|entry| entry.name().is_none()).map(|entry| entry.group())
}

/// The group that a place is the directory of.
pub fn group_at(path: &Path) -> Option<Arc<ControlGroup>> {
    group_of(path.dentry.inode()?).cloned()
}

/// The file cgroup.procs of a group: who may write it may move processes there.
pub fn processes_file(group: &Arc<ControlGroup>) -> Result<Arc<Inode>> {
    node::file(group, files::PROCESSES)
}

/// Tells who watches cgroup.events of a group, or its directory, that the file has changed.
pub fn tell_of_events(group: &ControlGroup) {
    if notify::is_used() {
        let inode = |file| node::known(group, file);
        notify::modified_by_kernel(inode(None), inode(Some(files::EVENTS)), files::name(files::EVENTS).as_bytes());
    }
}
