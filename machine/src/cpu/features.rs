//! What CPUID offers, and switching it on.
use crate::instructions::{read_cr0, read_cr4, write_cr0, write_cr4};
use crate::sync::Once;
use core::arch::x86_64::{__cpuid, __cpuid_count};

/// What the CPUs have and the kernel uses. All CPUs are taken to be alike.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Features {
    /// Supervisor mode does not execute user pages.
    pub smep: bool,
    /// Supervisor mode does not touch user pages unless it says so.
    pub smap: bool,
    /// User mode cannot read descriptor-table registers.
    pub umip: bool,
    /// `rdfsbase` and the like.
    pub fsgsbase: bool,
    /// Protection keys.
    pub pku: bool,
    /// XSAVE; without it FXSAVE is used.
    pub xsave: bool,
    /// XSAVEOPT.
    pub xsaveopt: bool,
    /// Bytes of the XSAVE area for the enabled components.
    pub xsave_size: usize,
    /// Bytes of it that the kernel keeps for a thread: without the place of the protection-key rights.
    pub saved_size: usize,
    /// The enabled components (XCR0).
    pub xsave_components: u64,
    /// Where PKRU lies in the XSAVE area.
    pub pkru_offset: usize,
    /// 1 GiB pages.
    pub pages_1g: bool,
    /// `rdrand`.
    pub rdrand: bool,
    /// `rdseed`.
    pub rdseed: bool,
    /// Global pages.
    pub global_pages: bool,
    /// Bits of a physical address.
    pub physical_bits: u32,
    /// QEMU's TCG interprets the code.
    pub tcg: bool,
}

const CR4_PGE: u64 = 1 << 7;
const CR4_OSFXSR: u64 = 1 << 9;
const CR4_OSXMMEXCPT: u64 = 1 << 10;
const CR4_UMIP: u64 = 1 << 11;
const CR4_FSGSBASE: u64 = 1 << 16;
const CR4_OSXSAVE: u64 = 1 << 18;
const CR4_SMEP: u64 = 1 << 20;
const CR4_SMAP: u64 = 1 << 21;
const CR4_PKE: u64 = 1 << 22;

/// Components the kernel enables when the CPU has them: x87, SSE, AVX, the three of AVX-512, PKRU.
const COMPONENTS: u64 = 0b10_1110_0111;
const COMPONENT_PKRU: u64 = 1 << 9;

static FEATURES: Once<Features> = Once::new();

/// The features; all false before boot has looked.
#[inline(always)]
pub(crate) fn features() -> &'static Features {
    const NONE: Features = Features {
        smep: false,
        smap: false,
        umip: false,
        fsgsbase: false,
        pku: false,
        xsave: false,
        xsaveopt: false,
        xsave_size: 512,
        saved_size: 512,
        xsave_components: 3,
        pkru_offset: 0,
        pages_1g: false,
        rdrand: false,
        rdseed: false,
        global_pages: false,
        physical_bits: 36,
        tcg: false,
    };
    FEATURES.get().unwrap_or(&NONE)
}

fn detect() -> Features {
    let highest = __cpuid(0).eax;
    let basic = __cpuid(1);
    let extended = if highest >= 7 { __cpuid_count(7, 0) } else { __cpuid_count(highest + 1, 0) };
    let (ebx7, ecx7) = if highest >= 7 { (extended.ebx, extended.ecx) } else { (0, 0) };
    let amd1 = __cpuid(0x8000_0001);
    let address_sizes = if __cpuid(0x8000_0000).eax >= 0x8000_0008 { __cpuid(0x8000_0008).eax & 0xff } else { 36 };
    let hypervisor = if basic.ecx >> 31 & 1 == 1 { __cpuid(0x4000_0000).ebx } else { 0 };
    let xsave = basic.ecx >> 26 & 1 == 1;
    Features {
        smep: ebx7 >> 7 & 1 == 1,
        smap: ebx7 >> 20 & 1 == 1,
        umip: ecx7 >> 2 & 1 == 1,
        fsgsbase: ebx7 & 1 == 1,
        pku: ecx7 >> 3 & 1 == 1 && xsave,
        xsave,
        xsaveopt: xsave && __cpuid_count(13, 1).eax & 1 == 1,
        xsave_size: 512,
        saved_size: 512,
        xsave_components: 3,
        pkru_offset: 0,
        pages_1g: amd1.edx >> 26 & 1 == 1,
        rdrand: basic.ecx >> 30 & 1 == 1,
        rdseed: ebx7 >> 18 & 1 == 1,
        global_pages: basic.edx >> 13 & 1 == 1,
        physical_bits: address_sizes,
        tcg: hypervisor == 0x5447_4354,
    }
}

/// Bytes of an XSAVE area in standard form in which these components have their places.
fn saved_size(components: u64) -> usize {
    const LEGACY_AND_HEADER: usize = 576;
    let extended = (2..63).filter(|component| components >> component & 1 == 1);
    let ends = extended.map(|component| __cpuid_count(13, component)).map(|place| (place.ebx + place.eax) as usize);
    ends.fold(LEGACY_AND_HEADER, usize::max)
}

/// Switches on what this CPU has: protection against user pages, FPU and XSAVE, FS and GS instructions.
///
/// # Safety
/// Once per CPU, interrupts off, before user mode runs on it.
pub(crate) unsafe fn enable_features() {
    let mut found = detect();
    let mut cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    for (has, bit) in [
        (found.global_pages, CR4_PGE),
        (found.smep, CR4_SMEP),
        (found.smap, CR4_SMAP),
        (found.umip, CR4_UMIP),
        (found.fsgsbase, CR4_FSGSBASE),
        (found.xsave, CR4_OSXSAVE),
        (found.pku, CR4_PKE),
    ] {
        if has {
            cr4 |= bit;
        }
    }
    // SAFETY: CPUID offers each bit; no user page is mapped in the kernel's tables.
    unsafe { write_cr4(cr4) };
    // EM and TS off, MP and NE on: floating point raises #MF, not interrupt 13.
    // SAFETY: paging, protection and write protection stay on.
    unsafe { write_cr0(read_cr0() & !0b1100 | 0b10_0010 | 1 << 16 | 1 << 18) };
    if found.xsave {
        let supported = __cpuid_count(13, 0);
        let mut components = (supported.eax as u64 | (supported.edx as u64) << 32) & COMPONENTS;
        if components & 0b1110_0000 != 0b1110_0000 {
            components &= !0b1110_0000;
        }
        if !found.pku {
            components &= !COMPONENT_PKRU;
        }
        // SAFETY: the CPU supports all of the components; x87 is always among them.
        unsafe {
            core::arch::asm!("xsetbv", in("ecx") 0, in("eax") components as u32, in("edx") 0, options(nostack));
        }
        found.xsave_components = components;
        found.xsave_size = __cpuid_count(13, 0).ebx as usize;
        found.saved_size = saved_size(components & !COMPONENT_PKRU);
        found.pkru_offset = if components & COMPONENT_PKRU != 0 { __cpuid_count(13, 9).ebx as usize } else { 0 };
    }
    let _ = FEATURES.set(found);
}
