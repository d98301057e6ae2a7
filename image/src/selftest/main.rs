//! A kernel of its own that tests the machine crate from inside: it prints a line per case, `PASS` or `FAIL`, then
//! `selftest done`, and powers off.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;
#[cfg(target_os = "none")]
mod cases;
#[cfg(target_os = "none")]
mod kernel;

/// Where the boot code arrives in 64-bit mode, with the physical address of the PVH start info.
#[cfg(target_os = "none")]
// SAFETY: no other symbol has this name; the boot assembly refers to it.
#[unsafe(no_mangle)]
extern "C" fn lstar_start(start_info: u64) -> ! {
    // SAFETY: called once, by the boot code.
    unsafe { machine::boot::start::<kernel::TestKernel>(start_info) }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this is a kernel: build it for x86_64-unknown-none and boot it");
    std::process::exit(1);
}
