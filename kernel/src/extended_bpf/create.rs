//! BPF_MAP_CREATE.
use super::array::Array;
use super::attribute::Attribute;
use super::hash::Hash;
use super::map::{Map, Store, flag};
use crate::error::*;
use crate::file::{File, FileOperations};
use crate::process::{Capability, Task};
use crate::syscall::Fd;
use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The number of the map made last.
static LAST_ID: AtomicU32 = AtomicU32::new(0);

const HASH: u32 = 1;
const ARRAY: u32 = 2;
const BLOOM_FILTER: u32 = 30;
/// Flags of who may read and write.
const ACCESS: u32 = flag::READ_ONLY | flag::WRITE_ONLY | flag::PROGRAM_READ_ONLY | flag::PROGRAM_WRITE_ONLY;
/// Bytes that the kernel's memory gives in one piece.
const LARGEST_PIECE: u32 = 4 << 20;
/// What Linux adds to each key and value of a hash table.
const ELEMENT_HEAD: u32 = 48;
/// More buckets Linux's tables cannot have.
const MOST_HASHED: u32 = 1 << 27;

/// Offsets in the attribute.
mod at {
    pub const KIND: usize = 0;
    pub const KEY_SIZE: usize = 4;
    pub const VALUE_SIZE: usize = 8;
    pub const MOST: usize = 12;
    pub const FLAGS: usize = 16;
    pub const NUMA_NODE: usize = 24;
    pub const NAME: usize = 28;
    pub const INTERFACE: usize = 44;
    pub const TYPES: usize = 48;
    pub const KEY_TYPE: usize = 52;
    pub const VALUE_TYPE: usize = 56;
    pub const KERNEL_VALUE_TYPE: usize = 60;
    pub const EXTRA: usize = 64;
    pub const END: usize = 72;
}

/// Makes a map; its descriptor. Checks come in Linux's order.
pub(super) fn create(task: &Task, attribute: &Attribute) -> Result<Fd> {
    attribute.ends_at(at::END)?;
    let [kind, key_size, value_size, most, flags] =
        [at::KIND, at::KEY_SIZE, at::VALUE_SIZE, at::MOST, at::FLAGS].map(|at| attribute.narrow(at));
    let types = [at::KEY_TYPE, at::VALUE_TYPE].map(|at| attribute.narrow(at));
    if attribute.narrow(at::KERNEL_VALUE_TYPE) != 0
        || types[0] != 0 && types[1] == 0
        || kind != BLOOM_FILTER && attribute.wide(at::EXTRA) != 0
    {
        return Err(EINVAL);
    }
    let open_flags = match flags & (flag::READ_ONLY | flag::WRITE_ONLY) {
        0 => 2,
        flag::READ_ONLY => 0,
        flag::WRITE_ONLY => 1,
        _ => return Err(EINVAL),
    };
    // There is one node.
    let node = if flags & flag::NUMA_NODE != 0 { attribute.narrow(at::NUMA_NODE) } else { 0 };
    if node != 0 && node != u32::MAX {
        return Err(EINVAL);
    }
    match kind {
        ARRAY => check_array(key_size, value_size, most, flags)?,
        HASH => check_hash(task, key_size, value_size, most, flags)?,
        _ => return Err(EINVAL.because("no such type of map")),
    }
    if attribute.narrow(at::INTERFACE) != 0 {
        return Err(if task.capable(Capability::SysAdmin) { EINVAL } else { EPERM });
    }
    let store = match kind {
        ARRAY => Store::Array(Array::new(most, value_size)?),
        _ => {
            let seed = if flags & flag::ZERO_SEED != 0 { 0 } else { crate::random::word() };
            Store::Hash(Hash::new(most, key_size, value_size, flags & flag::NO_PREALLOCATION != 0, seed)?)
        }
    };
    let name = attribute.name(at::NAME)?;
    if types != [0, 0] {
        task.files().get_io(Fd(attribute.narrow(at::TYPES) as i32))?;
        return Err(EINVAL.because("no descriptor is one of types"));
    }
    let id = LAST_ID.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    let map = Map { store, kind, key_size, value_size, most, flags, name, id, is_frozen: AtomicBool::new(false) };
    let operations: Box<dyn FileOperations> = machine::memory::try_box(map)?;
    task.files().install(File::anonymous(operations, "anon_inode:bpf-map", open_flags)?, 0, true)
}

/// Programs could neither read nor write.
fn denies_programs(flags: u32) -> bool {
    const BOTH: u32 = flag::PROGRAM_READ_ONLY | flag::PROGRAM_WRITE_ONLY;
    flags & BOTH == BOTH
}

fn check_array(key_size: u32, value_size: u32, most: u32, flags: u32) -> Result<()> {
    const KNOWN: u32 = flag::NUMA_NODE | ACCESS | flag::INNER_MAP;
    if most == 0 || key_size != 4 || value_size == 0 || flags & !KNOWN != 0 || denies_programs(flags) {
        return Err(EINVAL);
    }
    if value_size > i32::MAX as u32 {
        return Err(E2BIG);
    }
    if value_size > LARGEST_PIECE { Err(ENOMEM.because("an element is copied in one piece")) } else { Ok(()) }
}

fn check_hash(task: &Task, key_size: u32, value_size: u32, most: u32, flags: u32) -> Result<()> {
    const KNOWN: u32 = flag::NO_PREALLOCATION | flag::NO_COMMON_LRU | flag::NUMA_NODE | ACCESS | flag::ZERO_SEED;
    if flags & flag::ZERO_SEED != 0 && !task.capable(Capability::SysAdmin) {
        return Err(EPERM);
    }
    if flags & !KNOWN != 0 || denies_programs(flags) || flags & flag::NO_COMMON_LRU != 0 {
        return Err(EINVAL);
    }
    if most == 0 || key_size == 0 || value_size == 0 {
        return Err(EINVAL);
    }
    if key_size.saturating_add(value_size) >= LARGEST_PIECE - ELEMENT_HEAD || most > MOST_HASHED {
        return Err(E2BIG);
    }
    Ok(())
}
