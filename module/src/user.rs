//! Copies of the calling task's memory, in functions that serve it. They may sleep while a page is read in.
use crate::Errno;
use crate::interface::function;

/// Copies all bytes to the user; EFAULT if some cannot be.
pub fn copy_out(address: u64, from: &[u8]) -> Result<(), Errno> {
    // SAFETY: the bytes are as many as they say; the kernel checks the address.
    match unsafe { function::lstar_copy_to_user(address, from.as_ptr(), from.len()) } {
        0 => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}
/// Fills the bytes from the user's memory; EFAULT if some cannot be.
pub fn copy_in(into: &mut [u8], address: u64) -> Result<(), Errno> {
    // SAFETY: the bytes are as many as they say; the kernel checks the address.
    match unsafe { function::lstar_copy_from_user(into.as_mut_ptr(), address, into.len()) } {
        0 => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}
