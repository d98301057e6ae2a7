//! What the machine calls: the kernel as one type.
use crate::process::Task;
use alloc::sync::Arc;
use core::fmt::Write;
use machine::{
    boot::BootInfo,
    cpu::CpuId,
    entry::{Exception, UserFrame},
    paging::Access,
};

/// The kernel, as the machine's entry stubs know it.
pub enum Lstar {}

impl machine::Kernel for Lstar {
    type Task = Task;
    fn start(_boot: &'static BootInfo) -> ! {
        todo!()
    }
    fn start_secondary(_cpu: CpuId) -> ! {
        todo!()
    }
    #[inline(always)]
    fn system_call(task: &Task, frame: &mut UserFrame) {
        crate::syscall::dispatch(task, frame)
    }
    fn user_exception(task: &Task, frame: &mut UserFrame, exception: Exception) {
        crate::process::exception::handle(task, frame, exception)
    }
    fn return_to_user(task: &Task, frame: &mut UserFrame) {
        crate::process::exit_work::run(task, frame)
    }
    fn resolve_copy_fault(task: &Task, address: u64, access: Access) -> bool {
        crate::memory::resolve_copy_fault(task, address, access)
    }
    fn timer_interrupt() {
        crate::time::timer::interrupt()
    }
    fn preempt() {
        crate::process::schedule::preempt()
    }
    fn switched_from(previous: Arc<Task>) {
        crate::process::schedule::switched_from(previous)
    }
    fn reclaim(frames_wanted: usize) -> bool {
        crate::memory::reclaim(frames_wanted)
    }
    fn report(out: &mut dyn Write) {
        crate::process::report(out)
    }
}
