//! `union bpf_attr`, as Linux 6.1 reads it.
use crate::error::*;
use crate::syscall::UserSlice;
use crate::syscall::user::read_extensible;

/// Bytes that this kernel knows.
const SIZE: usize = 144;
/// More cannot be meant.
const LARGEST: u32 = 4096;

/// What a command is given.
pub(super) struct Attribute {
    /// Where it was read.
    pub address: u64,
    bytes: [u8; SIZE],
}

impl Attribute {
    /// Reads it. E2BIG if it is too large or bytes are set that this kernel does not know, EFAULT.
    pub fn read(address: u64, size: u32) -> Result<Attribute> {
        if size > LARGEST {
            return Err(E2BIG);
        }
        let mut bytes = [0; SIZE];
        read_extensible(address, size as usize, &mut bytes)?;
        Ok(Attribute { address, bytes })
    }
    /// EINVAL if anything is set from this byte on: the command has nothing there.
    pub fn ends_at(&self, end: usize) -> Result<()> {
        let rest = self.bytes.get(end..).unwrap_or_default();
        if rest.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(EINVAL) }
    }
    /// 32 bits at an offset.
    pub fn narrow(&self, at: usize) -> u32 {
        let field = self.bytes.get(at..at + 4).and_then(|field| field.try_into().ok());
        field.map_or(0, u32::from_ne_bytes)
    }
    /// 64 bits at an offset.
    pub fn wide(&self, at: usize) -> u64 {
        let field = self.bytes.get(at..at + 8).and_then(|field| field.try_into().ok());
        field.map_or(0, u64::from_ne_bytes)
    }
    /// The name at an offset: letters, digits, '_' and '.', ended by a NUL within 16 bytes; EINVAL.
    pub fn name(&self, at: usize) -> Result<[u8; 16]> {
        let field: [u8; 16] = self.bytes.get(at..at + 16).and_then(|field| field.try_into().ok()).ok_or(EINVAL)?;
        let length = field.iter().position(|byte| *byte == 0).ok_or(EINVAL)?;
        let mut name = [0; 16];
        for (to, from) in name.iter_mut().zip(field.iter().take(length)) {
            if !from.is_ascii_alphanumeric() && !matches!(from, b'_' | b'.') {
                return Err(EINVAL);
            }
            *to = *from;
        }
        Ok(name)
    }
}

/// Bytes of the user's, all of them. EFAULT, ENOMEM.
pub(super) fn read_bytes(address: u64, size: u32) -> Result<alloc::vec::Vec<u8>> {
    let mut bytes = zeroed(size)?;
    UserSlice::new(address, bytes.len()).read(&mut bytes)?;
    Ok(bytes)
}
/// So many bytes of memory. ENOMEM.
pub(super) fn zeroed(size: u32) -> Result<alloc::vec::Vec<u8>> {
    let mut bytes = alloc::vec::Vec::new();
    bytes.try_reserve_exact(size as usize)?;
    bytes.resize(size as usize, 0);
    Ok(bytes)
}
