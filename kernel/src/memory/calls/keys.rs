//! Protection keys (pkeys(7)): pkey_alloc(2), pkey_free(2), pkey_mprotect(2). What a thread may do with the pages of a key is in a
//! register of its own; the kernel only gives the keys away and marks pages with them.
use super::space;
use crate::error::{EINVAL, ENOSPC, Result};
use crate::memory::address_space::Limits;
use crate::process::Task;
use machine::thread::{has_protection_keys, set_key_rights};

/// PKEY_DISABLE_ACCESS and PKEY_DISABLE_WRITE.
const RIGHTS: u64 = 3;

/// pkey_alloc(2): ENOSPC also where the processor has no keys.
pub fn pkey_alloc(task: &Task, flags: u64, rights: u64) -> Result<u32> {
    if flags != 0 || rights & !RIGHTS != 0 {
        return Err(EINVAL);
    }
    let key = space(task)?.allocate_key().filter(|_| has_protection_keys()).ok_or(ENOSPC)?;
    set_key_rights(key.into(), rights as u32);
    Ok(key.into())
}

/// pkey_free(2). Pages that bear the key keep it.
pub fn pkey_free(task: &Task, key: i32) -> Result<()> {
    if space(task)?.free_key(key) { Ok(()) } else { Err(EINVAL) }
}

/// pkey_mprotect(2): mprotect(2) that marks the pages with a key, too; -1 is no key.
pub fn pkey_mprotect(task: &Task, address: u64, length: u64, protection: u64, key: i32) -> Result<()> {
    let key = match key {
        -1 => None,
        // One that is no key is refused once the range has been looked at.
        key => Some(u8::try_from(key).unwrap_or(u8::MAX)),
    };
    space(task)?.protect(address, length, protection, key, &Limits::of(task))
}
