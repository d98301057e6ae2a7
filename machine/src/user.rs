//! Copies between kernel and user memory, of the current task's loaded address space only.
//!
//! The plain functions resolve faults as user mode would and may sleep: no spin lock may be held (checked). The
//! `_nofault` ones give up at the first page that is not there. All return how many bytes they could NOT copy, 0 for
//! success, and never touch kernel memory whatever the address.
use crate::memory::Frame;

/// Copies from user memory.
pub fn copy_from_user(_into: &mut [u8], _from: u64) -> usize {
    todo!()
}
/// Copies to user memory.
pub fn copy_to_user(_to: u64, _from: &[u8]) -> usize {
    todo!()
}
/// Zeroes user memory.
pub fn clear_user(_to: u64, _length: usize) -> usize {
    todo!()
}
/// Copies from user memory without resolving faults.
pub fn copy_from_user_nofault(_into: &mut [u8], _from: u64) -> usize {
    todo!()
}
/// Copies to user memory without resolving faults.
pub fn copy_to_user_nofault(_to: u64, _from: &[u8]) -> usize {
    todo!()
}
/// Copies from a frame to user memory.
pub fn copy_frame_to_user(_to: u64, _frame: &Frame, _offset: usize, _length: usize) -> usize {
    todo!()
}
/// Copies from user memory to a frame.
pub fn copy_user_to_frame(_frame: &Frame, _offset: usize, _from: u64, _length: usize) -> usize {
    todo!()
}
/// As `copy_user_to_frame`, without resolving faults.
pub fn copy_user_to_frame_nofault(_frame: &Frame, _offset: usize, _from: u64, _length: usize) -> usize {
    todo!()
}
/// Copies a string: the length without the NUL, `into.len()` when there was no NUL within it, or the fault.
pub fn strncpy_from_user(_into: &mut [u8], _from: u64) -> Result<usize, Fault> {
    todo!()
}
/// Reads a naturally aligned word atomically, without resolving faults (under locks) — for futexes.
pub fn load_u32_nofault(_from: u64) -> Result<u32, Fault> {
    todo!()
}
/// Compare-exchange of a user word: the value found. Without resolving faults.
pub fn compare_exchange_u32_nofault(_at: u64, _expected: u32, _new: u32) -> Result<u32, Fault> {
    todo!()
}

/// User memory was not accessible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault;

pub(crate) struct Fixup {
    pub landing: u64,
    pub may_sleep: bool,
}
pub(crate) fn fixup(_ip: u64) -> Option<Fixup> {
    None
}
