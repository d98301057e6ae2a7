/* F_NOTIFY, "File and directory change notification" in fcntl(2). */
#include "events.h"

#define CHOSEN (SIGRTMIN + 3)

static void block(int signal)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
}
static int take(int signal, siginfo_t *info)
{
	struct timespec wait = {0, 50 * 1000 * 1000};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	memset(info, 0, sizeof *info);
	return sigtimedwait(&set, info, &wait) == signal;
}
static void tell(const char *what, int signal, int fd)
{
	siginfo_t info;
	int count = 0;
	while (count < 30 && take(signal, &info)) {
		if (count++ > 0)
			continue;
		if (info.si_code == SI_KERNEL)
			OUT("%s: signal of the kernel", what);
		else
			OUT("%s: code %d band %#lx descriptor %s", what, info.si_code, (long)info.si_band,
			    info.si_fd == fd ? "own" : "other");
	}
	OUT("%s: %d", what, count);
}
static int folder_open(void)
{
	begin_folder();
	int fd = OK(open(".", O_RDONLY | O_DIRECTORY));
	block(CHOSEN);
	OK(fcntl(fd, F_SETSIG, CHOSEN));
	return fd;
}

/* Does everything once, and says what each act brought about. */
static void acts(int fd)
{
	char buffer[4096];
#define ACT(...)                                                                                                       \
	do {                                                                                                           \
		__VA_ARGS__;                                                                                           \
		tell(#__VA_ARGS__, CHOSEN, fd);                                                                        \
	} while (0)
	ACT(OK(mknod("file", S_IFREG | 0600, 0)));
	int file = -1;
	ACT(file = OK(open("file", O_RDWR)));
	ACT(EQ(write(file, "text", 4), 4));
	ACT(EQ(pread(file, buffer, 4, 0), 4));
	ACT(OK(ftruncate(file, 1)));
	ACT(OK(fchmod(file, 0640)));
	ACT(OK(fchown(file, getuid(), getgid())));
	ACT(OK(utimensat(AT_FDCWD, "file", 0, 0)));
	ACT(OK(close(file)));
	ACT(OK(link("file", "link")));
	ACT(OK(symlink("file", "symlink")));
	ACT(OK(mkdir("folder", 0755)));
	ACT(OK(mknod("folder/inside", S_IFREG | 0600, 0)));
	ACT(OK(rename("file", "new")));
	ACT(OK(rename("new", "folder/new")));
	ACT(OK(rename("folder/new", "back")));
	ACT(OK(unlink("back")));
	ACT(OK(unlink("folder/inside")));
	ACT(OK(rmdir("folder")));
	ACT(OK(chmod(".", 0700)));
	int own = -1;
	ACT(own = OK(open(".", O_RDONLY)));
	ACT(CHECK(syscall(SYS_getdents64, own, buffer, sizeof buffer) > 0));
	ACT(OK(close(own)));
	ACT(OK(unlink("link")));
	ACT(OK(unlink("symlink")));
}
static void each(unsigned events)
{
	int fd = folder_open();
	OK(fcntl(fd, F_NOTIFY, events | DN_MULTISHOT));
	acts(fd);
	end_folder();
}
CASE(access)
{
	each(DN_ACCESS);
}
CASE(modify)
{
	each(DN_MODIFY);
}
CASE(create)
{
	each(DN_CREATE);
}
CASE(delete)
{
	each(DN_DELETE);
}
CASE(rename_within)
{
	each(DN_RENAME);
}
CASE(attributes)
{
	each(DN_ATTRIB);
}
CASE(everything)
{
	each(DN_ACCESS | DN_MODIFY | DN_CREATE | DN_DELETE | DN_RENAME | DN_ATTRIB);
}
CASE(once)
{
	int fd = folder_open();
	OK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_DELETE));
	OK(mknod("a", S_IFREG, 0));
	tell("first", CHOSEN, fd);
	OK(unlink("a"));
	tell("second", CHOSEN, fd);
	OK(fcntl(fd, F_NOTIFY, DN_CREATE));
	OK(mknod("a", S_IFREG, 0));
	OK(mknod("b", S_IFREG, 0));
	tell("again", CHOSEN, fd);
	end_folder();
}
CASE(requests_add_up)
{
	int fd = folder_open();
	OK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
	OK(fcntl(fd, F_NOTIFY, DN_DELETE));
	OK(mknod("a", S_IFREG, 0));
	OK(unlink("a"));
	OK(mknod("a", S_IFREG, 0));
	tell("both", CHOSEN, fd);
	/* Nothing, with or without DN_MULTISHOT, takes the request back. */
	OK(fcntl(fd, F_NOTIFY, DN_MULTISHOT));
	OK(unlink("a"));
	tell("none", CHOSEN, fd);
	OK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
	OK(fcntl(fd, F_NOTIFY, 0));
	OK(mknod("a", S_IFREG, 0));
	tell("none again", CHOSEN, fd);
	end_folder();
}
CASE(plain_sigio)
{
	int fd = folder_open();
	block(SIGIO);
	OK(fcntl(fd, F_SETSIG, 0));
	OK(fcntl(fd, F_NOTIFY, DN_CREATE));
	EQ(fcntl(fd, F_GETOWN), getpid());
	OK(mknod("a", S_IFREG, 0));
	tell("made", SIGIO, fd);
	end_folder();
}
CASE(owners_that_were_named_stay)
{
	/* Made before the signal is blocked. */
	pid_t child = sleeping_child();
	int fd = folder_open();
	OK(fcntl(fd, F_SETOWN, child));
	OK(fcntl(fd, F_NOTIFY, DN_CREATE));
	EQ(fcntl(fd, F_GETOWN), child);
	OK(mknod("a", S_IFREG, 0));
	EQ(death_signal(child), CHOSEN);
	end_folder();
}
CASE(refusals)
{
	int fd = folder_open();
	make("file");
	int file = OK(open("file", O_RDONLY)), path = OK(open(".", O_PATH)), p[2];
	OK(pipe(p));
	ERR(fcntl(file, F_NOTIFY, DN_CREATE), ENOTDIR);
	ERR(fcntl(p[0], F_NOTIFY, DN_CREATE), ENOTDIR);
	ERR(fcntl(path, F_NOTIFY, DN_CREATE), EBADF);
	ERR(fcntl(-1, F_NOTIFY, DN_CREATE), EBADF);
	OK(fcntl(file, F_NOTIFY, 0));
	OK(fcntl(file, F_NOTIFY, DN_MULTISHOT));
	OUT("unknown events: %d", fcntl(fd, F_NOTIFY, 0x40));
	OK(mknod("a", S_IFREG, 0));
	tell("unknown events", CHOSEN, fd);
	end_folder();
}
CASE(turned_off)
{
	int control = open("/proc/sys/fs/dir-notify-enable", O_WRONLY), fd = folder_open();
	if (control < 0)
		SKIP("cannot be turned off");
	OK(write(control, "0", 1));
	int value = fcntl(fd, F_NOTIFY, DN_CREATE), error = errno;
	OK(pwrite(control, "1", 1, 0));
	OUT("%d %s", value, errno_name(value ? error : 0));
	end_folder();
}
CASE(closing_ends_it)
{
	int fd = folder_open(), copy = OK(dup(fd));
	OK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
	OK(mknod("a", S_IFREG, 0));
	tell("open", CHOSEN, fd);
	/* Any descriptor of the process: the request is of the file and the process. */
	OK(close(copy));
	OK(mknod("b", S_IFREG, 0));
	tell("a copy closed", CHOSEN, fd);
	OK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
	IN_CHILD(OK(close(fd)));
	OK(mknod("c", S_IFREG, 0));
	tell("closed by a child", CHOSEN, fd);
	IN_CHILD({
		OK(fcntl(fd, F_NOTIFY, DN_DELETE | DN_MULTISHOT));
		OK(unlink("c"));
	});
	tell("by the request of a child", CHOSEN, fd);
	OK(unlink("b"));
	tell("the child is gone", CHOSEN, fd);
	end_folder();
}
CASE(two_files_of_a_directory)
{
	int fd = folder_open(), other = OK(open(".", O_RDONLY));
	OK(fcntl(other, F_SETSIG, CHOSEN));
	OK(fcntl(fd, F_NOTIFY, DN_CREATE));
	OK(fcntl(other, F_NOTIFY, DN_CREATE));
	OK(mknod("a", S_IFREG, 0));
	siginfo_t info;
	CHECK(take(CHOSEN, &info));
	OUT("first %s", info.si_fd == other ? "the later one" : "the earlier one");
	CHECK(take(CHOSEN, &info));
	CHECK(!take(CHOSEN, &info));
	end_folder();
}
CASE(a_copy_is_named)
{
	int fd = folder_open(), copy = OK(dup(fd));
	OK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
	OK(fcntl(copy, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
	OK(mknod("a", S_IFREG, 0));
	tell("by the copy", CHOSEN, copy);
	end_folder();
}
CASE(the_directory_goes)
{
	int fd = folder_open();
	OK(mkdir("inner", 0755));
	int inner = OK(open("inner", O_RDONLY));
	OK(fcntl(inner, F_SETSIG, CHOSEN));
	OK(fcntl(inner, F_NOTIFY, DN_DELETE | DN_ATTRIB | DN_MULTISHOT));
	OK(rmdir("inner"));
	tell("removed", CHOSEN, inner);
	(void)fd;
	OK(close(inner));
	end_folder();
}
