//! What stat(2) shows of an inode and what may be changed about it.
use crate::process::{Capability, Credentials};

/// Permission bits, set-id bits and sticky bit of a mode.
pub const MODE_BITS: u32 = 0o7777;
/// S_ISUID.
pub const SET_USER_ID: u32 = 0o4000;
/// S_ISGID.
pub const SET_GROUP_ID: u32 = 0o2000;
/// S_ISVTX.
pub const STICKY: u32 = 0o1000;

/// The kind of a file: the type bits of its mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
#[allow(missing_docs)]
pub enum FileType {
    Fifo = 0o010000,
    CharacterDevice = 0o020000,
    Directory = 0o040000,
    BlockDevice = 0o060000,
    Regular = 0o100000,
    SymbolicLink = 0o120000,
    Socket = 0o140000,
    /// Anonymous inodes (epoll, eventfd): no type bits at all.
    None = 0,
}
impl FileType {
    /// The type in a mode; `None` for anonymous and undefined types.
    pub fn of_mode(mode: u32) -> FileType {
        match mode & 0o170000 {
            0o010000 => FileType::Fifo,
            0o020000 => FileType::CharacterDevice,
            0o040000 => FileType::Directory,
            0o060000 => FileType::BlockDevice,
            0o100000 => FileType::Regular,
            0o120000 => FileType::SymbolicLink,
            0o140000 => FileType::Socket,
            _ => FileType::None,
        }
    }
    /// The d_type of directory entries (DT_*).
    pub fn directory_entry_type(self) -> u8 {
        (self as u32 >> 12) as u8
    }
    /// Whether it is a device node.
    pub fn is_device(self) -> bool {
        matches!(self, FileType::CharacterDevice | FileType::BlockDevice)
    }
}

/// A device number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct DeviceNumber {
    /// Major, 12 bits.
    pub major: u32,
    /// Minor, 20 bits.
    pub minor: u32,
}
impl DeviceNumber {
    /// From its parts.
    pub const fn new(major: u32, minor: u32) -> Self {
        DeviceNumber { major, minor }
    }
    /// As mknod(2) gets it and stat(2) shows it.
    pub const fn encode(self) -> u32 {
        (self.minor & 0xff) | (self.major & 0xfff) << 8 | (self.minor & !0xff) << 12
    }
    /// The reverse of `encode`.
    pub const fn decode(device: u32) -> Self {
        DeviceNumber { major: (device >> 8) & 0xfff, minor: (device & 0xff) | ((device >> 12) & 0xfff00) }
    }
}

/// A point in time: seconds and nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Timestamp {
    /// Seconds, may be negative.
    pub seconds: i64,
    /// Nanoseconds, below 10^9.
    pub nanoseconds: u32,
}
impl Timestamp {
    /// From nanoseconds since 1970.
    pub fn from_nanoseconds(time: i64) -> Self {
        Timestamp { seconds: time.div_euclid(1_000_000_000), nanoseconds: time.rem_euclid(1_000_000_000) as u32 }
    }
    /// The wall clock's time now.
    pub fn now() -> Self {
        Self::from_nanoseconds(crate::time::clock::realtime() as i64)
    }
}

/// What access(2)-like checks ask for: bits of MAY_*.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access(pub u32);
impl Access {
    /// Nothing.
    pub const NONE: Access = Access(0);
    /// Execute, or search a directory.
    pub const EXECUTE: Access = Access(1);
    /// Write.
    pub const WRITE: Access = Access(2);
    /// Read.
    pub const READ: Access = Access(4);
    /// Both.
    pub const fn and(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }
    /// Whether all of `other` are asked for.
    pub const fn has(self, other: Access) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a new inode is to be.
#[derive(Clone, Copy, Debug)]
pub struct NewInode {
    /// Type and permission bits, umask applied.
    pub mode: u32,
    /// Owner.
    pub user: u32,
    /// Group (the directory's if it is set-group-id).
    pub group: u32,
    /// Device number, for device nodes.
    pub device: DeviceNumber,
}

/// A change of attributes (chmod, chown, utimensat, truncate): only what is `Some` changes. Permission has been checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttributeChanges {
    /// New permission bits (type bits are ignored).
    pub mode: Option<u32>,
    /// New owner.
    pub user: Option<u32>,
    /// New group.
    pub group: Option<u32>,
    /// New length.
    pub size: Option<u64>,
    /// New access time.
    pub access_time: Option<Timestamp>,
    /// New modification time.
    pub modification_time: Option<Timestamp>,
    /// New change time (always given by the VFS).
    pub change_time: Option<Timestamp>,
}

/// All attributes at one moment.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Status {
    pub device: DeviceNumber,
    pub inode: u64,
    pub mode: u32,
    pub links: u32,
    pub user: u32,
    pub group: u32,
    pub special_device: DeviceNumber,
    pub size: u64,
    pub block_size: u32,
    /// In units of 512 bytes.
    pub blocks: u64,
    pub access_time: Timestamp,
    pub modification_time: Timestamp,
    pub change_time: Timestamp,
    pub birth_time: Option<Timestamp>,
}

/// The discretionary check on mode, owner and group, with the capabilities that override it. EACCES.
pub fn check_permission(
    credentials: &Credentials,
    mode: u32,
    owner: u32,
    group: u32,
    access: Access,
) -> crate::error::Result<()> {
    let over = |capability| credentials.capable_over(owner, group, capability);
    let shift = if credentials.file_system_user == owner {
        6
    } else if (mode >> 3) & 7 != mode & 7 && credentials.in_group(group) {
        3
    } else {
        0
    };
    if access.0 & !(mode >> shift) & 7 == 0 {
        return Ok(());
    }
    if FileType::of_mode(mode) == FileType::Directory {
        if !access.has(Access::WRITE) && over(Capability::DacReadSearch) {
            return Ok(());
        }
        if over(Capability::DacOverride) {
            return Ok(());
        }
        return Err(crate::error::EACCES);
    }
    if access == Access::READ && over(Capability::DacReadSearch) {
        return Ok(());
    }
    if (!access.has(Access::EXECUTE) || mode & 0o111 != 0) && over(Capability::DacOverride) {
        return Ok(());
    }
    Err(crate::error::EACCES)
}
