//! From the loader's hand-over to [`Kernel::start`].
use super::{BootInfo, InitramfsImage, image, pvh};
use crate::cpu::local::{CPUS, NO_RESCHEDULE};
use crate::cpu::{self, tables};
use crate::seam::PhysicalRange;
use crate::sync::Once;
use crate::{Kernel, console, entry, firmware, hooks, interrupt, memory, paging, time};
use core::sync::atomic::Ordering;

static BOOT_INFO: Once<BootInfo> = Once::new();

/// The first MiB, where firmware has its tables; reserved until they have been read.
const LOW: PhysicalRange = PhysicalRange { start: 0, end: 1 << 20 };

/// Gives the usable memory of the first MiB to the allocator, but for the page where further CPUs start and the first page,
/// which has the interrupt vectors of real mode.
fn release_low_memory(usable: &[PhysicalRange]) {
    let page = memory::PAGE_SIZE as u64;
    for (start, end) in [(page, cpu::TRAMPOLINE), (cpu::TRAMPOLINE + page, LOW.end)] {
        for range in usable {
            let (start, end) = (range.start.max(start), range.end.min(end));
            if start < end {
                memory::release(PhysicalRange { start, end });
            }
        }
    }
}

/// Starts the machine and then the kernel. `start_info` is the physical address of the PVH start info.
///
/// # Safety
/// Only the image's entry point calls this: once, on the boot CPU, on the boot stack, with the boot page tables loaded.
pub unsafe fn start<K: Kernel>(start_info: u64) -> ! {
    let local = &CPUS[0];
    local.preemption.store(NO_RESCHEDULE, Ordering::Relaxed);
    // SAFETY: first thing on the boot CPU; the gates are set before anything can fault.
    unsafe {
        tables::load(local);
        entry::install::<K>();
    }
    time::start();
    console::initialize();
    hooks::set::<K>();
    // SAFETY: boot CPU, interrupts off, no user mode yet.
    unsafe {
        cpu::enable_features();
        entry::load_system_call_registers::<K>();
    }
    let Some(info) = pvh::read(start_info) else { panic!("not started by a PVH boot loader") };
    memory::initialize(info.usable(), &[LOW, image::physical(), info.initramfs]);
    paging::initialize();
    cpu::allocate_stacks(local);
    firmware::initialize(info.root_pointer);
    release_low_memory(info.usable());
    interrupt::apic::map();
    interrupt::apic::enable();
    local.apic_id.store(interrupt::apic::id(), Ordering::Relaxed);
    interrupt::initialize_io_apics();
    time::initialize();
    cpu::set_online(local);
    let _ =
        BOOT_INFO.set(BootInfo { command_line: pvh::command_line(), initramfs: InitramfsImage::new(info.initramfs) });
    // SAFETY: the boot stack is left for good, for one with a guard page.
    unsafe { cpu::continue_on_own_stack(local, run::<K>) }
}

/// The rest, on the boot CPU's own stack.
extern "C" fn run<K: Kernel>() -> ! {
    let Some(info) = BOOT_INFO.get() else { panic!("no boot information") };
    K::start(info)
}
