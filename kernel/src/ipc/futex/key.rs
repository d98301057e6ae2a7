//! What a futex word is, whichever address it has.
use crate::error::{EFAULT, EINVAL, Result};
use crate::process::Task;
use alloc::sync::Arc;

/// The identity of a futex word.
///
/// A private word is known by its address space and address; a word in a shared mapping by page-cache object and offset.
/// A waiter keeps its address space alive, so an identity is never reused while someone waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    object: u64,
    offset: u64,
    shared: bool,
}

impl Key {
    /// The key of the word at `address` of the current task: EINVAL if misaligned, EFAULT outside user space or, for a
    /// shared one, where nothing is mapped.
    pub fn of(task: &Task, address: u64, private: bool) -> Result<Key> {
        if !address.is_multiple_of(4) {
            return Err(EINVAL.because("futex word not aligned"));
        }
        if address >= machine::paging::USER_END {
            return Err(EFAULT);
        }
        let memory = task.memory().ok_or(EFAULT)?;
        let in_this_space = Key { object: Arc::as_ptr(&memory) as u64, offset: address, shared: false };
        if private {
            return Ok(in_this_space);
        }
        Ok(match memory.shared_location(address)? {
            Some((object, offset)) => Key { object, offset, shared: true },
            None => in_this_space,
        })
    }

    /// A well-mixed hash.
    pub fn hash(&self) -> u64 {
        let mixed = self.object.rotate_left(23) ^ self.offset ^ u64::from(self.shared);
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
    }
}
