//! sysinfo(2).
use super::Task;
use crate::error::Result;
use crate::syscall::UserPtr;
use crate::syscall::user::plain_layout;
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

/// sysinfo(2): up time, load, memory in bytes, threads.
pub fn sysinfo(task: &Task, information: UserPtr<SystemInformation>) -> Result<()> {
    let memory = machine::memory::statistics();
    let bytes = |pages: usize| (pages as u64).saturating_mul(machine::memory::PAGE_SIZE as u64);
    let value = SystemInformation {
        uptime: machine::time::monotonic().div_ceil(1_000_000_000) as i64,
        loads: super::schedule::load_averages_sample(),
        total_memory: bytes(memory.total),
        free_memory: bytes(memory.free),
        shared_memory: bytes(crate::memory::mapping::shared_memory_pages()),
        processes: super::clone::TASKS.load(Ordering::Relaxed) as u16,
        unit: 1,
        ..SystemInformation::default()
    };
    information.write(task, &value)
}
