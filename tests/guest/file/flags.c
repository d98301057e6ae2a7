/* Flags of inodes (ioctl_iflags(2)) on a tmpfs: files that nobody changes, files that only grow. */
#include "../check.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

static const char *said(long result)
{
	return result == -1 ? errno_name(errno) : "allowed";
}

static int make(const char *name, int flags)
{
	int fd = OK(open(name, O_CREAT | O_RDWR, 0644));
	EQ(write(fd, "abc", 3), 3);
	OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	return fd;
}

CASE(flags_are_kept_and_shown)
{
	enter_scratch();
	int fd = make("file", 0), flags = -1;
	OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	OUT("at first %#x", flags);
	const int each[] = {FS_IMMUTABLE_FL, FS_APPEND_FL, FS_NODUMP_FL, FS_NOATIME_FL, FS_SECRM_FL, FS_UNRM_FL, FS_COMPR_FL,
			    FS_SYNC_FL, FS_DIRSYNC_FL, FS_NOCOW_FL, FS_EXTENT_FL, FS_CASEFOLD_FL, FS_IMMUTABLE_FL | FS_APPEND_FL, -1};
	for (unsigned i = 0; i < sizeof each / sizeof *each; i++) {
		flags = each[i];
		const char *answer = said(ioctl(fd, FS_IOC_SETFLAGS, &flags));
		OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
		struct statx more;
		OK(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &more));
		OUT("%#x: %s, then %#x, statx %#llx of %#llx", each[i], answer, flags, (unsigned long long)more.stx_attributes,
		    (unsigned long long)more.stx_attributes_mask);
	}
	flags = 0;
	OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	ERR(ioctl(fd, FS_IOC_SETFLAGS, (void *)16), EFAULT);
	ERR(ioctl(fd, FS_IOC_GETFLAGS, (void *)16), EFAULT);
}

CASE(setting_flags_changes_the_change_time)
{
	enter_scratch();
	int fd = make("file", 0), flags = FS_NODUMP_FL;
	struct stat before, after;
	OK(fstat(fd, &before));
	usleep(20000);
	OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	OK(fstat(fd, &after));
	CHECK(before.st_ctim.tv_sec != after.st_ctim.tv_sec || before.st_ctim.tv_nsec != after.st_ctim.tv_nsec);
	EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

CASE(extended_flags)
{
	enter_scratch();
	int fd = make("file", FS_NODUMP_FL);
	struct fsxattr more = {0};
	OK(ioctl(fd, FS_IOC_FSGETXATTR, &more));
	OUT("at first %#x", more.fsx_xflags);
	const unsigned each[] = {0, FS_XFLAG_IMMUTABLE, FS_XFLAG_APPEND, FS_XFLAG_NOATIME, FS_XFLAG_SYNC, FS_XFLAG_PROJINHERIT,
				 FS_XFLAG_DAX, FS_XFLAG_EXTSIZE, FS_XFLAG_EXTSZINHERIT, FS_XFLAG_COWEXTSIZE, FS_XFLAG_NOSYMLINKS, FS_XFLAG_HASATTR};
	for (unsigned i = 0; i < sizeof each / sizeof *each; i++) {
		int flags;
		more = (struct fsxattr){.fsx_xflags = each[i]};
		const char *answer = said(ioctl(fd, FS_IOC_FSSETXATTR, &more));
		OK(ioctl(fd, FS_IOC_FSGETXATTR, &more));
		OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
		OUT("%#x: %s, then %#x and %#x", each[i], answer, more.fsx_xflags, flags);
	}
	more = (struct fsxattr){.fsx_extsize = 4096};
	OUT("extents: %s", said(ioctl(fd, FS_IOC_FSSETXATTR, &more)));
	more = (struct fsxattr){.fsx_projid = 1};
	OUT("project: %s", said(ioctl(fd, FS_IOC_FSSETXATTR, &more)));
	more = (struct fsxattr){.fsx_nextents = 1, .fsx_pad = {1}};
	OUT("what is only given: %s", said(ioctl(fd, FS_IOC_FSSETXATTR, &more)));
	ERR(ioctl(fd, FS_IOC_FSGETXATTR, (void *)16), EFAULT);
	ERR(ioctl(fd, FS_IOC_FSSETXATTR, (void *)16), EFAULT);
}

CASE(new_files_inherit_two_flags)
{
	enter_scratch();
	OK(mkdir("folder", 0755));
	int folder = OK(open("folder", O_RDONLY)), flags = FS_NODUMP_FL | FS_NOATIME_FL | FS_APPEND_FL;
	OK(ioctl(folder, FS_IOC_SETFLAGS, &flags));
	int fd = OK(open("folder/file", O_CREAT | O_RDWR, 0644));
	OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	OUT("file %#x", flags);
	OK(mkdir("folder/inner", 0755));
	int inner = OK(open("folder/inner", O_RDONLY));
	OK(ioctl(inner, FS_IOC_GETFLAGS, &flags));
	OUT("folder %#x", flags);
	flags = 0;
	OK(ioctl(folder, FS_IOC_SETFLAGS, &flags));
}

CASE(who_may_set_flags)
{
	enter_scratch();
	int fd = make("file", 0);
	OK(fchmod(fd, 0666));
	OK(chmod(".", 0777));
	int theirs = make("theirs", 0);
	OK(fchown(theirs, 1000, 1000));
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		int flags = FS_NODUMP_FL;
		OUT("another's: %s", said(ioctl(fd, FS_IOC_SETFLAGS, &flags)));
		OUT("own: %s", said(ioctl(theirs, FS_IOC_SETFLAGS, &flags)));
		flags = FS_IMMUTABLE_FL;
		OUT("own, immutable: %s", said(ioctl(theirs, FS_IOC_SETFLAGS, &flags)));
		flags = FS_SYNC_FL;
		OUT("own, unknown: %s", said(ioctl(theirs, FS_IOC_SETFLAGS, &flags)));
	});
	int read_only = OK(open("file", O_RDONLY)), flags = FS_NODUMP_FL;
	OUT("through a descriptor for reading: %s", said(ioctl(read_only, FS_IOC_SETFLAGS, &flags)));
	int path = OK(open("file", O_PATH));
	ERR(ioctl(path, FS_IOC_GETFLAGS, &flags), EBADF);
}

CASE(other_kinds_of_files)
{
	enter_scratch();
	OK(mkfifo("fifo", 0600));
	int ends[2], flags = 0;
	OK(pipe(ends));
	int fds[] = {OK(open("fifo", O_RDWR)), OK(open("/dev/null", O_RDWR)), ends[0], OK(open("/proc/self/stat", O_RDONLY)),
		     OK(open("/proc/self", O_RDONLY)), OK(memfd_create("memory", 0))};
	const char *names[] = {"fifo", "null", "pipe", "proc", "proc folder", "memfd"};
	for (unsigned i = 0; i < 6; i++) {
		const char *get = said(ioctl(fds[i], FS_IOC_GETFLAGS, &flags));
		flags = 0;
		OUT("%s: get %s, set %s", names[i], get, said(ioctl(fds[i], FS_IOC_SETFLAGS, &flags)));
	}
}

/* What is tried with a file "it" that has the flags, and a folder "folder" that has them, by descriptors from before. */
static void try_all(int flags)
{
	enter_scratch();
	OK(mkdir("folder", 0755));
	close(OK(open("folder/inside", O_CREAT | O_RDWR, 0644)));
	close(OK(open("other", O_CREAT | O_RDWR, 0644)));
	int folder = OK(open("folder", O_RDONLY));
	int fd = make("it", flags);
	OK(ioctl(folder, FS_IOC_SETFLAGS, &flags));
	struct timespec times[2] = {{1, 0}, {1, 0}}, half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
	OUT("open to read: %s", said(open("it", O_RDONLY)));
	OUT("open to write: %s", said(open("it", O_WRONLY)));
	OUT("open to append: %s", said(open("it", O_WRONLY | O_APPEND)));
	OUT("open to truncate: %s", said(open("it", O_RDONLY | O_TRUNC)));
	OUT("open to append and truncate: %s", said(open("it", O_WRONLY | O_APPEND | O_TRUNC)));
	OUT("access: %s", said(access("it", W_OK)));
	OUT("write by an older descriptor: %s", said(write(fd, "x", 1)));
	OUT("truncate: %s", said(truncate("it", 1)));
	OUT("ftruncate: %s", said(ftruncate(fd, 1)));
	OUT("fallocate: %s", said(fallocate(fd, 0, 0, 8192)));
	OUT("fallocate, size kept: %s", said(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 8192)));
	OUT("punch: %s", said(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096)));
	OUT("shared mapping: %s", mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? errno_name(errno) : "allowed");
	OUT("shared mapping to read: %s", mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? errno_name(errno) : "allowed");
	OUT("chmod: %s", said(chmod("it", 0600)));
	OUT("chown: %s", said(chown("it", 1, 1)));
	OUT("chown to nobody new: %s", said(chown("it", -1, -1)));
	OUT("times: %s", said(utimensat(AT_FDCWD, "it", times, 0)));
	OUT("times now: %s", said(utimensat(AT_FDCWD, "it", 0, 0)));
	OUT("one time now: %s", said(utimensat(AT_FDCWD, "it", half, 0)));
	OUT("attribute: %s", said(setxattr("it", "trusted.x", "1", 1, 0)));
	OUT("attribute of security: %s", said(setxattr("it", "security.x", "1", 1, 0)));
	OUT("link: %s", said(link("it", "second")));
	OUT("rename: %s", said(rename("it", "third")));
	OUT("rename over it: %s", said(rename("other", "it")));
	OUT("unlink: %s", said(unlink("it")));
	OUT("O_APPEND off: %s", said(fcntl(fd, F_SETFL, 0)));
	int appending = open("it", O_WRONLY | O_APPEND);
	if (appending >= 0) {
		OUT("O_APPEND off where it was on: %s", said(fcntl(appending, F_SETFL, 0)));
		OUT("write at the end: %s", said(write(appending, "yz", 2)));
	}
	OUT("create inside: %s", said(open("folder/new", O_CREAT | O_WRONLY, 0644)));
	OUT("mkdir inside: %s", said(mkdir("folder/newer", 0755)));
	OUT("temporary inside: %s", said(open("folder", O_TMPFILE | O_RDWR, 0644)));
	OUT("unlink inside: %s", said(unlink("folder/inside")));
	OUT("write inside: %s", said(open("folder/inside", O_WRONLY)));
	OUT("rename within: %s", said(rename("folder/inside", "folder/moved")));
	OUT("rmdir: %s", said(rmdir("folder")));
	OUT("rename the folder: %s", said(rename("folder", "fourth")));
	/* Nobody but its owner may take it away again. */
	flags = 0;
	OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	OK(ioctl(folder, FS_IOC_SETFLAGS, &flags));
}

CASE(an_immutable_file)
{
	try_all(FS_IMMUTABLE_FL);
}

CASE(a_file_that_only_grows)
{
	try_all(FS_APPEND_FL);
}

CASE(a_file_with_both_flags)
{
	try_all(FS_APPEND_FL | FS_IMMUTABLE_FL);
}

CASE(a_file_with_no_flag)
{
	try_all(0);
}

CASE(reads_of_a_file_leave_its_access_time_where_asked)
{
	enter_scratch();
	int fd = make("file", FS_NOATIME_FL);
	char byte;
	struct timespec old[2] = {{1, 0}, {2, 0}};
	OK(futimens(fd, old));
	EQ(pread(fd, &byte, 1, 0), 1);
	struct stat status;
	OK(fstat(fd, &status));
	OUT("access time %lld", (long long)status.st_atime);
}
