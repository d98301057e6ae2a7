//! The code that the kernel lends to a new program (vdso(7)).
use crate::error::Result;
use crate::memory::address_space::{MAY_ALL, MapRequest};
use crate::memory::area::AreaFlags;
use crate::memory::{AddressSpace, Limits, Mapping};
use crate::sync::Once;
use abi::Abi;
use abi::elf::{AT_SYSINFO, AT_SYSINFO_EHDR};
use alloc::sync::Arc;
use machine::memory::{Frame, PAGE_SIZE};
use machine::vdso;

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
    static I386: Once<Arc<Mapping>> = Once::new();
    if abi != Abi::I386 {
        return Ok(Mapped::default());
    }
    let image = vdso::i386();
    let start = map_image(space, &I386, &image.parts(), limits)?;
    let auxiliary = [(AT_SYSINFO, start + u64::from(image.vsyscall)), (AT_SYSINFO_EHDR, start)];
    Ok(Mapped { landing: (start as u32).wrapping_add(image.landing), auxiliary, count: 2 })
}

/// Maps the one page of an image, which all programs share until a debugger writes to it.
fn map_image(
    space: &AddressSpace,
    shared: &Once<Arc<Mapping>>,
    parts: &[(usize, &[u8])],
    limits: &Limits,
) -> Result<u64> {
    if shared.get().is_none() {
        let mapping = Mapping::new(None)?;
        mapping.set_size(PAGE_SIZE as u64);
        let page = Frame::zeroed()?;
        for (at, bytes) in parts {
            page.write(*at, bytes);
        }
        mapping.insert(0, page)?;
        // Somebody else's is as good.
        let _ = shared.set(mapping);
    }
    let flags = AreaFlags::READ | AreaFlags::EXECUTE | AreaFlags::NO_RESERVE | MAY_ALL;
    let mut request = MapRequest::anonymous(PAGE_SIZE as u64, flags);
    request.file = shared.get().map(|mapping| (mapping, None));
    let start = space.map(&request, limits)?;
    space.with_layout_mut(|layout| layout.vdso = start..start + PAGE_SIZE as u64);
    Ok(start)
}
