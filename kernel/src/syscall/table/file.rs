//! File management.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    /// Reads from an open file at its position.
    [   0    0    3] read(descriptor, buffer, count) => call crate::file::read_write::read, Full;
    /// Writes to an open file at its position.
    [   1    1    4] write(descriptor, buffer, count) => call crate::file::read_write::write, Full;
    /// Opens a file by path.
    [   2    2    -] open(path, flags, mode) => call crate::file::open::open, Full;
    /// Opens a file by path.
    [   -    -    5] open(path, flags, mode) => call crate::file::open::open_narrow, Full;
    /// Closes a descriptor.
    [   3    3    6] close(descriptor) => call crate::file::open::close, Full;
    /// Attributes of the file a path names.
    [   4    4    -] stat(path, status) => call crate::file::status::stat, Full;
    /// Attributes of the file a path names.
    [   -    -  106] stat(path, status) => call crate::file::status_i386::stat::<crate::file::status_i386::Stat32>, Full;
    /// Attributes of an open file.
    [   5    5    -] fstat(descriptor, status) => call crate::file::status::fstat, Full;
    /// Attributes of an open file.
    [   -    -  108] fstat(descriptor, status) => call crate::file::status_i386::fstat::<crate::file::status_i386::Stat32>, Full;
    /// Attributes of what a path names, a link included.
    [   6    6    -] lstat(path, status) => call crate::file::status::lstat, Full;
    /// Attributes of what a path names, a link included.
    [   -    -  107] lstat(path, status) => call crate::file::status_i386::lstat::<crate::file::status_i386::Stat32>, Full;
    /// Moves the position of an open file.
    [   8    8   19] lseek(descriptor, offset, whence) => call crate::file::read_write::lseek, Full;
    /// Reads at an offset.
    [  17   17  180] pread64(descriptor, buffer, count, offset) => call crate::file::read_write::pread64, Full;
    /// Writes at an offset.
    [  18   18  181] pwrite64(descriptor, buffer, count, offset) => call crate::file::read_write::pwrite64, Full;
    /// Reads into several buffers.
    [  19  515  145] readv(descriptor, vector, count) => call crate::file::read_write::readv, Full;
    /// Writes from several buffers.
    [  20  516  146] writev(descriptor, vector, count) => call crate::file::read_write::writev, Full;
    /// Asks whether the real user may access a file.
    [  21   21   33] access(path, mode) => call crate::file::status::access, Full;
    /// Duplicates a descriptor to the lowest free number.
    [  32   32   41] dup(descriptor) => call crate::file::control::dup, Full;
    /// Duplicates a descriptor to a given number.
    [  33   33   63] dup2(old, new) => call crate::file::control::dup2, Full;
    /// Copies from a file to another inside the kernel.
    [  40   40    -] sendfile(out, input, offset, count) => call crate::file::transfer::sendfile::<i64>, Full;
    /// Copies from a file to another inside the kernel.
    [   -    -  187] sendfile(out, input, offset, count) => call crate::file::transfer::sendfile::<i32>, Full;
    /// Controls a descriptor or an open file.
    [   -    -   55] fcntl(descriptor, command, argument) => call crate::file::control::fcntl64, Full;
    /// Controls a descriptor or an open file.
    [  72   72    -] fcntl(descriptor, command, argument) => call crate::file::control::fcntl, Full;
    /// Locks a whole file.
    [  73   73  143] flock(descriptor, operation) => call crate::file::control::flock, Full;
    /// Writes a file back.
    [  74   74  118] fsync(descriptor) => call crate::file::control::fsync, Full;
    /// Writes a file's data back.
    [  75   75  148] fdatasync(descriptor) => call crate::file::control::fdatasync, Full;
    /// Sets the length of the file a path names.
    [  76   76   92] truncate(path, length) => call crate::file::resize::truncate, Full;
    /// Sets the length of an open file.
    [  77   77   93] ftruncate(descriptor, length) => call crate::file::resize::ftruncate, Full;
    /// Lists a directory, old structure.
    [  78   78    -] getdents(descriptor, entries, count) => call crate::file::directory::getdents, Full;
    /// Lists a directory, old structure.
    [   -    -  141] getdents(descriptor, entries, count) => call crate::file::directory::getdents_narrow, Full;
    /// The path of the working directory.
    [  79   79  183] getcwd(buffer, size) => call crate::file::directory::getcwd, Full;
    /// Changes the working directory.
    [  80   80   12] chdir(path) => call crate::file::directory::chdir, Full;
    /// Changes the working directory to an open one.
    [  81   81  133] fchdir(descriptor) => call crate::file::directory::fchdir, Full;
    /// Renames.
    [  82   82   38] rename(old, new) => call crate::file::entry_calls::rename, Full;
    /// Makes a directory.
    [  83   83   39] mkdir(path, mode) => call crate::file::entry_calls::mkdir, Full;
    /// Removes an empty directory.
    [  84   84   40] rmdir(path) => call crate::file::entry_calls::rmdir, Full;
    /// Makes or truncates a file and opens it for writing.
    [  85   85    8] creat(path, mode) => call crate::file::open::creat, Full;
    /// Gives a file another name.
    [  86   86    9] link(old, new) => call crate::file::entry_calls::link, Full;
    /// Removes a name.
    [  87   87   10] unlink(path) => call crate::file::entry_calls::unlink, Full;
    /// Makes a symbolic link.
    [  88   88   83] symlink(target, path) => call crate::file::entry_calls::symlink, Full;
    /// The text of a symbolic link.
    [  89   89   85] readlink(path, buffer, size) => call crate::file::entry_calls::readlink, Full;
    /// Changes permission bits.
    [  90   90   15] chmod(path, mode) => call crate::file::change::chmod, Full;
    /// Changes permission bits of an open file.
    [  91   91   94] fchmod(descriptor, mode) => call crate::file::change::fchmod, Full;
    /// Changes owner and group.
    [  92   92    -] chown(path, user, group) => call crate::file::change::chown, Full;
    /// Changes owner and group.
    [   -    -  182] chown(path, user, group) => call crate::process::identity16::chown, Full;
    /// Changes owner and group of an open file.
    [  93   93    -] fchown(descriptor, user, group) => call crate::file::change::fchown, Full;
    /// Changes owner and group of an open file.
    [   -    -   95] fchown(descriptor, user, group) => call crate::process::identity16::fchown, Full;
    /// Changes owner and group, of a link itself.
    [  94   94    -] lchown(path, user, group) => call crate::file::change::lchown, Full;
    /// Changes owner and group, of a link itself.
    [   -    -   16] lchown(path, user, group) => call crate::process::identity16::lchown, Full;
    /// Sets access and modification time in seconds.
    [ 132  132    -] utime(path, times) => call crate::file::change::utime::<i64>, Full;
    /// Sets access and modification time in seconds.
    [   -    -   30] utime(path, times) => call crate::file::change::utime::<i32>, Full;
    /// Makes a file, node, FIFO or socket.
    [ 133  133   14] mknod(path, mode, device) => call crate::file::entry_calls::mknod, Full;
    /// Statistics of a file system.
    [ 137  137    -] statfs(path, statistics) => call crate::file::status::statfs, Full;
    /// Statistics of a file system.
    [   -    -   99] statfs(path, statistics) => call crate::file::status_i386::statfs, Full;
    /// Statistics of an open file's file system.
    [ 138  138    -] fstatfs(descriptor, statistics) => call crate::file::status::fstatfs, Full;
    /// Statistics of an open file's file system.
    [   -    -  100] fstatfs(descriptor, statistics) => call crate::file::status_i386::fstatfs, Full;
    /// Changes the root directory.
    [ 161  161   61] chroot(path) => call crate::file::directory::chroot, Full;
    /// Writes all file systems back.
    [ 162  162   36] sync() => call crate::file::control::sync, Full;
    /// Reads part of a file into the page cache.
    [ 187  187  225] readahead(descriptor, offset, count) => call crate::file::transfer::readahead, Full;
    /// Sets an extended attribute of a file.
    [ 188  188  226] setxattr(path, name, value, size, flags) => call crate::file::extended::setxattr, Full;
    /// Sets an extended attribute of a link itself.
    [ 189  189  227] lsetxattr(path, name, value, size, flags) => call crate::file::extended::lsetxattr, Full;
    /// Sets an extended attribute of an open file.
    [ 190  190  228] fsetxattr(descriptor, name, value, size, flags) => call crate::file::extended::fsetxattr, Full;
    /// Reads an extended attribute of a file.
    [ 191  191  229] getxattr(path, name, value, size) => call crate::file::extended::getxattr, Full;
    /// Reads an extended attribute of a link itself.
    [ 192  192  230] lgetxattr(path, name, value, size) => call crate::file::extended::lgetxattr, Full;
    /// Reads an extended attribute of an open file.
    [ 193  193  231] fgetxattr(descriptor, name, value, size) => call crate::file::extended::fgetxattr, Full;
    /// Lists the extended attributes of a file.
    [ 194  194  232] listxattr(path, names, size) => call crate::file::extended::listxattr, Full;
    /// Lists the extended attributes of a link itself.
    [ 195  195  233] llistxattr(path, names, size) => call crate::file::extended::llistxattr, Full;
    /// Lists the extended attributes of an open file.
    [ 196  196  234] flistxattr(descriptor, names, size) => call crate::file::extended::flistxattr, Full;
    /// Removes an extended attribute of a file.
    [ 197  197  235] removexattr(path, name) => call crate::file::extended::removexattr, Full;
    /// Removes an extended attribute of a link itself.
    [ 198  198  236] lremovexattr(path, name) => call crate::file::extended::lremovexattr, Full;
    /// Removes an extended attribute of an open file.
    [ 199  199  237] fremovexattr(descriptor, name) => call crate::file::extended::fremovexattr, Full;
    /// Lists a directory.
    [ 217  217  220] getdents64(descriptor, entries, count) => call crate::file::directory::getdents64, Full;
    /// Announces how a file will be read.
    [ 221  221    -] fadvise64(descriptor, offset, length, advice) => call crate::file::transfer::fadvise64, Full;
    /// Announces how a file will be read.
    [   -    -  250] fadvise64(descriptor, offset, length, advice) => call crate::file::transfer::fadvise64_short, Full;
    /// Sets access and modification time in microseconds.
    [ 235  235    -] utimes(path, times) => call crate::file::change::utimes::<crate::time::Timeval>, Full;
    /// Sets access and modification time in microseconds.
    [   -    -  271] utimes(path, times) => call crate::file::change::utimes::<crate::time::Timeval32>, Full;
    /// Opens a file by path from a directory.
    [ 257  257    -] openat(directory, path, flags, mode) => call crate::file::open::openat, Full;
    /// Opens a file by path from a directory.
    [   -    -  295] openat(directory, path, flags, mode) => call crate::file::open::openat_narrow, Full;
    /// Makes a directory.
    [ 258  258  296] mkdirat(directory, path, mode) => call crate::file::entry_calls::mkdirat, Full;
    /// Makes a file, node, FIFO or socket.
    [ 259  259  297] mknodat(directory, path, mode, device) => call crate::file::entry_calls::mknodat, Full;
    /// Changes owner and group.
    [ 260  260  298] fchownat(directory, path, user, group, flags) => call crate::file::change::fchownat, Full;
    /// Sets access and modification time in microseconds.
    [ 261  261    -] futimesat(directory, path, times) => call crate::file::change::futimesat::<crate::time::Timeval>, Full;
    /// Sets access and modification time in microseconds.
    [   -    -  299] futimesat(directory, path, times) => call crate::file::change::futimesat::<crate::time::Timeval32>, Full;
    /// Attributes of what a path names.
    [ 262  262    -] newfstatat(directory, path, status, flags) => call crate::file::status::newfstatat, Full;
    /// Removes a name or an empty directory.
    [ 263  263  301] unlinkat(directory, path, flags) => call crate::file::entry_calls::unlinkat, Full;
    /// Renames.
    [ 264  264  302] renameat(old_directory, old, new_directory, new) => call crate::file::entry_calls::renameat, Full;
    /// Gives a file another name.
    [ 265  265  303] linkat(old_directory, old, new_directory, new, flags) => call crate::file::entry_calls::linkat, Full;
    /// Makes a symbolic link.
    [ 266  266  304] symlinkat(target, directory, path) => call crate::file::entry_calls::symlinkat, Full;
    /// The text of a symbolic link.
    [ 267  267  305] readlinkat(directory, path, buffer, size) => call crate::file::entry_calls::readlinkat, Full;
    /// Changes permission bits.
    [ 268  268  306] fchmodat(directory, path, mode) => call crate::file::change::fchmodat, Full;
    /// Asks whether the real user may access a file.
    [ 269  269  307] faccessat(directory, path, mode) => call crate::file::status::faccessat, Full;
    /// Moves data between a pipe and a file.
    [ 275  275  313] splice(input, input_offset, output, output_offset, tail) => call crate::ipc::splice::splice, Full;
    /// Duplicates what is in a pipe to another.
    [ 276  276  315] tee(input, output, length, flags) => call crate::ipc::splice::tee, Full;
    /// Writes part of a file back.
    [ 277  277  314] sync_file_range(descriptor, offset, length, flags) => call crate::file::control::sync_file_range, Full;
    /// Moves memory into or out of a pipe.
    [ 278  532  316] vmsplice(descriptor, vector, count, flags) => call crate::ipc::splice::vmsplice, Full;
    /// Sets access and modification time in nanoseconds.
    [ 280  280    -] utimensat(directory, path, times, flags) => call crate::file::change::utimensat::<crate::time::Timespec>, Full;
    /// Sets access and modification time in nanoseconds.
    [   -    -  320] utimensat(directory, path, times, flags) => call crate::file::change::utimensat::<crate::time::Timespec32>, Full;
    /// Allocates or frees a range of a file.
    [ 285  285  324] fallocate(descriptor, mode, offset, length) => call crate::file::resize::fallocate, Full;
    /// Duplicates a descriptor to a given number with flags.
    [ 292  292  330] dup3(old, new, flags) => call crate::file::control::dup3, Full;
    /// Reads into several buffers at an offset.
    [ 295  534  333] preadv(descriptor, vector, count, low, high) => call crate::file::read_write::preadv, Full;
    /// Writes from several buffers at an offset.
    [ 296  535  334] pwritev(descriptor, vector, count, low, high) => call crate::file::read_write::pwritev, Full;
    [ 303  303  341] name_to_handle_at() => missing;
    [ 304  304  342] open_by_handle_at() => missing;
    /// Writes one file system back.
    [ 306  306  344] syncfs(descriptor) => call crate::file::control::syncfs, Full;
    /// Renames, with flags.
    [ 316  316  353] renameat2(old_directory, old, new_directory, new, flags) => call crate::file::entry_calls::renameat2, Full;
    /// Copies a range of a file to another.
    [ 326  326  377] copy_file_range(input, input_offset, output, output_offset, tail) => call crate::file::transfer::copy_file_range, Full;
    /// Reads into several buffers with flags.
    [ 327    -  378] preadv2(descriptor, vector, count, low, high, flags) => call crate::file::read_write::preadv2, Full;
    /// Reads into several buffers with flags.
    [   -  546    -] preadv2(descriptor, vector, count, offset, flags) => call crate::file::read_write::preadv64v2, Full;
    /// Writes from several buffers with flags.
    [ 328    -  379] pwritev2(descriptor, vector, count, low, high, flags) => call crate::file::read_write::pwritev2, Full;
    /// Writes from several buffers with flags.
    [   -  547    -] pwritev2(descriptor, vector, count, offset, flags) => call crate::file::read_write::pwritev64v2, Full;
    /// Extended attributes of what a path names.
    [ 332  332  383] statx(directory, path, flags, mask, status) => call crate::file::status::statx, Full;
    /// Closes or marks a range of descriptors.
    [ 436  436  436] close_range(first, last, flags) => call crate::file::control::close_range, Full;
    /// Opens a file by path with rules for its resolution.
    [ 437  437  437] openat2(directory, path, how, size) => call crate::file::open::openat2, Full;
    /// Asks whether a file may be accessed, with flags.
    [ 439  439  439] faccessat2(directory, path, mode, flags) => call crate::file::status::faccessat2, Full;
    /// Attributes of the file a path names, first structure.
    [   -    -   18] oldstat(path, status) => call crate::file::status_i386::stat::<crate::file::status_i386::OldStat>, Full;
    /// Attributes of an open file, first structure.
    [   -    -   28] oldfstat(descriptor, status) => call crate::file::status_i386::fstat::<crate::file::status_i386::OldStat>, Full;
    [   -    -   58] ulimit() => missing;
    /// Attributes of what a path names, first structure.
    [   -    -   84] oldlstat(path, status) => call crate::file::status_i386::lstat::<crate::file::status_i386::OldStat>, Full;
    /// Reads one entry of a directory, in the oldest form.
    [   -    -   89] readdir(descriptor, entry, count) => call crate::file::directory::readdir, Full;
    /// Moves the position of an open file.
    [   -    -  140] _llseek(descriptor, high, low, result, whence) => call crate::file::read_write::llseek, Full;
    /// Sets the length of the file a path names.
    [   -    -  193] truncate64(path, length) => call crate::file::resize::truncate64, Full;
    /// Sets the length of an open file.
    [   -    -  194] ftruncate64(descriptor, length) => call crate::file::resize::ftruncate64, Full;
    /// Attributes of the file a path names.
    [   -    -  195] stat64(path, status) => call crate::file::status_i386::stat::<crate::file::status_i386::Stat64>, Full;
    /// Attributes of what a path names, a link included.
    [   -    -  196] lstat64(path, status) => call crate::file::status_i386::lstat::<crate::file::status_i386::Stat64>, Full;
    /// Attributes of an open file.
    [   -    -  197] fstat64(descriptor, status) => call crate::file::status_i386::fstat::<crate::file::status_i386::Stat64>, Full;
    /// Changes owner and group, of a link itself.
    [   -    -  198] lchown32(path, user, group) => call crate::file::change::lchown, Full;
    /// Changes owner and group of an open file.
    [   -    -  207] fchown32(descriptor, user, group) => call crate::file::change::fchown, Full;
    /// Changes owner and group.
    [   -    -  212] chown32(path, user, group) => call crate::file::change::chown, Full;
    /// Controls a descriptor or an open file.
    [   -    -  221] fcntl64(descriptor, command, argument) => call crate::file::control::fcntl64, Full;
    /// Copies from a file to another inside the kernel.
    [   -    -  239] sendfile64(out, input, offset, count) => call crate::file::transfer::sendfile::<i64>, Full;
    /// Statistics of a file system.
    [   -    -  268] statfs64(path, size, statistics) => call crate::file::status_i386::statfs64, Full;
    /// Statistics of an open file's file system.
    [   -    -  269] fstatfs64(descriptor, size, statistics) => call crate::file::status_i386::fstatfs64, Full;
    /// Announces how a file will be read.
    [   -    -  272] fadvise64_64(descriptor, offset, length, advice) => call crate::file::transfer::fadvise64, Full;
    /// Attributes of what a path names.
    [   -    -  300] fstatat64(directory, path, status, flags) => call crate::file::status_i386::fstatat64, Full;
    /// Sets access and modification time in nanoseconds.
    [   -    -  412] utimensat_time64(directory, path, times, flags) => call crate::file::change::utimensat::<crate::time::Timespec>, Full;
}
