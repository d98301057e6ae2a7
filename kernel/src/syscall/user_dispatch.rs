//! Calls that a program serves by itself: prctl(2)'s PR_SET_SYSCALL_USER_DISPATCH. Made outside of a range of code, and while a
//! byte of the program's says so, a call becomes SIGSYS.
use super::UserPtr;
use super::watched::{Verdict, abi_of};
use crate::error::*;
use crate::process::Task;
use crate::seccomp::CallData;
use crate::signal::{self, SIGSEGV, SIGSYS};
use abi::Abi;
use core::sync::atomic::{AtomicU64, Ordering};
use machine::entry::UserFrame;
use machine::thread::work;

/// `si_code` of such a SIGSYS.
const SYS_USER_DISPATCH: i32 = 2;
/// What the byte says.
const ALLOW: u8 = 0;
const BLOCK: u8 = 1;
/// Modes of the option.
const OFF: u64 = 0;
const ON: u64 = 1;

/// Where a thread's calls are its own; meaningful while its work flag is set, and looked at by itself only.
#[derive(Default)]
pub struct UserDispatch {
    /// The range of code whose calls the kernel serves.
    start: AtomicU64,
    length: AtomicU64,
    /// Address of the byte; 0: none, every other call is the program's.
    selector: AtomicU64,
}

/// Turns it on or off for the calling thread. EINVAL for a range that wraps, or anything said when it is turned off; EFAULT.
pub fn set(task: &Task, mode: u64, start: u64, length: u64, selector: u64) -> Result<()> {
    match mode {
        OFF if start != 0 || length != 0 || selector != 0 => return Err(EINVAL),
        OFF => task.thread().clear_work(work::DISPATCH_TO_USER),
        ON => {
            if start != 0 && start.wrapping_add(length) <= start {
                return Err(EINVAL);
            }
            if selector != 0 {
                crate::file::buffer::check_user_range(selector, 1)?;
            }
            let own = &task.user_dispatch;
            own.start.store(start, Ordering::Relaxed);
            own.length.store(length, Ordering::Relaxed);
            own.selector.store(selector, Ordering::Relaxed);
            task.thread().set_work(work::DISPATCH_TO_USER);
        }
        _ => return Err(EINVAL),
    }
    Ok(())
}

/// A call of a thread that asked for this begins. May sleep.
pub(super) fn call_begins(task: &Task, frame: &mut UserFrame) -> Verdict {
    let own = &task.user_dispatch;
    let offset = frame.instruction_pointer().wrapping_sub(own.start.load(Ordering::Relaxed));
    if offset < own.length.load(Ordering::Relaxed) {
        return Verdict::Serve;
    }
    if is_return_from_signal(task, frame) {
        return Verdict::Serve;
    }
    let selector = own.selector.load(Ordering::Relaxed);
    if selector != 0 {
        match UserPtr::<u8>::new(selector).read(task) {
            Ok(ALLOW) => return Verdict::Serve,
            Ok(BLOCK) => {}
            Ok(_) => {
                signal::force_fatal(task, SIGSYS);
                return Verdict::Skip;
            }
            Err(_) => {
                signal::force_fatal(task, SIGSEGV);
                return Verdict::Skip;
            }
        }
    }
    // The registers are as they were before the call.
    frame.rax = frame.original_rax;
    signal::force(task, CallData::of(frame, abi_of(frame)).signal(SYS_USER_DISPATCH, 0));
    Verdict::Skip
}

/// The way back from a signal's handler through the vDSO, which 32-bit programs do not see.
fn is_return_from_signal(task: &Task, frame: &UserFrame) -> bool {
    const CALLS: [u32; 2] = [119, 173];
    abi_of(frame) == Abi::I386
        && CALLS.contains(&(frame.original_rax as u32))
        && task
            .memory()
            .is_some_and(|memory| memory.with_layout(|layout| layout.vdso.contains(&frame.instruction_pointer())))
}
