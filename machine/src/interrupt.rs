//! Device interrupts, and those that CPUs send each other.
pub(crate) mod apic;
mod io_apic;
mod registry;

pub(crate) use io_apic::initialize as initialize_io_apics;
pub use registry::{counts, register};

use crate::cpu::{self, CpuId, local};
use core::sync::atomic::Ordering;

/// An interrupt line of the platform (global system interrupt) with its trigger mode.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Global system interrupt number.
    pub gsi: u32,
    /// Level (true) or edge triggered.
    pub level: bool,
    /// Active low.
    pub active_low: bool,
}

/// First vector of device lines.
const FIRST_DEVICE: u8 = 0x30;
/// One past the last vector of device lines.
const END_DEVICE: u8 = 0x80;
const VECTOR_RESCHEDULE: u8 = 0xf0;
const VECTOR_WORK: u8 = 0xf1;
const VECTOR_FLUSH: u8 = 0xf2;
pub(crate) const VECTOR_TIMER: u8 = 0xf8;
pub(crate) const VECTOR_ERROR: u8 = 0xfe;
pub(crate) const VECTOR_SPURIOUS: u8 = 0xff;

/// An interrupt one CPU sends another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ipi {
    /// Choose again who runs.
    Reschedule,
    /// Look at the current task's work flags.
    Work,
    /// Call `paging::flush_interrupt`.
    FlushTlb,
}

/// Sends an interrupt to another CPU that is online; nothing happens for others.
pub(crate) fn send(cpu: CpuId, ipi: Ipi) {
    if !cpu::is_online(cpu) {
        return;
    }
    let Some(local) = local::CPUS.get(cpu.0 as usize) else { return };
    let vector = match ipi {
        Ipi::Reschedule if local.kicked.swap(true, Ordering::SeqCst) => return,
        Ipi::Reschedule => VECTOR_RESCHEDULE,
        Ipi::Work => VECTOR_WORK,
        Ipi::FlushTlb => VECTOR_FLUSH,
    };
    apic::send_fixed(local.apic_id.load(Ordering::Relaxed), vector);
}

/// Answers flush requests of other CPUs, for those that wait with interrupts off.
pub(crate) fn serve_flush() {
    crate::paging::answer_flush();
}

/// Handles one interrupt, on the interrupt stack.
pub(crate) fn dispatch(vector: u8) {
    match vector {
        VECTOR_TIMER => {
            apic::end_of_interrupt();
            crate::time::timer_expired();
        }
        VECTOR_RESCHEDULE => {
            apic::end_of_interrupt();
            let local = local::this();
            local.kicked.store(false, Ordering::SeqCst);
            local.preemption.fetch_and(!local::NO_RESCHEDULE, Ordering::Relaxed);
        }
        VECTOR_WORK => apic::end_of_interrupt(),
        VECTOR_FLUSH => {
            apic::end_of_interrupt();
            crate::paging::flush_interrupt();
        }
        FIRST_DEVICE..END_DEVICE => {
            registry::dispatch(vector - FIRST_DEVICE);
            apic::end_of_interrupt();
        }
        VECTOR_ERROR => {
            apic::clear_error();
            apic::end_of_interrupt();
        }
        // A spurious interrupt is not acknowledged; vectors below the devices' come from a PIC that is masked.
        _ => (),
    }
}
