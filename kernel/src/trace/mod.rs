//! Seeing what programs ask of the kernel.
use crate::process::Task;
use crate::syscall::watched::Verdict;
use abi::Abi;
use machine::entry::UserFrame;

/// A system call as it was when the trace saw it begin.
pub struct Call {
    /// The ABI it came by.
    pub abi: Abi,
    /// `rax` as entered (the number, with x32's bit).
    pub number: u64,
    /// The argument registers.
    pub arguments: [u64; 6],
}

/// A call of a thread with `work::KERNEL_TRACE` begins. May change number and arguments in the frame, or give the result there
/// and skip the call. May sleep.
pub fn begin(_task: &Task, _frame: &mut UserFrame, _call: &Call) -> Verdict {
    Verdict::Serve
}

/// The call has ended; its result is in the frame's `rax`, a restart code included. Not reached by calls that do not return
/// (exit(2) of the thread returns here, and ends on the way out).
pub fn end(_task: &Task, _frame: &mut UserFrame, _call: &Call) {}

/// Notes why the current call is about to fail. The trace prints it beside the errno.
#[cold]
pub fn note_reason(_reason: &'static str) {}
