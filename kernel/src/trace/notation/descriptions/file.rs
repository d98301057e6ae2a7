//! How calls about files are written.
use super::super::names::*;
use super::super::{Answer, Description, Notation::*, early, file, time};
use crate::trace::show::Show;

pub const CALLS: &[Description] = describe! {
    read(Descriptor, Filled, Size);
    write(Descriptor, Buffer(2), Size);
    open(Path, Word(file::open_flags), If(|show| file::makes_file(show.word(1)), &Permissions));
    close(Descriptor);
    stat(Path, Out("struct stat", file::stat));
    fstat(Descriptor, Out("struct stat", file::stat));
    lstat(Path, Out("struct stat", file::stat));
    lseek(Descriptor, Long, Choice(SEEK, "SEEK_???"));
    pread64(Descriptor, Filled, Size, Offset);
    pwrite64(Descriptor, Buffer(2), Size, Offset);
    readv(Descriptor, Out("const struct iovec", file::filled_vector), Size);
    writev(Descriptor, In("struct iovec", file::vector), Size);
    access(Path, Bits(ACCESS, "?_OK"));
    dup(Descriptor);
    dup2(Descriptor, Descriptor);
    sendfile(Descriptor, Descriptor, In("inout off_t", file::offset_behind), Size);
    fcntl(
        Descriptor,
        Choice(FCNTL, "F_???"),
        If(file::fcntl_has_argument, &Late("", file::fcntl_argument)),
    ) => Answer::Own(file::fcntl_answer);
    flock(Descriptor, Bits(FLOCK, "LOCK_???"));
    fsync(Descriptor);
    fdatasync(Descriptor);
    truncate(Path, Offset);
    ftruncate(Descriptor, Offset);
    getdents(Descriptor, Out("struct linux_dirent", file::directory_entries), Unsigned);
    readdir(Descriptor, Out("struct old_linux_dirent", file::old_entry), Unsigned);
    getcwd(Out("char", file::working_directory), Size);
    oldstat(Path, Out("struct __old_kernel_stat", file::old_stat));
    oldlstat(Path, Out("struct __old_kernel_stat", file::old_stat));
    oldfstat(Descriptor, Out("struct __old_kernel_stat", file::old_stat));
    stat64(Path, Out("struct stat64", file::stat64));
    lstat64(Path, Out("struct stat64", file::stat64));
    fstat64(Descriptor, Out("struct stat64", file::stat64));
    fstatat64(Directory, Path, Out("struct stat64", file::stat64), Bits(AT_FLAGS, "AT_???"));
    _llseek(Descriptor, Hex32, Hex32, Out("loff_t", file::offset_behind), Choice(SEEK, "SEEK_???"));
    truncate64(Path, Offset);
    ftruncate64(Descriptor, Offset);
    chown32(Path, Id, Id);
    lchown32(Path, Id, Id);
    fchown32(Descriptor, Id, Id);
    fcntl64(
        Descriptor,
        Choice(FCNTL, "F_???"),
        If(file::fcntl_has_argument, &Late("", file::fcntl_argument)),
    ) => Answer::Own(file::fcntl_answer);
    sendfile64(Descriptor, Descriptor, In("inout loff_t", file::offset_behind), Size);
    statfs64(Path, Size, Out("struct statfs64", file::statfs64));
    fstatfs64(Descriptor, Size, Out("struct statfs64", file::statfs64));
    fadvise64_64(Descriptor, Offset, Offset, Choice(FADVICE, "POSIX_FADV_???"));
    chdir(Path);
    fchdir(Descriptor);
    rename(Path, Path);
    mkdir(Path, Permissions);
    rmdir(Path);
    creat(Path, Permissions);
    link(Path, Path);
    unlink(Path);
    symlink(Path, Path);
    readlink(Path, Filled, Size);
    chmod(Path, Permissions);
    fchmod(Descriptor, Permissions);
    chown(Path, Id, Id);
    fchown(Descriptor, Id, Id);
    lchown(Path, Id, Id);
    utime(Path, Pointer("const struct utimbuf"));
    mknod(Path, Mode, If(|show| makes_device(show.word(1)), &Word(file::device_number)));
    statfs(Path, Out("struct statfs", file::statfs));
    fstatfs(Descriptor, Out("struct statfs", file::statfs));
    chroot(Path);
    sync();
    readahead(Descriptor, Offset, Size);
    setxattr(Path, Text, Buffer(3), Size, Bits(XATTR, "XATTR_???"));
    lsetxattr(Path, Text, Buffer(3), Size, Bits(XATTR, "XATTR_???"));
    fsetxattr(Descriptor, Text, Buffer(3), Size, Bits(XATTR, "XATTR_???"));
    getxattr(Path, Text, Filled, Size);
    lgetxattr(Path, Text, Filled, Size);
    fgetxattr(Descriptor, Text, Filled, Size);
    listxattr(Path, Filled, Size);
    llistxattr(Path, Filled, Size);
    flistxattr(Descriptor, Filled, Size);
    removexattr(Path, Text);
    lremovexattr(Path, Text);
    fremovexattr(Descriptor, Text);
    getdents64(Descriptor, Out("struct linux_dirent64", file::directory_entries), Size);
    fadvise64(Descriptor, Offset, Size, Choice(FADVICE, "POSIX_FADV_???"));
    utimes(Path, In("struct timeval", time::file_times_in_microseconds));
    openat(Directory, Path, Word(file::open_flags), If(|show| file::makes_file(show.word(2)), &Permissions));
    mkdirat(Directory, Path, Permissions);
    mknodat(Directory, Path, Mode, If(|show| makes_device(show.word(2)), &Word(file::device_number)));
    fchownat(Directory, Path, Id, Id, Bits(AT_FLAGS, "AT_???"));
    futimesat(Directory, Path, In("struct timeval", time::file_times_in_microseconds));
    newfstatat(Directory, Path, Out("struct stat", file::stat), Bits(AT_FLAGS, "AT_???"));
    unlinkat(Directory, Path, Bits(AT_FLAGS, "AT_???"));
    renameat(Directory, Path, Directory, Path);
    linkat(Directory, Path, Directory, Path, Bits(AT_FLAGS, "AT_???"));
    symlinkat(Path, Directory, Path);
    readlinkat(Directory, Path, Filled, Size);
    fchmodat(Directory, Path, Permissions);
    faccessat(Directory, Path, Bits(ACCESS, "?_OK"));
    splice(Descriptor, In("inout loff_t", file::offset_behind), Descriptor, In("inout loff_t", file::offset_behind), Size, Bits(SPLICE, "SPLICE_F_???"));
    tee(Descriptor, Descriptor, Size, Bits(SPLICE, "SPLICE_F_???"));
    sync_file_range(Descriptor, Offset, Offset, Bits(SYNC_RANGE, "SYNC_FILE_RANGE_???"));
    vmsplice(Descriptor, In("struct iovec", file::vector), Size, Bits(SPLICE, "SPLICE_F_???"));
    utimensat(Directory, Path, In("struct timespec", time::file_times), Bits(AT_FLAGS, "AT_???"));
    fallocate(Descriptor, Bits(FALLOCATE, "FALLOC_FL_???"), Offset, Offset);
    dup3(Descriptor, Descriptor, Bits(CLOEXEC, "O_???"));
    preadv(Descriptor, Out("const struct iovec", file::filled_vector), Size, Long, If(is_narrow, &Long));
    pwritev(Descriptor, In("struct iovec", file::vector), Size, Long, If(is_narrow, &Long));
    syncfs(Descriptor);
    renameat2(Directory, Path, Directory, Path, Bits(RENAME, "RENAME_??"));
    copy_file_range(Descriptor, In("inout loff_t", file::offset_behind), Descriptor, In("inout loff_t", file::offset_behind), Size, Hex32);
    preadv2(Descriptor, Out("const struct iovec", file::filled_vector), Size, Long, Register(5, &Bits(RWF, "RWF_???")));
    pwritev2(Descriptor, In("struct iovec", file::vector), Size, Long, Register(5, &Bits(RWF, "RWF_???")));
    statx(Directory, Path, Word(file::statx_flags), Bits(STATX_MASK, "STATX_???"), Out("struct statx", file::statx));
    close_range(Unsigned, Unsigned, Bits(CLOSE_RANGE, "CLOSE_RANGE_???"));
    openat2(Directory, Path, In("struct open_how", file::open_how), Size);
    faccessat2(Directory, Path, Bits(ACCESS, "?_OK"), Bits(FACCESS_FLAGS, "AT_???"));
};

/// A mode that makes a device.
const fn makes_device(mode: u64) -> bool {
    matches!(mode & 0o170000, 0o20000 | 0o60000)
}
/// Offsets are split over two registers.
fn is_narrow(show: &Show<'_>) -> bool {
    matches!(show.abi, abi::Abi::I386)
}
