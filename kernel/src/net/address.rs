//! Socket addresses on their way from and to user memory.
use crate::error::*;
use crate::process::Task;
use crate::syscall::{UserBytes, UserPtr, UserSlice};

/// Room for the address of any family (`struct sockaddr_storage`).
pub const LARGEST: usize = 128;

/// An address of some family: the bytes of its structure.
#[derive(Clone, Copy)]
pub struct SocketAddress {
    bytes: [u8; LARGEST],
    length: usize,
}

impl SocketAddress {
    /// An address of these bytes, at most [`LARGEST`].
    pub fn new(from: &[u8]) -> SocketAddress {
        let mut address = SocketAddress { bytes: [0; LARGEST], length: from.len().min(LARGEST) };
        address.bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        address
    }
    /// Reads one: EINVAL if it is longer than any, EFAULT.
    pub fn read(from: UserBytes, length: i32) -> Result<SocketAddress> {
        let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST).ok_or(EINVAL)?;
        let mut address = SocketAddress { bytes: [0; LARGEST], length };
        if let Some(room) = address.bytes.get_mut(..length).filter(|room| !room.is_empty()) {
            UserSlice::new(from.0, length).read(room)?;
        }
        Ok(address)
    }
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }
    /// The family, if there are bytes enough to name one.
    pub fn family(&self) -> Option<u16> {
        match self.as_bytes() {
            [first, second, ..] => Some(u16::from_ne_bytes([*first, *second])),
            _ => None,
        }
    }
    /// Writes as much as there is room for, and the whole length: EINVAL for negative room, EFAULT.
    pub fn write(&self, task: &Task, to: u64, length: UserPtr<i32>) -> Result<()> {
        let room = length.read(task)?;
        // A room larger than the address is cut first, so only a negative one is refused.
        let count = usize::try_from(room.min(self.length as i32)).map_err(|_| EINVAL)?;
        if let Some(bytes) = self.as_bytes().get(..count).filter(|bytes| !bytes.is_empty()) {
            UserSlice::new(to, count).write(bytes)?;
        }
        length.write(task, &(self.length as i32))
    }
}
