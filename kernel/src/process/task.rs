//! A task: one thread of execution and the objects it holds by reference.
use super::{Credentials, ThreadGroup};
use crate::file::{FileSystemContext, FileTable};
use crate::memory::AddressSpace;
use crate::signal::TaskSignals;
use crate::sync::RcuCell;
use abi::Abi;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU8, Ordering};
use machine::thread::Thread;

/// A thread of execution.
///
/// What clone(2)'s flags share are separate objects behind references: address space, descriptor table, file system context,
/// thread group with its signal handlers, namespaces. Credentials are immutable and replaced whole.
pub struct Task {
    thread: Thread,
    abi: AtomicU8,
    group: Arc<ThreadGroup>,
    /// Address space; `None` for kernel threads and after exit.
    memory: RcuCell<Option<Arc<AddressSpace>>>,
    files: RcuCell<FileTable>,
    context: RcuCell<FileSystemContext>,
    credentials: RcuCell<Credentials>,
    /// Mask, private queue, alternate stack, saved mask.
    pub signals: TaskSignals,
    /// The interrupted call to resume.
    pub restart: super::restart::RestartSlot,
}

impl machine::thread::Task for Task {
    #[inline(always)]
    fn thread(&self) -> &Thread {
        &self.thread
    }
}

impl Task {
    /// The current task.
    #[inline(always)]
    pub fn current() -> &'static Task {
        machine::thread::current::<Task>()
    }
    /// The machine's part.
    #[inline(always)]
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
    /// The ABI of the task's current (or last) system call.
    #[inline(always)]
    pub fn abi(&self) -> Abi {
        match self.abi.load(Ordering::Relaxed) {
            0 => Abi::X86_64,
            1 => Abi::X32,
            _ => Abi::I386,
        }
    }
    /// Notes the ABI of the call being served.
    #[inline(always)]
    pub fn set_abi(&self, abi: Abi) {
        self.abi.store(abi as u8, Ordering::Relaxed);
    }
    /// The thread id, in the root namespace.
    pub fn id(&self) -> u32 {
        todo!()
    }
    /// The thread id in the task's own pid namespace, as user space knows it.
    pub fn id_in_own_namespace(&self) -> u32 {
        todo!()
    }
    /// Whether a thread with this id exists in the task's pid namespace.
    pub fn exists(&self, _id: u32) -> bool {
        todo!()
    }
    /// The thread group (process).
    pub fn group(&self) -> &Arc<ThreadGroup> {
        &self.group
    }
    /// The address space; `None` for kernel threads.
    pub fn memory(&self) -> Option<Arc<AddressSpace>> {
        self.memory.read(&crate::sync::RcuGuard::new()).as_ref().clone()
    }
    /// The descriptor table.
    pub fn files(&self) -> Arc<FileTable> {
        self.files.get()
    }
    /// Replaces the descriptor table (unshare, close_range); the task leaves the old one.
    pub fn set_files(&self, files: Arc<FileTable>) {
        let old = self.files.get();
        self.files.replace(files);
        old.leave();
    }
    /// Root, working directory, umask.
    pub fn context(&self) -> Arc<FileSystemContext> {
        self.context.get()
    }
    /// As `context`, borrowed.
    #[inline(always)]
    pub fn context_ref<'a>(&'a self, guard: &'a crate::sync::RcuGuard) -> &'a FileSystemContext {
        self.context.read(guard)
    }
    /// The open file behind a descriptor for reading, writing and all that O_PATH cannot do; EBADF.
    #[inline(always)]
    pub fn file(&self, fd: crate::syscall::Fd) -> crate::error::Result<Arc<crate::file::File>> {
        self.files.read(&crate::sync::RcuGuard::new()).get_io(fd)
    }
    /// As `credentials`, borrowed.
    #[inline(always)]
    pub fn credentials_ref<'a>(&'a self, guard: &'a crate::sync::RcuGuard) -> &'a Credentials {
        self.credentials.read(guard)
    }
    /// The credentials now.
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.get()
    }
    /// Whether the effective set holds a capability (in the initial user namespace).
    pub fn capable(&self, capability: super::Capability) -> bool {
        self.credentials.read(&crate::sync::RcuGuard::new()).capable(capability)
    }
    /// Whether a signal is pending that would interrupt an interruptible sleep.
    pub fn signal_pending(&self) -> bool {
        todo!()
    }
    /// Whether a fatal signal is pending.
    pub fn fatal_signal_pending(&self) -> bool {
        todo!()
    }
}
