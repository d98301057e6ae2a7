//! Where the bytes of a read go and those of a write come from: user segments or kernel memory.
use crate::error::Result;
use crate::syscall::UserSlice;
use machine::memory::Frame;

/// A destination (reads) or source (writes) of bytes, consumed from the front. Partial progress is kept: what was moved before a
/// fault counts, as Linux's iov_iter does.
pub struct IoBuffer<'a> {
    kind: core::marker::PhantomData<&'a mut [u8]>,
}
impl<'a> IoBuffer<'a> {
    /// One user buffer.
    pub fn user(_buffer: UserSlice) -> Self {
        todo!()
    }
    /// Several user buffers (readv, writev).
    pub fn vector(_segments: &'a [UserSlice]) -> Self {
        todo!()
    }
    /// Kernel memory as destination.
    pub fn kernel_mut(_bytes: &'a mut [u8]) -> Self {
        todo!()
    }
    /// Kernel memory as source.
    pub fn kernel(_bytes: &'a [u8]) -> Self {
        todo!()
    }
    /// Bytes left.
    pub fn remaining(&self) -> usize {
        todo!()
    }
    /// Moves bytes into the buffer: how many went (fewer than given at the end or at a fault); EFAULT if none could for a fault.
    pub fn put(&mut self, _from: &[u8]) -> Result<usize> {
        todo!()
    }
    /// Moves bytes out of the buffer.
    pub fn take(&mut self, _into: &mut [u8]) -> Result<usize> {
        todo!()
    }
    /// Moves part of a frame into the buffer.
    pub fn put_frame(&mut self, _frame: &Frame, _offset: usize, _length: usize) -> Result<usize> {
        todo!()
    }
    /// Moves bytes out of the buffer into part of a frame.
    pub fn take_frame(&mut self, _frame: &Frame, _offset: usize, _length: usize) -> Result<usize> {
        todo!()
    }
    /// Zeroes the next bytes.
    pub fn put_zeros(&mut self, _length: usize) -> Result<usize> {
        todo!()
    }
}
