//! Ending the virtual machine.

/// Powers off (ACPI, else the debug exit device, else halts).
pub fn power_off() -> ! {
    todo!()
}
/// Resets the machine.
pub fn restart() -> ! {
    todo!()
}
/// Stops all CPUs.
pub fn halt() -> ! {
    todo!()
}
