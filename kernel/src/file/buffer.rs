//! Where the bytes of a read go and those of a write come from: user segments or kernel memory.
use crate::error::{EFAULT, EINVAL, Result};
use crate::process::Task;
use crate::syscall::{UserPtr, UserSlice, user::UserLayout};
use abi::Abi;
use alloc::vec::Vec;
use machine::{memory::Frame, user};

/// Most bytes that one read or write moves (MAX_RW_COUNT).
pub const LARGEST_TRANSFER: usize = 0x7fff_f000;
/// One past the highest user address.
const USER_END: u64 = 0x7fff_ffff_f000;

/// Whether a range lies in the user half (access_ok); EFAULT.
#[inline(always)]
pub fn check_user_range(address: u64, length: usize) -> Result<()> {
    // One addition and one comparison, for every read and write comes here.
    if address.saturating_add(length as u64) <= USER_END { Ok(()) } else { Err(EFAULT) }
}

enum Kind<'a> {
    User(u64),
    Vector(&'a [UserSlice], UserSlice),
    KernelMut(&'a mut [u8], usize),
    Kernel(&'a [u8]),
}

/// A destination (reads) or source (writes) of bytes, consumed from the front. Partial progress is kept: what was moved before a
/// fault counts, as Linux's iov_iter does.
pub struct IoBuffer<'a> {
    kind: Kind<'a>,
    remaining: usize,
    is_impatient: bool,
}

impl<'a> IoBuffer<'a> {
    /// One user buffer.
    #[inline(always)]
    pub fn user(buffer: UserSlice) -> Self {
        IoBuffer { kind: Kind::User(buffer.address), remaining: buffer.length, is_impatient: false }
    }
    /// Several user buffers (readv, writev).
    pub fn vector(segments: &'a [UserSlice]) -> Self {
        let remaining = segments.iter().fold(0usize, |sum, segment| sum.saturating_add(segment.length));
        IoBuffer { kind: Kind::Vector(segments, UserSlice::new(0, 0)), remaining, is_impatient: false }
    }
    /// Kernel memory as destination.
    pub fn kernel_mut(bytes: &'a mut [u8]) -> Self {
        let remaining = bytes.len();
        IoBuffer { kind: Kind::KernelMut(bytes, 0), remaining, is_impatient: false }
    }
    /// Kernel memory as source.
    pub fn kernel(bytes: &'a [u8]) -> Self {
        IoBuffer { remaining: bytes.len(), kind: Kind::Kernel(bytes), is_impatient: false }
    }
    /// Bytes left.
    #[inline(always)]
    pub fn remaining(&self) -> usize {
        self.remaining
    }
    /// Bytes left in the current part of a vector of user segments; of other buffers, all that are left.
    pub fn segment_room(&self) -> usize {
        match &self.kind {
            Kind::Vector(segments, current) if current.length == 0 => {
                segments.iter().map(|segment| segment.length).find(|length| *length > 0).unwrap_or(0)
            }
            Kind::Vector(_, current) => current.length.min(self.remaining),
            _ => self.remaining,
        }
    }
    /// Whether EAGAIN is wanted instead of a wait (RWF_NOWAIT).
    pub fn is_impatient(&self) -> bool {
        self.is_impatient
    }
    /// Says so.
    pub fn set_impatient(&mut self, is_impatient: bool) {
        self.is_impatient = is_impatient;
    }
    /// Forgets all but the next `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.remaining = self.remaining.min(length);
    }
    /// Moves up to `length` bytes by `to_user`, which gets a piece of user memory and how far it is and answers how many bytes
    /// it could not move, or by `to_kernel`, which gets a piece of kernel memory.
    #[inline(always)]
    fn transfer(
        &mut self,
        length: usize,
        mut to_user: impl FnMut(u64, usize, usize) -> usize,
        mut to_kernel: impl FnMut(Bytes, usize),
    ) -> Result<usize> {
        let wanted = length.min(self.remaining);
        let Kind::User(address) = &mut self.kind else {
            return self.transfer_pieces(wanted, &mut to_user, &mut to_kernel);
        };
        // The common case in few instructions.
        let left = to_user(*address, 0, wanted);
        if left != 0 {
            return self.transfer_cut_short(wanted.saturating_sub(left));
        }
        *address = address.wrapping_add(wanted as u64);
        self.remaining = self.remaining.wrapping_sub(wanted);
        Ok(wanted)
    }
    /// A transfer to or from one user buffer that a fault has ended.
    #[cold]
    fn transfer_cut_short(&mut self, done: usize) -> Result<usize> {
        self.skip(done);
        if done == 0 { Err(EFAULT) } else { Ok(done) }
    }
    /// The way of `transfer` where one buffer is not all, or kernel memory is meant.
    #[inline(never)]
    fn transfer_pieces(
        &mut self,
        wanted: usize,
        to_user: &mut dyn FnMut(u64, usize, usize) -> usize,
        to_kernel: &mut dyn FnMut(Bytes, usize),
    ) -> Result<usize> {
        let mut done = 0;
        while done < wanted {
            let left = wanted - done;
            let (piece, failed) = match &mut self.kind {
                Kind::User(_) => break,
                Kind::Vector(segments, current) => {
                    while current.length == 0 {
                        let Some((first, rest)) = segments.split_first() else { break };
                        (*current, *segments) = (*first, rest);
                    }
                    let piece = left.min(current.length);
                    let failed = to_user(current.address, done, piece);
                    current.advance(piece - failed);
                    (piece, failed)
                }
                Kind::KernelMut(bytes, at) => {
                    let end = at.saturating_add(left).min(bytes.len());
                    let Some(room) = bytes.get_mut(*at..end) else { break };
                    let piece = room.len();
                    to_kernel(Bytes::Destination(room), done);
                    *at = end;
                    (piece, 0)
                }
                Kind::Kernel(bytes) => {
                    let Some((first, rest)) = bytes.split_at_checked(left.min(bytes.len())) else { break };
                    to_kernel(Bytes::Source(first), done);
                    *bytes = rest;
                    (first.len(), 0)
                }
            };
            if piece == 0 {
                break;
            }
            done += piece - failed;
            if failed != 0 {
                self.remaining -= done;
                return if done == 0 { Err(EFAULT) } else { Ok(done) };
            }
        }
        self.remaining -= done;
        Ok(done)
    }
    /// Moves bytes into the buffer: how many went (fewer than given at the end or at a fault); EFAULT if none could for a fault.
    #[inline]
    pub fn put(&mut self, from: &[u8]) -> Result<usize> {
        let part = |done: usize, piece: usize| from.get(done..done + piece).unwrap_or(&[]);
        self.transfer(
            from.len(),
            |address, done, piece| user::copy_to_user(address, part(done, piece)),
            |bytes, done| {
                if let Bytes::Destination(room) = bytes {
                    room.copy_from_slice(part(done, room.len()));
                }
            },
        )
    }
    /// Moves bytes out of the buffer.
    #[inline]
    pub fn take(&mut self, into: &mut [u8]) -> Result<usize> {
        let length = into.len();
        let into = core::cell::RefCell::new(into);
        self.transfer(
            length,
            |address, done, piece| match into.borrow_mut().get_mut(done..done + piece) {
                Some(room) => user::copy_from_user(room, address),
                None => piece,
            },
            |bytes, done| {
                if let Bytes::Source(from) = bytes
                    && let Some(room) = into.borrow_mut().get_mut(done..done + from.len())
                {
                    room.copy_from_slice(from);
                }
            },
        )
    }
    /// Takes a message whole: EINVAL if it is longer than `limit`, EFAULT if part of it is not there, ENOMEM.
    pub fn take_all(&mut self, limit: usize) -> Result<Vec<u8>> {
        let length = self.remaining();
        if length > limit {
            return Err(EINVAL);
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length)?;
        bytes.resize(length, 0);
        if self.take(&mut bytes)? < length { Err(EFAULT) } else { Ok(bytes) }
    }
    /// Moves part of a frame into the buffer.
    #[inline]
    pub fn put_frame(&mut self, frame: &Frame, offset: usize, length: usize) -> Result<usize> {
        self.transfer(
            length,
            |address, done, piece| user::copy_frame_to_user(address, frame, offset + done, piece),
            |bytes, done| {
                if let Bytes::Destination(room) = bytes {
                    frame.read(offset + done, room);
                }
            },
        )
    }
    /// Moves bytes out of the buffer into part of a frame.
    #[inline]
    pub fn take_frame(&mut self, frame: &Frame, offset: usize, length: usize) -> Result<usize> {
        self.transfer(
            length,
            |address, done, piece| user::copy_user_to_frame(frame, offset + done, address, piece),
            |bytes, done| {
                if let Bytes::Source(from) = bytes {
                    frame.write(offset + done, from);
                }
            },
        )
    }
    /// Zeroes the next bytes.
    #[inline]
    pub fn put_zeros(&mut self, length: usize) -> Result<usize> {
        self.transfer(
            length,
            // Linux clears less than 64 bytes in steps of eight, and counts whole ones where a fault ends it.
            |address, _, piece| match user::clear_user(address, piece) {
                left if left != 0 && piece < 64 => piece - (piece.saturating_sub(left) & !7),
                left => left,
            },
            |bytes, _| {
                if let Bytes::Destination(room) = bytes {
                    room.fill(0);
                }
            },
        )
    }
    /// Passes over the next bytes (what a sink like /dev/null does with them).
    pub fn skip(&mut self, length: usize) -> usize {
        let count = length.min(self.remaining);
        self.remaining -= count;
        let mut left = count;
        match &mut self.kind {
            Kind::User(address) => *address = address.wrapping_add(left as u64),
            Kind::Vector(segments, current) => {
                while left > 0 {
                    let step = left.min(current.length);
                    current.advance(step);
                    left -= step;
                    if left > 0 {
                        let Some((first, rest)) = segments.split_first() else { break };
                        (*current, *segments) = (*first, rest);
                    }
                }
            }
            Kind::KernelMut(bytes, at) => *at = at.saturating_add(left).min(bytes.len()),
            Kind::Kernel(bytes) => *bytes = bytes.get(left..).unwrap_or(&[]),
        }
        count
    }
}

enum Bytes<'b> {
    Destination(&'b mut [u8]),
    Source(&'b [u8]),
}

/// struct iovec.
#[derive(Clone, Copy, Debug)]
pub struct IoVector {
    /// Where.
    pub address: u64,
    /// How much.
    pub length: u64,
}
impl UserLayout for IoVector {
    fn size(abi: Abi) -> usize {
        if matches!(abi, Abi::X86_64) { 16 } else { 8 }
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        // A 32-bit length is signed there: negative ones are refused as on x86-64.
        let length = word(second);
        let length = if matches!(abi, Abi::X86_64) { length } else { length as u32 as i32 as u64 };
        IoVector { address: word(first), length }
    }
    fn encode(&self, _: Abi, bytes: &mut [u8]) {
        let half = bytes.len() / 2;
        let (first, second) = bytes.split_at_mut(half);
        first.copy_from_slice(self.address.to_le_bytes().get(..half).unwrap_or(&[]));
        second.copy_from_slice(self.length.to_le_bytes().get(..half).unwrap_or(&[]));
    }
}

/// Most segments of a vector (UIO_MAXIOV).
const MOST_SEGMENTS: usize = 1024;

/// Reads and checks a vector of user segments: EINVAL for too many or a negative length, EFAULT for what is not user memory;
/// the total is cut to [`LARGEST_TRANSFER`].
pub fn read_vector(task: &Task, vector: UserPtr<IoVector>, count: usize) -> Result<Vec<UserSlice>> {
    if count > MOST_SEGMENTS {
        return Err(EINVAL.because("more than 1024 segments"));
    }
    let mut segments: Vec<UserSlice> = Vec::new();
    segments.try_reserve_exact(count)?;
    for index in 0..count {
        let IoVector { address, length } = vector.element(task, index).read(task)?;
        if (length as i64) < 0 {
            return Err(EINVAL.because("negative length in a vector"));
        }
        segments.push(UserSlice::new(address, length as usize));
    }
    let mut left = LARGEST_TRANSFER;
    for segment in &mut segments {
        check_user_range(segment.address, segment.length)?;
        segment.length = segment.length.min(left);
        left -= segment.length;
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_memory_is_consumed_from_the_front() {
        let mut buffer = IoBuffer::kernel(b"abcdef");
        let mut part = [0; 4];
        assert_eq!(buffer.take(&mut part), Ok(4));
        assert_eq!(&part, b"abcd");
        assert_eq!(buffer.take(&mut part), Ok(2));
        assert_eq!(buffer.remaining(), 0);
        let mut room = [1; 5];
        let mut buffer = IoBuffer::kernel_mut(&mut room);
        assert_eq!(buffer.put(b"xy"), Ok(2));
        assert_eq!(buffer.put_zeros(2), Ok(2));
        assert_eq!(buffer.put(b"zz"), Ok(1));
        assert_eq!(&room, b"xy\0\0z");
    }
    #[test]
    fn ranges_outside_the_user_half_are_refused() {
        assert!(check_user_range(USER_END, 0).is_ok());
        assert_eq!(check_user_range(USER_END, 1), Err(EFAULT));
        assert_eq!(check_user_range(u64::MAX, usize::MAX), Err(EFAULT));
        assert_eq!(check_user_range(0xffff_8000_0000_0000, 1), Err(EFAULT));
    }
}
