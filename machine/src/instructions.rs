//! Thin wrappers of the instructions Rust has no name for.
//!
//! Those that cannot break memory safety by themselves are safe functions inside the crate; the others say what they ask.
use core::arch::asm;

pub(crate) const MSR_APIC_BASE: u32 = 0x1b;
pub(crate) const MSR_SYSENTER_CS: u32 = 0x174;
pub(crate) const MSR_SYSENTER_ESP: u32 = 0x175;
pub(crate) const MSR_SYSENTER_EIP: u32 = 0x176;
/// DebugCtl, which every x86-64 CPU has.
const MSR_DEBUG_CONTROL: u32 = 0x1d9;
pub(crate) const MSR_STAR: u32 = 0xc000_0081;
pub(crate) const MSR_LSTAR: u32 = 0xc000_0082;
pub(crate) const MSR_CSTAR: u32 = 0xc000_0083;
pub(crate) const MSR_SFMASK: u32 = 0xc000_0084;
pub(crate) const MSR_FS_BASE: u32 = 0xc000_0100;
pub(crate) const MSR_GS_BASE: u32 = 0xc000_0101;
pub(crate) const MSR_KERNEL_GS_BASE: u32 = 0xc000_0102;

/// Writes a byte to an I/O port.
///
/// # Safety
/// The device behind the port must not be made to change memory that Rust code relies on.
#[inline(always)]
pub(crate) unsafe fn out8(port: u16, value: u8) {
    // SAFETY: the caller answers for what the device does; the instruction touches no memory.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nostack, preserves_flags)) }
}

/// Writes 16 bits to an I/O port.
///
/// # Safety
/// As for [`out8`].
#[inline(always)]
pub(crate) unsafe fn out16(port: u16, value: u16) {
    // SAFETY: the caller answers for what the device does; the instruction touches no memory.
    unsafe { asm!("out dx, ax", in("dx") port, in("ax") value, options(nostack, preserves_flags)) }
}

/// Writes 32 bits to an I/O port.
///
/// # Safety
/// As for [`out8`].
#[inline(always)]
pub(crate) unsafe fn out32(port: u16, value: u32) {
    // SAFETY: the caller answers for what the device does; the instruction touches no memory.
    unsafe { asm!("out dx, eax", in("dx") port, in("eax") value, options(nostack, preserves_flags)) }
}

/// Reads a byte from an I/O port.
#[inline(always)]
pub(crate) fn in8(port: u16) -> u8 {
    let value;
    // SAFETY: reading a port may change the device's state but no memory.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nostack, preserves_flags)) }
    value
}

/// Reads 16 bits from an I/O port.
#[inline(always)]
pub(crate) fn in16(port: u16) -> u16 {
    let value;
    // SAFETY: as for `in8`.
    unsafe { asm!("in ax, dx", in("dx") port, out("ax") value, options(nostack, preserves_flags)) }
    value
}

/// Reads 32 bits from an I/O port.
#[inline(always)]
pub(crate) fn in32(port: u16) -> u32 {
    let value;
    // SAFETY: as for `in8`.
    unsafe { asm!("in eax, dx", in("dx") port, out("eax") value, options(nostack, preserves_flags)) }
    value
}

/// Reads a model-specific register.
///
/// # Safety
/// The CPU must have the register, else this raises #GP.
#[inline(always)]
pub(crate) unsafe fn read_msr(register: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller says that the register is there.
    unsafe {
        asm!("rdmsr", in("ecx") register, out("eax") low, out("edx") high, options(nostack, preserves_flags));
    }
    (high as u64) << 32 | low as u64
}

/// Writes a model-specific register.
///
/// # Safety
/// The CPU must have the register, and the value must keep the kernel's invariants.
#[inline(always)]
pub(crate) unsafe fn write_msr(register: u32, value: u64) {
    // SAFETY: the caller answers for register and value.
    unsafe {
        asm!("wrmsr", in("ecx") register, in("eax") value as u32, in("edx") (value >> 32) as u32,
            options(nostack, preserves_flags));
    }
}

/// The faulting address of the last page fault.
#[inline(always)]
pub(crate) fn read_cr2() -> u64 {
    let value;
    // SAFETY: reads a control register.
    unsafe { asm!("mov {}, cr2", out(reg) value, options(nostack, preserves_flags)) }
    value
}

/// The page-table root and its flags.
#[inline(always)]
pub(crate) fn read_cr3() -> u64 {
    let value;
    // SAFETY: reads a control register.
    unsafe { asm!("mov {}, cr3", out(reg) value, options(nostack, preserves_flags)) }
    value
}

/// Control register 0.
#[inline(always)]
pub(crate) fn read_cr0() -> u64 {
    let value;
    // SAFETY: reads a control register.
    unsafe { asm!("mov {}, cr0", out(reg) value, options(nostack, preserves_flags)) }
    value
}

/// Control register 4.
#[inline(always)]
pub(crate) fn read_cr4() -> u64 {
    let value;
    // SAFETY: reads a control register.
    unsafe { asm!("mov {}, cr4", out(reg) value, options(nostack, preserves_flags)) }
    value
}

/// Sets control register 0.
///
/// # Safety
/// Paging, protection and write protection must stay on.
pub(crate) unsafe fn write_cr0(value: u64) {
    // SAFETY: the caller answers for the value.
    unsafe { asm!("mov cr0, {}", in(reg) value, options(nostack, preserves_flags)) }
}

/// Sets control register 4.
///
/// # Safety
/// Only bits the CPU has, and none that the page tables in use contradict.
pub(crate) unsafe fn write_cr4(value: u64) {
    // SAFETY: the caller answers for the value.
    unsafe { asm!("mov cr4, {}", in(reg) value, options(nostack, preserves_flags)) }
}

/// Debug register 6, cleared by reading.
pub(crate) fn take_dr6() -> u64 {
    let value: u64;
    // SAFETY: the debug status register has no influence on memory; 0xffff0ff0 is its reset value.
    unsafe {
        asm!("mov {}, dr6", "mov dr6, {}", out(reg) value, in(reg) 0xffff_0ff0u64, options(nostack, preserves_flags));
    }
    value
}

/// Sets the breakpoint addresses and what is watched there.
///
/// # Safety
/// Nothing of the kernel's may be watched: a debug exception on it would come anywhere.
pub(crate) unsafe fn write_debug_registers(addresses: [u64; 4], control: u64) {
    let [first, second, third, fourth] = addresses;
    // Nothing is watched while the addresses change; bit 10 of DR7 is always set.
    // SAFETY: the caller answers for the addresses.
    unsafe {
        asm!(
            "mov dr7, {off}", "mov dr0, {first}", "mov dr1, {second}", "mov dr2, {third}", "mov dr3, {fourth}",
            "mov dr7, {control}",
            off = in(reg) 0x400u64, first = in(reg) first, second = in(reg) second, third = in(reg) third,
            fourth = in(reg) fourth, control = in(reg) control | 0x400, options(nostack, preserves_flags)
        );
    }
}

/// Makes the trap flag strike after branches only (until the next debug exception), or after each instruction.
pub(crate) fn set_branch_steps(branches: bool) {
    const BRANCH_TRAP: u64 = 1 << 1;
    // SAFETY: the register is there; the bit changes when debug exceptions come, which the kernel always expects.
    unsafe { write_msr(MSR_DEBUG_CONTROL, if branches { BRANCH_TRAP } else { 0 }) };
}

/// The time stamp counter.
#[inline(always)]
pub(crate) fn read_counter() -> u64 {
    // SAFETY: every x86-64 CPU has it, and user mode may read it as well.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The flags register.
#[inline(always)]
pub(crate) fn read_flags() -> u64 {
    let value;
    // SAFETY: pushes and pops one word below the stack pointer.
    unsafe { asm!("pushfq", "pop {}", out(reg) value, options(preserves_flags)) }
    value
}

/// The frame pointer of the caller's frame.
#[inline(always)]
pub(crate) fn frame_pointer() -> u64 {
    let value;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rbp", out(reg) value, options(nostack, nomem, preserves_flags)) }
    value
}

/// Disables interrupts.
#[inline(always)]
pub(crate) fn disable_interrupts() {
    // SAFETY: with interrupts off nothing can become invalid. Not `nomem`: a compiler barrier is wanted.
    unsafe { asm!("cli", options(nostack, preserves_flags)) }
}

/// Enables interrupts.
///
/// # Safety
/// The caller holds nothing that an interrupt handler must not see half-done, and no interrupt guard.
#[inline(always)]
pub(crate) unsafe fn enable_interrupts() {
    // SAFETY: the caller says that handlers may run here.
    unsafe { asm!("sti", options(nostack, preserves_flags)) }
}

/// Stops for good, without interrupts.
pub(crate) fn stop() -> ! {
    loop {
        // SAFETY: this CPU does nothing any more.
        unsafe { asm!("cli", "hlt", options(nostack)) }
    }
}
