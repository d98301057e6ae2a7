//! Becoming the only thread of a process, for execve(2).
use super::Task;
use super::tree::TREE;
use crate::error::*;
use crate::signal::SignalActions;
use crate::wait::Sleep;
use abi::Abi;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

impl Task {
    /// Kills all other threads of the process and waits for their end; the caller becomes the leader, with the process's id.
    /// EAGAIN if the process is dying or another thread does the same. The signal actions are the process's own afterwards.
    pub fn end_other_threads(&self) -> Result<()> {
        let process = self.group();
        if !process.begin_sole_survival(self) {
            return Err(EAGAIN);
        }
        // Threads that a tracer has not seen the end of are waited for too.
        let alone = || {
            let left = process.live.load(Ordering::Acquire).max(process.unfinished.load(Ordering::Acquire));
            (left == 1 && process.threads_listed() == 1).then_some(())
        };
        let waited = process.thread_ended.wait_until(Sleep::Killable, None, alone);
        if waited.is_err() {
            process.end_sole_survival();
            return Err(EAGAIN);
        }
        if !self.is_leader() {
            self.take_over_leadership();
        }
        process.end_sole_survival();
        Ok(())
    }
    /// The former leader has ended and vanishes without anybody having waited for it; its number is the caller's now.
    fn take_over_leadership(&self) {
        let process = self.group();
        let this = Task::current_arc();
        let (own, number) = (self.pid(), process.pid().clone());
        let tree = TREE.lock();
        let former = process.leader();
        process.set_leader(Some(this.clone()));
        self.set_pid(number.clone());
        let untraced = former.as_ref().map(crate::ptrace::forget_former_leader);
        drop(tree);
        drop(untraced);
        own.detach_task(self);
        number.attach_task(this);
        if let Some(former) = former {
            super::clone::count_out(&former);
        }
    }
    /// Resets what execve(2) resets of signals: handlers, which become the process's own, and the alternate stack.
    pub fn reset_signals_for_exec(&self) -> Result<()> {
        self.group().timers.delete_posix();
        let actions: Arc<SignalActions> = self.group().actions().for_exec()?;
        self.group().set_actions(actions);
        self.signals.set_alternate_stack(crate::signal::AlternateStack::DISABLED);
        Ok(())
    }
    /// Forgets the addresses that user space registered, which mean nothing in new memory.
    pub fn forget_user_addresses(&self) {
        self.clear_child_tid.store(0, Ordering::Relaxed);
        for abi in [Abi::X86_64, Abi::I386] {
            self.robust_list(abi).store(0, Ordering::Relaxed);
        }
        self.rseq_address.store(0, Ordering::Relaxed);
    }
}
