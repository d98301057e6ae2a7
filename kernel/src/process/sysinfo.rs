//! sysinfo(2).
use super::Task;
use crate::error::Result;
use crate::syscall::UserPtr;
use crate::syscall::user::{UserLayout, plain_layout};
use core::sync::atomic::Ordering;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct sysinfo` of the 64-bit ABIs.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SystemInformation {
    uptime: i64,
    loads: [u64; 3],
    total_memory: u64,
    free_memory: u64,
    shared_memory: u64,
    buffers: u64,
    total_swap: u64,
    free_swap: u64,
    processes: u16,
    padding: [u16; 3],
    total_high: u64,
    free_high: u64,
    unit: u32,
    padding_end: u32,
}
plain_layout!(SystemInformation);

/// `struct sysinfo` of i386, whose sizes are in a unit in which they fit.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct NarrowInformation {
    uptime: i32,
    loads: [u32; 3],
    sizes: [u32; 6],
    processes: u16,
    padding: u16,
    high: [u32; 2],
    unit: u32,
    padding_end: [u8; 8],
}
plain_layout!(NarrowInformation);

impl From<SystemInformation> for NarrowInformation {
    fn from(wide: SystemInformation) -> Self {
        let mut unit = wide.unit;
        let mut sizes = [
            wide.total_memory,
            wide.free_memory,
            wide.shared_memory,
            wide.buffers,
            wide.total_swap,
            wide.free_swap,
            wide.total_high,
            wide.free_high,
        ];
        // As Linux does: pages, once total memory or swap does not fit.
        if wide.total_memory >> 32 != 0 || wide.total_swap >> 32 != 0 {
            const PAGE_SHIFT: u32 = 12;
            unit <<= PAGE_SHIFT;
            sizes = sizes.map(|size| size >> PAGE_SHIFT);
        }
        let [total, free, shared, buffers, swap, free_swap, high, free_high] = sizes.map(|size| size as u32);
        NarrowInformation {
            uptime: wide.uptime as i32,
            loads: wide.loads.map(|load| load as u32),
            sizes: [total, free, shared, buffers, swap, free_swap],
            processes: wide.processes,
            high: [high, free_high],
            unit,
            ..NarrowInformation::default()
        }
    }
}

/// sysinfo(2): up time, load, memory in bytes, threads.
pub fn sysinfo<T: UserLayout + From<SystemInformation>>(task: &Task, information: UserPtr<T>) -> Result<()> {
    information.write(task, &T::from(collect(task)))
}

fn collect(task: &Task) -> SystemInformation {
    let memory = machine::memory::statistics();
    let bytes = |pages: usize| (pages as u64).saturating_mul(machine::memory::PAGE_SIZE as u64);
    SystemInformation {
        uptime: machine::time::monotonic().wrapping_add(task.boot_shift()).div_ceil(1_000_000_000) as i64,
        loads: super::schedule::load_averages_sample(),
        total_memory: bytes(memory.total),
        free_memory: bytes(memory.free),
        shared_memory: bytes(crate::memory::mapping::shared_memory_pages()),
        processes: super::clone::TASKS.load(Ordering::Relaxed) as u16,
        unit: 1,
        ..SystemInformation::default()
    }
}
