//! mmap(2), munmap(2), mremap(2), mprotect(2), brk(2).
use super::space;
use crate::error::{EACCES, EBADF, EEXIST, EINVAL, ENOMEM, EOPNOTSUPP, EOVERFLOW, EPERM, Result};
use crate::file::File;
use crate::file::mount::mount_flag;
use crate::memory::address_space::{Fixed, Limits, MAY_ALL, MapRequest, page_align};
use crate::memory::area::AreaFlags;
use crate::memory::mapping::Mapping;
use crate::process::Task;
use crate::syscall::{Fd, UserLayout, UserPtr};
use abi::Abi;
use abi::mman::*;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::thread::has_protection_keys;

/// Largest file offset that can be mapped, in pages.
const MAX_PAGE_OFFSET: u64 = (i64::MAX as u64) >> 12;

/// Maps a file or anonymous memory.
pub fn mmap(task: &Task, address: u64, length: u64, protection: u64, flags: u64, fd: Fd, offset: u64) -> Result<u64> {
    if offset & 0xfff != 0 {
        return Err(EINVAL.because("offset is not a multiple of the page size"));
    }
    map(task, address, length, protection, flags, fd, offset >> 12)
}

/// mmap2(2) of i386: the offset is in pages.
pub fn mmap2(task: &Task, address: u64, length: u64, protection: u64, flags: u64, fd: Fd, offset: u64) -> Result<u64> {
    map(task, address, length, protection, flags, fd, offset)
}

/// The arguments of i386's old mmap(2), in memory.
pub struct MapArguments([u32; 6]);
impl UserLayout for MapArguments {
    fn size(_: Abi) -> usize {
        24
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let mut words = [0; 6];
        words.iter_mut().zip(bytes.chunks_exact(4)).for_each(|(word, raw)| *word = u32::decode(abi, raw));
        MapArguments(words)
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        self.0.iter().zip(bytes.chunks_exact_mut(4)).for_each(|(word, raw)| word.encode(abi, raw));
    }
}

/// The old mmap(2).
pub fn old_mmap(task: &Task, arguments: UserPtr<MapArguments>) -> Result<u64> {
    let MapArguments([address, length, protection, flags, fd, offset]) = arguments.read(task)?;
    let wide = u64::from;
    mmap(task, wide(address), wide(length), wide(protection), wide(flags), Fd(fd as i32), wide(offset))
}

/// mmap with the offset in pages, as all ABIs have it inside.
fn map(task: &Task, address: u64, length: u64, protection: u64, flags: u64, fd: Fd, page_offset: u64) -> Result<u64> {
    let file = if flags & MAP_ANONYMOUS == 0 {
        let file = task.files().get(fd)?;
        if file.is_path() {
            return Err(EBADF);
        }
        if flags & MAP_HUGETLB != 0 {
            return Err(EINVAL.because("MAP_HUGETLB of a file that is not on hugetlbfs"));
        }
        Some(file)
    } else if flags & MAP_HUGETLB != 0 {
        // There is no pool of huge pages; the sizes that Linux has on x86-64 are known.
        return Err(if matches!(flags >> 26 & 0x3f, 0 | 21 | 30) { ENOMEM } else { EINVAL });
    } else {
        None
    };
    map_object(task, file, address, length, protection, flags, page_offset)
}

/// Where a file goes that the kernel maps for a caller.
#[derive(Clone, Copy, Debug)]
pub enum MapPlace {
    /// Where there is room.
    Anywhere,
    /// At this address; EINVAL if something is there.
    Free(u64),
    /// At this address; what is there goes.
    Replace(u64),
}

/// Maps the whole of an open file, shared, as shmat(2) does: where it is.
pub fn map_open_file(task: &Task, file: Arc<File>, place: MapPlace, length: u64, protection: u64) -> Result<u64> {
    let (address, fixed) = match place {
        MapPlace::Anywhere => (0, 0),
        MapPlace::Free(address) => (address, MAP_FIXED_NOREPLACE),
        MapPlace::Replace(address) => (address, MAP_FIXED),
    };
    map_object(task, Some(file), address, length, protection, MAP_SHARED | fixed, 0).map_err(|error| match error {
        EEXIST => EINVAL,
        _ => error,
    })
}

/// Maps an open file, or anonymous memory without one.
fn map_object(
    task: &Task,
    file: Option<Arc<File>>,
    address: u64,
    length: u64,
    protection: u64,
    flags: u64,
    page_offset: u64,
) -> Result<u64> {
    if length == 0 {
        return Err(EINVAL);
    }
    let length = page_align(length);
    if length == 0 {
        return Err(ENOMEM);
    }
    page_offset.checked_add(length >> 12).ok_or(EOVERFLOW)?;
    let space = space(task)?;
    let limits = Limits::of(task);
    let may_execute = |file: &Arc<File>| file.path().mount.flags() & mount_flag::NO_EXECUTE == 0;
    let implied = limits.reads_execute && protection & PROT_READ != 0 && file.as_ref().is_none_or(may_execute);
    let protection = if implied { protection | PROT_EXEC } else { protection };
    let mut request = MapRequest::anonymous(length, area_flags(protection, flags));
    request.address = address;
    request.fixed = match flags {
        _ if flags & MAP_FIXED_NOREPLACE != 0 => Fixed::NoReplace,
        _ if flags & MAP_FIXED != 0 => Fixed::Replace,
        _ => Fixed::No,
    };
    request.low = flags & MAP_32BIT != 0 && request.fixed == Fixed::No;
    request.page_offset = if file.is_some() { page_offset } else { 0 };
    let (start, locked) = space.map_file(&request, &limits, |area| {
        let mapping = match &file {
            Some(file) => Some(file_mapping(file, area, length, protection, flags, page_offset)?),
            None => anonymous_mapping(area, length, flags)?,
        };
        Ok(mapping.map(|mapping| (mapping, file.clone())))
    })?;
    if area_flags(protection, flags) & AreaFlags::ACCESS == AreaFlags::EXECUTE && has_protection_keys() {
        // What is to be executed only gets the key for that, as by mprotect(2).
        space.protect(start, length, PROT_EXEC, None, &limits)?;
    }
    if locked || flags & (MAP_POPULATE | MAP_NONBLOCK) == MAP_POPULATE {
        space.populate_what_is_there(start..start + length);
    }
    Ok(start)
}

fn area_flags(protection: u64, flags: u64) -> AreaFlags {
    let mut area = AreaFlags::of_protection(protection) | MAY_ALL;
    area = area.with(AreaFlags::GROWS_DOWN, flags & MAP_GROWSDOWN != 0);
    area = if flags & MAP_LOCKED != 0 { area | AreaFlags::LOCKED } else { area };
    let reserves = crate::memory::commit::MODE.load(Ordering::Relaxed) == 2;
    if flags & MAP_NORESERVE != 0 && !reserves { area | AreaFlags::NO_RESERVE } else { area }
}

/// The mapping of an open file, with what the way it is open means for the area.
fn file_mapping(
    file: &Arc<File>,
    area: &mut AreaFlags,
    length: u64,
    protection: u64,
    flags: u64,
    page_offset: u64,
) -> Result<Arc<Mapping>> {
    if page_offset > MAX_PAGE_OFFSET - (length >> 12).min(MAX_PAGE_OFFSET) {
        return Err(EOVERFLOW);
    }
    match flags & MAP_TYPE {
        MAP_SHARED | MAP_SHARED_VALIDATE => {
            if flags & MAP_TYPE == MAP_SHARED_VALIDATE && flags & !LEGACY_MAP_MASK != 0 {
                return Err(EOPNOTSUPP);
            }
            if protection & PROT_WRITE != 0 && !file.is_writable() {
                return Err(EACCES);
            }
            if file.is_writable() && file.inode().is_append_only() {
                return Err(EACCES);
            }
            *area = *area | AreaFlags::MAY_SHARE;
            *area = if file.is_writable() { *area | AreaFlags::SHARED } else { area.with(AreaFlags::MAY_WRITE, false) };
        }
        MAP_PRIVATE => (),
        _ => return Err(EINVAL),
    }
    if !file.is_readable() {
        return Err(EACCES);
    }
    if file.path().mount.flags() & mount_flag::NO_EXECUTE != 0 {
        if area.contains(AreaFlags::EXECUTE) {
            return Err(EPERM);
        }
        *area = area.with(AreaFlags::MAY_EXECUTE, false);
    }
    let mapping = file.operations().mapping(file)?;
    if area.contains(AreaFlags::GROWS_DOWN) {
        return Err(EINVAL);
    }
    seal(mapping, area)
}

/// What seals mean for a shared mapping.
fn seal(mapping: Arc<Mapping>, area: &mut AreaFlags) -> Result<Arc<Mapping>> {
    let seals = mapping.seals();
    let no_writes = crate::memory::mapping::SEAL_WRITE | crate::memory::mapping::SEAL_FUTURE_WRITE;
    if seals & no_writes != 0 && area.contains(AreaFlags::SHARED) {
        if area.contains(AreaFlags::WRITE) {
            return Err(EPERM);
        }
        if seals & crate::memory::mapping::SEAL_FUTURE_WRITE != 0 {
            *area = area.with(AreaFlags::MAY_WRITE, false);
        }
    }
    Ok(mapping)
}

/// The object behind anonymous memory: none for private, a fresh one for shared.
fn anonymous_mapping(area: &mut AreaFlags, length: u64, flags: u64) -> Result<Option<Arc<Mapping>>> {
    match flags & MAP_TYPE {
        MAP_SHARED if flags & MAP_GROWSDOWN != 0 => Err(EINVAL),
        MAP_SHARED => {
            *area = *area | AreaFlags::SHARED | AreaFlags::MAY_SHARE;
            let mapping = Mapping::new(None)?;
            mapping.set_size(length);
            Ok(Some(mapping))
        }
        MAP_PRIVATE => Ok(None),
        _ => Err(EINVAL),
    }
}

/// Removes mappings.
pub fn munmap(task: &Task, address: u64, length: u64) -> Result<()> {
    space(task)?.unmap(address, length)
}

/// Resizes or moves a mapping.
pub fn mremap(
    task: &Task,
    address: u64,
    old_length: u64,
    new_length: u64,
    flags: u64,
    new_address: u64,
) -> Result<u64> {
    let space = space(task)?;
    let (start, populate) = space.remap(address, old_length, new_length, flags, new_address, &Limits::of(task))?;
    space.populate_what_is_there(populate);
    Ok(start)
}

/// Changes what may be done with pages.
pub fn mprotect(task: &Task, address: u64, length: u64, protection: u64) -> Result<()> {
    space(task)?.protect(address, length, protection, None, &Limits::of(task))
}

/// Moves the end of the heap; returns where it is then.
pub fn brk(task: &Task, address: u64) -> Result<u64> {
    let space = space(task)?;
    let (end, populate) = space.set_break(address, &Limits::of(task));
    space.populate_what_is_there(populate);
    Ok(end)
}

/// Maps another part of a file in place of a part of a shared mapping, as Linux has done it since 4.0: by a new mapping.
pub fn remap_file_pages(
    task: &Task,
    address: u64,
    length: u64,
    protection: u64,
    page_offset: u64,
    flags: u64,
) -> Result<()> {
    if protection != 0 {
        return Err(EINVAL);
    }
    let (start, length) = (address & !0xfff, length & !0xfff);
    let end = start.checked_add(length).filter(|end| *end > start).ok_or(EINVAL)?;
    page_offset.checked_add(length >> 12).ok_or(EINVAL)?;
    let space = space(task)?;
    let (area, mapping, file) = space.shared_file(start..end)?;
    let kept = AreaFlags::ACCESS | MAY_ALL | AreaFlags::SHARED | AreaFlags::MAY_SHARE | AreaFlags::LOCKED;
    let mut request = MapRequest::anonymous(length, area & kept);
    (request.address, request.fixed, request.page_offset) = (start, Fixed::Replace, page_offset);
    request.file = Some((&mapping, file.as_ref()));
    space.map(&request, &Limits::of(task))?;
    if flags & MAP_NONBLOCK == 0 {
        space.populate_what_is_there(start..end);
    }
    Ok(())
}
