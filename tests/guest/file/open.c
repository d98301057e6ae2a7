/* open(2), openat(2), creat(2), close(2): flags, modes and errnos. */
#include "../check.h"
#include <grp.h>
#include <sys/ioctl.h>

static void make_file(const char *path, const char *text)
{
	int fd = OK(open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644));
	EQ(write(fd, text, strlen(text)), strlen(text));
	OK(close(fd));
}

static long size_of(const char *path)
{
	struct stat status;
	OK(stat(path, &status));
	return status.st_size;
}

CASE(lowest_free_descriptor_is_used)
{
	int a = OK(open("/dev/null", O_RDONLY)), b = OK(open("/dev/null", O_RDONLY));
	CHECK(b > a);
	OK(close(a));
	EQ(OK(open("/dev/null", O_RDONLY)), a);
}

CASE(O_CREAT_makes_a_file_with_the_umask)
{
	struct stat status;
	enter_scratch();
	umask(027);
	OK(open("f", O_CREAT | O_WRONLY, 0777));
	OK(stat("f", &status));
	OUT("mode %o links %ld size %ld", status.st_mode, (long)status.st_nlink, (long)status.st_size);
	EQ(status.st_uid, geteuid());
	EQ(status.st_gid, getegid());
}

CASE(O_CREAT_keeps_an_existing_file)
{
	enter_scratch();
	make_file("f", "text");
	OK(open("f", O_CREAT | O_WRONLY, 0600));
	EQ(size_of("f"), 4);
}

CASE(O_EXCL_refuses_an_existing_file)
{
	enter_scratch();
	make_file("f", "");
	ERR(open("f", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
	OK(symlink("nowhere", "dangling"));
	ERR(open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
	OK(mkdir("d", 0700));
	ERR(open("d", O_CREAT | O_EXCL | O_RDONLY, 0600), EEXIST);
}

CASE(O_CREAT_follows_a_dangling_link)
{
	enter_scratch();
	OK(symlink("target", "link"));
	OK(open("link", O_CREAT | O_WRONLY, 0600));
	EQ(size_of("target"), 0);
}

CASE(O_TRUNC_empties)
{
	enter_scratch();
	make_file("f", "text");
	OK(open("f", O_WRONLY | O_TRUNC));
	EQ(size_of("f"), 0);
}

CASE(O_APPEND_writes_at_the_end)
{
	enter_scratch();
	make_file("f", "abc");
	int fd = OK(open("f", O_WRONLY | O_APPEND));
	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(write(fd, "d", 1), 1);
	EQ(lseek(fd, 0, SEEK_CUR), 4);
	EQ(pwrite(fd, "e", 1, 0), 1); /* Linux appends here, too */
	EQ(size_of("f"), 5);
}

CASE(O_DIRECTORY_wants_a_folder)
{
	enter_scratch();
	make_file("f", "");
	ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	OK(open(".", O_RDONLY | O_DIRECTORY));
}

CASE(O_NOFOLLOW_refuses_a_link)
{
	enter_scratch();
	make_file("f", "");
	OK(symlink("f", "link"));
	ERR(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	OK(open("f", O_RDONLY | O_NOFOLLOW));
	OK(open("link", O_PATH | O_NOFOLLOW));
}

CASE(O_CLOEXEC_sets_the_flag)
{
	EQ(fcntl(OK(open("/dev/null", O_RDONLY | O_CLOEXEC)), F_GETFD), FD_CLOEXEC);
	EQ(fcntl(OK(open("/dev/null", O_RDONLY)), F_GETFD), 0);
}

CASE(O_PATH_allows_little)
{
	char byte;
	struct stat status;
	enter_scratch();
	make_file("f", "x");
	int fd = OK(open("f", O_PATH));
	ERR(read(fd, &byte, 1), EBADF);
	ERR(write(fd, &byte, 1), EBADF);
	ERR(lseek(fd, 0, SEEK_SET), EBADF);
	ERR(fchmod(fd, 0600), EBADF);
	ERR(fchown(fd, 0, 0), EBADF);
	int count;
	ERR(ioctl(fd, FIONREAD, &count), EBADF);
	OK(fstat(fd, &status));
	OK(dup(fd));
	OUT("flags 0%o", fcntl(fd, F_GETFL));
}

CASE(O_TMPFILE_makes_a_nameless_file)
{
	struct stat status;
	char path[64];
	enter_scratch();
	int fd = OK(open(".", O_TMPFILE | O_RDWR, 0600));
	OK(fstat(fd, &status));
	EQ(status.st_nlink, 0);
	EQ(write(fd, "x", 1), 1);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	EQ(size_of("named"), 1);
	ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
}

CASE(status_flags_are_kept)
{
	enter_scratch();
	int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_APPEND, O_RDONLY | O_NONBLOCK, O_RDWR | O_SYNC, O_RDWR | O_NOATIME};
	make_file("f", "");
	for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
		OUT("0%o gives 0%o", flags[i], fcntl(OK(open("f", flags[i])), F_GETFL));
	OUT("with O_CREAT and O_TRUNC 0%o", fcntl(OK(open("f", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)), F_GETFL));
}

CASE(read_and_write_need_their_mode)
{
	char byte = 0;
	enter_scratch();
	make_file("f", "x");
	ERR(write(OK(open("f", O_RDONLY)), &byte, 1), EBADF);
	ERR(read(OK(open("f", O_WRONLY)), &byte, 1), EBADF);
	int both = OK(open("f", O_RDWR));
	EQ(read(both, &byte, 1), 1);
	EQ(write(both, &byte, 1), 1);
	int neither = open("f", O_ACCMODE);
	CHECK(neither >= 0);
	ERR(read(neither, &byte, 1), EBADF);
	ERR(write(neither, &byte, 1), EBADF);
}

CASE(missing_things_are_ENOENT)
{
	enter_scratch();
	ERR(open("missing", O_RDONLY), ENOENT);
	ERR(open("missing/f", O_CREAT | O_RDWR, 0600), ENOENT);
	ERR(open("", O_RDONLY), ENOENT);
	ERR(open("new/", O_CREAT | O_RDWR, 0600), EISDIR);
}

CASE(file_in_the_path_is_ENOTDIR)
{
	enter_scratch();
	make_file("f", "");
	ERR(open("f/x", O_RDONLY), ENOTDIR);
	ERR(open("f/", O_RDONLY), ENOTDIR);
	ERR(open("f/.", O_RDONLY), ENOTDIR);
}

CASE(folder_for_writing_is_EISDIR)
{
	ERR(open("/tmp", O_WRONLY), EISDIR);
	ERR(open("/tmp", O_RDWR), EISDIR);
	ERR(open("/tmp", O_RDONLY | O_CREAT, 0600), EISDIR);
}

CASE(link_loops_are_ELOOP)
{
	char name[16], target[16];
	enter_scratch();
	OK(symlink("self", "self"));
	ERR(open("self", O_RDONLY), ELOOP);
	make_file("l0", "");
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof name, "l%d", i);
		snprintf(target, sizeof target, "l%d", i - 1);
		OK(symlink(target, name));
	}
	OK(open("l40", O_RDONLY));
	ERR(open("l41", O_RDONLY), ELOOP);
}

CASE(long_names_are_ENAMETOOLONG)
{
	static char path[5000];
	enter_scratch();
	memset(path, 'a', 255);
	OK(open(path, O_CREAT | O_RDWR, 0600));
	path[255] = 'a';
	ERR(open(path, O_RDONLY), ENAMETOOLONG);
	memset(path, '/', 4094);
	OK(open(path, O_RDONLY));
	path[4094] = '.';
	OK(open(path, O_RDONLY));
	path[4095] = '/';
	ERR(open(path, O_RDONLY), ENAMETOOLONG);
}

CASE(wild_path_is_EFAULT)
{
	ERR(syscall(SYS_open, 16L, O_RDONLY), EFAULT);
	ERR(syscall(SYS_openat, AT_FDCWD, -1L, O_RDONLY), EFAULT);
	ERR(syscall(SYS_open, 0, O_RDONLY), EFAULT);
}

CASE(openat_starts_at_the_descriptor)
{
	enter_scratch();
	OK(mkdir("d", 0700));
	make_file("d/f", "inside");
	int folder = OK(open("d", O_RDONLY)), path = OK(open("d", O_PATH));
	OK(openat(folder, "f", O_RDONLY));
	OK(openat(path, "f", O_RDONLY));
	OK(openat(-5, "/dev/null", O_RDONLY));
	ERR(openat(-5, "f", O_RDONLY), EBADF);
	ERR(openat(OK(open("d/f", O_RDONLY)), "x", O_RDONLY), ENOTDIR);
	ERR(openat(folder, "../missing", O_RDONLY), ENOENT);
}

CASE(openat_in_a_removed_folder_is_ENOENT)
{
	enter_scratch();
	OK(mkdir("d", 0700));
	int folder = OK(open("d", O_RDONLY));
	OK(rmdir("d"));
	ERR(openat(folder, "f", O_CREAT | O_RDWR, 0600), ENOENT);
	ERR(openat(folder, "f", O_RDONLY), ENOENT);
}

CASE(permissions_are_checked)
{
	enter_scratch();
	make_file("f", "x");
	OK(chmod("f", 0640));
	make_file("w", "x");
	OK(chmod("w", 0222));
	OK(mkdir("closed", 0700));
	IN_CHILD({
		OK(setgroups(0, 0));
		OK(setresgid(1000, 1000, 1000));
		OK(setresuid(1000, 1000, 1000));
		ERR(open("f", O_RDONLY), EACCES);
		ERR(open("f", O_WRONLY), EACCES);
		ERR(open("w", O_RDONLY), EACCES);
		OK(open("w", O_WRONLY));
		ERR(open("w", O_RDWR), EACCES);
		ERR(open("closed/x", O_RDONLY), EACCES);
		ERR(open("f", O_RDONLY | O_NOATIME), EACCES);
	});
}

CASE(group_permissions_bind_members_only)
{
	enter_scratch();
	make_file("f", "x");
	OK(chown("f", 5, 77));
	OK(chmod("f", 0604)); /* group members may not, others may */
	IN_CHILD({
		gid_t group = 77;
		OK(setgroups(1, &group));
		OK(setresgid(1000, 1000, 1000));
		OK(setresuid(1000, 1000, 1000));
		ERR(open("f", O_RDONLY), EACCES);
	});
	IN_CHILD({
		OK(setgroups(0, 0));
		OK(setresgid(1000, 1000, 1000));
		OK(setresuid(1000, 1000, 1000));
		OK(open("f", O_RDONLY));
	});
}

CASE(O_NOATIME_of_anothers_file_is_EPERM)
{
	enter_scratch();
	make_file("f", "x");
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(open("f", O_RDONLY | O_NOATIME), EPERM);
	});
}

CASE(too_many_descriptors_are_EMFILE)
{
	struct rlimit limit = {20, 20};
	int last = 0;
	OK(setrlimit(RLIMIT_NOFILE, &limit));
	while (last < 19)
		last = OK(open("/dev/null", O_RDONLY));
	ERR(open("/dev/null", O_RDONLY), EMFILE);
	ERR(dup(0), EMFILE);
	int ends[2];
	ERR(pipe(ends), EMFILE);
	OK(close(10));
	EQ(OK(open("/dev/null", O_RDONLY)), 10);
}

CASE(close_twice_is_EBADF)
{
	int fd = OK(open("/dev/null", O_RDONLY));
	OK(close(fd));
	ERR(close(fd), EBADF);
	ERR(close(-1), EBADF);
	ERR(close(1 << 30), EBADF);
}

CASE(creat_is_open_with_three_flags)
{
	enter_scratch();
	make_file("f", "text");
	int fd = OK(creat("f", 0600));
	EQ(size_of("f"), 0);
	OUT("flags 0%o", fcntl(fd, F_GETFL));
}

CASE(read_of_a_folder_is_EISDIR)
{
	char byte;
	ERR(read(OK(open("/tmp", O_RDONLY)), &byte, 1), EISDIR);
}

CASE(dot_and_dot_dot)
{
	char path[256];
	struct stat a, b;
	enter_scratch();
	OK(mkdir("d", 0700));
	OK(stat("d/../d/./.", &a));
	OK(stat("d", &b));
	EQ(a.st_ino, b.st_ino);
	OK(stat("/..", &a));
	OK(stat("/", &b));
	EQ(a.st_ino, b.st_ino);
	CHECK(getcwd(path, sizeof path));
}
