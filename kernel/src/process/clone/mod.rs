//! Making tasks: fork(2), vfork(2), clone(2), clone3(2).
mod arguments;
mod build;
mod link;
mod vfork;

pub use arguments::{CloneArguments, clone3};
pub(super) use build::count_out;
pub use vfork::VforkDone;

use super::credentials::Capability;
use super::namespace::user::UNPRIVILEGED;
use super::schedule::start_new;
use super::segments::{FsBase, LocalSegment, ThreadLocal};
use super::{Task, exit, pidfd};
use crate::error::*;
use crate::ptrace::Event;
use crate::signal::{SIGCHLD, is_valid};
use crate::syscall::{UserAddress, UserPtr};
use alloc::sync::Arc;
use arguments::Chosen;
use build::build;
use core::sync::atomic::{AtomicU32, Ordering};
use link::link;
use machine::entry::UserFrame;

/// Flags of clone(2).
pub mod flags {
    #![allow(missing_docs)]
    pub const NEWTIME: u64 = 0x80;
    pub const SIGNAL_MASK: u64 = 0xff;
    pub const VM: u64 = 0x100;
    pub const FS: u64 = 0x200;
    pub const FILES: u64 = 0x400;
    pub const SIGHAND: u64 = 0x800;
    pub const PIDFD: u64 = 0x1000;
    pub const PTRACE: u64 = 0x2000;
    pub const VFORK: u64 = 0x4000;
    pub const PARENT: u64 = 0x8000;
    pub const THREAD: u64 = 0x1_0000;
    pub const NEWNS: u64 = 0x2_0000;
    pub const SYSVSEM: u64 = 0x4_0000;
    pub const SETTLS: u64 = 0x8_0000;
    pub const PARENT_SETTID: u64 = 0x10_0000;
    pub const CHILD_CLEARTID: u64 = 0x20_0000;
    pub const DETACHED: u64 = 0x40_0000;
    pub const UNTRACED: u64 = 0x80_0000;
    pub const CHILD_SETTID: u64 = 0x100_0000;
    pub const NEWCGROUP: u64 = 0x200_0000;
    pub const NEWUTS: u64 = 0x400_0000;
    pub const NEWIPC: u64 = 0x800_0000;
    pub const NEWUSER: u64 = 0x1000_0000;
    pub const NEWPID: u64 = 0x2000_0000;
    pub const NEWNET: u64 = 0x4000_0000;
    pub const IO: u64 = 0x8000_0000;
    pub const CLEAR_SIGHAND: u64 = 0x1_0000_0000;
    pub const INTO_CGROUP: u64 = 0x2_0000_0000;
    /// Namespaces that need CAP_SYS_ADMIN.
    pub const PRIVILEGED: u64 = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWPID | NEWNET | NEWTIME;
    /// Namespaces of a task's set.
    pub const IN_SET: u64 = NEWCGROUP | NEWUTS | NEWIPC | NEWPID | NEWNET | NEWTIME;
}

/// Most tasks in the system (threads-max).
pub static TASKS_MAXIMUM: AtomicU32 = AtomicU32::new(u32::MAX);
/// Tasks that exist, ended ones that were not waited for included.
pub static TASKS: AtomicU32 = AtomicU32::new(0);
/// Tasks made since boot (/proc/stat).
pub static FORKS: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);

/// What a new task is asked to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// CLONE_* flags without the signal.
    pub flags: u64,
    /// Signal to the parent at the end.
    pub exit_signal: u32,
    /// Stack pointer, 0 for the parent's.
    pub stack: u64,
    /// Where the parent finds the id (CLONE_PARENT_SETTID).
    pub parent_tid: u64,
    /// Where the child finds its id, and what is cleared at its end.
    pub child_tid: u64,
    /// What is the thread's own (CLONE_SETTLS), as the ABI has it.
    pub tls: u64,
    /// Where the pidfd goes.
    pub pidfd: u64,
    /// The descriptor of the control group's directory (CLONE_INTO_CGROUP).
    pub group: i32,
    /// Wanted ids from the innermost namespace outwards.
    chosen: Option<Chosen>,
}

/// fork(2).
pub fn fork(task: &Task, frame: &mut UserFrame) -> Result<u32> {
    make::<FsBase>(task, frame, Request { exit_signal: SIGCHLD, ..Request::default() })
}

/// vfork(2).
pub fn vfork(task: &Task, frame: &mut UserFrame) -> Result<u32> {
    make::<FsBase>(task, frame, Request { flags: flags::VM | flags::VFORK, exit_signal: SIGCHLD, ..Request::default() })
}

/// clone(2) as the 64-bit ABIs have it.
pub fn clone(
    task: &Task,
    frame: &mut UserFrame,
    flag_bits: u64,
    stack: u64,
    parent_tid: UserAddress,
    child_tid: UserAddress,
    tls: u64,
) -> Result<u32> {
    clone_with::<FsBase>(task, frame, flag_bits, stack, parent_tid, child_tid, tls)
}

/// clone(2) of i386, whose last two arguments change places.
pub fn clone_backwards(
    task: &Task,
    frame: &mut UserFrame,
    flag_bits: u64,
    stack: u64,
    parent_tid: UserAddress,
    tls: u64,
    child_tid: UserAddress,
) -> Result<u32> {
    clone_with::<LocalSegment>(task, frame, flag_bits, stack, parent_tid, child_tid, tls)
}

fn clone_with<T: ThreadLocal>(
    task: &Task,
    frame: &mut UserFrame,
    flag_bits: u64,
    stack: u64,
    parent_tid: UserAddress,
    child_tid: UserAddress,
    tls: u64,
) -> Result<u32> {
    let bits = flag_bits & 0xffff_ffff;
    if bits & flags::PIDFD != 0 && bits & (flags::PARENT_SETTID | flags::DETACHED) != 0 {
        return Err(EINVAL);
    }
    let request = Request {
        flags: bits & !flags::SIGNAL_MASK,
        exit_signal: (bits & flags::SIGNAL_MASK) as u32,
        stack,
        parent_tid: parent_tid.0,
        child_tid: child_tid.0,
        tls,
        pidfd: parent_tid.0,
        group: 0,
        chosen: None,
    };
    make::<T>(task, frame, request)
}

/// Combinations that make no sense: EINVAL, in Linux's order.
fn check_flags(task: &Task, bits: u64) -> Result<()> {
    let has = |set: u64| bits & set == set;
    if has(flags::NEWNS | flags::FS) || has(flags::NEWUSER | flags::FS) {
        return Err(EINVAL);
    }
    check_user_namespaces(task, bits)?;
    if (has(flags::THREAD) && !has(flags::SIGHAND))
        || (has(flags::SIGHAND) && !has(flags::VM))
        || (has(flags::PARENT) && task.group().signals.is_protected())
        || (has(flags::THREAD) && (bits & (flags::NEWUSER | flags::NEWPID) != 0 || !is_at_home(task)))
        || (bits & (flags::THREAD | flags::VM) != 0 && !keeps_time(task))
        || has(flags::NEWIPC | flags::SYSVSEM)
        || (has(flags::PIDFD) && bits & (flags::DETACHED | flags::THREAD) != 0)
    {
        return Err(EINVAL);
    }
    if has(flags::NEWIPC | flags::SYSVSEM) {
        return Err(EINVAL);
    }
    Ok(())
}

/// EPERM where only who has CAP_SYS_ADMIN may make user namespaces.
pub(super) fn check_user_namespaces(task: &Task, bits: u64) -> Result<()> {
    let allowed = bits & flags::NEWUSER == 0 || UNPRIVILEGED.load(Ordering::Relaxed);
    if allowed || task.capable(Capability::SysAdmin) { Ok(()) } else { Err(EPERM) }
}

/// Whether the caller's children get their numbers where it has its own.
fn is_at_home(task: &Task) -> bool {
    task.with_namespaces(|set| Arc::ptr_eq(&set.pid_for_children, task.pid_namespace()))
}
/// Whether the caller's children have the clocks that it has.
fn keeps_time(task: &Task) -> bool {
    task.with_namespaces(|set| Arc::ptr_eq(&set.time, &set.time_for_children))
}

/// Makes and starts a task; its id in the caller's namespace.
fn make<T: ThreadLocal>(task: &Task, frame: &UserFrame, request: Request) -> Result<u32> {
    if request.exit_signal != 0 && !is_valid(request.exit_signal) {
        return Err(EINVAL);
    }
    check_flags(task, request.flags)?;
    let event = crate::ptrace::of_clone(task, request.flags, request.exit_signal);
    let child = build::<T>(task, frame, &request)?;
    crate::trace::inherit(task, &child).inspect_err(|_| exit::abandon(&child))?;
    crate::perf::inherit(task, &child, request.flags).inspect_err(|_| exit::abandon(&child))?;
    let id = child.id_in(task.pid_namespace());
    let vfork = match request.flags & flags::VFORK {
        0 => None,
        _ => {
            let done = VforkDone::new().inspect_err(|_| exit::abandon(&child))?;
            *child.vfork.lock() = Some(done.clone());
            Some(done)
        }
    };
    let table = task.files();
    let descriptor = match request.flags & flags::PIDFD {
        0 => None,
        _ => {
            let made = pidfd::open(child.pid(), 0).and_then(|file| Ok((table.reserve(0, true)?, file)));
            let made = made.and_then(|(place, file)| {
                UserPtr::<i32>::new(request.pidfd).write(task, &place.fd().0).map(|()| (place, file))
            });
            Some(made.inspect_err(|_| exit::abandon(&child))?)
        }
    };
    if request.flags & flags::PARENT_SETTID != 0 {
        // Linux ignores a fault here.
        let _ = UserPtr::<u32>::new(request.parent_tid).write(task, &id);
    }
    let traced = event.is_some() || request.flags & flags::PTRACE != 0;
    if let Err(error) = link(task, &child, &request, traced) {
        exit::abandon(&child);
        return Err(error);
    }
    if let Some((place, file)) = descriptor {
        place.install(file);
    }
    FORKS.fetch_add(1, Ordering::Relaxed);
    start_new(child);
    if let Some(event) = event {
        crate::ptrace::event(task, event, id.into());
    }
    if let Some(done) = vfork
        && done.wait(task)
    {
        crate::ptrace::event(task, Event::VforkDone, id.into());
    }
    Ok(id)
}
