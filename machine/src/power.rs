//! Ending the virtual machine.
use crate::firmware;
use crate::instructions::{in8, out8, out16, out32, read_counter, stop};

/// QEMU's isa-debug-exit device: a value written ends QEMU with status `value * 2 + 1`.
const DEBUG_EXIT: u16 = 0xf4;
/// What a panic writes there, so that QEMU ends with 123.
const PANIC_VALUE: u32 = 61;

/// Powers off (ACPI, else the debug exit device, else halts).
pub fn power_off() -> ! {
    crate::instructions::disable_interrupts();
    firmware::power_off();
    wait();
    // SAFETY: the machine ends here; where the device is missing nothing happens.
    unsafe { out32(DEBUG_EXIT, 0) };
    halt()
}

/// The machine may end a little after it was told to: half a second before the next way is tried.
fn wait() {
    let begin = read_counter();
    while read_counter().wrapping_sub(begin) < crate::time::counter_frequency() / 2 {
        core::hint::spin_loop();
    }
}

/// Resets the machine.
pub fn restart() -> ! {
    crate::instructions::disable_interrupts();
    firmware::reset();
    wait();
    // SAFETY: each is a way to reset a PC: the keyboard controller, then the chipset's reset register.
    unsafe {
        for _ in 0..1000 {
            if in8(0x64) & 2 == 0 {
                break;
            }
        }
        out8(0x64, 0xfe);
        out8(0xcf9, 6);
        // No way to reset: the end is at least an end.
        out16(0x604, 0x2000);
        out32(DEBUG_EXIT, 0);
    }
    halt()
}

/// Stops all CPUs.
pub fn halt() -> ! {
    crate::instructions::disable_interrupts();
    crate::report::stop_others();
    stop()
}

/// Ends QEMU after a panic in the way the command recognizes.
pub(crate) fn end_after_panic() -> ! {
    // SAFETY: the machine ends here; where the device is missing nothing happens.
    unsafe { out32(DEBUG_EXIT, PANIC_VALUE) };
    stop()
}
