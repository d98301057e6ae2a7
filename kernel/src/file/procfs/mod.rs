//! proc(5): what the kernel knows of processes and of itself, as files.
//!
//! The tree is a set of constant tables of [`Item`]s below two kinds of dynamic directories (processes and their descriptors).
//! A file's text is made when it is read from its beginning and stays the same until it is read from there again.
mod descriptors;
mod id_maps;
mod items;
mod maps;
mod memory_files;
mod mounts;
mod node;
mod page_map;
mod process;
mod records;
mod stat;
mod status;
mod sysctl;
mod system;
mod text;

pub use node::process_of;
pub use stat::flags as task_flags;
pub use status::ranges;
use text::Elsewhere;
pub use text::number_at;

use super::attributes::{FileType, Timestamp};
use super::inode::{Inode, InodeAttributes, InodeOperations};
use super::superblock::*;
use super::{DeviceNumber, FileOperations};
use crate::error::*;
use crate::output::Output;
use crate::process::Task;
use crate::process::credentials::may_inspect;
use crate::process::namespace::UserNamespace;
use crate::process::pid::{PidEntry, PidNamespace};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use machine::memory::try_box;

/// PROC_SUPER_MAGIC.
const MAGIC: u64 = 0x9fa0;
const ROOT_INODE: u64 = 1;

/// Registers the file system.
pub fn initialize() -> Result<()> {
    register_file_system(&ProcType)
}

struct ProcType;
impl FileSystemType for ProcType {
    fn name(&self) -> &'static str {
        "proc"
    }
    fn owner(&self, task: &Task) -> Option<Arc<UserNamespace>> {
        Some(task.pid_namespace().identity.owner.clone())
    }
    fn reveals_system(&self) -> bool {
        true
    }
    fn takes_flags_as_options(&self) -> bool {
        true
    }
    fn check_options(&self, data: &[u8]) -> Result<()> {
        check_options(data)
    }
    fn mount(&self, request: &MountRequest) -> Result<Arc<Superblock>> {
        let namespace = request.task.pid_namespace().clone();
        let treatment = SuperblockOptions {
            magic: MAGIC,
            block_size: 1024,
            revalidates: true,
            negative: NegativeEntries::Never,
            ..SuperblockOptions::default()
        };
        let superblock = Superblock::new("proc", treatment, try_box(Proc)?)?;
        // Number 1 is the root's.
        while superblock.next_inode_number() < ROOT_INODE {}
        let attributes = InodeAttributes {
            number: ROOT_INODE,
            mode: FileType::Directory as u32 | 0o555,
            user: 0,
            group: 0,
            links: 2,
            size: 0,
            device: DeviceNumber::default(),
            time: Timestamp::now(),
        };
        let root = Inode::new(superblock.clone(), &attributes, try_box(node::Root(namespace))?, None)?;
        root.ignore_access_time();
        superblock.set_root(root);
        superblock.set_flags(request.flags);
        Ok(superblock)
    }
}

/// hidepid=, gid= and subset= are known to Linux; only their defaults are supported.
fn check_options(data: &[u8]) -> Result<()> {
    let text = core::str::from_utf8(data).map_err(|_| EINVAL)?;
    for option in text.split(',').filter(|option| !option.is_empty()) {
        match option {
            "hidepid=0" | "hidepid=off" | "gid=0" => {}
            _ => return Err(EINVAL.because("a mount option that is not supported")),
        }
    }
    Ok(())
}

struct Proc;
impl SuperblockOperations for Proc {
    fn remount(&self, _superblock: &Superblock, data: &[u8]) -> Result<()> {
        check_options(data)
    }
    fn show_options(&self, _out: &mut dyn fmt::Write) -> fmt::Result {
        Ok(())
    }
    fn shut_down(&self, superblock: &Superblock) {
        drop(superblock.take_root());
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What a file is about: a process or thread, or (without one) the system.
#[derive(Clone)]
pub struct Subject {
    entry: Option<Arc<PidEntry>>,
    /// Below /proc/PID/task: one thread rather than the process.
    is_thread: bool,
    /// Whose numbers are shown: those of who mounted the file system.
    namespace: Arc<PidNamespace>,
}
impl Subject {
    /// Whether it is not the system.
    fn is_process(&self) -> bool {
        self.entry.is_some()
    }
    fn system(namespace: &Arc<PidNamespace>) -> Self {
        Subject { entry: None, is_thread: false, namespace: namespace.clone() }
    }
    fn process(entry: Arc<PidEntry>, namespace: &Arc<PidNamespace>) -> Self {
        Subject { entry: Some(entry), is_thread: false, namespace: namespace.clone() }
    }
    fn thread(entry: Arc<PidEntry>, namespace: &Arc<PidNamespace>) -> Self {
        Subject { entry: Some(entry), is_thread: true, namespace: namespace.clone() }
    }
    /// The task (a process's leader); ESRCH once it is gone.
    fn task(&self) -> Result<Arc<Task>> {
        self.entry.as_ref().and_then(|entry| entry.task()).ok_or(ESRCH)
    }
    /// Whether what it is about still is there.
    fn exists(&self) -> bool {
        self.entry.as_ref().is_none_or(|entry| entry.task().is_some())
    }
    /// Owner and group of its files: those of the process if it may be looked into, else root.
    fn owner(&self) -> (u32, u32) {
        match self.task() {
            Ok(task) if task.group().dumpable.load(core::sync::atomic::Ordering::Relaxed) == 1 => {
                task.with_credentials(|credentials| (credentials.effective_user, credentials.effective_group))
            }
            _ => (0, 0),
        }
    }
    /// Whether the current task may look into it (ptrace(2)'s check of read access). EACCES.
    fn check_access(&self) -> Result<()> {
        if self.entry.is_none() {
            return Ok(());
        }
        let target = self.task()?;
        if may_inspect(Task::current(), &target, false) { Ok(()) } else { Err(EACCES) }
    }
}

/// Makes a file's text.
type Generate = fn(&Subject, &mut Output) -> Result<()>;
/// Adds the first record at or after a place of the file's own counting (0 is the beginning); where to look for the one after it,
/// `None` if there was none.
type Records = fn(&Subject, u64, &mut Output) -> Result<Option<u64>>;
/// Takes what was written.
type Accept = fn(&Subject, &[u8]) -> Result<()>;

/// What an entry of a constant table is.
enum Kind {
    /// A file of text.
    Text(Generate),
    /// One that Linux does not make by its sequence files.
    Bytes(Generate),
    /// A file of text that only those may open who may look into the process.
    Guarded(Generate),
    /// The same for a file of many records.
    Records(Records),
    /// A file of text that can be written.
    Writable(Generate, Accept, Elsewhere),
    /// A file of text that those may write who have CAP_SYS_RESOURCE in their user namespace.
    Governed(Generate, Accept),
    /// A symbolic link.
    Link(fn(&Subject) -> Result<super::inode::LinkTarget>),
    /// A link to a place whatever its name, with the text readlink(2) shows made from the place.
    Jump(fn(&Subject) -> Result<super::Path>),
    /// A directory of constant entries.
    Directory(&'static [Item]),
    /// A directory with operations of its own.
    Dynamic(fn(&Subject) -> Result<Box<dyn InodeOperations>>),
    /// A file with operations of its own.
    Special(fn(&Subject) -> Result<Box<dyn FileOperations>>),
}

/// An entry of a constant table.
struct Item {
    name: &'static str,
    /// Permission bits.
    mode: u32,
    kind: Kind,
}
impl Item {
    const fn text(name: &'static str, mode: u32, generate: Generate) -> Item {
        Item { name, mode, kind: Kind::Text(generate) }
    }
    const fn bytes(name: &'static str, mode: u32, generate: Generate) -> Item {
        Item { name, mode, kind: Kind::Bytes(generate) }
    }
    const fn guarded(name: &'static str, mode: u32, generate: Generate) -> Item {
        Item { name, mode, kind: Kind::Guarded(generate) }
    }
    const fn records(name: &'static str, mode: u32, records: Records) -> Item {
        Item { name, mode, kind: Kind::Records(records) }
    }
    const fn writable(name: &'static str, mode: u32, generate: Generate, accept: Accept) -> Item {
        Item { name, mode, kind: Kind::Writable(generate, accept, Elsewhere::Ignored) }
    }
    const fn writable_anywhere(
        name: &'static str,
        mode: u32,
        generate: Generate,
        accept: Accept,
        elsewhere: Elsewhere,
    ) -> Item {
        Item { name, mode, kind: Kind::Writable(generate, accept, elsewhere) }
    }
    const fn directory(name: &'static str, items: &'static [Item]) -> Item {
        Item { name, mode: 0o555, kind: Kind::Directory(items) }
    }
}
