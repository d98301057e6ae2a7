//! devpts: the file system of pseudo-terminals' slaves.
use super::master::{PTMX_MAJOR, PTMX_MINOR};
use super::{Kind, Tty};
use crate::device::register_character;
use crate::error::*;
use crate::file::attributes::{DeviceNumber, FileType, Timestamp};
use crate::file::inode::{DirectoryEntry, Inode, InodeAttributes, InodeOperations};
use crate::file::superblock::*;
use crate::file::{FileOperations, Mount};
use crate::process::Task;
use crate::process::namespace::UserNamespace;
use crate::sync::{Mutex, SpinLock, rank};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::any::Any;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::memory::{try_arc, try_box};

/// Major number of slaves.
const SLAVE_MAJOR: u32 = 136;
/// Major number under which Linux shows masters.
const MASTER_MAJOR: u32 = 128;
/// DEVPTS_SUPER_MAGIC.
const MAGIC: u64 = 0x1cd1;
const ROOT_INODE: u64 = 1;
const PTMX_INODE: u64 = 2;
/// Inode number of slave 0.
const FIRST_SLAVE_INODE: u64 = 3;
/// Most pseudo-terminals of one instance (Linux: NR_UNIX98_PTY_MAX, less its reserve).
const MOST: u32 = 4096;

/// Mount options.
#[derive(Clone, Copy)]
struct Options {
    user: Option<u32>,
    group: Option<u32>,
    mode: u32,
    ptmx_mode: u32,
    most: u32,
}
impl Options {
    const DEFAULT: Options = Options { user: None, group: None, mode: 0o600, ptmx_mode: 0, most: MOST };

    /// Parses mount data; EINVAL.
    fn parse(data: &[u8]) -> Result<Options> {
        let mut options = Self::DEFAULT;
        let text = core::str::from_utf8(data).map_err(|_| EINVAL)?;
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let number = |radix| u32::from_str_radix(value, radix).map_err(|_| EINVAL);
            match name {
                "uid" => options.user = Some(number(10)?),
                "gid" => options.group = Some(number(10)?),
                "mode" => options.mode = number(8)? & 0o777,
                "ptmxmode" => options.ptmx_mode = number(8)? & 0o777,
                "max" => options.most = Some(number(10)?).filter(|most| *most <= MOST).ok_or(EINVAL)?,
                // Every mount is an instance of its own.
                "newinstance" => {}
                _ => return Err(EINVAL),
            }
        }
        Ok(options)
    }
}

struct Slave {
    tty: Arc<Tty>,
    inode: Arc<Inode>,
}

/// One mounted devpts.
pub struct Instance {
    superblock: SpinLock<Weak<Superblock>>,
    options: SpinLock<Options>,
    slaves: Mutex<BTreeMap<u32, Slave>>,
}

/// The instance mounted last, which /dev/ptmx outside of any devpts means.
static LATEST: SpinLock<Weak<Instance>> = SpinLock::new(rank::LEAF, Weak::new());

/// Registers the file system and the driver of slaves.
pub fn initialize() -> Result<()> {
    register_character(SLAVE_MAJOR, 0..MOST, "pts", open_slave)?;
    register_file_system(&DevptsType)
}

fn open_slave(node: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>> {
    let instance = Instance::of_superblock(node.superblock()).ok_or(EIO)?;
    let tty = instance.slaves.lock().get(&node.device().minor).map(|slave| slave.tty.clone());
    tty.ok_or(EIO)?.open(flags, true)
}

impl Instance {
    fn of_superblock(superblock: &Arc<Superblock>) -> Option<Arc<Instance>> {
        superblock.downcast::<Devpts>().map(|devpts| devpts.0.clone())
    }
    /// The instance a ptmx node belongs to: its own devpts, else the one mounted last. ENODEV if none is.
    pub fn of_node(node: &Arc<Inode>) -> Result<Arc<Instance>> {
        match Self::of_superblock(node.superblock()) {
            Some(instance) => Ok(instance),
            None => LATEST.lock().upgrade().ok_or(ENODEV),
        }
    }
    fn superblock(&self) -> Result<Arc<Superblock>> {
        self.superblock.lock().upgrade().ok_or(ENODEV)
    }

    /// A new pseudo-terminal with the lowest free number; ENOSPC.
    pub fn allocate(&self, task: &Task) -> Result<(Arc<Tty>, u32)> {
        let superblock = self.superblock()?;
        let options = *self.options.lock();
        let credentials = task.credentials();
        let mut slaves = self.slaves.lock();
        let index = (0..options.most).find(|index| !slaves.contains_key(index)).ok_or(ENOSPC)?;
        let device = DeviceNumber::new(SLAVE_MAJOR, index);
        let tty = Tty::new(Kind::Pty, device)?;
        let attributes = InodeAttributes {
            number: FIRST_SLAVE_INODE + u64::from(index),
            mode: FileType::CharacterDevice as u32 | options.mode,
            user: options.user.unwrap_or(credentials.file_system_user),
            group: options.group.unwrap_or(credentials.file_system_group),
            links: 1,
            size: 0,
            device,
            time: Timestamp::now(),
        };
        let inode = Inode::new(superblock, &attributes, try_box(Node::default())?, None)?;
        slaves.insert(index, Slave { tty: tty.clone(), inode });
        Ok((tty, index))
    }
    /// The master is closed: the number is free again.
    pub fn free(&self, index: u32) {
        let slave = self.slaves.lock().remove(&index);
        if let Some(slave) = slave
            && let Some(node) = slave.inode.downcast::<Node>()
        {
            node.gone.store(true, Ordering::Release);
        }
    }
    /// The device number of a master.
    pub fn master_device(&self, index: u32) -> DeviceNumber {
        DeviceNumber::new(MASTER_MAJOR, index)
    }
    /// A mount of the instance that the task sees; ENODEV.
    pub fn mount_seen_by(&self, task: &Task) -> Result<Arc<Mount>> {
        let superblock = self.superblock()?;
        let mounts = task.context().namespace().mounts()?;
        mounts.into_iter().find(|mount| Arc::ptr_eq(mount.superblock(), &superblock)).ok_or(ENODEV)
    }
    fn holds(&self, inode: &Inode) -> bool {
        let slaves = self.slaves.lock();
        slaves.values().any(|slave| core::ptr::eq(&*slave.inode, inode))
    }
}

/// A slave or ptmx.
#[derive(Default)]
struct Node {
    /// The slave's number was given back.
    gone: AtomicBool,
}
impl InodeOperations for Node {
    fn is_fresh(&self, _inode: &Inode) -> bool {
        !self.gone.load(Ordering::Acquire)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The root directory.
struct Root {
    instance: Arc<Instance>,
    ptmx: Arc<Inode>,
}
impl InodeOperations for Root {
    fn lookup(&self, _directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        if name == b"ptmx" {
            return Ok(self.ptmx.clone());
        }
        let text = core::str::from_utf8(name).map_err(|_| ENOENT)?;
        let index: u32 = text.parse().map_err(|_| ENOENT)?;
        if text.len() > 1 && text.starts_with('0') || text.starts_with('+') {
            return Err(ENOENT);
        }
        self.instance.slaves.lock().get(&index).map(|slave| slave.inode.clone()).ok_or(ENOENT)
    }
    fn revalidate(&self, _directory: &Arc<Inode>, _name: &[u8], child: &Arc<Inode>) -> Result<bool> {
        Ok(child.number() == PTMX_INODE || self.instance.holds(child))
    }
    fn iterate(&self, _directory: &Arc<Inode>, from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
        let kind = FileType::CharacterDevice;
        if from <= PTMX_INODE
            && !emit(DirectoryEntry { inode: PTMX_INODE, kind, name: b"ptmx", next: FIRST_SLAVE_INODE })
        {
            return Ok(());
        }
        let mut next = u32::try_from(from.saturating_sub(FIRST_SLAVE_INODE)).unwrap_or(u32::MAX);
        loop {
            let Some(index) = self.instance.slaves.lock().range(next..).next().map(|(index, _)| *index) else {
                return Ok(());
            };
            let inode = FIRST_SLAVE_INODE + u64::from(index);
            let mut name = crate::file::text::Line::<12>::new();
            let _ = fmt::Write::write_fmt(&mut name, format_args!("{index}"));
            if !emit(DirectoryEntry { inode, kind, name: name.as_bytes(), next: inode + 1 }) {
                return Ok(());
            }
            next = index.saturating_add(1);
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Devpts(Arc<Instance>);
impl SuperblockOperations for Devpts {
    fn remount(&self, _superblock: &Superblock, data: &[u8]) -> Result<()> {
        *self.0.options.lock() = Options::parse(data)?;
        Ok(())
    }
    fn show_options(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let options = *self.0.options.lock();
        if let Some(user) = options.user {
            write!(out, ",uid={user}")?;
        }
        if let Some(group) = options.group {
            write!(out, ",gid={group}")?;
        }
        write!(out, ",mode={:03o},ptmxmode={:03o}", options.mode, options.ptmx_mode)?;
        if options.most < MOST {
            write!(out, ",max={}", options.most)?;
        }
        Ok(())
    }
    fn shut_down(&self, superblock: &Superblock) {
        let slaves = core::mem::take(&mut *self.0.slaves.lock());
        drop(slaves);
        drop(superblock.take_root());
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct DevptsType;
impl FileSystemType for DevptsType {
    fn name(&self) -> &'static str {
        "devpts"
    }
    fn owner(&self, task: &Task) -> Option<Arc<UserNamespace>> {
        Some(task.credentials().namespace.clone())
    }
    fn mount(&self, request: &MountRequest) -> Result<Arc<Superblock>> {
        let options = Options::parse(request.data)?;
        let instance = try_arc(Instance {
            superblock: SpinLock::new(rank::LEAF, Weak::new()),
            options: SpinLock::new(rank::LEAF, options),
            slaves: Mutex::new(rank::TTY_CONFIGURATION, BTreeMap::new()),
        })?;
        let treatment = SuperblockOptions {
            magic: MAGIC,
            block_size: 1024,
            revalidates: true,
            negative: NegativeEntries::Never,
            ..SuperblockOptions::default()
        };
        let superblock = Superblock::new("devpts", treatment, try_box(Devpts(instance.clone()))?)?;
        let attributes = InodeAttributes {
            number: PTMX_INODE,
            mode: FileType::CharacterDevice as u32 | options.ptmx_mode,
            user: 0,
            group: 0,
            links: 1,
            size: 0,
            device: DeviceNumber::new(PTMX_MAJOR, PTMX_MINOR),
            time: Timestamp::now(),
        };
        let ptmx = Inode::new(superblock.clone(), &attributes, try_box(Node::default())?, None)?;
        let attributes = InodeAttributes {
            number: ROOT_INODE,
            mode: FileType::Directory as u32 | 0o755,
            links: 2,
            device: DeviceNumber::default(),
            ..attributes
        };
        let root = Root { instance: instance.clone(), ptmx };
        superblock.set_root(Inode::new(superblock.clone(), &attributes, try_box(root)?, None)?);
        *instance.superblock.lock() = Arc::downgrade(&superblock);
        *LATEST.lock() = Arc::downgrade(&instance);
        Ok(superblock)
    }
}
