//! The code that the kernel lends to a new program (vdso(7)).
use crate::error::{EEXIST, EINVAL, Result};
use crate::memory::address_space::{Fixed, MAY_ALL, MapRequest};
use crate::memory::area::{Area, AreaFlags};
use crate::memory::{AddressSpace, Limits, Mapping};
use crate::process::Task;
use crate::sync::Once;
use abi::Abi;
use abi::elf::{AT_SYSINFO, AT_SYSINFO_EHDR};
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::memory::{Frame, PAGE_SIZE};
use machine::vdso;

const PAGE: u64 = PAGE_SIZE as u64;

/// What programs map, shared by all: the clocks' page, then the image, which reads it at the page before its own.
static X86_64: Once<Arc<Mapping>> = Once::new();
static X32: Once<Arc<Mapping>> = Once::new();
static I386: Once<Arc<Mapping>> = Once::new();

/// What a program learns of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mapped {
    /// Where calls by `sysenter` and 32-bit `syscall` go on.
    pub landing: u32,
    auxiliary: [(u64, u64); 2],
    count: usize,
}

impl Mapped {
    /// The entries of the auxiliary vector that name it, which come first.
    pub fn entries(&self) -> &[(u64, u64)] {
        self.auxiliary.get(..self.count).unwrap_or(&[])
    }
}

/// What programs map whose clocks are not the machine's: the image with functions that make calls.
static CALLING: [Once<Arc<Mapping>>; 3] = [const { Once::new() }; 3];

/// Code to be laid over a function of an image: its name, and what it does instead.
struct Patch(&'static [u8], &'static [u8]);
/// mov eax, clock_gettime; syscall; ret.
const WIDE: [Patch; 1] = [Patch(b"__vdso_clock_gettime", b"\xb8\xe4\0\0\0\x0f\x05\xc3")];
const X32_PATCH: [Patch; 1] = [Patch(b"__vdso_clock_gettime", b"\xb8\xe4\0\0\x40\x0f\x05\xc3")];
/// push ebx; mov ebx, [esp + 8]; mov ecx, [esp + 12]; mov eax, clock_gettime or clock_gettime64; int 0x80; pop ebx; ret.
const NARROW: [Patch; 2] = [
    Patch(b"__vdso_clock_gettime", b"\x53\x8b\x5c\x24\x08\x8b\x4c\x24\x0c\xb8\x09\x01\0\0\xcd\x80\x5b\xc3"),
    Patch(b"__vdso_clock_gettime64", b"\x53\x8b\x5c\x24\x08\x8b\x4c\x24\x0c\xb8\x93\x01\0\0\xcd\x80\x5b\xc3"),
];

/// As [`pages`], with functions that make calls: the clocks' page knows nothing of time namespaces.
fn calling_pages(abi: Abi) -> Result<&'static Arc<Mapping>> {
    let place = CALLING.get(abi as usize).ok_or(crate::error::EINVAL)?;
    if place.get().is_some() {
        return place.get().ok_or(crate::error::ENOMEM);
    }
    let mut image = Vec::new();
    image.try_reserve_exact(PAGE_SIZE)?;
    image.resize(PAGE_SIZE, 0u8);
    let mut lay = |at: usize, bytes: &[u8]| {
        if let Some(room) = image.get_mut(at..at + bytes.len()) {
            room.copy_from_slice(bytes);
        }
    };
    let patches: &[Patch] = match abi {
        Abi::X86_64 => {
            lay(0, vdso::x86_64());
            &WIDE
        }
        Abi::X32 => {
            vdso::x32().parts().iter().for_each(|(at, bytes)| lay(*at, bytes));
            &X32_PATCH
        }
        Abi::I386 => {
            vdso::i386().parts().iter().for_each(|(at, bytes)| lay(*at, bytes));
            &NARROW
        }
    };
    for Patch(name, code) in patches {
        let at = symbol(&image, abi == Abi::X86_64, name).ok_or(crate::error::EINVAL)?;
        if let Some(room) = image.get_mut(at..at + code.len()) {
            room.copy_from_slice(code);
        }
    }
    let mapping = Mapping::new(None)?;
    mapping.set_size(2 * PAGE);
    mapping.insert(0, vdso::clock_page()?)?;
    let page = Frame::zeroed()?;
    page.write(0, &image);
    mapping.insert(1, page)?;
    // Somebody else's is as good.
    let _ = place.set(mapping);
    place.get().ok_or(crate::error::ENOMEM)
}

/// Where a function of an image is: the value of its dynamic symbol.
fn symbol(image: &[u8], wide: bool, name: &[u8]) -> Option<usize> {
    let word = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?) as usize);
    // The second program header is the dynamic section's.
    let dynamic = if wide { word(64 + 56 + 8)? } else { word(52 + 32 + 4)? };
    let step = if wide { 8 } else { 4 };
    let entry = |wanted: usize| {
        let mut tags = (0..16).map(|index| dynamic + index * 2 * step);
        let found = tags.find(|at| word(*at) == Some(wanted))?;
        word(found + step)
    };
    const STRINGS: usize = 5;
    const SYMBOLS: usize = 6;
    let (strings, symbols) = (entry(STRINGS)?, entry(SYMBOLS)?);
    let size = if wide { 24 } else { 16 };
    (1..16).find_map(|index| {
        let at = symbols + index * size;
        let own = image.get(strings + word(at)?..)?;
        let is_it = own.starts_with(name) && own.get(name.len()) == Some(&0);
        if is_it { word(at + if wide { 8 } else { 4 }) } else { None }
    })
}

/// Gives a task's memory the functions that fit its clocks, after it has entered a time namespace. `task` is the current one.
pub fn fit(task: &Task, other: &Task) -> Result<()> {
    let Some(space) = other.memory() else { return Ok(()) };
    let (start, own) = space.with_layout(|layout| {
        let start = layout.vdso.start;
        let area = layout.areas.find(start).filter(|_| !layout.vdso.is_empty());
        (start, area.and_then(|area| area.file.as_ref().map(|file| file.mapping().identity())))
    });
    let Some(own) = own else { return Ok(()) };
    let is = |pages: Option<&Arc<Mapping>>| pages.is_some_and(|pages| pages.identity() == own);
    for (abi, shared) in [(Abi::X86_64, &X86_64), (Abi::X32, &X32), (Abi::I386, &I386)] {
        let calling = CALLING.get(abi as usize).and_then(Once::get);
        if !is(shared.get()) && !is(calling) {
            continue;
        }
        let pages = match (other.has_shifted_clocks(), shared.get()) {
            (false, Some(shared)) => shared,
            _ => calling_pages(abi)?,
        };
        return map_code(&space, pages, &Limits::of(task), start);
    }
    Ok(())
}

/// Maps what programs of an ABI get.
pub fn map(space: &AddressSpace, abi: Abi, limits: &Limits) -> Result<Mapped> {
    map_at(space, abi, 0, limits)
}

/// Maps what programs of an ABI get into memory that has none, at an address if there is room (arch_prctl(2), ARCH_MAP_VDSO_*):
/// bytes of the image. EEXIST.
pub fn map_again(task: &Task, abi: Abi, address: u64) -> Result<u64> {
    let space = task.memory().ok_or(EINVAL)?;
    if space.with_layout(|layout| layout.areas.iter().any(is_ours)) {
        return Err(EEXIST);
    }
    let mapped = map_at(&space, abi, address, &Limits::of(task))?;
    if mapped.landing != 0 {
        task.thread().set_fast_call_landing(mapped.landing);
    }
    Ok(PAGE)
}
fn is_ours(area: &Area) -> bool {
    area.file.as_ref().is_some_and(|file| name_of(file.mapping(), 0).is_some())
}

fn map_at(space: &AddressSpace, abi: Abi, address: u64, limits: &Limits) -> Result<Mapped> {
    let calls = Task::current().has_shifted_clocks();
    let choose = |ready: Result<&'static Arc<Mapping>>| if calls { calling_pages(abi) } else { ready };
    match abi {
        Abi::X86_64 => {
            let start = map_image(space, choose(pages(&X86_64, &[(0, vdso::x86_64())]))?, address, limits)?;
            Ok(Mapped { landing: 0, auxiliary: [(AT_SYSINFO_EHDR, start), (0, 0)], count: 1 })
        }
        Abi::I386 => {
            let image = vdso::i386();
            let start = map_image(space, choose(pages(&I386, &image.parts()))?, address, limits)?;
            let auxiliary = [(AT_SYSINFO, start + u64::from(image.vsyscall)), (AT_SYSINFO_EHDR, start)];
            Ok(Mapped { landing: (start as u32).wrapping_add(image.landing), auxiliary, count: 2 })
        }
        Abi::X32 => {
            let start = map_image(space, choose(pages(&X32, &vdso::x32().parts()))?, address, limits)?;
            Ok(Mapped { landing: 0, auxiliary: [(AT_SYSINFO_EHDR, start), (0, 0)], count: 1 })
        }
    }
}

/// The two pages; of the image's all programs share the one until a debugger writes to it.
fn pages(shared: &'static Once<Arc<Mapping>>, parts: &[(usize, &[u8])]) -> Result<&'static Arc<Mapping>> {
    if shared.get().is_none() {
        let mapping = Mapping::new(None)?;
        mapping.set_size(2 * PAGE);
        mapping.insert(0, vdso::clock_page()?)?;
        let page = Frame::zeroed()?;
        for (at, bytes) in parts {
            page.write(*at, bytes);
        }
        mapping.insert(1, page)?;
        // Somebody else's is as good.
        let _ = shared.set(mapping);
    }
    shared.get().ok_or(crate::error::ENOMEM)
}

/// Maps both pages, at an address if there is room and it is not 0; where the image is.
fn map_image(space: &AddressSpace, pages: &Arc<Mapping>, address: u64, limits: &Limits) -> Result<u64> {
    // The clocks can be read, whatever mprotect(2) is asked for.
    let clocks = AreaFlags::READ | AreaFlags::MAY_READ | AreaFlags::NO_RESERVE | AreaFlags::DONT_DUMP | AreaFlags::IO;
    let mut request = MapRequest::anonymous(2 * PAGE, clocks);
    (request.address, request.file) = (address & !(PAGE - 1), Some((pages, None)));
    let start = space.map(&request, limits)? + PAGE;
    map_code(space, pages, limits, start)?;
    Ok(start)
}

/// Maps the image's page.
fn map_code(space: &AddressSpace, pages: &Arc<Mapping>, limits: &Limits, start: u64) -> Result<()> {
    let code = AreaFlags::READ | AreaFlags::EXECUTE | AreaFlags::NO_RESERVE | MAY_ALL;
    let mut request = MapRequest::anonymous(PAGE, code);
    request.file = Some((pages, None));
    (request.address, request.fixed, request.page_offset) = (start, Fixed::Replace, 1);
    space.map(&request, limits)?;
    space.with_layout_mut(|layout| layout.vdso = start..start + PAGE);
    Ok(())
}

/// What /proc/PID/maps calls an area of these pages.
pub fn name_of(mapping: &Mapping, page: u64) -> Option<&'static str> {
    let is = |pages: &Once<Arc<Mapping>>| pages.get().is_some_and(|pages| pages.identity() == mapping.identity());
    [&X86_64, &X32, &I386].into_iter().chain(&CALLING).any(is).then_some(if page == 0 { "[vvar]" } else { "[vdso]" })
}
