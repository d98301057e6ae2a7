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
    match abi {
        Abi::X86_64 => {
            let start = map_image(space, pages(&X86_64, &[(0, vdso::x86_64())])?, address, limits)?;
            Ok(Mapped { landing: 0, auxiliary: [(AT_SYSINFO_EHDR, start), (0, 0)], count: 1 })
        }
        Abi::I386 => {
            let image = vdso::i386();
            let start = map_image(space, pages(&I386, &image.parts())?, address, limits)?;
            let auxiliary = [(AT_SYSINFO, start + u64::from(image.vsyscall)), (AT_SYSINFO_EHDR, start)];
            Ok(Mapped { landing: (start as u32).wrapping_add(image.landing), auxiliary, count: 2 })
        }
        Abi::X32 => {
            let start = map_image(space, pages(&X32, &vdso::x32().parts())?, address, limits)?;
            Ok(Mapped { landing: 0, auxiliary: [(AT_SYSINFO_EHDR, start), (0, 0)], count: 1 })
        }
    }
}

/// The two pages; of the image's all programs share the one until a debugger writes to it.
fn pages<'a>(shared: &'a Once<Arc<Mapping>>, parts: &[(usize, &[u8])]) -> Result<&'a Arc<Mapping>> {
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
    let code = AreaFlags::READ | AreaFlags::EXECUTE | AreaFlags::NO_RESERVE | MAY_ALL;
    let mut request = MapRequest::anonymous(PAGE, code);
    request.file = Some((pages, None));
    (request.address, request.fixed, request.page_offset) = (start, Fixed::Replace, 1);
    space.map(&request, limits)?;
    space.with_layout_mut(|layout| layout.vdso = start..start + PAGE);
    Ok(start)
}

/// What /proc/PID/maps calls an area of these pages.
pub fn name_of(mapping: &Mapping, page: u64) -> Option<&'static str> {
    let is = |pages: &Once<Arc<Mapping>>| pages.get().is_some_and(|pages| pages.identity() == mapping.identity());
    [&X86_64, &X32, &I386].into_iter().any(is).then_some(if page == 0 { "[vvar]" } else { "[vdso]" })
}
