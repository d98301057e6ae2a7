//! Extended attributes: xattr(7).
use super::attributes::{Access, FileType, STICKY};
use super::inode::Inode;
use super::notify;
use super::path::Path;
use super::walk::{self, walk_flag};
use crate::error::*;
use crate::process::{Capability, Credentials, Task};
use crate::syscall::{Fd, UserBytes, UserPath, UserSlice};
use alloc::{sync::Arc, vec::Vec};

const HERE: Fd = Fd::WORKING_DIRECTORY;
/// Longest name (XATTR_NAME_MAX).
const LONGEST_NAME: usize = 255;
/// Largest value and list (XATTR_SIZE_MAX).
const LARGEST: usize = 65536;
/// A file's capabilities: `struct vfs_cap_data` or `struct vfs_ns_cap_data`.
pub const CAPABILITIES: &[u8] = b"security.capability";
const XATTR_CREATE: u32 = 1;
const XATTR_REPLACE: u32 = 2;

/// Whose attribute a name is, as far as permissions go (xattr_permission).
fn check_permission(credentials: &Credentials, inode: &Arc<Inode>, name: &[u8], access: Access) -> Result<()> {
    let writes = access.has(Access::WRITE);
    if writes {
        inode.check_changeable()?;
    }
    if name.starts_with(b"security.") || name.starts_with(b"system.") {
        return Ok(());
    }
    let refused = if writes { EPERM } else { ENODATA };
    if name.starts_with(b"trusted.") {
        return if credentials.capable(Capability::SysAdmin) { Ok(()) } else { Err(refused) };
    }
    if name.starts_with(b"user.") {
        if !matches!(inode.kind(), FileType::Regular | FileType::Directory) {
            return Err(refused);
        }
        if writes && inode.is_directory() && inode.mode() & STICKY != 0 && !inode.owner_or_capable(credentials) {
            return Err(EPERM);
        }
    }
    inode.operations().permission(inode, credentials, access)
}
/// What may be written among security.* names.
fn check_security(credentials: &Credentials, name: &[u8]) -> Result<()> {
    let needed = match name {
        CAPABILITIES => Capability::Setfcap,
        name if name.starts_with(b"security.") => Capability::SysAdmin,
        _ => return Ok(()),
    };
    if credentials.capable(needed) { Ok(()) } else { Err(EPERM) }
}
/// Whether the bytes are capabilities of version 2 or 3, in its size and with no flag but "effective".
fn are_capabilities(value: &[u8]) -> bool {
    let Some((magic, _)) = value.split_first_chunk::<4>() else { return false };
    matches!((u32::from_le_bytes(*magic) & !1, value.len()), (0x0200_0000, 20) | (0x0300_0000, 24))
}
/// EINVAL for a prefix alone, EOPNOTSUPP for a name of no known kind.
fn check_name(name: &[u8]) -> Result<()> {
    const PREFIXES: [&[u8]; 4] = [b"user.", b"trusted.", b"security.", b"system."];
    match PREFIXES.iter().find(|prefix| name.starts_with(prefix)) {
        None => Err(EOPNOTSUPP),
        Some(prefix) if prefix.len() == name.len() => Err(EINVAL),
        Some(_) => Ok(()),
    }
}
/// A name of 1 to 255 bytes; ERANGE.
fn read_name(name: UserPath) -> Result<Vec<u8>> {
    let name = name.read_string(LONGEST_NAME + 1, ERANGE)?;
    if name.is_empty() { Err(ERANGE) } else { Ok(name) }
}

fn set(task: &Task, place: &Path, name: UserPath, value: UserBytes, size: usize, flags: u32) -> Result<()> {
    place.check_writable()?;
    if flags & !(XATTR_CREATE | XATTR_REPLACE) != 0 {
        return Err(EINVAL);
    }
    let name = read_name(name)?;
    if size > LARGEST {
        return Err(E2BIG);
    }
    let value = UserSlice::new(value.0, size).read_all()?;
    let inode = place.inode()?;
    let credentials = task.credentials();
    if name == CAPABILITIES && !value.is_empty() && !are_capabilities(&value) {
        return Err(EINVAL.because("no capabilities of a known version"));
    }
    let _guard = inode.lock.write();
    check_permission(&credentials, inode, &name, Access::WRITE)?;
    check_security(&credentials, &name)?;
    check_name(&name)?;
    let (create, replace) = (flags & XATTR_CREATE != 0, flags & XATTR_REPLACE != 0);
    inode.operations().set_extended_attribute(inode, &name, &value, create, replace)?;
    notify::changed_path(place, notify::event::ATTRIBUTES);
    if name == CAPABILITIES {
        inode.note_capabilities();
    }
    Ok(())
}
fn get(task: &Task, place: &Path, name: UserPath, value: UserBytes, size: usize) -> Result<usize> {
    let name = read_name(name)?;
    let inode = place.inode()?;
    check_permission(&task.credentials(), inode, &name, Access::READ)?;
    check_name(&name)?;
    let found = inode.operations().extended_attribute(inode, &name)?;
    copy_out(value, size, &found)
}
/// Copies a value or list out if it fits, ERANGE; a size of 0 asks for the length.
fn copy_out(buffer: UserBytes, size: usize, bytes: &[u8]) -> Result<usize> {
    if size != 0 {
        if bytes.len() > size {
            return Err(ERANGE);
        }
        UserSlice::new(buffer.0, bytes.len()).write(bytes)?;
    }
    Ok(bytes.len())
}
fn list(task: &Task, place: &Path, buffer: UserBytes, size: usize) -> Result<usize> {
    let inode = place.inode()?;
    let mut names = match inode.operations().extended_attribute_names(inode) {
        Err(EOPNOTSUPP) => Vec::new(),
        names => names?,
    };
    if !task.capable(Capability::SysAdmin) {
        let mut shown = Vec::new();
        shown.try_reserve_exact(names.len())?;
        for name in names.split_inclusive(|byte| *byte == 0).filter(|name| !name.starts_with(b"trusted.")) {
            shown.extend_from_slice(name);
        }
        names = shown;
    }
    copy_out(buffer, size, &names)
}
fn remove(task: &Task, place: &Path, name: UserPath) -> Result<()> {
    place.check_writable()?;
    let name = read_name(name)?;
    let inode = place.inode()?;
    let credentials = task.credentials();
    let _guard = inode.lock.write();
    check_permission(&credentials, inode, &name, Access::WRITE)?;
    check_security(&credentials, &name)?;
    check_name(&name)?;
    inode.operations().remove_extended_attribute(inode, &name)?;
    notify::changed_path(place, notify::event::ATTRIBUTES);
    Ok(())
}

fn followed(task: &Task, path: UserPath) -> Result<Path> {
    walk::resolve(task, HERE, &path.read()?, walk_flag::FOLLOW)
}
fn itself(task: &Task, path: UserPath) -> Result<Path> {
    walk::resolve(task, HERE, &path.read()?, 0)
}
fn opened(task: &Task, fd: Fd) -> Result<Path> {
    Ok(task.file(fd)?.path().clone())
}

/// setxattr(2).
pub fn setxattr(t: &Task, path: UserPath, name: UserPath, value: UserBytes, size: usize, flags: u32) -> Result<()> {
    set(t, &followed(t, path)?, name, value, size, flags)
}
/// lsetxattr(2).
pub fn lsetxattr(t: &Task, path: UserPath, name: UserPath, value: UserBytes, size: usize, flags: u32) -> Result<()> {
    set(t, &itself(t, path)?, name, value, size, flags)
}
/// fsetxattr(2).
pub fn fsetxattr(t: &Task, fd: Fd, name: UserPath, value: UserBytes, size: usize, flags: u32) -> Result<()> {
    set(t, &opened(t, fd)?, name, value, size, flags)
}
/// getxattr(2).
pub fn getxattr(task: &Task, path: UserPath, name: UserPath, value: UserBytes, size: usize) -> Result<usize> {
    get(task, &followed(task, path)?, name, value, size)
}
/// lgetxattr(2).
pub fn lgetxattr(task: &Task, path: UserPath, name: UserPath, value: UserBytes, size: usize) -> Result<usize> {
    get(task, &itself(task, path)?, name, value, size)
}
/// fgetxattr(2).
pub fn fgetxattr(task: &Task, fd: Fd, name: UserPath, value: UserBytes, size: usize) -> Result<usize> {
    get(task, &opened(task, fd)?, name, value, size)
}
/// listxattr(2).
pub fn listxattr(task: &Task, path: UserPath, buffer: UserBytes, size: usize) -> Result<usize> {
    list(task, &followed(task, path)?, buffer, size)
}
/// llistxattr(2).
pub fn llistxattr(task: &Task, path: UserPath, buffer: UserBytes, size: usize) -> Result<usize> {
    list(task, &itself(task, path)?, buffer, size)
}
/// flistxattr(2).
pub fn flistxattr(task: &Task, fd: Fd, buffer: UserBytes, size: usize) -> Result<usize> {
    list(task, &opened(task, fd)?, buffer, size)
}
/// removexattr(2).
pub fn removexattr(task: &Task, path: UserPath, name: UserPath) -> Result<()> {
    remove(task, &followed(task, path)?, name)
}
/// lremovexattr(2).
pub fn lremovexattr(task: &Task, path: UserPath, name: UserPath) -> Result<()> {
    remove(task, &itself(task, path)?, name)
}
/// fremovexattr(2).
pub fn fremovexattr(task: &Task, fd: Fd, name: UserPath) -> Result<()> {
    remove(task, &opened(task, fd)?, name)
}
