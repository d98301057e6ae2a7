/* stat(2), lstat(2), fstat(2), fstatat(2), statx(2), access(2), statfs(2), chmod, chown, utimensat. */
#include "../check.h"
#include <grp.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <utime.h>

static void make_file(const char *path, const char *text)
{
	int fd = OK(open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644));
	EQ(write(fd, text, strlen(text)), strlen(text));
	OK(close(fd));
}

static mode_t mode_of(const char *path)
{
	struct stat status;
	OK(lstat(path, &status));
	return status.st_mode;
}

CASE(file_types_in_the_mode)
{
	enter_scratch();
	make_file("f", "");
	OK(mkdir("d", 0700));
	OK(symlink("f", "l"));
	OK(mkfifo("p", 0600));
	OUT("file %o folder %o link %o pipe %o", mode_of("f"), mode_of("d"), mode_of("l"), mode_of("p"));
	OUT("null %o tty %o", mode_of("/dev/null"), mode_of("/dev/tty"));
}

CASE(sizes_and_blocks)
{
	struct stat status;
	enter_scratch();
	make_file("f", "hello");
	OK(stat("f", &status));
	OUT("size %ld block size %ld blocks %ld", (long)status.st_size, (long)status.st_blksize, (long)status.st_blocks);
	OK(truncate("f", 1000000));
	OK(stat("f", &status));
	OUT("sparse: size %ld blocks %ld", (long)status.st_size, (long)status.st_blocks);
	OK(symlink("abcdef", "l"));
	OK(lstat("l", &status));
	OUT("link size %ld", (long)status.st_size);
}

CASE(device_numbers)
{
	const char *paths[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/console", "/dev/ptmx", "/dev/kmsg"};
	struct stat status;
	for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
		if (stat(paths[i], &status) != 0)
			OUT("%s %s", paths[i], errno_name(errno));
		else
			OUT("%s %u:%u mode %o", paths[i], major(status.st_rdev), minor(status.st_rdev), status.st_mode);
	}
}

CASE(links_count)
{
	struct stat status;
	enter_scratch();
	OK(stat(".", &status));
	EQ(status.st_nlink, 2);
	OK(mkdir("d", 0700));
	OK(stat(".", &status));
	EQ(status.st_nlink, 3);
	OK(rmdir("d"));
	OK(stat(".", &status));
	EQ(status.st_nlink, 2);
}

CASE(stat_follows_and_lstat_does_not)
{
	struct stat a, b;
	enter_scratch();
	make_file("f", "hello");
	OK(symlink("f", "l"));
	OK(stat("l", &a));
	OK(stat("f", &b));
	EQ(a.st_ino, b.st_ino);
	OK(lstat("l", &a));
	CHECK(S_ISLNK(a.st_mode));
	OK(fstatat(AT_FDCWD, "l", &a, AT_SYMLINK_NOFOLLOW));
	CHECK(S_ISLNK(a.st_mode));
	OK(symlink("nowhere", "dangling"));
	ERR(stat("dangling", &a), ENOENT);
	OK(lstat("dangling", &a));
}

CASE(fstatat_flags)
{
	struct stat status;
	enter_scratch();
	make_file("f", "hello");
	int fd = OK(open("f", O_RDONLY));
	OK(fstatat(fd, "", &status, AT_EMPTY_PATH));
	EQ(status.st_size, 5);
	ERR(fstatat(fd, "", &status, 0), ENOENT);
	ERR(fstatat(AT_FDCWD, "f", &status, 0x4000000), EINVAL);
	ERR(fstatat(99, "f", &status, 0), EBADF);
	ERR(fstatat(fd, "x", &status, 0), ENOTDIR);
	OK(fstatat(AT_FDCWD, "", &status, AT_EMPTY_PATH));
}

CASE(stat_errors)
{
	struct stat status;
	enter_scratch();
	make_file("f", "");
	ERR(stat("missing", &status), ENOENT);
	ERR(stat("", &status), ENOENT);
	ERR(stat("f/x", &status), ENOTDIR);
	ERR(fstat(99, &status), EBADF);
	ERR(syscall(SYS_newfstatat, AT_FDCWD, "f", 16L, 0), EFAULT);
	ERR(syscall(SYS_newfstatat, AT_FDCWD, 16L, &status, 0), EFAULT);
}

CASE(times_change_as_they_should)
{
	struct stat before, after;
	char byte;
	enter_scratch();
	make_file("f", "hello");
	OK(stat("f", &before));
	sleep_ms(30);
	int fd = OK(open("f", O_RDWR));
	EQ(write(fd, "x", 1), 1);
	OK(stat("f", &after));
	CHECK(after.st_mtim.tv_sec > before.st_mtim.tv_sec || after.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
	CHECK(after.st_ctim.tv_nsec == after.st_mtim.tv_nsec);
	before = after;
	sleep_ms(30);
	OK(chmod("f", 0600));
	OK(stat("f", &after));
	CHECK(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
	CHECK(after.st_ctim.tv_nsec != before.st_ctim.tv_nsec || after.st_ctim.tv_sec != before.st_ctim.tv_sec);
	EQ(pread(fd, &byte, 1, 0), 1);
	OK(stat(".", &before));
	sleep_ms(30);
	make_file("g", "");
	OK(stat(".", &after));
	CHECK(after.st_mtim.tv_nsec != before.st_mtim.tv_nsec || after.st_mtim.tv_sec != before.st_mtim.tv_sec);
}

CASE(statx_tells_what_stat_tells)
{
	struct statx x;
	struct stat s;
	enter_scratch();
	make_file("f", "hello");
	OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x));
	OK(stat("f", &s));
	EQ(x.stx_ino, s.st_ino);
	EQ(x.stx_size, 5);
	EQ(x.stx_mode, s.st_mode);
	EQ(x.stx_uid, s.st_uid);
	EQ(x.stx_mtime.tv_nsec, s.st_mtim.tv_nsec);
	EQ(makedev(x.stx_dev_major, x.stx_dev_minor), s.st_dev);
	EQ(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	ERR(statx(AT_FDCWD, "f", 0x4000000, STATX_ALL, &x), EINVAL);
	ERR(statx(AT_FDCWD, "f", 0, 0x80000000, &x), EINVAL);
	ERR(syscall(SYS_statx, AT_FDCWD, "f", 0, STATX_ALL, 16L), EFAULT);
	ERR(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_ALL, &x), EINVAL);
}

CASE(access_asks_for_the_real_user)
{
	enter_scratch();
	make_file("f", "");
	OK(chmod("f", 0600));
	OK(access("f", F_OK));
	OK(access("f", R_OK | W_OK));
	ERR(access("f", X_OK), EACCES);
	OK(chmod("f", 0100));
	OK(access("f", X_OK));
	ERR(access("f", 8), EINVAL);
	ERR(access("missing", F_OK), ENOENT);
	OK(setresuid(1000, 0, 0));
	ERR(access("f", R_OK), EACCES);
	OK(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
	ERR(faccessat(AT_FDCWD, "f", R_OK, 0), EACCES);
	ERR(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0x4000000), EINVAL);
}

CASE(chmod_by_owner_and_root_only)
{
	enter_scratch();
	make_file("f", "");
	OK(chmod("f", 07777));
	EQ(mode_of("f"), 0107777);
	OK(fchmod(OK(open("f", O_RDONLY)), 0444));
	EQ(mode_of("f"), 0100444);
	OK(fchmodat(AT_FDCWD, "f", 0, 0));
	EQ(mode_of("f"), 0100000);
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(chmod("f", 0777), EPERM);
	});
	ERR(chmod("missing", 0), ENOENT);
	ERR(fchmod(99, 0), EBADF);
}

CASE(setgid_bit_is_cleared_for_another_group)
{
	enter_scratch();
	make_file("f", "");
	OK(chown("f", 1000, 77));
	IN_CHILD({
		OK(setgroups(0, 0));
		OK(setresgid(1000, 1000, 1000));
		OK(setresuid(1000, 1000, 1000));
		OK(chmod("f", 02755));
		EQ(mode_of("f"), 0100755);
	});
}

CASE(chown_rules)
{
	struct stat status;
	enter_scratch();
	make_file("f", "");
	OK(chown("f", 1000, 77));
	OK(stat("f", &status));
	EQ(status.st_uid, 1000);
	EQ(status.st_gid, 77);
	OK(chown("f", -1, -1));
	OK(stat("f", &status));
	EQ(status.st_uid, 1000);
	IN_CHILD({
		gid_t group = 88;
		OK(setgroups(1, &group));
		OK(setresgid(1000, 1000, 1000));
		OK(setresuid(1000, 1000, 1000));
		OK(chown("f", -1, 88));
		ERR(chown("f", -1, 99), EPERM);
		ERR(chown("f", 1001, -1), EPERM);
	});
	OK(symlink("f", "l"));
	OK(lchown("l", 5, 5));
	OK(lstat("l", &status));
	EQ(status.st_uid, 5);
	OK(stat("f", &status));
	EQ(status.st_uid, 1000);
}

CASE(chown_clears_setuid_and_setgid)
{
	enter_scratch();
	make_file("f", "");
	OK(chmod("f", 06755));
	OK(chown("f", 1000, 1000));
	OUT("mode %o", mode_of("f"));
	OK(chmod("f", 06745));
	OK(chown("f", 1001, 1001));
	OUT("without group execution %o", mode_of("f"));
}

CASE(write_clears_setuid_for_an_ordinary_user)
{
	enter_scratch();
	make_file("f", "");
	OK(chmod("f", 06777));
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		int fd = OK(open("f", O_WRONLY));
		EQ(write(fd, "x", 1), 1);
	});
	OUT("mode %o", mode_of("f"));
}

CASE(utimensat_sets_times)
{
	struct stat status;
	struct timespec times[2] = {{1000, 111}, {2000, 222}};
	enter_scratch();
	make_file("f", "");
	OK(utimensat(AT_FDCWD, "f", times, 0));
	OK(stat("f", &status));
	OUT("%ld.%ld %ld.%ld", (long)status.st_atim.tv_sec, (long)status.st_atim.tv_nsec, (long)status.st_mtim.tv_sec,
	    (long)status.st_mtim.tv_nsec);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_NOW;
	OK(utimensat(AT_FDCWD, "f", times, 0));
	OK(stat("f", &status));
	EQ(status.st_atim.tv_sec, 1000);
	CHECK(status.st_mtim.tv_sec > 2000);
	times[0].tv_nsec = 1000000000;
	ERR(utimensat(AT_FDCWD, "f", times, 0), EINVAL);
	ERR(utimensat(AT_FDCWD, "missing", 0, 0), ENOENT);
	ERR(utimensat(AT_FDCWD, "f", 0, 0x4000000), EINVAL);
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(utimensat(AT_FDCWD, "f", 0, 0), EACCES);
		struct timespec other[2] = {{1, 1}, {1, 1}};
		ERR(utimensat(AT_FDCWD, "f", other, 0), EPERM);
	});
}

CASE(statfs_knows_the_file_systems)
{
	struct statfs status;
	OK(statfs("/proc", &status));
	OUT("/proc type 0x%lx block size %ld name length %ld", (long)status.f_type, (long)status.f_bsize, (long)status.f_namelen);
	OK(statfs("/tmp", &status));
	OUT("/tmp type 0x%lx block size %ld name length %ld", (long)status.f_type, (long)status.f_bsize, (long)status.f_namelen);
	CHECK(status.f_blocks > 0 && status.f_bfree > 0 && status.f_bfree <= status.f_blocks);
	OK(fstatfs(OK(open("/dev/pts", O_RDONLY)), &status));
	OUT("/dev/pts type 0x%lx", (long)status.f_type);
	ERR(statfs("/missing", &status), ENOENT);
	ERR(syscall(SYS_statfs, "/", 16L), EFAULT);
}
