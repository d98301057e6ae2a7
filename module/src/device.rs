//! Character devices that a module makes.
use crate::interface::{DeviceTable, function};
use crate::{Errno, answer, result};
use core::ffi::c_void;
use core::marker::PhantomData;

/// A character device. Its methods run in the calling task, several at a time.
pub trait Device: Sync + 'static {
    /// read(2) at a position: puts bytes into the transfer; how many. 0 is the end.
    fn read(&self, _to: &mut Transfer, _position: u64) -> Result<usize, Errno> {
        Err(Errno::EINVAL)
    }
    /// write(2) at a position: takes bytes from the transfer; how many.
    fn write(&self, _from: &mut Transfer, _position: u64) -> Result<usize, Errno> {
        Err(Errno::EINVAL)
    }
    /// ioctl(2); ENOTTY for a command it does not know.
    fn control(&self, _command: u32, _argument: u64) -> Result<u64, Errno> {
        Err(Errno::ENOTTY)
    }
}

/// The user's buffer of a read or write, used up from its beginning.
pub struct Transfer<'a> {
    handle: *mut c_void,
    lifetime: PhantomData<&'a mut ()>,
}

impl Transfer<'_> {
    /// Bytes left.
    pub fn remaining(&self) -> usize {
        // SAFETY: the handle is of the transfer that runs.
        unsafe { function::lstar_transfer_remaining(self.handle) }
    }
    /// Moves bytes to the user: how many, fewer where the buffer ends. EFAULT; EINVAL if this is a write.
    pub fn put(&mut self, from: &[u8]) -> Result<usize, Errno> {
        // SAFETY: the handle is of the transfer that runs; the bytes are as many as they say.
        result(unsafe { function::lstar_transfer_put(self.handle, from.as_ptr(), from.len()) })
            .map(|count| count as usize)
    }
    /// Moves bytes from the user: how many, fewer where the buffer ends. EFAULT; EINVAL if this is a read.
    pub fn take(&mut self, into: &mut [u8]) -> Result<usize, Errno> {
        // SAFETY: the handle is of the transfer that runs; the bytes are as many as they say.
        result(unsafe { function::lstar_transfer_take(self.handle, into.as_mut_ptr(), into.len()) })
            .map(|count| count as usize)
    }
}

/// The functions for a type of device, and the context they take.
pub(crate) fn table<D: Device>(device: &'static D) -> (DeviceTable, *const c_void) {
    let table =
        DeviceTable { size: size_of::<DeviceTable>(), read: read::<D>, write: write::<D>, control: control::<D> };
    (table, core::ptr::from_ref(device).cast())
}

/// # Safety
/// As the kernel calls it: `context` is a device of this type, and the transfer runs.
unsafe extern "C" fn read<D: Device>(context: *const c_void, transfer: *mut c_void, position: u64) -> i64 {
    // SAFETY: the context was made of a device of this type, which stays.
    let device = unsafe { &*context.cast::<D>() };
    answer(device.read(&mut Transfer { handle: transfer, lifetime: PhantomData }, position).map(|count| count as u64))
}
/// # Safety
/// As for [`read`].
unsafe extern "C" fn write<D: Device>(context: *const c_void, transfer: *mut c_void, position: u64) -> i64 {
    // SAFETY: as in `read`.
    let device = unsafe { &*context.cast::<D>() };
    answer(device.write(&mut Transfer { handle: transfer, lifetime: PhantomData }, position).map(|count| count as u64))
}
/// # Safety
/// As for [`read`], without a transfer.
unsafe extern "C" fn control<D: Device>(context: *const c_void, command: u32, argument: u64) -> i64 {
    // SAFETY: as in `read`.
    answer(unsafe { &*context.cast::<D>() }.control(command, argument))
}
