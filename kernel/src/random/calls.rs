//! getrandom(2).
use super::fill_buffer;
use crate::error::*;
use crate::file::IoBuffer;
use crate::process::Task;
use crate::syscall::argument::{Flags, flag_names};
use crate::syscall::{UserBytes, UserSlice};

flag_names! {
    /// Flags of getrandom(2).
    pub GetrandomFlags { GRND_NONBLOCK = 1, GRND_RANDOM = 2, GRND_INSECURE = 4 }
}
/// Most bytes that a read moves.
const MAX_RW_COUNT: usize = 0x7fff_f000;

/// Fills a buffer with random bytes. The generator is seeded before the first program runs, so no flag ever waits.
pub fn getrandom(task: &Task, buffer: UserBytes, length: usize, flags: Flags<GetrandomFlags>) -> Result<usize> {
    let bits = flags.known()?;
    let exclusive = GetrandomFlags::GRND_RANDOM | GetrandomFlags::GRND_INSECURE;
    if bits & exclusive == exclusive {
        return Err(EINVAL.because("GRND_RANDOM and GRND_INSECURE exclude each other"));
    }
    fill_buffer(task, &mut IoBuffer::user(UserSlice::new(buffer.0, length.min(MAX_RW_COUNT))))
}
