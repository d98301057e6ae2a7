//! Groups and their files as inodes.
use super::{files, open, superblock};
use crate::error::*;
use crate::file::FileOperations;
use crate::file::attributes::{AttributeChanges, DeviceNumber, FileType, NewInode, Timestamp};
use crate::file::inode::{DirectoryEntry, Inode, InodeAttributes, InodeOperations};
use crate::process::Task;
use crate::process::control_group::ControlGroup;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use machine::memory::try_box;

/// First cursor of a directory's own entries: 0 and 1 are the VFS's.
const FIRST: u64 = 2;
/// Inode numbers of a group, that of its directory first.
const NUMBERS: u64 = 32;

/// A group's directory, or one of its files.
pub struct Entry {
    group: Arc<ControlGroup>,
    file: Option<usize>,
}
impl Entry {
    /// The group.
    pub fn group(&self) -> &Arc<ControlGroup> {
        &self.group
    }
    /// The name of the file; `None` for the directory.
    pub fn name(&self) -> Option<&'static str> {
        self.file.map(files::name)
    }
}

fn place(file: Option<usize>) -> usize {
    file.map_or(0, |file| file + 1)
}
fn number(group: &ControlGroup, file: Option<usize>) -> u64 {
    group.serial * NUMBERS + 1 + place(file) as u64
}

/// The inode of a group's directory or file, if it is known.
pub fn known(group: &ControlGroup, file: Option<usize>) -> Option<Arc<Inode>> {
    group.inodes.lock().get(place(file))?.clone()
}

/// The same, made if it is not. ENOENT for a group that was removed.
fn inode(group: &Arc<ControlGroup>, file: Option<usize>, mode: u32) -> Result<Arc<Inode>> {
    if let Some(inode) = known(group, file) {
        return Ok(inode);
    }
    let attributes = InodeAttributes {
        number: number(group, file),
        mode,
        user: group.owner.0,
        group: group.owner.1,
        links: if file.is_some() { 1 } else { 2 + group.child_count() as u32 },
        size: 0,
        device: DeviceNumber::default(),
        time: Timestamp::now(),
    };
    let operations = try_box(Entry { group: group.clone(), file })?;
    let fresh = Inode::new(superblock()?.clone(), &attributes, operations, None)?;
    fresh.ignore_access_time();
    let mut inodes = group.inodes.lock();
    let place = inodes.get_mut(place(file)).ok_or(ENOENT)?;
    let kept = match place {
        Some(other) => other.clone(),
        None if group.is_dead() => return Err(ENOENT),
        None => place.insert(fresh.clone()).clone(),
    };
    drop(inodes);
    Ok(kept)
}

/// The inode of a group's directory.
pub fn directory(group: &Arc<ControlGroup>) -> Result<Arc<Inode>> {
    let mode = if group.parent().is_some() { 0o755 } else { 0o555 };
    inode(group, None, FileType::Directory as u32 | mode)
}
/// The inode of one of its files.
pub fn file(group: &Arc<ControlGroup>, file: usize) -> Result<Arc<Inode>> {
    inode(group, Some(file), FileType::Regular as u32 | files::mode(file))
}

impl InodeOperations for Entry {
    /// Directories only: EACCES for files, EPERM for all else. EINVAL for a name that would break the lines of /proc/PID/cgroup.
    fn create(&self, directory: &Arc<Inode>, name: &[u8], new: &NewInode) -> Result<Arc<Inode>> {
        match FileType::of_mode(new.mode) {
            FileType::Directory => {}
            FileType::Regular => return Err(EACCES),
            _ => return Err(EPERM),
        }
        if name.contains(&b'\n') {
            return Err(EINVAL);
        }
        let owner = Task::current().with_credentials(|own| (own.file_system_user, own.file_system_group));
        let child = self.group.add(name, owner)?;
        let made = inode(&child, None, new.mode);
        match &made {
            Ok(_) => directory.adjust_links(1),
            // It has not been seen.
            Err(_) => child.remove()?,
        }
        made
    }
    fn remove_directory(&self, directory: &Arc<Inode>, _name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        super::group_of(inode).ok_or(EPERM)?.remove()?;
        directory.adjust_links(-1);
        Ok(())
    }
    fn lookup(&self, _directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        match files::find(&self.group, name) {
            Some(index) => file(&self.group, index),
            None => super::node::directory(&self.group.child(name).ok_or(ENOENT)?),
        }
    }
    fn iterate(&self, _: &Arc<Inode>, from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
        let behind = FIRST + files::COUNT as u64;
        let first = from.saturating_sub(FIRST).min(files::COUNT as u64) as usize;
        for index in (first..files::COUNT).filter(|index| files::belongs(&self.group, *index)) {
            let name = files::name(index).as_bytes();
            let (inode, next) = (number(&self.group, Some(index)), FIRST + 1 + index as u64);
            if !emit(DirectoryEntry { inode, kind: FileType::Regular, name, next }) {
                return Ok(());
            }
        }
        let mut serial = from.saturating_sub(behind);
        while let Some(child) = self.group.child_from(serial) {
            serial = child.serial + 1;
            let (inode, next) = (number(&child, None), behind.saturating_add(serial));
            if !emit(DirectoryEntry { inode, kind: FileType::Directory, name: child.name(), next }) {
                break;
            }
        }
        Ok(())
    }
    fn is_fresh(&self, _inode: &Inode) -> bool {
        !self.group.is_dead()
    }
    fn revalidate(&self, _directory: &Arc<Inode>, _name: &[u8], child: &Arc<Inode>) -> Result<bool> {
        Ok(child.operations().is_fresh(child))
    }
    /// ENODEV once the group is gone.
    fn open(&self, _inode: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
        let Some(file) = self.file else { return Ok(try_box(open::Directory)?) };
        if self.group.is_dead() {
            return Err(ENODEV);
        }
        Ok(try_box(open::TextFile::new(self.group.clone(), file))?)
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
