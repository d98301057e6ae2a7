/* inotify(7): what is told of files and directories, and how. */
#include "events.h"
#include <poll.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>

static int instance(void)
{
	return OK(inotify_init1(IN_NONBLOCK));
}

CASE(instances)
{
	int one = OK(syscall(SYS_inotify_init1, 0)), two = OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	OUT("flags %#x %#x, %#x %#x", fcntl(one, F_GETFL) & ~O_LARGEFILE, fcntl(one, F_GETFD), fcntl(two, F_GETFL) & ~O_LARGEFILE,
	    fcntl(two, F_GETFD));
#ifdef SYS_inotify_init
	int three = OK(syscall(SYS_inotify_init));
	OUT("old: %#x %#x", fcntl(three, F_GETFL) & ~O_LARGEFILE, fcntl(three, F_GETFD));
#endif
	ERR(inotify_init1(1), EINVAL);
	ERR(inotify_init1(-1), EINVAL);
	ERR(inotify_init1(O_RDWR), EINVAL);
	char name[100], target[64] = "";
	snprintf(name, sizeof name, "/proc/self/fd/%d", one);
	OK(readlink(name, target, sizeof target - 1));
	OUT("called %s", target);
	ERR(read(two, name, sizeof name), EAGAIN);
	ERR(write(one, name, 1), EBADF);
	EQ(lseek(one, 0, SEEK_CUR), 0);
	EQ(lseek(one, 100, SEEK_SET), 0);
	EQ(lseek(one, -100, SEEK_END), 0);
	long got = pread(two, name, 100, 10);
	OUT("pread %ld %s", got, errno_name(errno));
	ERR(pwrite(two, name, 100, 10), ESPIPE);
}
CASE(refused_watches)
{
	int fd = instance(), other = OK(open("/tmp", O_RDONLY));
	begin_folder();
	make("file");
	OK(symlink("file", "link"));
	OK(symlink("nowhere", "broken"));
	ERR(inotify_add_watch(fd, ".", 0), EINVAL);
	ERR(inotify_add_watch(fd, ".", 0x00010000), EINVAL);
	ERR(inotify_add_watch(fd, ".", 0x1000), EINVAL);
	ERR(inotify_add_watch(-1, ".", 0), EINVAL);
	ERR(inotify_add_watch(-1, ".", IN_OPEN), EBADF);
	ERR(inotify_add_watch(fd, ".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
	ERR(inotify_add_watch(-1, ".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EBADF);
	ERR(inotify_add_watch(other, ".", IN_OPEN), EINVAL);
	ERR(inotify_add_watch(other, "nowhere", IN_OPEN), EINVAL);
	ERR(inotify_add_watch(fd, "nowhere", IN_OPEN), ENOENT);
	ERR(inotify_add_watch(fd, "", IN_OPEN), ENOENT);
	ERR(inotify_add_watch(fd, "broken", IN_OPEN), ENOENT);
	ERR(inotify_add_watch(fd, "file/x", IN_OPEN), ENOTDIR);
	ERR(inotify_add_watch(fd, "file", IN_OPEN | IN_ONLYDIR), ENOTDIR);
	ERR(inotify_add_watch(fd, "link", IN_OPEN | IN_ONLYDIR), ENOTDIR);
	ERR(inotify_add_watch(fd, (char *)8, IN_OPEN), EFAULT);
	static char longest[5000];
	memset(longest, 'x', sizeof longest - 1);
	ERR(inotify_add_watch(fd, longest, IN_OPEN), ENAMETOOLONG);
	int path = OK(open(".", O_PATH));
	ERR(inotify_add_watch(path, ".", IN_OPEN), EBADF);
	ERR(inotify_rm_watch(path, 1), EBADF);
	ERR(inotify_rm_watch(fd, 1), EINVAL);
	ERR(inotify_rm_watch(fd, 0), EINVAL);
	ERR(inotify_rm_watch(fd, -1), EINVAL);
	ERR(inotify_rm_watch(-1, 1), EBADF);
	ERR(inotify_rm_watch(other, 1), EINVAL);
	/* Bits that mean nothing are taken, as long as they are known. */
	OUT("flags alone: %d", inotify_add_watch(fd, "file", IN_ONESHOT));
	OUT("events of the kernel: %d", inotify_add_watch(fd, ".", IN_IGNORED | IN_UNMOUNT | IN_ISDIR));
	if (getuid() == 0) {
		OK(chmod("file", 0300));
		IN_CHILD({
			OK(setresuid(1001, 1001, 1001));
			ERR(inotify_add_watch(fd, "file", IN_OPEN), EACCES);
		});
		OK(chmod(".", 0700));
		IN_CHILD({
			OK(setresuid(1001, 1001, 1001));
			char name[100];
			snprintf(name, sizeof name, "%s/file", folder);
			ERR(inotify_add_watch(fd, name, IN_OPEN), EACCES);
		});
	}
	end_folder();
}
CASE(descriptors_of_watches)
{
	int fd = instance();
	begin_folder();
	make("a"), make("b"), make("c");
	OUT("%d %d %d", inotify_add_watch(fd, "a", IN_OPEN), inotify_add_watch(fd, "b", IN_OPEN), inotify_add_watch(fd, "c", IN_OPEN));
	OUT("again %d", inotify_add_watch(fd, "b", IN_CLOSE));
	OK(link("a", "other"));
	OUT("another name %d", inotify_add_watch(fd, "other", IN_OPEN));
	OK(inotify_rm_watch(fd, 2));
	ERR(inotify_rm_watch(fd, 2), EINVAL);
	OUT("after a removal %d", inotify_add_watch(fd, "b", IN_OPEN));
	tell_events("removal", fd);
	int second = instance();
	OUT("of another instance %d", inotify_add_watch(second, "b", IN_OPEN));
	end_folder();
}
CASE(a_file_by_itself)
{
	int fd = instance();
	char c[8];
	begin_folder();
	make("file");
	OK(inotify_add_watch(fd, "file", IN_ALL_EVENTS));
	int file = OK(open("file", O_RDWR));
	tell_events("open", fd);
	EQ(read(file, c, 2), 2);
	tell_events("read", fd);
	EQ(write(file, c, 2), 2);
	tell_events("write", fd);
	EQ(pread(file, c, 2, 0), 2);
	EQ(pwrite(file, c, 2, 0), 2);
	tell_events("pread, pwrite", fd);
	EQ(pread(file, c, 2, 100), 0);
	EQ(read(file, c, 0), 0);
	tell_events("nothing read", fd);
	struct iovec vector = {c, 2}, none = {c, 0};
	EQ(readv(file, &vector, 1), 0);
	tell_events("readv at the end", fd);
	EQ(writev(file, &vector, 1), 2);
	EQ(writev(file, &none, 1), 0);
	tell_events("writev", fd);
	EQ(preadv(file, &none, 1, 0), 0);
	tell_events("preadv of nothing", fd);
	EQ(pwritev(file, &vector, 1, 0), 2);
	tell_events("pwritev", fd);
	OK(ftruncate(file, 3));
	tell_events("ftruncate", fd);
	OK(ftruncate(file, 3));
	tell_events("ftruncate to the same", fd);
	OK(fchmod(file, 0600));
	tell_events("fchmod", fd);
	OK(fchown(file, -1, -1));
	tell_events("fchown of nothing", fd);
	OK(fchown(file, getuid(), getgid()));
	tell_events("fchown", fd);
	OK(posix_fallocate(file, 0, 100));
	tell_events("fallocate", fd);
	OK(fsync(file));
	struct stat status;
	OK(fstat(file, &status));
	tell_events("fsync, fstat", fd);
	OK(close(file));
	tell_events("close", fd);
	OK(close(OK(open("file", O_RDONLY))));
	tell_events("open and close", fd);
	OK(truncate("file", 1));
	tell_events("truncate", fd);
	OK(close(OK(open("file", O_WRONLY | O_TRUNC))));
	tell_events("O_TRUNC", fd);
	OK(close(OK(open("file", O_PATH))));
	tell_events("O_PATH", fd);
	struct timespec times[2] = {{1, 0}, {2, 0}};
	OK(utimensat(AT_FDCWD, "file", times, 0));
	tell_events("both times", fd);
	times[0].tv_nsec = UTIME_OMIT;
	OK(utimensat(AT_FDCWD, "file", times, 0));
	tell_events("modification time", fd);
	times[0].tv_nsec = 0, times[1].tv_nsec = UTIME_OMIT;
	OK(utimensat(AT_FDCWD, "file", times, 0));
	tell_events("access time", fd);
	times[0].tv_nsec = UTIME_OMIT;
	OK(utimensat(AT_FDCWD, "file", times, 0));
	tell_events("no time", fd);
	OK(link("file", "link"));
	tell_events("link", fd);
	OK(unlink("link"));
	tell_events("unlink of the link", fd);
	OK(rename("file", "moved"));
	tell_events("rename", fd);
	OK(setxattr("moved", "trusted.x", "1", 1, 0));
	tell_events("setxattr", fd);
	OK(removexattr("moved", "trusted.x"));
	tell_events("removexattr", fd);
	OK(unlink("moved"));
	tell_events("unlink", fd);
	end_folder();
}
CASE(a_file_by_its_directory)
{
	int fd = instance();
	char c[8];
	begin_folder();
	OK(inotify_add_watch(fd, ".", IN_ALL_EVENTS));
	int file = OK(open("file", O_CREAT | O_EXCL | O_RDWR, 0644));
	tell_events("create", fd);
	EQ(write(file, "abc", 3), 3);
	EQ(write(file, "abc", 3), 3);
	tell_events("two writes", fd);
	EQ(pread(file, c, 2, 0), 2);
	tell_events("read", fd);
	OK(fchmod(file, 0600));
	tell_events("fchmod", fd);
	OK(close(file));
	tell_events("close", fd);
	OK(mkdir("folder", 0755));
	tell_events("mkdir", fd);
	OK(mkfifo("fifo", 0600));
	tell_events("mkfifo", fd);
	OK(symlink("file", "symlink"));
	tell_events("symlink", fd);
	OK(link("file", "link"));
	tell_events("link", fd);
	OK(chmod("link", 0640));
	tell_events("chmod by the other name", fd);
	OK(rename("file", "new"));
	tell_events("rename", fd);
	OK(rename("new", "folder/inside"));
	tell_events("rename away", fd);
	OK(rename("folder/inside", "back"));
	tell_events("rename back", fd);
	OK(rename("back", "link"));
	tell_events("rename to itself", fd);
	make("victim");
	tell_events("make", fd);
	OK(rename("link", "victim"));
	tell_events("rename over", fd);
	OK(rename("folder", "directory"));
	tell_events("rename of a directory", fd);
	make("directory/deeper");
	tell_events("deeper", fd);
	OK(close(OK(open("directory", O_RDONLY))));
	tell_events("open of a directory", fd);
	OK(chmod(".", 0700));
	tell_events("chmod of itself", fd);
	int own = OK(open(".", O_RDONLY | O_DIRECTORY));
	char entries[4096];
	tell_events("open of itself", fd);
	CHECK(syscall(SYS_getdents64, own, entries, sizeof entries) > 0);
	tell_events("getdents", fd);
	EQ(syscall(SYS_getdents64, own, entries, sizeof entries), 0);
	tell_events("getdents at the end", fd);
	OK(close(own));
	tell_events("close of itself", fd);
	OK(unlink("directory/deeper"));
	OK(rmdir("directory"));
	tell_events("rmdir", fd);
	OK(unlink("fifo"));
	OK(unlink("symlink"));
	tell_events("unlink", fd);
	file = OK(open("victim", O_RDWR));
	OK(unlink("victim"));
	tell_events("unlink while open", fd);
	EQ(write(file, "x", 1), 1);
	OK(close(file));
	tell_events("use after unlink", fd);
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "socket"};
	int s = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(bind(s, (void *)&name, sizeof name));
	tell_events("bind", fd);
	int unnamed = OK(open(".", O_TMPFILE | O_RDWR, 0600));
	EQ(write(unnamed, "x", 1), 1);
	OK(close(unnamed));
	/* The name that is told is the inode's number. */
	char left[4096];
	struct inotify_event *event = (void *)left;
	for (ssize_t length = read(fd, left, sizeof left), at = 0; at < length; at += sizeof *event + event->len) {
		event = (void *)(left + at);
		OUT("O_TMPFILE: %#x, %s", event->mask, event->name[0] == '#' ? "a number" : event->name);
	}
	end_folder();
}
CASE(both_are_watched)
{
	int fd = instance();
	begin_folder();
	make("file");
	OK(inotify_add_watch(fd, ".", IN_ALL_EVENTS));
	OK(inotify_add_watch(fd, "file", IN_ALL_EVENTS));
	int file = OK(open("file", O_RDWR));
	EQ(write(file, "x", 1), 1);
	OK(close(file));
	tell_events("write", fd);
	OK(chmod("file", 0600));
	tell_events("chmod", fd);
	OK(rename("file", "moved"));
	tell_events("rename", fd);
	OK(unlink("moved"));
	tell_events("unlink", fd);
	end_folder();
}
CASE(two_directories)
{
	int fd = instance();
	begin_folder();
	OK(mkdir("a", 0755));
	OK(mkdir("b", 0755));
	OK(inotify_add_watch(fd, "a", IN_MOVE));
	OK(inotify_add_watch(fd, "b", IN_MOVE));
	make("a/file"), make("b/other");
	OK(rename("a/file", "b/file"));
	OK(rename("b/file", "a/again"));
	tell_events("moves", fd);
	OK(syscall(SYS_renameat2, AT_FDCWD, "a/again", AT_FDCWD, "b/other", 2));
	tell_events("exchange", fd);
	OK(mkdir("a/folder", 0755));
	OK(rename("a/folder", "b/folder"));
	tell_events("folder", fd);
	end_folder();
}
CASE(replaced_targets)
{
	int fd = instance();
	begin_folder();
	make("old"), make("new");
	OK(mkdir("empty", 0755));
	OK(mkdir("other", 0755));
	OK(inotify_add_watch(fd, "old", IN_ALL_EVENTS));
	OK(inotify_add_watch(fd, "new", IN_ALL_EVENTS));
	OK(inotify_add_watch(fd, "empty", IN_ALL_EVENTS));
	OK(inotify_add_watch(fd, "other", IN_ALL_EVENTS));
	OK(rename("old", "new"));
	tell_events("file", fd);
	OK(rename("other", "empty"));
	tell_events("directory", fd);
	end_folder();
}
CASE(removed_directories)
{
	int fd = instance();
	begin_folder();
	OK(mkdir("folder", 0755));
	OK(inotify_add_watch(fd, ".", IN_ALL_EVENTS));
	OK(inotify_add_watch(fd, "folder", IN_ALL_EVENTS));
	OK(rmdir("folder"));
	tell_events("rmdir", fd);
	OK(mkdir("folder", 0755));
	OUT("anew %d", inotify_add_watch(fd, "folder", IN_ALL_EVENTS));
	int open_folder = OK(open("folder", O_RDONLY));
	OK(rmdir("folder"));
	tell_events("rmdir while open", fd);
	OK(close(open_folder));
	tell_events("close", fd);
	end_folder();
}
CASE(files_that_are_open_when_removed)
{
	int fd = instance();
	begin_folder();
	make("file");
	OK(inotify_add_watch(fd, "file", IN_ALL_EVENTS));
	int file = OK(open("file", O_RDWR)), copy = OK(dup(file));
	OK(unlink("file"));
	tell_events("unlink", fd);
	EQ(write(file, "x", 1), 1);
	OK(close(file));
	tell_events("first close", fd);
	OK(close(copy));
	tell_events("second close", fd);
	ERR(inotify_rm_watch(fd, 1), EINVAL);
	end_folder();
}
CASE(another_name_is_left)
{
	int fd = instance();
	begin_folder();
	make("file");
	OK(link("file", "link"));
	OK(inotify_add_watch(fd, "file", IN_ALL_EVENTS));
	OK(unlink("file"));
	tell_events("first", fd);
	OK(unlink("link"));
	tell_events("second", fd);
	end_folder();
}
CASE(masks)
{
	int fd = instance();
	begin_folder();
	make("file");
	OK(inotify_add_watch(fd, "file", IN_OPEN));
	OK(close(OK(open("file", O_RDONLY))));
	tell_events("open", fd);
	OK(inotify_add_watch(fd, "file", IN_CLOSE));
	OK(close(OK(open("file", O_RDONLY))));
	tell_events("replaced", fd);
	OK(inotify_add_watch(fd, "file", IN_OPEN | IN_MASK_ADD));
	OK(close(OK(open("file", O_RDONLY))));
	tell_events("added", fd);
	ERR(inotify_add_watch(fd, "file", IN_OPEN | IN_MASK_CREATE), EEXIST);
	make("other");
	OUT("created %d", inotify_add_watch(fd, "other", IN_OPEN | IN_MASK_CREATE));
	OUT("added at first %d", inotify_add_watch(fd, ".", IN_OPEN | IN_MASK_ADD));
	tell_events("nothing", fd);
	end_folder();
}
CASE(one_event_only)
{
	int fd = instance();
	begin_folder();
	make("file");
	OK(inotify_add_watch(fd, "file", IN_OPEN | IN_ONESHOT));
	OK(close(OK(open("file", O_RDONLY))));
	OK(close(OK(open("file", O_RDONLY))));
	tell_events("once", fd);
	ERR(inotify_rm_watch(fd, 1), EINVAL);
	OK(inotify_add_watch(fd, "file", IN_OPEN | IN_ONESHOT));
	OK(inotify_add_watch(fd, "file", IN_OPEN));
	OK(close(OK(open("file", O_RDONLY))));
	OK(open("file", O_RDONLY));
	tell_events("no longer once", fd);
	OK(inotify_add_watch(fd, "file", IN_CLOSE | IN_ONESHOT | IN_MASK_ADD));
	OK(open("file", O_RDONLY));
	tell_events("once by addition", fd);
	end_folder();
}
CASE(unlinked_files_excluded)
{
	int fd = instance(), with = instance();
	begin_folder();
	OK(inotify_add_watch(fd, ".", IN_ALL_EVENTS | IN_EXCL_UNLINK));
	OK(inotify_add_watch(with, ".", IN_ALL_EVENTS));
	make("file");
	int file = OK(open("file", O_RDWR));
	OK(unlink("file"));
	EQ(write(file, "x", 1), 1);
	OK(fchmod(file, 0600));
	OK(close(file));
	tell_events("excluded", fd);
	tell_events("not excluded", with);
	end_folder();
}
CASE(links_are_followed_or_not)
{
	int fd = instance();
	begin_folder();
	make("file");
	OK(symlink("file", "link"));
	OK(inotify_add_watch(fd, "link", IN_ALL_EVENTS));
	OK(inotify_add_watch(fd, "link", IN_ALL_EVENTS | IN_DONT_FOLLOW));
	OK(close(OK(open("link", O_RDONLY))));
	tell_events("open", fd);
	OK(lchown("link", getuid(), getgid()));
	tell_events("lchown", fd);
	char text[10];
	OK(readlink("link", text, sizeof text));
	tell_events("readlink", fd);
	OK(unlink("link"));
	tell_events("unlink", fd);
	end_folder();
}
CASE(equal_events_join)
{
	int fd = instance(), size = 0;
	begin_folder();
	make("a"), make("b");
	OK(inotify_add_watch(fd, ".", IN_OPEN | IN_MODIFY));
	for (int i = 0; i < 5; i++)
		open("a", O_RDONLY);
	tell_events("same", fd);
	open("a", O_RDONLY), open("b", O_RDONLY), open("a", O_RDONLY);
	tell_events("alternating", fd);
	open("a", O_RDONLY), open("a", O_RDONLY);
	OK(ioctl(fd, FIONREAD, &size));
	OUT("size %d", size);
	tell_events("one", fd);
	OK(ioctl(fd, FIONREAD, &size));
	EQ(size, 0);
	ERR(ioctl(fd, FIONREAD, (int *)8), EFAULT);
	ERR(ioctl(fd, 0x5401, &size), ENOTTY);
	end_folder();
}
CASE(lengths_of_names)
{
	int fd = instance();
	begin_folder();
	OK(inotify_add_watch(fd, ".", IN_CREATE));
	for (int length = 1; length <= 255; length = length < 16 ? length + 3 : length < 40 ? length + 1 : length + 43) {
		char name[300];
		memset(name, 'n', length);
		name[length] = 0;
		OK(mknod(name, S_IFREG | 0600, 0));
		struct {
			struct inotify_event event;
			char text[300];
		} got;
		memset(&got, 0x55, sizeof got);
		ssize_t size = read(fd, &got, sizeof got);
		int zeros = 0;
		for (unsigned i = 0; i < got.event.len; i++)
			zeros += ((char *)&got)[sizeof got.event + i] == 0;
		OUT("%d: %zd, name %u with %d zeros", length, size, got.event.len, zeros);
	}
	end_folder();
}
CASE(small_buffers)
{
	int fd = instance();
	char buffer[200];
	begin_folder();
	OK(inotify_add_watch(fd, ".", IN_CREATE));
	make("file"), make("second");
	for (int size = 0; size < 33; size++) {
		ssize_t got = read(fd, buffer, size);
		if (size % 8 == 0 || got > 0)
			OUT("%d: %zd %s", size, got, got < 0 ? errno_name(errno) : "");
		if (got > 0)
			break;
	}
	EQ(read(fd, buffer, 40), 32);
	ERR(read(fd, buffer, 40), EAGAIN);
	make("third"), make("fourth");
	EQ(read(fd, buffer, 63), 32);
	/* What cannot be handed over is lost. */
	make("fifth");
	ERR(syscall(SYS_read, fd, 8, 32), EFAULT);
	EQ(read(fd, buffer, 200), 32);
	STR_EQ(((struct inotify_event *)buffer)->name, "fifth");
	ERR(read(fd, buffer, 0), EAGAIN);
	/* Each part of a vector takes whole events. */
	struct iovec vector[2] = {{buffer, 20}, {buffer + 20, 180}};
	make("sixth"), make("seventh");
	ERR(readv(fd, vector, 2), EINVAL);
	vector[0].iov_len = 40;
	long got = readv(fd, vector, 2);
	OUT("vector %ld", got);
	tell_events("left", fd);
	end_folder();
}
CASE(readiness)
{
	int fd = instance();
	begin_folder();
	struct pollfd entry = {fd, POLLIN | POLLOUT | POLLRDNORM | POLLPRI, 0};
	EQ(poll(&entry, 1, 0), 0);
	OK(inotify_add_watch(fd, ".", IN_CREATE));
	make("file");
	EQ(poll(&entry, 1, 0), 1);
	OUT("events %#x", entry.revents);
	tell_events("one", fd);
	EQ(poll(&entry, 1, 0), 0);
	/* A reader waits. */
	OK(fcntl(fd, F_SETFL, 0));
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(100);
		make("later");
		_exit(0);
	}
	char buffer[100];
	EQ(read(fd, buffer, sizeof buffer), 32);
	EQ(exit_code(child), 0);
	CATCH(SIGALRM, 0);
	alarm_ms(100);
	ERR(read(fd, buffer, sizeof buffer), EINTR);
	end_folder();
}
CASE(a_signal_by_o_async)
{
	int fd = instance();
	begin_folder();
	sigset_t set;
	siginfo_t info;
	struct timespec wait = {0, 100000000};
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	OK(fcntl(fd, F_SETSIG, SIGRTMIN));
	OK(fcntl(fd, F_SETOWN, getpid()));
	OK(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
	OK(inotify_add_watch(fd, ".", IN_CREATE));
	make("file");
	EQ(sigtimedwait(&set, &info, &wait), SIGRTMIN);
	OUT("code %d band %#lx own %d", info.si_code, (long)info.si_band, info.si_fd == fd);
	end_folder();
}
static void set_limit(const char *name, int value)
{
	char path[100], text[20];
	snprintf(path, sizeof path, "/proc/sys/fs/inotify/%s", name);
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		SKIP("the limit cannot be set");
	snprintf(text, sizeof text, "%d", value);
	OK(write(fd, text, strlen(text)));
	OK(close(fd));
}
static int limit(const char *name)
{
	char path[100], text[20];
	snprintf(path, sizeof path, "/proc/sys/fs/inotify/%s", name);
	CHECK(read_file(path, text, sizeof text) > 0);
	return atoi(text);
}
CASE(overflow)
{
	int before = limit("max_queued_events");
	OUT("limit %d", before);
	set_limit("max_queued_events", 3);
	int fd = instance();
	set_limit("max_queued_events", before);
	begin_folder();
	OK(inotify_add_watch(fd, ".", IN_CREATE));
	make("a"), make("b"), make("c"), make("d"), make("e");
	tell_events("five", fd);
	make("f");
	tell_events("after it was read", fd);
	end_folder();
}
CASE(limits)
{
	int instances = limit("max_user_instances"), watches = limit("max_user_watches");
	OUT("instances %d, watches %s", instances, watches >= 8192 ? "enough" : "few");
	if (getuid() != 0)
		SKIP("needs root");
	begin_folder();
	OK(chmod(".", 0777));
	make("a"), make("b"), make("c");
	set_limit("max_user_instances", 2);
	set_limit("max_user_watches", 2);
	pid_t child = OK(fork());
	if (child == 0) {
		OK(setresuid(1234, 1234, 1234));
		int one = OK(inotify_init1(0)), two = OK(inotify_init1(0));
		ERR(inotify_init1(0), EMFILE);
		OK(inotify_add_watch(one, "a", IN_OPEN));
		OK(inotify_add_watch(two, "b", IN_OPEN));
		ERR(inotify_add_watch(two, "c", IN_OPEN), ENOSPC);
		OK(inotify_add_watch(two, "b", IN_CLOSE));
		OK(inotify_rm_watch(two, 1));
		OK(inotify_add_watch(two, "c", IN_OPEN));
		OK(close(two));
		two = OK(inotify_init1(0));
		OK(inotify_add_watch(two, "c", IN_OPEN));
		_exit(0);
	}
	int end = wait_status(child);
	set_limit("max_user_instances", instances);
	set_limit("max_user_watches", watches);
	EQ(end, 0);
	end_folder();
}
CASE(moved_bytes)
{
	int fd = instance();
	begin_folder();
	make("from"), make("to");
	int from = OK(open("from", O_RDONLY)), to = OK(open("to", O_RDWR)), p[2];
	OK(inotify_add_watch(fd, "from", IN_ALL_EVENTS));
	OK(inotify_add_watch(fd, "to", IN_ALL_EVENTS));
	EQ(sendfile(to, from, 0, 4), 4);
	tell_events("sendfile", fd);
	off_t zero = 0;
	EQ(sendfile(to, from, &zero, 2), 2);
	tell_events("sendfile again", fd);
	OK(lseek(from, 0, SEEK_SET));
	ssize_t copied = syscall(SYS_copy_file_range, from, 0, to, 0, 4, 0);
	OUT("copied %zd", copied);
	tell_events("copy_file_range", fd);
	OK(pipe(p));
	OK(lseek(from, 0, SEEK_SET));
	EQ(splice(from, 0, p[1], 0, 4, 0), 4);
	EQ(splice(p[0], 0, to, 0, 4, 0), 4);
	tell_events("splice", fd);
	void *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
	CHECK(map != MAP_FAILED);
	*(volatile char *)map = 'x';
	OK(msync(map, 4096, MS_SYNC));
	OK(munmap(map, 4096));
	tell_events("mmap", fd);
	end_folder();
}
CASE(fifos_and_programs)
{
	int fd = instance();
	begin_folder();
	OK(mkfifo("fifo", 0600));
	OK(inotify_add_watch(fd, "fifo", IN_ALL_EVENTS));
	int fifo = OK(open("fifo", O_RDWR));
	char c;
	EQ(write(fifo, "x", 1), 1);
	EQ(read(fifo, &c, 1), 1);
	OK(close(fifo));
	tell_events("fifo", fd);
	int p[2];
	char name[64];
	OK(pipe(p));
	snprintf(name, sizeof name, "/proc/self/fd/%d", p[0]);
	OK(inotify_add_watch(fd, name, IN_ALL_EVENTS));
	EQ(write(p[1], "x", 1), 1);
	EQ(read(p[0], &c, 1), 1);
	OK(close(p[1]));
	OK(close(p[0]));
	tell_events("pipe", fd);
	end_folder();
}
CASE(a_program_is_run)
{
	int fd = instance();
	begin_folder();
	make("script");
	OK(chmod("script", 0755));
	OK(inotify_add_watch(fd, "script", IN_ALL_EVENTS));
	pid_t child = OK(fork());
	if (child == 0) {
		execl("./script", "./script", (char *)0);
		_exit(errno == ENOEXEC ? 8 : 1);
	}
	EQ(exit_code(child), 8);
	tell_events("no program", fd);
	end_folder();
}
CASE(a_file_system_is_unmounted)
{
	if (getuid() != 0)
		SKIP("needs root");
	int fd = instance();
	begin_folder();
	OK(mkdir("mnt", 0755));
	if (mount("none", "mnt", "tmpfs", 0, 0) != 0)
		SKIP("nothing can be mounted");
	make("mnt/file");
	OK(inotify_add_watch(fd, "mnt/file", IN_ALL_EVENTS));
	OK(inotify_add_watch(fd, "mnt", IN_OPEN));
	OK(umount("mnt"));
	for (int i = 0; i < 50; i++) {
		int size = 0;
		OK(ioctl(fd, FIONREAD, &size));
		if (size >= 64)
			break;
		sleep_ms(20);
	}
	tell_events("unmounted", fd);
	end_folder();
}
CASE(instances_end)
{
	begin_folder();
	make("file");
	for (int i = 0; i < 300; i++) {
		int fd = instance();
		OK(inotify_add_watch(fd, "file", IN_ALL_EVENTS));
		OK(close(OK(open("file", O_RDONLY))));
		OK(close(fd));
	}
	/* One that is shared ends with its last descriptor. */
	int fd = instance(), copy = OK(dup(fd));
	OK(inotify_add_watch(fd, "file", IN_OPEN));
	OK(close(fd));
	OK(open("file", O_RDONLY));
	tell_events("copy", copy);
	IN_CHILD(OK(inotify_add_watch(copy, ".", IN_CREATE)));
	make("new");
	tell_events("by a child", copy);
	end_folder();
}
CASE(information)
{
	int fd = instance();
	begin_folder();
	make("file");
	OK(inotify_add_watch(fd, "file", IN_OPEN | IN_EXCL_UNLINK));
	OK(inotify_add_watch(fd, ".", IN_ALL_EVENTS | IN_ONESHOT | IN_ONLYDIR));
	char name[64], text[2048], *line = text;
	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
	CHECK(read_file(name, text, sizeof text) > 0);
	struct stat status[2];
	OK(stat("file", &status[0]));
	OK(stat(".", &status[1]));
	int count = 0;
	while ((line = strstr(line, "inotify "))) {
		unsigned watch, mask, ignored, bytes = 0, type = 0;
		unsigned long long inode, device;
		char handle[200] = "";
		int fields = sscanf(line, "inotify wd:%x ino:%llx sdev:%llx mask:%x ignored_mask:%x fhandle-bytes:%x fhandle-type:%x f_handle:%199s",
				    &watch, &inode, &device, &mask, &ignored, &bytes, &type, handle);
		CHECK(fields >= 5);
		OUT("watch %u mask %#x ignored %u, inode %s, device %s", watch, mask, ignored,
		    watch <= 2 && inode == status[watch - 1].st_ino ? "right" : "wrong",
		    (device >> 20) == (status[0].st_dev >> 8 & 0xfff) ? "right" : "wrong");
		NOTE("handle: %d fields, %u bytes, type %u, %zu digits", fields, bytes, type, strlen(handle));
		line++, count++;
	}
	EQ(count, 2);
	end_folder();
}
