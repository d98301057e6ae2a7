//! System calls that a module serves.
use crate::interface::{CallFrame, function};
use crate::{Abi, Errno, answer, result};
use core::ffi::c_void;

/// A function that serves a system call: the value its caller gets, or the error. It runs in the calling task and may sleep in
/// copies of user memory.
pub type CallFunction = fn(&Call) -> Result<u64, Errno>;

/// A system call that was made.
pub struct Call<'a>(&'a CallFrame);

impl Call<'_> {
    /// An argument, 0 to 5; as the register has it (i386's are 32 bits). Others are 0.
    pub fn argument(&self, index: usize) -> u64 {
        self.0.arguments.get(index).copied().unwrap_or(0)
    }
    /// The ABI it was made by.
    pub fn abi(&self) -> Abi {
        match self.0.abi {
            0 => Abi::X86_64,
            1 => Abi::X32,
            _ => Abi::I386,
        }
    }
    /// Its number, without x32's bit.
    pub fn number(&self) -> u32 {
        self.0.number
    }
    /// Makes the call that this one replaces, with the arguments as they came; ENOSYS if it replaces none.
    pub fn original(&self) -> Result<u64, Errno> {
        // SAFETY: the frame is of the call that runs.
        result(unsafe { function::lstar_call_original(self.0.original) })
    }
}

/// # Safety
/// As the kernel calls it: the context is a [`CallFunction`], as [`crate::Kernel`] gave it, and the frame is of the call that runs.
pub(crate) unsafe extern "C" fn entry(context: *const c_void, call: *const CallFrame) -> i64 {
    // SAFETY: the context was made of a function of this type.
    let function = unsafe { core::mem::transmute::<*const c_void, CallFunction>(context) };
    // SAFETY: the kernel's frame stays until this returns.
    answer(function(&Call(unsafe { &*call })))
}
