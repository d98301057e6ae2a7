//! PR_SET_MM: the places of a program that are reported to others (/proc/PID/stat, /proc/PID/cmdline, /proc/PID/auxv, the heap of
//! brk(2)) as a program says that restores another.
use super::limits::Resource;
use super::{Capability, Task};
use crate::error::*;
use crate::file::attributes::{Access, FileType};
use crate::file::mount::mount_flag;
use crate::memory::address_space::{Executable, Layout, MINIMUM_ADDRESS};
use crate::syscall::user::{UserLayout, UserWord, plain_layout};
use crate::syscall::{Fd, UserPtr, UserSlice};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What is set.
mod what {
    pub const START_CODE: u64 = 1;
    pub const END_CODE: u64 = 2;
    pub const START_DATA: u64 = 3;
    pub const END_DATA: u64 = 4;
    pub const START_STACK: u64 = 5;
    pub const START_BREAK: u64 = 6;
    pub const BREAK: u64 = 7;
    pub const ARGUMENTS_START: u64 = 8;
    pub const ARGUMENTS_END: u64 = 9;
    pub const ENVIRONMENT_START: u64 = 10;
    pub const ENVIRONMENT_END: u64 = 11;
    pub const AUXILIARY: u64 = 12;
    pub const EXECUTABLE: u64 = 13;
    pub const MAP: u64 = 14;
    pub const MAP_SIZE: u64 = 15;
}
/// Bytes that Linux keeps of an auxiliary vector: 24 pairs.
const AUXILIARY_SIZE: usize = 24 * 16;
/// Instead of a descriptor.
const NO_FILE: u32 = u32::MAX;

/// `struct prctl_mm_map`: the places in the order of their numbers, but for the heap's, which come before the stack's.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
struct Map {
    places: Places,
    auxiliary: u64,
    auxiliary_size: u32,
    executable: u32,
}
plain_layout!(Map);

#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
struct Places {
    code: [u64; 2],
    data: [u64; 2],
    heap: [u64; 2],
    stack: u64,
    arguments: [u64; 2],
    environment: [u64; 2],
}

impl Places {
    fn of(layout: &Layout) -> Places {
        let ends = |range: &core::ops::Range<u64>| [range.start, range.end];
        Places {
            code: ends(&layout.code),
            data: ends(&layout.data),
            heap: ends(&layout.heap),
            stack: layout.stack_start,
            arguments: ends(&layout.arguments),
            environment: ends(&layout.environment),
        }
    }
    fn put(&self, layout: &mut Layout) {
        let range = |[start, end]: [u64; 2]| start..end;
        layout.code = range(self.code);
        layout.data = range(self.data);
        layout.heap = range(self.heap);
        layout.stack_start = self.stack;
        layout.arguments = range(self.arguments);
        layout.environment = range(self.environment);
    }
    /// EINVAL for places outside of user space, ends before starts, and a heap over RLIMIT_DATA.
    fn check(&self, layout: &Layout, data_limit: u64) -> Result<()> {
        let pairs = [self.code, self.data, self.heap, self.arguments, self.environment];
        let is_inside = |place: &u64| (MINIMUM_ADDRESS.load(Ordering::Relaxed)..layout.end).contains(place);
        let inside = pairs.as_flattened().iter().chain([&self.stack]).all(is_inside);
        let ordered = pairs.iter().all(|[start, end]| start <= end) && self.code[0] != self.code[1];
        if !inside || !ordered {
            return Err(EINVAL);
        }
        let size = (self.heap[1] - self.heap[0]).saturating_add(self.data[1] - self.data[0]);
        if data_limit < u64::MAX && size > data_limit { Err(EINVAL) } else { Ok(()) }
    }
    fn place(&mut self, which: u64) -> Result<&mut u64> {
        let ([code_start, code_end], [data_start, data_end]) = (&mut self.code, &mut self.data);
        let ([heap_start, heap_end], [arguments_start, arguments_end]) = (&mut self.heap, &mut self.arguments);
        let [environment_start, environment_end] = &mut self.environment;
        Ok(match which {
            what::START_CODE => code_start,
            what::END_CODE => code_end,
            what::START_DATA => data_start,
            what::END_DATA => data_end,
            what::START_STACK => &mut self.stack,
            what::START_BREAK => heap_start,
            what::BREAK => heap_end,
            what::ARGUMENTS_START => arguments_start,
            what::ARGUMENTS_END => arguments_end,
            what::ENVIRONMENT_START => environment_start,
            what::ENVIRONMENT_END => environment_end,
            _ => return Err(EINVAL),
        })
    }
}

/// PR_SET_MM.
pub fn set(task: &Task, which: u64, address: u64, size: u64, fifth: u64) -> Result<()> {
    let is_sized = matches!(which, what::AUXILIARY | what::MAP | what::MAP_SIZE);
    if fifth != 0 || size != 0 && !is_sized {
        return Err(EINVAL);
    }
    match which {
        what::MAP_SIZE => return UserPtr::<u32>::new(address).write(task, &(size_of::<Map>() as u32)),
        what::MAP => return set_all(task, address, size),
        _ => {}
    }
    if !task.capable(Capability::SysResource) {
        return Err(EPERM);
    }
    match which {
        what::EXECUTABLE => return set_executable(task, address as u32),
        what::AUXILIARY => {
            if size > AUXILIARY_SIZE as u64 {
                return Err(EINVAL);
            }
            let vector = read_auxiliary(task, address, size as usize)?;
            return change(task, |layout| {
                layout.auxiliary = vector;
                Ok(())
            });
        }
        _ => {}
    }
    let limit = task.group().limit(Resource::Data);
    change(task, |layout| {
        if !(MINIMUM_ADDRESS.load(Ordering::Relaxed)..layout.end).contains(&address) {
            return Err(EINVAL);
        }
        let mut places = Places::of(layout);
        *places.place(which)? = address;
        places.check(layout, limit)?;
        let is_of_the_stack = which == what::START_STACK || which >= what::ARGUMENTS_START;
        if is_of_the_stack && layout.areas.find_from(address).is_none() {
            return Err(EFAULT);
        }
        places.put(layout);
        Ok(())
    })
}

fn change(task: &Task, change: impl FnOnce(&mut Layout) -> Result<()>) -> Result<()> {
    task.memory().ok_or(EINVAL)?.with_layout_mut(change)
}

/// PR_SET_MM_MAP: everything at once.
fn set_all(task: &Task, address: u64, size: u64) -> Result<()> {
    if size != size_of::<Map>() as u64 {
        return Err(EINVAL);
    }
    let map = UserPtr::<Map>::new(address).read(task)?;
    let limit = task.group().limit(Resource::Data);
    change(task, |layout| map.places.check(layout, limit))?;
    let vector = match map.auxiliary_size as usize {
        0 => None,
        size if map.auxiliary == 0 || size > AUXILIARY_SIZE => return Err(EINVAL),
        size => Some(read_auxiliary(task, map.auxiliary, size)?),
    };
    if map.executable != NO_FILE {
        if !task.capable(Capability::SysAdmin) && !task.capable(Capability::CheckpointRestore) {
            return Err(EPERM);
        }
        set_executable(task, map.executable)?;
    }
    change(task, |layout| {
        map.places.put(layout);
        if let Some(vector) = vector {
            layout.auxiliary = vector;
        }
        Ok(())
    })
}

/// Reads an auxiliary vector, without its end and what follows it.
fn read_auxiliary(task: &Task, address: u64, size: usize) -> Result<Vec<(u64, u64)>> {
    let mut bytes = [0; AUXILIARY_SIZE];
    UserSlice::new(address, size).read(bytes.get_mut(..size).unwrap_or_default())?;
    let abi = task.abi();
    let word = UserWord::size(abi);
    let mut vector = Vec::new();
    vector.try_reserve_exact(AUXILIARY_SIZE / (2 * word))?;
    for pair in bytes.chunks_exact(2 * word) {
        let (key, value) = pair.split_at(word);
        let key = UserWord::decode(abi, key).0;
        if key == 0 || vector.len() + 1 == AUXILIARY_SIZE / (2 * word) {
            break;
        }
        vector.push((key, UserWord::decode(abi, value).0));
    }
    Ok(vector)
}

/// PR_SET_MM_EXE_FILE: EACCES for what cannot be executed or is being written, EBUSY while the old one is mapped.
fn set_executable(task: &Task, fd: u32) -> Result<()> {
    let file = task.file(Fd(fd as i32))?;
    let inode = file.inode();
    if inode.kind() != FileType::Regular || file.path().mount.flags() & mount_flag::NO_EXECUTE != 0 {
        return Err(EACCES);
    }
    inode.operations().permission(inode, &task.credentials(), Access::EXECUTE)?;
    let memory = task.memory().ok_or(EINVAL)?;
    let is_mapped = memory.with_layout(|layout| {
        layout.executable.as_ref().is_some_and(|old| {
            let mut files = layout.areas.iter().filter_map(|area| area.file.as_ref()?.file());
            files.any(|mapped| mapped.path() == old.file().path())
        })
    });
    if is_mapped {
        return Err(EBUSY);
    }
    let executable = Executable::new(file.clone()).map_err(|_| EACCES)?;
    let before = memory.with_layout_mut(|layout| layout.executable.replace(executable));
    drop(before);
    Ok(())
}
