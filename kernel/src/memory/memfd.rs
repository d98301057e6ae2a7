//! Files in memory without a name: memfd_create(2).
use crate::error::{EBUSY, EFAULT, EINVAL, ENOMEM, Result};
use crate::file::open_file::open_flag;
use crate::file::superblock::Superblock;
use crate::file::tmpfs::{Options, Tmpfs};
use crate::file::{Dentry, File, Mount, Path};
use crate::process::Task;
use crate::sync::Once;
use crate::syscall::{Fd, UserPath};
use abi::mman::{MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_HUGETLB};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Longest name without its NUL: NAME_MAX less the prefix.
const LONGEST_NAME: usize = 249;

/// The tmpfs of files without a name, mounted for the kernel only.
static MOUNT: Once<Arc<Mount>> = Once::new();

/// Where they are, and the segments of System V shared memory too.
pub fn mount() -> Result<Arc<Mount>> {
    if let Some(mount) = MOUNT.get() {
        return Ok(mount.clone());
    }
    // Limited by memory alone, as Linux's.
    let options = Options { size: Some(i64::MAX as u64), inode_limit: Some(0), ..Options::default() };
    let superblock: Arc<Superblock> = Tmpfs::create("tmpfs", options)?;
    // Whoever was faster made the one that counts.
    let _ = MOUNT.set(Mount::internal(&superblock)?);
    MOUNT.get().cloned().ok_or(EBUSY)
}

/// A regular file in memory, open for reading and writing; /proc/PID/fd shows `name` followed by " (deleted)".
pub fn create(task: &Task, name: &[u8], mode: u32) -> Result<Arc<File>> {
    let mount = mount()?;
    let credentials = task.credentials();
    let (user, group) = (credentials.file_system_user, credentials.file_system_group);
    let inode = Tmpfs::unnamed_file(mount.superblock(), mode, user, group)?;
    let mut shown = Vec::new();
    shown.try_reserve_exact(name.len() + 10)?;
    shown.extend_from_slice(name);
    shown.extend_from_slice(b" (deleted)");
    let flags = open_flag::READ_WRITE | open_flag::LARGE_FILE;
    let operations = inode.operations().open(&inode, flags)?;
    let path = Path { mount, dentry: Dentry::root(inode, &shown)? };
    File::unopened(path, operations, flags, credentials)
}

/// Makes a file in memory.
pub fn memfd_create(task: &Task, name: UserPath, flags: u32) -> Result<Fd> {
    let sizes = if flags & MFD_HUGETLB != 0 { 0x3f << 26 } else { 0 };
    if flags & !(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | sizes) != 0 {
        return Err(EINVAL.because("unknown flag"));
    }
    let text = name.read_string(LONGEST_NAME + 1, EINVAL).map_err(|error| match error {
        ENOMEM | EINVAL => error,
        _ => EFAULT,
    })?;
    if flags & MFD_HUGETLB != 0 {
        // There is no pool of huge pages; Linux knows two sizes.
        return Err(if matches!(flags >> 26 & 0x3f, 0 | 21 | 30) { ENOMEM } else { EINVAL });
    }
    let mut shown = Vec::new();
    shown.try_reserve_exact(text.len() + 7)?;
    shown.extend_from_slice(b"/memfd:");
    shown.extend_from_slice(&text);
    let files = task.files();
    let file = create(task, &shown, 0o777)?;
    if flags & MFD_ALLOW_SEALING != 0
        && let Some(mapping) = file.inode().mapping()
    {
        mapping.allow_sealing();
    }
    files.install(file, 0, flags & MFD_CLOEXEC != 0)
}
