//! Places of the kernel image, from the linker script. On the host, where there is no image, everything is empty.
use crate::seam::PhysicalRange;
use core::ops::Range;

/// Where the image is linked, less where it is loaded.
const BASE: u64 = 0xffff_ffff_8000_0000;

#[cfg(target_os = "none")]
mod symbols {
    unsafe extern "C" {
        pub(super) static __kernel_start: u8;
        pub(super) static __kernel_end: u8;
        pub(super) static __text_start: u8;
        pub(super) static __text_end: u8;
        pub(super) static boot_stack: u8;
        pub(super) static boot_stack_top: u8;
        pub(super) static trampoline_start: u8;
        pub(super) static trampoline_end: u8;
        pub(super) static mut boot_stack_pointer: u64;
        pub(super) static mut boot_target: u64;
    }
}

macro_rules! range {
    ($start:ident, $end:ident) => {{
        #[cfg(target_os = "none")]
        let range = (&raw const symbols::$start) as u64..(&raw const symbols::$end) as u64;
        #[cfg(not(target_os = "none"))]
        let range = 0..0;
        range
    }};
}

/// The image in physical memory.
pub(crate) fn physical() -> PhysicalRange {
    let range: Range<u64> = range!(__kernel_start, __kernel_end);
    PhysicalRange { start: range.start.wrapping_sub(BASE), end: range.end.wrapping_sub(BASE) }
}

/// Whether an address is in the kernel's code.
pub(crate) fn is_code(address: u64) -> bool {
    range!(__text_start, __text_end).contains(&address)
}

/// The stack the boot CPU starts on, and further CPUs in turn.
pub(crate) fn boot_stack() -> Range<u64> {
    range!(boot_stack, boot_stack_top)
}

/// The code further CPUs start in, to be copied to low memory.
pub(crate) fn trampoline() -> Range<u64> {
    range!(trampoline_start, trampoline_end)
}

/// Tells the next CPU that starts where to go.
///
/// # Safety
/// No CPU is starting; `stack` is the top of a stack in the boot page tables, `target` never returns.
pub(crate) unsafe fn set_next_start(stack: u64, target: u64) {
    #[cfg(target_os = "none")]
    // SAFETY: by this function's contract nobody reads the variables now.
    unsafe {
        (&raw mut symbols::boot_stack_pointer).write_volatile(stack);
        (&raw mut symbols::boot_target).write_volatile(target);
    }
    #[cfg(not(target_os = "none"))]
    let _ = (stack, target);
}
