//! The inodes of the tree.
use super::records::RecordFile;
use super::text::{Elsewhere, Form, TextFile};
use super::{Item, Kind, Subject, items};
use crate::error::*;
use crate::file::attributes::{Access, AttributeChanges, FileType, NewInode, Timestamp};
use crate::file::inode::{DirectoryEntry, Inode, InodeAttributes, InodeOperations, LinkTarget};
use crate::file::superblock::Superblock;
use crate::file::text::Line;
use crate::file::{DeviceNumber, File, FileOperations};
use crate::process::pid::{PidEntry, PidNamespace};
use crate::process::{Capability, Credentials, Task};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt::Write;
use machine::memory::try_box;

/// First cursor of a directory's own entries: 0 and 1 are the VFS's.
const FIRST: u64 = 2;

/// What making a file gets: Linux's lookups fail with it before anybody asks whether something can be made.
pub const NO_SUCH_NAME: Error = ENOENT;

/// Numbers of inodes as they are made, and of entries named by a number as they are listed. All fit 32 bits, as old calls of stat(2)
/// want it.
const MADE: u64 = 1 << 30;
const LISTED: u64 = 1 << 31;

/// Makes an inode of the tree.
pub fn inode(
    superblock: &Arc<Superblock>,
    mode: u32,
    owner: (u32, u32),
    operations: Box<dyn InodeOperations>,
) -> Result<Arc<Inode>> {
    let is_directory = FileType::of_mode(mode) == FileType::Directory;
    let attributes = InodeAttributes {
        number: MADE | superblock.next_inode_number() & (MADE - 1),
        mode,
        user: owner.0,
        group: owner.1,
        links: if is_directory { 2 } else { 1 },
        size: 0,
        device: DeviceNumber::default(),
        time: Timestamp::now(),
    };
    let inode = Inode::new(superblock.clone(), &attributes, operations, None)?;
    inode.ignore_access_time();
    Ok(inode)
}

/// Attributes of procfs files cannot be changed, but for what Linux lets pass.
fn refuse_changes(inode: &Arc<Inode>, changes: &AttributeChanges) -> Result<()> {
    if changes.mode.is_some() {
        return Err(EPERM);
    }
    inode.apply(&AttributeChanges { size: None, ..*changes })
}

/// The file or directory of a table's item.
struct Entry {
    subject: Subject,
    item: &'static Item,
}
impl Entry {
    fn inode(superblock: &Arc<Superblock>, subject: &Subject, item: &'static Item) -> Result<Arc<Inode>> {
        let owner = subject.owner();
        let kind = match item.kind {
            Kind::Directory(_) | Kind::Dynamic(_) => FileType::Directory,
            Kind::Link(_) | Kind::Jump(_) => FileType::SymbolicLink,
            _ => FileType::Regular,
        };
        let operations: Box<dyn InodeOperations> = match item.kind {
            Kind::Dynamic(make) => make(subject)?,
            _ => try_box(Entry { subject: subject.clone(), item })?,
        };
        inode(superblock, kind as u32 | item.mode, owner, operations)
    }
}
impl InodeOperations for Entry {
    fn create(&self, _directory: &Arc<Inode>, _name: &[u8], _new: &NewInode) -> Result<Arc<Inode>> {
        Err(NO_SUCH_NAME)
    }
    fn create_link(&self, _: &Arc<Inode>, _: &[u8], _: &[u8], _: &NewInode) -> Result<Arc<Inode>> {
        Err(NO_SUCH_NAME)
    }
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        match self.item.kind {
            Kind::Directory(items) => find(directory, &self.subject, items, name),
            _ => Err(ENOTDIR),
        }
    }
    fn iterate(&self, _directory: &Arc<Inode>, from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
        match self.item.kind {
            Kind::Directory(items) => {
                list(items, from, emit);
                Ok(())
            }
            _ => Err(ENOTDIR),
        }
    }
    fn permission(&self, inode: &Inode, credentials: &Credentials, access: Access) -> Result<()> {
        match self.item.kind {
            Kind::Governed(..) if credentials.capable_at_home(Capability::SysResource) => Ok(()),
            _ => inode.check_mode(credentials, access),
        }
    }
    fn is_fresh(&self, inode: &Inode) -> bool {
        keep_owner(&self.subject, inode)
    }
    fn revalidate(&self, _directory: &Arc<Inode>, _name: &[u8], _child: &Arc<Inode>) -> Result<bool> {
        Ok(self.subject.exists())
    }
    fn follow_link(&self, _inode: &Arc<Inode>) -> Result<LinkTarget> {
        match self.item.kind {
            Kind::Link(target) => target(&self.subject),
            Kind::Jump(place) => {
                self.subject.check_access()?;
                Ok(LinkTarget::Jump(place(&self.subject)?))
            }
            _ => Err(EINVAL),
        }
    }
    fn read_link(&self, inode: &Arc<Inode>) -> Result<Vec<u8>> {
        match self.follow_link(inode)? {
            LinkTarget::Text(text) => Ok(text),
            LinkTarget::Jump(path) => path.to_bytes(&Task::current().context().root()),
        }
    }
    fn open(&self, _inode: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
        Ok(match self.item.kind {
            Kind::Text(generate) => try_box(TextFile::new(self.subject.clone(), generate, Form::Sequence))?,
            Kind::Bytes(generate) => try_box(TextFile::new(self.subject.clone(), generate, Form::Bytes))?,
            Kind::Guarded(generate) => {
                self.subject.check_access()?;
                try_box(TextFile::new(self.subject.clone(), generate, Form::Bytes))?
            }
            Kind::Records(records) => {
                self.subject.check_access()?;
                try_box(RecordFile::new(self.subject.clone(), records))?
            }
            Kind::Writable(generate, accept, elsewhere) => {
                try_box(TextFile::writable(self.subject.clone(), generate, accept, elsewhere))?
            }
            Kind::Governed(generate, accept) => {
                try_box(TextFile::writable(self.subject.clone(), generate, accept, Elsewhere::Ignored))?
            }
            Kind::Special(open) => open(&self.subject)?,
            _ => try_box(Directory)?,
        })
    }
    fn set_attributes(&self, inode: &Arc<Inode>, changes: &AttributeChanges) -> Result<()> {
        refuse_changes(inode, changes)
    }
    fn blocks(&self, _inode: &Inode) -> u64 {
        0
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Brings the owner up to date; whether the subject still exists.
fn keep_owner(subject: &Subject, inode: &Inode) -> bool {
    if subject.entry.is_none() {
        return true;
    }
    let exists = subject.exists();
    if exists {
        let (user, group) = subject.owner();
        inode.set_owner(user, group);
    }
    exists
}

/// An open directory; its entries come from the inode.
pub struct Directory;
impl FileOperations for Directory {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn find(directory: &Arc<Inode>, subject: &Subject, items: &'static [Item], name: &[u8]) -> Result<Arc<Inode>> {
    let item = items.iter().find(|item| item.name.as_bytes() == name).ok_or(ENOENT)?;
    Entry::inode(directory.superblock(), subject, item)
}
/// Lists a table from a cursor on; false if `emit` wants no more.
fn list(items: &'static [Item], from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> bool {
    for (item, cursor) in items.iter().zip(FIRST..) {
        if cursor < from {
            continue;
        }
        let kind = match item.kind {
            Kind::Directory(_) | Kind::Dynamic(_) => FileType::Directory,
            Kind::Link(_) | Kind::Jump(_) => FileType::SymbolicLink,
            _ => FileType::Regular,
        };
        let next = cursor + 1;
        if !emit(DirectoryEntry { inode: 0xf000_0000 + cursor, kind, name: item.name.as_bytes(), next }) {
            return false;
        }
    }
    true
}

/// A decimal number as a name: no sign, no leading zero.
pub fn parse_id(name: &[u8]) -> Option<u32> {
    let text = core::str::from_utf8(name).ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}
/// Hands a number to `emit` as an entry.
pub fn emit_id(id: u32, kind: FileType, next: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> bool {
    let mut name = Line::<12>::new();
    let _ = write!(name, "{id}");
    emit(DirectoryEntry { inode: LISTED | u64::from(id), kind, name: name.as_bytes(), next })
}

/// Cursor of process 0 in the root: after all constant entries.
const FIRST_PROCESS: u64 = 256;

/// The root directory, which shows the processes of a pid namespace.
pub struct Root(pub Arc<PidNamespace>);
impl InodeOperations for Root {
    fn create(&self, _directory: &Arc<Inode>, _name: &[u8], _new: &NewInode) -> Result<Arc<Inode>> {
        Err(NO_SUCH_NAME)
    }
    fn create_link(&self, _: &Arc<Inode>, _: &[u8], _: &[u8], _: &NewInode) -> Result<Arc<Inode>> {
        Err(NO_SUCH_NAME)
    }
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let Some(id) = parse_id(name) else {
            return find(directory, &Subject::system(&self.0), items::ROOT, name);
        };
        let entry = self.0.find(id).filter(|entry| entry.task().is_some()).ok_or(ENOENT)?;
        process_directory(directory, Subject::process(entry, &self.0))
    }
    fn iterate(&self, _directory: &Arc<Inode>, from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
        if from < FIRST_PROCESS && !list(items::ROOT, from, emit) {
            return Ok(());
        }
        let namespace = &self.0;
        let mut id = u32::try_from(from.saturating_sub(FIRST_PROCESS)).unwrap_or(u32::MAX).max(1);
        while let Some(entry) = namespace.find_from(id) {
            let number = entry.number_in(namespace);
            // Only leaders are listed, though every thread is found by number.
            let is_process = entry.task().is_some_and(|task| task.is_leader());
            let next = FIRST_PROCESS + u64::from(number) + 1;
            if is_process && !emit_id(number, FileType::Directory, next, emit) {
                return Ok(());
            }
            id = number.saturating_add(1);
        }
        Ok(())
    }
    fn open(&self, _inode: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
        Ok(try_box(Directory)?)
    }
    fn set_attributes(&self, inode: &Arc<Inode>, changes: &AttributeChanges) -> Result<()> {
        refuse_changes(inode, changes)
    }
    fn revalidate(&self, _directory: &Arc<Inode>, _name: &[u8], child: &Arc<Inode>) -> Result<bool> {
        Ok(child.operations().is_fresh(child))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn process_directory(above: &Arc<Inode>, subject: Subject) -> Result<Arc<Inode>> {
    let owner = subject.owner();
    let items = items::of(&subject);
    let directories = items.iter().filter(|item| matches!(item.kind, Kind::Directory(_) | Kind::Dynamic(_))).count();
    let made = inode(above.superblock(), FileType::Directory as u32 | 0o555, owner, try_box(Process(subject))?)?;
    made.set_links(2 + directories as u32);
    Ok(made)
}

/// The process whose directory is open (/proc/PID, not one of its threads').
pub fn process_of(file: &File) -> Option<Arc<PidEntry>> {
    let directory = file.inode().downcast::<Process>()?;
    if directory.0.is_thread { None } else { directory.0.entry.clone() }
}

/// The directory of a process or thread.
pub struct Process(pub Subject);
impl InodeOperations for Process {
    fn create(&self, _directory: &Arc<Inode>, _name: &[u8], _new: &NewInode) -> Result<Arc<Inode>> {
        Err(NO_SUCH_NAME)
    }
    fn create_link(&self, _: &Arc<Inode>, _: &[u8], _: &[u8], _: &NewInode) -> Result<Arc<Inode>> {
        Err(NO_SUCH_NAME)
    }
    fn permission(&self, inode: &Inode, credentials: &Credentials, access: Access) -> Result<()> {
        if self.0.exists() { inode.check_mode(credentials, access) } else { Err(ESRCH) }
    }
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        self.0.task().map_err(|_| ENOENT)?;
        find(directory, &self.0, items::of(&self.0), name)
    }
    fn iterate(&self, _directory: &Arc<Inode>, from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
        self.0.task().map_err(|_| ENOENT)?;
        list(items::of(&self.0), from, emit);
        Ok(())
    }
    fn is_fresh(&self, inode: &Inode) -> bool {
        keep_owner(&self.0, inode)
    }
    fn revalidate(&self, _directory: &Arc<Inode>, _name: &[u8], child: &Arc<Inode>) -> Result<bool> {
        Ok(child.operations().is_fresh(child))
    }
    fn open(&self, _inode: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
        Ok(try_box(Directory)?)
    }
    fn set_attributes(&self, inode: &Arc<Inode>, changes: &AttributeChanges) -> Result<()> {
        refuse_changes(inode, changes)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// /proc/PID/task.
pub struct Threads(pub Subject);
impl Threads {
    /// Operations for the table.
    pub fn make(subject: &Subject) -> Result<Box<dyn InodeOperations>> {
        Ok(try_box(Threads(subject.clone()))?)
    }
}
impl InodeOperations for Threads {
    fn create(&self, _directory: &Arc<Inode>, _name: &[u8], _new: &NewInode) -> Result<Arc<Inode>> {
        Err(NO_SUCH_NAME)
    }
    fn create_link(&self, _: &Arc<Inode>, _: &[u8], _: &[u8], _: &NewInode) -> Result<Arc<Inode>> {
        Err(NO_SUCH_NAME)
    }
    fn permission(&self, inode: &Inode, credentials: &Credentials, access: Access) -> Result<()> {
        if self.0.exists() { inode.check_mode(credentials, access) } else { Err(ESRCH) }
    }
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let id = parse_id(name).ok_or(ENOENT)?;
        let leader = self.0.task().map_err(|_| ENOENT)?;
        let namespace = &self.0.namespace;
        let entry = namespace.find(id).ok_or(ENOENT)?;
        let task = entry.task().filter(|task| Arc::ptr_eq(task.group(), leader.group())).ok_or(ENOENT)?;
        drop(task);
        process_directory(directory, Subject::thread(entry, namespace))
    }
    fn iterate(&self, _directory: &Arc<Inode>, from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
        let leader = self.0.task().map_err(|_| ENOENT)?;
        let namespace = &self.0.namespace;
        let ids = leader.group().threads()?;
        let mut ids: Vec<u32> = ids.iter().map(|thread| thread.pid().number_in(namespace)).collect();
        crate::sort::by_key(&mut ids, |id| *id);
        for id in ids {
            let cursor = FIRST + u64::from(id);
            if cursor >= from && !emit_id(id, FileType::Directory, cursor + 1, emit) {
                break;
            }
        }
        Ok(())
    }
    fn is_fresh(&self, inode: &Inode) -> bool {
        keep_owner(&self.0, inode)
    }
    fn revalidate(&self, _directory: &Arc<Inode>, _name: &[u8], child: &Arc<Inode>) -> Result<bool> {
        Ok(child.operations().is_fresh(child))
    }
    fn open(&self, _inode: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
        Ok(try_box(Directory)?)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
