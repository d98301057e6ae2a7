//! A map, and the file that it is.
use super::array::Array;
use super::hash::Hash;
use crate::error::*;
use crate::file::{File, FileOperations, PollEvents, PollTable};
use crate::process::Task;
use crate::syscall::Fd;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, Ordering};

/// Bits of a map's flags.
pub(super) mod flag {
    pub const NO_PREALLOCATION: u32 = 1 << 0;
    pub const NO_COMMON_LRU: u32 = 1 << 1;
    pub const NUMA_NODE: u32 = 1 << 2;
    pub const READ_ONLY: u32 = 1 << 3;
    pub const WRITE_ONLY: u32 = 1 << 4;
    pub const ZERO_SEED: u32 = 1 << 6;
    pub const PROGRAM_READ_ONLY: u32 = 1 << 7;
    pub const PROGRAM_WRITE_ONLY: u32 = 1 << 8;
    pub const INNER_MAP: u32 = 1 << 12;
}

/// What an update does about a key that is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Existing {
    /// Nothing special.
    Either,
    /// EEXIST.
    Refused,
    /// ENOENT where it is not there.
    Wanted,
}

/// Where a map has its elements.
pub(super) enum Store {
    /// BPF_MAP_TYPE_ARRAY.
    Array(Array),
    /// BPF_MAP_TYPE_HASH.
    Hash(Hash),
}

/// A map; the last descriptor takes it along.
pub(super) struct Map {
    pub store: Store,
    pub kind: u32,
    pub key_size: u32,
    pub value_size: u32,
    pub most: u32,
    pub flags: u32,
    pub name: [u8; 16],
    /// Unique, from 1 on.
    pub id: u32,
    /// System calls change nothing any more.
    pub is_frozen: AtomicBool,
}

impl Map {
    /// Pages that Linux would say it takes, in bytes.
    fn footprint(&self) -> u64 {
        let element = (u64::from(self.key_size) + u64::from(self.value_size)).next_multiple_of(8);
        u64::from(self.most).saturating_mul(element).checked_next_multiple_of(4096).unwrap_or(u64::MAX)
    }
}

/// What is wanted of a map's descriptor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Any,
    Read,
    Write,
    Both,
}

/// The open map behind a descriptor.
pub(super) struct OpenMap(Arc<File>);
impl OpenMap {
    /// EBADF; EINVAL for another file; EPERM for what its descriptor, or a map that is frozen, does not allow.
    pub fn of(task: &Task, fd: u32, access: Access) -> Result<OpenMap> {
        let file = task.files().get_io(Fd(fd as i32))?;
        let map = file.downcast::<Map>().ok_or(EINVAL)?;
        let mode = file.flags() & 3;
        let reads = matches!(access, Access::Read | Access::Both);
        let writes = matches!(access, Access::Write | Access::Both);
        if reads && mode == 1 || writes && (mode == 0 || map.is_frozen.load(Ordering::Acquire)) {
            return Err(EPERM);
        }
        Ok(OpenMap(file))
    }
    /// The map.
    pub fn map(&self) -> Result<&Map> {
        self.0.downcast().ok_or(EINVAL)
    }
}

impl FileOperations for Map {
    fn poll(&self, _file: &File, _table: Option<&mut PollTable>) -> PollEvents {
        PollEvents::ERR
    }
    fn mapping(&self, _file: &File) -> Result<Arc<crate::memory::Mapping>> {
        // It was not made with BPF_F_MMAPABLE.
        Err(EINVAL)
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn show_information(&self, _file: &File, out: &mut dyn Write) -> core::fmt::Result {
        writeln!(out, "map_type:\t{}\nkey_size:\t{}\nvalue_size:\t{}", self.kind, self.key_size, self.value_size)?;
        writeln!(out, "max_entries:\t{}\nmap_flags:\t{:#x}\nmap_extra:\t0x0", self.most, self.flags)?;
        let is_frozen = u8::from(self.is_frozen.load(Ordering::Relaxed));
        writeln!(out, "memlock:\t{}\nmap_id:\t{}\nfrozen:\t{is_frozen}", self.footprint(), self.id)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
