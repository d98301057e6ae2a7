//! init_module(2), finit_module(2), delete_module(2).
use super::{LONGEST_NAME, load, report, unload};
use crate::error::*;
use crate::file::attributes::FileType;
use crate::file::{File, IoBuffer};
use crate::process::{Capability, Task};
use crate::syscall::argument::{Flags, flag_names};
use crate::syscall::{Fd, UserBytes, UserPath, UserSlice};
use alloc::vec::Vec;

flag_names!(
    /// finit_module(2)'s flags.
    pub ModuleFlags {
        MODULE_INIT_IGNORE_MODVERSIONS = load::IGNORE_VERSIONS,
        MODULE_INIT_IGNORE_VERMAGIC = load::IGNORE_VERSION_MAGIC,
        MODULE_INIT_COMPRESSED_FILE = 4,
    }
);

/// The smallest file that is looked at: an ELF header.
const SMALLEST: usize = 64;
/// Most bytes of parameters.
const PARAMETERS: usize = 64 * 1024;

/// EPERM for those who may not, and where modules are disabled.
fn check_permission(task: &Task) -> Result<()> {
    if !task.capable(Capability::SysModule) || report::is_disabled() { Err(EPERM) } else { Ok(()) }
}
/// The parameters' text. EFAULT.
fn parameters(from: UserPath) -> Result<Vec<u8>> {
    from.read_string(PARAMETERS, EINVAL)
}

/// init_module(2): loads a module from memory.
pub fn init_module(task: &Task, image: UserBytes, length: usize, arguments: UserPath) -> Result<()> {
    check_permission(task)?;
    if length < SMALLEST {
        return Err(ENOEXEC.because("shorter than an ELF header"));
    }
    let file = UserSlice::new(image.0, length).read_all()?;
    load::load(&file, 0, || parameters(arguments))
}

/// finit_module(2): loads a module from a file.
pub fn finit_module(task: &Task, fd: Fd, arguments: UserPath, flags: Flags<ModuleFlags>) -> Result<()> {
    check_permission(task)?;
    let flags = flags.known()?;
    let file = task.files().get(fd)?;
    let bytes = read_file(&file)?;
    if flags & ModuleFlags::MODULE_INIT_COMPRESSED_FILE != 0 {
        return Err(EOPNOTSUPP.because("compressed modules"));
    }
    load::load(&bytes, flags, || parameters(arguments))
}

/// The whole of a regular file that nobody writes. EBADF, EINVAL, ETXTBSY, EFBIG.
fn read_file(file: &File) -> Result<Vec<u8>> {
    if !file.is_readable() {
        return Err(EBADF);
    }
    if file.inode().kind() != FileType::Regular {
        return Err(EINVAL);
    }
    file.inode().deny_write_access()?;
    let bytes = read_denied(file);
    file.inode().allow_write_access();
    bytes
}
fn read_denied(file: &File) -> Result<Vec<u8>> {
    let size = match file.inode().size() {
        0 => return Err(EINVAL),
        size => i32::try_from(size).map_err(|_| EFBIG)? as usize,
    };
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size)?;
    bytes.resize(size, 0);
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(&mut IoBuffer::kernel_mut(rest), done as u64)? {
            0 => return Err(EIO),
            count => done += count,
        }
    }
    if size < SMALLEST { Err(ENOEXEC.because("shorter than an ELF header")) } else { Ok(bytes) }
}

/// delete_module(2): unloads a module. Linux 6.1 does not wait for one in use, with O_NONBLOCK or without; nor is one in use
/// torn out by O_TRUNC.
pub fn delete_module(task: &Task, name: UserPath, _flags: u32) -> Result<()> {
    check_permission(task)?;
    let name = match name.read_string(LONGEST_NAME + 1, ENAMETOOLONG) {
        // A longer name is cut: no module has it.
        Err(error) if error == ENAMETOOLONG => return Err(ENOENT),
        name => name?,
    };
    unload(core::str::from_utf8(&name).map_err(|_| ENOENT)?)
}
