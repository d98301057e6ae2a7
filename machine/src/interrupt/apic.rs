//! The local APIC, in xAPIC mode.
use super::{VECTOR_ERROR, VECTOR_SPURIOUS, VECTOR_TIMER};
use crate::cpu::{interrupts_disable, interrupts_enable};
use crate::instructions::{MSR_APIC_BASE, out8, read_msr, write_msr};
use crate::paging;
use core::sync::atomic::{AtomicPtr, Ordering};

const ID: usize = 0x20;
const TASK_PRIORITY: usize = 0x80;
const END_OF_INTERRUPT: usize = 0xb0;
const SPURIOUS: usize = 0xf0;
const ERROR_STATUS: usize = 0x280;
const COMMAND_LOW: usize = 0x300;
const COMMAND_HIGH: usize = 0x310;
const TIMER: usize = 0x320;
const LINT0: usize = 0x350;
const LINT1: usize = 0x360;
const ERROR: usize = 0x370;
const TIMER_INITIAL: usize = 0x380;
const TIMER_CURRENT: usize = 0x390;
const TIMER_DIVIDE: usize = 0x3e0;

const ENABLE: u64 = 1 << 11;
const MASKED: u32 = 1 << 16;
const BUSY: u32 = 1 << 12;
const COMMAND_NMI: u32 = 0x4400;
const COMMAND_INIT: u32 = 0xc500;
const COMMAND_STARTUP: u32 = 0x4600;
const COMMAND_FIXED: u32 = 0x4000;

static REGISTERS: AtomicPtr<u32> = AtomicPtr::new(core::ptr::null_mut());

#[inline(always)]
fn register(offset: usize) -> *mut u32 {
    REGISTERS.load(Ordering::Relaxed).wrapping_byte_add(offset)
}
#[inline(always)]
fn read(offset: usize) -> u32 {
    // SAFETY: the registers are mapped before anything else in this module is called; offsets are those of the xAPIC.
    unsafe { register(offset).read_volatile() }
}
#[inline(always)]
fn write(offset: usize, value: u32) {
    // SAFETY: as for `read`.
    unsafe { register(offset).write_volatile(value) }
}

/// Whether the registers are mapped.
pub(crate) fn is_ready() -> bool {
    !REGISTERS.load(Ordering::Relaxed).is_null()
}

/// Maps the registers and masks the old interrupt controllers. Boot CPU.
pub(crate) fn map() {
    // SAFETY: masking the PICs only keeps interrupts away; SeaBIOS leaves them on, at vectors of exceptions.
    unsafe {
        out8(0x21, 0xff);
        out8(0xa1, 0xff);
    }
    // SAFETY: every x86-64 CPU has the register.
    let base = unsafe { read_msr(MSR_APIC_BASE) } & 0xf_ffff_f000;
    let registers = paging::map_device(base, 4096).expect("no memory for the local APIC's mapping");
    REGISTERS.store(registers.as_ptr().cast(), Ordering::Relaxed);
}

/// Switches this CPU's APIC on.
pub(crate) fn enable() {
    // SAFETY: every x86-64 CPU has the register; only the enable bit changes.
    unsafe { write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | ENABLE) };
    write(TASK_PRIORITY, 0);
    write(TIMER, MASKED | VECTOR_TIMER as u32);
    write(TIMER_DIVIDE, 0b1011); // by 1
    write(LINT0, MASKED);
    write(LINT1, 0x400); // NMI
    write(ERROR, VECTOR_ERROR as u32);
    write(SPURIOUS, 0x100 | VECTOR_SPURIOUS as u32);
}

/// This CPU's APIC id.
pub(crate) fn id() -> u32 {
    read(ID) >> 24
}

/// Acknowledges the interrupt being handled.
#[inline(always)]
pub(crate) fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}

/// Clears the error status.
pub(super) fn clear_error() {
    write(ERROR_STATUS, 0);
}

fn command(target: u32, low: u32) {
    // The two halves must not be torn apart by an interrupt that sends as well.
    interrupts_disable();
    while read(COMMAND_LOW) & BUSY != 0 {
        core::hint::spin_loop();
    }
    write(COMMAND_HIGH, target << 24);
    write(COMMAND_LOW, low);
    interrupts_enable();
}

/// Sends an ordinary interrupt.
pub(super) fn send_fixed(target: u32, vector: u8) {
    command(target, COMMAND_FIXED | vector as u32);
}

/// Sends an NMI.
pub(crate) fn send_nmi(target: u32) {
    command(target, COMMAND_NMI);
}

/// Resets another CPU.
pub(crate) fn send_init(target: u32) {
    command(target, COMMAND_INIT);
}

/// Starts a CPU that was reset at a page of low memory.
pub(crate) fn send_startup(target: u32, page: u8) {
    command(target, COMMAND_STARTUP | page as u32);
}

/// Starts the timer: one interrupt after `ticks`; 0 stops it.
#[inline(always)]
pub(crate) fn set_timer(ticks: u32) {
    write(TIMER_INITIAL, ticks);
}

/// Lets the timer interrupt.
pub(crate) fn unmask_timer() {
    write(TIMER, VECTOR_TIMER as u32);
}

/// Ticks left.
pub(crate) fn timer_left() -> u32 {
    read(TIMER_CURRENT)
}
